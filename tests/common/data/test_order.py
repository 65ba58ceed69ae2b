"""Order of the samples, dropout masks and loaders: functions of seed, epoch and position."""
import numpy as np
import pytest

from common.data.arrays import ArrayLoader, DropoutMasks
from common.data.order import epoch_order, rank_batches, sample_rng
from common.data.pipeline import Pipeline
from common.errors import UserError


def test_orders_are_permutations_that_differ_between_epochs_and_seeds():
    first = epoch_order(100, seed=3, epoch=0, shuffle=True)
    assert sorted(first) == list(range(100))
    assert (first == epoch_order(100, 3, 0, True)).all()
    assert (first != epoch_order(100, 3, 1, True)).any()
    assert (first != epoch_order(100, 4, 0, True)).any()
    assert (epoch_order(5, 3, 7, shuffle=False) == np.arange(5)).all()


def test_ranks_share_the_global_batches():
    order = np.arange(11)
    one = [batch.tolist() for batch in rank_batches(order, 4)]
    assert one == [[0, 1, 2, 3], [4, 5, 6, 7]]
    two = [[batch.tolist() for batch in rank_batches(order, 2, rank, 2)] for rank in (0, 1)]
    assert two == [[[0, 1], [4, 5]], [[2, 3], [6, 7]]]
    assert [batch.tolist() for batch in rank_batches(order, 4, start=1)] == [[4, 5, 6, 7]]


def test_masks_repeat_by_step_and_keep_the_share():
    masks = DropoutMasks((64, 1000), 2, 0.5, seed=1)
    first, second = masks.at(7)
    assert first.dtype == np.uint8 and first.shape == (64, 1000) and set(np.unique(first)) == {0, 1}
    assert (first == DropoutMasks((64, 1000), 2, 0.5, seed=1).at(7)[0]).all()
    # 64000 draws at 0.5: the standard deviation of the mean is 0.002.
    assert abs(first.mean() - 0.5) < 0.01
    for other in (second, masks.at(8)[0], DropoutMasks((64, 1000), 2, 0.5, 2).at(7)[0],
                  DropoutMasks((64, 1000), 2, 0.5, 1, rank=1).at(7)[0]):
        assert 0.48 < (first == other).mean() < 0.52
    assert abs(DropoutMasks((64, 1000), 1, 0.3, 1).at(0)[0].mean() - 0.3) < 0.01


def _rows(loader, epoch, start=0):
    return [[value.asnumpy().copy() for value in batch] for batch in loader.batches(epoch, start)]


def _same(left, right):
    return len(left) == len(right) and all((a == b).all() for x, y in zip(left, right) for a, b in zip(x, y))


def test_array_loader_resumes_within_an_epoch():
    arrays = [np.arange(50, dtype=np.float32)[:, None], np.arange(50, dtype=np.float32)]

    def loader():
        return ArrayLoader(arrays, 8, 1, masks=DropoutMasks((8, 16), 3, 0.5, 1))

    whole = _rows(loader(), 4)
    assert len(whole) == loader().steps_per_epoch == 6
    assert len(whole[0]) == 5
    assert _same(whole[2:], _rows(loader(), 4, start=2))
    assert (whole[0][0][:, 0] == whole[0][1]).all()
    numbers = np.concatenate([batch[1] for batch in whole])
    assert len(set(numbers)) == 48


def test_indices_only_gives_the_same_rows():
    arrays = [np.random.default_rng(0).standard_normal((20, 2)).astype(np.float32)]
    rows = _rows(ArrayLoader(arrays, 5, 1), 0)
    indices = _rows(ArrayLoader(arrays, 5, 1, indices_only=True), 0)
    assert indices[0][0].dtype == np.int32
    assert all((arrays[0][index] == row).all() for [row], [index] in zip(rows, indices))


class Noise:
    """103 samples whose noise tells which generator made it."""

    columns = ("number", "noise")

    def __len__(self):
        return 103

    def sample(self, index, rng):
        if index == 1000:
            raise UserError("never")
        return np.int32(index), rng.standard_normal(3).astype(np.float32)


def test_pipeline_repeats_resumes_and_shards():
    whole = _rows(Pipeline(Noise(), 8, seed=5, num_workers=2), 2)
    assert len(whole) == 12
    assert _same(whole, _rows(Pipeline(Noise(), 8, 5, num_workers=1), 2))
    assert _same(whole[3:], _rows(Pipeline(Noise(), 8, 5), 2, start=3))
    assert not _same(whole, _rows(Pipeline(Noise(), 8, 5), 3))
    halves = [_rows(Pipeline(Noise(), 4, 5, rank=rank, rank_size=2), 2) for rank in (0, 1)]
    joined = [[np.concatenate(pair) for pair in zip(*batches)] for batches in zip(*halves)]
    assert _same(whole, joined)
    number, noise = whole[0][0][0], whole[0][1][0]
    assert (noise == sample_rng(5, 2, int(number)).standard_normal(3).astype(np.float32)).all()
    assert list(Pipeline(Noise(), 8, 5).batches(0, start=12)) == []


class Broken(Noise):
    def sample(self, index, rng):
        raise UserError(f"image {index}.jpg cannot be read")


def test_a_worker_error_stays_one_sentence():
    with pytest.raises(UserError, match=r"image \d+.jpg cannot be read"):
        list(Pipeline(Broken(), 8, 5).batches(0))


def test_too_few_samples_are_named():
    with pytest.raises(UserError, match="103"):
        Pipeline(Noise(), 64, 5, rank_size=2)
