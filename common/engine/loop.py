"""The training loop: one explicit `fit` for all models; what differs is in the step, the loader and the callbacks."""
from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from common.errors import UserError

if TYPE_CHECKING:
    from mindspore import Tensor, nn

    from common.engine.train_step import RepeatedStep


@dataclass
class Progress:
    """Where a run stands.

    Args:
        epochs (int): epochs of the whole run.
        steps_per_epoch (int): updates per epoch.
        epoch (int): zero-based number of the current epoch.
        batch (int): updates done in this epoch.
        step (int): updates done in the whole run.
        skipped (int): updates that were skipped because their gradients overflowed.
        loss_sum (float): sum of the losses of this epoch, without skipped updates.
        counted (int): how many losses that are.
        terms (dict): values of the last update, `loss` first, then the loss terms by name.
        metrics (dict): results of the last evaluation, by name.
    """

    epochs: int
    steps_per_epoch: int
    epoch: int = 0
    batch: int = 0
    step: int = 0
    skipped: int = 0
    loss_sum: float = 0.0
    counted: int = 0
    terms: dict = field(default_factory=dict)
    metrics: dict = field(default_factory=dict)

    @property
    def total_steps(self) -> int:
        """Updates of the whole run."""
        return self.epochs * self.steps_per_epoch

    @property
    def mean_loss(self) -> float:
        """Mean loss of this epoch's updates that were not skipped, NaN where all were."""
        return self.loss_sum / self.counted if self.counted else math.nan

    def position(self) -> dict:
        """What a checkpoint keeps; the end of an epoch is the beginning of the next."""
        ended = self.batch >= self.steps_per_epoch
        return {"step": self.step, "epoch": self.epoch + ended, "batch": 0 if ended else self.batch,
                "skipped": self.skipped, "loss_sum": 0.0 if ended else self.loss_sum,
                "counted": 0 if ended else self.counted}

    def move_to(self, position: dict, path: str = "the checkpoint", flag: str = "--epochs") -> None:
        """Stand where `position` (a checkpoint's `meta`) says.

        Args:
            position (dict): step, epoch, batch, skipped, loss_sum, counted.
            path (str): the checkpoint, for error texts.
            flag (str): what sets the length of the run, for error texts.

        Raises:
            UserError: its step is another one than epoch and batch give with this run's updates per epoch, or nothing
                is left to train.
        """
        missing = [name for name in self.position() if name not in position]
        if missing:
            raise UserError(f"{path} does not say where its run stood ({', '.join(missing)}): take another one")
        if position["step"] != position["epoch"] * self.steps_per_epoch + position["batch"]:
            raise UserError(f"{path} stands at step {position['step']}, epoch {position['epoch'] + 1}, batch "
                            f"{position['batch']}, which does not fit {self.steps_per_epoch} batches per epoch: "
                            "continue with the same data, batch size and number of workers")
        if position["epoch"] >= self.epochs:
            raise UserError(f"nothing is left to train: {path} stands at the end of epoch {position['epoch']} of "
                            f"{self.epochs}; raise {flag} to go on, or begin a new run")
        for name in ("step", "epoch", "batch", "skipped", "loss_sum", "counted"):
            setattr(self, name, position[name])


class Loader(Protocol):
    """Where `fit` gets its batches: tuples of Tensors, `steps_per_epoch` of them, from any one of an epoch on."""

    steps_per_epoch: int

    def batches(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, ...]]: ...


class Callback:
    """What happens beside the updates. Every method may be left as it is.

    `on_step` is called after each update, in order and with `progress.terms` filled, but not at once: the values of
    up to `fetch_every` updates are taken from the device together.
    """

    def on_start(self, progress: Progress) -> None:
        """Before the first update."""

    def on_epoch_start(self, progress: Progress) -> None:
        """Before the first update of an epoch, and of what is left of one."""

    def wants(self, batch: int) -> bool:
        """Whether `on_step` must run right after update `batch` of an epoch, while the weights are those of it."""
        return False

    def on_step(self, progress: Progress) -> None:
        """After each update."""

    def on_epoch_end(self, progress: Progress) -> None:
        """After the last update of an epoch; `progress.batch` equals `progress.steps_per_epoch`."""

    def on_end(self, progress: Progress) -> None:
        """After the last epoch, and also when the run ends by an error."""


def fit(step: nn.Cell, loader: Loader, progress: Progress, callbacks: Sequence[Callback], fetch_every: int = 1,
        repeated_step: RepeatedStep | None = None) -> None:
    """Train from where `progress` stands to its last epoch.

    Args:
        step (Cell): `step(*batch)` returns loss (), terms (K,), skipped (); `step.term_names` names the K terms.
        loader: `batches(epoch, start)` yields tuples of Tensors; `steps_per_epoch` says how many.
        progress (Progress): where the run stands; it is moved on.
        callbacks (list[Callback]): called in this order.
        fetch_every (int): after how many updates the results are taken from the device; more lets an accelerator run
            ahead of Python.
        repeated_step (RepeatedStep): does `repeated_step.repeats` updates per launch; None for one by one.

    Raises:
        UserError: the loss is not finite and no scaler skipped the step.
    """
    names = ("loss", *step.term_names)
    try:
        for callback in callbacks:
            callback.on_start(progress)
        while progress.epoch < progress.epochs:
            for callback in callbacks:
                callback.on_epoch_start(progress)
            pending = []
            for outputs in _updates(step, repeated_step, loader.batches(progress.epoch, progress.batch),
                                    progress.batch):
                pending.append(outputs)
                done = progress.batch + _count(pending)
                now = done == progress.steps_per_epoch or any(callback.wants(done) for callback in callbacks)
                if now or len(pending) >= fetch_every:
                    _fetch(pending, names, progress, callbacks)
                    pending = []
            for callback in callbacks:
                callback.on_epoch_end(progress)
            progress.epoch, progress.batch = progress.epoch + 1, 0
            progress.loss_sum, progress.counted = 0.0, 0
    finally:
        for callback in callbacks:
            callback.on_end(progress)


def _updates(step: nn.Cell, repeated_step: RepeatedStep | None, batches: Iterable[tuple[Tensor, ...]],
             done: int) -> Iterator[tuple[Tensor, ...]]:
    """Run the updates after the first `done`, in groups where several go into one launch.

    Groups begin at multiples of their size, where the callbacks that want a step expect them to end; what lies before
    the first (in a continued run) and the rest of an epoch go one by one.
    """
    if repeated_step is None:
        for batch in batches:
            yield step(*batch)
        return
    from mindspore import ops

    batches = iter(batches)
    for batch in itertools.islice(batches, -done % repeated_step.repeats):
        yield step(*batch)
    group = []
    for batch in batches:
        group.append(batch)
        if len(group) == repeated_step.repeats:
            yield repeated_step(*[ops.stack(values) for values in zip(*group)])
            group = []
    for batch in group:
        yield step(*batch)


def _count(pending: list[tuple[Tensor, ...]]) -> int:
    return sum(1 if outputs[0].ndim == 0 else outputs[0].shape[0] for outputs in pending)


def _fetch(pending: list[tuple[Tensor, ...]], names: Sequence[str], progress: Progress,
           callbacks: Sequence[Callback]) -> None:
    for outputs in pending:
        losses, terms, skipped = (np.asarray(output.asnumpy()) for output in outputs)
        losses, skipped = losses.reshape(-1), skipped.reshape(-1)
        terms = terms.reshape(len(losses), -1)
        for loss, values, skip in zip(losses, terms, skipped):
            progress.batch += 1
            progress.step += 1
            progress.skipped += int(skip)
            progress.loss_sum += 0.0 if skip else float(loss)
            progress.counted += 1 - int(skip)
            progress.terms = dict(zip(names, (float(loss), *map(float, values))))
            if not skip and not np.isfinite(loss):
                raise UserError(f"the loss is {loss} at step {progress.step} (epoch {progress.epoch + 1}): training "
                                "stops, the checkpoints written before stay; lower --lr, or use a loss "
                                "scale with mixed precision")
            for callback in callbacks:
                callback.on_step(progress)
