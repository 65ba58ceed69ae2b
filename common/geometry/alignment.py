"""Procrustes alignment of point sets, many at a time, in numpy.

Source: B. K. P. Horn, "Closed-form solution of absolute orientation", and the `procrustes.py` of
una-dinosauria/3d-pose-baseline, with its guard against reflections always on.
"""
import numpy as np


def align_similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Move, turn and scale `source` onto `target` with the least squared distance.

    Args:
        source, target (numpy.ndarray): (..., N, 3), same unit. A source whose points all coincide gets scale 0; a set
            with a value that is not finite gives results that are not finite, and only for itself.

    Returns:
        numpy.ndarray: (..., N, 3) float64. Mirrored sources stay mirrored; where the points lie on one line, the
        turn is one of many.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if source.shape != target.shape or source.shape[-1:] != (3,):
        raise ValueError(f"point sets need equal shapes (..., N, 3), got {source.shape} and {target.shape}")
    target_mean = target.mean(-2, keepdims=True)
    source = source - source.mean(-2, keepdims=True)
    spread = np.square(source).sum((-1, -2))
    covariance = np.swapaxes(target - target_mean, -1, -2) @ source
    # LAPACK refuses the whole stack for one NaN; that set's result is NaN anyway, through its mean.
    u, singular, vt = np.linalg.svd(np.where(np.isfinite(covariance), covariance, 0.0))
    # Turning the weakest direction round is the cheapest way out of a reflection.
    sign = np.where(np.linalg.det(u @ vt) < 0, -1.0, 1.0)
    vt[..., -1, :] *= sign[..., None]
    singular[..., -1] *= sign
    scale = singular.sum(-1) / np.where(spread == 0, 1.0, spread)
    return scale[..., None, None] * (source @ np.swapaxes(u @ vt, -1, -2)) + target_mean
