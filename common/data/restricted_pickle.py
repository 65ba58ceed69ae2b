"""Pickles and pickled npz members that may rebuild arrays and plain containers, and nothing else.

Unpickling calls whatever the file names. Here every name is looked up in an allow-list, and a file that asks for
another one is refused before anything of it runs.
"""
import pickle
import tokenize
import zipfile
import zlib

import numpy as np

from common.errors import UserError


def _latin1(text, encoding="latin1"):
    """Stands for `_codecs.encode`, by which protocol 2 stores bytes."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"bytes stored with the encoding {encoding!r}")
    return text.encode("latin1")


def _numpy_names():
    """What arrays, dtypes and numpy scalars are pickled with, under the module names of numpy 1 and 2."""
    names = {("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype, ("_codecs", "encode"): _latin1}
    reconstruct, scalar = np.zeros(1).__reduce__()[0], np.float64(0).__reduce__()[0]
    for package in ("numpy.core", "numpy._core"):
        names[package + ".multiarray", "_reconstruct"] = reconstruct
        names[package + ".multiarray", "scalar"] = scalar
        names[package + ".numeric", "_frombuffer"] = _array_from_buffer
    return names


def _array_from_buffer(buffer, dtype, shape, order):
    """Stands for numpy's `_frombuffer`, by which protocol 5 stores arrays."""
    return np.frombuffer(buffer, dtype=dtype).reshape(shape, order=order)


_CONTAINERS = (bool, bytearray, bytes, complex, dict, float, frozenset, int, list, set, slice, str, tuple)

ARRAYS_AND_CONTAINERS = {
    **_numpy_names(),
    **{(module, kind.__name__): kind for module in ("builtins", "__builtin__") for kind in _CONTAINERS},
}


# What h5py, zipfile and numpy (whose headers are Python literals) raise for damaged files.
DAMAGED = (OSError, ValueError, EOFError, RuntimeError, MemoryError, OverflowError, KeyError, TypeError, AttributeError,
           SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error)


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream, allowed, encoding):
        super().__init__(stream, encoding=encoding)
        self._allowed = allowed

    def find_class(self, module, name):
        try:
            return self._allowed[module, name]
        except KeyError:
            raise _Refused(f"{module}.{name}") from None


class _Refused(Exception):
    """The name that a pickle asked for in vain."""


def load_pickle(stream, path, allowed=None, encoding="ASCII"):
    """Read one pickle.

    Args:
        stream (binary file): stands at the pickle's first byte.
        path (str): the file's name, for messages.
        allowed (dict): (module, name) as the pickle writes them -> object to use, in addition to arrays, dtypes and
            plain containers. The object may be a stand-in for a package that is not installed.
        encoding (str): for the strings of Python 2; `latin1` where these hold arrays.

    Raises:
        UserError: the pickle is damaged, or asks for a name that is not allowed.
    """
    try:
        return _Unpickler(stream, {**ARRAYS_AND_CONTAINERS, **(allowed or {})}, encoding).load()
    except _Refused as refused:
        raise UserError(f"{path} asks for {refused}, which a data file has no need of; it was not loaded, "
                        "get the file from its publisher") from None
    # A damaged pickle can fail in any of the calls that it makes.
    except Exception as error:
        raise UserError(f"{path} is not a readable pickle ({error}); copy or download it again") from error


def load_npz(path, allowed=None):
    """Read an npz file whose object arrays may hold what `load_pickle` allows.

    Returns:
        dict: name -> array; an object array of no axes (a pickled dict, say) becomes that object.

    Raises:
        UserError: no such file, not an npz, damaged, or a pickle that asks for more than is allowed.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy"): _read_member(archive, name, path, allowed)
                    for name in archive.namelist()}
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except DAMAGED as error:
        raise UserError(f"{path} is not a readable npz file ({error}); copy or download it again") from error


def _read_member(archive, name, path, allowed):
    with archive.open(name) as stream:
        version = np.lib.format.read_magic(stream)
        # Version 3 differs from 2 by field names in UTF-8, which decide nothing here.
        first, later = np.lib.format.read_array_header_1_0, np.lib.format.read_array_header_2_0
        _, _, dtype = (first if version == (1, 0) else later)(stream)
        if dtype.hasobject:
            array = load_pickle(stream, f"{path} ({name})", allowed)
            if not isinstance(array, np.ndarray):
                raise ValueError(f"{name} holds no array")
            return array.item() if array.ndim == 0 else array
    with archive.open(name) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)
