"""Columns of numbers out of members of JSON, where any of them may be missing or of another type."""
import itertools
from collections.abc import Sequence

import numpy as np


def floats(values: Sequence) -> np.ndarray:
    """(N,) float64; NaN for what is no number."""
    try:
        array = np.array(values, np.float64)
        if array.ndim == 1:
            return array
    except (TypeError, ValueError, OverflowError):
        pass
    return np.array([_row(value, 1)[0] for value in values])


def table(lists: list, width: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, width) float64, zeros where there is none, and (N,): 1 for that many values, 0 for none, -1 for others."""
    if all(type(values) is list and len(values) == width for values in lists):
        try:
            flat = np.fromiter(itertools.chain.from_iterable(lists), np.float64, width * len(lists))
            return flat.reshape(len(lists), width), np.ones(len(lists), int)
        except (TypeError, ValueError, OverflowError):
            pass
    sizes = np.array([0 if values is None else count_of(values) for values in lists])
    rows = [_row(values, width) if size == width else np.zeros(width) for values, size in zip(lists, sizes)]
    return np.array(rows).reshape(len(lists), width), np.select([sizes == width, sizes == 0], [1, 0], -1)


def count_of(values: object) -> int:
    """How many values there are; -1 for lists within lists of different lengths, which are no row."""
    try:
        return np.size(values)
    except ValueError:
        return -1


def _row(values: object, width: int) -> np.ndarray:
    """(width,) float64, NaN in place of what is no number."""
    try:
        return np.array(values, np.float64).reshape(width)
    except (TypeError, ValueError, OverflowError):
        return np.full(width, np.nan)
