"""Training: what `train.py` runs."""
import logging
import os

from cmr.src.build import build_network, build_training_set, load_body, settings_of
from cmr.src.initial import start_wide
from cmr.src.loss import CMRLoss, NetworkWithLoss
from cmr.src.report import LogLines, TimeIsUp, TimeLimit
from cmr.src.summaries import SummaryPictures
from cmr.src.weights import load_resnet, read_trained
from common.data.pipeline import Pipeline
from common.engine.amp import apply_amp, build_scaler, check_amp
from common.engine.callbacks import MetricsCsv, ProgressBar, SaveCheckpoint, StepClock, TensorBoard
from common.engine.checkpoint import (
    CheckpointFolder,
    load_weights,
    restore_training,
)
from common.engine.continuation import checkpoint_to_resume, require_same_settings
from common.engine.loop import Progress, fit
from common.engine.optimizers import TorchAdam
from common.engine.profiling import Profiling
from common.engine.runtime import broadcast_parameters
from common.engine.schedules import ExponentialDecay
from common.engine.train_step import TrainStep
from common.errors import UserError

LOGGER = logging.getLogger("mindhuman")
ADAM_BETA2, ADAM_EPSILON = 0.999, 1e-8
# Settings on which the numbers of a run depend: its continuation needs the same ones.
MUST_AGREE = ("dataset", "batch_size", "do_shuffle", "rot_factor", "noise_factor", "scale_factor",
              "crop_contrast_stretch", "img_res", "num_channels", "num_layers", "depth", "width", "hidden_size",
              "use_svd", "lr", "lr_decay", "camera_lr_factor", "adam_beta1", "wd", "amp_level", "loss_scale", "seed")


def train(config, runtime):
    """Train as the settings say.

    Returns:
        Progress: of the finished run, or of the run whose time was up.
    """
    _check(config, runtime)
    store = CheckpointFolder(config.save_checkpoint_dir, "cmr-{step}.ckpt", config.keep_checkpoint_max)
    resumed = _checkpoint_to_resume(config, store, runtime.rank_size)
    body = load_body(config)
    config, network = _start(config, body, resumed)
    broadcast_parameters(network.get_parameters(), runtime)
    people, plain = build_training_set(config)
    loader = Pipeline(people, config.batch_size, config.seed, config.do_shuffle, runtime.rank, runtime.rank_size,
                      config.num_workers)
    progress = Progress(config.num_epochs, loader.steps_per_epoch)
    step, schedule = build_step(config, runtime.rank_size, network, body, progress)
    if resumed is not None:
        restore_training(network, step, resumed)
        progress.move_to(resumed.meta, resumed.path, "--num_epochs")
        LOGGER.info("Continuing from %s: epoch %d, step %d of %d", resumed.path, progress.epoch + 1, progress.batch,
                    progress.steps_per_epoch)
    LOGGER.info("%d training pictures, %d steps per epoch; output in %s", len(people), loader.steps_per_epoch,
                store.folder)
    if runtime.is_main:
        config.save(os.path.join(store.folder, "config.yaml"))
    try:
        # The results of an update are asked for when a line is due; on CPU they are there at once.
        fit(step, loader, progress, _callbacks(config, runtime, network, body, plain, step, schedule, store),
            1 if runtime.device_target == "CPU" else config.log_interval)
    except TimeIsUp:
        LOGGER.info("The %d seconds of --time_to_run are over after %d of %d steps; --resume continues",
                    config.time_to_run, progress.step, progress.total_steps)
    return progress


def _check(config, runtime):
    check_amp(config.amp_level, runtime.device_target)
    if config.distribute and runtime.rank_size == 1:
        raise UserError("--distribute: this is one process alone; start with scripts/run_distribute_train_gpu.sh or "
                        "run_distribute_train.sh, or leave the flag out")
    if config.time_to_run and runtime.rank_size > 1:
        raise UserError("--time_to_run is for one process; several would not stop at the same step")


def _start(config, body, resumed):
    """Settings and network at the beginning, with the weights that the settings name."""
    start = resumed
    if resumed is None and config.pretrained_checkpoint:
        start = read_trained(config.pretrained_checkpoint, "--pretrained_checkpoint")
    if start is not None:
        config = settings_of(start, config)
    network = build_network(config, body)
    if config.wide_start:
        start_wide(network, config.seed)
    if start is not None:
        load_weights(network, start, config.allow_partial)
    elif config.pretrained_resnet_50:
        load_resnet(network, config.pretrained_resnet_50)
    else:
        LOGGER.warning("--pretrained_resnet_50 is empty: the ResNet starts from random weights")
    return config, network


def build_step(config, rank_size, network, body, progress):
    """The compiled update, and its learning rate: a number or a schedule."""
    def rate_from(base):
        return base if config.lr_decay == 1.0 else ExponentialDecay(base, config.lr_decay, progress.total_steps)

    rate, parameters = rate_from(config.lr), network.trainable_params()
    if config.camera_lr_factor != 1.0:
        camera = [parameter for parameter in parameters if parameter.name.startswith("graph_cnn.camera_")]
        others = [parameter for parameter in parameters if not parameter.name.startswith("graph_cnn.camera_")]
        parameters = [{"params": others, "lr": rate},
                      {"params": camera, "lr": rate_from(config.lr * config.camera_lr_factor)}]
    optimizer = TorchAdam(parameters, rate, config.adam_beta1, ADAM_BETA2, ADAM_EPSILON, config.wd)
    scaler = build_scaler(config.loss_scale if config.amp_level != "O0" else "none")
    apply_amp(network, config.amp_level)
    loss = CMRLoss(network.smpl, body.regressor)
    return TrainStep(NetworkWithLoss(network, loss), optimizer, scaler, 0.0, 1, rank_size), rate


def _checkpoint_to_resume(config, store, rank_size):
    """The newest checkpoint for --resume, or None without the flag. Its settings must be those of the run."""
    checkpoint = checkpoint_to_resume(config, store, "save_checkpoint_dir", "cmr")
    if checkpoint is None:
        return None
    # An exponential rate depends on the length of the run.
    keys = (*MUST_AGREE, *(("num_epochs",) if config.lr_decay != 1.0 else ()))
    require_same_settings(checkpoint, config, keys, ("batch_size",), rank_size)
    return checkpoint


def _callbacks(config, runtime, network, body, people, step, schedule, store):
    if not runtime.is_main:
        return []
    every = config.summary_steps or 100
    table = MetricsCsv(os.path.join(store.folder, "metrics.csv"), step.term_names, (), schedule, every)
    meta = {"model": "cmr", "rank_size": runtime.rank_size, "config": dict(config),
            "body_model": "synthetic" if body.model.synthetic else os.path.basename(body.model.source)}
    save = SaveCheckpoint(store, network, step, meta, None, config.checkpoint_steps, [table.flush])
    callbacks = [ProgressBar(), LogLines(config.log_interval, config.batch_size * runtime.rank_size, StepClock()),
                 table]
    if config.profile:
        callbacks.append(Profiling(os.path.join(store.folder, "profile")))
    board = None
    if config.tensorboard:
        tags = {name: f"losses/{name}" for name in ("loss", *step.term_names, "learning_rate")}
        board = TensorBoard(os.path.join(store.folder, "tensorboard"), tags, schedule, every)
        callbacks.append(board)
    if config.summary_steps:
        callbacks.append(SummaryPictures(network, build_network(config, body), people, body.model.faces, store.folder,
                                         config.summary_steps, board and board.writer))
    callbacks.append(save)
    if config.time_to_run:
        callbacks.append(TimeLimit(config.time_to_run, save))
    return callbacks
