"""Training of one experiment: what `train.py` and `src/predict_3dpose.py` run."""
import logging
import math
import os

import numpy as np
from mindspore import nn

from common.data.arrays import ArrayLoader, DeviceArrays, DropoutMasks
from common.engine.amp import apply_amp, build_scaler, check_amp
from common.engine.callbacks import MetricsCsv, ProgressBar, SaveCheckpoint, StepClock, TensorBoard
from common.engine.checkpoint import (
    CheckpointFolder,
    load_weights,
    read_checkpoint,
    restore_training,
)
from common.engine.continuation import checkpoint_to_resume, require_model, require_same_settings
from common.engine.loop import Callback, Progress, fit
from common.engine.optimizers import TorchAdam
from common.engine.profiling import Profiling
from common.engine.runtime import broadcast_parameters
from common.engine.schedules import ExponentialDecay, WarmUp, learning_rate_at
from common.engine.train_step import RepeatedStep, TrainStep
from common.errors import UserError
from pose_baseline.src.augment import Augmentation
from pose_baseline.src.build import Lifter, build_dataset, build_network, experiment_folder
from pose_baseline.src.config import DATA_KEYS, NETWORK_KEYS
from pose_baseline.src.evaluate import evaluate, frames_per_action
from pose_baseline.src.loss import NetworkWithLoss
from pose_baseline.src.normalisation import Statistics
from pose_baseline.src.report import log_epoch, log_evaluation

LOGGER = logging.getLogger("mindhuman")
DECAY_RATE, DECAY_STEPS = 0.96, 100000
OPTIMIZERS = {"adam": nn.Adam, "torch_adam": TorchAdam}
# Settings that may change between a run and its continuation without changing its numbers.
MAY_DIFFER = {"epochs", "resume", "load", "train_dir", "data_dir", "cameras_path", "cache_dir", "ckpt_file",
              "eval_every", "evaluateActionWise", "procrustes", "drop_remainder", "keep_checkpoint_max",
              "save_every_steps", "log_every", "tensorboard", "profile", "sample", "device_target", "device_id",
              "use_cpu", "data_on_device", "steps_per_launch", "enable_modelarts", "obs_dir", "result", "file_name",
              "file_format", "pixel_input", "input", "output_dir", "joint_order", "rescale", "image_size",
              "ground_truth", "animation", "fps", "formats", "allow_partial"}


def train(config, runtime):
    """Train as the settings say.

    Returns:
        Progress: of the finished run, with the metrics of the last evaluation.
    """
    check_amp(config.amp_level, runtime.device_target)
    folder = experiment_folder(config)
    store = CheckpointFolder(folder, "checkpoint-{step}.ckpt", config.keep_checkpoint_max)
    resumed = _checkpoint_to_resume(config, store, runtime.rank_size)
    data = build_dataset(config)
    if data.test is not None:
        frames_per_action(data.test, config.batch_size if config.drop_remainder else None)
    network = build_network(config)
    if config.ckpt_file and resumed is None:
        start = require_model(read_checkpoint(config.ckpt_file), "pose_baseline")
        _note_other_settings(load_weights(network, start, config.allow_partial), config)
    broadcast_parameters(network.get_parameters(), runtime)
    loader = build_loader(config, runtime, data.train, data.statistics)
    progress = Progress(config.epochs, loader.steps_per_epoch)
    schedule = (WarmUp(config.learning_rate, 0, progress.total_steps) if config.lr_type == "cosine" else
                ExponentialDecay(config.learning_rate, DECAY_RATE, DECAY_STEPS))
    step = build_step(config, runtime, network, schedule, data.train if loader.indices_only else None)
    if resumed is not None:
        restore_training(network, step, resumed)
        progress.move_to(resumed.meta, resumed.path, "--epochs (and name the file with --ckpt_file)")
        _check_same_data(resumed, data.statistics)
        LOGGER.info("Continuing from %s: epoch %d, batch %d / %d, step %d", resumed.path, progress.epoch + 1,
                    progress.batch, progress.steps_per_epoch, progress.step)
    repeated = RepeatedStep(step, config.steps_per_launch) if config.steps_per_launch > 1 else None
    LOGGER.info("%d training poses, %d test poses; %d batches per epoch; output in %s", len(data.train.inputs),
                len(data.test.inputs) if data.test else 0, loader.steps_per_epoch, folder)
    if runtime.is_main:
        config.save(os.path.join(folder, "config.yaml"))
    callbacks = _callbacks(config, runtime, network, step, schedule, data, store)
    fit(step, loader, progress, callbacks, _fetch_every(config, runtime), repeated)
    return progress


def build_loader(config, runtime, split, statistics):
    """Shuffled batches of the training poses, with dropout masks where units are dropped."""
    masks = None
    if config.dropout < 1.0:
        masks = DropoutMasks((config.batch_size, config.linear_size), 1 + 2 * config.num_layers, config.dropout,
                             config.seed, runtime.rank)
    on_device = {"true": True, "false": False, "auto": runtime.device_target != "CPU"}.get(config.data_on_device)
    if on_device is None:
        raise UserError(f"--data_on_device {config.data_on_device}: write true, false or auto")
    augment = build_augmentation(config, statistics)
    if augment and config.data_on_device == "true":
        raise UserError("--data_on_device true: poses held on the device cannot be augmented; leave it at auto, or "
                        "--virtual_cameras and --noise_px at 0")
    on_device = on_device and not augment
    loader = ArrayLoader([split.inputs, split.targets], config.batch_size, config.seed, True, runtime.rank,
                         runtime.rank_size, masks, on_device, augment)
    if loader.steps_per_epoch == 0:
        raise UserError(f"--batch_size {config.batch_size} on {runtime.rank_size} worker(s) is more than the "
                        f"{len(split.inputs)} training poses: make it smaller")
    if config.batch_size % config.accumulate:
        raise UserError(f"--accumulate {config.accumulate} does not divide --batch_size {config.batch_size}")
    if config.batch_norm and config.bn_unbiased and config.batch_size == config.accumulate:
        raise UserError("--bn_unbiased divides by the number of poses less one: --batch_size has to be larger than "
                        "--accumulate")
    if config.save_every_steps % config.steps_per_launch:
        raise UserError(f"--save_every_steps {config.save_every_steps} is no multiple of --steps_per_launch "
                        f"{config.steps_per_launch}")
    return loader


def build_augmentation(config, statistics):
    """What changes the poses of a batch, or None where they stay as they are."""
    if not config.virtual_cameras and not config.noise_px:
        return None
    if config.predict_14 or not config.camera_frame:
        raise UserError("--virtual_cameras and --noise_px need all 17 joints in the frame of the camera: add "
                        "--camera_frame and leave --predict_14 out")
    return Augmentation(statistics, config.virtual_cameras, config.noise_px, config.seed)


def build_step(config, runtime, network, schedule, device_split=None):
    """The compiled update: network, loss and Adam; with the poses of `device_split` held on the device."""
    network_with_loss = NetworkWithLoss(apply_amp(network, config.amp_level), config.dropout)
    if device_split is not None:
        network_with_loss = DeviceArrays(network_with_loss, [device_split.inputs, device_split.targets])
    if config.optimizer not in OPTIMIZERS:
        raise UserError(f"--optimizer {config.optimizer}: choose one of {', '.join(OPTIMIZERS)}")
    optimizer = OPTIMIZERS[config.optimizer](network.trainable_params(), schedule, 0.9, 0.999, 1e-8)
    return TrainStep(network_with_loss, optimizer, build_scaler(config.loss_scale), config.clip_norm,
                     config.accumulate, runtime.rank_size)


def _fetch_every(config, runtime):
    """On CPU the results are there at once; an accelerator is asked only when a line is due."""
    return 1 if runtime.device_target == "CPU" else math.gcd(config.log_every, 100)


def _checkpoint_to_resume(config, store, rank_size):
    """The checkpoint that --resume or --load names, or None. Its settings must be those of the run."""
    checkpoint = store.at(config.load) if config.load else \
        checkpoint_to_resume(config, store, "train_dir", "pose_baseline")
    if checkpoint is None:
        return None
    # A cosine ends with the last epoch.
    keys = [key for key in config if key not in MAY_DIFFER or (key == "epochs" and config.lr_type == "cosine")]
    require_same_settings(checkpoint, config, keys, ("batch_size",), rank_size)
    return checkpoint


def _note_other_settings(checkpoint, config):
    """Weights fit by name and shape also where another epsilon or frame makes another function of them."""
    saved = checkpoint.meta.get("config", {})
    other = [key for key in (*NETWORK_KEYS, *DATA_KEYS) if key in saved and saved[key] != config[key]]
    if other:
        LOGGER.warning("%s was made with %s; this run has %s", checkpoint.path,
                       ", ".join(f"{key} {saved[key]}" for key in other),
                       ", ".join(f"{key} {config[key]}" for key in other))


def _check_same_data(checkpoint, statistics):
    """Sums may differ in their last digits between machines, so nearly equal statistics are equal."""
    before = Statistics.from_arrays(checkpoint.extra)
    for key, array in statistics.to_arrays().items():
        if not np.allclose(getattr(before, key), array, rtol=1e-6, atol=1e-6):
            raise UserError(f"--resume: {checkpoint.path} was trained on other poses ({key} differs): name the same "
                            "--data_dir, or start a new run from its weights with --ckpt_file and without --resume")


def _callbacks(config, runtime, network, step, schedule, data, store):
    if not runtime.is_main:
        return []
    clock = StepClock()
    metric_names = ("error_mm",)
    table = MetricsCsv(os.path.join(store.folder, "metrics.csv"), step.term_names, metric_names, schedule,
                       config.log_every)
    recorders = [table]
    if config.tensorboard:
        tags = {"loss": "loss/loss", "learning_rate": "learning_rate/learning_rate", "error_mm": "loss/error_mm"}
        recorders.append(TensorBoard(os.path.join(store.folder, "log"), tags, schedule, config.log_every))
    profile = [Profiling(os.path.join(store.folder, "profile"))] if config.profile else []
    meta = {"model": "pose_baseline", "config": dict(config), "rank_size": runtime.rank_size}
    save = SaveCheckpoint(store, network, step, meta,
                          data.statistics.to_arrays(), config.save_every_steps, [table.flush], _announce)
    return [ProgressBar(), LogLines(config, clock, schedule), *recorders, *profile,
            Evaluate(config, network, data, recorders), save, Restart(clock)]


def _announce(path, milliseconds):
    LOGGER.info("Saving the model... done in %.2f ms (%s)", milliseconds, path)


class LogLines(Callback):
    """The original's lines: one per `log_every` batches, a block per epoch."""

    def __init__(self, config, clock, schedule):
        self.config, self.clock, self.schedule = config, clock, schedule

    def on_start(self, progress):
        self.clock.restart()

    def on_step(self, progress):
        self.clock.tick()
        if progress.batch % self.config.log_every == 0:
            LOGGER.info("Working on epoch %d, batch %d / %d, loss %s ... done in %.2f ms", progress.epoch + 1,
                        progress.batch, progress.steps_per_epoch, progress.terms["loss"], self.clock.read())

    def on_epoch_end(self, progress):
        log_epoch(progress, learning_rate_at(self.schedule, progress.step))
        if progress.skipped:
            LOGGER.info("Skipped steps:       %d (gradients overflowed)", progress.skipped)
        if not progress.counted:
            LOGGER.warning("every step of this epoch was skipped, so nothing was learnt: lower --loss_scale, or use "
                           "dynamic")


class Evaluate(Callback):
    """Measure the error on the test subjects after each `eval_every` epochs and after the last."""

    def __init__(self, config, network, data, recorders):
        self.config, self.network, self.data, self.recorders = config, network, data, recorders
        self.lifter = None

    def on_epoch_end(self, progress):
        last = progress.epoch + 1 == progress.epochs
        if self.data.test is None or not ((progress.epoch + 1) % self.config.eval_every == 0 or last):
            return
        if self.lifter is None:
            self.lifter = Lifter(self.network)
        self.lifter.refresh()
        result = evaluate(self.lifter, self.data.test, self.data.statistics, self.config.procrustes,
                          self.config.batch_size if self.config.drop_remainder else None,
                          self.config.evaluateActionWise)
        log_evaluation(result, self.config.evaluateActionWise)
        progress.metrics = {"error_mm": result.error}
        for recorder in self.recorders:
            recorder.record_metrics(progress)


class Restart(Callback):
    """Leave evaluation and saving out of the time per batch."""

    def __init__(self, clock):
        self.clock = clock

    def on_epoch_end(self, progress):
        self.clock.restart()
