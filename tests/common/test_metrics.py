"""Joint errors with numbers worked out by hand."""
import numpy as np
import pytest

from common import metrics

GT = np.array([[[0, 0, 0], [0, 0, 0]], [[1, 1, 1], [2, 2, 2]]], float)
PRED = GT + [[[3, 4, 0], [0, 0, 1]], [[0, 0, 0], [1, 2, 2]]]


def test_joint_errors_and_their_mean():
    assert metrics.joint_errors(PRED, GT).tolist() == [[5, 1], [0, 3]]
    assert metrics.mpjpe(PRED, GT) == 2.25


def test_alignment_forgives_place_turn_and_size_but_not_mirrors():
    gt = np.random.default_rng(0).normal(size=(4, 17, 3)) * 300
    turned = 0.5 * gt[..., [1, 2, 0]] + 100.0
    assert metrics.aligned_joint_errors(turned, gt).max() == pytest.approx(0.0, abs=1e-9)
    assert metrics.aligned_joint_errors(gt * [-1, 1, 1], gt).mean() > 50


def test_groups_weigh_the_same():
    errors = np.array([[1.0, 3.0], [10.0, 10.0], [2.0, 2.0], [2.0, 2.0]])
    means, mean = metrics.mean_by_group(errors, ["sit", "walk", "sit", "sit"])
    assert means == {"sit": 2.0, "walk": 10.0}
    assert mean == 6.0


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="equal shapes"):
        metrics.mpjpe(np.zeros((2, 17, 3)), np.zeros((1, 17, 3)))
    with pytest.raises(ValueError, match="2 rows of errors, but 1 groups"):
        metrics.mean_by_group(np.zeros((2, 17)), ["sit"])
