"""Rotations in numpy: axis-angle, unit quaternions, matrices and the 6D form.

`rotation_ops` holds the twins that run inside a MindSpore graph. All functions take any number of leading axes,
compute in float64 and return the floating type they were given (integers become float64).

Conventions: axis-angle is axis times angle in radians; quaternions are (w, x, y, z); a matrix multiplies column
vectors. The 6D form (Zhou et al., CVPR 2019) keeps the first two columns of a matrix, as SPIN and Hand4Whole write it:
a 3x2 matrix row by row, so that the columns are x[0::2] and x[1::2].
"""
import numpy as np


def axis_angle_to_matrix(axis_angle: np.ndarray) -> np.ndarray:
    """Rodrigues' formula: (..., 3, 3).

    Args:
        axis_angle (array): (..., 3), radians.
    """
    vector, dtype = _as_float64(axis_angle, (3,))
    angle = np.linalg.norm(vector, axis=-1)[..., None, None]
    # np.sinc(t) = sin(pi t) / (pi t): both factors stay exact down to angle zero.
    first = np.sinc(angle / np.pi)
    second = 0.5 * np.sinc(0.5 * angle / np.pi) ** 2
    cross = np.zeros(vector.shape + (3,))
    x, y, z = np.moveaxis(vector, -1, 0)
    cross[..., 0, 1], cross[..., 0, 2], cross[..., 1, 2] = -z, y, -x
    cross -= np.swapaxes(cross, -1, -2)
    return (np.eye(3) + first * cross + second * (cross @ cross)).astype(dtype)


def matrix_to_axis_angle(matrix: np.ndarray) -> np.ndarray:
    """The axis-angle vector with an angle in [0, pi]; its sign is arbitrary at pi itself -> (..., 3), radians.

    Args:
        matrix (array): (..., 3, 3), rotation matrices.
    """
    return quaternion_to_axis_angle(matrix_to_quaternion(matrix))


def quaternion_to_axis_angle(quaternion: np.ndarray) -> np.ndarray:
    """(..., 4) quaternions of any length but zero -> (..., 3) radians, angle in [0, pi]."""
    value, dtype = _as_float64(quaternion, (4,))
    value = np.where(value[..., :1] < 0, -value, value)
    length = np.linalg.norm(value[..., 1:], axis=-1, keepdims=True)
    # For a vanishing vector part, angle / length tends to 2 / w.
    small = length < 1e-12 * value[..., :1]
    ratio = 2 * np.arctan2(length, value[..., :1]) / np.where(small, 1, length)
    ratio = np.where(small, 2 / np.where(small, value[..., :1], 1), ratio)
    return (ratio * value[..., 1:]).astype(dtype)


def matrix_to_quaternion(matrix: np.ndarray) -> np.ndarray:
    """(..., 3, 3) rotation matrices -> (..., 4) unit quaternions with w >= 0.

    The nine entries give all products q_i q_j; the row of the largest q_i is well conditioned for every rotation.
    """
    value, dtype = _as_float64(matrix, (3, 3))
    m = {(i, j): value[..., i, j] for i in range(3) for j in range(3)}
    products = [
        [1 + m[0, 0] + m[1, 1] + m[2, 2], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]],
        [m[2, 1] - m[1, 2], 1 + m[0, 0] - m[1, 1] - m[2, 2], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0]],
        [m[0, 2] - m[2, 0], m[0, 1] + m[1, 0], 1 - m[0, 0] + m[1, 1] - m[2, 2], m[1, 2] + m[2, 1]],
        [m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], 1 - m[0, 0] - m[1, 1] + m[2, 2]]]
    products = np.stack([np.stack(row, -1) for row in products], -2)
    largest = np.argmax(np.diagonal(products, axis1=-2, axis2=-1), -1)
    row = np.take_along_axis(products, largest[..., None, None], -2)[..., 0, :]
    row = row / np.linalg.norm(row, axis=-1, keepdims=True)
    return np.where(row[..., :1] < 0, -row, row).astype(dtype)


def rot6d_to_matrix(rot6d: np.ndarray) -> np.ndarray:
    """Gram-Schmidt on two directions; the third column is their cross product -> (..., 3, 3).

    Args:
        rot6d (array): (..., 6), two directions that are not parallel.
    """
    value, dtype = _as_float64(rot6d, (6,))
    first, second = value[..., 0::2], value[..., 1::2]
    x_axis = first / np.linalg.norm(first, axis=-1, keepdims=True)
    second = second - (x_axis * second).sum(-1, keepdims=True) * x_axis
    y_axis = second / np.linalg.norm(second, axis=-1, keepdims=True)
    return np.stack([x_axis, y_axis, np.cross(x_axis, y_axis)], -1).astype(dtype)


def matrix_to_rot6d(matrix: np.ndarray) -> np.ndarray:
    """(..., 3, 3) -> (..., 6), the inverse of `rot6d_to_matrix` for rotation matrices."""
    value, dtype = _as_float64(matrix, (3, 3))
    return value[..., :2].reshape(value.shape[:-2] + (6,)).astype(dtype)


def _as_float64(value: np.ndarray, trailing: tuple[int, ...]) -> tuple[np.ndarray, np.dtype]:
    value = np.asarray(value)
    if value.shape[-len(trailing):] != trailing:
        raise ValueError(f"expected the last axes to be {trailing}, got shape {value.shape}")
    dtype = value.dtype if np.issubdtype(value.dtype, np.floating) else np.dtype(np.float64)
    return value.astype(np.float64), dtype
