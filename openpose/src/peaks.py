"""Joint candidates: the peaks of the heat maps, with positions finer than a cell.

Two ways are here. `refined_peaks` looks at the maps as the network gives them and fits a Gaussian to the neighbours of
each largest cell. `enlarged_peaks` reproduces the published decoders, which enlarge and smooth the maps first; both
steps are linear and work on rows and columns independently, so a matrix per axis does them together.

Cell (i, j) of a map lies at network pixel (8 j + 3.5, 8 i + 3.5); the centre of the first pixel is (0, 0).
"""
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from openpose.src.normalisation import STRIDE

SMALLEST_SHARE = 0.1  # of the largest cell that its neighbours count at least, so that noise cannot throw the fit
USUAL_BEND = -(8 / 7) ** 2  # second difference of the logarithm of a training target, used at the rim of a map


@dataclass(frozen=True)
class Peaks:
    """N candidates, sorted by joint.

    x, y (N,) float64 pixels, of the network input or of the image, as the maker says. score (N,) float64: height of the
    peak. starts (J + 1,) int: the candidates of joint j are starts[j] to starts[j + 1].
    """

    x: np.ndarray
    y: np.ndarray
    score: np.ndarray
    starts: np.ndarray


def collect(joint, x, y, score, num_joints, most):
    """Peaks from arrays sorted by joint; of every joint the `most` highest ones stay, in the order given."""
    by_height = np.lexsort((-score, joint))
    kept = np.sort(by_height[np.arange(len(joint)) - np.searchsorted(joint, joint) < most])
    starts = np.searchsorted(joint[kept], np.arange(num_joints + 1))
    return Peaks(x[kept], y[kept], score[kept].astype(np.float64), starts)


def refined_peaks(heat, threshold, most):
    """Cells that are larger than the four around them, moved to the top of the Gaussian through them.

    Along each axis the logarithm of a Gaussian is a parabola, which the cell and its two neighbours determine: exact
    for a single joint, whatever its width.

    Args:
        heat (array): (J, h, w) float32, without the background.
        threshold (float): least height, of the fitted Gaussian.
        most (int): candidates per joint that are kept, the highest ones.

    Returns:
        Peaks: in pixels of the network input.
    """
    num_joints, rows, columns = heat.shape
    flat, width = np.pad(heat, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf).ravel(), columns + 2
    # The fitted top is at most twice as high as the largest cell.
    cells = np.flatnonzero(flat > 0.5 * threshold)
    centre = flat[cells]
    for step in (1, width):  # of equal neighbours the first one counts; close joints may touch diagonally
        kept = (centre > flat[cells - step]) & (centre >= flat[cells + step])
        cells, centre = cells[kept], centre[kept]
    joint, within = np.divmod(cells, (rows + 2) * width)
    row, column = np.divmod(within, width)
    top = np.log(centre)
    offsets, height = [], top.copy()
    for step in (1, width):
        before, after = (_logarithm(flat[cells + side * step], centre) for side in (-1, 1))
        before, after = (np.where(np.isnan(one), 2 * top - other + USUAL_BEND, one)
                         for one, other in ((before, after), (after, before)))
        slope, bend = (after - before) / 2, np.minimum(before + after - 2 * top, -1e-6)
        offset = np.clip(-slope / bend, -0.5, 0.5)
        height += offset * slope + 0.5 * offset ** 2 * bend
        offsets.append(offset)
    score = np.minimum(np.exp(height), 1.0)
    high = score > threshold
    x, y = (((cell - 1 + offset) * STRIDE + (STRIDE - 1) / 2)[high].astype(np.float64)
            for cell, offset in zip((column, row), offsets))
    return collect(joint[high], x, y, score[high], num_joints, most)


def _logarithm(neighbour, centre):
    """NaN where the map ends."""
    return np.where(np.isinf(neighbour), np.nan, np.log(np.maximum(neighbour, SMALLEST_SHARE * centre)))


@lru_cache(maxsize=64)
def enlarging_matrix(cells, kept, size, cubic):
    """What OpenCV does along one axis: enlarge `cells` by `STRIDE`, keep the first `kept` pixels, resize to `size`.

    Returns:
        numpy.ndarray: (size, cells) float32; enlarged = rows @ map @ columns.T.
    """
    method = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    matrix = cv2.resize(np.eye(cells, dtype=np.float32), (cells, cells * STRIDE), interpolation=method)[:kept]
    return cv2.resize(matrix, (cells, size), interpolation=method)  # of the same size a copy


@lru_cache(maxsize=64)
def smoothing_matrix(cells, kept, size, cubic, sigma):
    """`enlarging_matrix` followed by a Gaussian of `sigma` pixels, the border mirrored."""
    return gaussian_filter1d(enlarging_matrix(cells, kept, size, cubic), sigma, axis=0)


def enlarged_peaks(heat, rows, columns, smooth_rows, smooth_columns, threshold, strict, smooth_score, most):
    """Pixels of the enlarged and smoothed maps that are not below (or, if `strict`, that are above) the four around.

    Args:
        heat (array): (J, h, w) float32, without the background.
        rows, columns (array): (H, h) and (W, w), matrices that enlarge.
        smooth_rows, smooth_columns (array): the same, with smoothing.
        threshold (float): least height after smoothing.
        strict (bool): whether equal neighbours are no peaks.
        smooth_score (bool): the score is the height after smoothing, else before it.
        most (int): candidates per joint that are kept.

    Returns:
        Peaks: in whole pixels of the enlarged map.
    """
    height, width = len(smooth_rows), len(smooth_columns)
    found = []
    for joint, channel in enumerate(heat):
        # A frame of zeros, as the published decoders compare with.
        smooth = np.zeros((height + 2, width + 2), np.float32)
        smooth[1:-1, 1:-1] = smooth_rows @ channel @ smooth_columns.T
        flat = smooth.ravel()
        pixels = np.flatnonzero(flat > threshold)
        centre = flat[pixels]
        for step in (-1, 1, -width - 2, width + 2):
            other = flat[pixels + step]
            kept = centre > other if strict else centre >= other
            pixels, centre = pixels[kept], centre[kept]
        y, x = np.divmod(pixels, width + 2)
        score = centre if smooth_score else ((rows[y - 1] @ channel) * columns[x - 1]).sum(1)
        found.append((np.full(len(x), joint), x - 1.0, y - 1.0, score))
    return collect(*(np.concatenate(parts) for parts in zip(*found)), len(heat), most)
