"""Cameras of cropped people, and the way from the crop back to the full image.

A mesh network sees a square crop and answers with a weak-perspective camera (s, tx, ty): the crop spans [-1, 1] and
p = s * ((x, y) + (tx, ty)). Axes are x right, y down, z forward, metres.

The projections use nothing but operators, so numpy arrays and MindSpore Tensors (inside a graph too) both work; the
functions below them are numpy. Human3.6M's calibrated cameras are in `camera`.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mindspore import Tensor

# Keeps the depth of a vanishing camera scale finite, as SPIN and GraphCMR do.
_TINY = 1e-9
_STEPS = 10  # of Gauss and Newton; three or four are enough


def weak_perspective_projection(points: Tensor | np.ndarray, cam: Tensor | np.ndarray) -> Tensor | np.ndarray:
    """Scaled orthographic projection: p = s * ((x, y) + (tx, ty)) -> (B, N, 2), the crop spans [-1, 1].

    Source: HMR (CVPR 2018); akanazawa/hmr src/tf_smpl/projection.py.

    Args:
        points (Tensor | array): (B, N, 3), metres.
        cam (Tensor | array): (B, 3), (s, tx, ty).
    """
    cam = cam[:, None]
    return cam[..., :1] * (points[..., :2] + cam[..., 1:])


def perspective_projection(points: Tensor | np.ndarray, translation: Tensor | np.ndarray, focal_px: float | np.ndarray,
                           center_px: float | np.ndarray = 0.0) -> Tensor | np.ndarray:
    """Pinhole projection of points moved by a translation: (B, N, 2), pixels.

    Args:
        points (Tensor | array): (B, N, 3), metres.
        translation (Tensor | array): (B, 3), metres; every point must end at positive depth.
        focal_px (float | array): focal length, one number or something that broadcasts to (B, N, 2).
        center_px (float | array): principal point, likewise.
    """
    points = points + translation[:, None]
    return focal_px * points[..., :2] / points[..., 2:] + center_px


def crop_translation(cam: np.ndarray, focal_px: float, crop_size: float) -> np.ndarray:
    """(B, 3) weak-perspective cameras -> (B, 3) translations (tx, ty, depth), metres.

    A camera with this focal length, in pixels of the crop, sees the person as large there.
    """
    cam = np.asarray(cam)
    return np.concatenate([cam[:, 1:], 2.0 * focal_px / (crop_size * cam[:, :1] + _TINY)], -1)


def crop_points_to_image(points: np.ndarray, corner_px: np.ndarray, side_px: np.ndarray) -> np.ndarray:
    """Points of the crop in the pixels of the full image: (B, N, 2).

    Args:
        points (array): (B, N, 2), the crop spans [-1, 1].
        corner_px (array): (B, 2), left and upper edge of the crop in the image.
        side_px (array): (B,), side of the crop in the image.
    """
    side = np.asarray(side_px, np.float64)[:, None, None]
    return (np.asarray(points) + 1) * 0.5 * side + np.asarray(corner_px)[:, None]


def estimate_translation(points: np.ndarray, j2d_px: np.ndarray, conf: np.ndarray, focal_px: float,
                         center_px: np.ndarray | tuple[float, float]) -> np.ndarray:
    """The translation that best explains 2D joints, by weighted linear least squares: (3,), metres.

    Multiplying the projection by the depth makes it linear in the translation. Source: SPIN, utils/geometry.py.

    Args:
        points (array): (N, 3), joints in metres.
        j2d_px (array): (N, 2), their places in pixels.
        conf (array): (N,), weights; at least two must be positive.
        focal_px (float): focal length.
        center_px (array): (2,), principal point.
    """
    points, j2d = np.asarray(points, np.float64), np.asarray(j2d_px, np.float64) - center_px
    weight = np.sqrt(np.asarray(conf, np.float64))[:, None]
    rows = np.zeros((len(points), 2, 3))
    rows[:, 0, 0] = rows[:, 1, 1] = focal_px
    rows[:, :, 2] = -j2d
    right = j2d * points[:, 2:] - focal_px * points[:, :2]
    rows, right = rows * weight[..., None], right * weight
    return np.linalg.lstsq(rows.reshape(-1, 3), right.reshape(-1), rcond=None)[0]


def fit_translation(points: np.ndarray, j2d_px: np.ndarray, focal_px: float,
                    center_px: np.ndarray | tuple[float, float]) -> np.ndarray:
    """The translation whose perspective projection comes nearest to 2D joints, by least squares in pixels.

    `estimate_translation` counts an error in the image times the depth of the point; from there Gauss-Newton steps
    lead to the least squares themselves.

    Args:
        points (array): (N, 3), joints in metres.
        j2d_px (array): (N, 2), their places in pixels.
        focal_px (float): focal length.
        center_px (array): (2,), principal point.

    Returns:
        array: (3,), metres. Where no camera sees the joints so, some points end at negative depth.
    """
    points, target = np.asarray(points, np.float64), np.asarray(j2d_px, np.float64) - center_px
    translation = estimate_translation(points, j2d_px, np.ones(len(points)), focal_px, center_px)
    for _ in range(_STEPS):
        x, y, depth = (points + translation).T
        if depth.min() <= 0:
            break
        rows = np.zeros((len(points), 2, 3))
        rows[:, 0, 0] = rows[:, 1, 1] = focal_px / depth
        rows[:, 0, 2], rows[:, 1, 2] = -focal_px * x / depth ** 2, -focal_px * y / depth ** 2
        error = target - focal_px * np.stack([x, y], 1) / depth[:, None]
        translation = translation + np.linalg.lstsq(rows.reshape(-1, 3), error.reshape(-1), rcond=None)[0]
    return translation
