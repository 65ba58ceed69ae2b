"""What tools/lab/benchmark.py compares is the same network; its data are training samples."""
import numpy as np
import pytest
from mindspore import Tensor

from openpose.src.network import OpenPose
from tools.lab.benchmarks import openpose as benchmark


@pytest.mark.torch
def test_the_pytorch_network_gives_the_same_maps():
    torch = pytest.importorskip("torch")
    network = OpenPose(width=0.125, num_stages=2)
    image = np.random.default_rng(1).standard_normal((2, 3, 48, 64)).astype(np.float32)
    ours = network(Tensor(image))
    with torch.no_grad():
        theirs = benchmark.torch_network(torch, network)(torch.tensor(image))
    assert len(ours) == len(theirs) == 4
    for one, other in zip(ours, theirs):
        assert one.shape == tuple(other.shape)
        np.testing.assert_allclose(one.asnumpy(), other.numpy(), atol=1e-5)


def test_data_are_training_samples(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "SCENES", 5)
    monkeypatch.setattr(benchmark, "LOADED_BATCH", 2)
    image, paf, heat, mask = next(iter(benchmark._loader(str(tmp_path)).batches(0)))
    assert image.shape == (2, 3, 368, 368) and paf.shape == (2, 38, 46, 46)
    assert heat.shape == (2, 19, 46, 46) and mask.shape == (2, 46, 46)
    assert heat.asnumpy()[:, :18].max() > 0.9
