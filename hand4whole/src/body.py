"""The body models of the settings, a small SMPL-X for training, posed fits, and SMPL-X meshes as SMPL meshes.

The small one has no more vertices than the 137 joints hang on: the same joints for a fraction of the work. Joints need
the skeleton, points on the skin and corners of the faces that landmarks lie in, some 700 of 10475 vertices. The
skeleton's rest places become vertices too, so that no regressor over the whole mesh is left. Nothing is approximated.

SMPL meshes are for vertices on sets whose truth is SMPL. Source: `smplx2smpl_deftrafo_setup.pkl` of the smplx package's
transfer_model: each SMPL vertex as a weighted mean of SMPL-X vertices. The columns of its second half are for normals,
which nobody uses.
"""
import dataclasses
from collections.abc import Mapping

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from common.body_models.files import fix_left_shapedirs, load_body_model, read_file
from common.body_models.landmarks import contour_landmarks, face_landmarks, vertex_joint_ids
from common.body_models.lbs_numpy import contour_rows, pose_body, pose_person
from common.body_models.unpickle import as_sparse
from common.data.readers.smplx_params import JAW, LEFT_HAND, RIGHT_HAND
from common.errors import UserError
from common.geometry.rotation import axis_angle_to_matrix
from hand4whole.src.joint_sets import (
    FACE,
    FROM_SMPLX_144,
    JAW_ROTATION,
    JOINTS,
    LEFT_HAND_ROTATIONS,
    RIGHT_HAND_ROTATIONS,
    ROTATIONS,
    ROTATIONS_FROM_SMPLX,
    hand_regressor,
)
from hand4whole.src.joint_sets import LEFT_HAND as LEFT_HAND_JOINTS
from hand4whole.src.joint_sets import RIGHT_HAND as RIGHT_HAND_JOINTS

NECK_CHAIN = (0, 3, 6, 9, 12)  # root, spine and neck of SMPL-X's skeleton
_SIZE = 10  # shape and expression coefficients that fits have
# Part of a fit -> its numbers in SMPL-X's pose, its rotations and its joints.
_PARTS = {"lhand": (LEFT_HAND, LEFT_HAND_ROTATIONS, LEFT_HAND_JOINTS),
          "rhand": (RIGHT_HAND, RIGHT_HAND_ROTATIONS, RIGHT_HAND_JOINTS), "face": (JAW, JAW_ROTATION, FACE)}
_NEIGHBOURS = 3


def load_body(config):
    """The body that the network poses: SMPL-X, with --parts hand the right MANO hand."""
    if config.parts == "hand":
        return load_body_model("mano_right", config.mano_right_path)
    return load_body_model("smplx", config.smplx_path)


def condense(model):
    """The small body model, and where its points on the skin are.

    Args:
        model (BodyModel): kind "smplx".

    Returns:
        tuple: BodyModel whose faces are those of the landmarks; numbers of the vertices that stand for
        `vertex_joint_ids`, (21,).
    """
    face, contour = face_landmarks(model)[0], contour_landmarks(model)[0]
    skin = vertex_joint_ids(model.kind)
    chosen, places = np.unique(np.concatenate([skin, face.ravel(), contour.ravel()]), return_inverse=True)
    num_joints, num_chosen = len(model.parents), len(chosen)
    regressor = np.zeros((num_joints, num_chosen + num_joints))
    regressor[:, num_chosen:] = np.eye(num_joints)
    faces = places[len(skin):].reshape(-1, 3)
    num_fixed = len(face)
    numbers = num_fixed + np.arange(len(faces) - num_fixed).reshape(contour.shape[:2])
    posedirs = model.posedirs[chosen]
    extras = {**model.extras, "lmk_faces_idx": np.arange(num_fixed), "dynamic_lmk_faces_idx": numbers}
    return dataclasses.replace(
        model, v_template=np.concatenate([model.v_template[chosen], model.J_regressor @ model.v_template]), faces=faces,
        shapedirs=np.concatenate([model.shapedirs[chosen], np.tensordot(model.J_regressor, model.shapedirs, 1)]),
        posedirs=np.concatenate([posedirs, np.zeros((num_joints, *posedirs.shape[1:]))]), J_regressor=regressor,
        weights=np.concatenate([model.weights[chosen], np.eye(num_joints)]), extras=extras), places[:len(skin)]


@dataclasses.dataclass(frozen=True)
class BodyFit:
    """A fitted body, before augmentation.

    Attributes:
        j3d (array): (137, 3) metres, camera axes. joint_valid (array): (137,).
        pose (array): (159,) in the order of `ROTATIONS`. pose_valid (array): (53,).
        shape, expr (array): (10,). expr_valid (bool).
    """

    j3d: np.ndarray
    joint_valid: np.ndarray
    pose: np.ndarray
    pose_valid: np.ndarray
    shape: np.ndarray
    expr: np.ndarray
    expr_valid: bool


class BodyFits:
    """Poses SMPL-X fits.

    Args:
        model (BodyModel): kind "smplx".
    """

    def __init__(self, model):
        self._whole = model.astype(np.float32)
        self._model, self._skin = condense(model)
        self._face, self._contour = face_landmarks(self._model), contour_landmarks(self._model)
        self._directions = _directions(self._model)
        self._mean = {part: model.extra(f"hands_mean{part[0]}", (45,)) for part in ("lhand", "rhand")}

    def root_rest(self, beta, expr):
        """Where the root of a body with `beta` (10,) and `expr` (10,) rests, (3,) metres."""
        root = self._model.J_regressor[0]
        return root @ (self._model.v_template + self._directions @ np.concatenate([beta, expr]))

    def joints(self, pose, beta, expr, translation):
        """The 137 joints of a body: (137, 3), metres.

        Args:
            pose (array): (165,), SMPL-X's order, hands relative to the mean hand. beta, expr (array): (10,).
            translation (array): (3,), metres.
        """
        rotmat = self._rotmat(pose)
        points, skeleton = pose_body(self._model, rotmat, np.concatenate([beta, expr])[None], translation[None],
                                     self._directions)
        neck = np.linalg.multi_dot(rotmat[0, list(NECK_CHAIN)])
        row = contour_rows(neck[None])[0]
        landmarks = [(points[0, corners] * weights[..., None]).sum(1) for corners, weights in
                     (self._face, (table[row] for table in self._contour))]
        return np.concatenate([skeleton[0], points[0, self._skin], *landmarks])[FROM_SMPLX_144]

    def vertices(self, pose, beta, expr, translation):
        """The whole mesh (10475, 3) float32 of a body, metres; for the arguments see `joints`."""
        vertices, _ = pose_body(self._whole, self._rotmat(pose).astype(np.float32), np.concatenate([beta, expr])[None],
                                translation[None], _directions(self._whole))
        return vertices[0]

    def _rotmat(self, pose):
        pose = np.array(pose, np.float64)
        pose[LEFT_HAND] += self._mean["lhand"]
        pose[RIGHT_HAND] += self._mean["rhand"]
        return axis_angle_to_matrix(pose.reshape(1, -1, 3))

    def fit(self, fit, pose=None, translation=None):
        """Everything about a fit that training needs -> BodyFit.

        Args:
            fit (SMPLXFit): as the readers give it; parts that are not valid are taken as unbent, and marked.
            pose (array): (165,) to use instead of the fit's, turned into camera axes; None for the fit's own.
            translation (array): (3,) likewise.
        """
        pose, translation = np.array(fit.pose if pose is None else pose), \
            fit.translation if translation is None else translation
        joint_valid, pose_valid = np.ones(len(JOINTS)), np.ones(len(ROTATIONS))
        for part, (numbers, rotations, joints) in _PARTS.items():
            if not fit.valid[part]:
                pose[numbers], pose_valid[rotations], joint_valid[joints] = 0.0, 0.0, 0.0
        expr = fit.expr if fit.valid["face"] else np.zeros(_SIZE)
        j3d = self.joints(pose, fit.beta, expr, translation)
        return BodyFit(j3d, joint_valid, pose.reshape(-1, 3)[ROTATIONS_FROM_SMPLX].reshape(-1), pose_valid, fit.beta,
                       expr, fit.valid["face"])


def _directions(model):
    """(V, 3, 20): what shape and expression coefficients of fits do."""
    return np.concatenate([model.shape_directions(_SIZE), model.expression_directions(_SIZE)], -1)


class HandFits:
    """Poses MANO fits.

    Args:
        right (BodyModel): kind "mano_right".
        left (BodyModel): kind "mano_left"; None where there are right hands only.
    """

    def __init__(self, right, left=None):
        self._models = {"right": right, "left": None if left is None else fix_left_shapedirs(left, right)}
        # The regressor is the same for both hands in the published files.
        self.regressor = hand_regressor(right)

    def vertices(self, side, pose, beta, translation):
        """The mesh (778, 3) of a hand, metres: side "right" or "left", pose (48,) relative to the mean hand."""
        model, pose = self._models[side], np.array(pose, np.float64)
        pose[3:] += model.extra("hands_mean", (45,))
        return pose_person(model, pose, beta, translation)

    def joints(self, side, pose, beta, translation):
        """The 21 joints (21, 3) of a hand, metres."""
        return self.regressor @ self.vertices(side, pose, beta, translation)


def load_transfer(smplx, smpl, path=""):
    """The matrix from SMPL-X's vertices to SMPL's.

    Args:
        smplx, smpl (BodyModel): the two bodies.
        path (str): the published file; empty for the synthetic bodies, whose surfaces are the same.

    Returns:
        scipy.sparse.csr_matrix | None: (6890, 10475); None without a file for real bodies.

    Raises:
        UserError: no such file, unreadable, or no such matrix.
    """
    if not path:
        return _nearest(smplx, smpl) if smplx.synthetic and smpl.synthetic else None
    content = read_file(path)
    name = next((name for name in ("mtx", "matrix") if isinstance(content, Mapping) and name in content), None)
    if name is None:
        raise UserError(f"{path} holds no matrix (mtx): name smplx2smpl_deftrafo_setup.pkl of the smplx package")
    matrix, wanted = as_sparse(content[name], f"{path}: {name}"), (len(smpl.v_template), len(smplx.v_template))
    if matrix.shape == (wanted[0], 2 * wanted[1]):
        matrix = matrix[:, :wanted[1]]
    if matrix.shape != wanted:
        raise UserError(f"{path}: {name} has the shape {matrix.shape} instead of {wanted}")
    return matrix


def _nearest(smplx, smpl):
    """Weights of the nearest vertices in the rest pose, by inverse distance."""
    points = smplx.v_template + smpl.J_regressor[0] @ smpl.v_template - smplx.J_regressor[0] @ smplx.v_template
    distance, columns = cKDTree(points).query(smpl.v_template, _NEIGHBOURS)
    weights = 1.0 / np.maximum(distance, 1e-6)
    weights /= weights.sum(1, keepdims=True)
    rows = np.repeat(np.arange(len(columns)), _NEIGHBOURS)
    return sparse.csr_matrix((weights.ravel(), (rows, columns.ravel())), (len(columns), len(points)))
