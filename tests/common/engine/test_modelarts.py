"""ModelArts: a stand-in for moxing copies folders."""
import shutil
import sys
import types

import pytest

from common.config import Config
from common.engine.modelarts import on_modelarts
from common.errors import UserError


@pytest.fixture
def moxing(monkeypatch):
    module = types.ModuleType("moxing")
    module.file = types.SimpleNamespace(copy_parallel=lambda source, target: shutil.copytree(
        source, target, dirs_exist_ok=True))
    monkeypatch.setitem(sys.modules, "moxing", module)


def settings(enabled, data_url, train_url):
    return Config({"enable_modelarts": enabled, "data_url": str(data_url), "train_url": str(train_url)})


def test_data_comes_and_results_go(moxing, tmp_path):
    remote, data, out, result = (tmp_path / name for name in ("remote", "data", "out", "result"))
    remote.mkdir()
    (remote / "a.txt").write_text("data")
    with on_modelarts(settings(True, remote, result), str(data), str(out)):
        assert (data / "a.txt").read_text() == "data"
        out.mkdir()
        (out / "b.txt").write_text("result")
    assert (result / "b.txt").read_text() == "result"


def test_results_go_even_when_the_run_fails(moxing, tmp_path):
    for name in ("remote", "out"):
        (tmp_path / name).mkdir()
    config = Config({"enable_modelarts": True, "from": str(tmp_path / "remote"), "to": str(tmp_path / "result")})
    with pytest.raises(ZeroDivisionError), on_modelarts(config, str(tmp_path / "data"), str(tmp_path / "out"),
                                                        urls=("from", "to")):
        (tmp_path / "out" / "b.txt").write_text("half")
        _ = 1 / 0
    assert (tmp_path / "result" / "b.txt").is_file()


def test_off_and_without_moxing(monkeypatch):
    monkeypatch.setitem(sys.modules, "moxing", None)
    with on_modelarts(settings(False, "a", "b"), "c", "d"):
        pass
    with pytest.raises(UserError, match="moxing"), on_modelarts(settings(True, "a", "b"), "c", "d"):
        pass
