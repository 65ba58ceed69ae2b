"""Batches from arrays in memory, for data sets that fit: no worker processes, no copy but the batch."""
from collections.abc import Callable, Iterator, Sequence

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn

from common.data.order import DROPOUT, epoch_order, rank_batches, stream


class DropoutMasks:
    """Dropout decisions as a function of seed, rank and step, so that a resumed run repeats them on any device.

    Args:
        shape (tuple): of one mask, (B, units).
        count (int): number of masks per step.
        keep_prob (float): probability of a 1; met to 1 / 65536, exactly for multiples of 1 / 256.
        seed, rank (int): of the run and the worker.
    """

    def __init__(self, shape: tuple[int, ...], count: int, keep_prob: float, seed: int, rank: int = 0):
        self.shape, self.count, self.seed, self.rank = shape, count, seed, rank
        exact = float(keep_prob * 256).is_integer()
        self.dtype, levels = (np.uint8, 256) if exact else (np.uint16, 65536)
        self.threshold = round(keep_prob * levels)

    def at(self, step: int) -> list[np.ndarray]:
        """Masks of one step: `count` arrays of `shape`, uint8, 1 = keep."""
        rng = stream(self.seed, DROPOUT, step, self.rank)
        number = self.count * int(np.prod(self.shape))
        values = np.frombuffer(rng.bytes(number * np.dtype(self.dtype).itemsize), self.dtype)
        return list((values < self.threshold).view(np.uint8).reshape(self.count, *self.shape))


class ArrayLoader:
    """Shuffled batches of arrays with exact resume: the batches depend on seed, epoch and position only.

    Args:
        arrays (list): arrays with equal first axis.
        batch_size (int): samples per rank and batch.
        seed (int): of the order.
        shuffle (bool): a new order in each epoch, or the given one.
        rank, rank_size (int): this worker, number of workers.
        masks (DropoutMasks): appended to each batch; None for none.
        indices_only (bool): yield sample numbers (B,) int32 instead of the rows, for data held on the device.
        augment (callable): (rows, epoch, sample numbers) -> rows; None takes them as they are.
    """

    def __init__(self, arrays: Sequence[np.ndarray], batch_size: int, seed: int, shuffle: bool = True, rank: int = 0,
                 rank_size: int = 1, masks: DropoutMasks | None = None, indices_only: bool = False,
                 augment: Callable | None = None):
        self.arrays, self.batch_size, self.seed, self.shuffle = arrays, batch_size, seed, shuffle
        self.rank, self.rank_size, self.masks, self.indices_only = rank, rank_size, masks, indices_only
        self.augment = augment
        self.steps_per_epoch = len(arrays[0]) // (batch_size * rank_size)

    def batches(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """Yield the batches of an epoch from batch `start` on, as tuples of Tensors."""
        order = epoch_order(len(self.arrays[0]), self.seed, epoch, self.shuffle)
        chosen = rank_batches(order, self.batch_size, self.rank, self.rank_size, start)
        for number, indices in enumerate(chosen, start):
            rows = [indices.astype(np.int32)] if self.indices_only else [array[indices] for array in self.arrays]
            if self.augment is not None:
                rows = self.augment(rows, epoch, indices)
            if self.masks is not None:
                rows += self.masks.at(epoch * self.steps_per_epoch + number)
            yield tuple(Tensor.from_numpy(np.ascontiguousarray(row)) for row in rows)


class DeviceArrays(nn.Cell):
    """Holds the arrays on the device and takes the rows of a batch there, so that only sample numbers travel.

    Args:
        network (Cell): called as `network(*rows, *others)`; its `term_names` are passed on.
        arrays (list): float32 arrays with equal first axis.

    Inputs:
        - **indices** (Tensor) - (B,) int32.
        - **others** (Tensors) - passed on as they are.
    """

    def __init__(self, network: nn.Cell, arrays: Sequence[np.ndarray]):
        super().__init__(auto_prefix=False)
        self.network = network
        self.term_names = network.term_names
        # Parameters stay on the device; they belong to this Cell, not to the network, so no checkpoint holds them.
        self.columns = ms.ParameterTuple([Parameter(Tensor(array), name=f"device_array_{index}", requires_grad=False)
                                          for index, array in enumerate(arrays)])

    def construct(self, indices: Tensor, *others: Tensor) -> Tensor:
        rows = [column[indices] for column in self.columns]
        return self.network(*rows, *others)
