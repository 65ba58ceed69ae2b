"""Convolutions with fewer products give what the plain ones give."""
import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from openpose.src import fast_convolution
from openpose.src.fast_convolution import FastConvolution, filtering_matrices, use_fast_convolutions
from openpose.src.loss import NetworkWithLoss
from openpose.src.network import OpenPose


def test_two_outputs_of_three_taps_by_hand():
    products, weights, out = filtering_matrices(2, 3, (0, 1, -1))
    data, taps = np.array([1.0, 2.0, -3.0, 5.0]), np.array([2.0, 0.5, -1.0])
    assert products.shape == (4, 4) and weights.shape == (4, 3) and out.shape == (2, 4)
    assert np.allclose(out @ ((weights @ taps) * (products @ data)), [2 + 1 + 3, 4 - 1.5 - 5])


@pytest.mark.parametrize(("outputs", "taps", "points"), [(1, 2, (3,)), (3, 7, (0, 1, -1, 2, -2, 3, -3, 4)),
                                                         (4, 7, fast_convolution.POINTS)])
def test_filtering_is_exact_in_double_precision(outputs, taps, points):
    rng = np.random.default_rng(1)
    data, filter_ = rng.standard_normal(outputs + taps - 1), rng.standard_normal(taps)
    products, weights, out = filtering_matrices(outputs, taps, points)
    expected = np.correlate(data, filter_, "valid")
    assert np.allclose(out @ ((weights @ filter_) * (products @ data)), expected, atol=1e-9)


@pytest.mark.parametrize("width", [4, 9, 14])
def test_a_layer_gives_the_same(width):
    rng = np.random.default_rng(width)
    weight = rng.standard_normal((6, 5, 7, 7), np.float32) / 15
    conv = nn.Conv2d(5, 6, 7, pad_mode="pad", padding=3, has_bias=True, weight_init=Tensor(weight),
                     bias_init=Tensor(rng.standard_normal(6, np.float32)))
    image = Tensor(rng.standard_normal((2, 5, 8, width), np.float32))
    np.testing.assert_allclose(FastConvolution(conv)(image).asnumpy(), conv(image).asnumpy(), atol=1e-5)


def test_a_network_gives_the_same_maps(monkeypatch):
    monkeypatch.setattr(fast_convolution, "LEAST_CHANNELS", 8)
    network = OpenPose(num_stages=2, width=0.0625)
    image = Tensor(np.random.default_rng(1).standard_normal((1, 3, 48, 72), np.float32))
    expected = [value.asnumpy() for value in network.set_train(False)(image)]
    fast = use_fast_convolutions(OpenPose(num_stages=2, width=0.0625).set_train(False))
    kinds = [type(cell).__name__ for cell in fast.stages[1].paf.convs]
    assert kinds == ["FastConvolution"] * 5 + ["Conv2d"] * 2
    assert all(type(cell) is nn.Conv2d for cell in fast.stages[0].heat.convs)
    for value, other in zip(fast(image), expected):
        np.testing.assert_allclose(value.asnumpy(), other, atol=1e-5)


def test_narrow_layers_stay():
    network = use_fast_convolutions(OpenPose(num_stages=2, width=0.0625))
    assert network.stages[1].joined and all(type(cell) is nn.Conv2d for cell in network.stages[1].paf.convs)


def loss_and_gradients(with_loss, batch, parameters):
    def loss_of(*values):
        return with_loss(*values)[0]

    return ms.value_and_grad(loss_of, None, parameters)(*batch)


def test_training_gets_the_same_gradients(monkeypatch):
    monkeypatch.setattr(fast_convolution, "LEAST_CHANNELS", 8)
    rng = np.random.default_rng(1)
    batch = [Tensor(rng.random((1, *shape), np.float32)) for shape in ((3, 48, 40), (4, 6, 5), (3, 6, 5), (6, 5))]
    results = []
    for fast in (False, True):
        network = OpenPose(num_limbs=2, num_joints=2, num_stages=2, width=0.0625)
        if fast:
            network.use_fast_training()
        names = [parameter.name for parameter in network.trainable_params()]
        loss, gradients = loss_and_gradients(NetworkWithLoss(network, 2), batch, network.trainable_params())
        results.append((names, float(loss), [value.asnumpy() for value in gradients]))
    assert network.stages[1].fast and not network.stages[0].fast
    (names, loss, gradients), (same_names, same_loss, same_gradients) = results
    assert names == same_names and np.isclose(loss, same_loss, rtol=1e-5)
    for name, one, other in zip(names, gradients, same_gradients):
        assert np.abs(one).max() > 0, name
        np.testing.assert_allclose(other, one, atol=1e-4 * np.abs(one).max(), err_msg=name)
