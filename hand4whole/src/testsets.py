"""Test sets: their pictures as network inputs, their truth, and what is measured on them."""
import logging
import os

import numpy as np

from common.body_models.companions import load_regressor, load_vertex_ids
from common.body_models.files import load_body_model
from common.body_models.lbs_numpy import pose_body
from common.data.augment import NO_CHANGE
from common.data.crops import person_box
from common.data.image import AnnotatedImages
from common.data.readers.checks import numbers
from common.data.readers.ehf import read_vertices
from common.data.readers.human36m_images import camera_translation
from common.errors import UserError
from common.geometry.rotation import axis_angle_to_matrix
from common.text_files import read_json
from hand4whole.src.datasets import folder_of
from hand4whole.src.fits import BodyFits, HandFits
from hand4whole.src.joint_sets import body_hand_regressors, hand_regressor
from hand4whole.src.measures import (
    PELVIS,
    SMPLXTables,
    ehf_errors,
    hand_errors,
    joint_errors_h36m,
    vertex_errors,
)
from hand4whole.src.pictures import patch_of
from hand4whole.src.transfer import load_transfer

LOGGER = logging.getLogger("mindhuman")


class Pictures:
    """Pictures of a test set as the network takes them.

    Args:
        records (list[Record]): people or hands.
        size (tuple): width and height of the network's input.

    Attributes:
        records (list[Record]): those with a box inside their picture.
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
        rotmat = axis_angle_to_matrix(record.pose.reshape(1, -1, 3)).astype(np.float32)
        vertices, _ = pose_body(self._model(record.extras["gender"]), rotmat, record.beta[None],
                                record.translation[None])
        return vertices[0]

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
        folder = folder_of(config.dataset_root, "FreiHAND")
        self.xyz, self.verts = (_published_truth(folder, name, count)
                                for name, count in (("xyz", 21), ("verts", 778)))

    def truth(self, record):
        """True joints (21, 3) and vertices (778, 3), metres; None where the truth is not published."""
        if record.pose is not None:
            vertices = self.fits.vertices("right", record.pose, record.beta, record.translation)
            return self.regressor @ vertices, vertices
        # The pictures are numbered as the truth is.
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


MEASURES = {"EHF": EHF, "Human36M": Human36M, "PW3D": PW3D, "FreiHAND": FreiHAND}
