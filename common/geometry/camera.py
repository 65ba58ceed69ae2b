"""Pinhole cameras with radial and tangential distortion, in numpy.

Source: the camera model of Human3.6M as una-dinosauria/3d-pose-baseline reads it (`cameras.py`). Axes of the camera:
x right, y down, z forward.
"""
from typing import NamedTuple

import numpy as np


class Camera(NamedTuple):
    """One calibrated camera.

    rotation (3, 3): world to camera. translation (3,): the camera's centre in the world, in the unit of the points.
    focal (2,), centre_px (2,): pixels. radial (3,): k1 k2 k3. tangential (2,): p1 p2. name (str).
    """

    rotation: np.ndarray
    translation: np.ndarray
    focal: np.ndarray
    centre_px: np.ndarray
    radial: np.ndarray
    tangential: np.ndarray
    name: str


def world_to_camera(points: np.ndarray, camera: Camera) -> np.ndarray:
    """X_camera = R (X_world - T) for points (..., 3); float64."""
    return (_as_points(points) - camera.translation) @ camera.rotation.T


def project(points: np.ndarray, camera: Camera) -> np.ndarray:
    """Project points of the camera's own frame (see `world_to_camera`) to pixels, with distortion.

    With (x, y) = (X / Z, Y / Z) and r2 = x^2 + y^2, pixel = f * ((x, y) * (radial + tangential) + (p2, p1) * r2) + c
    where radial = 1 + k1 r2 + k2 r2^2 + k3 r2^3 and tangential = p1 y + p2 x. This is how the dataset's 2D poses were
    made; the textbook form doubles the tangential part.

    Args:
        points (numpy.ndarray): (..., 3), in front of the camera; the unit does not matter.
        camera (Camera): its rotation and translation are not used.

    Returns:
        numpy.ndarray: (..., 2), pixels; float64.
    """
    points = _as_points(points)
    xy = points[..., :2] / points[..., 2:]
    k1, k2, k3 = camera.radial
    r2 = np.square(xy).sum(-1, keepdims=True)
    factor = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3)) + xy @ camera.tangential[::-1, None]
    return camera.focal * (xy * factor + camera.tangential[::-1] * r2) + camera.centre_px


def _as_points(points: np.ndarray) -> np.ndarray:
    points = np.asarray(points, np.float64)
    if points.shape[-1:] != (3,):
        raise ValueError(f"points need a last axis of 3, got shape {points.shape}")
    return points
