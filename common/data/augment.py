"""Random changes of a training sample: drawn once, then applied to image, joints and pose alike.

Left and right change places by joint name (see `joints.flip_pairs`), never by a table of numbers.
"""
import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from common.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from common.joints import SKELETONS, flip_pairs


class Change(NamedTuple):
    """What happens to one sample.

    flip (bool); rotation_deg (float), counter-clockwise; scale (float), factor on the box; colour (3,), factors on the
    channels.
    """

    flip: bool
    rotation_deg: float
    scale: float
    colour: np.ndarray


NO_CHANGE = Change(False, 0.0, 1.0, np.ones(3))


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """How far samples are changed; `draw` makes one `Change`.

    Args:
        flip_prob (float): share of mirrored samples.
        rotation_deg (float): standard deviation of the rotation, cut at twice this.
        rotation_prob (float): share of rotated samples.
        scale (float): standard deviation of the factor on the box, cut there: 0.25 gives 0.75 to 1.25.
        colour (float): each channel is multiplied by a number from 1 - colour to 1 + colour.
    """

    flip_prob: float = 0.0
    rotation_deg: float = 0.0
    rotation_prob: float = 1.0
    scale: float = 0.0
    colour: float = 0.0

    def draw(self, rng: np.random.Generator) -> Change:
        """One `Change`; `rng` (numpy.random.Generator) gives the same count of numbers whatever the settings."""
        flip, rotate = rng.random(2) < (self.flip_prob, self.rotation_prob)
        turn, size = rng.standard_normal(2)
        colour = 1.0 + self.colour * rng.uniform(-1.0, 1.0, 3)
        rotation_deg = self.rotation_deg * float(np.clip(turn, -2.0, 2.0)) if rotate else 0.0
        return Change(bool(flip), rotation_deg, 1.0 + self.scale * float(np.clip(size, -1.0, 1.0)), colour)


# GraphCMR and SPIN; Hand4Whole.
GRAPHCMR = Augmentation(flip_prob=0.5, rotation_deg=30.0, rotation_prob=0.4, scale=0.25, colour=0.4)
HAND4WHOLE = Augmentation(flip_prob=0.5, rotation_deg=30.0, rotation_prob=0.6, scale=0.25, colour=0.2)


def scale_colour(image: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Multiply the channels of (H, W, 3) uint8 by `colour` (3,), cut to 0..255, drop the fraction; uint8."""
    table = np.minimum(np.arange(256)[:, None] * np.asarray(colour, np.float64), 255.0).astype(np.uint8)
    return cv2.LUT(image, table[:, None])


def swap_sides(values: np.ndarray, names: str | Sequence[str]) -> np.ndarray:
    """Left and right joints of (..., J, D) change places; the numbers stay. `names`: skeleton name or joint names."""
    return np.take(values, swapped_order(names), axis=-2)


def swapped_order(names: str | Sequence[str]) -> np.ndarray:
    """(J,) where each joint's counterpart on the other side stands."""
    pairs = np.array(flip_pairs(names), int).reshape(-1, 2)
    order = np.arange(len(SKELETONS[names] if isinstance(names, str) else names))
    order[pairs[:, 0]], order[pairs[:, 1]] = pairs[:, 1], pairs[:, 0]
    return order


def flip_points(points: np.ndarray, names: str | Sequence[str], width: float = 0.0) -> np.ndarray:
    """Joints of the mirrored image: (..., J, D), a copy.

    Args:
        points (array): (..., J, D), x first. Pixels with `width`; -1..1 or metres (x to the right) with width 0.
        names (str or sequence): skeleton name, or the J joint names.
        width (float): of the image in pixels.
    """
    flipped = swap_sides(points, names)
    flipped[..., 0] = width - flipped[..., 0]
    return flipped


def flip_pose(pose: np.ndarray, names: str | Sequence[str]) -> np.ndarray:
    """Axis-angle rotations (..., 3 J) of the mirrored person: sides change places, y and z change sign."""
    pose = np.asarray(pose)
    joints = swap_sides(pose.reshape(*pose.shape[:-1], -1, 3), names)
    return (joints * np.array([1, -1, -1], pose.dtype)).reshape(pose.shape)


def rotate_points(points: np.ndarray, rotation_deg: float) -> np.ndarray:
    """3D points (..., 3) of the image that turned counter-clockwise by `rotation_deg`; camera axes, y down."""
    points = np.asarray(points)
    return (points @ _about_z(rotation_deg).T).astype(points.dtype)


def rotate_root(pose: np.ndarray, rotation_deg: float) -> np.ndarray:
    """Axis-angle pose (3 J,) of the person in the turned image: only the root's rotation changes."""
    pose = np.array(pose)
    pose[:3] = matrix_to_axis_angle(_about_z(rotation_deg) @ axis_angle_to_matrix(pose[:3]))
    return pose


def _about_z(rotation_deg: float) -> np.ndarray:
    # Counter-clockwise for the eye is a negative turn where y points down.
    return axis_angle_to_matrix(np.array([0.0, 0.0, -np.radians(rotation_deg)]))
