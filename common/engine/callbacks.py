"""What runs beside the training: progress on the terminal, metrics.csv with its curves, TensorBoard, checkpoints."""
from __future__ import annotations

import csv
import io
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from common.engine.loop import Callback, Progress
from common.engine.schedules import learning_rate_at
from common.errors import UserError
from common.files import atomic_write, remove_leftovers

if TYPE_CHECKING:
    from mindspore import nn
    from mindspore.nn.learning_rate_schedule import LearningRateSchedule

    from common.engine.checkpoint import CheckpointFolder
    from common.engine.train_step import TrainStep

LOGGER = logging.getLogger("mindhuman")


class ProgressBar(Callback):
    """A tqdm bar with the time that is left, on a terminal only; a log gets the lines of the other callbacks."""

    def __init__(self, enabled: bool | None = None):
        self.enabled = sys.stderr.isatty() if enabled is None else enabled
        self.bar = self.redirect = None

    def on_start(self, progress: Progress) -> None:
        if not self.enabled:
            return
        from tqdm import tqdm
        from tqdm.contrib.logging import logging_redirect_tqdm

        self.redirect = logging_redirect_tqdm([LOGGER])
        self.redirect.__enter__()
        self.bar = tqdm(total=progress.total_steps, initial=progress.step, unit="step", dynamic_ncols=True,
                        mininterval=0.2)

    def on_step(self, progress: Progress) -> None:
        if self.bar is not None:
            self.bar.set_description(f"epoch {progress.epoch + 1}/{progress.epochs}", refresh=False)
            self.bar.set_postfix(loss=f"{progress.terms['loss']:.4f}", refresh=False)
            self.bar.update(1)

    def on_end(self, progress: Progress) -> None:
        if self.bar is not None:
            self.bar.close()
            self.redirect.__exit__(None, None, None)
            self.bar = None


class StepClock:
    """Milliseconds per update since the last reading, without the time of evaluation and saving."""

    def __init__(self):
        self.restart()

    def restart(self) -> None:
        """Forget the time until now."""
        self.start, self.updates = time.perf_counter(), 0

    def tick(self) -> None:
        """Count one update."""
        self.updates += 1

    def read(self) -> float:
        """Milliseconds per update since the last reading or restart."""
        elapsed = time.perf_counter() - self.start
        milliseconds = 1000.0 * elapsed / max(self.updates, 1)
        self.restart()
        return milliseconds


class LogLines(Callback):
    """Training log lines: one per `every` updates, and what is said at the end of each epoch.

    The time per update leaves out evaluation and saving.

    Args:
        every (int): updates between two lines.
        line: function (progress, means, milliseconds) -> text of a line; `means` holds the loss and its terms by name,
            averaged over the updates since the last line that were not skipped; `milliseconds` is the time per update
            since then.
        samples (int): of one update, on all workers.
        unit (str): what a sample is, such as images.
        block: function progress -> lines of text at the end of an epoch; None for the usual single line.
        across_epochs (bool): count the updates of the run, not those of each epoch.
    """

    def __init__(self, every: int, line: Callable[[Progress, Mapping[str, float], float], str], samples: int = 0,
                 unit: str = "", block: Callable[[Progress], Iterable[str]] | None = None, across_epochs: bool = False):
        self.every, self.line, self.samples, self.unit, self.block = every, line, samples, unit, block
        self.across_epochs = across_epochs
        self.clock, self.epoch_clock = StepClock(), StepClock()
        self.sums, self.count = {}, 0

    def on_epoch_start(self, progress: Progress) -> None:
        self.clock.restart()
        self.epoch_clock.restart()
        if not self.across_epochs:
            self.sums, self.count = {}, 0

    def on_step(self, progress: Progress) -> None:
        self.clock.tick()
        self.epoch_clock.tick()
        if math.isfinite(progress.terms["loss"]):  # a skipped update has none
            self.count += 1
            for name, value in progress.terms.items():
                self.sums[name] = self.sums.get(name, 0.0) + value
        if (progress.step if self.across_epochs else progress.batch) % self.every == 0:
            means = {name: total / self.count for name, total in self.sums.items()} or progress.terms
            LOGGER.info("%s", self.line(progress, means, self.clock.read()))
            self.sums, self.count = {}, 0

    def on_epoch_end(self, progress: Progress) -> None:
        if self.block is not None:
            for text in self.block(progress):
                LOGGER.info("%s", text)
        else:
            milliseconds = self.epoch_clock.read()
            LOGGER.info("epoch %d of %d: mean loss %.6f, %.1f ms per step, %.1f %s per second", progress.epoch + 1,
                        progress.epochs, progress.mean_loss, milliseconds, 1000.0 * self.samples / milliseconds,
                        self.unit)
        if progress.skipped:
            LOGGER.info("Skipped steps: %d (gradients overflowed)", progress.skipped)
        if not progress.counted:
            LOGGER.warning("every step of this epoch was skipped, so nothing was learnt: lower --loss_scale, or use "
                           "dynamic")


class MetricsCsv(Callback):
    """One row per `every` updates with the loss terms, one per evaluation with the metrics; curves as an image.

    A resumed run drops the rows beyond its checkpoint and goes on, so the file equals that of an unbroken run.

    Args:
        path (str): metrics.csv; the curves go beside it as metrics.png.
        term_names (tuple): loss terms.
        metric_names (tuple): results of the evaluation.
        schedule: learning rate: a number or a schedule Cell.
        every (int): updates between two rows.
    """

    def __init__(self, path: str, term_names: Sequence[str], metric_names: Sequence[str] = (),
                 schedule: float | LearningRateSchedule = 0.0, every: int = 1):
        self.path, self.schedule, self.every = path, schedule, every
        self.fields = ["step", "epoch", "learning_rate", "loss", *term_names, *metric_names]
        self.rows = []

    def on_start(self, progress: Progress) -> None:
        self.rows = []
        if progress.step and os.path.isfile(self.path):
            with open(self.path, encoding="utf-8", newline="") as stream:
                self.rows = [row for row in csv.DictReader(stream)
                             if (row.get("step") or "").isdigit() and int(row["step"]) <= progress.step]

    def on_step(self, progress: Progress) -> None:
        if progress.step % self.every == 0:
            rate = learning_rate_at(self.schedule, progress.step - 1)
            self._add(progress, learning_rate=f"{rate:.8g}", **{k: f"{v:.8g}" for k, v in progress.terms.items()})

    def record_metrics(self, progress: Progress) -> None:
        """Add a row with the results of the last evaluation."""
        self._add(progress, **{name: f"{value:.8g}" for name, value in progress.metrics.items()
                               if name in self.fields})
        self.flush()

    def _add(self, progress: Progress, **values: str) -> None:
        self.rows.append({"step": progress.step, "epoch": progress.epoch + 1, **values})

    def flush(self) -> None:
        """Write the file at once."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.fields, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        atomic_write(self.path, text.getvalue().encode("utf-8"))

    def on_epoch_end(self, progress: Progress) -> None:
        self.flush()

    def on_end(self, progress: Progress) -> None:
        if not self.rows:
            return
        self.flush()
        from common.visual.curves import plot_curves

        plot_curves(self.path, os.path.splitext(self.path)[0] + ".png")


class TensorBoard(Callback):
    """Scalars for TensorBoard.

    Args:
        folder (str): where the event files go.
        tags (dict): name of a loss term, metric or `learning_rate` -> tag, e.g. {"loss": "loss/loss"}.
        schedule: learning rate: a number or a schedule Cell.
        every (int): updates between two points.
    """

    def __init__(self, folder: str, tags: Mapping[str, str], schedule: float | LearningRateSchedule = 0.0,
                 every: int = 100):
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise UserError("--tensorboard needs the package tensorboardX: bash scripts/setup.sh") from None
        self.writer = SummaryWriter(folder)
        self.tags, self.schedule, self.every = tags, schedule, every

    def on_step(self, progress: Progress) -> None:
        if progress.step % self.every == 0:
            rate = learning_rate_at(self.schedule, progress.step - 1)
            self._write({**progress.terms, "learning_rate": rate}, progress.step)

    def record_metrics(self, progress: Progress) -> None:
        """Write the results of the last evaluation."""
        self._write(progress.metrics, progress.step)

    def _write(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            if name in self.tags:
                self.writer.add_scalar(self.tags[name], value, step)

    def on_end(self, progress: Progress) -> None:
        self.writer.close()


class SaveCheckpoint(Callback):
    """Write a checkpoint after each epoch and, where asked, every so many updates within it.

    Args:
        folder (CheckpointFolder): where to.
        network (Cell): whose weights are kept.
        step_cell (TrainStep): whose optimizer and scaler state is kept.
        meta (dict): what else the file says, e.g. model and config.
        extra (dict): arrays that belong to the weights.
        every_steps (int): updates between checkpoints within an epoch, 0 for the end of each epoch only. Where
            several updates go into one launch it must be a multiple of their number.
        before (list): called before each checkpoint, e.g. to bring metrics.csv up to it.
        announce: called with the path and the milliseconds after each checkpoint; None for a line in the log.
    """

    def __init__(self, folder: CheckpointFolder, network: nn.Cell, step_cell: TrainStep, meta: dict | None = None,
                 extra: dict | None = None, every_steps: int = 0, before: Iterable[Callable[[], None]] = (),
                 announce: Callable[[str, float], None] | None = None):
        self.folder, self.network, self.step_cell = folder, network, step_cell
        self.meta, self.extra, self.every_steps, self.before = meta or {}, extra, every_steps, before
        self.announce = announce or (lambda path, _: LOGGER.info("Saved %s", path))

    def wants(self, batch: int) -> bool:
        """Whether a checkpoint is due after update `batch` of an epoch."""
        return self.every_steps > 0 and batch % self.every_steps == 0

    def on_start(self, progress: Progress) -> None:
        remove_leftovers(self.folder.folder)

    def on_step(self, progress: Progress) -> None:
        if progress.batch < progress.steps_per_epoch and self.wants(progress.batch):
            self.save(progress)

    def on_epoch_end(self, progress: Progress) -> None:
        self.save(progress)

    def save(self, progress: Progress) -> None:
        """Write now."""
        for prepare in self.before:
            prepare()
        start = time.perf_counter()
        meta = {**self.meta, "steps_per_epoch": progress.steps_per_epoch, **progress.position()}
        path = self.folder.write(self.network, meta, extra=self.extra, step_cell=self.step_cell)
        self.announce(path, 1000.0 * (time.perf_counter() - start))
