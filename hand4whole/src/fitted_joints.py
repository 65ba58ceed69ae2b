"""Joints of fitted bodies and hands, fast enough for a data loader: only what the 137 joints need is posed."""
import dataclasses

import numpy as np

from common.body_models.files import fix_left_shapedirs
from common.body_models.landmarks import contour_landmarks, face_landmarks
from common.body_models.lbs_numpy import contour_rows, pose_body, pose_person
from common.data.readers.smplx_params import JAW, LEFT_HAND, RIGHT_HAND
from common.geometry.rotation import axis_angle_to_matrix
from hand4whole.src.body import condense
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
        """The 137 joints of a body.

        Args:
            pose (array): (165,), SMPL-X's order, hands relative to the mean hand. beta, expr (array): (10,).
            translation (array): (3,), metres.

        Returns:
            numpy.ndarray: (137, 3), metres.
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
        """Everything about a fit that training needs.

        Args:
            fit (SMPLXFit): as the readers give it; parts that are not valid are taken as unbent, and marked.
            pose (array): (165,) to use instead of the fit's, turned into camera axes; None for the fit's own.
            translation (array): (3,) likewise.

        Returns:
            BodyFit
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
