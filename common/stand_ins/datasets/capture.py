"""What the sample data of recordings in a studio share: cameras around a person, joints gathered from several sets."""
import argparse

import numpy as np

from common.data.readers.smplx_params import BODY, JAW, LEFT_HAND, RIGHT_HAND, ROOT
from common.stand_ins.scenes.body import scene_body
from common.stand_ins.scenes.stage import look_at

MIN_SIDE = 32


def image_side(text):
    """Side of square images in pixels, for argparse."""
    if not text.isdigit() or int(text) < MIN_SIDE:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of pixels from {MIN_SIDE}")
    return int(text)


def gather(person, rows):
    """Joints of an actor or person by (point set, joint) pairs: (len(rows), 3) float64 metres, in its axes."""
    sets = scene_body(person.kind).point_sets
    points = np.concatenate([person.skeleton, person.vertices]).astype(np.float64)
    return np.concatenate([sets[name].matrix[[sets[name].names.index(joint)]] @ points for name, joint in rows])


def ring_of_views(rng, count, size, focal_px, distance=(3.4, 4.4)):
    """Calibrated cameras around the world's origin at the heights of hip to raised arm.

    Args:
        rng (numpy.random.Generator): of places, heights and lenses.
        count (int): of cameras.
        size ((int, int)): (H, W) of the images.
        focal_px (float): about the focal length of all.
        distance ((float, float)): from the origin, metres.

    Returns:
        list[View]
    """
    views = []
    for number in range(count):
        azimuth = 2.0 * np.pi * (number + rng.uniform(-0.2, 0.2)) / count
        away = rng.uniform(*distance)
        centre = np.array([away * np.sin(azimuth), -rng.uniform(0.9, 2.0), -away * np.cos(azimuth)])
        target = np.array([0.0, -0.85, 0.0]) + rng.normal(0.0, 0.05, 3)
        principal = np.array([size[1], size[0]]) * (0.5 + rng.uniform(-0.01, 0.01, 2))
        views.append(look_at(centre, target, focal_px * (1.0 + rng.normal(0.0, 0.003, 2)), principal,
                             rng.normal(0.0, 0.01)))
    return views


def project(view, points):
    """Points (..., 3) in camera axes -> pixels (..., 2)."""
    return view.project(points.reshape(-1, 3)).reshape(*points.shape[:-1], 2)


def smplx_params(pose, beta, expression, translation):
    """SMPL-X parameters as NeuralAnnot's files hold them (see `readers.smplx_params`).

    Args:
        pose (array): (165,), hands relative to the flat hand.
        beta, expression (array): (10,). translation (array): (3,), metres.

    Returns:
        dict: of lists and flags.
    """
    extras = scene_body("smplx").model.extras
    parts = {"root_pose": pose[ROOT], "body_pose": pose[BODY], "jaw_pose": pose[JAW],
             "lhand_pose": pose[LEFT_HAND] - extras["hands_meanl"],
             "rhand_pose": pose[RIGHT_HAND] - extras["hands_meanr"],
             "shape": beta, "expr": expression, "trans": translation}
    return {name: np.asarray(part).tolist() for name, part in parts.items()} | {
        "lhand_valid": True, "rhand_valid": True, "face_valid": True}


def mano_params(kind, pose, beta, translation):
    """Parameters of a hand, kind "mano_right" or "mano_left", as the JSON files hold them; pose (48,) relative to the
    flat hand."""
    pose = np.array(pose, np.float64)
    pose[3:] -= scene_body(kind).model.extras["hands_mean"]
    return {"pose": pose.tolist(), "shape": np.asarray(beta).tolist(), "trans": np.asarray(translation).tolist()}
