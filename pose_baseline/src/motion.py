"""Lifted poses as motion that other programs read: joints in metres, y up, and a skeleton of bones of one length."""
import numpy as np

from common.formats.motion import Motion, Skeleton
from common.geometry.bones import frame_of, turn_bones
from common.joint_tables import TABLES
from common.joints import SKELETONS

MM_PER_M = 1000.0
# From the axes of `outputs.SPACES` to x right, y up, z backward.
Y_UP = {"camera": np.diag([1.0, -1.0, -1.0]),
        "world": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])}
# Human3.6M's own tree: where several bones begin, each but one has a joint of its own at the same place.
DOUBLES = {"spine_base": "pelvis", "left_collar": "thorax", "right_collar": "thorax"}
BONES = tuple((joint, parent) for joint, parent in TABLES["h36m_32"]
              if joint in SKELETONS["h36m_17"] or joint in DOUBLES)
# Directions at rest, seen from the parent: upright with arms spread, the face towards the viewer.
_UP, _DOWN, _LEFT, _RIGHT = np.array([[0, 1.0, 0], [0, -1.0, 0], [1.0, 0, 0], [-1.0, 0, 0]])
REST = {"spine": _UP, "thorax": _UP, "neck_nose": _UP, "head": _UP, "left_hip": _LEFT, "right_hip": _RIGHT} | {
    f"{side}_{joint}": way for side, out in (("left", _LEFT), ("right", _RIGHT)) for joint, way in (
        ("knee", _DOWN), ("ankle", _DOWN), ("shoulder", out), ("elbow", out), ("wrist", out))}


def motion_of(prediction, name: str, source: str, space: str, fps: float) -> Motion:
    """The motion of a `Prediction`; the pelvis is its origin.

    Args:
        prediction (Prediction): of 17 joints; of 14 there is no skeleton.
        name: stem of the files.
        source: name of the input.
        space: key of `outputs.SPACES`.
        fps: frames per second.
    """
    joints = np.float64(prediction.joints_3d) / MM_PER_M @ Y_UP[space].T
    names, frames = SKELETONS[prediction.skeleton], np.asarray(prediction.frames)
    return Motion(name, source, "pose_baseline", prediction.person, fps, frames, (frames - frames[0]) / fps, names,
                  joints, skeleton=skeleton_of(joints, names) if "pelvis" in names else None)


def skeleton_of(joints, names) -> Skeleton:
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
    return Skeleton(tuple(tree), parents, offsets, rotmat, place["pelvis"])
