"""The ResNets against a plain PyTorch version of torchvision's, and their parts by property."""

import mindspore as ms
import numpy as np
import pytest
from golden_files import seeded
from mindspore import Tensor, nn

from common.backbones.folding import fold_batch_norm
from common.backbones.resnet import PLANS, ResNet
from common.backbones.resnet_weights import resnet_depth, resnet_rules
from common.convert.rules import convert
from common.engine.export import export_network
from common.errors import UserError

IMAGE = seeded.array("resnet.image", (2, 3, 64, 96), 1)


def keys_of(depth, channels=8, prefix=""):
    """Names and shapes as in torchvision, written down from its naming scheme."""
    counts, bottleneck = PLANS[depth]
    keys = {"conv1.weight": (channels, 3, 7, 7), **_norm("bn1", channels)}
    last = channels
    for number, count in enumerate(counts):
        size = channels * 2 ** number
        for index in range(count):
            name = f"layer{number + 1}.{index}"
            widths = [(size, last, 1), (size, size, 3), (4 * size, size, 1)] if bottleneck else \
                [(size, last, 3), (size, size, 3)]
            for conv, (out, inside, kernel) in enumerate(widths, 1):
                keys |= {f"{name}.conv{conv}.weight": (out, inside, kernel, kernel), **_norm(f"{name}.bn{conv}", out)}
            out = widths[-1][0]
            if index == 0 and (out != last or number > 0):
                keys |= {f"{name}.downsample.0.weight": (out, last, 1, 1), **_norm(f"{name}.downsample.1", out)}
            last = out
    return {prefix + name: shape for name, shape in keys.items()}


def _norm(name, size):
    arrays = {f"{name}.{kind}": (size,) for kind in ("weight", "bias", "running_mean", "running_var")}
    return arrays | {f"{name}.num_batches_tracked": ()}


def load(network, state, **options):
    wanted = {parameter.name: parameter.shape for parameter in network.get_parameters()}
    conversion = convert(state, resnet_rules(**options), wanted, "case")
    for parameter in network.get_parameters():
        parameter.set_data(Tensor(conversion.weights[parameter.name]))
    return network.set_train(False)


def small(depth, **options):
    return ResNet(np.random.default_rng(0), depth, width=0.125, **options)


def torch_forward(state, image, depth):
    """The published network's function, step by step."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    state = {name: torch.from_numpy(array) for name, array in state.items()}

    def norm(x, name):
        return functional.batch_norm(x, *(state[f"{name}.{kind}"] for kind in
                                          ("running_mean", "running_var", "weight", "bias")))

    def conv(x, name, stride=1):
        weight = state[f"{name}.weight"]
        return functional.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)

    counts, bottleneck = PLANS[depth]
    x = functional.relu(norm(conv(torch.from_numpy(image), "conv1", 2), "bn1"))
    x = functional.max_pool2d(x, 3, 2, padding=1)
    for number, count in enumerate(counts):
        for index in range(count):
            name, stride = f"layer{number + 1}.{index}", 2 if index == 0 and number else 1
            strides = (1, stride, 1) if bottleneck else (stride, 1)
            y = x
            for place, one in enumerate(strides, 1):
                y = norm(conv(y, f"{name}.conv{place}", one), f"{name}.bn{place}")
                y = functional.relu(y) if place < len(strides) else y
            if f"{name}.downsample.0.weight" in state:
                x = norm(conv(x, f"{name}.downsample.0", stride), f"{name}.downsample.1")
            x = functional.relu(x + y)
    return x.numpy()


@pytest.mark.torch
@pytest.mark.parametrize("depth", [18, pytest.param(34, marks=pytest.mark.full), 50])
def test_equals_torchvision(depth):
    state = seeded.state_dict(keys_of(depth), 1)
    expected = torch_forward(state, IMAGE, depth)
    maps = load(small(depth, pooled=False), state)(Tensor(IMAGE)).asnumpy()
    assert maps.shape == expected.shape == (2, 64 * (4 if depth == 50 else 1), 2, 3)
    assert np.abs(maps - expected).max() < 1e-5 * np.abs(expected).max()


@pytest.mark.torch
def test_pooling_is_the_mean_over_the_maps():
    state = seeded.state_dict(keys_of(18), 1)
    network, expected = load(small(18), state), torch_forward(state, IMAGE, 18)
    assert network.out_channels == expected.shape[1]
    assert np.abs(network(Tensor(IMAGE)).asnumpy() - expected.mean((2, 3))).max() < 1e-5 * np.abs(expected).max()


def test_published_sizes():
    """Parameters of torchvision's models without the classifier (11.69, 21.80 and 25.56 million with it)."""
    for depth, count in ((18, 11176512), (34, 21284672), (50, 23508032)):
        found = ResNet(np.random.default_rng(0), depth).trainable_params()
        assert sum(parameter.size for parameter in found) == count


def test_rules_account_for_every_name():
    state = seeded.state_dict(keys_of(50, prefix="module.encoder."), 1)
    network = load(small(50), state, source="module.encoder.")
    assert np.array_equal(network.layer2[0].bn3.moving_variance.asnumpy(),
                          state["module.encoder.layer2.0.bn3.running_var"])
    assert [resnet_depth(keys_of(depth)) for depth in (18, 34, 50)] == [18, 34, 50]
    assert resnet_depth(state, "encoder.") is None
    with pytest.raises(UserError, match="unknown names: fc.weight"):
        load(small(18), {**seeded.state_dict(keys_of(18), 1), "fc.weight": np.zeros((1000, 64))})
    load(small(18), {**seeded.state_dict(keys_of(18), 1), "fc.weight": np.zeros((1000, 64))}, classifier=True)


@pytest.mark.parametrize("depth", [18, 50])
def test_folding_keeps_the_function(depth):
    network = load(small(depth), seeded.state_dict(keys_of(depth), 1))
    expected = network(Tensor(IMAGE)).asnumpy()
    folded = fold_batch_norm(small(depth), network)
    assert not [name for name, cell in folded.cells_and_names() if isinstance(cell, nn.BatchNorm2d)]
    assert np.abs(folded(Tensor(IMAGE)).asnumpy() - expected).max() < 1e-5 * np.abs(expected).max()
    # New weights reach a graph that is compiled already.
    load(network, seeded.state_dict(keys_of(depth), 2))
    fold_batch_norm(folded, network)
    expected = network(Tensor(IMAGE)).asnumpy()
    assert np.abs(folded(Tensor(IMAGE)).asnumpy() - expected).max() < 1e-5 * np.abs(expected).max()
    # Also from a network that carries the prefix of a cell around it.
    class Around(nn.Cell):
        def __init__(self):
            super().__init__()
            self.inside = network

    Around()
    assert network.conv1.weight.name == "inside.conv1.weight"
    again = fold_batch_norm(small(depth), network)
    for one, other in zip(again.get_parameters(), folded.get_parameters()):
        np.testing.assert_array_equal(one.asnumpy(), other.asnumpy(), err_msg=other.name)
    own = fold_batch_norm(network)
    assert own is network and not [name for name, cell in own.cells_and_names() if isinstance(cell, nn.BatchNorm2d)]


def test_folding_by_hand():
    """Dense 3 x with bias 1, then batch norm: (3 x + 1 - 2) / sqrt(4 - epsilon + epsilon) * 5 + 6."""
    cells = nn.SequentialCell(nn.Dense(1, 1), nn.BatchNorm1d(1, eps=1e-5), nn.ReLU())
    cells[0].weight.set_data(Tensor([[3.0]], ms.float32))
    cells[0].bias.set_data(Tensor([1.0], ms.float32))
    for parameter, value in ((cells[1].moving_mean, 2.0), (cells[1].moving_variance, 4.0 - 1e-5),
                             (cells[1].gamma, 5.0), (cells[1].beta, 6.0)):
        parameter.set_data(Tensor([value], ms.float32))
    folded = fold_batch_norm(cells)
    assert folded(Tensor([[2.0]], ms.float32)).asnumpy().item() == pytest.approx(5 * 2.5 + 6, abs=1e-5)
    assert folded[0].weight.asnumpy().item() == pytest.approx(7.5)


def test_folding_of_transposed_convolution():
    cells = nn.SequentialCell(nn.Conv2dTranspose(3, 2, 4, 2, pad_mode="pad", padding=1), nn.BatchNorm2d(2))
    rng = np.random.default_rng(1)
    for parameter in (cells[1].gamma, cells[1].beta, cells[1].moving_mean, cells[1].moving_variance):
        parameter.set_data(Tensor(rng.uniform(0.5, 2, 2).astype(np.float32)))
    image = Tensor(rng.standard_normal((1, 3, 5, 5)).astype(np.float32))
    expected = cells.set_train(False)(image).asnumpy()
    fresh = nn.SequentialCell(nn.Conv2dTranspose(3, 2, 4, 2, pad_mode="pad", padding=1), nn.BatchNorm2d(2))
    assert np.abs(fold_batch_norm(fresh, cells)(image).asnumpy() - expected).max() < 1e-5


def test_frozen_norm_neither_learns_nor_uses_the_batch():
    state = seeded.state_dict(keys_of(18), 1)
    network, frozen = load(small(18), state), load(small(18, frozen_norm=True), state)
    expected = network(Tensor(IMAGE)).asnumpy()
    frozen.set_train(True)
    assert np.abs(frozen(Tensor(IMAGE)).asnumpy() - expected).max() < 1e-6
    assert np.array_equal(frozen.bn1.moving_mean.asnumpy(), state["bn1.running_mean"])
    assert not [parameter.name for parameter in frozen.trainable_params() if "bn" in parameter.name]
    # The gradient passes through it: as through the unfrozen network in evaluation mode.
    gradients = [ms.grad(cell, None, cell.conv1.weight)(Tensor(IMAGE)).asnumpy() for cell in (network, frozen)]
    assert np.abs(gradients[0]).max() > 0
    assert np.abs(gradients[0] - gradients[1]).max() < 1e-5 * np.abs(gradients[0]).max()


@pytest.mark.parametrize("file_format, batch_size", [("MINDIR", 0), ("ONNX", 2)])
def test_export(tmp_path, file_format, batch_size):
    network = load(small(18), seeded.state_dict(keys_of(18), 1))

    def inputs(size):
        return [np.resize(IMAGE, (size, 3, 64, 64))]

    _, difference = export_network(network, inputs, str(tmp_path / "resnet"), file_format, batch_size, "CPU")
    assert difference < 1e-5


def test_unknown_depth():
    with pytest.raises(ValueError, match="18, 34, 50"):
        ResNet(np.random.default_rng(0), 101)
