"""Random changes of samples: their ranges, what each changes, and flips by name."""
from pathlib import Path

import numpy as np
import pytest

from common.data import augment
from common.joints import SKELETONS
from common.stand_ins.body.anatomy import joint_tree

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
SEED = 1
SMPL_JOINTS = joint_tree("smpl")[0]
LSP_14, CMR_24 = SKELETONS["lsp_14"], SKELETONS["graphcmr_24"]


def test_published_ranges():
    """GraphCMR's and SPIN's options; Hand4Whole's `get_aug_config`."""
    assert augment.GRAPHCMR == augment.Augmentation(0.5, 30.0, 0.4, 0.25, 0.4)
    assert augment.HAND4WHOLE == augment.Augmentation(0.5, 30.0, 0.6, 0.25, 0.2)


def test_changes_repeat_and_stay_in_their_range():
    changes = [augment.GRAPHCMR.draw(np.random.default_rng([7, n])) for n in range(4000)]
    again = augment.GRAPHCMR.draw(np.random.default_rng([7, 5]))
    assert again[:3] == changes[5][:3] and (again.colour == changes[5].colour).all()
    turns = np.array([change.rotation_deg for change in changes])
    scales = np.array([change.scale for change in changes])
    colours = np.array([change.colour for change in changes])
    assert abs(np.mean([change.flip for change in changes]) - 0.5) < 0.03
    assert abs((turns != 0).mean() - 0.4) < 0.03 and np.abs(turns).max() == 60.0
    assert 25.0 < turns[turns != 0].std() < 30.0
    assert (scales.min(), scales.max()) == (0.75, 1.25)
    assert colours.min() > 0.6 and colours.max() < 1.4 and colours.std() == pytest.approx(0.8 / 12**0.5, rel=0.03)


def test_a_setting_changes_only_what_it_names():
    plain = augment.Augmentation(flip_prob=0.5, scale=0.2).draw(np.random.default_rng(3))
    more = augment.Augmentation(flip_prob=0.5, scale=0.2, colour=0.3).draw(np.random.default_rng(3))
    assert plain[:3] == more[:3] and (plain.colour == 1).all() and (more.colour != 1).any()
    nothing = augment.Augmentation().draw(np.random.default_rng(3))
    assert nothing[:3] == augment.NO_CHANGE[:3] and (nothing.colour == augment.NO_CHANGE.colour).all()


def test_flips_go_by_name_and_undo_themselves():
    points = np.arange(42.0).reshape(14, 3)
    flipped = augment.flip_points(points, LSP_14, width=100)
    assert flipped[0].tolist() == [100 - points[5, 0], points[5, 1], points[5, 2]]
    assert flipped[12].tolist() == [100 - points[12, 0], points[12, 1], points[12, 2]]
    assert (augment.flip_points(flipped, LSP_14, 100) == points).all()
    assert augment.swapped_order(LSP_14).tolist() == [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13]
    pose = np.random.default_rng(0).standard_normal((2, 72)).astype(np.float32)
    assert (augment.flip_pose(augment.flip_pose(pose, SMPL_JOINTS), SMPL_JOINTS) == pose).all()
    assert augment.flip_pose(pose, SMPL_JOINTS).dtype == np.float32


def test_turned_points_follow_the_image():
    """A point to the right of the root comes above it after a quarter turn; y points down."""
    np.testing.assert_allclose(augment.rotate_points(np.array([[1.0, 0.0, 5.0]]), 90), [[0.0, -1.0, 5.0]], atol=1e-12)


# Published preprocessing.
