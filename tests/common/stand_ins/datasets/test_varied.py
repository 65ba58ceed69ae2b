"""Sample poses of many people: bodies stay bodies whatever is moved."""
import numpy as np

from common.joints import SKELETONS
from common.stand_ins.datasets.varied import FRAMES, varied_poses

NAMES = SKELETONS["h36m_32"]


def _length(poses, first, second):
    return np.linalg.norm(poses[:, NAMES.index(first)] - poses[:, NAMES.index(second)], axis=1)


def test_bones_keep_their_lengths_and_people_differ():
    poses = varied_poses(np.random.default_rng(1), 400)
    assert poses.shape == (400, 32, 3) and poses.dtype == np.float32 and np.isfinite(poses).all()
    for bone in (("left_hip", "left_knee"), ("left_knee", "left_ankle"), ("right_elbow", "right_wrist")):
        lengths = _length(poses, *bone).reshape(-1, FRAMES)
        assert np.ptp(lengths, axis=1).max() < 1.0  # of one person in all of its frames
        assert lengths.min() < 330 and np.ptp(lengths[:, 0]) > 100  # children and tall adults
        assert np.allclose(_length(poses, *bone), _length(poses, *(name.replace("left", "x").replace("right", "left")
                                                                  .replace("x", "right") for name in bone)), atol=1.0)
    assert poses[..., 2].min() > -450  # nobody is deep in the ground


def test_some_lie_and_most_stand():
    poses = varied_poses(np.random.default_rng(2), 2000)
    up = poses[:, NAMES.index("thorax"), 2] - poses[:, NAMES.index("pelvis"), 2]
    upright = up / _length(poses, "thorax", "pelvis")
    assert 0.04 < (upright < 0.3).mean() < 0.2 and (upright > 0.8).mean() > 0.6


def test_repeatable():
    first, again, other = (varied_poses(np.random.default_rng(seed), 7) for seed in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
