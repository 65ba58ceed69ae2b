"""Procrustes alignment: reference cases with their degenerate ones, and properties."""
from pathlib import Path

import numpy as np
import pytest

from common.geometry.alignment import align_similarity

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "pose_baseline" / "procrustes.npz"


def test_reference_cases():
    case = np.load(GOLDEN)
    aligned = align_similarity(case["source"], case["target"])
    unique = case["names"] != "collinear"
    np.testing.assert_allclose(aligned[unique], case["aligned"][unique], atol=1e-6, rtol=0)
    # Any turn about the line is as good, and the stored points leave the line by their float32 rounding.
    np.testing.assert_allclose(aligned[~unique], case["aligned"][~unique], atol=1e-4, rtol=0)
    distance = np.linalg.norm(aligned - case["target"], axis=-1).mean(-1)
    np.testing.assert_allclose(distance, case["mean_joint_distance"], atol=1e-6, rtol=0)
    target = case["target"].astype(np.float64)
    spread = np.square(target - target.mean(1, keepdims=True)).sum((1, 2))
    error = np.square(aligned - target).sum((1, 2)) / spread
    np.testing.assert_allclose(error, case["error"], atol=1e-6, rtol=0)


def quarter_turn():
    return np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


def test_similarity_is_found_again():
    source = np.random.default_rng(3).normal(size=(2, 5, 17, 3))
    target = 2.5 * source @ quarter_turn() + [1.0, 2.0, 3.0]
    aligned = align_similarity(source, target)
    np.testing.assert_allclose(aligned, target, atol=1e-12)


def test_coinciding_source_points_go_to_the_mean_of_the_target():
    target = np.random.default_rng(5).normal(size=(17, 3))
    aligned = align_similarity(np.ones((17, 3)), target)
    np.testing.assert_allclose(aligned, np.broadcast_to(target.mean(0), (17, 3)), atol=1e-12)


def test_one_set_with_nan_spoils_only_itself():
    source = np.random.default_rng(6).normal(size=(3, 17, 3))
    target = source.copy()
    source[1, 4, 2] = np.nan
    aligned = align_similarity(source, target)
    assert np.isnan(aligned[1]).any()
    np.testing.assert_allclose(aligned[[0, 2]], target[[0, 2]], atol=1e-12)


def test_unequal_shapes_are_refused():
    with pytest.raises(ValueError, match="equal shapes"):
        align_similarity(np.zeros((17, 3)), np.zeros((16, 3)))
