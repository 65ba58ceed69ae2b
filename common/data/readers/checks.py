"""Checked values out of annotation files; every failure is one sentence that names file and key."""
from typing import Any

import numpy as np

from common.data.readers.annotation_files import existing
from common.data.restricted_pickle import load_npz
from common.errors import UserError, brief

GENDERS = {"m": "male", "f": "female", "n": "neutral", "male": "male", "female": "female", "neutral": "neutral"}


def read_npz(path: str) -> dict[str, np.ndarray]:
    """All arrays of numbers and text of an npz file; pickled members are left out.

    Returns:
        dict: name -> array.

    Raises:
        UserError: no such file or damaged.
    """
    return load_npz(existing(path, "name another file"), pickled=())


def member(mapping: object, key: object, where: str) -> Any:  # noqa: ANN401
    """mapping[key]; a UserError that names `where` (file and entry) when it is missing."""
    try:
        return mapping[key]
    except (KeyError, TypeError, IndexError):
        raise UserError(f"{where} has no {key}; get the annotations in the published form") from None


def text(mapping: object, key: object, where: str) -> str:
    """mapping[key], which has to be text: the name of a file, say."""
    value = member(mapping, key, where)
    if not isinstance(value, str):
        raise UserError(f"{where}: {key} holds a {type(value).__name__} instead of text")
    return value


def gender(value: object, where: str) -> str:
    """`male`, `female` or `neutral` of a person, also from SPIN's m and f and in capitals.

    Raises:
        UserError: anything else.
    """
    name = GENDERS.get(str(value).strip().lower())
    if name is None:
        raise UserError(f"{where}: the gender {brief(value)} is none of {', '.join(GENDERS)}")
    return name


def whole_number(mapping: object, key: object, where: str) -> int:
    """mapping[key], which has to be a whole number, as int."""
    value = member(mapping, key, where)
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise UserError(f"{where}: {key} is {value!r:.40} instead of a whole number") from None


def dictionary(content: object, path: str) -> dict:
    """`content` if it is a dictionary; a UserError that names the file when it is a list or a number."""
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a {type(content).__name__} instead of a dictionary; get the annotations in the "
                        "published form")
    return content


def numbers(value: object, shape: tuple[int | None, ...], where: str,
            hint: str = "get the annotations in the published form") -> np.ndarray:
    """A value as float64 array of a shape, where None stands for any size; flat lists are brought into it.

    Raises:
        UserError: not numbers, not finite, or another size.
    """
    try:
        array = np.asarray(value, np.float64)
        if array.ndim != len(shape):
            array = array.reshape([-1 if size is None else size for size in shape])
    except (TypeError, ValueError, OverflowError, MemoryError, RecursionError):
        raise UserError(f"{where} does not hold {shape} numbers; {hint}") from None
    if any(want not in (None, have) for want, have in zip(shape, array.shape)):
        raise UserError(f"{where} has the shape {array.shape} instead of {shape}; {hint}")
    if not np.isfinite(array).all():
        raise UserError(f"{where} holds NaN or infinity; {hint}")
    return array
