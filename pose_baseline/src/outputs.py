"""Predicted poses as files: npz and JSON with the same content, units and names inside, and motion for other programs.

Motion has joints in metres, y up, and a skeleton of bones of one length.
"""
import json
import logging
import os
from dataclasses import dataclass

import numpy as np

from common.errors import UserError, counted
from common.files import atomic_write, npz_bytes
from common.formats.motion import BoneHierarchy, Motion
from common.formats.registry import write_motion
from common.geometry.bones import frame_of, turn_bones
from common.joint_tables import TABLES as JOINT_TABLES
from common.joints import SKELETONS
from common.limits import check_choices
from common.metrics import mpjpe
from common.names import safe_names

LOGGER = logging.getLogger("mindhuman")
ANIMATIONS = ("gif", "mp4", "none")
FORMATS = ("json", "npz", "png", "bvh", "trc", "csv")
SPACES = {
    "camera": "relative to the pelvis, camera axes: x right, y down, z forward",
    "world": "relative to the pelvis, world axes: x and y level, z up",
}

MM_PER_M = 1000.0
# From the axes of `SPACES` to x right, y up, z backward.
Y_UP = {"camera": np.diag([1.0, -1.0, -1.0]),
        "world": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])}
# Human3.6M's own tree: where several bones begin, each but one has a joint of its own at the same place.
DOUBLES = {"spine_base": "pelvis", "left_collar": "thorax", "right_collar": "thorax"}
BONES = tuple((joint, parent) for joint, parent in JOINT_TABLES["h36m_32"]
              if joint in SKELETONS["h36m_17"] or joint in DOUBLES)
# Directions at rest, seen from the parent: upright with arms spread, the face towards the viewer.
_UP, _DOWN, _LEFT, _RIGHT = np.array([[0, 1.0, 0], [0, -1.0, 0], [1.0, 0, 0], [-1.0, 0, 0]])
REST = {"spine": _UP, "thorax": _UP, "neck_nose": _UP, "head": _UP, "left_hip": _LEFT, "right_hip": _RIGHT} | {
    f"{side}_{joint}": way for side, out in (("left", _LEFT), ("right", _RIGHT)) for joint, way in (
        ("knee", _DOWN), ("ankle", _DOWN), ("shoulder", out), ("elbow", out), ("wrist", out))}


@dataclass(frozen=True)
class LiftedTrack:
    """One person over T frames.

    joints_2d (T, 16, 2): the input in pixels of the file's own images, order of `h36m_16`; observed (T, 16) bool:
    False where a 2D joint was filled in; joints_3d (T, J, 3), mm, in the order of `skeleton`; frames (T,); frame_names:
    T names; space: axes of joints_3d, a key of `SPACES`; fps: frames per second.
    """
    person: str
    frames: np.ndarray
    frame_names: tuple
    joints_2d: np.ndarray
    observed: np.ndarray
    joints_3d: np.ndarray
    skeleton: str = "h36m_17"
    space: str = "camera"
    fps: float = 25.0

    @property
    def joint_names(self):
        """Names of the joints of `joints_3d`."""
        return SKELETONS[self.skeleton]

    def draw(self, frame=0):
        """One frame: the 2D input and the 3D pose beside it, (H, W, 3) uint8 RGB."""
        from pose_baseline.src.drawing import pose_image  # loads the drawing programs

        return pose_image(self.joints_2d[frame], self.joints_3d[frame], self.space)

    def save(self, folder, formats=("json", "npz", "png"), name="predictions", source="", truth=None, animation="gif"):
        """Write files about this person alone -> the paths, `<name>.<format>`.

        Args:
            folder (str): made when missing.
            formats (list): of `FORMATS`.
            name (str): stem of the files. source (str): name of the input, for the record.
            truth (ndarray): (T, J, 3), mm, drawn beside the prediction; None for none.
            animation (str): of `ANIMATIONS`, drawn with png of sequences.

        Raises:
            UserError: a format that is not known, or bones where there are too few joints.
        """
        written, stem = [], os.path.join(folder, name)
        for ending in (ending for ending in TABLES if ending in formats):
            written.append(f"{stem}.{ending}")
            TABLES[ending](written[-1], [self])
        written += write_motion(folder, motion_of(self, name, source), formats)
        if "png" in formats:
            from pose_baseline.src.drawing import animate, prediction_grid  # loads the drawing programs

            written.append(f"{stem}.png")
            prediction_grid(self.joints_2d, self.joints_3d, truth, written[-1], self.space, self.frame_names)
            if len(self.frames) > 1 and animation != "none":
                written.append(f"{stem}.{animation}")
                animate(self.joints_2d, self.joints_3d, written[-1], self.fps, self.space, truth)
        return written


def write_npz(path, predictions):
    """Write predictions as a table with one row per person and frame.

    Keys: `person`, `frames`, `frame_names`, `joints_2d` (N, 16, 2) px, `observed` (N, 16), `joints_3d` (N, J, 3) mm,
    `joint_names_2d`, `joint_names_3d`, `units`, `space`. `np.load` reads it without pickles.

    Args:
        predictions (list): of LiftedTrack, all of one skeleton and space.
    """
    rows = {name: np.concatenate([np.asarray(getattr(one, name)) for one in predictions])
            for name in ("frames", "frame_names", "joints_2d", "observed", "joints_3d")}
    for name in ("joints_2d", "joints_3d"):
        rows[name] = rows[name].astype(np.float32)
    person = np.concatenate([[one.person] * len(one.frames) for one in predictions])
    arrays = {"person": person, **rows, "joint_names_2d": SKELETONS["h36m_16"],
              "joint_names_3d": SKELETONS[predictions[0].skeleton], "units": "mm",
              "space": SPACES[predictions[0].space]}
    atomic_write(path, npz_bytes(arrays))


def write_json(path, predictions):
    """Write predictions as JSON, people one by one; numbers have a hundredth of a pixel and of a millimetre.

    Args: as `write_npz`.
    """
    people = [{
        "person": one.person,
        "frames": np.asarray(one.frames).tolist(),
        "frame_names": list(one.frame_names),
        "joints_2d": np.round(np.asarray(one.joints_2d, np.float64), 2).tolist(),
        "observed": np.asarray(one.observed, bool).tolist(),
        "joints_3d": np.round(np.asarray(one.joints_3d, np.float64), 2).tolist(),
    } for one in predictions]
    content = {"units": "mm", "space": SPACES[predictions[0].space], "joint_names_2d": SKELETONS["h36m_16"],
               "joint_names_3d": SKELETONS[predictions[0].skeleton], "people": people}
    atomic_write(path, json.dumps(content).encode("utf-8"))


TABLES = {"npz": write_npz, "json": write_json}  # files that may hold several people


def check_outputs(config, statistics):
    """Refuse before any work what cannot be written.

    Raises:
        UserError: an unknown format or animation, or bones of a network that gives too few joints.
    """
    check_choices(config, {"animation": ANIMATIONS, "formats": FORMATS})
    if "bvh" in config.formats and statistics.predict_14:
        raise UserError("--formats bvh: this network gives 14 joints, without pelvis and spine (--predict_14); leave "
                        "bvh out, or take weights for 17 joints")


def write_results(predictions, truth, config):
    """The files of `--formats`; png is one image per person and, of sequences, a video; says what was written."""
    folder, formats = config.output_dir, config.formats
    written = [os.path.join(folder, f"predictions.{ending}") for ending in TABLES if ending in formats]
    for path in written:
        TABLES[path.rpartition(".")[2]](path, predictions)
    for prediction, name in zip(predictions, safe_names(one.person for one in predictions)):
        written += prediction.save(folder, [ending for ending in formats if ending not in TABLES],
                                   f"person_{name}" if len(predictions) > 1 else "predictions",
                                   os.path.basename(os.path.abspath(config.input)), truth, config.animation)
    if truth is not None:
        LOGGER.info("MPJPE: %.2f mm over %d frames", mpjpe(predictions[0].joints_3d, truth), len(truth))
    LOGGER.info("%s lifted, of %s", counted(sum(len(p.frames) for p in predictions), "pose"),
                counted(len(predictions), "person", "people"))
    for path in written:
        LOGGER.info("Wrote %s", path)


def motion_of(prediction: LiftedTrack, name: str, source: str) -> Motion:
    """The motion of a `LiftedTrack`; the pelvis is its origin.

    Args:
        prediction: of 17 joints; of 14 there is no skeleton.
    """
    joints = np.float64(prediction.joints_3d) / MM_PER_M @ Y_UP[prediction.space].T
    names, frames = SKELETONS[prediction.skeleton], np.asarray(prediction.frames)
    return Motion(name, source, "pose_baseline", prediction.person, prediction.fps, frames,
                  (frames - frames[0]) / prediction.fps, names, joints,
                  skeleton=skeleton_of(joints, names) if "pelvis" in names else None)


def skeleton_of(joints, names) -> BoneHierarchy:
    """Bones of one length in the directions of the joints; hips, which are one bone of the pelvis, come near theirs.

    Args:
        joints (array): (T, 17, 3), metres, y up.
        names (sequence): their names.
    """
    tree = [joint for joint, _ in BONES]
    parents = tuple(-1 if parent is None else tree.index(parent) for _, parent in BONES)
    place = {joint: joints[:, names.index(DOUBLES.get(joint, joint))] for joint in tree}
    pelvis = frame_of(place["left_hip"] - place["right_hip"], place["spine"] - place["pelvis"])
    # The first axis of `frame_of` is the neck's direction here: up, then left.
    thorax = frame_of(place["neck_nose"] - place["thorax"], place["left_shoulder"] - place["right_shoulder"])
    whole = {tree.index("pelvis"): pelvis,
             tree.index("thorax"): thorax @ frame_of(_UP, _LEFT).T}
    offsets, rotmat = turn_bones(np.stack([place[joint] for joint in tree], axis=1), parents,
                                 [REST.get(joint, np.zeros(3)) for joint in tree], whole)
    return BoneHierarchy(tuple(tree), parents, offsets, rotmat, place["pelvis"])
