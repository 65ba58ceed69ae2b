"""A folder of arrays made from slow files, found again as long as the files and the settings are the same.

One entry is a folder `<name>/` with one .npy per array and `index.json`, which holds the key, the checksum of every
array and what else describes them. Entries appear whole or not at all.
"""
import contextlib
import fcntl
import hashlib
import json
import logging
import os
import shutil
import tempfile
import zlib

import numpy as np

from common.errors import UserError
from common.files import cache_folder
from common.text_files import read_json

INDEX = "index.json"
FORMAT = 1  # raise it when what the arrays mean changes

log = logging.getLogger("mindhuman")


def digest(value):
    """Sixteen letters that stand for a JSON-able value."""
    return hashlib.sha256(json.dumps([FORMAT, value], sort_keys=True).encode()).hexdigest()[:16]


def file_facts(paths, root):
    """Name below `root`, size and time of change of every file: what tells whether a tree has changed."""
    facts = []
    for path in paths:
        status = os.stat(path)
        facts.append([os.path.relpath(path, root), status.st_size, status.st_mtime_ns])
    return facts


def writable_folder(preferred, name):
    """`preferred`, or the user's own cache folder where that cannot be written.

    Args:
        preferred (str): folder to use if possible; made when missing.
        name (str): subfolder of the user's cache folder, `common.files.cache_folder`.

    Raises:
        UserError: neither can be written.
    """
    own = str(cache_folder() / name)
    for folder in (preferred, own):
        try:
            os.makedirs(folder, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError:
            continue
        if folder == own:
            log.info("%s cannot be written: poses are cached in %s", preferred, own)
        return folder
    raise UserError(f"neither {preferred} nor {own} can be written: name a folder for cached poses with --cache_dir")


@contextlib.contextmanager
def lock(folder):
    """Hold an entry while it is looked up and perhaps written, so that of several workers one reads the files.

    A process that ends, however it ends, lets go. File systems without locks are used without.
    """
    parent, name = os.path.split(folder)
    with open(os.path.join(parent, f".{name}.lock"), "w", encoding="utf-8") as stream:
        with contextlib.suppress(OSError):
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def load(folder, key):
    """Read an entry.

    Args:
        folder (str): of the entry.
        key (str): it must have been written under.

    Returns:
        tuple: dict of name -> read-only memory-mapped array, and the description given to `write`; None when there is
        no entry, when it belongs to other files, or, with a warning, when it is damaged.
    """
    try:
        if not os.path.exists(os.path.join(folder, INDEX)):
            raise FileNotFoundError
        index = read_json(os.path.join(folder, INDEX))
        if index["key"] != key:
            log.info("the data have changed since %s was written: they are read again", folder)
            return None
        arrays = {}
        for name, checksum in index["checksums"].items():
            arrays[name] = np.load(os.path.join(folder, name + ".npy"), mmap_mode="r", allow_pickle=False)
            if _checksum(arrays[name]) != checksum:
                raise ValueError(f"{name}.npy has another checksum")
        return arrays, index["description"]
    except FileNotFoundError:
        if os.path.isdir(folder):
            log.warning("the cached poses in %s are incomplete: they are made again", folder)
        return None
    except (UserError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("the cached poses in %s are damaged (%s): they are made again", folder, error)
        return None


@contextlib.contextmanager
def write(folder, key):
    """Write an entry, in place of one that may be there, under `lock`.

    Yields:
        Entry: `create(name, shape, dtype)` gives an array to fill; `arrays` and the dict `description` stay valid
        afterwards.
    """
    parent = os.path.dirname(folder)
    temporary = tempfile.mkdtemp(prefix=f".{os.path.basename(folder)}.", suffix=".part", dir=parent)
    entry = Entry(temporary)
    try:
        yield entry
        entry.finish(key)
        _put_in_place(temporary, folder)
    except OSError as error:
        raise UserError(f"cannot write cached poses to {parent} ({error}): free some space, or name another folder "
                        "with --cache_dir") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


class Entry:
    """An entry that is being written."""

    def __init__(self, folder):
        self._folder, self.arrays, self.description = folder, {}, {}

    def create(self, name, shape, dtype):
        """An array on disk to fill."""
        path = os.path.join(self._folder, name + ".npy")
        self.arrays[name] = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
        return self.arrays[name]

    def finish(self, key):
        """Bring everything to disk, the index last."""
        for array in self.arrays.values():
            array.flush()
        index = {"key": key, "checksums": {name: _checksum(array) for name, array in self.arrays.items()},
                 "description": self.description}
        with open(os.path.join(self._folder, INDEX), "w", encoding="utf-8") as stream:
            json.dump(index, stream)


def _put_in_place(temporary, folder):
    """Rename; a folder that is there gives way first, and whoever has it open keeps its files."""
    if os.path.lexists(folder):
        old = tempfile.mkdtemp(prefix=f".{os.path.basename(folder)}.", suffix=".old", dir=os.path.dirname(folder))
        os.replace(folder, os.path.join(old, "entry"))
        os.replace(temporary, folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.replace(temporary, folder)


def _checksum(array):
    """CRC-32 of the content, in blocks so that no copy of a large array is made."""
    flat, value = array.reshape(-1).view(np.uint8), 0
    for start in range(0, flat.size, 1 << 24):
        value = zlib.crc32(flat[start:start + (1 << 24)], value)
    return value
