"""Snapshots of a run: `snapshot_<epoch>.ckpt` after each epoch, those of the hand-only stage end in `_hand`.

Epochs count from 0, as in the original. Within an epoch `snapshot_<epoch>_part.ckpt` holds the state so far; the end
of the epoch removes it.
"""
import os
import re

from mindspore import Tensor

from common.engine.checkpoint import CheckpointFolder
from common.engine.continuation import require_model, require_same_settings
from common.engine.run import MAY_DIFFER as MAY_DIFFER_ALWAYS
from common.engine.run import continue_from
from common.errors import UserError
from hand4whole.src.config import MAY_DIFFER, NETWORK_KEYS

SUFFIXES = {"whole": "", "hand": "_hand"}


class Snapshots(CheckpointFolder):
    """The snapshots of one stage.

    Args:
        folder (str): model_dump.
        parts (str): "whole" or "hand".
        keep (int): how many of the newest stay, 0 for all.
    """

    def __init__(self, folder, parts, keep=0):
        self.folder, self.suffix, self.keep = folder, SUFFIXES[parts], keep
        self.expression = re.compile(rf"snapshot_(?P<epoch>\d+){self.suffix}(?P<part>_part)?\.ckpt")

    def position(self, match):
        """Epoch, and whether it is finished."""
        return int(match["epoch"]), match["part"] is None

    def name(self, meta, rank):
        """`meta`: `epoch` counts the finished ones, `batch` is 0 at the end of an epoch."""
        finished = meta["batch"] == 0
        return os.path.basename(self.path(meta["epoch"] - finished, finished))

    def path(self, epoch, finished=True):
        """Where the snapshot of an epoch, counted from 0, lies."""
        return os.path.join(self.folder, f"snapshot_{epoch}{self.suffix}{'' if finished else '_part'}.ckpt")

    def epoch_of(self, path):
        """The epoch, counted from 0, that a snapshot's name tells."""
        return int(self.expression.fullmatch(os.path.basename(path))["epoch"])

    def tidy(self, path, paths):
        """As the base class; first the unfinished snapshot of a finished epoch goes."""
        part = self.path(self.epoch_of(path), False)
        if path != part and part in paths:
            os.remove(part)
        super().tidy(path, [other for other in paths if os.path.isfile(other)])


def snapshot_to_continue(config, store, runtime):
    """The newest snapshot for --continue, or None without the flag. Its settings must be those of the run.

    Those of the network are taken from it. A snapshot that holds weights only (merged, or converted) may be continued
    with any settings: there is nothing to continue exactly.

    Raises:
        UserError: there is none, or it was made with other settings.
    """
    if not config.resume:
        return None
    if config.ckpt_file:
        raise UserError("--continue goes on from the newest snapshot, --ckpt_file begins a new run: leave one out")
    checkpoint = store.newest()
    if checkpoint is None:
        raise UserError(f"--continue: there is no snapshot in {store.folder}; give the --output_dir of the run")
    require_model(checkpoint, "hand4whole")
    if checkpoint.optimizer:
        may_differ = MAY_DIFFER_ALWAYS | MAY_DIFFER | set(NETWORK_KEYS)
        require_same_settings(checkpoint, config, may_differ, ("batch_size",), runtime.rank_size, "--continue")
    return checkpoint


def continue_from_snapshot(checkpoint, store, network, step, progress):
    """Stand where the snapshot stands; one with weights only (merged or converted) begins the epoch after its own."""
    if checkpoint is None or checkpoint.optimizer:
        continue_from(checkpoint, network, step, progress, "--epochs")
        return
    epoch = store.epoch_of(checkpoint.path) + 1
    progress.move_to({"step": epoch * progress.steps_per_epoch, "epoch": epoch, "batch": 0, "skipped": 0,
                      "loss_sum": 0.0, "counted": 0}, checkpoint.path, "--epochs")
    optimizer = step.optimizer
    optimizer.global_step.set_data(Tensor([progress.step], optimizer.global_step.dtype))
