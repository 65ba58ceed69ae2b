"""Training losses: mean absolute differences over every element, those without a truth count as zero.

Source: mks0601/Hand4Whole_RELEASE `loss.py` and `model.py`. Hands are compared in the frames of the boxes that were
predicted, so their targets are moved there. Of the projected joints of hands and face only the arrangement counts:
they are shifted by the mean distance to their targets first.
"""
import numpy as np
from mindspore import nn, ops

from common.body_models.lbs import constant
from common.geometry.rotation_ops import axis_angle_to_matrix
from common.precision import Float32Cell, as_float32
from hand4whole.src.joint_sets import DEPTH_GROUPS, FACE, JOINTS, LEFT_HAND, RIGHT_HAND, WRIST

TERMS = ("smplx_pose", "smplx_shape", "smplx_expr", "joint_cam", "smplx_joint_cam", "lhand_bbox", "rhand_bbox",
         "face_bbox", "joint_proj", "joint_img", "smplx_joint_img")
HAND_TERMS = ("joint_img", "mano_joint_img", "mano_pose", "mano_shape", "joint_proj", "joint_cam", "mano_joint_cam")
# Joints that have heat maps: body and hands, the first of the 137.
NUM_MAPPED = RIGHT_HAND.stop


def difference(found, wanted, valid):
    """|found - wanted| * valid, of the shape of `found`."""
    return ops.abs(found - wanted) * valid


def position_difference(found, wanted, valid, has_depth):
    """As `difference` for positions (B, J, 3); z counts where `has_depth` (B,) is 1."""
    apart = difference(found, wanted, valid)
    return ops.concat((apart[..., :2], apart[..., 2:] * has_depth.reshape(-1, 1, 1)), 2)


def pose_difference(found, wanted, valid, as_matrices):
    """Differences of axis-angles (B, 3 R), or of the entries of their rotation matrices: (B, 3 R), or (B, R, 3, 3).

    Axis-angles near half a turn differ much for almost the same rotation; matrices do not.

    Args:
        valid (Tensor): (B, 3 R), the same for the three numbers of a rotation.
        as_matrices (bool): compare matrices.
    """
    if not as_matrices:
        return difference(found, wanted, valid)
    found = axis_angle_to_matrix(found.reshape(-1, found.shape[1] // 3, 3))
    wanted = axis_angle_to_matrix(wanted.reshape(-1, wanted.shape[1] // 3, 3))
    return difference(found, wanted, valid[:, ::3].reshape(-1, valid.shape[1] // 3, 1, 1))


def aligned(found, wanted, seen):
    """Points (B, J, 2) shifted by their mean distance to `wanted` over the joints with `seen` (B, J, 1) of 1."""
    count = ops.maximum(seen.sum(1, keepdims=True), 1.0)
    return found + ((wanted - found) * seen).sum(1, keepdims=True) / count


def mean_of(values):
    """Mean over all elements, in two steps: a reduction to a scalar runs on one thread on CPU."""
    return values.reshape(values.shape[0], -1).mean(1).mean()


class WholeLoss(Float32Cell):
    """The differences that make the loss of `Hand4Whole`, element by element.

    Args:
        sizes (Sizes): of inputs and maps.
        as_matrices (bool): see `pose_difference`.

    Inputs:
        - **outputs** (tuple) - what `Hand4Whole.estimate` returns.
        - **targets** (Tensors) - `targets.COLUMNS` without the image.

    Outputs:
        Tuple of Tensors by `TERMS`.
    """

    def __init__(self, sizes, as_matrices=False):
        super().__init__()
        self.as_matrices = as_matrices
        origins = np.zeros(len(JOINTS))
        for part, origin, _ in DEPTH_GROUPS:
            origins[part] = origin
        self.origins = constant(origins, np.int32)
        self.body_cells = constant([sizes.body_maps[2] / sizes.body[1], sizes.body_maps[1] / sizes.body[0]])
        self.hand_cells = constant([sizes.hand_maps[2], sizes.hand_maps[1]])
        self.depth_ratio = sizes.hand_maps[0] / sizes.body_maps[0]

    def construct(self, outputs, joint_img, smplx_joint_img, joint_cam, smplx_joint_cam, smplx_pose, smplx_shape,
                  smplx_expr, lhand_bbox_center, lhand_bbox_size, rhand_bbox_center, rhand_bbox_size, face_bbox_center,
                  face_bbox_size, joint_valid, joint_trunc, smplx_joint_valid, smplx_joint_trunc, smplx_pose_valid,
                  smplx_shape_valid, smplx_expr_valid, is_3d, lhand_bbox_valid, rhand_bbox_valid, face_bbox_valid):
        pose, shape, expr, _, _, joints, joint_proj, found_img, center, size, boxes = outputs
        relative = joints - ops.gather(joints, self.origins, 1)
        proj, joint_img, joint_trunc = self._in_hand_maps(joint_proj, joint_img, joint_trunc, boxes)
        _, smplx_joint_img, smplx_joint_trunc = self._in_hand_maps(joint_proj, smplx_joint_img, smplx_joint_trunc,
                                                                   boxes)
        mapped = slice(0, NUM_MAPPED)
        return (
            pose_difference(pose, smplx_pose, smplx_pose_valid, self.as_matrices),
            difference(shape, smplx_shape, smplx_shape_valid.reshape(-1, 1)),
            difference(expr, smplx_expr, smplx_expr_valid.reshape(-1, 1)),
            difference(relative, joint_cam, joint_valid * is_3d.reshape(-1, 1, 1)),
            difference(relative, smplx_joint_cam, smplx_joint_valid),
            _box_difference(center[:, 0], size[:, 0], lhand_bbox_center, lhand_bbox_size, lhand_bbox_valid),
            _box_difference(center[:, 1], size[:, 1], rhand_bbox_center, rhand_bbox_size, rhand_bbox_valid),
            _box_difference(center[:, 2], size[:, 2], face_bbox_center, face_bbox_size, face_bbox_valid),
            difference(self._parts_aligned(proj, joint_img[..., :2], joint_trunc), joint_img[..., :2], joint_trunc),
            position_difference(found_img, joint_img[:, mapped], joint_trunc[:, mapped], is_3d),
            difference(found_img, smplx_joint_img[:, mapped], smplx_joint_trunc[:, mapped]),
        )

    def _in_hand_maps(self, joint_proj, joint_img, trunc, boxes):
        """Projections (B, 137, 2), targets (B, 137, 3) and masks with hands in the cells of their boxes' maps.

        Joints beyond the map do not count.
        """
        projections, targets, masks = (joint_proj[:, :LEFT_HAND.start],), (joint_img[:, :LEFT_HAND.start],), \
            (trunc[:, :LEFT_HAND.start],)
        for number, part in enumerate((LEFT_HAND, RIGHT_HAND)):
            corner = ops.expand_dims(boxes[:, number, :2] * self.body_cells, 1)
            extent = ops.expand_dims((boxes[:, number, 2:] - boxes[:, number, :2]) * self.body_cells, 1)
            places = (joint_img[:, part, :2] - corner) / extent * self.hand_cells
            inside = ops.logical_and(places >= 0.0, places < self.hand_cells).astype(trunc.dtype)
            projections += ((joint_proj[:, part] - corner) / extent * self.hand_cells,)
            targets += (ops.concat((places, joint_img[:, part, 2:] * self.depth_ratio), 2),)
            masks += (trunc[:, part] * inside[..., :1] * inside[..., 1:],)
        projections += (joint_proj[:, FACE],)
        targets += (joint_img[:, FACE],)
        masks += (trunc[:, FACE],)
        return ops.concat(projections, 1), ops.concat(targets, 1), ops.concat(masks, 1)

    def _parts_aligned(self, proj, places, trunc):
        parts = (proj[:, :LEFT_HAND.start],)
        for part in (LEFT_HAND, RIGHT_HAND, FACE):
            parts += (aligned(proj[:, part], places[:, part], trunc[:, part]),)
        return ops.concat(parts, 1)


def _box_difference(center, size, wanted_center, wanted_size, valid):
    valid = valid.reshape(-1, 1)
    return difference(center, wanted_center, valid) + difference(size, wanted_size, valid)


class HandLoss(Float32Cell):
    """The differences that make the loss of `HandOnly`, element by element.

    Args:
        as_matrices (bool): see `pose_difference`.

    Inputs:
        - **outputs** (tuple) - what `HandOnly.estimate` returns.
        - **targets** (Tensors) - `targets.HAND_COLUMNS` without the image.

    Outputs:
        Tuple of Tensors by `HAND_TERMS`.
    """

    def __init__(self, as_matrices=False):
        super().__init__()
        self.as_matrices = as_matrices

    def construct(self, outputs, joint_img, mano_joint_img, joint_cam, mano_joint_cam, mano_pose, mano_shape,
                  joint_valid, joint_trunc, mano_joint_valid, mano_joint_trunc, mano_pose_valid, mano_shape_valid,
                  is_3d):
        pose, shape, _, _, joints, joint_proj, found_img = outputs
        relative = joints - joints[:, WRIST:WRIST + 1]
        return (
            position_difference(found_img, joint_img, joint_trunc, is_3d),
            difference(found_img, mano_joint_img, mano_joint_trunc),
            pose_difference(pose, mano_pose, mano_pose_valid, self.as_matrices),
            difference(shape, mano_shape, mano_shape_valid.reshape(-1, 1)),
            difference(joint_proj, joint_img[..., :2], joint_trunc),
            difference(relative, joint_cam, joint_valid * is_3d.reshape(-1, 1, 1)),
            difference(relative, mano_joint_cam, mano_joint_valid),
        )


class NetworkWithLoss(nn.Cell):
    """Network and loss.

    Args:
        network (Cell): `Hand4Whole` or `HandOnly`.
        differences (Cell): `WholeLoss` or `HandLoss`.
        term_names (tuple): `TERMS` or `HAND_TERMS`.

    Inputs:
        - **img** (Tensor) - (B, 3, H, W), RGB, 0..1.
        - **targets** (Tensors) - the further columns of a sample.

    Outputs:
        Tuple: loss (), and the terms () by `term_names`, of which it is the sum.
    """

    def __init__(self, network, differences, term_names):
        super().__init__(auto_prefix=False)
        self.network, self.differences, self.term_names = network, differences, term_names

    def construct(self, img, *targets):
        inputs = ()
        for target in targets:
            inputs += (as_float32(target),)
        terms, total = (), 0.0
        for values in self.differences(self.network.estimate(img), *inputs):
            terms += (mean_of(values),)
            total = total + terms[-1]
        return total, terms
