"""SMPL-X: body, hands and face in one mesh of 10475 vertices and 55 joints (Pavlakos et al., CVPR 2019)."""
from __future__ import annotations

import math
from typing import TYPE_CHECKING

import mindspore as ms
import numpy as np
from mindspore import Tensor, ops

from common.body_models.landmarks import contour_landmarks, face_landmarks, vertex_joint_ids
from common.body_models.lbs import LinearBlendSkinning, constant
from common.body_models.mano import NUM_FINGER_JOINTS, HandPose
from common.geometry.rotation_ops import axis_angle_to_matrix
from common.precision import Float32Cell, as_float32

if TYPE_CHECKING:
    from common.body_models.files import BodyModel

NUM_BODY_JOINTS = 21  # without the root
_NECK = 12
_CONTOUR_LIMIT_DEG = 39


class SMPLX(Float32Cell):
    """The SMPL-X body as a function of pose, shape and expression; any batch size, float32.

    Args:
        model (BodyModel): kind "smplx".
        num_betas (int): shape coefficients in use.
        num_expr (int): expression coefficients in use.
        num_pca (int): principal components the hand poses are given in; 0 for axis-angle.
        flat_hand_mean (bool): zero hand pose means a flat hand; else the mean, slightly curled hand.

    Inputs:
        - **root_pose** (Tensor) - (B, 3).
        - **body_pose** (Tensor) - (B, 63), 21 joints.
        - **lhand_pose**, **rhand_pose** (Tensor) - (B, 45), 15 joints each, or (B, num_pca).
        - **jaw_pose**, **leye_pose**, **reye_pose** (Tensor) - (B, 3).
        - **beta** (Tensor) - (B, num_betas).
        - **expr** (Tensor) - (B, num_expr).
        - **translation** (Tensor) - (B, 3), metres; None for none.

        Poses are axis-angle in radians. Each may instead be given as rotation matrices (B, joints, 3, 3); those of
        the hands are taken as they are, relative to the flat hand.

    Outputs:
        - **vertices** (Tensor) - (B, 10475, 3), metres.
        - **joints** (Tensor) - (B, 144, 3), metres: 55 of the skeleton, the 21 of `landmarks.VERTEX_JOINTS`,
          51 face landmarks, 17 of the outline.
    """

    def __init__(self, model: BodyModel, num_betas: int = 10, num_expr: int = 10, num_pca: int = 0,
                 flat_hand_mean: bool = False):
        super().__init__()
        shapedirs = np.concatenate([model.shape_directions(num_betas), model.expression_directions(num_expr)], -1)
        self.skinning = LinearBlendSkinning(model, shapedirs)
        self.lhand = HandPose(model, "l", num_pca, flat_hand_mean)
        self.rhand = HandPose(model, "r", num_pca, flat_hand_mean)
        self.vertex_ids = constant(vertex_joint_ids(model.kind), np.int32)
        corners, weights = face_landmarks(model)
        self.face_corners = constant(corners.reshape(-1), np.int32)
        self.face_weights = constant(weights[..., None])
        corners, weights = contour_landmarks(model)
        self.contour_corners = constant(corners.reshape(len(corners), -1), np.int32)
        self.contour_weights = constant(weights[..., None])

    def construct(self, root_pose: Tensor, body_pose: Tensor, lhand_pose: Tensor, rhand_pose: Tensor, jaw_pose: Tensor,
                  leye_pose: Tensor, reye_pose: Tensor, beta: Tensor, expr: Tensor,
                  translation: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if lhand_pose.ndim == 2:
            lhand_pose = self.lhand(lhand_pose)
        if rhand_pose.ndim == 2:
            rhand_pose = self.rhand(rhand_pose)
        rotmat = ops.concat((_matrices(root_pose, 1), _matrices(body_pose, NUM_BODY_JOINTS), _matrices(jaw_pose, 1),
                             _matrices(leye_pose, 1), _matrices(reye_pose, 1),
                             _matrices(lhand_pose, NUM_FINGER_JOINTS), _matrices(rhand_pose, NUM_FINGER_JOINTS)), 1)
        shape = ops.concat((as_float32(beta), as_float32(expr)), 1)
        vertices, joints, world = self.skinning(shape, rotmat, translation)

        corners = ops.gather(vertices, self.face_corners, 1).reshape(-1, 51, 3, 3)
        face = (corners * self.face_weights).sum(2)
        row = contour_row(world[_NECK, :, :3, :3])
        corners = ops.gather(vertices, ops.gather(self.contour_corners, row, 0), 1, 1).reshape(-1, 17, 3, 3)
        outline = (corners * ops.gather(self.contour_weights, row, 0)).sum(2)
        return vertices, ops.concat((joints, ops.gather(vertices, self.vertex_ids, 1), face, outline), 1)


def contour_row(neck_rotation: Tensor) -> Tensor:
    """The row of the outline's table for a rotation of the neck in space.

    The yaw is rounded to whole degrees and limited to 39 on both sides; no gradient passes.

    Args:
        neck_rotation (Tensor): (B, 3, 3).

    Returns:
        Tensor: (B,) int32, 0..39 for yaws of 0..39 degrees, 40..78 for -1..-39.
    """
    forward = ops.sqrt(neck_rotation[:, 0, 0] ** 2 + neck_rotation[:, 1, 0] ** 2)
    yaw_deg = ops.atan2(neck_rotation[:, 2, 0], forward) * (180.0 / math.pi)
    limit = Tensor(float(_CONTOUR_LIMIT_DEG), ms.float32)
    yaw_deg = ops.round(ops.maximum(ops.minimum(ops.stop_gradient(yaw_deg), limit), -limit))
    return ops.cast(ops.select(yaw_deg < 0, limit - yaw_deg, yaw_deg), ms.int32)


def _matrices(pose: Tensor, num_joints: int) -> Tensor:
    pose = as_float32(pose)
    return axis_angle_to_matrix(pose.reshape(-1, num_joints, 3)) if pose.ndim == 2 else pose
