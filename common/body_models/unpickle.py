"""The pickles of body-model files, read without the packages they were written with.

SMPL, MANO and mesh-resampling files are Python 2 pickles that hold scipy.sparse matrices and chumpy arrays. What such
an object stores is kept; `as_array` and `as_sparse` turn it into numbers. chumpy itself no longer installs.
"""
import math
import os
from collections.abc import Collection
from typing import Any, BinaryIO

import numpy as np
import scipy.sparse

from common.data.pickled_values import Stored
from common.data.restricted_pickle import load_npz, load_pickle
from common.errors import UserError, reason

# Only Ch and Select are evaluated; files hold the other expressions under keys that no model here needs.
_STORED = frozenset((
    *(f"scipy.sparse.{prefix}{layout}.{layout}_{ending}" for layout in ("csc", "csr", "coo") for prefix in ("", "_")
      for ending in ("matrix", "array")),
    "chumpy.ch.Ch", "chumpy.ch.MatVecMult", "chumpy.reordering.Select",
    *(f"chumpy.reordering.{name}" for name in ("transpose", "reshape", "concatenate", "Concatenate")),
    *(f"chumpy.ch_ops.{name}" for name in ("add", "subtract", "multiply", "divide", "power", "sum", "mean"))))
# Numbers of a sparse matrix when all are written out; J_regressor of SMPL-X has 0.6 million, dense mesh matrices 50.
_MAX_DENSE = 1 << 27
_MAX_SIDE = 1 << 20
# A selection of a selection of a selection occurs in no file.
_MAX_WRAPPED = 10


def read_pickle(path: str) -> Any:  # noqa: ANN401
    """One object from a pickle file of Python 2 or 3; arrays of chumpy and scipy.sparse come as `Stored`.

    Raises:
        UserError: no such file, a damaged pickle, or one that asks for names that hold no data.
    """
    with open_file(path) as stream:
        return load_pickle(stream, path, _STORED)


def read_npz(path: str, wanted: Collection[str]) -> dict:
    """The members of an npz file that are plain numbers, and of the others those in `wanted`.

    Members that nobody asked for are not unpickled: official files carry some that cannot be.

    Returns:
        dict: name -> array; a pickled object of no axes comes as that object.

    Raises:
        UserError: no such file, not an npz file, damaged, or a wanted member asks for names that hold no data.
    """
    return load_npz(path, wanted, _STORED)


def open_file(path: str) -> BinaryIO:
    """The file opened for reading bytes, or a UserError that says what is there instead."""
    if os.path.isdir(path):
        raise UserError(f"{path} is a folder; give the file itself")
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except OSError as error:
        raise UserError(f"{path} cannot be opened ({error.strerror})") from error


def as_array(value: object, what: str) -> np.ndarray:
    """A stored value as a numeric array, sparse matrices made dense.

    Args:
        value: array, nested lists, number, scipy.sparse or `Stored`.
        what (str): file and key, for messages.

    Raises:
        UserError: the value is no array of numbers, a chumpy expression other than Ch and Select, or a sparse matrix
            whose dense form would be larger than any of a body model.
    """
    return _array(value, what, _MAX_WRAPPED)


def _array(value: object, what: str, wrapped: int) -> np.ndarray:
    if isinstance(value, Stored) and value.origin.startswith("chumpy."):
        value = _evaluate(value, what, wrapped)
    if isinstance(value, Stored) or scipy.sparse.issparse(value):
        matrix = as_sparse(value, what)
        if math.prod(matrix.shape) > _MAX_DENSE:
            raise UserError(f"{what} is a sparse matrix of {matrix.shape}, which no body model has; get the file again")
        return matrix.toarray()
    try:
        value = np.asarray(value)
    except (ValueError, OverflowError):
        value = np.asarray(None)
    if value.dtype.kind not in "fiub":
        raise UserError(f"{what} holds no array of numbers")
    return value


def as_sparse(value: object, what: str) -> scipy.sparse.csr_matrix:
    """A stored value as a scipy.sparse CSR matrix.

    Raises:
        UserError: its parts contradict each other.
    """
    if scipy.sparse.issparse(value):
        return value.tocsr()
    if not isinstance(value, Stored) or not value.origin.startswith("scipy."):
        value = as_array(value, what)
        if value.ndim != 2:
            raise UserError(f"{what} has the shape {value.shape} instead of that of a matrix")
        return scipy.sparse.csr_matrix(value)
    try:
        return _matrix(value.state, value.origin.rsplit(".", 1)[1][:3])
    except (KeyError, ValueError, TypeError, IndexError, OverflowError) as error:
        raise UserError(f"{what} is a damaged sparse matrix ({reason(error)}); get the file again") from error


def _matrix(state: dict, layout: str) -> scipy.sparse.csr_matrix:
    """The CSR matrix (float64) of a `Stored` one's state.

    scipy's own `check_format` lets through what ends the process a line later, so every entry is checked here.
    """
    shape = state["_shape"]
    if type(shape) not in (tuple, list) or len(shape) != 2:
        raise ValueError(f"its shape is {shape!r:.40}")
    shape = tuple(int(size) for size in shape)
    if not all(0 < size <= _MAX_SIDE for size in shape):
        raise ValueError(f"its shape is {shape!r:.40}")
    if layout == "coo":
        names = [state["data"], *(state["coords"] if "coords" in state else (state["row"], state["col"]))]
    else:
        names = [state["data"], state["indices"], state["indptr"]]
    data, *places = names
    if len(places) != 2 or any(type(part) is not np.ndarray or part.ndim != 1 for part in names) \
            or data.dtype.kind not in "fiub" or any(part.dtype.kind not in "iu" for part in places):
        raise ValueError("its parts are no rows of numbers")
    if layout == "coo":
        rows, columns = (part.astype(np.int64) for part in places)
    else:
        inner, starts = (part.astype(np.int64) for part in places)
        counts = np.diff(starts)
        if len(starts) != shape[layout == "csc"] + 1 or starts[0] != 0 or starts[-1] != len(inner) or counts.min() < 0:
            raise ValueError("its rows or columns begin where none can")
        outer = np.repeat(np.arange(len(counts)), counts)
        rows, columns = (inner, outer) if layout == "csc" else (outer, inner)
    for part, size in zip((rows, columns), shape):
        if len(part) != len(data) or (len(part) and not 0 <= part.min() <= part.max() < size):
            raise ValueError("an entry lies outside of it")
    return scipy.sparse.coo_matrix((data.astype(np.float64), (rows, columns)), shape=shape).tocsr()


def _evaluate(node: Stored, what: str, wrapped: int) -> np.ndarray:
    """A chumpy object's value: Ch wraps an array, Select picks entries of another object, flattened."""
    name = node.origin.rsplit(".", 1)[1]
    if not wrapped:
        raise UserError(f"{what} is a chumpy array inside more than {_MAX_WRAPPED} others; save it as a plain array")
    try:
        if name == "Ch":
            return _array(node.state["x"], what, wrapped - 1)
        if name == "Select":
            source = _array(node.state["a"], what, wrapped - 1).reshape(-1)
            index = as_array(node.state["idxs"], what)
            return source[index].reshape(tuple(node.state.get("preferred_shape", index.shape)))
    except (KeyError, ValueError, IndexError, TypeError, OverflowError) as error:
        raise UserError(f"{what} is a damaged {node.origin} ({reason(error)}); get the file again") from error
    raise UserError(f"{what} is stored as {node.origin}, an expression that is not supported; "
                    "save the model once more with plain arrays")
