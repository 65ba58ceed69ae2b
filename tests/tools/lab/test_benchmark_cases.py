"""What benchmarks of several models share."""
import itertools

import cv2
import numpy as np
import pytest
from mindspore import Tensor, nn

from common.body_models.files import load_body_model
from common.body_models.lbs_numpy import pose_body
from common.geometry import rotation
from tools.lab.benchmark_cases import Samples, endless, loading_case, mesh_cases, write_photos
from tools.lab.torch_reference.layers import axis_angle_to_matrix, build_smpl


class Numbers:
    """A source whose samples are their number and a random one."""

    columns = ("number", "random")

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def sample(self, index, rng):
        return np.float32(index), rng.random()


def test_loader_gives_one_epoch_after_the_other():
    with loading_case(None, Numbers, (4,), 2) as (ours, theirs):
        numbers = np.concatenate([ours()[0].asnumpy() for _ in range(4)])
    assert theirs is None and sorted(numbers[:2 * 2]) == sorted(numbers[4:]) == [0, 1, 2, 3]
    assert list(itertools.islice(endless(lambda epoch: (epoch, epoch)), 5)) == [0, 0, 1, 1, 2]


def test_samples_are_made_where_they_are_needed():
    samples = Samples(Numbers, 3)
    assert len(samples) == 3 and samples.source is None
    assert samples[2] == samples[2] and samples[2][0] == 2 and samples[1][1] != samples[2][1]


def test_images_have_the_size_of_photos(tmp_path):
    paths = write_photos(str(tmp_path), 2)
    assert [cv2.imread(path).shape for path in paths] == [(480, 640, 3)] * 2
    assert all(30_000 < (tmp_path / f"000{number}.jpg").stat().st_size < 120_000 for number in (0, 1))


@pytest.mark.torch
def test_bodies_are_those_of_our_formula():
    torch = pytest.importorskip("torch")
    model, rng = load_body_model("smpl"), np.random.default_rng(0)
    pose, betas = rng.normal(0, 0.4, (2, 24, 3)), rng.standard_normal((2, 10))
    rotmat = axis_angle_to_matrix(torch, torch.from_numpy(pose))
    assert np.abs(rotmat.numpy() - rotation.axis_angle_to_matrix(pose)).max() < 1e-6
    found = build_smpl(torch, model)(rotmat.float(), torch.from_numpy(betas).float())
    expected = pose_body(model, rotation.axis_angle_to_matrix(pose), betas)[0]
    assert np.abs(found.numpy() - expected).max() < 1e-5


class Doubled(nn.Cell):
    """Images, and twice their values."""

    def construct(self, images):
        return images, 2 * images


def test_cases_of_a_mesh_model():
    graph = (lambda images, factor: (factor * images.sum(),)), (Tensor(np.ones((2, 3, 4, 4), np.float32)),
                                                                Tensor(np.float32(0.5))), 2
    names, ours, theirs = zip(*mesh_cases(None, graph, Doubled(), None, None, (1, 3)))
    assert names == ("train step, batch 2", "inference, batch 1", "inference, batch 3") and theirs == (None,) * 3
    assert ours[0]() == 48
    for call, batch in zip(ours[1:], (1, 3)):
        images, doubled = call()
        assert images.shape == (batch, 3, 4, 4) and np.array_equal(doubled, 2 * images)


@pytest.mark.torch
def test_cases_of_a_mesh_model_beside_pytorch():
    torch = pytest.importorskip("torch")
    graph = (lambda images: (images.sum(),)), (Tensor(np.ones((2, 3, 4, 4), np.float32)),), 2
    step, inference = mesh_cases(torch, graph, Doubled(), torch.nn.Identity,
                                 lambda network, batch: lambda: network(torch.tensor(batch[0])).sum().item(), (1,))
    assert step[1]() == step[2]() == 96
    assert np.array_equal(inference[1]()[0], inference[2]()[0])
