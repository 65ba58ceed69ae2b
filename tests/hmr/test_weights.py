"""Conversion of published weights: every name accounted for, every layout right, nothing guessed."""

import hmr_golden as golden
import numpy as np
import pytest
from mindspore import Tensor, nn

from common.backbones.resnet_v2 import BLOCKS
from common.body_models.companions import MeanParams
from common.engine.checkpoint import read_checkpoint
from common.errors import UserError
from hmr.src.conventions import CONVENTIONS, convention_of, network_input
from hmr.src.network import HMR, build_parts
from hmr.src.weights import convert_weights
from tools import pth2ckpt

ZERO_MEAN = MeanParams(pose=np.zeros(72), shape=np.zeros(10), cam=np.array([0.9, 0, 0]))


def slim_variables(rng):
    """Variables of the original's generator, as TensorFlow names and stores them."""
    arrays = {}

    def weight(name, *shape, bias=True):
        arrays[f"{name}/weights"] = (rng.standard_normal(shape) / np.sqrt(np.prod(shape[:-1]))).astype(np.float32)
        if bias:
            arrays[f"{name}/biases"] = (0.1 * rng.standard_normal(shape[-1])).astype(np.float32)

    def norm(name, size):
        for kind, low, high in (("gamma", 0.5, 1), ("beta", -0.1, 0.1), ("moving_mean", -0.1, 0.1),
                                ("moving_variance", 0.5, 1.5)):
            arrays[f"{name}/{kind}"] = rng.uniform(low, high, size).astype(np.float32)

    top = "resnet_v2_50"
    weight(f"{top}/conv1", 7, 7, 3, 64)
    last = 64
    for block, (count, size, _) in enumerate(BLOCKS):
        for unit in range(count):
            name = f"{top}/block{block + 1}/unit_{unit + 1}/bottleneck_v2"
            norm(f"{name}/preact", last)
            if unit == 0:
                weight(f"{name}/shortcut", 1, 1, last, 4 * size)
            weight(f"{name}/conv1", 1, 1, last, size, bias=False)
            norm(f"{name}/conv1/BatchNorm", size)
            weight(f"{name}/conv2", 3, 3, size, size, bias=False)
            norm(f"{name}/conv2/BatchNorm", size)
            weight(f"{name}/conv3", 1, 1, size, 4 * size)
            last = 4 * size
    norm(f"{top}/postnorm", last)
    for number, (inside, out) in enumerate(((2048 + 85, 64), (64, 64), (64, 85)), 1):
        weight(f"3D_module/fc{number}", inside, out)
    arrays["mean_param"] = golden.mean_theta()[None]
    return arrays


def slim_forward(arrays, image):
    """The original's generator up to theta, step by step in PyTorch with TensorFlow's paddings."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    arrays = {name: torch.from_numpy(array) for name, array in arrays.items()}

    def conv(x, name, stride=1):
        weight = arrays[f"{name}/weights"].permute(3, 2, 0, 1)
        return functional.conv2d(x, weight, arrays.get(f"{name}/biases"), stride, weight.shape[-1] // 2)

    def norm_relu(x, name):
        return functional.relu(functional.batch_norm(x, *(
            arrays[f"{name}/{kind}"] for kind in ("moving_mean", "moving_variance", "gamma", "beta")), eps=1e-5))

    x = conv(torch.from_numpy(image), "resnet_v2_50/conv1", 2)
    x = functional.max_pool2d(functional.pad(x, (0, 1, 0, 1), value=-np.inf), 3, 2)
    for block, (count, _, stride) in enumerate(BLOCKS):
        for unit in range(count):
            name = f"resnet_v2_50/block{block + 1}/unit_{unit + 1}/bottleneck_v2"
            step = stride if unit == count - 1 else 1
            preact = norm_relu(x, f"{name}/preact")
            skip = conv(preact, f"{name}/shortcut", step) if unit == 0 else x[:, :, ::step, ::step]
            y = norm_relu(conv(preact, f"{name}/conv1"), f"{name}/conv1/BatchNorm")
            y = norm_relu(conv(y, f"{name}/conv2", step), f"{name}/conv2/BatchNorm")
            x = conv(y, f"{name}/conv3") + skip
    features = norm_relu(x, "resnet_v2_50/postnorm").mean((2, 3))
    theta = arrays["mean_param"].repeat(len(image), 1)
    for _ in range(3):
        y = torch.cat((features, theta), 1)
        for number in (1, 2, 3):
            y = y @ arrays[f"3D_module/fc{number}/weights"] + arrays[f"3D_module/fc{number}/biases"]
            y = functional.relu(y) if number < 3 else y
        theta = theta + y
    return theta.numpy()


@pytest.mark.torch
def test_tensorflow_generator():
    arrays = slim_variables(np.random.default_rng(1))
    image = np.stack([network_input(square[:64, :96], CONVENTIONS["tf"]) for square in golden.squares()])
    expected = slim_forward(arrays, image)
    slots = {"3D_module/fc1/weights/Adam_1": np.zeros(2), "beta2_power": np.array(0.9), "global_step": np.array(667589),
             "D/D_conv1/weights": np.zeros((1, 1, 9, 32)), "mean_param/Adam": np.zeros((1, 85))}
    conversion, settings, step = convert_weights({**arrays, **slots}, {}, "", "case")
    assert step == 667589 and settings["part"] == "generator" and settings["hidden_size"] == 64
    convention = convention_of(settings, "case")
    assert convention.name == "tf"
    network = golden.fill(HMR(*build_parts(convention, ZERO_MEAN, hidden_size=64), nn.Identity()), conversion.weights)
    assert np.abs(network(Tensor(image)).asnumpy() - expected).max() < 1e-4
    assert network.regressor.mean.requires_grad


def test_names_of_pytorch_hmr():
    arrays = golden.state("generator")
    without, settings, step = convert_weights(arrays, {}, "", "case")
    assert step == 0 and settings["convention"] == "pytorch_hmr" and settings["rotate_base"] is True
    assert np.array_equal(without.weights["regressor.mean"], golden.mean_theta())
    more = {**arrays, "smpl.v_template": np.zeros((6890, 3)), "encoder.bn1.num_batches_tracked": np.array(3)}
    with_more, _, _ = convert_weights(more, {}, "pytorch_hmr", "case")
    assert [name for name, _ in with_more.dropped] == ["smpl.v_template", "encoder.bn1.num_batches_tracked"]
    assert all(np.array_equal(without.weights[name], value) for name, value in with_more.weights.items())
    for shape in ((1, 85), (85,)):
        one = {**arrays, "regressor.mean_theta": golden.mean_theta().reshape(shape)}
        assert np.array_equal(convert_weights(one, {}, "", "case")[0].weights["regressor.mean"], golden.mean_theta())


@pytest.mark.parametrize("change, message", [
    ({"regressor.mean_theta": np.eye(85)}, "rows of regressor.mean_theta differ"),
    ({"encoder.layer5.0.conv1.weight": np.zeros(3)}, "unknown names: encoder.layer5.0.conv1.weight"),
    ({"encoder.conv1.weight": np.zeros((64, 3, 3, 3))}, r"encoder.conv1.weight is \(64, 3, 3, 3\)"),
    ({"regressor.fc_blocks.regressor_fc_1.bias": None}, "missing for regressor.fc2.bias"),
    ({"encoder.bn1.bias": np.full(64, np.nan)}, "not finite"),
])
def test_doubts_are_errors(change, message):
    arrays = {**golden.state("generator"), **change}
    with pytest.raises(UserError, match=message):
        convert_weights({name: array for name, array in arrays.items() if array is not None}, {}, "", "case")


def test_other_files_are_refused():
    with pytest.raises(UserError, match="choose one of pytorch_hmr"):
        convert_weights({}, {}, "densenet", "case")
    with pytest.raises(UserError, match="none of the weights that HMR knows"):
        convert_weights({"weight": np.zeros(2)}, {}, "", "case")
    with pytest.raises(UserError, match="no decpose.weight, so these are no weights of --variant spin"):
        convert_weights(golden.state("generator"), {}, "spin", "case")


def test_imagenet_encoder():
    state = {name.removeprefix("encoder."): array for name, array in golden.state("generator").items()
             if name.startswith("encoder.")}
    conversion, settings, _ = convert_weights({**state, "fc.weight": np.zeros((1000, 2048)),
                                               "fc.bias": np.zeros(1000)}, {}, "", "case")
    assert settings == {"part": "encoder", "encoder": "resnet", "depth": 50, "width": 1.0}
    network = HMR(*build_parts(CONVENTIONS["pytorch_hmr"], ZERO_MEAN), nn.Identity())
    assert set(conversion.weights) == {parameter.name for parameter in network.encoder.get_parameters()}


@pytest.mark.torch
def test_command_line(tmp_path):
    torch = pytest.importorskip("torch")
    state = {f"module.{name}": torch.from_numpy(array) for name, array in golden.state("generator").items()}
    torch.save(state, tmp_path / "0_generator.pkl")
    target = tmp_path / "hmr.ckpt"
    pth2ckpt.main(["--model", "hmr", "--pth_path", str(tmp_path / "0_generator.pkl"), "--ckpt_path", str(target),
                   "--quiet"])
    checkpoint = read_checkpoint(str(target))
    assert convention_of(checkpoint.meta["config"], str(target)) is CONVENTIONS["pytorch_hmr"]
    with pytest.raises(UserError, match="--statistics stats.npz"):
        pth2ckpt.main(["--model", "hmr", "--pth_path", str(tmp_path / "0_generator.pkl"), "--ckpt_path", str(target),
                       "--statistics", "stats.npz"])
    assert np.array_equal(checkpoint.weights["encoder.conv1.weight"], golden.state("generator")["encoder.conv1.weight"])
