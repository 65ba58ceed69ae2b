"""Where the initial values of weights come from: random numbers, or zeros where a checkpoint replaces them anyway."""
import contextlib
import contextvars
from collections.abc import Iterator
from typing import cast

import numpy as np
from mindspore import Tensor, nn

_REPLACED = contextvars.ContextVar("replaced", default=False)


class _Zeros:
    """The part of numpy's generator that networks use, without the time that random numbers take."""

    def standard_normal(self, size: tuple, dtype: type = np.float64) -> np.ndarray:
        """Zeros instead of normal numbers."""
        return np.zeros(size, dtype)

    def uniform(self, low: float, high: float, size: tuple) -> np.ndarray:
        """Zeros instead of numbers from `low` to `high`."""
        return np.zeros(size)


@contextlib.contextmanager
def replaced_by_checkpoint(strictly: bool = True) -> Iterator[None]:
    """Networks that are built inside begin with zeros, because every weight of theirs is loaded next.

    Args:
        strictly: False, where a checkpoint may lack some of the weights, changes nothing.
    """
    token = _REPLACED.set(strictly)
    try:
        yield
    finally:
        _REPLACED.reset(token)


def generator(seed: int) -> np.random.Generator:
    """Source of a network's initial values: a generator of numpy, or of zeros inside `replaced_by_checkpoint`."""
    return cast(np.random.Generator, _Zeros()) if _REPLACED.get() else np.random.default_rng(seed)


def dense(rng: np.random.Generator, in_size: int, out_size: int, gain: float | None = None) -> nn.Dense:
    """A Dense layer with PyTorch's initial values, or Xavier's weights times `gain` and no bias at first."""
    bound = 1.0 / np.sqrt(in_size) if gain is None else gain * np.sqrt(6.0 / (in_size + out_size))
    weight = rng.uniform(-bound, bound, (out_size, in_size)).astype(np.float32)
    bias = rng.uniform(-bound, bound, out_size) if gain is None else np.zeros(out_size)
    return nn.Dense(in_size, out_size, weight_init=Tensor(weight), bias_init=Tensor(bias.astype(np.float32)))
