"""The pickles of body-model files, read without the packages they were written with.

SMPL, MANO and mesh-resampling files are Python 2 pickles that hold scipy.sparse matrices and chumpy arrays. Stand-in
classes take the stored state; `as_array` and `as_sparse` turn it into numbers. chumpy itself no longer installs.
"""
import copyreg
import io
import os
import zipfile
from collections import OrderedDict

import numpy as np
import scipy.sparse

from common.data.restricted_pickle import DAMAGED, load_pickle
from common.errors import UserError


class _Stored:
    """State of an object whose class is not imported; `origin` is its name in the pickle."""

    origin = ""

    def __new__(cls, *_args):
        return super().__new__(cls)

    def __setstate__(self, state):
        self.state = state if isinstance(state, dict) else {}


def _stand_ins():
    # The callables of `object.__reduce__` under the module names of Python 2 and 3.
    names = {(module, "_reconstructor"): copyreg._reconstructor for module in ("copy_reg", "copyreg")}
    names.update({(module, "object"): object for module in ("__builtin__", "builtins")})
    names["collections", "OrderedDict"] = OrderedDict
    origins = [f"scipy.sparse.{prefix}{layout}.{layout}_{ending}"
               for layout in ("csc", "csr", "coo") for prefix in ("", "_") for ending in ("matrix", "array")]
    # Only Ch and Select are evaluated; files hold the other expressions under keys that no model here needs.
    origins += ["chumpy.ch.Ch", "chumpy.ch.MatVecMult", "chumpy.reordering.Select"]
    origins += [f"chumpy.reordering.{name}" for name in ("transpose", "reshape", "concatenate", "Concatenate")]
    origins += [f"chumpy.ch_ops.{name}" for name in ("add", "subtract", "multiply", "divide", "power", "sum", "mean")]
    for origin in origins:
        module, name = origin.rsplit(".", 1)
        names[module, name] = type(name, (_Stored,), {"origin": origin})
    return names


_ALLOWED = _stand_ins()


def read_pickle(path):
    """One object from a pickle file of Python 2 or 3; arrays of chumpy and scipy.sparse come as stand-ins.

    Raises:
        UserError: no such file, a damaged pickle, or one that asks for names that hold no data.
    """
    with open_file(path) as stream:
        return load_pickle(stream, path, _ALLOWED, encoding="latin1")


def read_npz(path, wanted):
    """The members of an npz file that are plain numbers, and of the others those in `wanted`.

    Members that nobody asked for are not unpickled: official files carry some that cannot be.

    Returns:
        dict: name -> array; a pickled object of no axes comes as that object.

    Raises:
        UserError: no such file, not an npz file, damaged, or a wanted member asks for names that hold no data.
    """
    members = {}
    try:
        with open_file(path) as stream, zipfile.ZipFile(stream) as archive:
            for member in archive.namelist():
                name = member.removesuffix(".npy")
                data = io.BytesIO(archive.read(member))
                version = np.lib.format.read_magic(data)
                header = np.lib.format.read_array_header_1_0 if version == (1, 0) \
                    else np.lib.format.read_array_header_2_0
                if not header(data)[2].hasobject:
                    data.seek(0)
                    members[name] = np.lib.format.read_array(data, allow_pickle=False)
                elif name in wanted:
                    value = load_pickle(data, f"{path} ({member})", _ALLOWED, encoding="latin1")
                    members[name] = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
    except DAMAGED as error:
        raise UserError(f"{path} is not a readable npz file ({error}); copy or download it again") from error
    return members


def open_file(path):
    """The file opened for reading bytes, or a UserError that says what is there instead."""
    if os.path.isdir(path):
        raise UserError(f"{path} is a folder; give the file itself")
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except OSError as error:
        raise UserError(f"{path} cannot be opened ({error.strerror})") from error


def as_array(value, what):
    """A stored value as a numeric array, sparse matrices made dense.

    Args:
        value: array, nested lists, number, scipy.sparse or stand-in.
        what (str): file and key, for messages.

    Raises:
        UserError: the value is no array of numbers, or a chumpy expression other than Ch and Select.
    """
    if isinstance(value, _Stored) and value.origin.startswith("chumpy."):
        value = _evaluate(value, what)
    if isinstance(value, _Stored) or scipy.sparse.issparse(value):
        return as_sparse(value, what).toarray()
    try:
        value = np.asarray(value)
    except ValueError:
        value = np.asarray(None)
    if value.dtype.kind not in "fiub":
        raise UserError(f"{what} holds no array of numbers")
    return value


def as_sparse(value, what):
    """A stored value as a scipy.sparse CSR matrix.

    Raises:
        UserError: its parts contradict each other.
    """
    if scipy.sparse.issparse(value):
        return value.tocsr()
    if not isinstance(value, _Stored) or not value.origin.startswith("scipy."):
        return scipy.sparse.csr_matrix(as_array(value, what))
    state = value.state
    layout = value.origin.rsplit(".", 1)[1][:3]
    try:
        shape = tuple(int(size) for size in state["_shape"])
        if layout == "coo":
            place = state["coords"] if "coords" in state else (state["row"], state["col"])
            return scipy.sparse.coo_matrix((state["data"], tuple(place)), shape=shape).tocsr()
        kind = scipy.sparse.csc_matrix if layout == "csc" else scipy.sparse.csr_matrix
        matrix = kind((state["data"], state["indices"], state["indptr"]), shape=shape)
        matrix.check_format(full_check=True)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise UserError(f"{what} is a damaged sparse matrix ({error}); copy or download the file again") from error
    return matrix.tocsr()


def _evaluate(node, what):
    """A chumpy object's value: Ch wraps an array, Select picks entries of another object, flattened."""
    name = node.origin.rsplit(".", 1)[1]
    try:
        if name == "Ch":
            return as_array(node.state["x"], what)
        if name == "Select":
            source = as_array(node.state["a"], what).reshape(-1)
            index = as_array(node.state["idxs"], what)
            return source[index].reshape(tuple(node.state.get("preferred_shape", index.shape)))
    except (KeyError, ValueError, IndexError, TypeError, RecursionError) as error:
        raise UserError(f"{what} is a damaged {node.origin} ({error}); copy or download the file again") from error
    raise UserError(f"{what} is stored as {node.origin}, an expression that is not supported; "
                    "save the model once more with plain arrays")
