"""Exported files are compared with the network, and refused when they differ."""
import os

import mindspore as ms
import numpy as np
import onnxruntime
import pytest
from mindspore import Parameter, Tensor, nn, ops

from common.engine import export as export_module
from common.engine.export import export_network, load_mindir
from common.errors import UserError


class Net(nn.Cell):
    """Two outputs; uses the batch size, which is where a free batch goes wrong."""

    def __init__(self):
        super().__init__()
        self.weight = Parameter(Tensor(np.arange(6).reshape(3, 2), ms.float32), name="weight")

    def construct(self, x):
        y = ops.matmul(x, self.weight)
        return y, y.reshape(x.shape[0], 2, 1)


def _inputs(batch):
    return [np.random.default_rng(batch).standard_normal((batch, 3)).astype(np.float32)]


@pytest.mark.parametrize("file_format, batch", [("MINDIR", 2), ("MINDIR", 0), ("ONNX", 2)])
def test_written_files_agree(tmp_path, file_format, batch):
    path, difference = export_network(Net(), _inputs, str(tmp_path / "net"), file_format, batch, "CPU")
    assert os.path.basename(path) == "net" + export_module.ENDINGS[file_format]
    assert difference < 1e-6
    assert os.listdir(tmp_path) == [os.path.basename(path)]


@pytest.mark.parametrize("file_format", ["MINDIR", "ONNX"])
def test_names_may_have_blanks_and_any_letters(tmp_path, file_format):
    path, _ = export_network(Net(), _inputs, str(tmp_path / "für mich" / "mein netz"), file_format, 2, "CPU")
    assert os.listdir(tmp_path / "für mich") == [os.path.basename(path)]
    assert os.path.basename(path) == "mein netz" + export_module.ENDINGS[file_format]
    if file_format == "MINDIR":
        assert load_mindir(path)(Tensor(_inputs(2)[0]))[0].shape == (2, 2)


@pytest.mark.parametrize("name, words", [("", "--file_name"), ("folder/", "--file_name 'folder/'"),
                                         ("/dev/null/x", "/dev/null cannot be written")])
def test_names_that_are_no_file(tmp_path, monkeypatch, name, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=words):
        export_network(Net(), _inputs, name, "MINDIR", 2, "CPU")
    assert os.listdir(tmp_path) == []


def test_a_free_batch_is_right_after_another_size(tmp_path):
    path, _ = export_network(Net(), _inputs, str(tmp_path / "net.mindir"), "mindir", 0, "CPU")
    cell, network = load_mindir(path, [(1, 3)]), Net()
    for batch in (3, 1, 4):
        for found, expected in zip(cell(Tensor(_inputs(batch)[0])), network(Tensor(_inputs(batch)[0]))):
            assert found.shape == expected.shape
            assert np.abs(found.asnumpy() - expected.asnumpy()).max() < 1e-6


def test_a_file_that_computes_otherwise_is_not_kept(tmp_path, monkeypatch):
    write = export_module._write

    def spoiled(network, *arguments):
        other = Net()
        other.weight.set_data(network.weight + 0.01)
        write(other, *arguments)

    monkeypatch.setattr(export_module, "_write", spoiled)
    with pytest.raises(UserError, match="differs from the network by"):
        export_network(Net(), _inputs, str(tmp_path / "net"), "MINDIR", 2, "CPU")
    assert os.listdir(tmp_path) == []


class Finer(nn.Cell):
    """A transposed convolution with a bias, and its mean."""

    def __init__(self):
        super().__init__()
        weight = np.random.default_rng(1).standard_normal((3, 5, 4, 4)).astype(np.float32)
        self.layer = nn.Conv2dTranspose(3, 5, 4, 2, pad_mode="pad", padding=1, has_bias=True,
                                        weight_init=Tensor(weight))

    def construct(self, image):
        maps = self.layer(image)
        return maps, maps.mean((2, 3))


def test_onnx_with_a_transposed_convolution_and_names(tmp_path):
    image = np.random.default_rng(2).standard_normal((2, 3, 6, 8)).astype(np.float32)
    path, difference = export_network(Finer(), lambda size: [image[:size]], str(tmp_path / "net"), "ONNX", 2, "CPU",
                                      names=(["image"], ["maps", "mean"]))
    assert difference < 1e-5
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    mean, = session.run(["mean"], {"image": image})
    assert mean.shape == (2, 5) and [value.name for value in session.get_outputs()] == ["maps", "mean"]


class NotForOnnx(nn.Cell):
    def construct(self, x):
        return ops.interpolate(x.reshape(1, 1, -1, 3), (8, 8), mode="bilinear")


def test_what_the_converter_cannot_do_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="--file_format ONNX: the converter cannot express") as error:
        export_network(NotForOnnx(), _inputs, str(tmp_path / "net"), "ONNX", 2, "CPU")
    assert "\n" not in str(error.value)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("text", ["", "no mindir"])
def test_damaged_mindir(tmp_path, text):
    path = tmp_path / "a.mindir"
    path.write_text(text)
    with pytest.raises(UserError, match="a.mindir"):
        load_mindir(str(path))
    with pytest.raises(UserError, match="does not exist"):
        load_mindir(str(tmp_path / "b.mindir"))
