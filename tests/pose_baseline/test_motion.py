"""Lifted poses as motion: axes, units, and bones that lie where the joints are."""
import numpy as np
import pytest

from common.joints import SKELETONS
from pose_baseline.src.outputs import BONES, DOUBLES, LiftedTrack, motion_of

NAMES = SKELETONS["h36m_17"]
# Somebody upright who faces us, millimetres, y up: hips beside the pelvis, arms spread.
STANDING = {"pelvis": (0, 0, 0), "right_hip": (-130, 0, 0), "right_knee": (-130, -450, 0),
            "right_ankle": (-130, -900, 0), "left_hip": (130, 0, 0), "left_knee": (130, -450, 0),
            "left_ankle": (130, -900, 0), "spine": (0, 250, 0), "thorax": (0, 500, 0), "neck_nose": (0, 600, 0),
            "head": (0, 700, 0), "left_shoulder": (150, 500, 0), "left_elbow": (450, 500, 0),
            "left_wrist": (700, 500, 0), "right_shoulder": (-150, 500, 0), "right_elbow": (-450, 500, 0),
            "right_wrist": (-700, 500, 0)}


def prediction(y_up, space, skeleton="h36m_17"):
    joints = np.asarray(y_up, np.float64)
    x, y, z = np.moveaxis(joints, -1, 0)
    joints = np.stack([x, -y, -z] if space == "camera" else [x, -z, y], axis=-1)
    count = len(joints)
    return LiftedTrack("anna", np.arange(5, 5 + count), ("",) * count, np.zeros((count, 16, 2)),
                       np.ones((count, 16), bool), joints, skeleton, space, 50.0)


@pytest.mark.parametrize("space", ["camera", "world"])
def test_standing_is_the_rest_pose_whatever_the_axes(space):
    pose = np.array([[STANDING[name] for name in NAMES]] * 2)
    motion = motion_of(prediction(pose, space), "p", "keys.json")
    np.testing.assert_allclose(motion.j3d, pose / 1000, atol=1e-9)
    np.testing.assert_allclose(motion.skeleton.rotmat, np.broadcast_to(np.eye(3), (2, len(BONES), 3, 3)), atol=1e-9)
    np.testing.assert_allclose(motion.time_s, [0, 0.02])
    assert motion.frames.tolist() == [5, 6]


def test_bones_point_where_the_joints_are():
    rng = np.random.default_rng(0)
    pose = np.array([[STANDING[name] for name in NAMES]] * 8) + rng.normal(0, 60, (8, 17, 3))
    pose -= pose[:, :1]
    motion = motion_of(prediction(pose, "camera"), "p", "keys.json")
    places, tree = motion.skeleton.positions(), motion.skeleton.names
    for child, parent in BONES:
        if child in DOUBLES or parent is None or child.endswith("_hip"):
            continue
        above = DOUBLES.get(parent, parent)
        found = places[:, tree.index(child)] - places[:, tree.index(parent)]
        true = motion.j3d[:, NAMES.index(child)] - motion.j3d[:, NAMES.index(above)]
        length = np.linalg.norm(found, axis=1)
        np.testing.assert_allclose(length, np.median(np.linalg.norm(true, axis=1)), atol=1e-9)
        np.testing.assert_allclose(found / length[:, None], true / np.linalg.norm(true, axis=1, keepdims=True),
                                   atol=1e-9)
    # The hips share one bone: their line has the direction of the line between them.
    found = places[:, tree.index("left_hip")] - places[:, tree.index("right_hip")]
    true = motion.j3d[:, NAMES.index("left_hip")] - motion.j3d[:, NAMES.index("right_hip")]
    np.testing.assert_allclose(np.cross(found, true), 0, atol=1e-9)


def test_fourteen_joints_have_no_skeleton():
    pose = np.zeros((1, 14, 3))
    assert motion_of(prediction(pose, "camera", "h36m_14"), "p", "k").skeleton is None
