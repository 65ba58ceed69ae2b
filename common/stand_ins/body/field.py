"""The synthetic human as a solid: a signed field that is negative inside the body, zero on the skin.

Rest pose (arms sideways), metres, y up, facing +z, the person's left is +x. Only the left half is described; the right
half is its mirror image. Sizes follow common anthropometric proportions (stature 1.73 m, 7.6 heads), joints lie where
SMPL has them in its rest pose. No licensed data went into any number.

A body is a list of parts, joined one after the other with rounded seams (polynomial smooth minimum, width `blend`);
a part may also be carved away. Near the surface the field is close to the distance in metres.
"""
import dataclasses

import numpy as np
from scipy.interpolate import PchipInterpolator

FAR = 0.06  # metres: the field stops growing here, so that a part is computed only for points near it
FLOOR = -1.175  # height of the soles


@dataclasses.dataclass(frozen=True)
class Cone:
    """Capsule from `start` to `end` (3,) whose radius changes from `radius` to `end_radius`."""

    start: tuple
    end: tuple
    radius: float
    end_radius: float
    blend: float
    carve: bool = False

    def bounds(self):
        ends = np.array([self.start, self.end])
        reach = max(self.radius, self.end_radius)
        return ends.min(0) - reach, ends.max(0) + reach

    def distance(self, points):
        start = np.asarray(self.start)
        axis = np.asarray(self.end) - start
        along = np.clip((points - start) @ axis / (axis @ axis), 0, 1)
        away = points - start - along[:, None] * axis
        return np.sqrt((away * away).sum(1)) - (self.radius + along * (self.end_radius - self.radius))


@dataclasses.dataclass(frozen=True)
class Ellipsoid:
    """Ellipsoid with axes along x, y, z, turned by `tilt` radians about z, then leant back by `lean` about x."""

    centre: tuple
    radii: tuple
    blend: float
    tilt: float = 0.0
    lean: float = 0.0
    carve: bool = False

    def bounds(self):
        reach = max(self.radii) if self.tilt or self.lean else np.asarray(self.radii)
        return np.asarray(self.centre) - reach, np.asarray(self.centre) + reach

    def distance(self, points):
        local = points - np.asarray(self.centre)
        if self.lean:
            c, s = np.cos(self.lean), np.sin(self.lean)
            local = local @ np.array([[1, 0, 0], [0, c, s], [0, -s, c]])
        if self.tilt:
            c, s = np.cos(self.tilt), np.sin(self.tilt)
            local = local @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        return _ellipse_distance(local, np.asarray(self.radii)[None], 2.0)


@dataclasses.dataclass(frozen=True)
class Loft:
    """Solid with elliptic sections across a coordinate axis.

    Args:
        axis (int): 0, 1 or 2; the other two axes in rising order are called u and v.
        table (tuple): rows (position along the axis, centre u, centre v, half width u, half width towards -v,
            half width towards +v); smooth between the rows, closed by a half ellipsoid at both ends.
        caps (tuple): lengths of the two half ellipsoids, metres.
        power (float): 2 for ellipses, more for boxier sections.
    """

    axis: int
    table: tuple
    caps: tuple
    blend: float
    power: float = 2.0
    carve: bool = False

    def bounds(self):
        rows = np.array(self.table)
        u, v = [axis for axis in range(3) if axis != self.axis]
        low, high = np.zeros(3), np.zeros(3)
        low[self.axis], high[self.axis] = rows[0, 0] - self.caps[0], rows[-1, 0] + self.caps[1]
        low[u], high[u] = (rows[:, 1] - rows[:, 3]).min(), (rows[:, 1] + rows[:, 3]).max()
        low[v], high[v] = (rows[:, 2] - rows[:, 4]).min(), (rows[:, 2] + rows[:, 5]).max()
        return low, high

    def distance(self, points):
        rows = np.array(self.table)
        u, v = [axis for axis in range(3) if axis != self.axis]
        position = points[:, self.axis]
        inner = np.clip(position, rows[0, 0], rows[-1, 0])
        # One fine linear table per column: exact enough and much faster than the spline at every point.
        grid = np.linspace(rows[0, 0], rows[-1, 0], 257)
        columns = PchipInterpolator(rows[:, 0], rows[:, 1:])(grid)
        cu, cv, ru, rv_low, rv_high = (np.interp(inner, grid, column) for column in columns.T)
        beyond = position - inner
        local = np.stack([points[:, u] - cu, points[:, v] - cv, beyond], 1)
        radii = np.stack([ru, np.where(local[:, 1] < 0, rv_low, rv_high),
                          np.where(beyond < 0, self.caps[0], self.caps[1])], 1)
        return _ellipse_distance(local, radii, self.power)


def _ellipse_distance(local, radii, power):
    """First-order distance to |x/a|^p + |y/b|^p + |z/c|^p = 1: (k - 1) / |gradient of k|."""
    scaled = np.abs(local) / radii
    raised = scaled ** (power - 1)
    size = np.maximum((raised * scaled).sum(1), 1e-12) ** (1 / power)
    slope = np.sqrt(((raised / radii) ** 2).sum(1)) / size ** (power - 1)
    return (size - 1) / np.maximum(slope, 1e-6)


def smooth_min(a, b, width):
    """The smaller of two fields with a seam rounded over `width` metres."""
    overlap = np.maximum(width - np.abs(a - b), 0) / width
    return np.minimum(a, b) - overlap * overlap * width / 4


def field(points, parts):
    """Value of the solid made of `parts` at points (N, 3) with x >= 0, metres; clipped at +FAR.

    Returns:
        numpy.ndarray: (N,) float64, negative inside.
    """
    points = np.asarray(points, np.float64)
    out = np.full(len(points), FAR)
    for part in parts:
        low, high = part.bounds()
        near = np.flatnonzero(((points > low - FAR) & (points < high + FAR)).all(1))
        if not len(near):
            continue
        value = part.distance(points[near])
        if part.carve:
            out[near] = -smooth_min(-out[near], value, part.blend)
        else:
            out[near] = smooth_min(out[near], value, part.blend)
    # Flat soles.
    low = np.flatnonzero(points[:, 1] < FLOOR + FAR)
    out[low] = -smooth_min(-out[low], points[low, 1] - FLOOR, 0.008)
    return out


class Magnifier:
    """Smooth map that enlarges head, hand and foot, so that evenly sized triangles there are fine on the real body.

    Args:
        head, hand, foot (float): enlargement.
    """

    HEAD_Y, HAND_X, FOOT_Y = 0.30, 0.64, -1.06  # where the enlargement begins
    HEAD_Z, HAND_YZ, FOOT_XZ = 0.02, (0.218, -0.045), (0.105, 0.03)  # centres of the enlargement across
    RAMP = 0.045  # metres over which it grows to its full value

    def __init__(self, head, hand, foot):
        self.more = np.array([hand, head, foot]) - 1.0
        self.x, self.y = np.linspace(0, 1.2, 2401), np.linspace(-1.4, 0.8, 4401)
        self.big_x = _integral(self.x, self._scales(self.x, 0.0)[0])
        _, head_scale, foot_scale = self._scales(0.0, self.y)
        self.big_y = _integral(self.y, head_scale * foot_scale)
        self.big_y -= np.interp(0.0, self.y, self.big_y)

    def _scales(self, x, y):
        """Enlargement by hand, head and foot at body coordinates."""
        begun = (x - self.HAND_X, y - self.HEAD_Y, self.FOOT_Y - y)
        return [1 + more * _ramp(distance / self.RAMP) for more, distance in zip(self.more, begun)]

    def scale(self, points):
        """Enlargement at body coordinates (N, 3), (N,)."""
        return np.prod(self._scales(points[:, 0], points[:, 1]), axis=0)

    def enlarge(self, points):
        """Body coordinates (N, 3), x >= 0 -> enlarged coordinates (N, 3)."""
        x, y, z = points.T
        hand, head, foot = self._scales(x, y)
        fx, fz = self.FOOT_XZ
        cy, cz = self.HAND_YZ
        body = (np.where(foot > 1, fx + foot * (x - fx), head * x), np.interp(y, self.y, self.big_y),
                np.where(foot > 1, fz + foot * (z - fz), self.HEAD_Z + head * (z - self.HEAD_Z)))
        enlarged_hand = (np.interp(x, self.x, self.big_x), cy + hand * (y - cy), cz + hand * (z - cz))
        return np.where(hand > 1, enlarged_hand, body).T

    def reduce(self, points):
        """Inverse of `enlarge`."""
        x, y, z = points.T
        real_x, real_y = np.interp(x, self.big_x, self.x), np.interp(y, self.big_y, self.y)
        hand, head, foot = self._scales(real_x, real_y)
        fx, fz = self.FOOT_XZ
        cy, cz = self.HAND_YZ
        body = (np.where(foot > 1, fx + (x - fx) / foot, x / head), real_y,
                np.where(foot > 1, fz + (z - fz) / foot, self.HEAD_Z + (z - self.HEAD_Z) / head))
        real_hand = (real_x, cy + (y - cy) / hand, cz + (z - cz) / hand)
        return np.where(hand > 1, real_hand, body).T


def _ramp(t):
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def _integral(x, y):
    return np.concatenate([[0.0], np.cumsum((y[1:] + y[:-1]) / 2 * np.diff(x))])
