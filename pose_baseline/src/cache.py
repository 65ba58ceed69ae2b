"""Arrays made from slow files, in a file that is found again as long as the files and the settings are the same."""
import contextlib
import fcntl
import hashlib
import json
import logging
import os
import zipfile

import numpy as np

from common.data.restricted_pickle import load_npz
from common.errors import UserError
from common.files import atomic_path, cache_folder, make_folder

FORMAT = 2  # raise it when what the arrays mean changes

log = logging.getLogger("mindhuman")


def digest(value):
    """Sixteen letters that stand for a JSON-able value."""
    return hashlib.sha256(json.dumps([FORMAT, value], sort_keys=True).encode()).hexdigest()[:16]


def file_facts(paths, root):
    """Name below `root`, size and time of change of every file: what tells whether a tree has changed."""
    return [[os.path.relpath(path, root), status.st_size, status.st_mtime_ns] for path in paths
            for status in [os.stat(path)]]


def writable_folder(preferred, name):
    """`preferred`, made when missing, or `name` in the user's own cache folder where that cannot be written.

    Raises:
        UserError: neither can be written.
    """
    own = str(cache_folder() / name)
    for folder in (preferred, own):
        with contextlib.suppress(UserError):
            make_folder(folder)
            if folder == own:
                log.info("%s cannot be written: poses are cached in %s", preferred, own)
            return folder
    raise UserError(f"neither {preferred} nor {own} can be written: name a folder for cached poses with --cache_dir")


@contextlib.contextmanager
def lock(path):
    """Hold a cache file while it is looked up and perhaps written, so that of several workers one reads the files.

    A process that ends, however it ends, lets go. File systems without locks are used without.
    """
    parent, name = os.path.split(path)
    with open(os.path.join(parent, f".{name}.lock"), "w", encoding="utf-8") as stream:
        with contextlib.suppress(OSError):
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def load(path, key):
    """The arrays that were written under a key: name -> array; zip archives tell whether a bit has changed.

    None when there is no such file, when it belongs to other files, or, with a warning, when it is damaged.
    """
    if not os.path.exists(path):
        return None
    try:
        arrays = load_npz(path, pickled=())
        if arrays.pop("key") == key:
            return arrays
        log.info("the data have changed since %s was written: they are read again", path)
    except (UserError, KeyError) as error:
        log.warning("the cached poses in %s are damaged (%s): they are made again", path, error)
    return None


def write(path, key, arrays):
    """Write arrays (name -> array) in place of those that may be there, under `lock`."""
    try:
        with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for name, array in {"key": key, **arrays}.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                    np.lib.format.write_array(stream, np.asarray(array), allow_pickle=False)
    except UserError as error:
        raise UserError(f"cannot write cached poses ({error}): free some space, or name another folder with "
                        "--cache_dir") from error
