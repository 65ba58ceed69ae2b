"""Skeletons as images: over a photo, on a flat panel, or in space above a floor. Every skeleton of `common.joints`.

Left limbs are blue, right ones red, the middle dark. Images are RGB, uint8, drawn by OpenCV without a display.
"""
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from common.joints import SKELETONS, limbs, side

COLOURS = {"left": (38, 110, 189), "right": (214, 69, 65), "middle": (62, 68, 81)}
MUTED = (176, 182, 191)
PAPER, GRID, HALO = (250, 250, 251), (221, 225, 231), (255, 255, 255)
_SHIFT = 4  # OpenCV takes coordinates in 1/16 px


@dataclass(frozen=True)
class View:
    """An orthographic look at a scene with z up: from `azimuth_deg` around it and `elevation_deg` above the floor.

    At azimuth 0 one looks along y with x to the right.
    """
    azimuth_deg: float = 25.0
    elevation_deg: float = 12.0

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (..., 3), z up -> right and up (..., 2) in their unit, and the distance along the view (...)."""
        azimuth, elevation = np.deg2rad([self.azimuth_deg, self.elevation_deg])
        x = np.cos(azimuth) * points[..., 0] + np.sin(azimuth) * points[..., 1]
        away = -np.sin(azimuth) * points[..., 0] + np.cos(azimuth) * points[..., 1]
        up = np.cos(elevation) * points[..., 2] + np.sin(elevation) * away
        return np.stack([x, up], -1), np.cos(elevation) * away - np.sin(elevation) * points[..., 2]


def upright(joints: np.ndarray, space: str) -> np.ndarray:
    """Joints (..., 3) with z up: of the `camera` frame (x right, y down, z forward) or of the `world` (z up)."""
    joints = np.asarray(joints, np.float64)
    if space == "world":
        return joints
    return np.stack([joints[..., 0], joints[..., 2], -joints[..., 1]], -1)


def blank(width: int, height: int) -> np.ndarray:
    """An empty panel (height, width, 3)."""
    return np.full((height, width, 3), PAPER, np.uint8)


def _fixed(point: np.ndarray) -> tuple[int, int]:
    # OpenCV's integers overflow on points that are far outside.
    return tuple(int(round(float(value) * (1 << _SHIFT))) for value in np.clip(point, -1e5, 1e5))


def draw_line(image: np.ndarray, start: np.ndarray, end: np.ndarray, colour: tuple, thickness: int) -> None:
    """A line between two points (2,) px, in place."""
    cv2.line(image, _fixed(start), _fixed(end), colour, thickness, cv2.LINE_AA, _SHIFT)


def draw_dot(image: np.ndarray, centre: np.ndarray, radius: float, colour: tuple) -> None:
    """A disk around a point (2,), its radius in px, in place."""
    cv2.circle(image, _fixed(centre), int(round(radius * (1 << _SHIFT))), colour, -1, cv2.LINE_AA, _SHIFT)


def draw_skeleton(image: np.ndarray, points_px: np.ndarray, skeleton: str, depth: np.ndarray | None = None,
                  muted: bool = False) -> np.ndarray:
    """Draw one skeleton onto an image, in place -> the image.

    Args:
        image (ndarray): (H, W, 3) uint8 RGB.
        points_px (ndarray): (J, 2), x right, y down, pixels of the image; limbs of joints that are NaN are left out.
        skeleton (str): key of `common.joints.SKELETONS`, with J joints.
        depth (ndarray): (J,), larger is further; nearer limbs cover further ones. None draws in the table's order.
        muted (bool): in grey, e.g. for the truth behind a prediction.
    """
    names = SKELETONS[skeleton]
    points = np.asarray(points_px, np.float64)
    if points.shape != (len(names), 2):
        raise ValueError(f"{skeleton} has {len(names)} joints; got points of shape {points.shape}")
    seen = np.isfinite(points).all(-1)
    depth = np.zeros(len(names)) if depth is None else np.asarray(depth, np.float64)
    thickness = max(2, round(min(image.shape[:2]) / 62))
    pairs = [(parent, child) for parent, child in limbs(skeleton) if seen[parent] and seen[child]]
    for parent, child in sorted(pairs, key=lambda pair: -depth[list(pair)].mean()):
        colour = MUTED if muted else COLOURS[side(names[child])]
        if not muted:
            draw_line(image, points[parent], points[child], HALO, thickness + 2)
        draw_line(image, points[parent], points[child], colour, thickness)
        for joint in (parent, child):
            draw_dot(image, points[joint], 0.75 * thickness, MUTED if muted else COLOURS[side(names[joint])])
    return image


def fit_points(points: np.ndarray, width: int, height: int, margin: float = 0.08) -> tuple[float, np.ndarray]:
    """Scale and shift that bring 2D points into a panel, equal in both directions, centred.

    Args:
        points (ndarray): (..., 2); NaN is ignored.

    Returns:
        tuple: scale (float) and shift (2,): panel = scale * point + shift.
    """
    flat = np.asarray(points, np.float64).reshape(-1, 2)
    flat = flat[np.isfinite(flat).all(-1)]
    low, high = flat.min(0), flat.max(0)
    size = np.array([width, height], np.float64)
    scale = float(np.min(size * (1.0 - 2.0 * margin) / np.maximum(high - low, 1e-6)))
    return scale, size / 2.0 - scale * (low + high) / 2.0


def panel_2d(points: np.ndarray, skeleton: str, width: int, height: int) -> np.ndarray:
    """A flat panel (height, width, 3) with one skeleton (J, 2) px, y down, fitted to the panel."""
    image = blank(width, height)
    scale, shift = fit_points(points, width, height)
    return draw_skeleton(image, scale * np.asarray(points) + shift, skeleton)


def panel_3d(joints: np.ndarray, skeleton: str, width: int, height: int, radius_mm: float, floor_mm: float,
             view: View | None = None, reference: np.ndarray | None = None) -> np.ndarray:
    """A panel with a skeleton in space above a floor: (height, width, 3) uint8 RGB.

    Args:
        joints (ndarray): (J, 3), mm, z up (see `upright`), relative to the point that is drawn in the panel's middle.
        skeleton (str): key of `common.joints.SKELETONS`.
        radius_mm (float): half of the panel's smaller side.
        floor_mm (float): height of the floor.
        view (View): where to look from.
        reference (ndarray): (J, 3), a second skeleton, drawn in grey behind the first.
    """
    view = view or View()
    image = blank(width, height)
    scale = min(width, height) / (2.0 * radius_mm)

    def to_panel(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        plane, away = view.project(np.asarray(points, np.float64))
        return plane * [scale, -scale] + [width / 2.0, height / 2.0], away

    _draw_floor(image, to_panel, floor_mm, radius_mm)
    if reference is not None:
        draw_skeleton(image, to_panel(reference)[0], skeleton, muted=True)
    points, away = to_panel(joints)
    return draw_skeleton(image, points, skeleton, depth=away)


def _draw_floor(image: np.ndarray, to_panel: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], floor: float,
                radius: float) -> None:
    """A square grid of eight by eight fields below the skeleton."""
    ticks = np.linspace(-0.8 * radius, 0.8 * radius, 9)
    for tick in ticks:
        for start, end in (((tick, ticks[0], floor), (tick, ticks[-1], floor)),
                           ((ticks[0], tick, floor), (ticks[-1], tick, floor))):
            (start_px, end_px), _ = to_panel(np.array([start, end]))
            draw_line(image, start_px, end_px, GRID, 1)


def put_text(image: np.ndarray, text: str, position: tuple[int, int], colour: tuple[int, int, int] = COLOURS["middle"],
             scale: float | None = None) -> np.ndarray:
    """Write text with its lower left corner at `position` (x, y) px, in place; ASCII only (OpenCV's font)."""
    scale = scale or image.shape[0] / 900.0
    cv2.putText(image, text, position, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, max(1, round(1.6 * scale)), cv2.LINE_AA)
    return image
