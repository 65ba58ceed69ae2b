"""Snapshots of a run: `snapshot_<epoch>.ckpt` after each epoch, those of the hand-only stage end in `_hand`.

Epochs count from 0, as in the original. Within an epoch `snapshot_<epoch>_part.ckpt` holds the state so far; the end
of the epoch removes it.
"""
import os
import re

from common.engine.checkpoint import CheckpointFolder, write_checkpoint

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

    def paths(self):
        """(epoch, whether it is finished) -> path, the newest last."""
        found = {}
        for name in os.listdir(self.folder) if os.path.isdir(self.folder) else ():
            match = self.expression.fullmatch(name)
            if match:
                found[int(match["epoch"]), match["part"] is None] = os.path.join(self.folder, name)
        return dict(sorted(found.items()))

    def path(self, epoch, finished=True):
        """Where the snapshot of an epoch, counted from 0, lies."""
        return os.path.join(self.folder, f"snapshot_{epoch}{self.suffix}{'' if finished else '_part'}.ckpt")

    def epoch_of(self, path):
        """The epoch, counted from 0, that a snapshot's name tells."""
        return int(self.expression.fullmatch(os.path.basename(path))["epoch"])

    def write(self, weights, meta, rank=0, **contents):
        """Write a snapshot, then remove the unfinished one of its epoch and the oldest beyond `keep`.

        Args:
            meta (dict): `epoch` counts the finished ones, `batch` is 0 at the end of an epoch.

        Returns:
            str: path.
        """
        finished = meta["batch"] == 0
        epoch = meta["epoch"] - finished
        path = self.path(epoch, finished)
        write_checkpoint(path, weights, meta=meta, **contents)
        if finished and os.path.isfile(self.path(epoch, False)):
            os.remove(self.path(epoch, False))
        self.tidy(path, list(self.paths().values()))
        return path
