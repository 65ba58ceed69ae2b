"""Graphs for the dry compile: one that a GPU can run as a whole, and some that it cannot."""
import numpy as np
from mindspore import Tensor, nn, ops


class Good(nn.Cell):
    """Convolution, batch norm and a mean: the usual things."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, pad_mode="pad", padding=1)
        self.norm = nn.BatchNorm2d(8)

    def construct(self, x):
        return ops.relu(self.norm(self.conv(x))).mean((2, 3))


class Cross(nn.Cell):
    """The cross product has a CPU kernel only, to which MindSpore turns silently."""

    def construct(self, a, b):
        return ops.cross(a, b, dim=1)


class Fft(nn.Cell):
    """There is no kernel for this on a GPU, and none to turn to."""

    def construct(self, x):
        return ops.fft(x)


def good():
    return Good(), (Tensor(np.ones((2, 3, 16, 16), np.float32)),)


def good_training():
    network = Good()
    loss = nn.WithLossCell(network, nn.MSELoss())
    step = nn.TrainOneStepCell(loss, nn.Adam(network.trainable_params()))
    return step.set_train(), (Tensor(np.ones((2, 3, 16, 16), np.float32)), Tensor(np.ones((2, 8), np.float32)))


def backs_off():
    return Cross(), (Tensor(np.ones((2, 3), np.float32)), Tensor(np.ones((2, 3), np.float32)))


def unsupported():
    return Fft(), (Tensor(np.ones(8, np.float32)),)
