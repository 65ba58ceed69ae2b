"""The lines in which training is told, in the format of the MindSpore port; and a run that ends when its time is up."""
import logging
import time

from common.engine.loop import Callback

LOGGER = logging.getLogger("mindhuman")


class LogLines(Callback):
    """The loss of every `every`-th update, and a line per epoch.

    Args:
        every (int): updates between two lines.
        pictures (int): of one update, on all cards.
        clock (StepClock): measures the updates.
    """

    def __init__(self, every, pictures, clock):
        self.every, self.pictures, self.clock = every, pictures, clock

    def on_start(self, progress):
        self.clock.restart()

    def on_step(self, progress):
        self.clock.tick()
        if progress.batch % self.every == 0:
            LOGGER.info("epoch: %d step: %d, loss is %s", progress.epoch + 1, progress.batch, progress.terms["loss"])

    def on_epoch_end(self, progress):
        milliseconds = self.clock.read()
        LOGGER.info("epoch %d of %d: mean loss %.6f, %.1f ms per step, %.1f pictures per second%s",
                    progress.epoch + 1, progress.epochs, progress.mean_loss, milliseconds,
                    1000.0 * self.pictures / milliseconds,
                    f", {progress.skipped} steps skipped (gradients overflowed)" if progress.skipped else "")


class TimeIsUp(Exception):
    """Ends `fit` after a checkpoint."""


class TimeLimit(Callback):
    """Write a checkpoint and end the run when its time is up.

    Args:
        seconds (float): from the beginning of the run.
        save (SaveCheckpoint): writes the checkpoint; in the list of callbacks it stands before this one.
    """

    def __init__(self, seconds, save):
        self.end, self.save = time.monotonic() + seconds, save

    def wants(self, batch):
        """Whether the time is up: the checkpoint must hold the weights of this update."""
        return time.monotonic() >= self.end

    def on_step(self, progress):
        if progress.batch < progress.steps_per_epoch and self.wants(progress.batch):
            self.save.save(progress)
            raise TimeIsUp

    def on_epoch_end(self, progress):
        if self.wants(progress.batch):
            raise TimeIsUp
