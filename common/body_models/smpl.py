"""SMPL: 6890 vertices, 24 joints (Loper et al., SIGGRAPH Asia 2015)."""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from mindspore import ops

from common.body_models.landmarks import vertex_joint_ids
from common.body_models.lbs import LinearBlendSkinning, constant
from common.geometry.rotation_ops import axis_angle_to_matrix
from common.precision import Float32Cell, as_float32

if TYPE_CHECKING:
    from mindspore import Tensor

    from common.body_models.files import BodyModel


class SMPL(Float32Cell):
    """The SMPL body as a function of pose and shape; any batch size, float32.

    Args:
        model (BodyModel): kind "smpl".
        num_betas (int): shape coefficients in use.
        rotate_base (bool): multiply the root's rotation by diag(1, -1, -1) from the right before posing, a half turn
            about x. pytorch_HMR's weights were trained so; every other model here uses False.
        vertex_joints (bool): append the 21 joints of `landmarks.VERTEX_JOINTS` to the skeleton's 24.

    Inputs:
        - **pose** (Tensor) - (B, 72) axis-angle in radians, or (B, 24, 3, 3) rotation matrices; root first, each
          joint relative to its parent.
        - **beta** (Tensor) - (B, num_betas).
        - **translation** (Tensor) - (B, 3), metres; None for none.

    Outputs:
        - **vertices** (Tensor) - (B, 6890, 3), metres.
        - **joints** (Tensor) - (B, 24 or 45, 3), metres.
    """

    def __init__(self, model: BodyModel, num_betas: int = 10, rotate_base: bool = False, vertex_joints: bool = False):
        super().__init__()
        self.skinning = LinearBlendSkinning(model, model.shape_directions(num_betas))
        self.rotate_base = rotate_base
        self.half_turn = constant(_half_turn_of_root(len(model.parents)))
        self.vertex_ids = constant(vertex_joint_ids(model.kind), np.int32) if vertex_joints else None

    def construct(self, pose: Tensor, beta: Tensor, translation: Tensor | None = None) -> tuple[Tensor, Tensor]:
        rotmat = as_float32(pose)
        if rotmat.ndim == 2:
            rotmat = axis_angle_to_matrix(rotmat.reshape(-1, 24, 3))
        if self.rotate_base:
            rotmat = rotmat * self.half_turn
        vertices, joints, _ = self.skinning(beta, rotmat, translation)
        if self.vertex_ids is not None:
            joints = ops.concat((joints, ops.gather(vertices, self.vertex_ids, 1)), 1)
        return vertices, joints


def _half_turn_of_root(num_joints: int) -> np.ndarray:
    """Factors for the columns of the rotation matrices: 1, -1, -1 for the root, ones elsewhere, (1, J, 1, 3)."""
    factors = np.ones((1, num_joints, 1, 3))
    factors[0, 0, 0, 1:] = -1
    return factors
