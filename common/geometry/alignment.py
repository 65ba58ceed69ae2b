"""Procrustes alignment of point sets, many at a time, in numpy.

Source: B. K. P. Horn, "Closed-form solution of absolute orientation", and the `procrustes.py` of
una-dinosauria/3d-pose-baseline, with its guard against reflections always on.
"""
from typing import NamedTuple

import numpy as np


class Alignment(NamedTuple):
    """aligned = scale * source @ rotation + translation.

    aligned (..., N, 3), rotation (..., 3, 3) with determinant +1, scale (...), translation (..., 3); float64.
    """

    aligned: np.ndarray
    rotation: np.ndarray
    scale: np.ndarray
    translation: np.ndarray


def align_similarity(source: np.ndarray, target: np.ndarray) -> Alignment:
    """Move, turn and scale `source` onto `target` with the least squared distance.

    Args:
        source, target (numpy.ndarray): (..., N, 3), same unit. A source whose points all coincide gets scale 0; a set
            with a value that is not finite gives results that are not finite, and only for itself.

    Returns:
        Alignment: mirrored sources stay mirrored. Where the points lie on one line the rotation is one of many.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if source.shape != target.shape or source.shape[-1:] != (3,):
        raise ValueError(f"point sets need equal shapes (..., N, 3), got {source.shape} and {target.shape}")
    source_mean, target_mean = source.mean(-2, keepdims=True), target.mean(-2, keepdims=True)
    source_unit, source_norm = _unit_norm(source - source_mean)
    target_unit, target_norm = _unit_norm(target - target_mean)
    covariance = np.swapaxes(target_unit, -1, -2) @ source_unit
    # LAPACK refuses the whole stack for one NaN; that set's result is NaN anyway, through its mean.
    u, singular, vt = np.linalg.svd(np.where(np.isfinite(covariance), covariance, 0.0))
    # Turning the weakest direction round is the cheapest way out of a reflection.
    sign = np.where(np.linalg.det(u @ vt) < 0, -1.0, 1.0)
    vt[..., -1, :] *= sign[..., None]
    singular[..., -1] *= sign
    rotation = np.swapaxes(u @ vt, -1, -2)
    scale = singular.sum(-1) * target_norm / source_norm
    translation = target_mean - scale[..., None, None] * (source_mean @ rotation)
    aligned = scale[..., None, None] * (source @ rotation) + translation
    return Alignment(aligned, rotation, scale, translation[..., 0, :])


def _unit_norm(centred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Point sets of Frobenius norm 1 and the norms they had; sets that are all zero stay so, with norm 1."""
    norm = np.sqrt(np.square(centred).sum((-1, -2)))
    norm = np.where(norm == 0, 1.0, norm)
    return centred / norm[..., None, None], norm
