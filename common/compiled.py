"""Compiling loops with numba, and where their machine code is kept.

Only modules that hold such loops import this one, and they are imported on demand: loading numba takes up to half a
second. Code is kept in the user's cache folder (`common.files.cache_folder`), apart for each kind of processor, because
machines may share a home. numba writes a file beside its target and renames it, and every function has one signature,
so processes that compile at once write the same. What lies there is the user's own machine code, as in `__pycache__`.
"""
import contextlib
import functools
import hashlib
import logging
import pickle
import tempfile
from collections.abc import Callable, Iterator

import llvmlite.binding
import numba

from common.files import cache_folder

log = logging.getLogger("mindhuman")

# For small functions that compiled loops of the same file call; they are compiled into them.
helper = numba.njit(error_model="numpy")


def compiled(signature: str | list[str]) -> Callable[[Callable], Callable]:
    """A decorator: compile a function for one signature (numba's spelling), or load it where it was compiled before.

    The code runs without Python's lock, so that threads draw side by side. Arguments of other types are a TypeError,
    not a second compilation. Where nothing can be kept, a warning says so once, and every run compiles anew.
    """
    def decorate(function: Callable) -> Callable:
        folder = _folder()
        if folder:
            try:
                with _cache_in(folder):
                    return numba.njit(signature, cache=True, nogil=True, error_model="numpy")(function)
            except (OSError, EOFError, pickle.UnpicklingError) as error:
                log.warning("%s: compiled code cannot be kept or read (%s); it is compiled for this run alone", folder,
                            error)
        return numba.njit(signature, nogil=True, error_model="numpy")(function)
    return decorate


@functools.cache
def _folder() -> str | None:
    """The folder of this processor's code as a string, or None where nothing can be written."""
    processor = f"{llvmlite.binding.get_host_cpu_name()} {llvmlite.binding.get_host_cpu_features().flatten()}"
    folder = cache_folder() / "numba" / hashlib.sha256(processor.encode()).hexdigest()[:12]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        log.warning("%s cannot be written (%s), so the drawing code is compiled in every run; "
                    "MINDHUMAN_CACHE names another folder", folder, error.strerror)
        return None
    return str(folder)


@contextlib.contextmanager
def _cache_in(folder: str) -> Iterator[None]:
    """numba's cache is here for what is decorated inside, unless the user chose a place (NUMBA_CACHE_DIR)."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = before or folder
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before
