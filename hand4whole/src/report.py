"""How training is told: a line per update in the original's form, on the terminal and in log/train_logs.txt."""
import logging
import os
import time

from common.engine.loop import Callback
from common.engine.schedules import learning_rate_at

LOGGER = logging.getLogger("mindhuman")
# Updates that do not count for the speed: the graph is compiled and caches are filled.
WARM_UP = 10


class TimedLoader:
    """A loader that knows how long the updates waited for it.

    Args:
        loader: `batches(epoch, start)` and `steps_per_epoch`, as `fit` takes it.
    """

    def __init__(self, loader):
        self.loader, self.steps_per_epoch, self.waited = loader, loader.steps_per_epoch, 0.0

    def batches(self, epoch, start=0):
        """The batches of an epoch; `waited` is the time in seconds that the newest one took."""
        batches = iter(self.loader.batches(epoch, start))
        while True:
            begin = time.perf_counter()
            batch = next(batches, None)
            self.waited = time.perf_counter() - begin
            if batch is None:
                return
            yield batch


class Average:
    """Mean of what was added, without the first `WARM_UP` values as soon as there are more."""

    def __init__(self):
        self.count, self.sum = 0, 0.0

    def add(self, value):
        """Take a value in. Returns the mean."""
        self.count += 1
        if self.count == WARM_UP + 1:
            self.sum = 0.0
        self.sum += value
        return self.sum / (self.count - WARM_UP if self.count > WARM_UP else self.count)


class LogLines(Callback):
    """A line for every `every`-th update: learning rate, seconds per update (computing and waiting), loss terms.

    Args:
        every (int): updates between two lines.
        loader (TimedLoader): tells the time of waiting.
        schedule: learning rate.
    """

    def __init__(self, every, loader, schedule):
        self.every, self.loader, self.schedule = every, loader, schedule
        self.total, self.waited, self.begin = Average(), Average(), 0.0

    def on_start(self, progress):
        self.begin = time.perf_counter()

    def on_step(self, progress):
        now = time.perf_counter()
        total, waited = self.total.add(now - self.begin), self.waited.add(self.loader.waited)
        self.begin = now
        if progress.batch % self.every == 0:
            terms = " ".join(f"loss_{name}: {value:.4f}" for name, value in progress.terms.items() if name != "loss")
            LOGGER.info("Epoch %d/%d itr %d/%d: lr: %g speed: %.2f(%.2fs r%.2f)s/itr %.2fh/epoch %s", progress.epoch,
                        progress.epochs, progress.batch - 1, progress.steps_per_epoch,
                        learning_rate_at(self.schedule, progress.step - 1), total, max(total - waited, 0.0), waited,
                        total * progress.steps_per_epoch / 3600.0, terms)

    def on_epoch_end(self, progress):
        LOGGER.info("Epoch %d/%d: mean loss %.4f%s", progress.epoch, progress.epochs, progress.mean_loss,
                    f", {progress.skipped} updates skipped (gradients overflowed)" if progress.skipped else "")
        self.begin = time.perf_counter()


class LogFile:
    """Within `with`, the log also goes to a file, with the time before each line.

    Args:
        path (str): the file, which is continued; None for no file.
    """

    def __init__(self, path):
        self.path, self.handler = path, None

    def __enter__(self):
        if self.path:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            self.handler = logging.FileHandler(self.path, encoding="utf-8")
            self.handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%m-%d %H:%M:%S"))
            LOGGER.addHandler(self.handler)
        return self

    def __exit__(self, *_):
        if self.handler:
            LOGGER.removeHandler(self.handler)
            self.handler.close()
