"""Exported files, mixed precision, and the operators of other back ends."""
from pathlib import Path

import cmr_golden as golden
import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from cmr.src.network import CMR
from common.engine.amp import apply_amp
from common.engine.export import export_network


@pytest.fixture(scope="module", autouse=True)
def graph_mode():
    ms.set_context(mode=ms.GRAPH_MODE)
    yield
    ms.set_context(mode=ms.PYNATIVE_MODE)


def small_network(use_svd=True):
    return CMR(golden.mesh(), golden.smpl(), num_layers=1, num_channels=32, depth=18, width=0.125, use_svd=use_svd)


def images(size):
    return [np.random.default_rng(0).standard_normal((size, 3, 64, 64)).astype(np.float32)]


@pytest.mark.slow
@pytest.mark.parametrize("file_format, use_svd, batch_size", [
    ("MINDIR", True, 0),
    *(pytest.param(*case, marks=pytest.mark.full) for case in (("MINDIR", False, 2), ("ONNX", False, 2)))])
def test_exported_files_compute_the_same(tmp_path, file_format, use_svd, batch_size):
    path, difference = export_network(small_network(use_svd), images, str(tmp_path / "cmr"), file_format, batch_size,
                                      "CPU")
    assert Path(path).stat().st_size > 1e6
    assert difference < 1e-5


@pytest.mark.slow
def test_mixed_precision_keeps_bodies_exact():
    image = Tensor(images(2)[0])
    plain, mixed = ([value.asnumpy() for value in apply_amp(small_network().set_train(False), level)(image)]
                    for level in ("O0", "O2"))
    for expected, found in zip(plain, mixed):
        assert found.dtype == np.float32 and 0 < np.abs(found - expected).max() < 0.01
    assert np.abs(mixed[3] @ mixed[3].swapaxes(-1, -2) - np.eye(3)).max() < 1e-5
