"""Names of a run's checkpoints, as the original has them."""
from common.engine.checkpoint import CheckpointFolder


class EpochCheckpoints(CheckpointFolder):
    """Checkpoints `<rank>-<epoch>_<step of the epoch>.ckpt`, both counted from 1.

    Args:
        folder (str): where they lie.
        keep (int): how many of the newest stay, 0 for all.
    """

    def __init__(self, folder, keep):
        super().__init__(folder, "{rank}-{epoch}_{step}.ckpt", keep)

    def position(self, match):
        """Epoch and update in it."""
        return int(match["epoch"]), int(match["step"])

    def name(self, meta, rank):
        """meta["batch"] is 0 at the end of an epoch, when meta["epoch"] counts the finished ones."""
        ended = meta["batch"] == 0
        return self.pattern.format(rank=rank, epoch=meta["epoch"] + (not ended),
                                   step=meta["steps_per_epoch"] if ended else meta["batch"])
