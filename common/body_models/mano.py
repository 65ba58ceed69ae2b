"""MANO: a hand of 778 vertices and 16 joints (Romero et al., SIGGRAPH Asia 2017)."""
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

NUM_FINGER_JOINTS = 15


class HandPose(Float32Cell):
    """Numbers of a hand to axis-angle: principal components to joints, then the mean pose.

    Args:
        model (BodyModel): carries the hand's mean and components.
        suffix (str): ending of their names in the file: "" for MANO, "l" or "r" for SMPL-X.
        num_pca (int): principal components the input consists of; 0 when it is axis-angle itself.
        flat_hand_mean (bool): zero input means a flat hand; else it means the mean, slightly curled hand.

    Inputs:
        - **pose** (Tensor) - (B, 45) axis-angle in radians, or (B, num_pca) coefficients.

    Outputs:
        Tensor - (B, 45) axis-angle in radians, relative to the flat hand.
    """

    def __init__(self, model: BodyModel, suffix: str, num_pca: int, flat_hand_mean: bool):
        super().__init__()
        size = 3 * NUM_FINGER_JOINTS
        components = model.extra("hands_components" + suffix, (size, size))[:num_pca] if num_pca else None
        mean = np.zeros(size) if flat_hand_mean else model.extra("hands_mean" + suffix, (size,))
        self.components = None if components is None else constant(components)
        self.mean = constant(mean)

    def construct(self, pose: Tensor) -> Tensor:
        pose = as_float32(pose)
        if self.components is not None:
            pose = ops.matmul(pose, self.components)
        return pose + self.mean


class MANO(Float32Cell):
    """A MANO hand as a function of pose and shape; any batch size, float32.

    Args:
        model (BodyModel): kind "mano_left" or "mano_right".
        num_betas (int): shape coefficients in use.
        num_pca (int): principal components the hand pose is given in; 0 for axis-angle.
        flat_hand_mean (bool): see `HandPose`.
        finger_tips (bool): append the finger tips from thumb to little finger to the 16 joints.

    Inputs:
        - **root_pose** (Tensor) - (B, 3) axis-angle in radians, or (B, 1, 3, 3).
        - **hand_pose** (Tensor) - (B, 45) axis-angle or (B, num_pca), or (B, 15, 3, 3) matrices, which are taken as
          they are, relative to the flat hand.
        - **beta** (Tensor) - (B, num_betas).
        - **translation** (Tensor) - (B, 3), metres; None for none.

    Outputs:
        - **vertices** (Tensor) - (B, 778, 3), metres.
        - **joints** (Tensor) - (B, 16 or 21, 3), metres.
    """

    def __init__(self, model: BodyModel, num_betas: int = 10, num_pca: int = 0, flat_hand_mean: bool = False,
                 finger_tips: bool = False):
        super().__init__()
        self.skinning = LinearBlendSkinning(model, model.shape_directions(num_betas))
        self.hand = HandPose(model, "", num_pca, flat_hand_mean)
        self.tip_ids = constant(vertex_joint_ids(model.kind), np.int32) if finger_tips else None

    def construct(self, root_pose: Tensor, hand_pose: Tensor, beta: Tensor,
                  translation: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if root_pose.ndim == 2:
            root_pose = axis_angle_to_matrix(as_float32(root_pose).reshape(-1, 1, 3))
        if hand_pose.ndim == 2:
            hand_pose = axis_angle_to_matrix(self.hand(hand_pose).reshape(-1, NUM_FINGER_JOINTS, 3))
        rotmat = ops.concat((as_float32(root_pose), as_float32(hand_pose)), 1)
        vertices, joints, _ = self.skinning(beta, rotmat, translation)
        if self.tip_ids is not None:
            joints = ops.concat((joints, ops.gather(vertices, self.tip_ids, 1)), 1)
        return vertices, joints
