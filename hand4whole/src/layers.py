"""Small layers of Hand4Whole: heads, expected positions in heat maps, features at joints.

Source: mks0601/Hand4Whole_RELEASE `layer.py`, `transforms.py`. Positions are in cells of a map: x, y (and z), 0 is the
middle of the first cell.
"""
import numpy as np
from mindspore import Tensor, nn, ops

from common.backbones.resnet import normalization
from common.body_models.lbs import constant
from common.precision import Float32Cell, as_float32

# Standard deviations of the initial weights of convolutions and of dense layers.
CONVOLUTION_STD, DENSE_STD = 0.001, 0.01
# Two columns of a rotation matrix as six numbers, row by row: no rotation, and half a turn about x.
NO_TURN, HALF_TURN = (1, 0, 0, 1, 0, 0), (1, 0, 0, -1, 0, 0)


def _normal(rng, shape, deviation):
    return Tensor(rng.standard_normal(shape, np.float32) * np.float32(deviation))


def pointwise(rng, in_channels, out_channels):
    """A 1 x 1 convolution with bias."""
    weight = _normal(rng, (out_channels, in_channels, 1, 1), CONVOLUTION_STD)
    return nn.Conv2d(in_channels, out_channels, 1, has_bias=True, weight_init=weight, bias_init="zeros")


def pointwise_block(rng, in_channels, out_channels):
    """A 1 x 1 convolution, batch norm and ReLU."""
    return nn.SequentialCell(pointwise(rng, in_channels, out_channels), normalization(out_channels), nn.ReLU())


def upsampling(rng, in_channels, out_channels, count):
    """`count` transposed convolutions, each doubling height and width, with batch norm and ReLU."""
    layers = []
    for _ in range(count):
        weight = _normal(rng, (in_channels, out_channels, 4, 4), CONVOLUTION_STD)
        layers += [nn.Conv2dTranspose(in_channels, out_channels, 4, 2, pad_mode="pad", padding=1, weight_init=weight),
                   normalization(out_channels), nn.ReLU()]
        in_channels = out_channels
    return nn.SequentialCell(layers)


def dense(rng, in_size, out_size, bias=0.0):
    """An affine layer; `bias` is a number or (out_size,) numbers."""
    bias = np.broadcast_to(np.asarray(bias, np.float32), (out_size,))
    return nn.Dense(in_size, out_size, weight_init=_normal(rng, (out_size, in_size), DENSE_STD),
                    bias_init=Tensor(bias.copy()))


def rotations(rng, in_size, count, start=NO_TURN):
    """An affine layer to `count` rotations in 6D form.

    It begins at `start`. The original begins near zero, where the direction of the six numbers is chance.
    """
    return dense(rng, in_size, 6 * count, np.tile(start, count))


class SoftArgmax(Float32Cell):
    """Heat maps to probabilities and their expected positions.

    Args:
        shape (tuple): (D, H, W) or (H, W).
        num_joints (int): J.

    Inputs:
        - **maps** (Tensor) - (B, J * D, H, W), (B, J, D, H, W) or another shape with the numbers in this order.

    Outputs:
        - **probabilities** (Tensor) - (B, J, cells).
        - **positions** (Tensor) - (B, J, 3) as x, y, z or (B, J, 2) as x, y, in cells.
    """

    def __init__(self, shape, num_joints):
        super().__init__()
        self.num_joints, self.num_cells, self.axes = num_joints, int(np.prod(shape)), len(shape)
        table = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).reshape(self.num_cells, self.axes)
        self.table = constant(table[:, ::-1])
        self.softmax, self.matmul = ops.Softmax(-1), ops.MatMul()

    def construct(self, maps):
        probabilities = self.softmax(as_float32(maps).reshape(-1, self.num_cells))
        positions = self.matmul(probabilities, self.table).reshape(-1, self.num_joints, self.axes)
        return probabilities.reshape(-1, self.num_joints, self.num_cells), positions


class SampleFeatures(Float32Cell):
    """Features at places of a map: bilinear, zero outside. Gradients flow to the features alone.

    As a product with the bilinear weights of all cells, which every back end computes alike.

    Args:
        shape (tuple): (H, W).

    Inputs:
        - **features** (Tensor) - (B, C, H, W).
        - **places** (Tensor) - (B, J, 2 or more), x and y in cells.

    Outputs:
        Tensor - (B, J, C).
    """

    def __init__(self, shape):
        super().__init__()
        self.num_cells = shape[0] * shape[1]
        self.rows, self.columns = constant(np.arange(shape[0])), constant(np.arange(shape[1]))
        self.product = ops.BatchMatMul(transpose_b=True)

    def construct(self, features, places):
        places = ops.stop_gradient(as_float32(places))
        along_x = ops.relu(1.0 - ops.abs(places[..., 0:1] - self.columns))
        along_y = ops.relu(1.0 - ops.abs(places[..., 1:2] - self.rows))
        weights = ops.expand_dims(along_y, -1) * ops.expand_dims(along_x, -2)
        weights = weights.reshape(-1, places.shape[1], self.num_cells)
        return self.product(weights, as_float32(features).reshape(-1, features.shape[1], self.num_cells))
