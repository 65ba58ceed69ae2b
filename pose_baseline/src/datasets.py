"""From settings to poses: those of the data folder, and the batches of a training."""
import os

import numpy as np

from common.data.arrays import ArrayLoader, DropoutMasks
from common.errors import UserError
from pose_baseline.src.augment import Augmentation
from pose_baseline.src.dataset import load_dataset
from pose_baseline.src.normalisation import Statistics


def build_dataset(config, splits=("train", "test"), statistics=None):
    """The poses of the settings' data folder, normalised; with `statistics` from a checkpoint, or those of the
    training subjects."""
    cameras_path = config.cameras_path or os.path.join(config.data_dir, "metadata.xml")
    return load_dataset(config.data_dir, cameras_path, config.action, config.camera_frame, config.predict_14,
                        detections=config.detections, statistics=statistics, cache_dir=config.cache_dir or None,
                        splits=splits)


def build_loader(config, runtime, data):
    """Shuffled batches of the training poses, with dropout masks where units are dropped.

    Args:
        config (Config): settings that `check_training` has passed.
        runtime (Runtime): device and workers.
        data (Dataset): of `build_dataset`.

    Returns:
        ArrayLoader

    Raises:
        UserError: fewer poses than one batch.
    """
    masks = None
    if config.dropout < 1.0:
        masks = DropoutMasks((config.batch_size, config.linear_size), 1 + 2 * config.num_layers, config.dropout,
                             config.seed, runtime.rank)
    augment = None
    if config.virtual_cameras or config.noise_px:
        augment = Augmentation(data.statistics, config.virtual_cameras, config.noise_px, config.seed)
    on_device = {"true": True, "false": False, "auto": runtime.device_target != "CPU"}[config.data_on_device]
    loader = ArrayLoader([data.train.inputs, data.train.targets], config.batch_size, config.seed, True, runtime.rank,
                         runtime.rank_size, masks, on_device and augment is None, augment)
    if loader.steps_per_epoch == 0:
        raise UserError(f"--batch_size {config.batch_size} on {runtime.rank_size} worker(s) is more than the "
                        f"{len(data.train.inputs)} training poses: make it smaller")
    return loader


def require_same_poses(checkpoint, statistics):
    """Refuse to continue a run on other poses than it was trained on; None, for no checkpoint, passes.

    Sums may differ in their last digits between machines, so nearly equal statistics are equal.

    Raises:
        UserError: the poses differ.
    """
    before = Statistics.from_arrays(checkpoint.extra) if checkpoint is not None else statistics
    for key, array in statistics.to_arrays().items():
        if not np.allclose(getattr(before, key), array, rtol=1e-6, atol=1e-6):
            raise UserError(f"--resume: {checkpoint.path} was trained on other poses ({key} differs): name the same "
                            "--data_dir, or start a new run from its weights with --ckpt_file and without --resume")
