"""Kept graphs: what belongs to their key, and that a process never computes with the graph of another network."""
import importlib
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn, ops

from common.engine import graph_cache
from common.engine.graph_cache import Compiled, key_of

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "support" / "graph_cache_run.py"
X = Tensor(np.zeros((2, 3), np.float32))


class Net(nn.Cell):
    """A network of everything that a key has to tell apart."""

    def __init__(self, number=2, array=(1.0, 2.0), shape=(3,), value=0.0, name="w", learns=True, transposed=False,
                 closed=1, anything=None):
        super().__init__()
        self.number, self.array = number, Tensor(np.float32(array))
        self.weight = Parameter(Tensor(np.full(shape, value, np.float32)), name=name, requires_grad=learns)
        self.product = ops.MatMul(transpose_b=transposed)
        self.inner = nn.SequentialCell([nn.Dense(3, 3, weight_init="zeros"), nn.ReLU()])
        self.function = lambda x: x + closed
        self.anything = anything

    def construct(self, x):
        return x


@pytest.mark.parametrize("change", [
    {"number": 3}, {"number": 2.0}, {"array": (1.0, 3.0)}, {"array": (1.0,)}, {"shape": (4,)}, {"name": "v"},
    {"learns": False}, {"transposed": True}, {"closed": 2}, {"anything": [1, "a"]}, {"anything": nn.ReLU()}])
def test_another_network_has_another_key(change):
    assert key_of(Net(), (X,)) == key_of(Net(), (X,))
    assert key_of(Net(**change), (X,)) not in (key_of(Net(), (X,)), None)


def test_what_else_belongs_to_the_key(monkeypatch):
    net, key = Net(), key_of(Net(), (X,))
    assert key == key_of(Net(value=5.0), (X,)), "values of parameters are given to the graph"
    others = [key_of(net, (Tensor(np.zeros((2, 4), np.float32)),)), key_of(net, (X, X)),
              key_of(net, (Tensor(np.zeros((2, 3), np.float16)),)), key_of(Net().set_train(), (X,))]
    with monkeypatch.context() as patch:
        patch.setenv("MS_DEV_SOMETHING", "1")
        others.append(key_of(net, (X,)))
    with monkeypatch.context() as patch:
        patch.setattr(graph_cache, "_digest", lambda path: "other sources")
        others.append(key_of(net, (X,)))
    assert len({key, *others}) == 7 and key_of(net, (X,)) == key


def test_the_lines_of_another_program_belong_to_the_key(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    keys = []
    for helper in ("return x", "return x", "return 2 * x"):
        (tmp_path / "own_helper.py").write_text(f"def help(x):\n    {helper}\n")
        (tmp_path / "own_cell.py").write_text("from mindspore import nn\nfrom own_helper import help\n\n\n"
                                              "class Own(nn.Cell):\n"
                                              "    def construct(self, x):\n        return help(x)\n")
        keys.append(key_of(importlib.import_module("own_cell").Own(), (X,)))
    for name in ("own_cell", "own_helper"):
        del sys.modules[name]
    assert keys[0] == keys[1] != keys[2] and keys[0]


def test_a_network_with_something_unknown_is_not_kept():
    assert key_of(Net(anything=iter([1])), (X,)) is None
    assert key_of(Net(anything=np.array([object()])), (X,)) is None


def test_attributes_are_those_of_the_network():
    net = Net()
    assert Compiled(net).number == 2 and Compiled(net).weight is net.weight
    with pytest.raises(AttributeError):
        Compiled(net).nothing  # noqa: B018


def run(cache, *items, **environment):
    """Lines of the program, and what lies in the cache: folder -> time of its graph."""
    environment = {**os.environ, "MINDHUMAN_CACHE": str(cache), "MINDHUMAN_GRAPHS": "1", **environment}
    said = subprocess.run([sys.executable, str(PROGRAM), *items], env=environment, check=True, capture_output=True)
    graphs = {path.parent.name: path.stat().st_mtime_ns for path in cache.glob("graphs/*/graph.mindir")}
    assert not list(cache.glob("graphs/.*")), "the process has left its folder"
    return said.stdout.decode().splitlines(), graphs


def expected(item):
    """y of 0, 1, ... and what an update takes from w: 0.25 times the length times the factor."""
    factor, length = (float(part) for part in item.split(":"))
    return f"{item} {[factor * x for x in range(int(length))]} {-0.25 * length * factor}"


def test_programs_compute_their_own_and_find_their_graphs(tmp_path):
    items = ["2:2", "3:2", "2:4"]
    said, kept = run(tmp_path, *items)
    assert said == [expected(item) for item in items] and len(kept) == 6
    # Another order, a network more, and a graph that is damaged.
    damaged = sorted(kept)[0]
    graph = tmp_path / "graphs" / damaged / "graph.mindir"
    graph.write_bytes(graph.read_bytes()[:100])
    items = ["2:4", "5:3", "3:2", "2:2"]
    said, after = run(tmp_path, *items)
    assert said == [expected(item) for item in items] and len(after) == 8
    assert after[damaged] != kept[damaged] and graph.stat().st_size > 100
    assert all(after[name] == time for name, time in kept.items() if name != damaged)


def test_without_a_script_of_its_own_all_is_compiled(tmp_path):
    code = f"import sys; sys.path.insert(0, {str(PROGRAM.parent)!r}); import {PROGRAM.stem}"
    said = subprocess.run([sys.executable, "-c", code, "2:2"], check=True, capture_output=True,
                          env={**os.environ, "MINDHUMAN_CACHE": str(tmp_path)})
    assert said.stdout.decode().splitlines() == [expected("2:2")] and not list(tmp_path.glob("graphs/*/graph.mindir"))


def test_without_a_place_or_unwanted_all_is_compiled(tmp_path):
    assert run(tmp_path, "2:2", MINDHUMAN_GRAPHS="0") == ([expected("2:2")], {})
    blocked = tmp_path / "file"
    blocked.write_text("")
    said = subprocess.run([sys.executable, str(PROGRAM), "2:2"], check=True, capture_output=True,
                          env={**os.environ, "MINDHUMAN_CACHE": str(blocked), "MINDHUMAN_GRAPHS": "1"})
    assert said.stdout.decode().splitlines() == [expected("2:2")]
    assert said.stderr.decode().count("MINDHUMAN_CACHE names the folder") == 1


def test_the_graphs_that_nobody_used_go(tmp_path, monkeypatch):
    monkeypatch.setattr(graph_cache, "LIMIT", 25)
    for number, name in enumerate(("c", "a", "b", ".process-old", ".process-new")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "graph.mindir").write_bytes(bytes(10))
        (folder / "digests.txt").write_text("")
        os.utime(folder / "digests.txt", (number + 1, number + 1))
    os.utime(tmp_path / ".process-old", (1, 1))
    graph_cache._tidy(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".process-new", "a", "b"]
