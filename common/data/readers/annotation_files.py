"""Annotation files of image datasets: Matlab, HDF5; every failure is one sentence that names the file."""
import os
from collections.abc import Sequence

import numpy as np

from common.data.mat_files import read_mat
from common.errors import UserError


def existing(path: str, hint: str) -> str:
    """`path` if it is there.

    Args:
        path (str): file or folder.
        hint (str): what to do when it is not.

    Raises:
        UserError: there is no such file.
    """
    if not os.path.exists(path):
        raise UserError(f"{path} does not exist: {hint}")
    return path


def first_existing(root: str, candidates: Sequence[str], hint: str) -> str:
    """The first of several places below `root` that exists; datasets are unpacked in more than one way.

    Raises:
        UserError: none exists; the text lists them.
    """
    for candidate in candidates:
        path = os.path.normpath(os.path.join(root, candidate))
        if os.path.exists(path):
            return path
    raise UserError(f"{root} holds none of {', '.join(candidates)}: {hint}")


def load_mat(path: str, key: str, hint: str = "get the annotations again") -> np.ndarray:
    """Variable `key` of a Matlab file (version 5 to 7), see `mat_files`.

    Raises:
        UserError: missing, damaged, or without the variable.
    """
    return read_mat(existing(path, hint), (key,), hint)[key]


def load_h5(path: str, keys: Sequence[str], optional: Sequence[str] = (),
            hint: str = "get the annotations again") -> dict[str, np.ndarray]:
    """Arrays of an HDF5 file.

    Args:
        path (str): the file.
        keys (sequence of str): needed, with equal first axes.
        optional (sequence of str): read when there.

    Returns:
        dict: name -> array.

    Raises:
        UserError: missing, damaged, a needed array is not there or lengths differ.
    """
    from common.data.hdf5_files import open_hdf5, read_dataset  # here, as only few commands read such files

    existing(path, hint)
    with open_hdf5(path, hint) as file:
        # The names alone: whether a link leads anywhere is not looked at.
        there = set(file)
        missing = [key for key in keys if key not in there]
        if missing:
            raise UserError(f"{path} has no {', '.join(missing)}; {hint}")
        arrays = {key: read_dataset(file, key) for key in (*keys, *optional) if key in there}
    if len({array.shape[:1] for array in arrays.values()}) > 1:
        shapes = ", ".join(f"{key} {array.shape}" for key, array in arrays.items())
        raise UserError(f"{path}: the arrays have different lengths ({shapes}); {hint}")
    return arrays


def checked_shape(array: object, shape: tuple[int | None, ...], what: str,
                  hint: str = "get the annotations again") -> np.ndarray:
    """`array` if it has the shape (None stands for any size) and numbers in it.

    Raises:
        UserError: another shape or type; `what` names file and key.
    """
    array = np.asarray(array)
    fits = array.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, array.shape))
    if not fits or array.dtype.kind not in "fiub":
        wanted = tuple("any" if want is None else want for want in shape)
        raise UserError(f"{what} has shape {array.shape} of {array.dtype} instead of numbers {wanted}; {hint}")
    return array
