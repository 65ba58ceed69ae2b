"""Crops of published models, pixel by pixel as their weights saw them.

* `crop_stretched`: GraphCMR and SPIN with the resize of old scipy, which stretches the contrast of every crop;
* `crop_cubic`: pytorch_HMR, whole-pixel squares and cubic resize;
* `scale_and_crop`: the demo of the first HMR release, which scales the whole image and repeats its edge;
* `person_box`, `patch_matrix` and `crop_patch`: Hand4Whole, an affine map that counts from pixel centres.

For networks trained here use `image.crop_matrix` and `image.warp`, which lose nothing to rounding.
"""
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from common.data.image import SCALE_PX, box_matrix

# The person's height in the crop that HMR was trained with, pixels.
HMR_PERSON_PX = 150.0


def crop_stretched(image: np.ndarray, center: np.ndarray, scale: float, size: int,
                   rotation_deg: float = 0.0) -> np.ndarray:
    """GraphCMR's and SPIN's crop: corners cut to whole pixels, contrast stretched to 0..255, Pillow's bilinear filter.

    Source: nkolot/GraphCMR utils/imutils.py with scipy 1.2 (`imresize`, `imrotate` and their `bytescale`).

    Args:
        image (numpy.ndarray): (H, W, 3) uint8 or float, 0..255.
        center (array): (2,), pixels. scale (float): side / 200 px.
        size (int): side of the crop in pixels.
        rotation_deg (float): counter-clockwise.

    Returns:
        numpy.ndarray: (size, size, 3) uint8.
    """
    upper, lower = crop_corners(center, scale, size)
    # The margin that a turn brings in: half of what the diagonal is longer than the side.
    margin = int(np.linalg.norm(lower - upper) / 2 - (lower - upper)[1] / 2) if rotation_deg else 0
    patch = _stretched(cut(image, upper - margin, lower + margin))
    if rotation_deg:
        patch = np.asarray(Image.fromarray(patch).rotate(rotation_deg, Image.Resampling.BILINEAR))
        patch = patch[margin:len(patch) - margin, margin:patch.shape[1] - margin]
    return np.asarray(Image.fromarray(patch).resize((size, size), Image.Resampling.BILINEAR))


def crop_corners(center: np.ndarray, scale: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Upper left and lower right corner, (2,) int each, of the square that `crop_stretched` cuts out."""
    matrix = np.linalg.inv(_whole_pixel_matrix(center, scale, size))
    upper, lower = (matrix @ (x, x, 1.0) for x in (0.0, float(size)))
    # The published code counts pixels from 1 and cuts towards zero before it takes the 1 away.
    return upper[:2].astype(int), lower[:2].astype(int)


def _whole_pixel_matrix(center: np.ndarray, scale: float, size: int) -> np.ndarray:
    side = SCALE_PX * scale
    zoom = size / side
    return np.array([[zoom, 0.0, size * (-float(center[0]) / side + 0.5)],
                     [0.0, zoom, size * (-float(center[1]) / side + 0.5)],
                     [0.0, 0.0, 1.0]])


def box_of_detections(points: np.ndarray, conf: np.ndarray, threshold: float = 0.2,
                      enlarge: float = 1.2) -> tuple[np.ndarray, float]:
    """GraphCMR's and SPIN's box around detected joints: their mean, and the enlarged longer side of their extent.

    Args:
        points (array): (J, 2), pixels. conf (array): (J,), scores; joints with more than `threshold` count.

    Returns:
        tuple: center (2,), scale (float): side / 200 px.
    """
    chosen = np.asarray(points, np.float64)[np.asarray(conf) > threshold]
    return chosen.mean(0), float(enlarge * np.ptp(chosen, 0).max() / SCALE_PX)


def crop_points(points: np.ndarray, center: np.ndarray, scale: float, size: int,
                rotation_deg: float = 0.0) -> np.ndarray:
    """Joints in GraphCMR's and SPIN's crop: whole pixels, plus one, in -1..1 -> (J, 2) float64, the crop spans -1..1.

    Args:
        points (array): (J, 2), pixels of the image.
        center, scale, size, rotation_deg: as in `crop_stretched`.
    """
    matrix = _whole_pixel_matrix(center, scale, size)
    if rotation_deg:
        angle = -np.radians(rotation_deg)
        turn = np.array([[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]])
        to_middle = np.eye(3)
        to_middle[:2, 2] = -0.5 * size
        matrix = np.linalg.inv(to_middle) @ turn @ to_middle @ matrix
    points = np.asarray(points, np.float64)
    moved = (np.concatenate([points, np.ones((len(points), 1))], 1) @ matrix.T)[:, :2]
    return 2.0 * (moved.astype(int) + 1) / size - 1.0


def cut(image: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """The rectangle between two corners (2,) int, (x, y); black outside the image; the type of `image`."""
    width, height = lower - upper
    out = np.zeros((height, width, 3), image.dtype)
    left, top = np.maximum(upper, 0)
    right, bottom = np.minimum(lower, image.shape[1::-1])
    if right > left and bottom > top:
        out[top - upper[1]:bottom - upper[1], left - upper[0]:right - upper[0]] = image[top:bottom, left:right]
    return out


def _stretched(patch: np.ndarray) -> np.ndarray:
    """Least and greatest value over all channels to 0 and 255; a plain patch becomes black."""
    patch = patch.astype(np.float64)
    low, high = patch.min(), patch.max()
    return ((patch - low) * (255.0 / ((high - low) or 1.0)) + 0.5).astype(np.uint8)


class Square(NamedTuple):
    """The whole-pixel square of `crop_cubic`: upper left corner (2,) int and side (int), pixels."""

    corner: np.ndarray
    side: int


def grown_square(upper: np.ndarray, lower: np.ndarray,
                 grow: Sequence[float] | np.ndarray = (1.2, 1.2, 1.2, 1.2)) -> Square:
    """pytorch_HMR's square around a box.

    Args:
        upper, lower (array): (2,), corners of the box, pixels.
        grow (sequence): factors on the distances from the middle to the left, right, upper and lower side; in
            training four numbers of their own (1.05..1.3 for COCO and LSP, 1.1..1.2 for the others).
    """
    upper, lower = np.asarray(upper, np.float64), np.asarray(lower, np.float64)
    middle, half = (upper + lower) / 2.0, (lower - upper) / 2.0
    left, right, top, bottom = grow
    upper, lower = middle - half * (left, top), middle + half * (right, bottom)
    radius = int(((lower - upper) // 2).max())
    return Square(((upper + lower) / 2.0).astype(int) - radius, 2 * radius)


def crop_cubic(image: np.ndarray, square: Square, size: int) -> np.ndarray:
    """pytorch_HMR's crop: the `Square`, black outside the image, resized with OpenCV's cubic filter.

    Source: MandyMo/pytorch_HMR src/util.py and src/dataloader.

    Returns:
        numpy.ndarray: (size, size, 3), the type of `image`.
    """
    patch = cut(image, square.corner, square.corner + square.side)
    return cv2.resize(patch, (size, size), interpolation=cv2.INTER_CUBIC)


def square_points(points: np.ndarray, square: Square, size: int) -> np.ndarray:
    """Points of the image (..., 2) in pixels of the crop of `crop_cubic`; float64."""
    return (np.asarray(points, np.float64) - square.corner) * (size / square.side)


def scale_and_crop(image: np.ndarray, scale: float, center: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The HMR demo's crop: scale the whole image with OpenCV's linear filter, repeat its edge, cut out a square.

    Source: akanazawa/hmr src/util/image.py.

    Args:
        image (numpy.ndarray): (H, W, 3) uint8.
        scale (float): factor on the image's size.
        center (array): (2,), pixels of the image.
        size (int): side of the crop in pixels.

    Returns:
        tuple: (size, size, 3); where it begins in the scaled image that has `size` // 2 px of edge around it, (2,) int.
    """
    height, width = (int(length * scale) for length in image.shape[:2])
    scaled = cv2.resize(image, (width, height))
    factors = np.array([width / image.shape[1], height / image.shape[0]])
    margin = size // 2
    # A centre in the padded image minus the margin is the centre in the image without it.
    start = np.round(np.asarray(center) * factors).astype(int)
    padded = np.pad(scaled, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    end = start + 2 * margin
    return padded[start[1]:end[1], start[0]:end[0]], start


def person_scale(points: np.ndarray, conf: np.ndarray, threshold: float = 0.2) -> tuple[float, np.ndarray]:
    """HMR's scale and centre for detected joints: 150 px for the diagonal of the box around the surer ones.

    Args:
        points (array): (J, 2), pixels. conf (array): (J,), scores.
        threshold (float): joints with a higher score count.

    Returns:
        tuple: scale (float), center (2,).
    """
    chosen = np.asarray(points)[np.asarray(conf) > threshold]
    low, high = chosen.min(0), chosen.max(0)
    return HMR_PERSON_PX / np.linalg.norm(high - low), (low + high) / 2.0


# How much larger than the person Hand4Whole's box is.
PATCH_MARGIN = 1.25


def person_box(box: np.ndarray | Sequence[float], image_size: tuple[int, int], aspect: float) -> np.ndarray | None:
    """Hand4Whole's box: cut at the image's border, widened to the network's aspect ratio, enlarged.

    Source: mks0601/Hand4Whole_RELEASE common/utils/preprocessing.py.

    Args:
        box (array): (4,), left, top, width, height in pixels.
        image_size (tuple): width and height of the image.
        aspect (float): width / height of the network's input.

    Returns:
        numpy.ndarray | None: (4,) float64, or None when nothing of the box is inside the image.
    """
    left, top, width, height = (float(value) for value in box)
    if width * height <= 0.0:
        return None
    left, top = max(left, 0.0), max(top, 0.0)
    right = min(image_size[0] - 1.0, left + max(width - 1.0, 0.0))
    bottom = min(image_size[1] - 1.0, top + max(height - 1.0, 0.0))
    width, height = right - left, bottom - top
    if width <= 0.0 or height <= 0.0:
        return None
    middle = np.array([left + 0.5 * width, top + 0.5 * height])
    size = PATCH_MARGIN * np.array([max(width, height * aspect), max(height, width / aspect)])
    return np.concatenate([middle - 0.5 * size, size])


def patch_matrix(box: np.ndarray, size: tuple[int, int], scale: float = 1.0, rotation_deg: float = 0.0) -> np.ndarray:
    """The map from image to Hand4Whole's patch, (2, 3); pixels are counted from the centre of the first one.

    Mirroring is done before, on the image and on the box: left = width - 1 - left - box width.

    Args:
        box (array): (4,), of `person_box`.
        size (tuple): width and height of the patch.
        scale (float): factor on the box. rotation_deg (float): turns the content counter-clockwise.
    """
    box = np.asarray(box, np.float64)
    return box_matrix(box[:2] + 0.5 * box[2:], scale * box[2:], size, rotation_deg)


def crop_patch(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The patch (height, width, 3) float32 that `patch_matrix` describes, black outside the image."""
    return cv2.warpAffine(image.astype(np.float32), matrix, size, flags=cv2.INTER_LINEAR)
