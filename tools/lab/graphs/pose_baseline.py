"""The graphs of pose_baseline; see the package."""
import numpy as np
from mindspore import Tensor, nn

from common.data.arrays import DeviceArrays
from common.engine.amp import apply_amp, build_scaler
from common.engine.schedules import ExponentialDecay
from common.engine.train_step import RepeatedStep, TrainStep
from pose_baseline.src.loss import NetworkWithLoss
from pose_baseline.src.network import LinearModel, fold

GRAPHS = ("train_step", "mixed_precision_step", "repeated_step", "small_inference")
BATCH, SIZE, SMALL = 64, 1024, 128


def training_step(level="O0", small=False, **settings):
    """The update of the recipe, with the poses on the device."""
    rng = np.random.default_rng(0)
    network = LinearModel(SMALL if small else SIZE)
    data = [rng.standard_normal((1000, width)).astype(np.float32) for width in (32, 48)]
    with_loss = DeviceArrays(NetworkWithLoss(apply_amp(network, level), 0.5), data)
    optimizer = nn.Adam(network.trainable_params(), ExponentialDecay(1e-3, 0.96, 100000))
    step = TrainStep(with_loss, optimizer, build_scaler("none" if level == "O0" else "dynamic"), **settings)
    return step, _batch(network.output.weight.shape[1]), BATCH


def inference(small=False):
    """The folded network, its inputs, poses in them."""
    return fold(LinearModel(SMALL if small else SIZE)), (Tensor(np.zeros((BATCH, 32), np.float32)),), BATCH


def _batch(size, *leading):
    masks = [Tensor(np.ones((*leading, BATCH, size), np.uint8)) for _ in range(5)]
    return Tensor(np.zeros((*leading, BATCH), np.int32)), *masks


def train_step():
    """The recipe."""
    return training_step(small=True, clip_norm=1.0)[:2]


def mixed_precision_step():
    """O2 with dynamic loss scale."""
    return training_step("O2", small=True)[:2]


def repeated_step():
    """Three updates per launch."""
    return RepeatedStep(training_step(small=True)[0], 3), _batch(SMALL, 3)


def small_inference():
    """The folded network."""
    return inference(small=True)[:2]
