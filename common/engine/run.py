"""What a training run does alike in all models, as plain functions that `train.py` of each model calls one by one."""
from __future__ import annotations

import logging
import math
import os
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from common.engine.callbacks import ProgressBar
from common.engine.checkpoint import read_checkpoint, restore_training
from common.engine.continuation import require_model, require_same_settings
from common.engine.loop import fit
from common.engine.profiling import Profiling
from common.errors import UserError

if TYPE_CHECKING:
    from mindspore import nn

    from common.config import Config
    from common.engine.callbacks import LogLines, SaveCheckpoint
    from common.engine.checkpoint import Checkpoint, CheckpointFolder
    from common.engine.loop import Callback, Loader, Progress
    from common.engine.runtime import Runtime
    from common.engine.train_step import RepeatedStep, TrainStep

LOGGER = logging.getLogger("mindhuman")
# Settings that may differ between a run and its continuation, of those that several models have: where files lie, what
# is logged and kept, the device, and what only other commands read. A model adds its own in `config.MAY_DIFFER`. Every
# other setting must be the same, so that none is forgotten.
MAY_DIFFER = frozenset((
    "resume", "ckpt_file", "allow_partial", "keep_checkpoint_max", "log_interval", "profile", "tensorboard",
    "num_workers", "device_target", "device_id", "enable_modelarts", "data_url", "train_url", "data_path",
    "output_path",
    # infer.py
    "input", "bbox", "keypoints_json", "openpose_ckpt", "min_confidence", "output_dir", "formats", "smooth",
    "focal_length", "frame_max",
    # export.py and the programs for Ascend 310
    "file_name", "file_format", "export_batch_size", "result_path"))


def checkpoint_to_resume(config: Config, store: CheckpointFolder, runtime: Runtime, model: str, folder_flag: str,
                         may_differ: Collection[str],
                         batch_keys: Collection[str] = ("batch_size",)) -> Checkpoint | None:
    """The checkpoint that --resume continues from: the one of --ckpt_file, else the newest of the run's folder.

    Args:
        config (Config): with `resume` and `ckpt_file`.
        store (CheckpointFolder): of the run's folder.
        runtime (Runtime): with the number of workers.
        model (str): whose checkpoint it has to be.
        folder_flag (str): the key that names this folder, for the error.
        may_differ (set): settings of the model that may differ, besides `MAY_DIFFER`.
        batch_keys (tuple): settings that count samples per worker.

    Returns:
        Checkpoint: None without --resume.

    Raises:
        UserError: there is none, it is another model's, or it was made with other settings.
    """
    if not config.resume:
        return None
    checkpoint = read_checkpoint(config.ckpt_file) if config.ckpt_file else store.newest()
    if checkpoint is None:
        raise UserError(f"--resume: there is no checkpoint that can be read in {store.folder}; give the "
                        f"--{folder_flag} of the run and its settings, or name a file with --ckpt_file")
    require_model(checkpoint, model)
    require_same_settings(checkpoint, config, MAY_DIFFER | set(may_differ), batch_keys, runtime.rank_size)
    return checkpoint


def continue_from(checkpoint: Checkpoint | None, network: nn.Cell, step: TrainStep, progress: Progress,
                  length_flag: str) -> None:
    """Put network, optimizer, loss scale and position where a checkpoint stands; None changes nothing.

    Args:
        checkpoint (Checkpoint): of `checkpoint_to_resume`.
        network (Cell): whose weights were saved.
        step (TrainStep): whose optimizer and loss scale were saved.
        progress (Progress): of this run, at its beginning.
        length_flag (str): what sets the length of the run, for error texts.

    Raises:
        UserError: the file holds weights only, its position does not fit the data, or nothing is left to train.
    """
    if checkpoint is None:
        return
    restore_training(network, step, checkpoint)
    progress.move_to(checkpoint.meta, checkpoint.path, length_flag)
    LOGGER.info("Continuing from %s: epoch %d, step %d of %d", checkpoint.path, progress.epoch + 1, progress.batch,
                progress.steps_per_epoch)


def save_settings(config: Config, runtime: Runtime, folder: str, name: str = "config.yaml") -> None:
    """Write the settings beside the checkpoints, once for all workers."""
    if runtime.is_main:
        config.save(os.path.join(folder, name))


def standard_callbacks(profile: bool, lines: LogLines, save: SaveCheckpoint, others: Iterable[Callback],
                       folder: str | None = None) -> list[Callback]:
    """What every run of the main worker does beside its updates, in this order.

    Args:
        profile (bool): record what some updates spend their time on.
        lines (LogLines): training log lines.
        save (SaveCheckpoint): comes last, so that what belongs to a checkpoint is written before it.
        others (sequence of Callback): metrics.csv, and what the model adds, such as evaluation.
        folder (str): in which the folder `profile` goes; None for the one of the checkpoints.
    """
    recording = [Profiling(os.path.join(folder or save.folder.folder, "profile"))] if profile else []
    return [ProgressBar(), lines, *recording, *others, save]


def train_to_end(step: nn.Cell, loader: Loader, progress: Progress, callbacks: Sequence[Callback], runtime: Runtime,
                 every: int, repeated_step: RepeatedStep | None = None) -> None:
    """`fit` with graphs that are kept (`graph_cache`); accelerators: results of updates are taken together, when a
    log line is due at the latest.

    Args:
        step, loader, progress, callbacks, repeated_step: see `fit`.
        runtime (Runtime): on CPU the results are there at once.
        every (int): updates between two log lines.
    """
    from common.engine.graph_cache import Compiled

    fit(Compiled(step), loader, progress, callbacks, 1 if runtime.device_target == "CPU" else math.gcd(every, 100),
        repeated_step and Compiled(repeated_step))
