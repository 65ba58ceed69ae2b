"""Errors of predicted meshes as the published evaluations define them; millimetres.

`PA` is after the similarity that fits the prediction best; other errors are after moving a joint onto its true place:
the pelvis, for hands the wrist, for faces the neck, each found by the body model's regressor on the posed mesh.
Sources: mks0601/Hand4Whole_RELEASE `EHF.py`, `Human36M.py`, `PW3D.py`; lmb-freiburg/freihand `eval.py` (F-scores).
"""
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from common.geometry.alignment import align_similarity
from common.joints import SKELETONS
from common.metrics import joint_errors

MM = 1000.0
F_THRESHOLDS_MM = (5, 15)
_H36M = SKELETONS["h36m_17"]
# The joints that Human3.6M's and 3DPW's errors are means over.
H36M_EVALUATED = [_H36M.index(name) for name in _H36M if name not in ("pelvis", "spine", "neck_nose")]
_SMPLX = SKELETONS["smplx_55"]
PELVIS, NECK = _SMPLX.index("pelvis"), _SMPLX.index("neck")
WRISTS = {side: _SMPLX.index(f"{side}_wrist") for side in ("left", "right")}


class SMPLXTables(NamedTuple):
    """What EHF's errors need: regressor (55, V) of SMPL-X; j14 (14, V); hand_joints, dict of side -> (21, V);
    hand_vertices, dict of side -> vertex numbers; face_vertices, vertex numbers."""

    regressor: np.ndarray
    j14: np.ndarray
    hand_joints: dict
    hand_vertices: dict
    face_vertices: np.ndarray


def error_mm(pred, gt):
    """Mean distance of points (N, 3) in metres, in millimetres."""
    return MM * float(joint_errors(pred, gt).mean())


def aligned_error_mm(pred, gt):
    """`error_mm` after the best similarity."""
    return error_mm(align_similarity(pred, gt).aligned, gt)


def ehf_errors(pred, gt, tables):
    """EHF's errors of one person.

    Args:
        pred, gt (array): (V, 3), metres, SMPL-X.
        tables (SMPLXTables): parts and joints.

    Returns:
        dict: name -> millimetres.
    """
    roots = tables.regressor[[PELVIS, NECK, *WRISTS.values()]]
    pelvis, neck, *wrists = roots @ gt - roots @ pred
    ids = [tables.hand_vertices[side] for side in WRISTS]
    face = tables.face_vertices
    hands = tables.hand_joints.values()
    return {
        "pa_mpvpe_all": aligned_error_mm(pred, gt),
        "pa_mpvpe_hand": np.mean([aligned_error_mm(pred[hand], gt[hand]) for hand in ids]),
        "pa_mpvpe_face": aligned_error_mm(pred[face], gt[face]),
        "mpvpe_all": error_mm(pred + pelvis, gt),
        "mpvpe_hand": np.mean([error_mm(pred[hand] + shift, gt[hand]) for hand, shift in zip(ids, wrists)]),
        "mpvpe_face": error_mm(pred[face] + neck, gt[face]),
        "pa_mpjpe_body": aligned_error_mm(tables.j14 @ pred, tables.j14 @ gt),
        "pa_mpjpe_hand": np.mean([aligned_error_mm(rows @ pred, rows @ gt) for rows in hands])}


def joint_errors_h36m(pred, gt):
    """MPJPE and PA-MPJPE of one person: 14 joints relative to the pelvis.

    Args:
        pred, gt (array): (17, 3), metres, in the order of `h36m_17`.
    """
    pred, gt = ((joints - joints[0])[H36M_EVALUATED] for joints in (pred, gt))
    return {"mpjpe": error_mm(pred, gt), "pa_mpjpe": aligned_error_mm(pred, gt)}


def vertex_errors(pred, gt, pelvis):
    """MPVPE and PA-MPVPE of one person.

    Args:
        pred, gt (array): (V, 3), metres.
        pelvis (array): (V,), a joint regressor's row for the pelvis.
    """
    return {"mpvpe": error_mm(pred - pelvis @ pred, gt - pelvis @ gt), "pa_mpvpe": aligned_error_mm(pred, gt)}


def hand_errors(pred, gt, pred_vertices, gt_vertices):
    """FreiHAND's errors of one hand, and its F-scores.

    Args:
        pred, gt (array): (21, 3), metres. pred_vertices, gt_vertices (array): (778, 3), metres.

    Returns:
        dict: PA errors in millimetres; `f_5` and `f_15`, shares of vertices within so many millimetres of the other
        mesh after alignment.
    """
    aligned = align_similarity(pred_vertices, gt_vertices).aligned
    out = {"pa_mpjpe": aligned_error_mm(pred, gt), "pa_mpvpe": error_mm(aligned, gt_vertices)}
    return out | {f"f_{limit}": f_score(aligned, gt_vertices, limit / MM) for limit in F_THRESHOLDS_MM}


def f_score(pred, gt, limit):
    """Harmonic mean of the shares of points of either set that lie within `limit` of the other set.

    Args:
        pred, gt (array): (N, 3) and (M, 3). limit (float): in their unit.
    """
    precision = float((cKDTree(gt).query(pred)[0] < limit).mean())
    recall = float((cKDTree(pred).query(gt)[0] < limit).mean())
    return 2.0 * precision * recall / (precision + recall) if precision + recall else 0.0


_EHF_LINES = (("PA MPVPE (All)", "pa_mpvpe_all"), ("PA MPVPE (Hands)", "pa_mpvpe_hand"),
              ("PA MPVPE (Face)", "pa_mpvpe_face"), None, ("MPVPE (All)", "mpvpe_all"),
              ("MPVPE (Hands)", "mpvpe_hand"), ("MPVPE (Face)", "mpvpe_face"), None,
              ("PA MPJPE (Body)", "pa_mpjpe_body"), ("PA MPJPE (Hands)", "pa_mpjpe_hand"))
_JOINT_LINES = (("MPJPE", "mpjpe"), ("PA MPJPE", "pa_mpjpe"), ("MPVPE", "mpvpe"), ("PA MPVPE", "pa_mpvpe"))
_HAND_LINES = (("PA MPJPE", "pa_mpjpe"), ("PA MPVPE", "pa_mpvpe"), ("F@5mm", "f_5"), ("F@15mm", "f_15"))
LINES = {"EHF": _EHF_LINES, "Human36M": _JOINT_LINES, "PW3D": _JOINT_LINES, "FreiHAND": _HAND_LINES}


def result_lines(testset, figures):
    """The lines in which an evaluation is told; figures that were not measured have none.

    Args:
        testset (str): a key of `LINES`.
        figures (dict): name -> mean over the people.
    """
    lines = []
    for row in LINES[testset]:
        if row is None:
            lines.append("")
        elif row[1] in figures:
            text, name = row
            lines.append(f"{text}: {figures[name]:.3f}" if name.startswith("f_") else f"{text}: {figures[name]:.2f} mm")
    return lines
