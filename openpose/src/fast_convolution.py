"""7 x 7 convolutions with fewer products, for inference on CPU, where two thirds of the network's work are such layers.

Along each row, 4 outputs of a filter of 7 taps need 28 products; Winograd's minimal filtering needs 10, on linear
combinations of the input and of the weights, and the 4 outputs are linear combinations of these. Columns stay as they
are: in both directions it would be fewer products still, but more numbers to move, and less exact.

Source: Winograd, "Arithmetic complexity of computations", 1980; Lavin and Gray, "Fast algorithms for convolutional
neural networks", CVPR 2016.
"""
from fractions import Fraction

import numpy as np
from mindspore import Parameter, Tensor, nn, ops

OUTPUTS, TAPS = 4, 7
# Where the polynomials behind the method are evaluated, and at infinity: found by trial to lose the fewest digits.
POINTS = (0, 1, -1, 2, -2, Fraction(1, 2), Fraction(-1, 2), Fraction(3, 4), Fraction(-4, 3))
LEAST_CHANNELS = 64  # narrower layers gain nothing


def use_fast_convolutions(network):
    """Replace the wide 7 x 7 convolutions of an `OpenPose`, in place; the maps stay the same to about 1e-5.

    For a network with its weights that has not run yet and has no batch norm left behind these layers. It reads no
    checkpoint afterwards.

    Returns:
        OpenPose: `network`.
    """
    for stage in network.stages:
        chosen = [[number for number, cell in enumerate(branch.convs) if _is_wide(cell)]
                  for branch in (stage.paf, stage.heat)]
        if any(0 in numbers for numbers in chosen):
            stage.separate()
        for branch, numbers in zip((stage.paf, stage.heat), chosen):
            for number in numbers:
                branch.convs[number] = FastConvolution(branch.convs[number])
    return network


def _is_wide(cell):
    return (isinstance(cell, nn.Conv2d) and cell.kernel_size == (TAPS, TAPS)
            and min(cell.in_channels, cell.out_channels) >= LEAST_CHANNELS)


class FastConvolution(nn.Cell):
    """A convolution with 7 x 7 weights that keeps the size, for inference.

    Args:
        conv (nn.Conv2d): whose weights and bias are taken over.

    Inputs:
        - **x** (Tensor) - (B, C, h, w).

    Outputs:
        Tensor (B, K, h, w).
    """

    def __init__(self, conv):
        super().__init__()
        to_products, from_weights, to_outputs = filtering_matrices(OUTPUTS, TAPS, POINTS)
        self.out_channels, self.products = conv.out_channels, OUTPUTS + TAPS - 1
        # One group of channels for each product.
        weight = np.einsum("pt,kcrt->pkcr", from_weights, conv.weight.asnumpy().astype(np.float64))
        weight = weight.reshape(-1, conv.in_channels, TAPS, 1)
        self.weight = Parameter(Tensor(weight.astype(np.float32)), requires_grad=False)
        self.bias = Parameter(Tensor(conv.bias.asnumpy()), requires_grad=False)
        self.to_products = Tensor(to_products.astype(np.float32))
        self.to_outputs = Tensor(to_outputs.astype(np.float32))
        self.convolve = ops.Conv2D(len(weight), (TAPS, 1), pad_mode="pad", pad=(TAPS // 2, TAPS // 2, 0, 0),
                                   group=self.products)
        self.add_bias = ops.BiasAdd()

    def construct(self, x):
        batch, channels, height, width = x.shape
        tiles = -(-width // OUTPUTS)
        x = ops.pad(x, (TAPS // 2, OUTPUTS * tiles - width + TAPS // 2, 0, 0))
        inputs = ()
        for number in range(self.products):
            inputs += (x[:, :, :, number:number + OUTPUTS * (tiles - 1) + 1:OUTPUTS],)
        x = ops.stack(inputs, 1).reshape(batch, self.products, -1)
        x = ops.matmul(self.to_products, x).reshape(batch, self.products * channels, height, tiles)
        x = self.convolve(x, self.weight).reshape(batch, self.products, -1)
        x = ops.matmul(self.to_outputs, x).transpose(0, 2, 1)
        x = x.reshape(batch, self.out_channels, height, OUTPUTS * tiles)
        return self.add_bias(x[:, :, :, :width], self.bias)


def filtering_matrices(outputs, taps, points):
    """Matrices of Winograd's minimal filtering, in float64.

    With n = outputs + taps - 1: out @ ((weights @ g) * (products @ d)) is the filter g (taps,) applied to d (n,), that
    is, its sum of products with d[i:i + taps] for each of the outputs i.

    Args:
        outputs, taps (int): sizes.
        points (sequence): n - 1 different rational numbers.

    Returns:
        tuple: products (n, n), weights (n, taps), out (outputs, n); scaled so that no row of the first two is large.
    """
    count = outputs + taps - 1
    points = [Fraction(point) for point in points]
    products, weights = np.zeros((count, count)), np.zeros((count, taps))
    out = np.zeros((outputs, count))
    for number, point in enumerate(points):
        others = points[:number] + points[number + 1:]
        scale = Fraction(1)
        for other in others:
            scale *= point - other
        products[number, :-1] = _polynomial(others)
        weights[number] = [point ** power / scale for power in range(taps)]
        out[:, number] = [point ** power for power in range(outputs)]
    products[-1], weights[-1, -1], out[-1, -1] = _polynomial(points), 1.0, 1.0
    for matrix in (products, weights):
        size = np.abs(matrix).sum(1)
        matrix /= size[:, None]
        out *= size
    return products, weights, out


def _polynomial(roots):
    """Coefficients of the product of all (x - root), that of the lowest power first."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted, scaled = [Fraction(0), *coefficients], [*(root * value for value in coefficients), Fraction(0)]
        coefficients = [one - other for one, other in zip(shifted, scaled)]
    return np.array(coefficients, np.float64)
