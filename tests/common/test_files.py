"""Atomic writes."""
import errno
import os
import stat

import pytest

from common.errors import UserError
from common.files import atomic_path, atomic_write, cache_folder, make_folder, remove_leftovers


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


def test_places_that_cannot_be_written_are_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file/below/a.txt cannot be written"):
        atomic_write(str(tmp_path / "file" / "below" / "a.txt"), b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="folder cannot be written"):
        atomic_write(str(tmp_path / "folder"), b"")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_a_full_disk_is_named_and_other_failures_keep_their_error(tmp_path):
    with pytest.raises(UserError, match="a.txt cannot be written: No space left"), \
            atomic_path(str(tmp_path / "a.txt")):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(FileNotFoundError), atomic_path(str(tmp_path / "a.txt")):
        open(tmp_path / "another file", encoding="utf-8")
    assert os.listdir(tmp_path) == []


def test_what_killed_writers_left_is_removed(tmp_path, monkeypatch):
    def keep(_):
        raise FileNotFoundError

    remove_leftovers(str(tmp_path / "nowhere"))
    with monkeypatch.context() as killed:
        killed.setattr("common.files.os.remove", keep)  # a killed process removes nothing
        for name in ("checkpoint-7.ckpt", "metrics.csv", "no_ending"):
            with pytest.raises(RuntimeError), atomic_path(str(tmp_path / name)):
                raise RuntimeError
    atomic_write(str(tmp_path / "metrics.csv"), b"")
    for name in (".checkpoint-7.0abc_def.part.tmp", ".hidden.ckpt", "a.part.ckpt"):
        (tmp_path / name).write_text("")
    assert len(os.listdir(tmp_path)) == 7
    remove_leftovers(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == [".hidden.ckpt", "a.part.ckpt", "metrics.csv"]


def test_a_folder_is_made_or_refused_before_the_work(tmp_path):
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert os.listdir(tmp_path / "a") == ["b"] and not os.listdir(tmp_path / "a" / "b")
    (tmp_path / "file").touch()
    for place in ("file", "file/below"):
        with pytest.raises(UserError, match=f"{place} cannot be written: {tmp_path}/file is a file, no folder; name"):
            make_folder(tmp_path / place)
    with pytest.raises(UserError, match="/proc/x cannot be written: No such file"):
        make_folder("/proc/x")


def test_the_cache_folder_is_the_users_or_the_systems(monkeypatch, tmp_path):
    for name in ("MINDHUMAN_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "mindhuman"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "system"))
    assert cache_folder() == tmp_path / "system" / "mindhuman"
    monkeypatch.setenv("MINDHUMAN_CACHE", "~/own")
    assert cache_folder() == tmp_path / "own"


def test_a_name_that_is_too_long(tmp_path):
    with pytest.raises(UserError, match="cannot be written: File name too long"):
        make_folder(str(tmp_path / ("9" * 5000)))
