"""Compiled loops: their machine code is kept, and nothing fails where it cannot be."""
import importlib
import logging
import pathlib
import subprocess
import sys

import pytest

import common.compiled

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = '''from common.compiled import compiled, helper


@helper
def twice(number):
    return 2 * number


@compiled("i8(i8)")
def count(number):
    total = 0
    for index in range(number):
        total += twice(index)
    return total
'''


@pytest.fixture
def load(tmp_path, monkeypatch):
    """A function: import the module of SOURCE anew, its code kept in `cache` below tmp_path."""
    monkeypatch.setenv("MINDHUMAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    common.compiled._folder.cache_clear()
    (tmp_path / "loops.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)

    def function():
        sys.modules.pop("loops", None)
        return importlib.import_module("loops").count
    yield function
    sys.modules.pop("loops", None)
    common.compiled._folder.cache_clear()


def kept(tmp_path):
    return sorted(path for path in (tmp_path / "cache" / "numba").rglob("*") if path.is_file())


def test_code_is_compiled_once_and_kept_in_the_cache_folder(load, tmp_path):
    first = load()
    assert first(4) == 12 and not first.stats.cache_hits
    assert [path.suffix for path in kept(tmp_path)] == [".nbc", ".nbi"]
    again = load()
    assert again(4) == 12 and len(again.stats.cache_hits) == 1
    assert not list(tmp_path.glob("__pycache__/*.nb?"))


def test_other_types_are_refused(load):
    with pytest.raises(TypeError):
        load()("four")


def test_damaged_code_is_compiled_anew(load, tmp_path, caplog):
    load()
    for path in kept(tmp_path):
        path.write_bytes(path.read_bytes()[:40])
    with caplog.at_level(logging.WARNING, "mindhuman"):
        assert load()(4) == 12
    assert "for this run alone" in caplog.text


def test_without_a_place_to_keep_it_code_is_compiled_in_every_run(load, tmp_path, caplog):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING, "mindhuman"):
        assert load()(4) == 12 and load()(5) == 20
    assert caplog.text.count("MINDHUMAN_CACHE names another folder") == 1


def test_two_processes_compile_at_once(load, tmp_path):
    code = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(tmp_path)!r}]; import loops; print(loops.count(4))"
    running = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0] for process in running] == ["12\n", "12\n"]
    assert [path.suffix for path in kept(tmp_path)] == [".nbc", ".nbi"]
    again = load()
    assert again(4) == 12 and len(again.stats.cache_hits) == 1
