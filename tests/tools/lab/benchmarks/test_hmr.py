"""The PyTorch networks of the benchmark against the published ones and against ours."""

import hmr_golden as golden
import numpy as np
import pytest
from mindspore import Tensor

from hmr.src.conventions import CONVENTIONS, network_input
from hmr.src.loss import GeneratorLoss, LossWeights
from tools.lab.torch_reference.hmr import build_discriminator, build_generator, generator_loss


@pytest.mark.slow
@pytest.mark.torch
def test_the_generator_that_we_compare_with_is_the_published_one():
    torch = pytest.importorskip("torch")
    network = build_generator(torch, golden.body_model(), golden.mean_theta()).eval()
    state = {name: torch.from_numpy(np.array(array)) for name, array in golden.state("generator").items()}
    state["regressor.mean_theta"] = state["regressor.mean_theta"][:1]
    missing, surplus = network.load_state_dict(state, strict=False)
    assert not surplus and all(name.endswith("num_batches_tracked") for name in missing)
    images = np.stack([network_input(square, CONVENTIONS["pytorch_hmr"]) for square in golden.squares()])
    with torch.no_grad():
        theta, vertices, joints2d, joints3d, rotmat, rounds = (out.numpy() for out in network(torch.from_numpy(images)))
    expected = golden.load("generator")
    assert np.abs(rounds - expected["square_theta"]).max() < 1e-4
    for name, value in (("theta", theta), ("verts", vertices[:, ::53]), ("j2d", joints2d), ("j3d", joints3d),
                        ("rotmat", rotmat)):
        assert np.abs(value - expected[f"square_{name}"][2]).max() < 1e-4, name


@pytest.mark.torch
def test_the_discriminator_that_we_compare_with_is_the_published_one():
    torch = pytest.importorskip("torch")
    discriminator, state = build_discriminator(torch), golden.state("discriminator")
    places = {"joint.0": "pose_discriminator.conv_blocks.conv_0", "joint.1": "pose_discriminator.conv_blocks.conv_1"}
    for part, old, count in (("pose", "full_pose_discriminator", 3), ("shape", "shape_discriminator", 2)):
        for number in range(count):
            places[f"{part}.{2 * number}"] = f"{old}.fc_blocks.regressor_fc_{number}"
    own = {}
    for new, old in places.items():
        weight = state[f"{old}.weight"].reshape(state[f"{old}.weight"].shape[:2])
        if new == "pose.0":  # stored channel by channel
            weight = weight.reshape(-1, 32, 23).transpose(0, 2, 1).reshape(weight.shape)
        own.update({f"{new}.weight": weight, f"{new}.bias": state[f"{old}.bias"]})
    heads = [f"pose_discriminator.fc_layer.{joint}" for joint in range(23)]
    own["heads"] = np.concatenate([state[f"{head}.weight"] for head in heads])
    own["head_bias"] = np.concatenate([state[f"{head}.bias"] for head in heads])
    discriminator.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in own.items()})
    expected = golden.load("discriminator")
    with torch.no_grad():
        found = discriminator(torch.from_numpy(expected["theta"])).numpy()
    assert np.abs(found - expected["out"]).max() < 1e-4


@pytest.mark.torch
def test_the_loss_that_we_compare_with_is_ours():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    shapes = {"theta": (4, 85), "vertices": (4, 8, 3), "joints2d": (4, 19, 2), "joints3d": (4, 19, 3),
              "rotmat": (4, 24, 3, 3)}
    outputs = [rng.standard_normal(shape).astype(np.float32) for shape in shapes.values()]
    labels = [rng.standard_normal(shape).astype(np.float32) for shape in ((4, 19, 3), (4, 14, 3), (4, 85))]
    labels[0][..., 2] = rng.integers(0, 2, (4, 19))
    labels += [np.float32([0, 1, 1, 0]), np.float32([0, 1, 0, 1])]
    ours, _ = GeneratorLoss(LossWeights())(tuple(map(Tensor, outputs)), None, *map(Tensor, labels))
    theirs = generator_loss(torch, [*map(torch.from_numpy, outputs), None], *map(torch.from_numpy, labels))
    assert abs(float(ours.asnumpy()) / float(theirs) - 1) < 1e-5
