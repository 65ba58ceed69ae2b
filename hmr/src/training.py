"""Training: what `train.py` runs."""
import logging
import math
import os

from common.data.pipeline import Pipeline
from common.engine.amp import apply_amp, build_scaler, check_amp
from common.engine.callbacks import MetricsCsv, ProgressBar, SaveCheckpoint, StepClock
from common.engine.checkpoint import (
    CheckpointFolder,
    load_weights,
    read_checkpoint,
    restore_training,
)
from common.engine.continuation import checkpoint_to_resume, require_model, require_same_settings
from common.engine.loop import Progress, fit
from common.engine.optimizers import TorchAdam
from common.engine.profiling import Profiling
from common.engine.runtime import broadcast_parameters
from common.engine.schedules import WarmUp
from common.engine.train_step import TrainStep
from common.errors import UserError
from hmr.src.build import build_network, critic_weights, generator_weights, load_body, settings_of
from hmr.src.condensed import condense
from hmr.src.discriminator import build_critic
from hmr.src.loss import LossWeights
from hmr.src.profiles import find_profile, profile_of
from hmr.src.report import LogLines
from hmr.src.train_step import AdversarialLoss, AdversarialStep, Adversaries, GeneratorWithLoss
from hmr.src.training_set import build_source

LOGGER = logging.getLogger("mindhuman")
# Settings on which the numbers of a run depend: its continuation needs the same ones.
MUST_AGREE = ("train_2d_set", "train_3d_set", "train_adv_set", "set_weights", "mpi_every", "min_keypoints", "min_size",
              "max_overlap", "smpl_joints", "scale_min", "scale_max", "trans_max", "flip_prob", "crop_size", "profile",
              "depth", "width", "hidden_size", "critic_size", "iterations", "frozen_norm", "batch_size",
              "batch_3d_size", "adv_batch_size", "dropout", "e_lr", "d_lr", "lr_type", "warmup_steps", "e_wd", "d_wd",
              "e_loss_weight", "e_3d_loss_weight", "e_3d_kp_ratio", "e_shape_ratio", "e_pose_ratio", "d_loss_weight",
              "d_disc_ratio", "clip_norm", "amp_level", "loss_scale", "seed")


def train(config, runtime):
    """Train as the settings say.

    Returns:
        Progress: of the finished run.
    """
    check_amp(config.amp_level, runtime.device_target)
    store = CheckpointFolder(config.model_save, "hmr-{step}.ckpt", config.keep_checkpoint_max)
    resumed = _checkpoint_to_resume(config, store, runtime.rank_size)
    start = resumed or (read_checkpoint(config.ckpt_file) if config.ckpt_file else None)
    if start is not None:
        config = settings_of(start, config)
    body = load_body(config)
    # The losses look at joints only; a checkpoint does not hold the body.
    condensed = condense(body, "cocoplus_regressor")
    source, batch_size = build_source(config, condensed if config.smpl_joints else None)
    pair = build_pair(config, condensed, "real" in source.columns, start)
    broadcast_parameters(pair.get_parameters(), runtime)
    loader = Pipeline(source, batch_size, config.seed, True, runtime.rank, runtime.rank_size, config.num_worker)
    epochs = math.ceil(config.iter_count / loader.steps_per_epoch) if config.iter_count else config.epochs
    progress = Progress(epochs, loader.steps_per_epoch)
    step, schedule = build_step(config, runtime.rank_size, pair, progress)
    if resumed is not None:
        restore_training(pair, step, resumed)
        progress.move_to(resumed.meta, resumed.path, "--iter_count" if config.iter_count else "--epochs")
        LOGGER.info("Continuing from %s: epoch %d, step %d of %d", resumed.path, progress.epoch + 1, progress.batch,
                    progress.steps_per_epoch)
    LOGGER.info("%d people per epoch, %d steps of %d; output in %s", len(source), loader.steps_per_epoch,
                batch_size * runtime.rank_size, store.folder)
    if runtime.is_main:
        config.save(os.path.join(store.folder, "config.yaml"))
    # The results of an update are asked for when a line is due; on CPU they are there at once.
    fit(step, loader, progress, _callbacks(config, runtime, body, pair, step, schedule, store, batch_size),
        1 if runtime.device_target == "CPU" else config.log_interval)
    return progress


def build_pair(config, body, with_critic, start):
    """Generator and critic (or None) at the beginning, with the weights that the settings name.

    Args:
        config (Config): settings.
        body (BodyModel): of `load_body`.
        with_critic (bool): whether there are real poses to learn from.
        start (Checkpoint): to start from; None for random weights.

    Returns:
        Adversaries
    """
    generator = build_network(config, body, config.seed)
    critic = build_critic(find_profile(config.profile), config.critic_size, config.seed) if with_critic else None
    if start is not None:
        load_weights(generator, generator_weights(start), config.allow_partial)
    elif config.encoder_path:
        load_weights(generator.encoder, _encoder(config.encoder_path), config.allow_partial)
    else:
        LOGGER.warning("--encoder_path is empty: the encoder starts from random weights")
    other = _critic(config) if config.critic_path else start
    if critic is not None and other is not None and critic_weights(other).weights:
        load_weights(critic, critic_weights(other), config.allow_partial)
    return Adversaries(generator, critic)


def _encoder(path):
    """ImageNet weights of an encoder."""
    checkpoint = require_model(read_checkpoint(path, "--encoder_path"), "hmr")
    if checkpoint.meta.get("config", {}).get("part") != "encoder":
        raise UserError(f"--encoder_path {path} holds no weights of an encoder: convert them with tools/pth2ckpt.py "
                        "--model hmr --variant imagenet; a whole network goes to --ckpt_file")
    return checkpoint


def _critic(config):
    """Weights of a critic in a file of its own."""
    checkpoint = require_model(read_checkpoint(config.critic_path, "--critic_path"), "hmr")
    if not critic_weights(checkpoint).weights:
        raise UserError(f"--critic_path {config.critic_path} holds no critic")
    if profile_of(checkpoint.meta.get("config", {}), config.critic_path).profile != config.profile:
        raise UserError(f"--critic_path {config.critic_path} belongs to another profile than {config.profile}")
    return checkpoint


def build_step(config, rank_size, pair, progress):
    """The compiled update, and the learning rate of the generator."""
    apply_amp(pair.generator, config.amp_level)
    total = progress.total_steps if config.lr_type == "cosine" else 0
    rates = [WarmUp(rate, config.warmup_steps, total) for rate in (config.e_lr, config.d_lr)]
    optimizer = TorchAdam(pair.generator.trainable_params(), rates[0], weight_decay=config.e_wd)
    three_d = config.e_3d_loss_weight
    weights = LossWeights(config.e_loss_weight, three_d * config.e_3d_kp_ratio, three_d * config.e_shape_ratio,
                          three_d * config.e_pose_ratio, config.d_loss_weight * config.d_disc_ratio)
    scaler = build_scaler(config.loss_scale)
    if pair.critic is None:
        network = GeneratorWithLoss(pair.generator, weights, config.dropout)
        step = TrainStep(network, optimizer, scaler, config.clip_norm, 1, rank_size)
    else:
        network = AdversarialLoss(pair.generator, pair.critic, weights, config.dropout)
        step = AdversarialStep(network, optimizer, TorchAdam(pair.critic.trainable_params(), rates[1],
                                                             weight_decay=config.d_wd),
                               scaler, config.clip_norm, rank_size)
    return step, rates[0]


def _checkpoint_to_resume(config, store, rank_size):
    """The newest checkpoint for --resume, or None without the flag. Its settings must be those of the run."""
    checkpoint = checkpoint_to_resume(config, store, "model_save", "hmr")
    if checkpoint is None:
        return None
    keys = (*MUST_AGREE, *(("epochs", "iter_count") if config.lr_type == "cosine" else ()))
    require_same_settings(checkpoint, config, keys, ("batch_size", "batch_3d_size", "adv_batch_size"), rank_size)
    return checkpoint


def _callbacks(config, runtime, body, pair, step, schedule, store, batch_size):
    if not runtime.is_main:
        return []
    table = MetricsCsv(os.path.join(store.folder, "metrics.csv"), step.term_names, (), schedule, config.log_interval)
    meta = {"model": "hmr", "rank_size": runtime.rank_size,
            "config": {**config, **find_profile(config.profile).settings()},
            "body_model": "synthetic" if body.synthetic else os.path.basename(body.source)}
    profile = [Profiling(os.path.join(store.folder, "profile"))] if config.profile_training else []
    return [ProgressBar(), LogLines(config.log_interval, batch_size * runtime.rank_size, StepClock()), table, *profile,
            SaveCheckpoint(store, pair, step, meta, None, config.save_steps, [table.flush])]
