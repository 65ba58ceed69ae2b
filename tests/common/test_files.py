"""Atomic writes."""
import os
import stat

import pytest

from common.files import atomic_path, atomic_write


def test_a_failed_write_leaves_the_old_file_and_no_part(tmp_path):
    path = tmp_path / "a.txt"
    atomic_write(str(path), b"old")
    with pytest.raises(RuntimeError), atomic_path(str(path)) as temporary:
        with open(temporary, "wb") as stream:
            stream.write(b"new and broken")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_folders_are_made_and_others_may_read(tmp_path):
    path = tmp_path / "deep" / "er" / "b.bin"
    umask = os.umask(0o022)
    try:
        atomic_write(str(path), b"12")
    finally:
        os.umask(umask)
    assert path.read_bytes() == b"12"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_the_temporary_path_keeps_the_ending(tmp_path):
    with atomic_path(str(tmp_path / "c.ckpt")) as temporary:
        assert temporary.endswith(".ckpt")
        assert os.path.dirname(temporary) == str(tmp_path)
