"""Quaternions (w, x, y, z) in numpy, which the functions of the graph are compared with."""
import numpy as np


def axis_angle_to_quaternion(axis_angle):
    """(..., 3) radians -> (..., 4) unit quaternions, w = cos(angle / 2)."""
    vector = np.asarray(axis_angle, np.float64)
    angle = np.linalg.norm(vector, axis=-1, keepdims=True)
    return np.concatenate([np.cos(0.5 * angle), 0.5 * np.sinc(0.5 * angle / np.pi) * vector], -1)


def quaternion_to_matrix(quaternion):
    """(..., 4) quaternions of any length but zero -> (..., 3, 3)."""
    value = np.asarray(quaternion, np.float64)
    w, x, y, z = np.moveaxis(value / np.linalg.norm(value, axis=-1, keepdims=True), -1, 0)
    rows = [[1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]]
    return np.stack([np.stack(row, -1) for row in rows], -2)
