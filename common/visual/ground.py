"""The ground beneath bodies, for views of them alone: a soft disc with the shadow of what is near it.

Nothing tells where up is but the camera, which is taken to be level: its y axis points down. Each body has its own
ground, at its lowest vertex, because how far people are away from the camera is what is known least.
"""
from collections.abc import Iterable

import cv2
import numpy as np

from common.visual.cameras import PerspectiveCamera, turn

CELLS = 128  # of the disc's square, each way
TONE, SHADOW = 0.13, 0.5  # how much darker than white the disc is, and the ground where all around is touched
FADE = 0.5  # of the radius, over which the disc becomes white
NEAR = 0.2  # of the body's height: what is higher than this darkens the ground by less than 1 / e of SHADOW
SOFT = 3.0  # cells, standard deviation of the shadow's outline
WIDER, LEAST = 1.3, 0.4  # the radius over the body's reach from its axis; over its height, at least
BEFORE = 0.8  # the radius over the distance from the camera, at most: all of the disc is before the camera


def draw_ground(bodies: Iterable[np.ndarray], view: str, camera: PerspectiveCamera,
                size: tuple[int, int]) -> np.ndarray:
    """The grounds of bodies that are turned about their own middles, on white.

    Args:
        bodies: of each its vertices (V, 3), camera axes (x right, y down, z forward), metres, before they are turned.
        view: see `common.visual.cameras.turn`.
        camera: in pixels of the image.
        size: (H, W).

    Returns:
        (H, W, 3) uint8.
    """
    image = np.full(size, 255, np.uint8)
    for vertices in bodies:
        low, high = vertices.min(axis=0), vertices.max(axis=0)
        middle, height = 0.5 * (low + high), max(high[1] - low[1], 1e-6)
        across = (vertices - middle)[:, [0, 2]]
        radius = max(WIDER * np.sqrt((across ** 2).sum(axis=1).max()), LEAST * height)
        radius = min(radius, BEFORE * middle[2])
        square = np.array([[x, high[1] - middle[1], z] for z in (-radius, radius) for x in (-radius, radius)])
        pixels, nearness = camera.project(turn(middle + square, view, middle))
        if np.isfinite(nearness).all():
            _lay(disc(across / radius, (high[1] - vertices[:, 1]) / height), pixels, image)
    return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)


def disc(across: np.ndarray, above: np.ndarray) -> np.ndarray:
    """The ground from above, (CELLS, CELLS) uint8, z down and x to the right over [-1, 1].

    Args:
        across: (V, 2), x and z of the body's vertices; 1 is the disc's radius.
        above: (V,), heights over the ground; 1 is the body's height.
    """
    shadow = np.zeros((CELLS, CELLS), np.float32)
    column, row = np.clip((across + 1.0) * (CELLS / 2), 0, CELLS - 1).astype(int).T
    np.maximum.at(shadow, (row, column), np.exp(-above / NEAR).astype(np.float32))
    shadow = cv2.GaussianBlur(shadow, (0, 0), SOFT)
    cells = (np.arange(CELLS) + 0.5) * (2.0 / CELLS) - 1.0
    inside = np.clip((1.0 - np.hypot(cells, cells[:, None])) / FADE, 0.0, 1.0)
    inside *= inside * (3.0 - 2.0 * inside)
    return np.rint(255.0 * (1.0 - inside * (TONE + SHADOW * shadow))).astype(np.uint8)


def _lay(square: np.ndarray, corners: np.ndarray, image: np.ndarray) -> None:
    """Darken an image (H, W) by a square image whose corners (4, 2) lie at these pixels, row by row."""
    limit = np.array(image.shape[::-1])
    start, end = (np.clip(edge, 0, limit).astype(int) for edge in (np.floor(corners.min(0)), np.ceil(corners.max(0))))
    if (start >= end).any():
        return
    side = len(square)
    places = np.array([[x, y] for y in (0, side) for x in (0, side)]) - 0.5  # of corners, counted from pixels' centres
    matrix = cv2.getPerspectiveTransform(places.astype(np.float32), (corners - start - 0.5).astype(np.float32))
    part = image[start[1]:end[1], start[0]:end[0]]
    laid = cv2.warpPerspective(square, matrix, part.shape[::-1], flags=cv2.INTER_LINEAR, borderValue=255)
    np.minimum(part, laid, out=part)
