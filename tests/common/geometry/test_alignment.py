"""Procrustes alignment: reference cases with their degenerate ones, and properties."""
from pathlib import Path

import numpy as np
import pytest

from common.geometry.alignment import align_similarity

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "pose_baseline" / "procrustes.npz"


def test_reference_cases():
    case = np.load(GOLDEN)
    result = align_similarity(case["source"], case["target"])
    unique = case["names"] != "collinear"
    np.testing.assert_allclose(result.aligned[unique], case["aligned"][unique], atol=1e-6, rtol=0)
    # Any turn about the line is as good, and the stored points leave the line by their float32 rounding.
    np.testing.assert_allclose(result.aligned[~unique], case["aligned"][~unique], atol=1e-4, rtol=0)
    np.testing.assert_allclose(result.scale, case["scale"], atol=1e-6, rtol=0)
    np.testing.assert_allclose(result.rotation[unique], case["rotation"][unique], atol=1e-6, rtol=0)
    np.testing.assert_allclose(result.translation[unique], case["translation"][unique], atol=1e-6, rtol=0)
    np.testing.assert_allclose(np.linalg.det(result.rotation), 1.0, atol=1e-9)
    distance = np.linalg.norm(result.aligned - case["target"], axis=-1).mean(-1)
    np.testing.assert_allclose(distance, case["mean_joint_distance"], atol=1e-6, rtol=0)
    target = case["target"].astype(np.float64)
    spread = np.square(target - target.mean(1, keepdims=True)).sum((1, 2))
    error = np.square(result.aligned - target).sum((1, 2)) / spread
    np.testing.assert_allclose(error, case["error"], atol=1e-6, rtol=0)


def quarter_turn():
    return np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


def test_similarity_is_found_again():
    source = np.random.default_rng(3).normal(size=(2, 5, 17, 3))
    target = 2.5 * source @ quarter_turn() + [1.0, 2.0, 3.0]
    result = align_similarity(source, target)
    np.testing.assert_allclose(result.scale, 2.5, rtol=1e-12)
    np.testing.assert_allclose(result.rotation, np.broadcast_to(quarter_turn(), (2, 5, 3, 3)), atol=1e-12)
    np.testing.assert_allclose(result.aligned, target, atol=1e-12)


def test_each_set_of_a_batch_has_one_scale():
    source = np.random.default_rng(6).normal(size=(4, 17, 3))
    assert align_similarity(source, source).scale.shape == (4,)


def test_coinciding_source_points_go_to_the_mean_of_the_target():
    target = np.random.default_rng(5).normal(size=(17, 3))
    result = align_similarity(np.ones((17, 3)), target)
    np.testing.assert_allclose(result.aligned, np.broadcast_to(target.mean(0), (17, 3)), atol=1e-12)


def test_one_set_with_nan_spoils_only_itself():
    source = np.random.default_rng(6).normal(size=(3, 17, 3))
    target = source.copy()
    source[1, 4, 2] = np.nan
    aligned = align_similarity(source, target).aligned
    assert np.isnan(aligned[1]).any()
    np.testing.assert_allclose(aligned[[0, 2]], target[[0, 2]], atol=1e-12)


def test_unequal_shapes_are_refused():
    with pytest.raises(ValueError, match="equal shapes"):
        align_similarity(np.zeros((17, 3)), np.zeros((16, 3)))
