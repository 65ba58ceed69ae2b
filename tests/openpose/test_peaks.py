"""Peaks of heat maps, by hand."""
import numpy as np
import pytest

from openpose.src.peaks import enlarged_peaks, refined_peaks


def test_a_single_gaussian_is_found_exactly_and_with_its_height():
    ys, xs = np.mgrid[0:20, 0:20] * 8 + 3.5
    for sigma in (6.0, 9.0):
        for x, y in ((80.0, 64.0), (67.3, 93.9), (70.5, 70.5), (1.0, 158.0), (0.0, 0.0)):
            heat = 0.8 * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * sigma ** 2))
            peaks = refined_peaks(heat[None].astype(np.float32), 0.1, 10)
            assert len(peaks.x) == 1
            if 8 < x < 152 and 8 < y < 152:
                assert np.allclose((peaks.x[0], peaks.y[0], peaks.score[0]), (x, y, 0.8), atol=1e-3)
            else:  # at the rim a side is missing
                assert abs(peaks.x[0] - x) < 4.1 and abs(peaks.y[0] - y) < 4.1


def test_the_fit_by_hand():
    heat = np.zeros((1, 5, 5), np.float32)
    heat[0, 2, 1:4] = 0.4, 0.8, 0.0  # what is less than a tenth of the peak counts as a tenth
    heat[0, 1, 2] = heat[0, 3, 2] = 0.2
    peaks = refined_peaks(heat, 0.1, 10)
    slope, bend = (np.log(0.1) - np.log(0.5)) / 2, np.log(0.1) + np.log(0.5)
    assert peaks.x[0] == pytest.approx(8 * (2 - slope / bend) + 3.5, abs=1e-5) and peaks.y.tolist() == [19.5]
    assert peaks.score[0] == pytest.approx(0.8 * np.exp(-slope ** 2 / (2 * bend)), abs=1e-6)
    # At the rim the missing cell is that of a target: its logarithm bends by (8 / 7) ** 2.
    heat = np.zeros((1, 5, 5), np.float32)
    heat[0, 2, 0], heat[0, 2, 1] = 0.8, 0.8 * np.exp(-0.5)
    assert refined_peaks(heat, 0.1, 10).x[0] == pytest.approx(8 * (0.5 - 0.5 * (7 / 8) ** 2) + 3.5, abs=1e-5)
    # A flat top moves by half a cell at most, and no peak is higher than 1.
    heat = np.full((1, 3, 4), 0.01, np.float32)
    heat[0, 1, 1:3] = 1.0
    peaks = refined_peaks(heat, 0.1, 10)
    assert peaks.x.tolist() == [8 * 1.5 + 3.5] and peaks.score.tolist() == [1.0]


def test_the_fitted_height_has_to_exceed_the_threshold():
    heat = np.zeros((1, 5, 5), np.float32)
    heat[0, 2, 2] = 1.0
    assert len(refined_peaks(heat, 1.0, 10).x) == 0 and len(refined_peaks(heat, 0.999, 10).x) == 1
    # Four equal cells, a tenth or less around them: along each axis the top is half a cell on, 10 ** (1 / 8) higher.
    for height, there in ((0.06, 1), (0.056, 0)):
        heat = np.zeros((1, 5, 5), np.float32)
        heat[0, 1:3, 1:3] = height
        peaks = refined_peaks(heat, 0.1, 10)
        assert len(peaks.x) == there
        if there:
            found = peaks.x[0], peaks.y[0], peaks.score[0]
            np.testing.assert_allclose(found, (15.5, 15.5, height * 10 ** 0.25), rtol=1e-5)


def test_fits_at_the_rim_and_on_a_plain():
    # Alone in the last column or row: the top lies at the border of the map, half a cell on.
    heat = np.zeros((2, 5, 5), np.float32)
    heat[0, 2, 0] = heat[1, 4, 2] = 0.8
    peaks = refined_peaks(heat, 0.1, 10)
    assert peaks.x.tolist() == [-0.5, 19.5] and peaks.y.tolist() == [19.5, 39.5]
    # Larger than its neighbours by so little that the logarithms are equal.
    heat = np.zeros((1, 5, 5), np.float32)
    heat[0, 2, 1:4] = 0.1
    heat[0, 2, 2] = np.nextafter(np.float32(0.1), np.float32(1))
    peaks = refined_peaks(heat, 0.05, 10)
    assert peaks.x.tolist() == peaks.y.tolist() == [19.5] and peaks.score[0] == pytest.approx(0.1)


@pytest.mark.parametrize("strict", [False, True])
def test_peaks_of_enlarged_maps_by_hand(strict):
    """Twice two equal neighbours and a corner; the matrices leave the size, and `smooth` doubles the height."""
    heat = np.zeros((2, 4, 5), np.float32)
    heat[0, 1, 1:3] = heat[1, 1:3, 3] = 0.6
    heat[1, 3, 0] = 0.5
    rows, columns = np.eye(4, dtype=np.float32), np.eye(5, dtype=np.float32)
    for threshold, corner in ((1.0, []), (0.9, [(1, 0, 3, 0.5)])):
        for smooth_score in (False, True):
            peaks = enlarged_peaks(heat, rows, columns, 2 * rows, columns, threshold, strict, smooth_score, 10)
            expected = ([] if strict else [(0, 1, 1, 0.6), (0, 2, 1, 0.6), (1, 3, 1, 0.6), (1, 3, 2, 0.6)]) + corner
            expected = [(joint, x, y, score * (2 if smooth_score else 1)) for joint, x, y, score in expected]
            found = np.stack([np.repeat(np.arange(2), np.diff(peaks.starts)), peaks.x, peaks.y, peaks.score], 1)
            np.testing.assert_allclose(found, np.reshape(expected, (-1, 4)), rtol=1e-6)


def test_equal_neighbours_are_one_peak_and_the_highest_candidates_stay():
    heat = np.zeros((1, 12, 12), np.float32)
    heat[0, 5, 4:6] = 0.7
    assert len(refined_peaks(heat, 0.1, 10).x) == 1
    heat = np.zeros((2, 12, 12), np.float32)
    heat[0, 1::3, 1::3] = np.linspace(0.2, 0.9, 16).reshape(4, 4)
    heat[1, 4, 4] = 0.15
    peaks = refined_peaks(heat, 0.1, 5)
    assert peaks.starts.tolist() == [0, 5, 6] and peaks.score[:5].min() > 0.65
