"""A skin for skeletons without a body: a rod for each bone and a ball for each joint."""
import numpy as np

from common.formats.motion import BoneHierarchy, Skin

SIDES, RINGS = 10, 6
ROD_M, BALL_M = 0.018, 0.027  # radii


def stick_figure(skeleton: BoneHierarchy, colour: tuple[int, int, int]) -> Skin:
    """The skin of a skeleton at rest; colour: (3,) uint8 RGB."""
    places, parts = skeleton.rest(), []
    for joint, parent in enumerate(skeleton.parents):
        parts.append((joint, *_ball(places[joint], BALL_M)))
        if parent >= 0 and np.any(skeleton.offsets[joint]):
            parts.append((parent, *_rod(places[parent], places[joint], ROD_M)))
    counts = np.cumsum([0] + [len(vertices) for _, vertices, _ in parts])
    weights = np.zeros((counts[-1], len(places)))
    for (joint, _, _), first, last in zip(parts, counts, counts[1:]):
        weights[first:last, joint] = 1.0
    return Skin(np.concatenate([vertices for _, vertices, _ in parts]),
                np.concatenate([faces + first for (_, _, faces), first in zip(parts, counts)]), weights, colour)


def _ball(centre: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    heights, angles = np.linspace(0, np.pi, RINGS + 1), np.linspace(0, 2 * np.pi, SIDES, endpoint=False)
    points = np.stack([np.outer(np.sin(heights), np.cos(angles)), np.repeat(np.cos(heights)[:, None], SIDES, 1),
                       np.outer(np.sin(heights), -np.sin(angles))], axis=-1).reshape(-1, 3)
    return centre + radius * points, _grid(RINGS)


def _rod(start: np.ndarray, end: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    way = (end - start) / np.linalg.norm(end - start)
    across = np.cross(way, np.eye(3)[np.argmin(np.abs(way))])
    across /= np.linalg.norm(across)
    other = np.cross(way, across)
    angles = np.linspace(0, 2 * np.pi, SIDES, endpoint=False)
    ring = radius * (np.outer(np.cos(angles), across) + np.outer(np.sin(angles), other))
    return np.concatenate([end + ring, start + ring]), _grid(1)


def _grid(rows: int) -> np.ndarray:
    """Triangles (N, 3) between rows + 1 rings of points, counter-clockwise from outside where the first is on top."""
    row, side = np.meshgrid(np.arange(rows), np.arange(SIDES), indexing="ij")
    upper, lower = row * SIDES + side, (row + 1) * SIDES + side
    after = (side + 1) % SIDES
    upper_after, lower_after = row * SIDES + after, (row + 1) * SIDES + after
    return np.concatenate([np.stack([upper, lower, upper_after], -1).reshape(-1, 3),
                           np.stack([upper_after, lower, lower_after], -1).reshape(-1, 3)])
