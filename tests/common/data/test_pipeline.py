"""Threads of the image pipeline: side by side, ahead of the reader, gone afterwards."""
import threading
import time

import numpy as np
import pytest

from common.data.pipeline import Pipeline, batches_ahead


class Slow:
    """64 samples; one that is 2 ms in the making leaves Python's lock, as decoding does."""

    columns = ("number", "image")

    def __init__(self):
        self.made = []

    def __len__(self):
        return 64

    def sample(self, index, rng):
        time.sleep(0.002)
        self.made.append(index)
        return np.int32(index), np.zeros((3, 4), np.uint8)


def pipeline_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("pipeline")]


def test_batches_keep_their_order_and_types(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    batches = list(Pipeline(Slow(), 8, seed=1, shuffle=False, num_workers=4).batches(0))
    assert np.concatenate([number.asnumpy() for number, _ in batches]).tolist() == list(range(64))
    assert batches[0][0].asnumpy().dtype == np.int32 and batches[0][1].asnumpy().dtype == np.uint8
    assert batches[0][1].shape == (8, 3, 4)


def test_only_one_batch_more_than_threads_is_made_ahead(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    source = Slow()
    batches = Pipeline(source, 4, seed=1, num_workers=2).batches(0)
    next(batches)
    time.sleep(0.2)
    assert len(source.made) == 12
    batches.close()
    assert not pipeline_threads() and len(source.made) == 12


def test_no_thread_stays_after_an_epoch():
    list(Pipeline(Slow(), 8, seed=1).batches(0))
    assert not pipeline_threads()


class Short(Slow):
    def sample(self, index, rng):
        return (np.int32(index),)


def test_samples_must_have_all_columns():
    with pytest.raises(ValueError, match="number, image"):
        list(Pipeline(Short(), 8, seed=1).batches(0))
    assert not pipeline_threads()


def test_a_machine_that_does_not_tell_its_cores_has_one_thread(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert Pipeline(Slow(), 8, seed=1, num_workers=4).num_workers == 1
    assert list(batches_ahead(abs, [-1, 2, -3], 2, 4)) == [[1, 2], [3]]
