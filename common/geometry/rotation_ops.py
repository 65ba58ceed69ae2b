"""Rotations inside a MindSpore graph: the twins of `rotation`, with finite gradients everywhere.

Written without cross product, einsum, argmax and calls that read the batch size, so that they compile for CPU, GPU
and Ascend and export with a free batch: there is at least one leading axis, and only the first may vary in size.
Conventions as in `rotation`.
"""
import mindspore as ms
from mindspore import Tensor, ops

# Added under square roots: small against any float32 rotation, large enough to keep gradients finite at zero. One value
# for all of a graph: where 1e-20 and 1e-16 met in one, MindSpore's compiler once took the one for the other and failed.
TINY = 1e-16
# The primitive: a Tensor's `sum` takes six times as long to compile, and rotations are many.
_sum = ops.ReduceSum(keep_dims=True)

# Entries of a rotation matrix (columns, row by row) as sums of products q_i q_j (rows ww, wx, wy, wz, xw, ...).
PRODUCT_ENTRIES = (
    (1, 0, 0, 0, 1, 0, 0, 0, 1), (0, 0, 0, 0, 0, -1, 0, 1, 0),
    (0, 0, 1, 0, 0, 0, -1, 0, 0), (0, -1, 0, 1, 0, 0, 0, 0, 0),
    (0, 0, 0, 0, 0, -1, 0, 1, 0), (1, 0, 0, 0, -1, 0, 0, 0, -1),
    (0, 1, 0, 1, 0, 0, 0, 0, 0), (0, 0, 1, 0, 0, 0, 1, 0, 0),
    (0, 0, 1, 0, 0, 0, -1, 0, 0), (0, 1, 0, 1, 0, 0, 0, 0, 0),
    (-1, 0, 0, 0, 1, 0, 0, 0, -1), (0, 0, 0, 0, 0, 1, 0, 1, 0),
    (0, -1, 0, 1, 0, 0, 0, 0, 0), (0, 0, 1, 0, 0, 0, 1, 0, 0),
    (0, 0, 0, 0, 0, 1, 0, 1, 0), (-1, 0, 0, 0, -1, 0, 0, 0, 1),
)


def axis_angle_to_matrix(axis_angle: Tensor) -> Tensor:
    """Rotation matrices through unit quaternions, which takes the fewest operators: (B, ..., 3, 3).

    Args:
        axis_angle (Tensor): (B, ..., 3), radians.
    """
    return _matrix_of_unit_quaternion(axis_angle_to_quaternion(axis_angle))


def matrix_to_axis_angle(matrix: Tensor) -> Tensor:
    """(B, ..., 3, 3) rotation matrices -> (B, ..., 3) radians, angle in [0, pi]."""
    return quaternion_to_axis_angle(matrix_to_quaternion(matrix))


def axis_angle_to_quaternion(axis_angle: Tensor) -> Tensor:
    """(B, ..., 3) radians -> (B, ..., 4) unit quaternions (w, x, y, z); the gradient is exact at zero too."""
    angle = ops.sqrt(_sum(axis_angle * axis_angle, -1) + TINY)
    half = 0.5 * angle
    return ops.concat((ops.cos(half), ops.sin(half) / angle * axis_angle), -1)


def quaternion_to_axis_angle(quaternion: Tensor) -> Tensor:
    """(B, ..., 4) quaternions of any length but zero -> (B, ..., 3) radians, angle in [0, pi]."""
    real, vector = ops.split(quaternion, (1, 3), -1)
    vector = ops.select(real < 0, -vector, vector)
    real = ops.abs(real)
    length = ops.sqrt(_sum(vector * vector, -1) + TINY)
    return 2.0 * ops.atan2(length, real) / length * vector


def quaternion_to_matrix(quaternion: Tensor) -> Tensor:
    """(B, ..., 4) quaternions of any length but zero -> (B, ..., 3, 3)."""
    return _matrix_of_unit_quaternion(normalize(quaternion))


def _matrix_of_unit_quaternion(quaternion: Tensor) -> Tensor:
    products = ops.expand_dims(quaternion, -1) * ops.expand_dims(quaternion, -2)
    entries = ops.MatMul()(products.reshape(-1, 16), Tensor(PRODUCT_ENTRIES, ms.float32))
    return entries.reshape((-1,) + quaternion.shape[1:-1] + (3, 3))


def matrix_to_quaternion(matrix: Tensor) -> Tensor:
    """(B, ..., 3, 3) rotation matrices -> (B, ..., 4) unit quaternions with w >= 0."""
    entries = matrix.reshape((-1,) + matrix.shape[1:-2] + (9,))
    m00, m01, m02, m10, m11, m12, m20, m21, m22 = ops.split(entries, 1, -1)
    largest = 1.0 + m00 + m11 + m22
    best = ops.concat((largest, m21 - m12, m02 - m20, m10 - m01), -1)
    # Of the rows q_i * (q_0, q_1, q_2, q_3) the one with the largest q_i is kept.
    for square, row in ((1.0 + m00 - m11 - m22, (m21 - m12, 1.0 + m00 - m11 - m22, m01 + m10, m02 + m20)),
                        (1.0 - m00 + m11 - m22, (m02 - m20, m01 + m10, 1.0 - m00 + m11 - m22, m12 + m21)),
                        (1.0 - m00 - m11 + m22, (m10 - m01, m02 + m20, m12 + m21, 1.0 - m00 - m11 + m22))):
        best = ops.select(square > largest, ops.concat(row, -1), best)
        largest = ops.maximum(largest, square)
    best = normalize(best)
    return ops.select(best[..., :1] < 0, -best, best)


def rot6d_to_matrix(rot6d: Tensor) -> Tensor:
    """Gram-Schmidt on two directions, as `rotation.rot6d_to_matrix`: (B, ..., 6) -> (B, ..., 3, 3)."""
    a, b, c, d, e, f = ops.split(rot6d, 1, -1)
    x_axis, second = normalize(ops.concat((a, c, e), -1)), ops.concat((b, d, f), -1)
    y_axis = normalize(second - _sum(x_axis * second, -1) * x_axis)
    ax, ay, az = ops.split(x_axis, 1, -1)
    bx, by, bz = ops.split(y_axis, 1, -1)
    entries = (ax, bx, ay * bz - az * by, ay, by, az * bx - ax * bz, az, bz, ax * by - ay * bx)
    return ops.concat(entries, -1).reshape((-1,) + rot6d.shape[1:-1] + (3, 3))


def normalize(vector: Tensor) -> Tensor:
    """(..., N) -> the same direction with length one; zero stays zero, with a finite gradient."""
    return vector / ops.sqrt(_sum(vector * vector, -1) + TINY)
