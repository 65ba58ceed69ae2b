"""Conversion of ImageNet weights under the documented flags."""
import json
from pathlib import Path

import numpy as np
import pytest

from cmr import pth2ckpt
from common.engine.checkpoint import read_checkpoint
from common.errors import UserError

KEYS = Path(__file__).parents[1] / "golden" / "cmr" / "cmr.keys.json"
PREFIX = "graph_cnn.resnet."
NORM = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """torchvision's ResNet-50 with every array full of a number of its own; path and arrays."""
    names = {name.removeprefix(PREFIX): shape for name, shape in json.loads(KEYS.read_text()).items()
             if name.startswith(PREFIX) and "num_batches_tracked" not in name}
    arrays = {name: np.full(shape, number, np.float16) for number, (name, shape) in enumerate(names.items())}
    path = tmp_path_factory.mktemp("weights") / "resnet50.npz"
    np.savez(path, **arrays)
    return str(path), arrays


def named_here(name):
    """torchvision's name -> the port's."""
    *parents, last = name.split(".")
    return ".".join([*parents, NORM[last] if "bn" in parents[-1] or parents[-2:] == ["downsample", "1"] else last])


def test_names_tell_what_the_file_holds(published, tmp_path, capsys):
    path, arrays = published
    pth2ckpt.main(["--pth-path", path, "--ckpt-path", str(tmp_path / "resnet.ckpt")])
    checkpoint = read_checkpoint(str(tmp_path / "resnet.ckpt"))
    expected = {name: array for name, array in arrays.items() if not name.startswith("fc.")}
    assert set(checkpoint.weights) == {named_here(name) for name in expected}
    assert all((checkpoint.weights[named_here(name)] == array).all() for name, array in expected.items())
    assert checkpoint.meta["config"]["depth"] == 50
    assert f"{len(expected)} arrays mapped, 2 left out" in capsys.readouterr().out


def test_a_table_gives_names_of_its_own(published, tmp_path):
    path, arrays = published
    table = {f"my {name}": named_here(name) for name in arrays if not name.startswith("fc.")}
    np.savez(tmp_path / "own.npz", **{f"my {name}": array for name, array in arrays.items()})
    (tmp_path / "names.json").write_text(json.dumps(table))
    pth2ckpt.main(["--pth-path", str(tmp_path / "own.npz"), "--ckpt-path", str(tmp_path / "resnet.ckpt"),
                   "--dict-file", str(tmp_path / "names.json")])
    weights = read_checkpoint(str(tmp_path / "resnet.ckpt")).weights
    assert (weights["layer4.2.bn3.gamma"] == arrays["layer4.2.bn3.weight"]).all()
    (tmp_path / "names.json").write_text(json.dumps({name: new for name, new in table.items() if "conv1" not in name}))
    with pytest.raises(UserError, match=r"own.npz.*missing for conv1.weight"):
        pth2ckpt.main(["--pth-path", str(tmp_path / "own.npz"), "--ckpt-path", str(tmp_path / "other.ckpt"),
                       "--dict-file", str(tmp_path / "names.json")])
    assert not (tmp_path / "other.ckpt").exists()


@pytest.mark.parametrize("flags, words", [
    (["--ckpt-path", "a.ckpt"], "--pth-path"),
    (["--pth-path", "nowhere.pth", "--ckpt-path", "a.ckpt"], "nowhere.pth"),
    (["--pth-path", "PUBLISHED", "--ckpt-path", "a.bin"], "must end with .ckpt"),
    (["--pth-path", "PUBLISHED", "--ckpt-path", "a.ckpt", "--dict-file", "none.json"], "none.json does not exist"),
    (["--pth-path", "PUBLISHED", "--ckpt-path", "a.ckpt", "--dict-file", "list.json"], "list.json must hold"),
])
def test_bad_input_is_one_sentence(published, tmp_path, monkeypatch, flags, words):
    (tmp_path / "list.json").write_text("[]")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=words):
        pth2ckpt.main([published[0] if word == "PUBLISHED" else word for word in flags])
