"""Training: what `train.py` runs."""
import logging
import math
import os
import re

import mindspore as ms
from mindspore import nn

from common.data.pipeline import Pipeline
from common.engine.amp import apply_amp, build_scaler, check_amp
from common.engine.callbacks import MetricsCsv, ProgressBar, SaveCheckpoint, StepClock
from common.engine.checkpoint import (
    CheckpointFolder,
    load_weights,
    read_checkpoint,
    restore_training,
    write_checkpoint,
)
from common.engine.continuation import checkpoint_to_resume, require_same_settings
from common.engine.loop import Progress, fit
from common.engine.profiling import Profiling
from common.engine.runtime import broadcast_parameters
from common.engine.schedules import StepDecay, WarmUp
from common.engine.train_step import TrainStep
from common.errors import UserError
from openpose.src.build import build_dataset, build_network, describe_skeleton, settings_of
from openpose.src.loss import NetworkWithLoss
from openpose.src.report import LogLines
from openpose.src.skeleton import load_skeleton
from openpose.src.weights import load_backbone

LOGGER = logging.getLogger("mindhuman")
MOMENTUM = 0.9
SLOWER = 0.25  # rate of the backbone and of the two layers behind it, relative to the stages
# Settings on which the numbers of a run depend: its continuation needs the same ones.
MUST_AGREE = ("min_keypoints", "min_area", "insize", "min_box_size", "max_box_size", "min_scale", "max_scale",
              "max_rotate_degree", "center_perterb_max", "heatmap_sigma", "paf_sigma", "vgg_with_bn", "stages_with_bn",
              "num_stages", "width", "backbone_width", "normalisation", "optimizer", "group_params", "vgg_frozen_steps",
              "lr", "lr_type", "lr_gamma", "lr_steps", "warmup_epoch", "batch_size", "clip_norm", "amp_level",
              "loss_scale", "seed")


def train(config, runtime):
    """Train as the settings say.

    Returns:
        Progress: of the finished run.
    """
    check_amp(config.amp_level, runtime.device_target)
    store = EpochCheckpoints(os.path.join(config.save_model_path, "ckpt_0"), config.keep_checkpoint_max)
    resumed = _checkpoint_to_resume(config, store, runtime.rank_size)
    config, skeleton, network = _start(config, resumed)
    broadcast_parameters(network.get_parameters(), runtime)
    source = build_dataset(config, skeleton)
    loader = Pipeline(source, config.batch_size, config.seed, True, runtime.rank, runtime.rank_size,
                      config.num_workers)
    progress = Progress(config.max_epoch_train, loader.steps_per_epoch)
    step, schedule = build_step(config, runtime.rank_size, network, progress)
    if resumed is not None:
        restore_training(network, step, resumed)
        progress.move_to(resumed.meta, resumed.path, "--max_epoch_train")
        LOGGER.info("Continuing from %s: epoch %d, step %d of %d", resumed.path, progress.epoch + 1, progress.batch,
                    progress.steps_per_epoch)
    LOGGER.info("%d training images, %d steps per epoch; output in %s", len(source), loader.steps_per_epoch,
                store.folder)
    if runtime.is_main:
        config.save(os.path.join(store.folder, "config.yaml"))
    fit(step, loader, progress, _callbacks(config, runtime, network, skeleton, step, schedule, store),
        _fetch_every(config, runtime))
    return progress


def _start(config, resumed):
    """Settings, skeleton and network at the beginning, with the weights that the settings name."""
    if config.load_pretrain and not config.pretrained_model_path:
        raise UserError("--load_pretrain: name the checkpoint with --pretrained_model_path")
    start = resumed
    if config.load_pretrain and resumed is None:
        start = read_checkpoint(config.pretrained_model_path, "--pretrained_model_path")
    if start is None:
        skeleton = load_skeleton(config.skeleton)
    else:
        config, skeleton = settings_of(start, config)
    network = build_network(config, skeleton)
    if start is not None:
        load_weights(network, start, config.allow_partial)
    elif config.vgg_path:
        load_backbone(network, config.vgg_path)
    else:
        LOGGER.warning("--vgg_path is empty: the backbone starts from random weights%s", ", which stay as they are for "
                       f"{config.vgg_frozen_steps} steps (--group_params false trains them from the beginning)"
                       if config.group_params and config.vgg_frozen_steps else "")
    return config, skeleton, network


def build_step(config, rank_size, network, progress):
    """The compiled update, and the learning rate of the stages.

    The loss is scaled before the gradients are taken, and they are divided by the scale before they are reduced,
    clipped and applied; so `clip_norm` is a bound of their true size.
    """
    if ms.get_context("device_target") == "CPU" and config.amp_level == "O0":
        network.use_fast_training()
    groups = group_parameters(config, network, progress)
    scaler = build_scaler(str(config.loss_scale) if config.loss_scale else "none")
    if config.optimizer == "Adam":
        optimizer = nn.Adam(groups, groups[-1]["lr"])
    elif config.optimizer == "Momentum":
        optimizer = nn.Momentum(groups, groups[-1]["lr"], MOMENTUM)
    else:
        raise UserError(f"--optimizer {config.optimizer}: choose Adam or Momentum")
    step = TrainStep(NetworkWithLoss(apply_amp(network, config.amp_level), config.num_stages), optimizer, scaler,
                     config.clip_norm, 1, rank_size)
    return step, groups[-1]["lr"]


def group_parameters(config, network, progress):
    """The parameters with their learning rates: backbone, the two layers behind it, stages; or all as one group."""
    parameters = network.trainable_params()
    if not config.group_params:
        return [{"params": parameters, "lr": build_schedule(config, progress)}]
    backbone = [parameter for parameter in parameters if parameter.name.startswith("backbone.")]
    behind = [parameter for parameter in parameters if re.match(r"conv4_[34]\.", parameter.name)]
    stages = [parameter for parameter in parameters if parameter.name.startswith("stages.")]
    return [{"params": backbone, "lr": build_schedule(config, progress, SLOWER, config.vgg_frozen_steps)},
            {"params": behind, "lr": build_schedule(config, progress, SLOWER)},
            {"params": stages, "lr": build_schedule(config, progress)}]


def build_schedule(config, progress, factor=1.0, frozen=0):
    """The learning rate that the settings describe, times `factor`; 0 for the first `frozen` updates."""
    if config.lr_type == "default":
        return StepDecay(factor * config.lr, config.lr_gamma, config.lr_steps, frozen)
    if config.lr_type == "cosine":
        warm = round(config.warmup_epoch * progress.steps_per_epoch)
        # The MindSpore 1.x implementation starts at a third of the rate.
        return WarmUp(factor * config.lr, warm, progress.total_steps, 1 / 3, frozen)
    raise UserError(f"--lr_type {config.lr_type}: choose default or cosine")


class EpochCheckpoints(CheckpointFolder):
    """Checkpoints `<rank>-<epoch>_<step of the epoch>.ckpt`, both counted from 1, as the original names them."""

    def __init__(self, folder, keep):
        super().__init__(folder, "{rank}-{epoch}_{step}.ckpt", keep)

    def paths(self):
        """(epoch, step) -> path, in this order."""
        found = {}
        for name in os.listdir(self.folder) if os.path.isdir(self.folder) else ():
            match = self.expression.match(name)
            if match:
                found[int(match["epoch"]), int(match["step"])] = os.path.join(self.folder, name)
        return dict(sorted(found.items()))

    def write(self, weights, meta, rank=0, **contents):
        """Write a checkpoint, then remove the oldest beyond `keep`. Returns its path.

        meta["batch"] is 0 at the end of an epoch, when meta["epoch"] counts the finished ones.
        """
        ended = meta["batch"] == 0
        name = self.pattern.format(rank=rank, epoch=meta["epoch"] + (not ended),
                                   step=meta["steps_per_epoch"] if ended else meta["batch"])
        path = os.path.join(self.folder, name)
        write_checkpoint(path, weights, meta=meta, **contents)
        self.tidy(path, list(self.paths().values()))
        return path


def _fetch_every(config, runtime):
    """On CPU the results are there at once; an accelerator is asked only when a line is due."""
    return 1 if runtime.device_target == "CPU" else math.gcd(config.log_interval, 100)


def _checkpoint_to_resume(config, store, rank_size):
    """The newest checkpoint for --resume, or None without the flag. Its settings must be those of the run."""
    checkpoint = checkpoint_to_resume(config, store, "save_model_path", "openpose")
    if checkpoint is None:
        return None
    saved = checkpoint.meta.get("config", {})
    require_same_settings(checkpoint, config, MUST_AGREE, ("batch_size",), rank_size)
    if config.lr_type == "cosine" and saved.get("max_epoch_train", config.max_epoch_train) != config.max_epoch_train:
        raise UserError(f"--resume: the cosine of {checkpoint.path} ends after {saved['max_epoch_train']} epochs; give "
                        f"--max_epoch_train {saved['max_epoch_train']}")
    return checkpoint


def _callbacks(config, runtime, network, skeleton, step, schedule, store):
    if not runtime.is_main:
        return []
    table = MetricsCsv(os.path.join(store.folder, "metrics.csv"), step.term_names, (), schedule, config.log_interval)
    meta = {"model": "openpose", "config": dict(config), "skeleton": describe_skeleton(skeleton),
            "rank_size": runtime.rank_size}
    save = SaveEpochs(store, network, step, meta, None, config.ckpt_interval, [table.flush])
    profile = [Profiling(os.path.join(store.folder, "profile"))] if config.profile else []
    return [ProgressBar(), LogLines(config.log_interval, config.batch_size * runtime.rank_size, StepClock()), table,
            *profile, save]


class SaveEpochs(SaveCheckpoint):
    """Tells the folder how long an epoch is, for the file's name."""

    def save(self, progress):
        self.meta["steps_per_epoch"] = progress.steps_per_epoch
        super().save(progress)
