"""Building blocks on the vertices of a graph.

Source: nkolot/GraphCMR `models/graph_layers.py`. Features are kept vertex-major, (V, B * C) or, the same memory,
(V * B, C): a linear layer is then one matrix product over all vertices and images, a neighbour's features are one
contiguous row, and normalisation reduces over rows. The original has (B, C, V) and multiplies image by image.
"""
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from common.body_models.lbs import constant
from common.precision import Float32Cell, as_float32

GROUP_SIZE = 8  # channels that are normalised together
EPSILON = 1e-5


def uniform(rng, shape, bound, name):
    """A parameter with values between -bound and bound."""
    return Parameter(Tensor(rng.uniform(-bound, bound, shape).astype(np.float32)), name=name)


class SparseProduct(Float32Cell):
    """Product of a constant sparse matrix with features.

    Each row's entries are gathered through a table of fixed width, filled up with weights of zero, and summed by a
    product of small matrices; the gradient uses the table of the transposed matrix. So there is no scattering, results
    are the same in every run, and every back end has the operators. On CPU this takes a seventh of the time of the
    dense 1723 x 1723 product.

    Args:
        matrix (scipy.sparse matrix): (R, V).

    Inputs:
        - **x** (Tensor) - (V, N).

    Outputs:
        Tensor (R, N) float32.
    """

    def __init__(self, matrix):
        super().__init__()
        self.num_rows = matrix.shape[0]
        self.columns, self.weights = _row_table(matrix)
        self.columns_back, self.weights_back = _row_table(matrix.T)
        # Primitives: the functions of `ops` make theirs while the graph is built, which fails inside a bprop.
        self.gather, self.product = ops.Gather(), ops.BatchMatMul()

    def construct(self, x):
        return self._apply(as_float32(x), self.columns, self.weights)

    def bprop(self, x, out, gradient):
        return (self._apply(as_float32(gradient), self.columns_back, self.weights_back).astype(x.dtype),)

    def _apply(self, x, columns, weights):
        rows, _, width = weights.shape
        gathered = self.gather(x, columns, 0).reshape(rows, width, -1)
        return self.product(weights, gathered).reshape(rows, -1)


def _row_table(matrix):
    """Columns (R * K,) and weights (R, 1, K) of each row's entries, K being the largest number of them in a row."""
    matrix = matrix.tocsr()
    counts = np.diff(matrix.indptr)
    filled = np.arange(counts.max()) < counts[:, None]
    columns, weights = np.zeros(filled.shape, np.int64), np.zeros(filled.shape)
    columns[filled], weights[filled] = matrix.indices, matrix.data
    return constant(columns.reshape(-1), np.int32), constant(weights[:, None])


class _NormalizeReLU(Float32Cell):
    """The function inside `GroupNormReLU`, with its gradient written out.

    Left to differentiation, each of its steps would keep an array of the size of the features until the way back; so
    only input and output are kept. Columns are shifted by `BiasAdd` and scaled through a product of rank one, because
    the CPU's broadcasting operators hold two lists of indices as large as their output.

    Args:
        channels (int): C.
        num_vertices (int): V.

    Inputs:
        - **x** (Tensor) - (V, B * C).
        - **gamma**, **beta** (Tensor) - (C,).

    Outputs:
        - **y** (Tensor) - (V, B * C).
        - **mean** (Tensor) - (1, B * C), of each column.
        - **offset** (Tensor) - (B, C / 8, 8), each column's mean less its group's.
        - **deviation** (Tensor) - (B, C / 8, 1), each group's.
    """

    def __init__(self, channels, num_vertices):
        super().__init__()
        self.groups, self.num_vertices = channels // GROUP_SIZE, num_vertices
        self.mean_row = constant(np.full((1, num_vertices), 1.0 / num_vertices))
        self.ones_column = constant(np.ones((num_vertices, 1)))
        self.matmul, self.shift, self.mean = ops.MatMul(), ops.BiasAdd(), ops.ReduceMean(keep_dims=True)

    def construct(self, x, gamma, beta):
        mean = self.matmul(self.mean_row, x)
        centred = self.shift(x, -mean.reshape(-1))
        variance = self._by_group(self.matmul(self.mean_row, ops.square(centred)))
        # A group's variance is the mean of its columns' variances and of their distances from its mean, squared.
        offset = self._by_group(mean)
        offset = offset - self.mean(offset, -1)
        deviation = ops.sqrt(self.mean(variance + ops.square(offset), -1) + EPSILON)
        factor = gamma.reshape(-1, GROUP_SIZE) / deviation
        shift = offset * factor + beta.reshape(-1, GROUP_SIZE)
        y = ops.relu(self.shift(self._scaled(centred, factor), shift.reshape(-1)))
        return y, mean, offset, deviation

    def bprop(self, x, gamma, beta, out, gradient):
        y, mean, offset, deviation = out
        gamma = gamma.reshape(-1, GROUP_SIZE)
        passed = gradient[0] * ops.sign(y)
        centred = self.shift(x, -mean.reshape(-1))
        # Means over the vertices of the gradient, and of the gradient times the normalised features.
        plain = self._by_group(self.matmul(self.mean_row, passed))
        along = self._by_group(self.matmul(self.mean_row, passed * centred))
        along = (along + offset * plain) / deviation
        slope = self.mean(gamma * along, -1) / ops.square(deviation) + ops.zeros_like(offset)
        level = self.mean(gamma * plain, -1) / deviation + slope * offset
        to_x = self._scaled(passed, gamma / deviation) - self._scaled(centred, slope)
        return (self.shift(to_x, -level.reshape(-1)), self.num_vertices * along.sum(0).reshape(-1),
                self.num_vertices * plain.sum(0).reshape(-1))

    def _by_group(self, row):
        return row.reshape(-1, self.groups, GROUP_SIZE)

    def _scaled(self, x, factor):
        return x * self.matmul(self.ones_column, factor.reshape(1, -1))


class GroupNormReLU(Float32Cell):
    """Group norm over the vertices and 8 channels at a time, then ReLU.

    Written with products and means: a GroupNorm operator does not export to ONNX, and on CPU a column sum as a product
    with ones is several times faster than a reduction.

    Args:
        channels (int): C, a multiple of 8.
        num_vertices (int): V.

    Inputs:
        - **x** (Tensor) - (V * B, C).

    Outputs:
        Tensor (V * B, C), of the type of `x`.
    """

    def __init__(self, channels, num_vertices):
        super().__init__()
        self.channels, self.num_vertices = channels, num_vertices
        self.gamma = Parameter(Tensor(np.ones(channels, np.float32)), name="gamma")
        self.beta = Parameter(Tensor(np.zeros(channels, np.float32)), name="beta")
        self.normalize = _NormalizeReLU(channels, num_vertices)

    def construct(self, x):
        y = self.normalize(as_float32(x).reshape(self.num_vertices, -1), self.gamma, self.beta)[0]
        return y.reshape(-1, self.channels).astype(x.dtype)


class AddBias(nn.Cell):
    """x + bias, with the bias's gradient as a product with ones, which is much faster than a reduction on CPU.

    Args:
        num_vertices (int): V.

    Inputs:
        - **x** (Tensor) - (V * B, C).
        - **bias** (Tensor) - (C,).

    Outputs:
        Tensor (V * B, C).
    """

    def __init__(self, num_vertices):
        super().__init__()
        self.num_vertices = num_vertices
        self.ones_row = constant(np.ones((1, num_vertices)))
        self.matmul, self.shift = ops.MatMul(), ops.BiasAdd()

    def construct(self, x, bias):
        return self.shift(x, bias.astype(x.dtype))

    def bprop(self, x, bias, out, gradient):
        columns = as_float32(gradient).reshape(self.num_vertices, -1)
        return gradient, self.matmul(self.ones_row, columns).reshape(-1, bias.shape[0]).sum(0)


class GraphLinear(nn.Cell):
    """The same affine layer at every vertex.

    Args:
        rng (numpy.random.Generator): source of the initial weights, uniform within 1 / (in * out) as in the original.
        in_channels, out_channels (int): widths.
        num_vertices (int): V.

    Inputs:
        - **x** (Tensor) - (V * B, in_channels).

    Outputs:
        Tensor (V * B, out_channels).
    """

    def __init__(self, rng, in_channels, out_channels, num_vertices):
        super().__init__()
        bound = 1.0 / (in_channels * out_channels)
        self.weight = uniform(rng, (out_channels, in_channels), bound, "weight")
        self.bias = uniform(rng, (out_channels,), bound, "bias")
        self.matmul = ops.MatMul(transpose_b=True)
        self.add_bias = AddBias(num_vertices)

    def construct(self, x):
        return self.add_bias(self.matmul(x, self.weight), self.bias)


class GraphConvolution(nn.Cell):
    """Affine layer, with each vertex then taking the mean of itself and its neighbours: A (x W) + b.

    Args:
        rng (numpy.random.Generator): source of the initial weights, uniform within 6 / sqrt(2 * channels).
        channels (int): C, of input and output.
        neighbours (SparseProduct): the product with A, (V, V).

    Inputs:
        - **x** (Tensor) - (V * B, C).

    Outputs:
        Tensor (V * B, C).
    """

    def __init__(self, rng, channels, neighbours):
        super().__init__()
        bound = 6.0 / np.sqrt(2 * channels)
        self.weight = uniform(rng, (channels, channels), bound, "weight")
        self.bias = uniform(rng, (channels,), bound, "bias")
        self.neighbours = neighbours
        self.num_vertices, self.channels = neighbours.num_rows, channels
        self.matmul = ops.MatMul()
        self.add_bias = AddBias(self.num_vertices)

    def construct(self, x):
        y = self.matmul(x, self.weight).reshape(self.num_vertices, -1)
        return self.add_bias(self.neighbours(y).reshape(-1, self.channels), self.bias).astype(x.dtype)


class GraphResBlock(nn.Cell):
    """Bottleneck on a graph: narrow linear layer, graph convolution, wide linear layer, and a skip connection.

    Args:
        rng (numpy.random.Generator): source of the initial weights.
        in_channels, out_channels (int): widths, multiples of 8 and 16.
        neighbours (SparseProduct): the product with the adjacency matrix.

    Inputs:
        - **x** (Tensor) - (V * B, in_channels).

    Outputs:
        Tensor (V * B, out_channels).
    """

    def __init__(self, rng, in_channels, out_channels, neighbours):
        super().__init__()
        middle, num_vertices = out_channels // 2, neighbours.num_rows
        self.pre_norm = GroupNormReLU(in_channels, num_vertices)
        self.lin1 = GraphLinear(rng, in_channels, middle, num_vertices)
        self.norm1 = GroupNormReLU(middle, num_vertices)
        self.conv = GraphConvolution(rng, middle, neighbours)
        self.norm2 = GroupNormReLU(middle, num_vertices)
        self.lin2 = GraphLinear(rng, middle, out_channels, num_vertices)
        # The original allocates one for equal widths too and never uses it.
        self.skip_conv = (nn.Identity() if in_channels == out_channels
                          else GraphLinear(rng, in_channels, out_channels, num_vertices))

    def construct(self, x):
        y = self.norm1(self.lin1(self.pre_norm(x)))
        y = self.lin2(self.norm2(self.conv(y)))
        return self.skip_conv(x) + y
