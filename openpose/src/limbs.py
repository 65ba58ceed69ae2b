"""How well the affinity fields support that two joint candidates are the ends of one limb."""
from typing import NamedTuple

import numpy as np

from openpose.src.normalisation import STRIDE

CHUNK = 200_000  # pairs that are looked at together, to bound memory
FIELD_THRESHOLD = 0.05  # component along a limb that counts as support, in all conventions


class Connections(NamedTuple):
    """M limbs: limb (M,), first and second (M,) candidate numbers, score (M,), positive where a field supports them."""

    limb: np.ndarray
    first: np.ndarray
    second: np.ndarray
    score: np.ndarray


def complex_fields(paf):
    """(2L, h, w) to (L, h * w) complex64, x + iy: both components come with one access."""
    paf = np.asarray(paf, np.float32)
    return (paf[0::2] + 1j * paf[1::2]).reshape(len(paf) // 2, -1)


class LinearSampler:
    """Fields between the cells, linearly interpolated; positions in pixels of the network input.

    Args:
        paf (array): (2L, h, w).
    """

    def __init__(self, paf):
        self.fields, (self.rows, self.columns) = complex_fields(paf).ravel(), paf.shape[1:]

    def place(self, x, y):
        """Pixels to the coordinates that a call takes: cells, no further out than the outermost ones."""
        return tuple(np.clip((position - (STRIDE - 1) / 2) / STRIDE, 0, count - 1).astype(np.float32)
                     for position, count in ((x, self.columns), (y, self.rows)))

    def __call__(self, limb, x, y):
        """(n,) limb numbers and (n, k) coordinates of `place` to (n, k) complex values."""
        u, left = self._split(x, self.columns)
        v, top = self._split(y, self.rows)
        index = limb[:, None] * (self.rows * self.columns) + top * self.columns + left
        right, below = int(self.columns > 1), self.columns * int(self.rows > 1)
        upper = self.fields[index] * (1 - u) + self.fields[index + right] * u
        lower = self.fields[index + below] * (1 - u) + self.fields[index + below + right] * u
        return upper * (1 - v) + lower * v

    def candidates(self, limb, x, y, dx, dy, positions, misses):
        """Numbers of the lines that are worth a closer look: no more than `misses` positions lie between four cells
        whose fields are all too short. Rules out most pairs of a crowd at the cost of reading single bytes.

        Args:
            limb, x, y, dx, dy (array): (n,) limb numbers, starts and extents of the lines in coordinates of `place`.
            positions (array): (k,) shares of the extent.
            misses (int): positions that may be without.
        """
        long = np.zeros((len(self.fields) // (self.rows * self.columns), self.rows + 1, self.columns + 1), bool)
        long[:, :-1, :-1] = np.abs(self.fields).reshape(-1, self.rows, self.columns) > FIELD_THRESHOLD
        long[:, :, :-1] |= long[:, :, 1:]
        long[:, :-1] |= long[:, 1:]
        long = long[:, :-1, :-1].ravel()
        start, alive, missed = limb * (self.rows * self.columns), np.arange(len(limb)), np.zeros(len(limb), np.int8)
        for number, at in enumerate(positions.astype(x.dtype)):
            cell = (y[alive] + dy[alive] * at).astype(np.int32) * self.columns
            cell += (x[alive] + dx[alive] * at).astype(np.int32)
            missed[alive] += ~long[start[alive] + cell]
            if number >= misses:
                alive = alive[missed[alive] <= misses]
        return alive

    @staticmethod
    def _split(place, cells):
        """Share of the next cell and number of the cell before a coordinate."""
        before = np.minimum(place.astype(np.int32), max(cells - 2, 0))
        return place - before, before


class PixelSampler:
    """Fields at whole pixels of the enlarged maps, without enlarging them.

    Args:
        paf (array): (2L, h, w).
        rows, columns (array): (H, h) and (W, w), matrices that enlarge.
    """

    def __init__(self, paf, rows, columns):
        self.fields, self.size = complex_fields(paf).ravel(), paf.shape[1:]
        self.rows, self.columns = _taps(rows), _taps(columns)

    def place(self, x, y):
        """Pixels are what a call takes."""
        return x, y

    def candidates(self, limb, x, y, dx, dy, positions, misses):
        """All lines: the published conventions are taken as they are."""
        return np.arange(len(limb))

    def __call__(self, limb, x, y):
        """(n,) limb numbers and (n, k) positions, rounded to even, to (n, k) complex values."""
        (row, row_weight), (column, column_weight) = self.rows, self.columns
        x, y = np.rint(x).astype(np.intp), np.rint(y).astype(np.intp)
        start = limb[:, None] * (self.size[0] * self.size[1])
        total = np.zeros(x.shape, np.complex64)
        for down in range(row.shape[1]):
            line = start + row[y, down] * self.size[1]
            part = sum(self.fields[line + column[x, across]] * column_weight[x, across]
                       for across in range(column.shape[1]))
            total += part * row_weight[y, down]
        return total


def _taps(matrix):
    """The cells (n, T) that each row of a sparse matrix uses, and their weights (n, T)."""
    used = matrix != 0
    count = int(used.sum(1).max())
    index = np.argsort(~used, axis=1, kind="stable")[:, :count]
    return index, np.take_along_axis(matrix, index, 1)


def all_pairs(peaks, limbs):
    """Every candidate of a limb's first joint with every one of its second: limb, first, second (M,)."""
    parts = []
    for number, (start, end) in enumerate(limbs):
        first = np.arange(peaks.starts[start], peaks.starts[start + 1])
        second = np.arange(peaks.starts[end], peaks.starts[end + 1])
        parts.append((np.full(len(first) * len(second), number), np.repeat(first, len(second)),
                      np.tile(second, len(first))))
    return tuple(np.concatenate(column) for column in zip(*parts))


def with_near_pairs(connections, peaks, limbs, reach, least):
    """Add the pairs of high peaks that are nearer to each other than `reach`, the nearest first, with the score 0.

    The field of a limb that is shorter than a cell may cover no cell, as shoulder to neck of people seen from the side.

    Args:
        connections (Connections): of `supported`.
        reach (float): in the unit of the peaks.
        least (float): height of both peaks; noise makes many small ones.
    """
    limb, first, second = all_pairs(peaks, limbs)
    distance = np.hypot(peaks.x[first] - peaks.x[second], peaks.y[first] - peaks.y[second])
    near = np.flatnonzero((distance < reach) & (np.minimum(peaks.score[first], peaks.score[second]) >= least))
    near = near[np.argsort(distance[near], kind="stable")]
    columns = (limb[near], first[near], second[near], np.zeros(len(near)))
    return Connections(*map(np.concatenate, zip(connections, columns)))


def supported(sampler, peaks, limbs, positions, least, prior_length):
    """The pairs whose connecting line runs along the field, whose component along it exceeds `FIELD_THRESHOLD`.

    Args:
        sampler: `LinearSampler` or `PixelSampler`.
        peaks (Peaks): candidates, in the sampler's pixels.
        positions (array): (k,) where on the line the field is read, 0 at the first joint and 1 at the second. Those
            that decide most pairs come first: a pair is given up as soon as it cannot reach `least` any more.
        least (int): at how many of the positions.
        prior_length (float): a limb longer than this many pixels loses 1 - prior_length / length.

    Returns:
        Connections: score is the mean component less the loss for length, positive.
    """
    pairs = all_pairs(peaks, limbs)
    parts = [_supported_chunk(sampler, peaks, *(column[start:start + CHUNK] for column in pairs), positions,
                              least, prior_length)
             for start in range(0, max(len(pairs[0]), 1), CHUNK)]
    return Connections(*(np.concatenate(column) for column in zip(*parts)))


def _supported_chunk(sampler, peaks, limb, first, second, positions, least, prior_length):
    x, y = peaks.x[first], peaks.y[first]
    dx, dy = peaks.x[second] - x, peaks.y[second] - y
    length = np.maximum(np.hypot(dx, dy), 1e-3)
    direction_x, direction_y = ((part / length).astype(np.float32) for part in (dx, dy))
    place_x, place_y = sampler.place(peaks.x, peaks.y)
    x, y = place_x[first], place_y[first]
    dx, dy = place_x[second] - x, place_y[second] - y
    total, reached, misses = np.zeros(len(limb)), np.zeros(len(limb), int), len(positions) - least
    alive = sampler.candidates(limb, x, y, dx, dy, positions, misses)
    # The first looks are the fewest that can rule a pair out, which they do for most.
    bounds = np.minimum([0, misses + 1, misses + 3, len(positions)], len(positions))
    for start, stop in zip(bounds, bounds[1:]):
        at = positions[None, start:stop].astype(x.dtype)
        field = sampler(limb[alive], x[alive, None] + dx[alive, None] * at, y[alive, None] + dy[alive, None] * at)
        along = field.real * direction_x[alive, None] + field.imag * direction_y[alive, None]
        total[alive] += along.sum(1)
        reached[alive] += (along > FIELD_THRESHOLD).sum(1)
        alive = alive[reached[alive] >= stop - misses]
    score = total[alive] / len(positions) + np.minimum(prior_length / length[alive] - 1, 0)
    kept = alive[score > 0]
    return limb[kept], first[kept], second[kept], score[score > 0]
