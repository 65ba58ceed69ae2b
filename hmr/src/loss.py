"""Losses of generator and discriminator.

Source: Kanazawa et al., CVPR 2018; weights and normalisation of MandyMo/pytorch_HMR. Every mean is over what is there:
visible keypoints, samples with 3D joints, samples with SMPL parameters. A batch without any of them gives zero.
"""
from typing import NamedTuple

import mindspore as ms
from mindspore import ops

from common.geometry.rotation_ops import axis_angle_to_matrix
from common.precision import Float32Cell, as_float32
from hmr.src.network import split_theta

# Keeps the mean over nothing at zero.
_TINY = 1e-8
# The hips among the LSP joints; the point between them is the origin of 3D joints.
RIGHT_HIP, LEFT_HIP = 2, 3


class LossWeights(NamedTuple):
    """Factors of the generator's loss terms; `adversarial` is that of the discriminator's loss too."""

    kp2d: float = 60.0
    kp3d: float = 600.0
    shape: float = 300.0
    pose: float = 1200.0
    adversarial: float = 1.0


def keypoint_loss(pred_j2d, gt_j2d, conf):
    """Mean absolute difference of the coordinates of visible keypoints: Tensor ().

    Args:
        pred_j2d, gt_j2d (Tensor): (B, K, 2), the crop spans [-1, 1].
        conf (Tensor): (B, K, 1), weight of each keypoint.
    """
    difference = ops.abs(pred_j2d - gt_j2d) * conf
    return difference.sum() / (2.0 * conf.sum() + _TINY)


def squared_loss(pred, gt, weight):
    """Half the mean squared difference, over the samples that count: Tensor ().

    Args:
        pred, gt (Tensor): (B, ...).
        weight (Tensor): (B,), 1 for samples that have a truth, else 0.
    """
    squares = ops.square(pred - gt).reshape(weight.shape[0], -1)
    return 0.5 * (squares.mean(1) * weight).sum() / (weight.sum() + _TINY)


def centred_on_hips(joints):
    """(B, K, 3) joints in LSP order, relative to the middle of the hips."""
    return joints - 0.5 * (joints[:, RIGHT_HIP:RIGHT_HIP + 1] + joints[:, LEFT_HIP:LEFT_HIP + 1])


def judged_as(scores, target):
    """Distance of the discriminator's values from what they should be: squares summed over values, mean over samples.

    Args:
        scores (Tensor): (B, 25).
        target (float): 1 for real, 0 for predicted.

    Returns:
        Tensor ().
    """
    return ops.square(scores - target).sum(1).mean()


class GeneratorLoss(Float32Cell):
    """Sum of the weighted terms, and the terms.

    Args:
        weights (LossWeights): factors.

    Inputs:
        - **outputs** (tuple) - what `BodyLayer` returns for the last round.
        - **scores** (Tensor) - (N, 25), the discriminator's values for the bodies of all rounds; None without a
          discriminator, the adversarial term is zero then.
        - **kp2d** (Tensor) - (B, K, 3), x, y and weight of the first K joints of `JOINTS`; the crop spans [-1, 1].
        - **kp3d** (Tensor) - (B, 14, 3), joints in LSP order, metres.
        - **theta** (Tensor) - (B, 85), true pose and shape; the camera is not looked at.
        - **has_kp3d**, **has_smpl** (Tensor) - (B,), 1 where these are known, else 0.

    Outputs:
        Tuple: loss (), and the weighted terms () by `term_names`.
    """

    term_names = LossWeights._fields

    def __init__(self, weights):
        super().__init__()
        self.weights = tuple(weights)

    def construct(self, outputs, scores, kp2d, kp3d, theta, has_kp3d, has_smpl):
        pred_theta, _, pred_j2d, pred_j3d, pred_rotmat = outputs
        kp2d, kp3d, theta = as_float32(kp2d), as_float32(kp3d), as_float32(theta)
        has_kp3d, has_smpl = as_float32(has_kp3d), as_float32(has_smpl)
        _, gt_pose, gt_beta = split_theta(theta)
        _, _, pred_beta = split_theta(pred_theta)
        gt_rotmat = axis_angle_to_matrix(gt_pose.reshape(-1, 24, 3))
        pred_j3d = centred_on_hips(pred_j3d[:, :kp3d.shape[1]])
        kp2d_weight, kp3d_weight, shape_weight, pose_weight, adversarial_weight = self.weights
        adversarial = ops.zeros((), ms.float32)
        if scores is not None:
            adversarial = adversarial_weight * judged_as(as_float32(scores), 1.0)
        terms = (
            kp2d_weight * keypoint_loss(pred_j2d[:, :kp2d.shape[1]], kp2d[..., :2], kp2d[..., 2:]),
            kp3d_weight * squared_loss(pred_j3d, centred_on_hips(kp3d), has_kp3d),
            shape_weight * squared_loss(pred_beta, gt_beta, has_smpl),
            # The body joints only: how the root is turned depends on the camera of the dataset.
            pose_weight * squared_loss(pred_rotmat[:, 1:], gt_rotmat[:, 1:], has_smpl),
            adversarial,
        )
        loss = terms[0] + terms[1] + terms[2] + terms[3] + terms[4]
        return loss, terms


class DiscriminatorLoss(Float32Cell):
    """Loss of the discriminator, and its parts.

    Args:
        weight (float): factor, the `adversarial` of `LossWeights`.

    Inputs:
        - **real_scores** (Tensor) - (N, 25), values of real poses and shapes.
        - **fake_scores** (Tensor) - (M, 25), values of predicted ones.

    Outputs:
        Tuple: loss (), and the weighted terms () by `term_names`.
    """

    term_names = ("discriminator_real", "discriminator_fake")

    def __init__(self, weight=1.0):
        super().__init__()
        self.weight = weight

    def construct(self, real_scores, fake_scores):
        real = self.weight * judged_as(as_float32(real_scores), 1.0)
        fake = self.weight * judged_as(as_float32(fake_scores), 0.0)
        return real + fake, (real, fake)
