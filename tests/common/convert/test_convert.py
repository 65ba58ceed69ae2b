"""Renaming rules: every name is accounted for."""
import numpy as np
import pytest

from common.convert.pth import read_weights
from common.convert.rules import Rule, convert, transpose
from common.errors import UserError

RULES = [Rule(r"layer(\d)\.w", r"layers.\1.weight", transpose), Rule(r"layer(\d)\.b", r"layers.\1.bias"),
         Rule(r".*\.count", None, why="counts only")]
WANTED = {"layers.0.weight": (2, 3), "layers.0.bias": (2,)}
GOOD = {"layer0.w": np.arange(6.0).reshape(3, 2), "layer0.b": np.zeros(2), "layer0.count": np.array(1)}


def test_names_are_mapped_and_reported():
    result = convert(GOOD, RULES, WANTED, "file")
    assert (result.weights["layers.0.weight"] == GOOD["layer0.w"].T).all()
    assert result.weights["layers.0.bias"].dtype == np.float32
    assert result.report() == ["layer0.w -> layers.0.weight (2, 3)", "layer0.b -> layers.0.bias (2,)",
                               "layer0.count left out: counts only"]


@pytest.mark.parametrize("change, words", [
    ({"other": np.zeros(1)}, "unknown names: other"), ({"layer1.b": np.zeros(1)}, "the network has no layers.1.bias"),
    ({"layer0.b": None}, "missing for layers.0.bias"),
    ({"layer0.b": np.zeros(3)}, r"is \(3,\), the network has \(2,\)"),
    ({"layer0.b": np.array([0, np.inf])}, "not finite")])
def test_doubts_are_errors(change, words):
    arrays = {name: array for name, array in {**GOOD, **change}.items() if array is not None}
    with pytest.raises(UserError, match=words):
        convert(arrays, RULES, WANTED, "file")


def test_the_first_of_many_shapes_are_listed():
    arrays, wanted = ({f"x{number}": np.zeros(size) for number in range(9)} for size in (1, 2))
    with pytest.raises(UserError) as raised:
        convert(arrays, [Rule("(x.)", r"\1")], {name: array.shape for name, array in wanted.items()}, "file")
    assert str(raised.value) == "file cannot be converted: " + "".join(
        f"x{number} is (1,), the network has (2,); " for number in range(3)) + "6 further arrays have other shapes"


def test_two_names_for_one_target():
    with pytest.raises(UserError, match="both give x"):
        convert({"a": np.zeros(1), "b": np.zeros(1)}, [Rule("[ab]", "x")], {"x": (1,)}, "file")


def test_npz_files_are_read_without_pickles(tmp_path):
    np.savez(tmp_path / "a.npz", **{"module.x/y": np.ones(2)})
    arrays, _ = read_weights(str(tmp_path / "a.npz"))
    assert list(arrays) == ["x/y"]
    np.savez(tmp_path / "b.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UserError, match="b.npz"):
        read_weights(str(tmp_path / "b.npz"))
    (tmp_path / "c.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(UserError, match="c.npz"):
        read_weights(str(tmp_path / "c.npz"))


@pytest.mark.torch
def test_several_networks_in_one_file(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"graph": {"a.w": torch.ones(2)}, "head": {"b": torch.zeros(1)}, "epoch": 3, "optimizer": {"lr": 1.0}},
               str(tmp_path / "two.pt"))
    arrays, others = read_weights(str(tmp_path / "two.pt"))
    assert set(arrays) == {"graph.a.w", "head.b"}
    assert others == {"epoch": 3, "optimizer": {"lr": 1.0}}
