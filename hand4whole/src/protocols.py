"""The published evaluations: test sets with their images and truth, and the errors of predicted meshes in millimetres.

`PA` is after the similarity that fits the prediction best; other errors are after moving a joint onto its true place:
the pelvis, for hands the wrist, for faces the neck, each found by the body model's regressor on the posed mesh.
Sources: mks0601/Hand4Whole_RELEASE `EHF.py`, `Human36M.py`, `PW3D.py`; lmb-freiburg/freihand `eval.py` (F-scores).
"""
import logging
import os
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from common.body_models.companions import load_regressor, load_vertex_ids
from common.body_models.files import load_body_model
from common.body_models.lbs_numpy import pose_person
from common.data.augment import NO_CHANGE
from common.data.catalogue import FREIHAND
from common.data.crops import person_box
from common.data.image import AnnotatedImages
from common.data.readers.checks import numbers
from common.data.readers.ehf import read_vertices
from common.data.readers.human36m_images import camera_translation
from common.errors import UserError
from common.geometry.alignment import align_similarity
from common.joints import SKELETONS
from common.metrics import joint_errors
from common.text_files import read_json
from hand4whole.src.body import BodyFits, HandFits, load_transfer
from hand4whole.src.dataset import patch_of
from hand4whole.src.joint_sets import body_hand_regressors, hand_regressor

LOGGER = logging.getLogger("mindhuman")
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
    return error_mm(align_similarity(pred, gt), gt)


def ehf_errors(pred, gt, tables):
    """EHF's errors of one person: name -> millimetres.

    Args:
        pred, gt (array): (V, 3), metres, SMPL-X.
        tables (SMPLXTables): parts and joints.
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
    aligned = align_similarity(pred_vertices, gt_vertices)
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


class EvaluationImages:
    """Images of a test set as the network takes them.

    Args:
        records (list[Record]): people or hands.
        size (tuple): width and height of the network's input.

    Attributes:
        records (list[Record]): those with a box inside their image.
        left_out (int): number of the others.
    """

    def __init__(self, records, size):
        self.size, self.records, self.boxes = size, [], []
        for record in records:
            # A detector's box comes as it is to be cut.
            box = record.box if "root_depth" in record.extras else \
                person_box(record.box, record.extras["size"], size[0] / size[1])
            if box is not None:
                self.records.append(record)
                self.boxes.append(box)
        self.left_out = len(records) - len(self.records)
        if not records:
            raise UserError("nobody of the test set has a box that can be used: see the lines above")
        if not self.records:
            raise UserError(f"none of the {len(records)} boxes of the test set lies inside its image")
        self.reader = AnnotatedImages(len({record.image_path for record in self.records}))

    def __len__(self):
        return len(self.records)

    def image(self, index):
        """(3, H, W) float32, RGB, 0..1; None for an image that is left out, see `AnnotatedImages`.

        Raises:
            UserError: an image that is missing, or none that can be used.
        """
        record = self.records[index]
        image = self.reader.read(record.image_path, record.extras["size"])
        return None if image is None else patch_of(image, self.boxes[index], self.size, NO_CHANGE)[0]


class EHF:
    """Meshes in the camera's axes.

    Args:
        config (Config): paths of the files that go with SMPL-X.
        model (BodyModel): kind "smplx".
    """

    def __init__(self, config, model):
        hands = load_vertex_ids(model, "MANO_SMPLX_vertex_ids", config.mano_smplx_vertex_ids_path)
        self.tables = SMPLXTables(
            model.J_regressor, load_regressor(model, "SMPLX_to_J14", config.smplx_to_j14_path),
            body_hand_regressors(model), {side: hands[f"{side}_hand"] for side in ("left", "right")},
            load_vertex_ids(model, "SMPL-X__FLAME_vertex_ids", config.smplx_flame_vertex_ids_path))
        self.root = model.J_regressor[PELVIS]

    def mesh(self, record):
        """The true mesh (10475, 3), metres."""
        return read_vertices(record)

    def errors(self, record, vertices):
        """Errors of a predicted mesh (10475, 3), metres: dict of name -> millimetres."""
        return ehf_errors(vertices, self.mesh(record), self.tables)


class Human36M:
    """Measured joints, and fitted meshes for MPVPE. For the arguments see `EHF`."""

    def __init__(self, config, model):
        self.fits, self.root = BodyFits(model), model.J_regressor[PELVIS]
        self.regressor = _h36m_regressor(config, model, "smplx", config.joint_regressor_h36m_path)

    def mesh(self, record):
        """The fitted mesh (10475, 3), metres; None without a fit."""
        fit = record.extras["fit"]
        if fit is None:
            return None
        place = camera_translation(record, self.fits.root_rest(fit.beta, fit.expr))
        return self.fits.vertices(record.pose, fit.beta, fit.expr, place)

    def errors(self, record, vertices):
        """As `EHF.errors`; errors of vertices only where there is a fit."""
        errors, mesh = joint_errors_h36m(self.regressor @ vertices, record.j3d), self.mesh(record)
        return errors if mesh is None else errors | vertex_errors(vertices, mesh, self.root)


class PW3D:
    """True SMPL bodies of the recorded gender. For the arguments see `EHF`."""

    def __init__(self, config, model):
        self.config, self.models = config, {}
        self.regressor = _h36m_regressor(config, model, "smplx", config.joint_regressor_h36m_path)
        smpl = self._model("neutral")
        self.smpl_regressor = _h36m_regressor(config, smpl, "smpl", config.joint_regressor_h36m_smpl_path)
        self.root, self.transfer = smpl.J_regressor[PELVIS], load_transfer(model, smpl, config.smplx_to_smpl_path)
        if self.transfer is None:
            LOGGER.warning("--smplx_to_smpl_path is empty: no MPVPE on 3DPW, whose truth is SMPL (name "
                           "smplx2smpl_deftrafo_setup.pkl of the smplx package)")

    def _model(self, gender):
        """The body of a gender; the synthetic one is one for all."""
        key = "smpl_path" if gender == "neutral" else f"smpl_{gender}_path"
        if not self.config[key] and self.config.smpl_path:
            raise UserError(f"--{key} is empty: 3DPW has {gender} people, name their SMPL model")
        path = self.config[key]
        if path not in self.models:
            self.models[path] = load_body_model("smpl", path).astype(np.float32)
        return self.models[path]

    def mesh(self, record):
        """The true SMPL mesh (6890, 3), metres."""
        return pose_person(self._model(record.extras["gender"]), record.pose, record.beta, record.translation)

    def errors(self, record, vertices):
        """As `EHF.errors`: the joints of either mesh by its own regressor, vertices as SMPL's."""
        mesh = self.mesh(record)
        errors = joint_errors_h36m(self.regressor @ vertices, self.smpl_regressor @ mesh)
        return errors if self.transfer is None else errors | vertex_errors(self.transfer @ vertices, mesh, self.root)


class FreiHAND:
    """Hands; their truth is the file's fits, or the `evaluation_xyz.json` and `evaluation_verts.json` of the data set.

    Args:
        config (Config): paths.
        model (BodyModel): kind "mano_right".
    """

    def __init__(self, config, model):
        self.fits, self.regressor, self.root = HandFits(model), hand_regressor(model), model.J_regressor[0]
        folder = FREIHAND.folder(config.dataset_root, "dataset_root")
        self.xyz, self.verts = (_published_truth(folder, name, count)
                                for name, count in (("xyz", 21), ("verts", 778)))

    def truth(self, record):
        """True joints (21, 3) and vertices (778, 3), metres; None where the truth is not published."""
        if record.pose is not None:
            vertices = self.fits.vertices("right", record.pose, record.beta, record.translation)
            return self.regressor @ vertices, vertices
        # The images are numbered as the truth is.
        number = int(os.path.splitext(os.path.basename(record.image_path))[0])
        if self.xyz is None or self.verts is None or max(len(self.xyz), len(self.verts)) <= number:
            return None
        return self.xyz[number], self.verts[number]

    def mesh(self, record):
        """The true mesh (778, 3), metres, or None."""
        truth = self.truth(record)
        return None if truth is None else truth[1]

    def errors(self, record, vertices):
        """Errors and F-scores of a predicted hand (778, 3), metres; empty where there is no truth."""
        truth = self.truth(record)
        return {} if truth is None else hand_errors(self.regressor @ vertices, truth[0], vertices, truth[1])

    def prediction(self, vertices):
        """What the server takes of a hand: joints (21, 3) and vertices (778, 3) as lists, metres."""
        return [(self.regressor @ vertices).tolist(), vertices.tolist()]


def _h36m_regressor(config, model, kind, path):
    """The regressor of Human3.6M's joints; the original ships it with the data set."""
    name = f"J_regressor_h36m_{kind}"
    beside = os.path.join(config.dataset_root, "Human36M", f"{name}.npy")
    if not path and not model.synthetic and os.path.isfile(beside):
        path = beside
    return load_regressor(model, name, path)


def _published_truth(folder, name, count):
    """evaluation_<name>.json of FreiHAND, (N, count, 3) metres; None without it."""
    for place in ("", "data", "data/evaluation"):
        path = os.path.join(folder, place, f"evaluation_{name}.json")
        if os.path.isfile(path):
            return numbers(read_json(path), (None, count, 3), path)
    return None


Measure = EHF | Human36M | PW3D | FreiHAND
MEASURES = {"EHF": EHF, "Human36M": Human36M, "PW3D": PW3D, "FreiHAND": FreiHAND}
