"""Errors against the evaluation code of the original release, and by hand."""
import logging

import hmr_golden as golden
import numpy as np
import pytest

from common.errors import UserError
from hmr.src.evaluate import auc_3d, log_summary, measure, pck_2d, pck_3d, summarize

CASE = golden.load("eval")


def test_errors_of_the_original():
    errors = measure(CASE["pred"], CASE["gt"])
    assert np.abs(errors.mpjpe_mm - CASE["mpjpe_mm"]).max() < 1e-2
    assert np.abs(errors.pa_mpjpe_mm - CASE["pa_mpjpe_mm"]).max() < 1e-2
    summary = summarize(errors)
    for name in ("mpjpe", "pa_mpjpe"):
        assert summary[name]["mean"] == pytest.approx(CASE[f"mean_{name}_mm"], abs=1e-2)
        assert summary[name]["median"] == pytest.approx(CASE[f"median_{name}_mm"], abs=1e-2)
    # More joints than are evaluated, and a body that is somewhere else, change nothing.
    moved = np.concatenate([CASE["pred"].astype(np.float64) + 3, np.zeros((8, 5, 3))], 1)
    assert np.abs(measure(moved, CASE["gt"]).mpjpe_mm - errors.mpjpe_mm).max() < 1e-6


def test_shares_by_hand():
    assert pck_3d([0, 149, 150, 151]) == 75
    assert pck_3d([10, 20], 15) == 50
    # Thresholds 0, 5, ..., 150: an error of 75 passes at 75 and above, 16 of 31; a perfect joint always.
    assert auc_3d([75.0]) == pytest.approx(100 * 16 / 31)
    assert auc_3d([0.0]) == 100


def test_pck_2d_by_hand():
    gt = np.zeros((2, 14, 2))
    gt[:, 9] = [0, 10]  # left shoulder; the right hip stays at 0: the torso is 10 long
    pred = gt.copy()
    pred[0, 0], pred[0, 1], pred[0, 4] = [2, 0], [2.1, 0], [50, 0]
    visible = np.ones((2, 14))
    visible[0, 4] = 0
    visible[1, 2] = 0  # no hip: the second person is left out
    assert pck_2d(pred, gt, visible) == pytest.approx(100 * 12 / 13)
    assert np.isnan(pck_2d(pred, gt, np.zeros((2, 14))))


def test_vertices_are_measured_from_the_hips():
    gt = np.random.default_rng(1).standard_normal((2, 14, 3))
    vertices = np.random.default_rng(2).standard_normal((2, 30, 3))
    # The prediction as a whole is a metre off, and 2 mm deeper in its mesh only.
    errors = measure(gt + 1, gt, vertices + 1 + [0, 0, 0.002], vertices)
    assert errors.pve_mm == pytest.approx([2, 2])
    assert errors.mpjpe_mm == pytest.approx([0, 0], abs=1e-9)
    assert summarize(errors)["pve"]["mean"] == pytest.approx(2)


def test_actions_weigh_the_same(caplog):
    errors = measure(CASE["pred"], CASE["gt"])
    actions = ["Walking"] * 6 + ["Sitting"] * 2
    summary = summarize(errors, actions)
    means = errors.mpjpe_mm[:6].mean(), errors.mpjpe_mm[6:].mean()
    assert summary["mpjpe"]["actions"] == pytest.approx({"Walking": means[0], "Sitting": means[1]})
    assert summary["mpjpe"]["action_mean"] == pytest.approx(np.mean(means))
    with caplog.at_level(logging.INFO, "mindhuman"):
        log_summary(summary)
    text = caplog.text
    assert "Sitting" in text and "Mean of actions" in text and "90 percent of the frames" in text
    assert f"PA-MPJPE: {errors.pa_mpjpe_mm.mean():.2f} mm" in text


def test_nothing_to_measure_is_an_error():
    with pytest.raises(UserError, match="no samples"):
        measure(np.zeros((0, 14, 3)), np.zeros((0, 14, 3)))
    with pytest.raises(UserError, match="not finite"):
        measure(np.full((1, 14, 3), np.nan), np.zeros((1, 14, 3)))
