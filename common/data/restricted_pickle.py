"""The one door for pickles, npz and npy files: arrays and plain containers come out, code does not run.

Nothing of numpy or of the standard library can be called from a file, see `pickle_machine` and `pickled_values`; an npz
file is measured before anything of it is unpacked.
"""
import contextlib
import io
import os
import re
import zipfile
from collections.abc import Collection, Iterator
from typing import Any, BinaryIO

import numpy as np

from common.data import pickle_machine, pickled_values
from common.data.pickle_machine import DamagedData, Refused
from common.errors import UserError, reason

_MAGIC = b"\x93NUMPY"
_HEADER = re.compile(r"""\{(?:[ ]?(?:'descr'[ ]?:[ ]?'(?P<descr>[\w<>|=?]{1,20})'
    |'fortran_order'[ ]?:[ ]?(?P<fortran>True|False)
    |'shape'[ ]?:[ ]?\((?P<shape>[\dL, ]*)\))[ ]?,?){3}[ ]?\}""", re.VERBOSE)
_DESCRIPTION = re.compile(r"[<>|=]?(?:[?bB]|b1|[iu][1248]|f(?:2|4|8|16)|c(?:8|16|32)|[SU]\d{1,9})")
_MAX_HEADER = 10_000
_MAX_PICKLE = 1 << 33
# Deflate makes at most 1032 bytes of one; small files may use that, large ones are held to what data reach.
_UNPACKED = 1 << 30
_PER_BYTE = 50
_CHUNK = 1 << 20


def load_pickle(stream: BinaryIO, path: str, stored: Collection[str] = ()) -> Any:  # noqa: ANN401
    """Read one pickle, of Python 2 or 3 and any protocol.

    Args:
        stream (binary file): stands at the pickle's first byte.
        path (str): the file's name, for messages.
        stored (container of str): "module.name" of the classes, besides arrays and plain containers, whose objects may
            occur; they come back as `pickled_values.Stored`.

    Returns:
        Numbers, text, bytes, lists, tuples, dictionaries, sets, numpy arrays and numpy scalars.

    Raises:
        UserError: the pickle is damaged, asks for a name that is not allowed, or does not fit into the memory.
    """
    with _told(path, "pickle"):
        start = stream.tell()
        size = stream.seek(0, 2) - start
        stream.seek(start)
        if size > _MAX_PICKLE:
            raise DamagedData(f"it has {size >> 30} GB")
        root = pickle_machine.run(stream.read(size), pickled_values.NAMES.union(stored))
        return pickled_values.resolve(root, size, stored)


@contextlib.contextmanager
def _told(path: str, kind: str) -> Iterator[None]:
    """Whatever is wrong in a file that is read within the block, one sentence comes of it."""
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder; give the file itself") from None
    except Refused as refused:
        raise UserError(f"{path} asks for {refused}, which a data file has no need of; it was not loaded, "
                        "get the file from its publisher") from None
    except MemoryError:
        raise UserError(f"{path} does not fit into the memory; end other programs, or get a smaller file") from None
    except Exception as error:
        raise UserError(f"{path} is not a readable {kind} ({reason(error)}); copy or download it again") from error


def load_npz(path: str, pickled: Collection[str] | None = None, stored: Collection[str] = ()) -> dict:
    """Read an npz file whose object arrays may hold what `load_pickle` allows.

    Args:
        pickled (container of str): the members that may be pickles, the others are left out then; None for all.
        stored (container of str): as in `load_pickle`.

    Returns:
        dict: name -> array; an object array of no axes (a pickled dict, say) becomes that object.

    Raises:
        UserError: no such file, not an npz, damaged, or a pickle that asks for more than is allowed.
    """
    members = {}
    with _told(path, "npz file"), zipfile.ZipFile(path) as archive:
        for info in _measured(archive):
            name = info.filename.removesuffix(".npy")
            with archive.open(info) as stream:
                begin, dtype, shape, fortran = _header(stream)
                if dtype.kind != "O":
                    members[name] = _array(stream, info.file_size - begin, dtype, shape, fortran)
                elif pickled is None or name in pickled:
                    # With a number: what is beyond the size that the archive declares is not even unpacked.
                    content = io.BytesIO(stream.read(info.file_size - begin))
                    array = load_pickle(content, f"{path} ({ascii(info.filename)[1:-1]})", stored)
                    if not isinstance(array, np.ndarray):
                        raise DamagedData(f"{name} holds no array")
                    members[name] = array.item() if array.ndim == 0 else array
    return members


def load_npy(path: str) -> np.ndarray:
    """Read an npy file of numbers or text.

    Raises:
        UserError: no such file, damaged, or an array of objects.
    """
    with _told(path, "npy file"), open(path, "rb") as stream:
        begin, dtype, shape, fortran = _header(stream)
        if dtype.kind != "O":
            return _array(stream, os.fstat(stream.fileno()).st_size - begin, dtype, shape, fortran)
    raise UserError(f"{path} holds Python objects instead of numbers; save it once more as an array of numbers")


def _measured(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The members of an archive, if their names are different and they do not unpack to more than files of data do.

    What macOS puts into archives beside the files is left out.
    """
    infos = [info for info in archive.infolist() if not info.filename.startswith("__MACOSX/")]
    archive.fp.seek(0, 2)
    size = archive.fp.tell()
    if len({info.filename for info in infos}) < len(infos):
        raise DamagedData("two members have the same name")
    if sum(info.compress_size for info in infos) > size:
        raise DamagedData("its members overlap")
    unpacked = sum(info.file_size for info in infos)
    if unpacked > max(_UNPACKED, _PER_BYTE * size):
        raise DamagedData(f"{size >> 10} kB of it would become {unpacked >> 20} MB")
    if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in infos):
        raise DamagedData("it is compressed in a way that numpy does not use")
    return infos


def _header(stream: io.BufferedIOBase) -> tuple[int, np.dtype, tuple[int, ...], bool]:
    """(length of the header, dtype, shape, whether columns come first) of an npy stream, which then stands at the data.

    The header is the text of a Python dictionary; it is matched, not evaluated.
    """
    start = stream.read(8)
    if start[:6] != _MAGIC or len(start) < 8 or start[6] not in (1, 2, 3):
        raise DamagedData("it does not begin as npy files do")
    width = 2 if start[6] == 1 else 4
    length = int.from_bytes(stream.read(width), "little")
    text = stream.read(min(length, _MAX_HEADER + 1)).decode("latin1")
    match = _HEADER.fullmatch(" ".join(text.split()))
    if match is None or None in match.groups() or len(text) != length:
        raise DamagedData("its header is not that of an array of numbers, text or objects")
    shape = [part.strip().removesuffix("L") for part in match["shape"].split(",")]
    shape = shape[:-1] if shape[-1] == "" else shape
    if any(not re.fullmatch(r"\d{1,19}", part) for part in shape):
        raise DamagedData("the shape in its header is damaged")
    description = match["descr"]
    if description.lstrip("|<>=") in ("O", "O8", "O4"):
        dtype = np.dtype(object)
    elif _DESCRIPTION.fullmatch(description):
        dtype = np.dtype(description)
    else:
        raise DamagedData(f"it holds {description}, which are neither numbers nor text")
    return 8 + width + length, dtype, tuple(map(int, shape)), match["fortran"] == "True"


def _array(stream: io.BufferedIOBase, available: int, dtype: np.dtype, shape: tuple[int, ...],
           fortran: bool) -> np.ndarray:
    """The array that a stream goes on with; `available` is how many bytes it has. Others may follow."""
    size = pickled_values.checked_count(shape, max(available, 1 << 20)) * dtype.itemsize
    if size > available:
        raise DamagedData(f"an array of the shape {shape} does not fit into {available} bytes")
    content = np.empty(size, np.uint8)
    view, place = memoryview(content), 0
    while place < size:
        read = stream.readinto(view[place:place + _CHUNK])
        if not read:
            raise DamagedData("it is cut off")
        place += read
    return pickled_values.make_array(content, dtype, shape, fortran)
