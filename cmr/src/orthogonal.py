"""The rotation nearest to a 3x3 matrix, inside a graph, with and without a singular value decomposition.

GraphCMR turns its raw matrices M = U S V^T into det(U V^T) U V^T. Where det(M) < 0 the whole matrix changes sign, so
the result is the rotation nearest to -M: not the one nearest to M, which would turn the weakest direction only.

Without SVD: a rotation is quadratic in its unit quaternion q, and trace(M^T R) = q^T K q with a symmetric 4x4 matrix K
(Davenport's; see Horn, "Closed-form solution of absolute orientation using unit quaternions"). Its leading
eigenvector is the answer; squaring K again and again leaves nothing but that.

Both share one gradient that is written out. It divides by sums of two singular values, where that of an SVD divides by
their differences and is infinite at every rotation.
"""
import numpy as np
from mindspore import ops

from common.body_models.lbs import constant
from common.geometry.rotation_ops import PRODUCT_ENTRIES, TINY, quaternion_to_matrix
from common.precision import Float32Cell, as_float32

# No eigenvalue of K is below -sqrt(2) |M|; moved up by that much, the largest is also the largest in size.
_SHIFT = 2.0 ** 0.5
# K to the power of 2^12: enough for two smallest singular values whose sum is 1/200 of the largest.
_ROUNDS, _SQUARINGS = 4, 3
# The axis of the skew part of a matrix, (9, 3): (m21 - m12, m02 - m20, m10 - m01).
_AXIS = ((0, 0, 0), (0, 0, -1), (0, 1, 0), (0, 0, 1), (0, 0, 0), (-1, 0, 0), (0, -1, 0), (1, 0, 0), (0, 0, 0))


class NearestRotation(Float32Cell):
    """det(U V^T) U V^T of matrices U S V^T, with a finite gradient.

    Args:
        use_svd (bool): decompose; false for chips without that operator, and for ONNX.

    Inputs:
        - **matrix** (Tensor) - (N, 3, 3).

    Outputs:
        Tensor (N, 3, 3) float32, rotations.
    """

    def __init__(self, use_svd=True):
        super().__init__()
        self.use_svd = use_svd
        row, column = np.divmod(np.arange(9), 3)
        # Entry (i, j) of the cofactor matrix: m[i+1, j+1] m[i+2, j+2] - m[i+1, j+2] m[i+2, j+1], counted modulo 3.
        self.minors = [constant((row + i) % 3 * 3 + (column + j) % 3, np.int32)
                       for i, j in ((1, 1), (2, 2), (1, 2), (2, 1))]
        # What each entry of M, row by row, adds to K: R's entries as products of q, read the other way round.
        self.davenport = constant(np.transpose(PRODUCT_ENTRIES))
        self.identity3, self.identity4 = constant(np.eye(3).reshape(1, 9)), constant(np.eye(4)[None])
        self.axis = constant(_AXIS)
        self.axis_back = constant(np.transpose(_AXIS))
        self.matmul, self.product, self.sum = ops.MatMul(), ops.BatchMatMul(), ops.ReduceSum(keep_dims=True)
        self.product_ta, self.product_tb = ops.BatchMatMul(transpose_a=True), ops.BatchMatMul(transpose_b=True)

    def construct(self, matrix):
        matrix = as_float32(matrix)
        if self.use_svd:
            _, u, v = ops.svd(matrix)
            rotation = self.product_tb(u, v)
            return rotation * self._sign(rotation)
        return self._by_quaternion(matrix * self._sign(matrix))

    def bprop(self, matrix, rotation, gradient):
        """With M = R P and A = trace(P) I - P, the gradient is R [y], where A y is the axis of R^T G's skew part."""
        matrix, gradient = as_float32(matrix), as_float32(gradient)
        stretch = self.product_ta(rotation, matrix).reshape(-1, 9)
        trace = self.sum(stretch * self.identity3, -1)
        moments = trace * self.identity3 - stretch
        cofactors = self._cofactors(moments)
        determinant = self.sum(moments[:, :3] * cofactors[:, :3], -1)
        axis = self.matmul(self.product_ta(rotation, gradient).reshape(-1, 9), self.axis)
        solved = self.product(cofactors.reshape(-1, 3, 3), ops.expand_dims(axis, -1))[:, :, 0]
        solved = solved * (determinant / (determinant * determinant + TINY))
        skew = self.matmul(solved, self.axis_back).reshape(-1, 3, 3)
        return (self.product(rotation, skew),)

    def _cofactors(self, flat):
        """(N, 9) matrices row by row -> their cofactor matrices, likewise."""
        a, b, c, d = [ops.gather(flat, index, 1) for index in self.minors]
        return a * b - c * d

    def _sign(self, matrix):
        """(N, 1, 1): -1 where the determinant is negative, else 1."""
        flat = matrix.reshape(-1, 9)
        determinant = (flat[:, :3] * self._cofactors(flat)[:, :3]).sum(-1)
        return ops.select(determinant < 0, -ops.ones_like(determinant), ops.ones_like(determinant)).reshape(-1, 1, 1)

    def _by_quaternion(self, matrix):
        flat = matrix.reshape(-1, 9)
        # A matrix of zeros leaves K at the identity, whose first column stands for no rotation.
        length = ops.sqrt(self.sum(flat * flat, -1) + TINY)
        power = self.matmul(flat / length, self.davenport).reshape(-1, 4, 4) + _SHIFT * self.identity4
        for _ in range(_ROUNDS):
            power = power / self.sum(power * self.identity4, (1, 2))
            for _ in range(_SQUARINGS):
                power = self.product(power, power)
        return quaternion_to_matrix(_longest_column(power))


def _longest_column(power):
    """(N, 4, 4), multiples of q q^T -> (N, 4): the column of the largest diagonal entry, a multiple of q."""
    best, largest = power[:, 0], power[:, 0, 0]
    for index in range(1, 4):
        entry = power[:, index, index]
        best = ops.select(ops.expand_dims(entry > largest, -1), power[:, index], best)
        largest = ops.maximum(largest, entry)
    return best
