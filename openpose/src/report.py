"""The lines in which training is told; formats of the original programme."""
import logging

from common.engine.loop import Callback

LOGGER = logging.getLogger("mindhuman")


class LogLines(Callback):
    """The mean loss of the last `every` updates, and a line per epoch.

    Args:
        every (int): updates between two lines.
        images (int): of one update, on all cards.
        clock (StepClock): measures the updates.
    """

    def __init__(self, every, images, clock):
        self.every, self.images, self.clock = every, images, clock
        self.losses = []

    def on_start(self, progress):
        self.clock.restart()

    def on_step(self, progress):
        self.clock.tick()
        self.losses.append(progress.terms["loss"])
        if progress.batch % self.every == 0:
            LOGGER.info("epoch[%d], iter[%d], mean loss is %.9f", progress.epoch, progress.batch,
                        sum(self.losses) / len(self.losses))
            self.losses = []

    def on_epoch_end(self, progress):
        milliseconds = self.clock.read()
        LOGGER.info("epoch %d of %d: mean loss %.6f, %.1f ms per step, %.1f images per second%s", progress.epoch + 1,
                    progress.epochs, progress.mean_loss, milliseconds, 1000.0 * self.images / milliseconds,
                    f", {progress.skipped} steps skipped (gradients overflowed)" if progress.skipped else "")
        self.losses = []
