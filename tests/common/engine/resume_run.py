"""A small training with shuffled data from several threads, to be killed and continued by test_resume.py.

Usage: resume_run.py FOLDER [kill after this many updates, 0 for never]
"""
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

import common  # noqa: E402, F401, I001  (prepares the environment)
import mindspore as ms  # noqa: E402
import numpy as np  # noqa: E402
from mindspore import nn, ops  # noqa: E402

from common.data.pipeline import Pipeline  # noqa: E402
from common.engine.amp import build_scaler  # noqa: E402
from common.engine.callbacks import MetricsCsv, SaveCheckpoint  # noqa: E402
from common.engine.checkpoint import CheckpointFolder, restore_training  # noqa: E402
from common.engine.loop import Callback, Progress, fit  # noqa: E402
from common.engine.runtime import init_runtime  # noqa: E402
from common.engine.schedules import ExponentialDecay  # noqa: E402
from common.engine.train_step import TrainStep  # noqa: E402


class Samples:
    """Random augmentation of 60 samples."""

    columns = ("x", "y")

    def __len__(self):
        return 60

    def sample(self, index, rng):
        x = np.full(8, index / 60, np.float32) + rng.standard_normal(8).astype(np.float32)
        return x, np.sin(x[:4])


class Loss(nn.Cell):
    term_names = ("square", "size")

    def __init__(self, network):
        super().__init__(auto_prefix=False)
        self.network = network

    def construct(self, x, y):
        outputs = self.network(x)
        square, size = ops.square(outputs - y).mean(), ops.square(outputs).mean()
        return square + 0.01 * size, (square, size)


class Kill(Callback):
    """End the process as `kill -9` does."""

    def __init__(self, step):
        self.step = step

    def on_step(self, progress):
        if progress.step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def main(folder, kill_at):
    init_runtime("CPU", seed=3)
    rng = np.random.default_rng(0)
    layers = [nn.Dense(size, out, weight_init=ms.Tensor(rng.standard_normal((out, size)), ms.float32))
              for size, out in ((8, 16), (16, 4))]
    network = nn.SequentialCell(layers[0], nn.BatchNorm1d(16), nn.ReLU(), layers[1])
    schedule = ExponentialDecay(0.01, 0.5, 10)
    step = TrainStep(Loss(network), nn.Adam(network.trainable_params(), schedule), build_scaler("dynamic"), 1.0)
    loader = Pipeline(Samples(), 7, seed=3, num_workers=2)
    progress = Progress(4, loader.steps_per_epoch)
    store = CheckpointFolder(folder, keep=3)
    newest = store.newest()
    if newest is not None:
        restore_training(network, step, newest)
        progress.move_to(newest.meta)
    table = MetricsCsv(os.path.join(folder, "metrics.csv"), step.term_names, schedule=schedule)
    save = SaveCheckpoint(store, network, step, every_steps=3, before=[table.flush])
    fit(step, loader, progress, [table, save, Kill(kill_at)])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0)
