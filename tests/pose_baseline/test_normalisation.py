"""Normalisation of poses against the reference case, and its corner cases."""
from pathlib import Path

import numpy as np
import pytest
from golden_files import seeded
from pose_statistics import statistics_of

from common.errors import UserError
from pose_baseline.src.normalisation import ColumnMoments, Statistics, targets_to_mm

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


@pytest.fixture(scope="module")
def poses():
    poses_3d = seeded.array("pose_baseline.poses3d", (200, 96), 1, -900, 900).astype(np.float64)
    poses_2d = seeded.array("pose_baseline.poses2d", (200, 64), 1, 100, 900).astype(np.float64)
    return poses_2d, poses_3d - np.tile(poses_3d[:, :3], 32)  # relative to joint 0


@pytest.mark.parametrize("predict_14", [False, True])
def test_reference_case(poses, predict_14):
    case = np.load(GOLDEN / "pose_baseline" / "normalisation.npz")
    poses_2d, centred = poses
    np.testing.assert_allclose(centred[:16], case["root_centred"], rtol=1e-9)
    statistics = statistics_of(poses_2d, centred, predict_14)
    for dims, key, rows in (("2d", "2d", poses_2d), ("3d", "3d_14" if predict_14 else "3d", centred)):
        np.testing.assert_allclose(getattr(statistics, "mean_" + dims), case["mean_" + key], rtol=1e-9)
        np.testing.assert_allclose(getattr(statistics, "std_" + dims), case["std_" + key], rtol=1e-9)
        assert getattr(statistics, "use_" + dims).tolist() == case["use_" + key].tolist()
        ignored = np.setdiff1d(np.arange(rows.shape[1]), getattr(statistics, "use_" + dims))
        assert ignored.tolist() == case["ignore_" + key].tolist()
        used = getattr(statistics, "use_" + dims)
        normalised = getattr(statistics, "normalise_" + dims)(rows[:16, used])
        np.testing.assert_allclose(normalised, case["normalised_" + key], rtol=1e-9, atol=1e-12)
        restored = getattr(statistics, "restore_" + dims)(normalised.astype(np.float32))
        np.testing.assert_allclose(restored, case["restored_" + key][:, used], atol=1e-4, rtol=0)


def test_moments_do_not_depend_on_the_blocks():
    rows = np.random.default_rng(0).normal(3000.0, 2.0, (1000, 5))
    moments = ColumnMoments(5)
    for start, stop in ((0, 1), (1, 1), (1, 300), (300, 1000)):
        moments.update(rows[start:stop])
    mean, std = moments.result()
    np.testing.assert_allclose(mean, rows.mean(0), rtol=1e-12)
    np.testing.assert_allclose(std, rows.std(0), rtol=1e-9)


def test_columns_that_never_change_are_shifted_only(poses):
    poses_2d = poses[0].copy()
    poses_2d[:, [2, 3]] = [0.1, 500.3]
    statistics = statistics_of(poses_2d, poses[1])
    used = poses_2d[:, statistics.use_2d]
    normalised = statistics.normalise_2d(used)
    assert np.abs(normalised[:, [2, 3]]).max() < 1e-9
    np.testing.assert_allclose(statistics.restore_2d(statistics.normalise_2d(used + 1.0)), used + 1.0, rtol=1e-12)


@pytest.mark.parametrize("predict_14, joints", [(False, 17), (True, 14)])
def test_targets_come_back_in_mm(poses, predict_14, joints):
    statistics = statistics_of(*poses, predict_14)
    mm = targets_to_mm(statistics.normalise_3d(poses[1][:, statistics.use_3d]), statistics)
    assert mm.shape == (200, joints, 3)
    rows = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
    rows = [row for row in rows if not predict_14 or row not in (0, 12, 14)]
    np.testing.assert_allclose(mm, poses[1].reshape(200, 32, 3)[:, rows], atol=1e-9)


def test_statistics_travel_as_arrays(poses):
    statistics = statistics_of(*poses, predict_14=True)
    arrays = statistics.to_arrays()
    assert all(isinstance(array, np.ndarray) for array in arrays.values())
    again = Statistics.from_arrays(arrays)
    assert again.predict_14
    np.testing.assert_array_equal(again.std_3d, statistics.std_3d)
    with pytest.raises(UserError, match="lack mean_3d"):
        Statistics.from_arrays({**arrays, "mean_3d": np.zeros(48)})
