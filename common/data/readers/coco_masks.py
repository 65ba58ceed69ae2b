"""COCO's regions as pixels: polygons [[x1, y1, x2, y2, ...], ...], and run lengths {"counts", "size"}.

Run lengths count pixels column by column, the first run those outside; `counts` is a list, or text in which pycocotools
packs them: five bits in a character, from the third run on as difference to the one before the last. Files come from
anywhere and pycocotools trusts what it unpacks, so each part of a region is checked first.
Source: cocodataset.org, data format; cocoapi common/maskApi.c.
"""
import numpy as np
from pycocotools import mask as coco_mask

LEAST_CORNERS = 3
FAR = 16  # a polygon's corner may lie so many times the image's longer side away from it


def decode_outline(segmentation: object, height: int, width: int) -> tuple[np.ndarray | None, str]:
    """The pixels of a region.

    Args:
        segmentation (list | dict): polygons, or run lengths, packed or not.

    Returns:
        tuple: (height, width) bool of what can be used, None where no part can; and what is wrong, such as a part that
        is damaged or of an image of another size, an empty text for nothing.
    """
    parts = segmentation
    if isinstance(parts, dict) or isinstance(parts, list) and parts and not isinstance(parts[0], list | dict):
        parts = [parts]
    elif isinstance(parts, list) and parts and all(isinstance(part, list) and len(part) == 2 for part in parts):
        parts = [sum(parts, [])]  # one polygon as a list of points
    if not isinstance(parts, list) or not parts:
        return None, "it has none"
    mask, fault = None, ""
    for part in parts:
        try:
            decode = _decode_runs if isinstance(part, dict) else _decode_polygon
            pixels = decode(part, height, width)
            mask = pixels if mask is None else mask | pixels
        except ValueError as error:
            fault = str(error)
    return mask, fault


def _decode_polygon(corners: list, height: int, width: int) -> np.ndarray:
    try:
        corners = np.array(corners, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("a polygon is not made of numbers") from None
    if corners.ndim != 1 or len(corners) % 2 or len(corners) < 2 * LEAST_CORNERS:
        raise ValueError(f"a polygon has {corners.size} numbers instead of x and y of three or more corners")
    if not (np.abs(corners) <= FAR * max(height, width)).all():  # also for NaN
        raise ValueError("a polygon has corners far outside the image")
    return coco_mask.decode(coco_mask.frPyObjects([corners.tolist()], height, width))[..., 0].astype(bool)


def _decode_runs(runs: dict, height: int, width: int) -> np.ndarray:
    if list(np.ravel(runs.get("size", ()))) != [height, width]:
        raise ValueError(f"run lengths are of an image of {runs.get('size')} (height, width), not {[height, width]}")
    counts = runs.get("counts")
    if isinstance(counts, str | bytes):
        counts = unpack_counts(counts)
    try:
        counts = np.array(counts, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("run lengths are not numbers") from None
    if counts.ndim != 1 or not (counts >= 0).all() or (counts % 1).any() or counts.sum() != height * width:
        raise ValueError("the run lengths do not add up to the image")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts.astype(np.int64)).reshape((height, width), order="F")


def unpack_counts(text: str | bytes) -> list[int]:
    """Run lengths from packed text; list of int.

    Raises:
        ValueError: no such text.
    """
    codes = text.encode("latin-1", "replace") if isinstance(text, str) else text
    counts, value, shift = [], 0, 0
    for code in codes:
        code -= 48
        if not 0 <= code < 64 or shift > 60:
            raise ValueError("packed run lengths are damaged")
        value, shift = value | (code & 31) << shift, shift + 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("packed run lengths are cut off")
    return counts
