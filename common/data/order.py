"""The order of the samples as a function of seed, epoch and position: what makes a run repeatable and resumable."""
from collections.abc import Iterator
from typing import Protocol

import numpy as np

ORDER, AUGMENTATION, DROPOUT = range(3)


class SampleSource(Protocol):
    """Samples for `Pipeline` and `Mixture`, which may be drawn by several threads at once.

    `columns` names the arrays of a sample; `rng` is the only randomness of a sample.
    """

    @property
    def columns(self) -> tuple[str, ...]: ...

    def __len__(self) -> int: ...

    def sample(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]: ...


def stream(seed: int, purpose: int, *counter: int) -> np.random.Generator:
    """A random generator of its own for each purpose and counter (up to three numbers), by Philox.

    The same on every machine and in every process: nothing has to be saved to repeat it.
    """
    words = [0, *counter, 0, 0, 0][:4]  # the first word counts the numbers that are drawn
    return np.random.Generator(np.random.Philox(key=[seed, purpose], counter=words))


def epoch_order(size: int, seed: int, epoch: int, shuffle: bool) -> np.ndarray:
    """Sample numbers of one epoch, the same on all ranks. Returns (size,) int64."""
    if not shuffle:
        return np.arange(size)
    return stream(seed, ORDER, epoch).permutation(size)


def rank_batches(order: np.ndarray, batch_size: int, rank: int = 0, rank_size: int = 1,
                 start: int = 0) -> Iterator[np.ndarray]:
    """The batches of one rank: each global batch of `batch_size * rank_size` samples is dealt out in equal blocks.

    The incomplete last global batch is left out, so that all batches have the same size on all ranks.

    Args:
        order (array): sample numbers of the epoch.
        batch_size (int): samples per rank and batch.
        rank, rank_size (int): this worker, number of workers.
        start (int): number of batches that are already done.

    Yields:
        (batch_size,) arrays of sample numbers.
    """
    for number in range(start, len(order) // (batch_size * rank_size)):
        first = (number * rank_size + rank) * batch_size
        yield order[first:first + batch_size]


def sample_rng(seed: int, epoch: int, index: int) -> np.random.Generator:
    """The generator of one sample's augmentation: the same whichever worker or rank draws it."""
    return stream(seed, AUGMENTATION, epoch, index)
