"""What a model may be called with in Python: names of files, arrays, lists of both."""
import os
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from common.data.image import read_image
from common.errors import UserError
from common.inference.people import FindPeople, GivenBoxes, choose_people, detected_by_name, read_boxes
from common.inference.sources import Frame, Source, open_source

FLAG = "input"


def source_of(value: object, frame_max: int = 0) -> Source:
    """The source that a value stands for.

    Args:
        value: path or pattern of images, a folder, a video, an array (H, W, 3) uint8 RGB, a list of paths and arrays,
            or a `Source`.
        frame_max: frames of a video, 0 for all.

    Raises:
        UserError: nothing is there, or an array is no image.
    """
    if isinstance(value, Source):
        return value
    if isinstance(value, str | os.PathLike):
        return open_source(os.fspath(value), frame_max, FLAG)
    if isinstance(value, np.ndarray) and value.ndim != 4:
        value = [value]
    images = list(value)
    names = [os.path.splitext(os.path.basename(os.fspath(one)))[0] if isinstance(one, str | os.PathLike)
             else f"image_{number}" if len(images) > 1 else "image" for number, one in enumerate(images)]
    names = [name if names.count(name) == 1 else f"{name}_{number}" for number, name in enumerate(names)]

    def frames() -> Iterator[Frame]:
        for name, image in zip(names, images):
            image = read_image(os.fspath(image)) if isinstance(image, str | os.PathLike) else _checked(image, name)
            yield Frame(name, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))

    return Source(names[0] if names else "images", 0.0, frames, len(images))


def is_single(value: object) -> bool:
    """Whether a value stands for one image, so that one result is expected and not a list."""
    if isinstance(value, str | os.PathLike):
        source = open_source(os.fspath(value), 0, FLAG)
        return not source.fps and source.count == 1 and os.path.isfile(value)
    return isinstance(value, np.ndarray) and value.ndim == 3


def way_of_finding(boxes: str | np.ndarray | list | None = None, detections: object = None,
                   detector: Callable | None = None, min_confidence: float = 0.2) -> FindPeople:
    """The callable of `choose_people` for what is known in Python.

    Args:
        boxes: (N, 4) left, top, width, height in pixels, in every image; or text as after --bbox.
        detections: what `load("openpose")` gave for the same images (one or a list), or the path of keypoint files.
        detector: `load("openpose")`, or anything that takes an image (H, W, 3), blue first, and gives `joints` and
            `scores`.
        min_confidence: joints with a higher score count.

    Raises:
        UserError: more than one is given, or boxes that are none.
    """
    given = [name for name, value in (("boxes", boxes), ("detections", detections), ("detector", detector))
             if value is not None]
    if len(given) > 1:
        raise UserError(f"{' and '.join(given)} both say where people are: leave one of them out")
    if boxes is not None:
        return GivenBoxes(read_boxes(boxes if isinstance(boxes, str) else ";".join(
            ",".join(str(float(value)) for value in box) for box in np.atleast_2d(boxes))))
    if isinstance(detections, str | os.PathLike):
        return choose_people(keypoints_json=os.fspath(detections), min_confidence=min_confidence)
    if detections is not None:
        return detected_by_name([detections] if hasattr(detections, "joints") else list(detections), min_confidence)
    return choose_people(detector=getattr(detector, "find", detector), min_confidence=min_confidence)


def _checked(image: object, name: str) -> np.ndarray:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        shape = getattr(image, "shape", type(image).__name__)
        raise UserError(f"{name}: an image in Python is an array (H, W, 3) of uint8, red first, not "
                        f"{getattr(image, 'dtype', '')} {shape}".replace("  ", " "))
    return np.ascontiguousarray(image)
