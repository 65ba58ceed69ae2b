"""With which PyTorch the benchmarks compare."""
import sys
from types import SimpleNamespace

import pytest

from tools.lab.benchmark import load_torch


@pytest.mark.parametrize("target, cuda, device", [
    ("CPU", False, "cpu"), ("CPU", True, "cpu"), ("GPU", True, "cuda"), ("GPU", False, None), ("Ascend", True, None)])
def test_pytorch_runs_on_the_device_of_the_run(monkeypatch, target, cuda, device):
    chosen, threads = [], []
    stand_in = SimpleNamespace(__version__="9.9", cuda=SimpleNamespace(is_available=lambda: cuda),
                               set_default_device=chosen.append, set_num_threads=threads.append)
    monkeypatch.setitem(sys.modules, "torch", stand_in)
    torch, remark = load_torch(3, target)
    if device:
        assert torch is stand_in and remark == "9.9" and chosen == [device] and threads == [3]
    else:
        assert torch is None and remark == f"9.9 cannot use the {target}, so there is nothing to compare with"
        assert not chosen


def test_without_pytorch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert load_torch(3, "CPU") == (None, "not installed")
