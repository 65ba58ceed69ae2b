"""The graphs of this model at a small size, for the audit of operators: each function returns a Cell and its inputs."""
import numpy as np
from mindspore import Tensor, nn

from common.data.arrays import DeviceArrays
from common.engine.amp import apply_amp, build_scaler
from common.engine.schedules import ExponentialDecay
from common.engine.train_step import RepeatedStep, TrainStep
from pose_baseline.src.loss import NetworkWithLoss
from pose_baseline.src.network import LinearModel, fold

GRAPHS = ("train_step", "mixed_precision_step", "repeated_step", "inference")
BATCH, SIZE = 64, 128


def _step(level="O0", loss_scale="none", **settings):
    network = LinearModel(SIZE)
    data = [np.zeros((1000, width), np.float32) for width in (32, 48)]
    with_loss = DeviceArrays(NetworkWithLoss(apply_amp(network, level), 0.5), data)
    optimizer = nn.Adam(network.trainable_params(), ExponentialDecay(1e-3, 0.96, 100000))
    return TrainStep(with_loss, optimizer, build_scaler(loss_scale), **settings)


def _batch(*leading):
    masks = [Tensor(np.ones((*leading, BATCH, SIZE), np.uint8)) for _ in range(5)]
    return Tensor(np.zeros((*leading, BATCH), np.int32)), *masks


def train_step():
    """The recipe, with the poses on the device."""
    return _step(clip_norm=1.0), _batch()


def mixed_precision_step():
    """O2 with dynamic loss scale."""
    return _step("O2", "dynamic"), _batch()


def repeated_step():
    """Three updates per launch."""
    return RepeatedStep(_step(), 3), _batch(3)


def inference():
    """The folded network."""
    return fold(LinearModel(SIZE)), (Tensor(np.zeros((BATCH, 32), np.float32)),)
