"""Errors against the published evaluations, and by hand."""
import json

import hand4whole_golden as reference
import numpy as np
import pytest

from common.geometry.rotation import axis_angle_to_matrix
from hand4whole.src import protocols
from hand4whole.src.joint_sets import body_hand_regressors

NUM = 3


@pytest.fixture(scope="module")
def golden():
    return reference.load("metrics")


@pytest.fixture(scope="module")
def printed():
    return json.loads((reference.FOLDER / "metrics.printed.json").read_text())


def seeded_regressor(name, joints, vertices):
    return reference.seeded.joint_regressor(f"hand4whole/{name}", joints, vertices, reference.SEED).astype(np.float64)


@pytest.fixture(scope="module")
def meshes():
    """Truth and prediction (3, 10475, 3)."""
    gt = reference.model("smplx").v_template + 0.05 * reference.numbers("metrics/gt", (NUM, 10475, 3))
    pred = 1.1 * gt @ turn().T + 0.02 * reference.numbers("metrics/pred", (NUM, 10475, 3))
    pred += reference.numbers("metrics/offset", (NUM, 1, 3))
    return gt.astype(np.float32).astype(np.float64), pred.astype(np.float32).astype(np.float64)


def turn():
    return axis_angle_to_matrix(0.3 * reference.numbers("metrics/rotation", (3,)))


def check(found, golden, start, printed, testset, case):
    for name in found[0]:
        np.testing.assert_allclose([row[name] for row in found], golden[f"{start}/{name}"], atol=1e-3)
    figures = {name: np.mean([row[name] for row in found]) for name in found[0]}
    assert "\n".join(protocols.result_lines(testset, figures)) + "\n" == printed[case]


def test_published_errors_on_ehf(golden, printed, meshes):
    model = reference.model("smplx")
    order = np.argsort(reference.seeded.array("hand4whole/vertex_order", (10475,), reference.SEED), kind="stable")
    tables = protocols.SMPLXTables(model.J_regressor, seeded_regressor("smplx_to_j14", 14, 10475),
                                  body_hand_regressors(model), {"left": order[:778], "right": order[778:1556]},
                                  order[1556:1556 + 5023])
    found = [protocols.ehf_errors(pred, gt, tables) for gt, pred in zip(*meshes)]
    check(found, golden, "ehf", printed, "EHF", "EHF")


def test_published_errors_on_human36m(golden, printed, meshes):
    regressor = seeded_regressor("h36m_smplx", 17, 10475)
    noise = 30 * reference.numbers("metrics/h36m_gt", (NUM, 17, 3)) / 1000
    found = [protocols.joint_errors_h36m(regressor @ pred, regressor @ gt + shift)
             for gt, pred, shift in zip(*meshes, noise)]
    check(found, golden, "h36m", printed, "Human36M", "Human36M")


def test_published_errors_on_3dpw(golden, printed, meshes):
    smplx, smpl = (seeded_regressor(f"h36m_{kind}", 17, size) for kind, size in (("smplx", 10475), ("smpl", 6890)))
    gt = reference.model("smpl").v_template + 0.05 * reference.numbers("metrics/smpl_gt", (NUM, 6890, 3))
    pred = 1.1 * gt @ turn().T + 0.02 * reference.numbers("metrics/smpl_pred", (NUM, 6890, 3))
    found = [protocols.joint_errors_h36m(smplx @ mesh, smpl @ truth) for mesh, truth in zip(meshes[1], gt)]
    check(found, golden, "3dpw_smplx_vs_smpl", printed, "PW3D", "PW3D_smplx_vs_smpl")
    found = [protocols.joint_errors_h36m(smpl @ mesh, smpl @ truth) | protocols.vertex_errors(mesh, truth, smpl[0])
             for mesh, truth in zip(pred, gt)]
    check(found, golden, "3dpw_smpl_vs_smpl", printed, "PW3D", "PW3D_smpl_vs_smpl")


def test_f_score_by_hand():
    gt = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]])
    pred = gt[:2] + (0.0, 0.4, 0.0)
    # Both predicted points are near true ones, half of the true ones near predicted ones: 2 * 1 * 0.5 / 1.5.
    assert protocols.f_score(pred, gt, 0.5) == pytest.approx(2 / 3)
    assert protocols.f_score(pred, gt, 0.3) == 0


def test_hand_errors_disregard_place_turn_and_size():
    rng = np.random.default_rng(0)
    joints, vertices = rng.normal(0, 0.05, (21, 3)), rng.normal(0, 0.05, (778, 3))
    moved = [1.3 * points @ turn().T + 0.2 for points in (joints, vertices)]
    found = protocols.hand_errors(moved[0], joints, moved[1], vertices)
    assert found["pa_mpjpe"] < 1e-6 and found["pa_mpvpe"] < 1e-6 and found["f_5"] == found["f_15"] == 1
    lines = protocols.result_lines("FreiHAND", found)
    assert lines == ["PA MPJPE: 0.00 mm", "PA MPVPE: 0.00 mm", "F@5mm: 1.000", "F@15mm: 1.000"]


def test_evaluated_joints_are_the_usual_fourteen():
    assert protocols.H36M_EVALUATED == [1, 2, 3, 4, 5, 6, 8, 10, 11, 12, 13, 14, 15, 16]
