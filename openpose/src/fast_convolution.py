"""7 x 7 convolutions with fewer products, for CPU: two thirds of the network's work are such layers.

Along each row, 4 outputs of a filter of 7 taps need 28 products; Winograd's minimal filtering needs 10, on linear
combinations of the input and of the weights, and the 4 outputs are linear combinations of these. Columns stay as they
are: in both directions it would be fewer products still, but more numbers to move, and less exact. With the published
network, inference and training steps take two thirds of the time that they take with plain convolutions.

Source: Winograd, "Arithmetic complexity of computations", 1980; Lavin and Gray, "Fast algorithms for convolutional
neural networks", CVPR 2016.
"""
import functools

import numpy as np
from mindspore import Parameter, Tensor, nn, ops
from numpy.polynomial.polynomial import polyfromroots

OUTPUTS, TAPS = 4, 7
PRODUCTS = OUTPUTS + TAPS - 1
# Where the polynomials behind the method are evaluated, and at infinity: found by trial to lose the fewest digits.
POINTS = (0, 1, -1, 2, -2, 1 / 2, -1 / 2, 3 / 4, -4 / 3)
LEAST_CHANNELS = 64  # narrower layers gain little


def use_fast_convolutions(network):
    """Replace the wide 7 x 7 convolutions of an `OpenPose`, in place -> it; the maps stay the same to about 1e-5.

    For a network with its weights that has not run yet and has no batch norm left behind these layers. It reads no
    checkpoint afterwards.
    """
    for stage in network.stages:
        if is_wide(stage.paf.convs[0]):
            stage.separate()
        for branch in (stage.paf, stage.heat):
            for number, cell in enumerate(list(branch.convs)):
                if is_wide(cell):
                    branch.convs[number] = FastConvolution(cell)
    return network


def is_wide(cell):
    """Whether a cell of a branch is a convolution that gains."""
    return (isinstance(cell, nn.Conv2d) and cell.kernel_size == (TAPS, TAPS)
            and min(cell.in_channels, cell.out_channels) >= LEAST_CHANNELS)


class RowFilter(nn.Cell):
    """Minimal filtering along the rows, a plain sum over the columns of the filter and over the channels.

    Args:
        out_channels (int): K.

    Inputs:
        - **x** (Tensor) - (B, C, h, w).
        - **weight** (Tensor) - (10 K, C, 7, 1), combinations of the weights: K channels for each of the 10 products.
        - **bias** (Tensor) - (K,).

    Outputs:
        Tensor (B, K, h, w).
    """

    def __init__(self, out_channels):
        super().__init__()
        self.out_channels = out_channels
        inputs, _, outputs = filtering_matrices(OUTPUTS, TAPS, POINTS)
        self.combine_inputs = Tensor(inputs.reshape(PRODUCTS, 1, 1, PRODUCTS).astype(np.float32))
        self.combine_products = Tensor(outputs.T[None].astype(np.float32))
        self.along_rows = ops.Conv2D(PRODUCTS, (1, PRODUCTS), pad_mode="valid", stride=(1, OUTPUTS))
        self.along_columns = ops.Conv2D(PRODUCTS * out_channels, (TAPS, 1), pad_mode="pad",
                                        pad=(TAPS // 2, TAPS // 2, 0, 0), group=PRODUCTS)
        # Not by transposing: that kernel keeps a table of the size of its output, made when it is compiled.
        self.split = ops.Split(2, PRODUCTS)
        self.multiply = ops.BatchMatMul(transpose_a=True)
        self.add_bias = ops.BiasAdd()

    def construct(self, x, weight, bias):
        batch, channels, height, width = x.shape
        tiles = -(-width // OUTPUTS)
        x = ops.pad(x, (TAPS // 2, OUTPUTS * tiles - width + TAPS // 2, 0, 0))
        x = self.along_rows(x.reshape(batch * channels, 1, height, -1), self.combine_inputs)
        x = ops.concat(self.split(x.reshape(batch, channels, PRODUCTS, -1)), 1)
        x = self.along_columns(x.reshape(batch, PRODUCTS * channels, height, tiles), weight)
        x = self.multiply(x.reshape(batch, PRODUCTS, -1), ops.tile(self.combine_products, (batch, 1, 1)))
        x = x.reshape(batch, self.out_channels, height, OUTPUTS * tiles)
        return self.add_bias(x[:, :, :, :width], bias)


class FastConvolution(nn.Cell):
    """A 7 x 7 convolution that keeps the size, with its weights already combined: for inference.

    Args:
        conv (nn.Conv2d): whose weights and bias are taken over.

    Inputs:
        - **x** (Tensor) - (B, C, h, w).

    Outputs:
        Tensor (B, K, h, w).
    """

    def __init__(self, conv):
        super().__init__()
        _, combine, _ = filtering_matrices(OUTPUTS, TAPS, POINTS)
        weight = combine @ conv.weight.asnumpy().astype(np.float64).reshape(-1, TAPS).T
        weight = weight.reshape(-1, conv.in_channels, TAPS, 1).astype(np.float32)
        self.weight = Parameter(Tensor(weight), requires_grad=False)
        self.bias = Parameter(Tensor(conv.bias.asnumpy()), requires_grad=False)
        self.filter = RowFilter(conv.out_channels)

    def construct(self, x):
        return self.filter(x, self.weight, self.bias)


class FastTraining(nn.Cell):
    """The same with the plain weights, which are combined anew in every call: for training.

    Args:
        out_channels (int): K.

    Inputs:
        - **x** (Tensor) - (B, C, h, w).
        - **weight** (Tensor) - (K, C, 7, 7).
        - **bias** (Tensor) - (K,).

    Outputs:
        Tensor (B, K, h, w).
    """

    def __init__(self, out_channels):
        super().__init__()
        _, combine, _ = filtering_matrices(OUTPUTS, TAPS, POINTS)
        self.combine = Tensor(combine.astype(np.float32))
        self.multiply = ops.MatMul(transpose_b=True)
        self.filter = RowFilter(out_channels)

    def construct(self, x, weight, bias):
        channels = weight.shape[1]
        weight = self.multiply(self.combine, weight.reshape(-1, TAPS))
        return self.filter(x, weight.reshape(-1, channels, TAPS, 1), bias)


@functools.cache
def filtering_matrices(outputs, taps, points):
    """Matrices of Winograd's minimal filtering, in float64; they are shared, so nobody writes into them.

    With n = outputs + taps - 1: out @ ((weights @ g) * (products @ d)) is the filter g (taps,) applied to d (n,), that
    is, its sum of products with d[i:i + taps] for each of the outputs i.

    Args:
        outputs, taps (int): sizes.
        points (tuple): n - 1 different numbers.

    Returns:
        tuple: products (n, n), weights (n, taps), out (outputs, n); scaled so that no row of the first two is large.
    """
    count, points = outputs + taps - 1, np.array(points, np.float64)
    others = [np.delete(points, number) for number in range(count - 1)]
    scales = [np.prod(point - rest) for point, rest in zip(points, others)]
    products, weights, out = np.zeros((count, count)), np.zeros((count, taps)), np.zeros((outputs, count))
    products[:-1, :-1] = [polyfromroots(rest) for rest in others]
    weights[:-1] = np.vander(points, taps, increasing=True) / np.array(scales)[:, None]
    out[:, :-1] = np.vander(points, outputs, increasing=True).T
    products[-1], weights[-1, -1], out[-1, -1] = polyfromroots(points), 1.0, 1.0
    for matrix in (products, weights):
        size = np.abs(matrix).sum(1)
        matrix /= size[:, None]
        out *= size
    return products, weights, out
