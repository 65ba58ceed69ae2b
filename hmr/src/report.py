"""The lines in which training is told."""
import logging

from common.engine.loop import Callback

LOGGER = logging.getLogger("mindhuman")


class LogLines(Callback):
    """The mean of loss and terms over the last `every` updates, and a line per pass.

    Args:
        every (int): updates between two lines.
        people (int): of one update, on all cards.
        clock (StepClock): measures the updates.
    """

    def __init__(self, every, people, clock):
        self.every, self.people, self.clock = every, people, clock
        self.sums, self.count = {}, 0

    def on_start(self, progress):
        self.clock.restart()

    def on_step(self, progress):
        self.clock.tick()
        self.count += 1
        for name, value in progress.terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        if progress.step % self.every == 0:
            LOGGER.info("step %d of %d: %s", progress.step, progress.total_steps,
                        ", ".join(f"{name} {total / self.count:.4f}" for name, total in self.sums.items()))
            self.sums, self.count = {}, 0

    def on_epoch_end(self, progress):
        milliseconds = self.clock.read()
        LOGGER.info("epoch %d of %d: mean loss %.4f, %.1f ms per step, %.1f people per second%s", progress.epoch + 1,
                    progress.epochs, progress.mean_loss, milliseconds, 1000.0 * self.people / milliseconds,
                    f", {progress.skipped} steps skipped (gradients overflowed)" if progress.skipped else "")
