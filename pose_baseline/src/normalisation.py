"""Mean and standard deviation of Human3.6M poses, and the way to and from the network's numbers.

Statistics cover all 32 joints as stored; the network sees the columns of 16 joints in 2D (the 17 that move, without
`neck_nose`) and of 16 in 3D (without the root), or 14 in 3D.
Source: una-dinosauria/3d-pose-baseline `data_utils.py`. Differs from it: columns that never change do not become NaN.
"""
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from common.errors import UserError
from common.joints import SKELETONS, index_map

NUM_JOINTS = len(SKELETONS["h36m_32"])
WIDTH_2D, WIDTH_3D = NUM_JOINTS * 2, NUM_JOINTS * 3
# Below this deviation (px or mm) a column is constant and its deviation is rounding: it is shifted, not scaled.
MIN_STD = 1e-6


def _columns(joints, dims):
    """Column numbers of `joints` in poses of all 32 joints with `dims` numbers each."""
    return (index_map("h36m_32", joints)[:, None] * dims + np.arange(dims)).ravel()


INPUT_JOINTS = SKELETONS["h36m_16"]
OUTPUT_JOINTS = tuple(joint for joint in SKELETONS["h36m_17"] if joint != "pelvis")
OUTPUT_JOINTS_14 = SKELETONS["h36m_14"]


class ColumnMoments:
    """Mean and standard deviation of columns, gathered block by block in float64."""

    def __init__(self, width):
        self._count, self._mean, self._squares = 0, np.zeros(width), np.zeros(width)

    def update(self, rows):
        """Take in rows (N, width)."""
        rows = np.asarray(rows, np.float64)
        if not len(rows):
            return
        mean = rows.mean(0)
        squares = np.square(rows - mean).sum(0)
        total = self._count + len(rows)
        apart = mean - self._mean
        # Sums of squares about two means combine exactly (Chan, Golub, LeVeque).
        self._squares += squares + apart * apart * (self._count * len(rows) / total)
        self._mean = self._mean + apart * (len(rows) / total)
        self._count = total

    def result(self):
        """Mean and population standard deviation, (width,) each."""
        return self._mean, np.sqrt(self._squares / max(self._count, 1))


@dataclass(frozen=True)
class Statistics:
    """What poses are normalised with: mean and deviation of 2D (64,) in px and of 3D (96,), root-centred, in mm."""

    mean_2d: np.ndarray
    std_2d: np.ndarray
    mean_3d: np.ndarray
    std_3d: np.ndarray
    predict_14: bool = False

    @property
    def output_joints(self):
        """Names of the predicted joints, in the order of the network's output."""
        return OUTPUT_JOINTS_14 if self.predict_14 else OUTPUT_JOINTS

    @property
    def evaluated_joints(self):
        """Names of the joints that errors are reported for: with the root, except in the 14-joint variant."""
        return OUTPUT_JOINTS_14 if self.predict_14 else SKELETONS["h36m_17"]

    @cached_property
    def use_2d(self):
        """(32,) columns of the 64 that the network takes."""
        return _columns(INPUT_JOINTS, 2)

    @cached_property
    def use_3d(self):
        """(48,) or (42,) columns of the 96 that the network predicts."""
        return _columns(self.output_joints, 3)

    def normalise_2d(self, pixels):
        """Network input (N, 32) float64 from pixels (N, 32) of its joints."""
        return (pixels - self.mean_2d[self.use_2d]) / _scale(self.std_2d[self.use_2d])

    def normalise_3d(self, joints):
        """Network target (N, 48 or 42) float64 from root-centred mm (N, 48 or 42) of the predicted joints."""
        return (joints - self.mean_3d[self.use_3d]) / _scale(self.std_3d[self.use_3d])

    def restore_2d(self, normalised):
        """The reverse of `normalise_2d`: pixels (N, 32)."""
        return normalised * _scale(self.std_2d[self.use_2d]) + self.mean_2d[self.use_2d]

    def restore_3d(self, normalised):
        """The reverse of `normalise_3d`: root-centred mm (N, 48 or 42)."""
        return normalised * _scale(self.std_3d[self.use_3d]) + self.mean_3d[self.use_3d]

    def to_arrays(self):
        """Everything as a dict of numpy arrays, to travel in a checkpoint."""
        return {"mean_2d": self.mean_2d, "std_2d": self.std_2d, "mean_3d": self.mean_3d, "std_3d": self.std_3d,
                "predict_14": np.array(self.predict_14, np.int32)}

    @classmethod
    def from_arrays(cls, arrays):
        """The reverse of `to_arrays`.

        Raises:
            UserError: an array is missing or has another shape.
        """
        widths = {"mean_2d": WIDTH_2D, "std_2d": WIDTH_2D, "mean_3d": WIDTH_3D, "std_3d": WIDTH_3D}
        wrong = [name for name, width in widths.items() if np.shape(arrays.get(name)) != (width,)]
        if wrong or "predict_14" not in arrays:
            raise UserError(f"pose statistics lack {', '.join(wrong) or 'predict_14'} or have another shape: use a "
                            "checkpoint that was written by pose_baseline's training, or an npz with the same arrays")
        return cls(**{name: np.asarray(arrays[name], np.float64) for name in widths},
                   predict_14=bool(np.asarray(arrays["predict_14"]).item()))


def _scale(std):
    return np.where(std > MIN_STD, std, 1.0)


def targets_to_mm(normalised, statistics):
    """Network outputs or targets (N, 48 or 42) to joints (N, J, 3) float64, mm relative to the root.

    They are `statistics.evaluated_joints`: 17 with the root in front, at the origin; or 14.
    """
    joints = statistics.restore_3d(normalised).reshape(len(normalised), -1, 3)
    return joints if statistics.predict_14 else np.pad(joints, ((0, 0), (1, 0), (0, 0)))
