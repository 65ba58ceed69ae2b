"""The one door for HDF5 files: arrays that lie in the file itself, measured before they are read."""
import contextlib
import math
from collections.abc import Iterator

import h5py
import numpy as np

from common.data.pickle_machine import DamagedData
from common.errors import UserError, reason

# As of npz files: small files may unpack to this, large ones are held to what data reach.
_UNPACKED, _PER_BYTE = 1 << 30, 50
_ROWS = 1000  # texts that are read at a time; a file may name one long text for all of them


@contextlib.contextmanager
def open_hdf5(path: str, hint: str = "copy or download it again") -> Iterator[h5py.File]:
    """Open a file for `read_dataset`.

    Args:
        hint (str): what to do when it cannot be used.

    Raises:
        UserError: no such file, or whatever fails in the block.
    """
    try:
        with h5py.File(path, "r") as file:
            yield file
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; {hint}") from None
    except MemoryError:
        raise UserError(f"{path} does not fit into the memory; end other programs") from None
    # h5py has no error type of its own for what its library does not understand.
    except Exception as error:
        raise UserError(f"{path} is not a readable HDF5 file ({reason(error)}); {hint}") from error


def read_dataset(file: h5py.File, name: str | h5py.Reference) -> np.ndarray:
    """One array of an open file: numbers, text or references.

    Args:
        file (h5py.File): of `open_hdf5`.
        name (str or h5py.Reference): its path, or a reference that another array holds.

    Raises:
        DamagedData: it lies elsewhere (links and parts of other files are not followed), is larger than its file can
            hold, or holds neither numbers, text nor references.
        KeyError: there is none of this name.
    """
    dataset = _dataset(file, name)
    dtype, shape, stored = dataset.dtype, dataset.shape, dataset.id.get_storage_size()
    if dataset.is_virtual or dataset.external:
        raise DamagedData(f"{name} lies in other files, which are not read")
    text = h5py.check_string_dtype(dtype) is not None and dtype.kind == "O"
    if shape is None or not (dtype.kind in "biufSU" or text or h5py.check_ref_dtype(dtype) is h5py.Reference):
        raise DamagedData(f"{name} holds neither numbers nor text")
    largest = max(_UNPACKED, _PER_BYTE * stored)
    for what in (shape, dataset.chunks or ()):
        if math.prod(max(size, 1) for size in what) * max(dtype.itemsize, 1) > largest:
            raise DamagedData(f"{name} has the shape {shape}, which its {stored} bytes cannot be")
    if not text or not shape:
        return np.asarray(dataset[()])
    rows, length = [], 0
    for start in range(0, shape[0], _ROWS):
        rows.append(dataset[start:start + _ROWS])
        length += sum(map(len, rows[-1].ravel()))
        if length > largest:
            raise DamagedData(f"the texts of {name} are longer than the file")
    return np.concatenate(rows) if rows else np.empty(shape, object)


def datasets_of(file: h5py.File) -> list[str]:
    """Names of the arrays that lie in the file's first level itself."""
    return [name for name in file if isinstance(file.get(name, getlink=True), h5py.HardLink)
            and isinstance(file[name], h5py.Dataset)]


def _dataset(file: h5py.File, name: str | h5py.Reference) -> h5py.Dataset:
    if isinstance(name, h5py.Reference) and not isinstance(name, h5py.RegionReference):
        place = file[name]
    else:
        place = file
        for part in name.split("/"):
            link = place.get(part, getlink=True) if isinstance(place, h5py.Group) else None
            if link is None:
                raise KeyError(f"there is no {name}")
            if not isinstance(link, h5py.HardLink):
                raise DamagedData(f"{name} is a link to another place, which is not followed")
            place = place[part]
    if not isinstance(place, h5py.Dataset):
        raise DamagedData(f"{name} is no array")
    return place
