"""The training's log in the original's form: a line per update with the time it took, also in log/train_logs.txt."""
import contextlib
import logging
import os
import time

from common.engine.loop import Callback

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


class Speed(Callback):
    """Seconds per update, and how many of them went by waiting for data; evaluation and saving left out.

    Args:
        loader (TimedLoader): tells the time of waiting.

    Attributes:
        total, waited (float): means so far.
    """

    def __init__(self, loader):
        self.loader, self.begin = loader, 0.0
        self.totals, self.waits = Average(), Average()
        self.total = self.waited = 0.0

    def on_epoch_start(self, progress):
        self.begin = time.perf_counter()

    def on_step(self, progress):
        now = time.perf_counter()
        self.total, self.waited = self.totals.add(now - self.begin), self.waits.add(self.loader.waited)
        self.begin = now


def line(progress, learning_rate, speed):
    """The original's line: learning rate, seconds per update (computing and waiting), loss terms.

    Args:
        progress (Progress): after the update.
        learning_rate (float): of the update.
        speed (Speed): stands before the log lines among the callbacks.
    """
    terms = " ".join(f"loss_{name}: {value:.4f}" for name, value in progress.terms.items() if name != "loss")
    return (f"Epoch {progress.epoch}/{progress.epochs} itr {progress.batch - 1}/{progress.steps_per_epoch}: "
            f"lr: {learning_rate:g} speed: {speed.total:.2f}({max(speed.total - speed.waited, 0.0):.2f}s "
            f"r{speed.waited:.2f})s/itr {speed.total * progress.steps_per_epoch / 3600.0:.2f}h/epoch {terms}")


@contextlib.contextmanager
def log_file(path):
    """Within `with`, the log also goes to a file, which is continued, with the time before each line; None for none."""
    if path is None:
        yield
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%m-%d %H:%M:%S"))
    LOGGER.addHandler(handler)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        handler.close()
