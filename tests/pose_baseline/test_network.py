"""The network against the published implementations, and its parts by property."""

import mindspore as ms
import numpy as np
import pose_baseline_golden as golden
import pytest
from mindspore import Tensor, nn

from common.engine.optimizers import TorchAdam
from common.engine.schedules import ExponentialDecay
from common.engine.train_step import TrainStep
from pose_baseline.src.loss import NetworkWithLoss
from pose_baseline.src.network import BatchNorm, Dense, LinearModel, fold, norm_clip_factor
from pose_baseline.src.weights import convert_weights

INPUTS = golden.seeded.array("pose_baseline.inputs", (64, 32), 1)


def network_of(arrays, variant=""):
    """A network with published weights."""
    conversion, settings, _ = convert_weights(arrays, {}, variant, "case")
    settings = {name: value for name, value in settings.items() if name != "camera_frame"}
    epsilon, momentum, unbiased = (settings.pop(key) for key in ("bn_epsilon", "bn_momentum", "bn_unbiased"))
    network = LinearModel(**settings, epsilon=epsilon, momentum=momentum, unbiased=unbiased)
    for parameter in network.get_parameters():
        parameter.set_data(Tensor(conversion.weights[parameter.name]))
    return network.set_train(False)


@pytest.mark.parametrize("sizes, key", [({}, "outputs"), ({"width": 96, "stages": 3}, "outputs_small")])
def test_pytorch_weights_give_the_published_outputs(sizes, key):
    network = network_of(golden.torch_state(**sizes))
    expected = golden.load("network")[key]
    assert np.abs(network(Tensor(INPUTS)).asnumpy() - expected).max() < 1e-4
    assert np.abs(fold(network)(Tensor(INPUTS)).asnumpy() - expected).max() < 1e-4


def test_hidden_activations():
    network, expected = network_of(golden.torch_state()), golden.load("network")
    y = network.first(Tensor(INPUTS))
    assert np.abs(y.asnumpy()[:, ::53] - expected["hidden_first"]).max() < 1e-4
    for number, stage in enumerate(network.stages):
        y = stage(y)
        assert np.abs(y.asnumpy()[:, ::53] - expected[f"hidden_stage{number}"]).max() < 1e-4


@pytest.mark.parametrize("key, settings, variant", [
    ("outputs_full", {}, ""),
    ("outputs_no_max_norm", {"max_norm": False}, "no_max_norm"),
    ("outputs_not_residual", {}, "not_residual"),
    ("outputs_no_batch_norm", {"max_norm": False, "batch_norm": False}, "no_max_norm"),
    ("outputs_predict_14", {"predict_14": True}, ""),
    ("outputs_small", {"width": 96, "stages": 3}, ""),
])
def test_tensorflow_variables_give_the_original_outputs(key, settings, variant):
    case = golden.load("tensorflow")
    arrays = golden.tensorflow_variables(**settings)
    network = network_of(arrays, variant)
    assert np.abs(network(Tensor(INPUTS)).asnumpy() - case[key]).max() < 1e-4
    assert np.abs(fold(network)(Tensor(INPUTS)).asnumpy() - case[key]).max() < 1e-4


@pytest.mark.parametrize("key, torch_names, max_norm, clip, tolerance", [
    ("tf_full", False, True, 0.0, 1e-3),
    ("tf_no_max_norm", False, False, 0.0, 0.1),
    # After the first update one ReLU input lies 2.6e-6 from zero, and rounding decides its side: PyTorch's own outputs
    # move by 0.04 to 0.05 when the inputs change by one part in ten million. Other orders of summation give 7e-3 here.
    ("torch_gradient_clip", True, False, 1.0, 0.1),
    ("torch_no_gradient_clip", True, False, 0.0, 0.1),
])
def test_ten_updates(key, torch_names, max_norm, clip, tolerance):
    case = golden.load("train")
    arrays = golden.torch_state() if torch_names else golden.tensorflow_variables(max_norm=max_norm)
    network = network_of(arrays, "" if torch_names or max_norm else "no_max_norm")
    rate = 0.001 if torch_names else ExponentialDecay(0.001, 0.96, 100000)
    optimizer = (TorchAdam if torch_names else nn.Adam)(network.trainable_params(), rate)
    step = TrainStep(NetworkWithLoss(network), optimizer, clip_norm=clip)
    batch = [Tensor(golden.seeded.array(f"pose_baseline.train_{name}", (64, size), 1))
             for name, size in (("inputs", 32), ("targets", 48))]
    losses = np.array([step(*batch)[0].asnumpy() for _ in range(10)])
    expected = case[f"losses_{key}"]
    assert np.abs(losses[:5] / expected[:5] - 1).max() < 1e-3
    assert np.abs(losses / expected - 1).max() < 5e-3
    network.set_train(False)
    assert np.abs(network(Tensor(INPUTS)).asnumpy() - case[f"outputs_{key}"]).max() < tolerance
    norm = network.stages[1].second.norm
    names = ("running_mean", "running_var") if torch_names else ("moving_mean", "moving_variance")
    for name, value in zip(names, (norm.moving_mean, norm.moving_variance)):
        found, wanted = value.asnumpy()[::53], case[f"{name}_{key}"]
        # Biased and unbiased variances are 64/63 apart: 1.6 %, of which ten updates keep most.
        assert np.abs(found - wanted).max() < 5e-3 * np.abs(wanted).max(), name


def test_norm_clip_and_its_gradient():
    case = golden.load("schedule")
    weight = golden.seeded.array("pose_baseline.clip_weight", (32, 64), 1)
    gradient = golden.seeded.array("pose_baseline.clip_gradient", (32, 64), 1)

    class Clipped(nn.Cell):
        def construct(self, w, g):
            return (w * norm_clip_factor(w) * g).sum()

    small = (weight * (0.5 / np.linalg.norm(weight))).astype(np.float32)
    for value, suffix in ((weight, ""), (small, "_small")):
        found = value * norm_clip_factor(Tensor(value)).asnumpy()
        assert np.abs(found - case[f"clipped{suffix}"]).max() < 1e-6
        slope = ms.grad(Clipped())(Tensor(value), Tensor(gradient)).asnumpy()
        assert np.abs(slope - case[f"clipped{suffix}_gradient" if suffix else "clipped_gradient"]).max() < 1e-6
    zero = Tensor(np.zeros((3, 3), np.float32))
    assert norm_clip_factor(zero).asnumpy() == 1
    assert np.isfinite(ms.grad(Clipped())(zero, zero).asnumpy()).all()


def test_dense_by_hand():
    dense = Dense(2, 1, max_norm=True, rng=np.random.default_rng(0))
    dense.weight.set_data(Tensor([[3.0, 4.0]], ms.float32))
    dense.bias.set_data(Tensor([0.5], ms.float32))
    # The norm is 5, so the weight acts as (0.6, 0.8); the bias is not clipped.
    assert dense(Tensor([[1.0, 2.0]], ms.float32)).asnumpy() == pytest.approx(np.array([[2.7]]))
    assert (dense.weight.asnumpy() == [[3.0, 4.0]]).all()


@pytest.mark.parametrize("unbiased, variance", [(False, 4.0), (True, 8.0)])
def test_batch_norm_by_hand(unbiased, variance):
    norm = BatchNorm(1, epsilon=0.0, momentum=0.9, unbiased=unbiased).set_train(True)
    # Mean 3, biased variance 4, unbiased 8; the normalisation uses the biased one.
    assert norm(Tensor([[1.0], [5.0]], ms.float32)).asnumpy() == pytest.approx(np.array([[-1.0], [1.0]]))
    assert norm.moving_mean.asnumpy() == pytest.approx([0.3])
    assert norm.moving_variance.asnumpy() == pytest.approx([0.9 + 0.1 * variance])
    norm.set_train(False)
    norm.moving_mean.set_data(Tensor([1.0], ms.float32))
    norm.moving_variance.set_data(Tensor([4.0], ms.float32))
    assert norm(Tensor([[5.0]], ms.float32)).asnumpy() == pytest.approx(np.array([[2.0]]))


def test_dropout_masks_scale_what_is_kept():
    network = LinearModel(8, 1, batch_norm=False, max_norm=False)
    layer = network.first
    x = Tensor(INPUTS[:2])
    plain = layer(x).asnumpy()
    mask = np.zeros((2, 8), np.float32)
    mask[:, ::2] = 2.0
    assert (layer(x, Tensor(mask)).asnumpy() == plain * mask).all()
    targets = Tensor(np.zeros((2, 48), np.float32))
    keep = [Tensor(np.ones((2, 8), np.uint8))] * 3
    all_kept = NetworkWithLoss(network, 1.0)(x, targets, *keep)[0].asnumpy()
    assert all_kept == pytest.approx(NetworkWithLoss(network)(x, targets)[0].asnumpy())
    assert NetworkWithLoss(network, 0.5)(x, targets, *keep)[0].asnumpy() != pytest.approx(all_kept)


@pytest.mark.parametrize("change", [{"residual": False}, {"batch_norm": False}, {"max_norm": False},
                                    {"num_layers": 1}, {"linear_size": 32}, {"epsilon": 0.5}, {"seed": 1}])
def test_every_setting_changes_the_output(change):
    settings = {"linear_size": 16, "num_layers": 2, "residual": True, "batch_norm": True, "max_norm": True}
    base = LinearModel(**settings).set_train(False)(Tensor(INPUTS)).asnumpy()
    other = LinearModel(**{**settings, **change}).set_train(False)(Tensor(INPUTS)).asnumpy()
    assert np.abs(base - other).max() > 1e-4


def test_initial_values_are_truncated_normals():
    network = LinearModel(512, 1)
    weight, bias = network.stages[0].first.dense.weight.asnumpy(), network.output.bias.asnumpy()
    scale = np.sqrt(2 / 512)
    # A standard normal cut at two deviations has a deviation of 0.880.
    assert weight.std() == pytest.approx(0.880 * scale, rel=0.01)
    assert np.abs(weight).max() <= 2 * scale * 1.0001
    assert np.abs(bias).max() <= 2 * np.sqrt(2 / 48) * 1.0001 and bias.std() > 0.1 * np.sqrt(2 / 48)
