"""Files that are either whole or absent: write beside the target, flush to disk, rename."""
import contextlib
import os
import tempfile


@contextlib.contextmanager
def atomic_path(path):
    """Yield a temporary path in the folder of `path` (same ending); it becomes `path` when the block succeeds.

    A kill at any moment leaves the old file or the new one, never a part. Missing folders are made.
    """
    path = os.path.abspath(path)
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    stem, ending = os.path.splitext(name)
    handle, temporary = tempfile.mkstemp(prefix=f".{stem}.", suffix=f".part{ending}", dir=folder)
    os.close(handle)
    try:
        yield temporary
        publish(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)
        raise


def publish(temporary, path):
    """Bring a finished file to disk under its name, with the usual access rights."""
    with open(temporary, "rb") as stream:
        os.fsync(stream.fileno())
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(temporary, 0o666 & ~umask)
    os.replace(temporary, path)


def atomic_write(path, data):
    """Write bytes to `path` at once."""
    with atomic_path(path) as temporary, open(temporary, "wb") as stream:
        stream.write(data)
