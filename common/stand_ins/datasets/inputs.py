"""What users come with: a photo, a video, and its keypoints as OpenPose writes them, of synthetic people.

    photo.jpg                                    two people
    walk.mp4                                     one walks through the image, behind whom another one stands and waves
    keypoints/walk_000000000012_keypoints.json   the true joints in each frame (18 joints)
"""
import dataclasses
import os

import numpy as np
from tqdm import tqdm

from common.body_models.lbs_numpy import pose_body
from common.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from common.stand_ins.body.anatomy import joint_tree
from common.stand_ins.body.prior import joint_rotations
from common.stand_ins.datasets.annotations import item_rng, write_openpose
from common.stand_ins.datasets.image_files import write_image
from common.stand_ins.scenes.body import scene_body
from common.stand_ins.scenes.scene import make_scene, photograph
from common.stand_ins.scenes.stage import Y_FLIP, PinholeCamera, make_stage
from common.visual.video import write_video

DEFAULT_NUM = 60
FPS = 15.0
PHOTO_SIZE, VIDEO_SIZE = (720, 960), (480, 640)
STEPS_PER_SECOND = 1.5
HIDDEN_SCORE = 0.5  # confidence of joints that are covered
SPEED = 0.85  # metres per second
# Degrees of `prior.LIMITS`: at rest, and what a walk adds to the left side, by sine and cosine of the step's phase.
_STANDING = {"hip": {"flex": 4, "abduct": 3}, "knee": {"flex": 8}, "shoulder": {"raise": -72}, "elbow": {"flex": 22}}
_SWING = {"hip": ("flex", 22, 0), "knee": ("flex", 0, 46), "shoulder": ("forward", -20, 0), "ankle": ("flex", 0, -10)}


def add_arguments(group):
    """Options beside --output_dir, --seed and --num (here: frames of the video)."""


def make(args):
    """Write the files; returns a line that says what was written."""
    num = args.num or DEFAULT_NUM
    photo = make_scene(item_rng(args.seed, "inputs", 0), PHOTO_SIZE, 2, fill=(0.75, 0.9), occluder=0.0, facing=1.0)
    write_image(os.path.join(args.output_dir, "photo.jpg"), photo.image)
    frames = _frames(args.seed, num, os.path.join(args.output_dir, "keypoints"))
    write_video(os.path.join(args.output_dir, "walk.mp4"), frames, FPS)
    return f"{args.output_dir}: photo.jpg, walk.mp4 with {num} frames, and its keypoints"


def _frames(seed, num, folder):
    """Yield the frames of the video, (H, W, 3) uint8 RGB, and write the keypoints of each to `folder`."""
    rng = item_rng(seed, "inputs", 1)
    stage, times = make_stage(rng, 2), np.arange(num) / FPS
    focal = np.full(2, 1.94 * VIDEO_SIZE[0])
    view = PinholeCamera(focal, np.array(VIDEO_SIZE[::-1]) / 2, np.eye(3), np.array([0.0, -0.95, -4.8]))
    along = np.column_stack([SPEED * times - 1.45, np.zeros(num), 0.25 - 0.08 * SPEED * times])
    people = [_moving(stage.actors[0], _walk(times), np.radians(-85.0), along),
              _moving(stage.actors[1], _wave(times), np.radians(-15.0), np.tile([0.75, 0.0, 1.3], (num, 1)))]
    for frame, actors in enumerate(tqdm(zip(*people), "frames", num, disable=None)):
        scene = photograph(rng, dataclasses.replace(stage, actors=actors), view, VIDEO_SIZE, develop=_grain)
        write_openpose(os.path.join(folder, f"walk_{frame:012d}_keypoints.json"), scene, hidden=HIDDEN_SCORE)
        yield scene.image


def _moving(actor, pose, turn, path):
    """Yield an actor at each moment: pose (T, 72), the root's turn about the vertical, and where it stands (T, 3)."""
    body = scene_body("smpl")
    pose[:, :3] = matrix_to_axis_angle(axis_angle_to_matrix(np.array([0.0, turn, 0.0])) @ Y_FLIP)
    for row, place in zip(pose, path):
        rotmat = axis_angle_to_matrix(row.reshape(1, -1, 3)).astype(np.float32)
        vertices, skeleton = (array[0] for array in pose_body(body.model, rotmat, actor.beta[None].astype(np.float32)))
        shift = place - skeleton[0] * (1.0, 0.0, 1.0) - (0.0, vertices[:, 1].max(), 0.0)
        yield dataclasses.replace(actor, pose=row, vertices=vertices + shift, skeleton=skeleton + shift,
                                  root_rest=skeleton[0].astype(np.float64))


def _walk(times):
    """Poses (T, 72) of a walk on the spot: legs and arms swing against each other."""
    phase, angles = np.pi * STEPS_PER_SECOND * times, _standing(len(times))
    for side, swing in (("left", np.sin(phase)), ("right", -np.sin(phase))):
        lifted = np.maximum(np.cos(phase) if side == "left" else -np.cos(phase), 0.0)
        for joint, (angle, by_swing, by_lift) in _SWING.items():
            named = angles.setdefault(f"{side}_{joint}", {})
            named[angle] = named.get(angle, 0.0) + by_swing * swing + by_lift * lifted
    return _pose(angles, len(times))


def _wave(times):
    """Poses (T, 72) of somebody who raises the left arm and waves."""
    angles = _standing(len(times))
    raised = 0.5 - 0.5 * np.cos(np.pi * np.minimum(times, 1.0))
    angles["left_shoulder"]["raise"] = -72.0 + raised * (115.0 + 15.0 * np.sin(2 * np.pi * times))
    return _pose(angles, len(times))


def _standing(count):
    return {f"{side}_{joint}": {name: np.full(count, float(value)) for name, value in angles.items()}
            for side in ("left", "right") for joint, angles in _STANDING.items()}


def _pose(angles, count):
    """Axis-angle (T, 72) of anatomical angles in degrees; what is not named rests."""
    names = joint_tree("smpl")[0]
    pose = np.zeros((count, len(names), 3))
    unsaid = dict.fromkeys(("twist", "abduct", "flex", "invert", "forward", "raise"), np.zeros(count))
    pose[:, [names.index(joint) for joint in angles]] = joint_rotations(
        {joint: unsaid | named for joint, named in angles.items()}, count)
    return pose.reshape(count, -1)


def _grain(rng, image):
    """The noise of a video camera, whose exposure stays as it is from frame to frame."""
    return np.clip(image + rng.normal(0.0, 2.0, (*image.shape[:2], 1)), 0, 255).astype(np.uint8)
