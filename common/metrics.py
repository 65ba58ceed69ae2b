"""Errors of predicted joints, in the unit of the input, in numpy.

Source: the protocols of Human3.6M (protocol 1: MPJPE; protocol 2: MPJPE after Procrustes alignment with scale).
"""
from collections.abc import Sequence

import numpy as np

from common.geometry.alignment import align_similarity


def joint_errors(pred: np.ndarray, gt: np.ndarray) -> np.ndarray:
    """Euclidean distance of every joint: (..., J) float64.

    Args:
        pred, gt (numpy.ndarray): (..., J, 3), equal shapes.
    """
    pred, gt = np.asarray(pred, np.float64), np.asarray(gt, np.float64)
    if pred.shape != gt.shape or pred.shape[-1:] != (3,):
        raise ValueError(f"poses need equal shapes (..., J, 3), got {pred.shape} and {gt.shape}")
    return np.sqrt(np.square(pred - gt).sum(-1))


def aligned_joint_errors(pred: np.ndarray, gt: np.ndarray) -> np.ndarray:
    """`joint_errors` after each pose (..., J, 3) of `pred` is moved, turned and scaled onto its truth."""
    return joint_errors(align_similarity(pred, gt), gt)


def mpjpe(pred: np.ndarray, gt: np.ndarray) -> float:
    """Mean per-joint position error over all joints and poses."""
    return float(joint_errors(pred, gt).mean())


def mean_by_group(errors: np.ndarray, groups: Sequence[str]) -> tuple[dict[str, float], float]:
    """Mean error of each group and the mean of these means, in which every group weighs the same.

    Args:
        errors (numpy.ndarray): (N, ...), one row per pose.
        groups (sequence of str): (N,), such as the action of each pose.

    Returns:
        tuple: dict of group -> float in order of first appearance, and their unweighted mean (float).
    """
    groups = np.asarray(groups)
    if len(groups) != len(errors):
        raise ValueError(f"{len(errors)} rows of errors, but {len(groups)} groups")
    means = {str(group): float(errors[groups == group].mean()) for group in dict.fromkeys(groups.tolist())}
    return means, float(np.mean(list(means.values())))
