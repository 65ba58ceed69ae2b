"""The training loss: vertices, projected and 3D joints of both meshes, and the body's parameters.

Source: nkolot/GraphCMR `train/trainer.py`. A term that only some people of a batch have labels for is the mean over
those; without any it is zero. The original picks them out of the batch, here the others weigh nothing: the graph keeps
fixed shapes.
"""
from mindspore import nn, ops

from common.body_models.lbs import JointRegressor
from common.geometry.projection import weak_perspective_projection
from common.geometry.rotation_ops import axis_angle_to_matrix
from common.precision import Float32Cell, as_float32

TERM_NAMES = ("shape", "shape_smpl", "keypoints", "keypoints_smpl", "keypoints_3d", "keypoints_3d_smpl", "regr_pose",
              "regr_betas")
BETAS_WEIGHT = 0.1  # of the term regr_betas; all others weigh one
HIPS = (2, 3)  # their middle is the origin of 3D joints


def per_item_mean(error):
    """(B, ...) -> (B,). Axis by axis: a reduction of everything at once runs on one thread on CPU."""
    return error.mean(-1).reshape(error.shape[0], -1).mean(-1)


def labelled_mean(values, has):
    """Mean of `values` (B,) over the items with `has` (B,) 1, zero when there are none."""
    return (values * has).sum() / ops.maximum(has.sum(), 1.0)


def keypoint_loss(j2d, gt_j2d):
    """Mean squared difference; joints without confidence count as zeros.

    Args:
        j2d (Tensor): (B, J, 2), the crop spans [-1, 1].
        gt_j2d (Tensor): (B, J, 3), x, y, confidence.
    """
    return per_item_mean(gt_j2d[:, :, 2:] * ops.square(j2d - gt_j2d[:, :, :2])).mean()


def keypoint_3d_loss(j3d, gt_j3d, has_j3d):
    """As `keypoint_loss` for joints (B, J, 3) and (B, J, 4), metres, each set relative to the middle of its hips."""
    error = ops.square(_from_hips(j3d) - _from_hips(gt_j3d[:, :, :3]))
    return labelled_mean(per_item_mean(gt_j3d[:, :, 3:] * error), has_j3d)


def _from_hips(j3d):
    left, right = HIPS
    return j3d - 0.5 * (j3d[:, left:left + 1] + j3d[:, right:right + 1])


class CMRLoss(Float32Cell):
    """All terms of the loss, in float32.

    Args:
        smpl (SMPL): the body model.
        regressor (array): (24, 6890), mesh to training joints.

    Inputs:
        - **outputs** (tuple of Tensors) - what `CMR` gives.
        - **j2d** (Tensor) - (B, 24, 3), x and y with the crop spanning [-1, 1], confidence.
        - **j3d** (Tensor) - (B, 24, 4), metres, confidence.
        - **pose**, **betas** (Tensor) - (B, 72) axis-angle in radians, (B, 10).
        - **has_j3d**, **has_smpl** (Tensor) - (B,), 1 where the labels are there, else 0.

    Outputs:
        Tuple: total (), and the terms by `TERM_NAMES`.
    """

    def __init__(self, smpl, regressor):
        super().__init__()
        self.smpl = smpl
        self.joints = JointRegressor(regressor)

    def construct(self, outputs, j2d, j3d, pose, betas, has_j3d, has_smpl):
        vertices, camera, smpl_vertices, rotmat, pred_betas = outputs
        vertices, camera, rotmat = as_float32(vertices), as_float32(camera), as_float32(rotmat)
        has_j3d, has_smpl = as_float32(has_j3d), as_float32(has_smpl)
        gt_rotmat = axis_angle_to_matrix(pose.reshape(-1, 24, 3))
        gt_vertices = ops.stop_gradient(self.smpl(gt_rotmat, betas)[0])
        joints, smpl_joints = self.joints(vertices), self.joints(smpl_vertices)
        projected = weak_perspective_projection(joints, camera)
        # The camera learns from the free mesh alone.
        smpl_projected = weak_perspective_projection(smpl_joints, ops.stop_gradient(camera))
        terms = (
            labelled_mean(per_item_mean(ops.abs(vertices - gt_vertices)), has_smpl),
            labelled_mean(per_item_mean(ops.abs(smpl_vertices - gt_vertices)), has_smpl),
            keypoint_loss(projected, j2d),
            keypoint_loss(smpl_projected, j2d),
            keypoint_3d_loss(joints, j3d, has_j3d),
            keypoint_3d_loss(smpl_joints, j3d, has_j3d),
            labelled_mean(per_item_mean(ops.square(rotmat - gt_rotmat)), has_smpl),
            labelled_mean(per_item_mean(ops.square(as_float32(pred_betas) - betas)), has_smpl))
        total = BETAS_WEIGHT * terms[-1]
        for term in terms[:-1]:
            total = total + term
        return total, terms


class NetworkWithLoss(nn.Cell):
    """Network and loss, the form that `TrainStep` takes.

    Args:
        loss (CMRLoss): the loss.

    Inputs:
        - **image** (Tensor) - (B, 3, H, W), and the labels as `CMRLoss` takes them.

    Outputs:
        Tuple: total (), and the terms by `term_names`.
    """

    term_names = TERM_NAMES

    def __init__(self, network, loss):
        super().__init__(auto_prefix=False)
        self.network = network
        self.loss = loss

    def construct(self, image, j2d, j3d, pose, betas, has_j3d, has_smpl):
        return self.loss(self.network(image), j2d, j3d, pose, betas, has_j3d, has_smpl)
