"""The one-Euro filter for videos: still people stop trembling, quick ones do not lag.

Source: Casiez, Roussel and Vogel, "1 Euro Filter", CHI 2012. Its low-pass filter opens with the speed of what it
follows. Here a vector has one speed, its length per second, so that the result does not depend on the axes; rotations
are filtered on the rotations themselves, along the shortest turn from one to the next.
"""
import numpy as np

from common.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle

# With these, a limb that swings by a radian once per second is off by what it trembled before (noise of 0.03 radians),
# and a still one trembles a third as much from frame to frame.
CUTOFF_HZ = 1.0  # for what stands still
CUTOFF_PER_SPEED = 5.0  # Hz per metre or radian per second
SPEED_CUTOFF_HZ = 2.0  # for the speed itself


def _share(cutoff_hz: float | np.ndarray, seconds: float) -> float | np.ndarray:
    """How much of the way to a new value a low-pass filter goes after a time step."""
    turn = 2.0 * np.pi * np.asarray(cutoff_hz) * seconds
    return turn / (turn + 1.0)


class OneEuro:
    """Filter of vectors (..., D).

    Args:
        cutoff_hz (float): of what stands still.
        cutoff_per_speed (float): how much that grows with each unit per second.
    """

    def __init__(self, cutoff_hz: float = CUTOFF_HZ, cutoff_per_speed: float = CUTOFF_PER_SPEED):
        self.cutoff_hz, self.cutoff_per_speed = cutoff_hz, cutoff_per_speed
        self.time_s = self.raw = self.value = self.velocity = None

    def __call__(self, value: np.ndarray, time_s: float, unit: float = 1.0) -> np.ndarray:
        """Follow a new value -> the smoothed one, float64.

        Args:
            value (array): of the same shape at every call.
            time_s (float): its time in seconds, later than that of the last call.
            unit (float): what counts as one metre in the unit of the values.
        """
        value = np.asarray(value, np.float64)
        if self.time_s is None:
            self.raw = self.value = value
            self.velocity = np.zeros_like(self._way(value, value))
        else:
            seconds = time_s - self.time_s
            velocity = self._way(self.raw, value) / seconds
            self.velocity = self.velocity + _share(SPEED_CUTOFF_HZ, seconds) * (velocity - self.velocity)
            speed = np.linalg.norm(self.velocity, axis=-1, keepdims=True) / unit
            share = _share(self.cutoff_hz + self.cutoff_per_speed * speed, seconds)
            self.raw, self.value = value, self._go(self.value, share * self._way(self.value, value))
        self.time_s = time_s
        return self.value

    @staticmethod
    def _way(start: np.ndarray, end: np.ndarray) -> np.ndarray:
        return end - start

    @staticmethod
    def _go(start: np.ndarray, way: np.ndarray) -> np.ndarray:
        return start + way


class OneEuroRotation(OneEuro):
    """Filter of rotation matrices (..., 3, 3); speeds are in radians per second."""

    @staticmethod
    def _way(start: np.ndarray, end: np.ndarray) -> np.ndarray:
        return matrix_to_axis_angle(np.swapaxes(start, -1, -2) @ end)

    @staticmethod
    def _go(start: np.ndarray, way: np.ndarray) -> np.ndarray:
        return start @ axis_angle_to_matrix(way)
