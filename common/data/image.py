"""Images: reading, cropping by an affine map and normalising, in numpy and OpenCV.

Points are continuous pixel coordinates: the image spans [0, W] x [0, H] and the pixel in column i has its centre at
i + 0.5. A crop is described by a (2, 3) matrix that maps points of the image to points of the crop, so pixels and
joints go through the same numbers. The crops that published weights were trained with are in `crops`.
"""
import io
import logging
import math
import threading
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from common.data.image_kinds import decode_with_pillow, refuse_unreadable
from common.errors import UserError

LOGGER = logging.getLogger("mindhuman")
# ImageNet's mean and standard deviation per RGB channel, for values in 0..1 (torchvision's normalisation).
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# A box of `scale` 1 is this high: MPII's unit.
SCALE_PX = 200.0
# OpenCV decodes to these parts of the size, as JPEG's blocks allow, in a fraction of the time.
REDUCED = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}


def read_image(path: str) -> np.ndarray:
    """Read an image of any common kind: grey, palette, RGBA (alpha is dropped), 16 bits (the upper 8 are kept).

    The orientation in a photo's EXIF data is applied, as image viewers do. Of an animation the first frame is read.

    Args:
        path (str): jpeg, png, bmp, tiff, webp, gif, avif, jpeg 2000 or pnm; the first bytes tell which.

    Returns:
        numpy.ndarray: (H, W, 3) uint8 RGB.

    Raises:
        UserError: no such file, or it is damaged, no image, or of a kind that cannot be read.
    """
    return _decode(path, _image_bytes(path))


class AnnotatedImages:
    """Reads the images of an annotated set, by one rule for all models and for training and evaluation.

    Annotations belong to the pixels as they are stored, whatever the orientation in EXIF data says, unless the size
    that they state fits only the turned image. An image that is damaged, is of another size or has more pixels than
    OpenCV takes (see `common.environment`) is left out: reported, the first ones by name, and counted; so is one whose
    mask is (`read_mask`). Several threads may read at once.

    Args:
        count (int): of images in the set, 0 for unknown.

    Attributes:
        left_out (dict): path of the image -> why.
    """

    named = 5  # images that are reported by name; after these their number is told at 10, 100, ...
    tried = 20  # images of which one at least has to be usable

    def __init__(self, count: int = 0):
        self.count, self.left_out = count, {}
        self._usable, self._turned, self._lock = set(), False, threading.Lock()

    def read(self, path: str, size: tuple[int, int] | None = None, reduce: int = 1,
             bgr: bool = False) -> np.ndarray | None:
        """An image, or None where it is left out: (H, W, 3) uint8.

        Args:
            size (tuple): width and height that the annotations state, None where they state none.
            reduce (int): 1, 2, 4 or 8: decode to this part of the size, which costs less for JPEG.
            bgr (bool): blue first, else red.

        Raises:
            UserError: there is no such file, or none of the first images can be used.
        """
        data, image, turned = _image_bytes(path), None, False
        try:
            image, reason = _decode(path, data, False, reduce, bgr), ""
            if not _fits(image, size, reduce):
                width, height = (side * reduce for side in image.shape[1::-1])
                image = _decode(path, data, True, reduce, bgr)
                turned = _fits(image, size, reduce)
                reason = "" if turned else (f"{path} is {width} x {height} pixels, its annotations are for {size[0]} x "
                                            f"{size[1]}")
        except UserError as error:
            reason = str(error)
        self._note(path, reason, "images", turned)
        return None if reason else image

    def read_mask(self, path: str, image_path: str, size: tuple[int, int], needed: bool = False) -> np.ndarray | None:
        """A mask or segmentation of an image, or None where the image is left out for its sake: (H, W) uint8.

        Args:
            image_path (str): the image.
            size (tuple): its width and height.
            needed (bool): an empty mask, which shows nobody, cannot be used either.

        Raises:
            UserError: there is no such file, or none of the first masks can be used.
        """
        data, reason = _image_bytes(path), ""
        try:
            mask = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
        except cv2.error:
            mask = None
        if mask is None:
            reason = f"mask {path} ({len(data)} bytes) is damaged or no image; write or unpack it again"
        elif mask.shape[::-1] != tuple(size):
            reason = (f"mask {path} is {mask.shape[1]} x {mask.shape[0]} pixels, the image {image_path} is {size[0]} x "
                      f"{size[1]}")
        elif needed and not mask.any():
            reason = f"mask {path} is empty, there is nobody in it; unpack it again"
        self._note(image_path, reason, "masks")
        return None if reason else mask

    def _note(self, path: str, reason: str, kind: str, turned: bool = False) -> None:
        with self._lock:
            if not reason:
                self._usable.add(kind)
            if turned and not self._turned:
                self._turned = True
                LOGGER.info("%s is turned as its EXIF data says, since only so it has the annotated size; others "
                            "likewise", path)
            if not reason or path in self.left_out:
                return
            self.left_out[path] = reason
            number = len(self.left_out)
            if number <= self.named or str(number).strip("0") == "1":
                LOGGER.warning("%s; it is left out (%d so far)", reason, number)
            if kind not in self._usable and number >= min(self.count or self.tried, self.tried):
                raise UserError(f"none of the first {number} {kind} can be used: {reason}; take the {kind} that the "
                                "annotations belong to")


def image_size(path: str) -> tuple[int, int]:
    """(width, height) of an image as it is stored, from its first bytes.

    Raises:
        UserError: no such file, or no image.
    """
    try:
        with Image.open(io.BytesIO(_image_bytes(path))) as image:
            return image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise UserError(f"{path} is damaged or no image; copy or download it again") from None


def _image_bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; unpack the images of the data set") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})") from error


def _decode(path: str, data: bytes, upright: bool = True, reduce: int = 1, bgr: bool = False) -> np.ndarray:
    """An image's pixels, turned as EXIF data says or as they are stored; for the others see `AnnotatedImages.read`.

    Raises:
        UserError: damaged, no image, too many pixels, or of a kind that is not read.
    """
    kind, image = refuse_unreadable(path, data), decode_with_pillow(data, upright)
    if image is not None:
        image = image[..., ::-1] if bgr else image
        return image if reduce == 1 else cv2.resize(image, None, fx=1 / reduce, fy=1 / reduce)
    flags = REDUCED[reduce] if reduce > 1 else cv2.IMREAD_COLOR if bgr else cv2.IMREAD_COLOR_RGB
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags | (0 if upright else cv2.IMREAD_IGNORE_ORIENTATION)) \
            if kind else None
    except cv2.error:
        image = None
    if image is None:
        raise UserError(f"{path} ({len(data)} bytes) is damaged or no image; copy or download it again")
    return image[..., ::-1] if reduce > 1 and not bgr else image


def _fits(image: np.ndarray, size: tuple[int, int] | None, reduce: int) -> bool:
    """Whether an image decoded to a part of its size is one of `size`; OpenCV rounds up or down."""
    return size is None or all(abs(have - side / reduce) < 1 for have, side in zip(image.shape[1::-1], size))


def crop_matrix(center: np.ndarray, scale: float, size: int, rotation_deg: float = 0.0,
                flip: bool = False) -> np.ndarray:
    """The map from image to a square crop around a box: (2, 3) float64.

    Args:
        center (array): (2,), middle of the box, pixels of the image.
        scale (float): side of the box / 200 px.
        size (int): side of the crop in pixels.
        rotation_deg (float): turns the content counter-clockwise, as seen in the image.
        flip (bool): mirror the crop, after the rotation.
    """
    return box_matrix(center, (SCALE_PX * scale, SCALE_PX * scale), (size, size), rotation_deg, flip)


def box_matrix(center: np.ndarray, box_size: np.ndarray | tuple[float, float], size: tuple[int, int],
               rotation_deg: float = 0.0, flip: bool = False) -> np.ndarray:
    """As `crop_matrix`, for a box and a crop that are no squares but have the same aspect ratio.

    Args:
        box_size (array): (2,), width and height of the box, pixels of the image.
        size (tuple): width and height of the crop.
    """
    angle, zoom = math.radians(rotation_deg), size[1] / box_size[1]
    cos, sin = zoom * math.cos(angle), zoom * math.sin(angle)
    # With y down, this is a counter-clockwise turn for the eye.
    linear = np.array([[cos, sin], [-sin, cos]])
    if flip:
        linear[0] *= -1.0
    middle = 0.5 * np.asarray(size, np.float64)
    return np.concatenate([linear, (middle - linear @ np.asarray(center, np.float64))[:, None]], 1)


def transform_points(points: npt.ArrayLike, matrix: np.ndarray) -> np.ndarray:
    """Map points (..., 2) by a (2, 3) matrix; float64."""
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]


def warp(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Cut a crop out of an image; black outside of it -> (height, width, 3) or (height, width), the type of `image`.

    A crop that is less than half as fine as the image would skip pixels: the image is then averaged over whole
    blocks first, which also costs less than fetching from all of it.

    Args:
        image (numpy.ndarray): (H, W, 3) or (H, W), uint8 or float32.
        matrix (numpy.ndarray): (2, 3), points of the image to points of the crop.
        size (tuple): width and height of the crop in pixels.
    """
    linear, shift = matrix[:, :2], matrix[:, 2]
    shrink = int(1.0 / max(math.sqrt(abs(np.linalg.det(linear))), 1e-6))
    if shrink >= 2:
        height, width = image.shape[:2]
        small = max(1, width // shrink), max(1, height // shrink)
        linear = linear * (width / small[0], height / small[1])
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    # OpenCV counts from the centre of the first pixel.
    shift = shift + linear.sum(1) * 0.5 - 0.5
    return cv2.warpAffine(image, np.concatenate([linear, shift[:, None]], 1), size, flags=cv2.INTER_LINEAR)


def normalize(image: np.ndarray, mean: Sequence[float] = IMAGENET_MEAN,
              std: Sequence[float] = IMAGENET_STD) -> np.ndarray:
    """(value / 255 - mean) / std with the channels first, ready for a network: (3, H, W) float32.

    Args:
        image (numpy.ndarray): (H, W, 3), values 0..255.
        mean, std (sequence): (3,), for values in 0..1. Mean and std 0.5 give -1..1; 0 and 1 give 0..1.
    """
    out = np.empty((3, *image.shape[:2]), np.float32)
    # One plane at a time: ten times as fast as arithmetic on a transposed view.
    for plane, channel, middle, spread in zip(out, cv2.split(image), mean, std):
        np.multiply(channel, np.float32(1.0 / (255.0 * spread)), out=plane)
        plane -= np.float32(middle / spread)
    return out
