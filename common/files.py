"""Files that are either whole or absent: write beside the target, flush to disk, rename."""
from __future__ import annotations

import contextlib
import io
import os
import pathlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from common.errors import DISK_ERRORS, UserError

if TYPE_CHECKING:
    import numpy.typing as npt

# What `atomic_path` calls its temporary files; the framework may put another ending in place of the last one.
LEFTOVER = re.compile(r"\..+\.\w{8}\.part(\.\w+)?", re.ASCII)


def cache_folder() -> pathlib.Path:
    """The user's folder of what can be made or fetched again; it may not exist yet.

    `$MINDHUMAN_CACHE`, or else `mindhuman` in `$XDG_CACHE_HOME`, by default `~/.cache`.
    """
    own = os.environ.get("MINDHUMAN_CACHE")
    if own:
        return pathlib.Path(own).expanduser().absolute()
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "mindhuman"


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[str]:
    """Yield a temporary path in the folder of `path` (same ending); it becomes `path` when the block succeeds.

    A kill at any moment leaves the old file or the new one, never a part. Missing folders are made.

    Raises:
        UserError: the folder cannot be made or written to, or the disk is full.
    """
    path = os.path.abspath(path)
    folder, name = os.path.split(path)
    stem, ending = os.path.splitext(name)
    try:
        os.makedirs(folder, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{stem[:40]}.", suffix=f".part{ending}", dir=folder)
    except OSError as error:
        raise _refusal(path, error) from None
    os.close(handle)
    complete = False
    try:
        yield temporary
        complete = True
        _publish(temporary, path)
    except OSError as error:
        # The block may have failed at another file: then its error stays what it is.
        if not complete and error.errno not in DISK_ERRORS:
            raise
        raise _refusal(path, error) from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)


def make_folder(path: str | os.PathLike) -> None:
    """Make a folder, with those above it, unless it is there: what takes long asks before where its result will go.

    Raises:
        UserError: it cannot be made or written to.
    """
    try:
        os.makedirs(path, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise _refusal(path, error) from None


def set_aside(paths: Sequence[str | os.PathLike], folder: str | os.PathLike) -> str:
    """Move files into a folder, or where it holds one of their names, into the next free of FOLDER_2, FOLDER_3, ...

    Returns:
        The folder in which they are now.

    Raises:
        UserError: it cannot be made or written to.
    """
    names = [os.path.basename(path) for path in paths]
    target, number = os.fspath(folder), 1
    while any(os.path.lexists(os.path.join(target, name)) for name in names):
        number += 1
        target = f"{os.fspath(folder)}_{number}"
    if names:
        make_folder(target)
    for path, name in zip(paths, names):
        os.replace(path, os.path.join(target, name))
    return target


def _refusal(path: str | os.PathLike, error: OSError) -> UserError:
    places = (pathlib.Path(path), *pathlib.Path(path).parents)
    above = next((place for place in places if os.path.exists(place) and not os.path.isdir(place)), None)
    reason = f"{above} is a file, no folder" if above and isinstance(error, FileExistsError | NotADirectoryError) \
        else error.strerror
    return UserError(f"{path} cannot be written: {reason}; name another place, or mend this one")


def _publish(temporary: str, path: str | os.PathLike) -> None:
    """Bring a finished file to disk under its name, with the usual access rights."""
    with open(temporary, "rb") as stream:
        os.fsync(stream.fileno())
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(temporary, 0o666 & ~umask)
    os.replace(temporary, path)


def npz_bytes(arrays: Mapping[str, npt.ArrayLike], compressed: bool = True) -> bytes:
    """The bytes of an npz file with these arrays (name -> array), for `atomic_write`.

    numpy's own writing to a file would print a trace where the disk is full.
    """
    import numpy as np  # here, as commands need this module before they need numpy

    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, **arrays)
    return stream.getvalue()


def remove_leftovers(folder: str | os.PathLike) -> None:
    """Remove the temporary files of writers that were killed. Only for a folder that nobody else writes to."""
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if LEFTOVER.fullmatch(name):
            os.remove(os.path.join(folder, name))


def atomic_write(path: str | os.PathLike, data: bytes) -> None:
    """Write bytes to `path` at once."""
    with atomic_path(path) as temporary, open(temporary, "wb") as stream:
        stream.write(data)
