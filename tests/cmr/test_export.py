"""export.py: the files, their descriptions, and what it says to bad input."""
import dataclasses
import json
import logging
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from mindspore import Tensor

from cmr import export
from cmr.export import example_inputs
from cmr.src.config import read_settings
from cmr.src.mesh import load_body
from cmr.src.network import build_network
from common.body_models.embedded import announce_embedded
from common.body_models.files import load_body_model
from common.engine.checkpoint import write_checkpoint
from common.engine.export import load_mindir
from common.errors import UserError

SMALL = ["--num_layers", "1", "--num_channels", "32", "--depth", "18", "--width", "0.125", "--img_res", "64"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    config = read_settings(SMALL)
    path = tmp_path_factory.mktemp("checkpoint") / "small.ckpt"
    write_checkpoint(str(path), build_network(config, load_body(config)), meta={"model": "cmr", "config": dict(config)})
    return str(path)


@pytest.mark.slow
def test_the_description_says_what_goes_in_and_comes_out(checkpoint, tmp_path, capsys):
    export.main(["--checkpoint", checkpoint, "--file_name", str(tmp_path / "net"), "--batch_size", "1",
                 "--device_target", "CPU"])
    assert "arrays of the synthetic body" in capsys.readouterr().out
    content = json.loads((tmp_path / "net.json").read_text())
    assert content["input"]["shape"] == [1, 3, 64, 64] and content["input"]["crop_contrast_stretch"] is False
    assert content["body_model"] == {"kind": "smpl", "file": "synthetic", "synthetic": True}
    outputs = load_mindir(str(tmp_path / "net.mindir"))(Tensor(example_inputs(64)(1)[0]))
    assert [output["shape"] for output in content["outputs"]] == [list(output.shape) for output in outputs]
    names = [output["name"] for output in content["outputs"]]
    assert names == ["vertices", "camera", "smpl_vertices", "rotmat", "betas"]


@pytest.mark.slow
def test_onnx_holds_the_whole_network_without_svd(checkpoint, tmp_path, capsys):
    export.main(["--checkpoint", checkpoint, "--file_name", str(tmp_path / "net"), "--file_format", "ONNX",
                 "--device_target", "CPU"])
    assert "ONNX has no operator for singular values" in capsys.readouterr().out
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"))
    outputs = session.run(None, {session.get_inputs()[0].name: example_inputs(64)(1)[0]})
    assert [output.shape for output in outputs] == [(1, 6890, 3), (1, 3), (1, 6890, 3), (1, 24, 3, 3), (1, 10)]
    assert np.abs(outputs[3] @ outputs[3].swapaxes(-1, -2) - np.eye(3)).max() < 1e-4


def test_licensed_arrays_are_announced(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("mindhuman"), "propagate", True)
    model = dataclasses.replace(load_body_model("smpl"), source=str(Path("models", "basicModel.pkl")))
    assert announce_embedded("net.mindir", model) == {"kind": "smpl", "file": "basicModel.pkl", "synthetic": False}
    assert "net.mindir holds arrays of the body model models/basicModel.pkl" in caplog.text


@pytest.mark.parametrize("argv, words", [
    (["--file_format", "TXT"], "--file_format TXT"), (["--file_format", "AIR"], "only the Ascend back end"),
    (["--file_format", "ONNX", "--batch_size", "0"], "needs a fixed batch"),
    (["--batch_size", "-1"], "write a whole number from 0"), (["--num_layers", "3"], "contradicts"),
    (["--checkpoint", "nowhere.ckpt"], "nowhere.ckpt"),
])
def test_bad_input_is_one_sentence(checkpoint, tmp_path, argv, words):
    with pytest.raises(UserError, match=words):
        export.main(["--checkpoint", checkpoint, "--file_name", str(tmp_path / "net"), "--device_target", "CPU", *argv])
