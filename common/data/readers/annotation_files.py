"""Files of image datasets: where they are, arrays of HDF5 files; a failure is one sentence that names the file."""
import os
from collections.abc import Sequence

import numpy as np

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


def load_h5(path: str, keys: Sequence[str], optional: Sequence[str] = (),
            hint: str = "get the annotations again") -> dict[str, np.ndarray]:
    """Arrays of an HDF5 file: name -> array.

    Args:
        keys (sequence of str): needed, with equal first axes.
        optional (sequence of str): read when there.

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
