"""Batches from a sample-by-sample source through MindSpore's data engine, repeatable and resumable.

The order of the samples and each sample's random numbers are functions of seed, epoch and sample number alone. So
workers and ranks need no state, a resumed run sees what the unbroken one would have seen, and a run on another number
of workers or with another number of threads draws the same samples with the same augmentation.
"""
import os

import mindspore.dataset as ds
import numpy as np

from common.data.order import epoch_order, rank_batches, sample_rng
from common.errors import UserError


class _Epoch:
    """One epoch of a source, as the data engine reads it; keeps the first error of a worker thread."""

    def __init__(self, source, seed, epoch):
        self.source, self.seed, self.epoch, self.error = source, seed, epoch, None

    def __getitem__(self, index):
        try:
            values = self.source.sample(int(index), sample_rng(self.seed, self.epoch, int(index)))
        except UserError as error:
            self.error = self.error or error
            raise
        return tuple(np.asarray(value) for value in values)

    def __len__(self):
        return len(self.source)


class Pipeline:
    """Shuffled, sharded, batched samples with exact resume; what `fit` takes as loader.

    Args:
        source: `source.sample(index, rng)` returns a tuple of arrays, with `rng` as its only randomness, and
            `len(source)` samples are there; `source.columns` names the arrays.
        batch_size (int): samples per rank and batch. The incomplete last batch of an epoch is left out.
        seed (int): of order and augmentation, the same on all ranks.
        shuffle (bool): a new order in each epoch, or the given one.
        rank, rank_size (int): this worker, number of workers of the run.
        num_workers (int): threads that make samples, at most one per core.

    Raises:
        UserError: there are fewer samples than one batch on all ranks needs.
    """

    def __init__(self, source, batch_size, seed, shuffle=True, rank=0, rank_size=1, num_workers=2):
        self.source, self.batch_size, self.seed, self.shuffle = source, batch_size, seed, shuffle
        self.rank, self.rank_size, self.num_workers = rank, rank_size, min(num_workers, os.cpu_count())
        self.steps_per_epoch = len(source) // (batch_size * rank_size)
        if self.steps_per_epoch == 0:
            raise UserError(f"--batch_size {batch_size} on {rank_size} worker(s) is more than the {len(source)} "
                            "samples: make it smaller")

    def batches(self, epoch, start=0):
        """Yield the batches of an epoch from batch `start` on, as tuples of Tensors.

        Raises:
            UserError: what `source.sample` raised.
        """
        order = epoch_order(len(self.source), self.seed, epoch, self.shuffle)
        chosen = rank_batches(order, self.batch_size, self.rank, self.rank_size, start)
        indices = [int(index) for batch in chosen for index in batch]
        if not indices:
            return
        rows = _Epoch(self.source, self.seed, epoch)
        data = ds.GeneratorDataset(rows, list(self.source.columns), sampler=indices,
                                   num_parallel_workers=self.num_workers, python_multiprocessing=False)
        data = data.batch(self.batch_size, drop_remainder=True)
        try:
            yield from data.create_tuple_iterator(num_epochs=1, do_copy=False)
        except RuntimeError:
            if rows.error is not None:
                raise rows.error from None
            raise
