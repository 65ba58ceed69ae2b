"""Shares of an epoch, what an epoch shows of each source, and repeatability."""
import numpy as np
import pytest

from common.data.mixture import Mixture, places_of
from common.data.order import sample_rng
from common.data.pipeline import Pipeline
from common.errors import UserError


class Numbers:
    """Samples are `start`, `start + 1`, ..."""

    columns = ("number",)

    def __init__(self, start, length):
        self.start, self.length = start, length

    def __len__(self):
        return self.length

    def sample(self, index, rng):
        assert 0 <= index < self.length
        return (np.int32(self.start + index),)


def epoch(mixture, number, seed=1):
    return np.array([mixture.sample(index, sample_rng(seed, number, index))[0] for index in range(len(mixture))])


def test_places_are_the_nearest_whole_numbers():
    assert places_of({"a": 0.5, "b": 0.3, "c": 0.2}, 10) == {"a": 5, "b": 3, "c": 2}
    assert places_of({"a": 1, "b": 1, "c": 1}, 5) == {"a": 2, "b": 2, "c": 1}
    assert places_of({"a": 6, "b": 1}, 3 + 7) == {"a": 9, "b": 1}


def test_without_weights_an_epoch_shows_every_sample_once():
    mixture = Mixture({"a": Numbers(0, 7), "b": Numbers(100, 3)})
    for number in range(3):
        assert epoch(mixture, number).tolist() == [*range(7), 100, 101, 102]


def test_a_small_source_is_repeated_evenly_and_a_large_one_changes_its_choice():
    mixture = Mixture({"small": Numbers(0, 3), "large": Numbers(100, 40)}, {"small": 1.0, "large": 1.0}, 16)
    first, second = epoch(mixture, 0), epoch(mixture, 1)
    for drawn in (first, second):
        assert np.bincount(drawn[:8], minlength=3).min() >= 2 and np.bincount(drawn[:8]).max() <= 4
        # One of each five neighbours.
        assert ((drawn[8:] - 100) // 5).tolist() == list(range(8))
    assert (first[8:] != second[8:]).any()
    assert (epoch(mixture, 1) == second).all()
    many = np.concatenate([epoch(mixture, number)[8:] for number in range(200)]) - 100
    counts = np.bincount(many, minlength=40)
    # 40 draws of each are expected; four standard deviations.
    assert abs(counts - 40).max() < 4 * np.sqrt(40)


def test_the_order_in_which_weights_are_written_changes_nothing():
    sources = {"a": Numbers(0, 5), "b": Numbers(100, 5)}
    one, other = Mixture(sources, {"a": 1, "b": 3}, 8), Mixture(sources, {"b": 3, "a": 1}, 8)
    assert (epoch(one, 0) == epoch(other, 0)).all() and one.places == {"a": 2, "b": 6}


def test_ranks_of_a_pipeline_share_the_mixture():
    mixture = Mixture({"a": Numbers(0, 6), "b": Numbers(100, 6)})
    batches = [list(Pipeline(mixture, 2, 5, rank=rank, rank_size=2, num_workers=1).batches(0)) for rank in range(2)]
    drawn = sorted(int(number) for rank in batches for (batch,) in rank for number in batch.asnumpy())
    assert drawn == [*range(6), *range(100, 106)]


def test_an_epoch_needs_a_place_for_every_set():
    with pytest.raises(UserError, match="no place for data set b"):
        Mixture({"a": Numbers(0, 5), "b": Numbers(0, 5)}, {"a": 1.0, "b": 1e-6})


def test_columns_have_to_agree():
    other = Numbers(0, 2)
    other.columns = ("others",)
    with pytest.raises(ValueError, match="same columns"):
        Mixture({"a": Numbers(0, 2), "b": other})
