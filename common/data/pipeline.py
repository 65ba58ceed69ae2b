"""Batches from a sample-by-sample source, made by threads ahead of the training step, repeatable and resumable.

The order of the samples and each sample's random numbers are functions of seed, epoch and sample number alone. So
workers and ranks need no state, a resumed run sees what the unbroken one would have seen, and a run on another number
of workers or with another number of threads draws the same samples with the same augmentation.

Why not MindSpore's data engine: with Python samples it costs 0.15 to 0.4 ms each for handing them from thread to
thread, up to a fifth of what decoding and cropping an image takes. Here a thread makes a whole batch; decoding and
warping leave Python's lock, so threads do work side by side. Why no processes: the lock is held for 11 to 34 % of
a sample, which allows one worker 470 samples per second or more (docs/scaling.md); each process would hold the
annotations once more.
"""
import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from mindspore import Tensor

from common.data.order import SampleSource, epoch_order, rank_batches, sample_rng
from common.errors import UserError, counted


class Pipeline:
    """Shuffled, sharded, batched samples with exact resume; what `fit` takes as loader.

    Args:
        source: `source.sample(index, rng)` returns a tuple of arrays, with `rng` as its only randomness, and
            `len(source)` samples are there; `source.columns` names the arrays. Several threads call it at once.
        batch_size (int): samples per rank and batch. The incomplete last batch of an epoch is left out.
        seed (int): of order and augmentation, the same on all ranks.
        shuffle (bool): a new order in each epoch, or the given one.
        rank, rank_size (int): this worker, number of workers of the run.
        num_workers (int): threads that make batches, at most one per core. One batch more than there are threads is
            held in memory.

    Raises:
        UserError: there are fewer samples than one batch on all ranks needs.
    """

    def __init__(self, source: SampleSource, batch_size: int, seed: int, shuffle: bool = True, rank: int = 0,
                 rank_size: int = 1, num_workers: int = 2):
        self.source, self.batch_size, self.seed, self.shuffle = source, batch_size, seed, shuffle
        self.rank, self.rank_size, self.num_workers = rank, rank_size, max(1, min(num_workers, os.cpu_count() or 1))
        self.steps_per_epoch = len(source) // (batch_size * rank_size)
        if self.steps_per_epoch == 0:
            raise UserError(f"--batch_size {batch_size} on {counted(rank_size, 'worker')} is more than the "
                            f"{counted(len(source), 'sample')}: make it smaller")

    def batches(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """Yield the batches of an epoch from batch `start` on, as tuples of Tensors.

        Raises:
            UserError: what `source.sample` raised.
        """
        order = epoch_order(len(self.source), self.seed, epoch, self.shuffle)
        chosen = rank_batches(order, self.batch_size, self.rank, self.rank_size, start)
        pool, pending = ThreadPoolExecutor(self.num_workers, thread_name_prefix="pipeline"), deque()
        try:
            for indices in chosen:
                pending.append(pool.submit(self._batch, epoch, indices))
                if len(pending) > self.num_workers:
                    yield _tensors(pending.popleft().result())
            while pending:
                yield _tensors(pending.popleft().result())
        finally:
            # Also when the caller stops early or a sample fails: what has begun ends, nothing else starts.
            pool.shutdown(cancel_futures=True)

    def _batch(self, epoch: int, indices: np.ndarray) -> list[np.ndarray]:
        """The columns of one batch, arrays with the samples along the first axis."""
        rows = [self.source.sample(int(index), sample_rng(self.seed, epoch, int(index))) for index in indices]
        if any(len(row) != len(self.source.columns) for row in rows):
            raise ValueError(f"a sample must hold {', '.join(self.source.columns)}")
        return [np.stack(column) for column in zip(*rows)]


def batches_ahead(make: Callable, items: Iterable, batch_size: int, num_workers: int) -> Iterator[list]:
    """What a function makes of items, in batches, made by threads ahead of whoever takes them; for evaluation.

    Args:
        make (callable): item -> anything, or None for an item that is left out.
        items (iterable): in order.
        batch_size (int): results of a batch.
        num_workers (int): threads, at most one per core.

    Yields:
        list: `batch_size` results, in the last one what is left.
    """
    rest, waiting, batch = iter(items), deque(), []
    pool = ThreadPoolExecutor(max(1, min(num_workers, os.cpu_count() or 1)), thread_name_prefix="evaluation")
    try:
        waiting.extend(pool.submit(make, item) for item in itertools.islice(rest, 2 * batch_size))
        while waiting:
            made = waiting.popleft().result()
            waiting.extend(pool.submit(make, item) for item in itertools.islice(rest, 1))
            if made is not None:
                batch.append(made)
            if batch and (len(batch) == batch_size or not waiting):
                yield batch
                batch = []
    finally:
        pool.shutdown(cancel_futures=True)


def _tensors(columns: list[np.ndarray]) -> tuple[Tensor, ...]:
    return tuple(Tensor.from_numpy(column) for column in columns)
