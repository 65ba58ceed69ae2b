"""Training: what `train.py` runs."""
import logging
import os

from mindspore import Tensor

from common.data.pipeline import Pipeline
from common.engine.amp import apply_amp, build_scaler, check_amp
from common.engine.callbacks import MetricsCsv, ProgressBar, SaveCheckpoint
from common.engine.checkpoint import load_weights, restore_training
from common.engine.continuation import require_same_settings
from common.engine.loop import Progress, fit
from common.engine.optimizers import TorchAdam
from common.engine.profiling import Profiling
from common.engine.runtime import broadcast_parameters
from common.engine.schedules import StepDecay
from common.engine.train_step import TrainStep
from common.errors import UserError
from common.files import make_folder
from hand4whole.src.build import build_body_model, build_network, settings_of
from hand4whole.src.datasets import build_training_data
from hand4whole.src.loss import HAND_TERMS, TERMS, HandLoss, NetworkWithLoss, WholeLoss
from hand4whole.src.report import LogFile, LogLines, TimedLoader
from hand4whole.src.snapshots import SUFFIXES, Snapshots
from hand4whole.src.weights import RESNETS, complete, load_resnet, read_trained

LOGGER = logging.getLogger("mindhuman")
FOLDERS = ("log", "model_dump", "result", "vis")
# Settings on which the numbers of a run depend: its continuation needs the same ones.
MUST_AGREE = ("trainset_3d", "trainset_2d", "train_batch_size", "rotation_loss", "amp_level", "loss_scale",
              "clip_norm", "seed")


def train(config, runtime):
    """Train as the settings say.

    Returns:
        Progress: of the finished run.
    """
    check_amp(config.amp_level, runtime.device_target)
    if runtime.is_main:
        for folder in FOLDERS:
            make_folder(os.path.join(config.output_dir, folder))
    suffix = SUFFIXES[config.parts]
    log = os.path.join(config.output_dir, "log", f"train_logs{suffix}.txt")
    with LogFile(log if runtime.is_main else None):
        store = Snapshots(os.path.join(config.output_dir, "model_dump"), config.parts, config.keep_checkpoint_max)
        resumed = _snapshot_to_continue(config, store, runtime.rank_size)
        config, network, model = _start(config, resumed)
        broadcast_parameters(network.get_parameters(), runtime)
        loader = TimedLoader(Pipeline(build_training_data(config, model), config.train_batch_size, config.seed, True,
                                      runtime.rank, runtime.rank_size, config.num_thread))
        progress = Progress(config.end_epoch, loader.steps_per_epoch)
        step, schedule = build_step(config, runtime.rank_size, network, progress)
        if resumed is not None:
            _continue(resumed, store, network, step, progress)
        LOGGER.info("%d steps per epoch, epochs %d to %d; output in %s", loader.steps_per_epoch, progress.epoch,
                    progress.epochs - 1, config.output_dir)
        if runtime.is_main:
            config.save(os.path.join(store.folder, f"config{suffix}.yaml"))
        fit(step, loader, progress, _callbacks(config, runtime, network, step, schedule, store, loader),
            1 if runtime.device_target == "CPU" else config.log_interval)
    return progress


def build_step(config, rank_size, network, progress):
    """The compiled update, and its learning rate."""
    apply_amp(network, config.amp_level)
    matrices = config.rotation_loss == "matrix"
    if config.parts == "hand":
        with_loss = NetworkWithLoss(network, HandLoss(matrices), HAND_TERMS)
    else:
        with_loss = NetworkWithLoss(network, WholeLoss(network.sizes, matrices), TERMS)
    schedule = StepDecay(config.lr, 1.0 / config.lr_dec_factor,
                         [epoch * progress.steps_per_epoch for epoch in config.lr_dec_epoch])
    scaler = build_scaler(config.loss_scale if config.amp_level != "O0" else "none")
    optimizer = TorchAdam(network.trainable_params(), schedule)
    return TrainStep(with_loss, optimizer, scaler, config.clip_norm, 1, rank_size), schedule


def _snapshot_to_continue(config, store, rank_size):
    """The newest snapshot for --continue, or None without the flag. Its settings must be those of the run."""
    if not config.continue_train:
        return None
    if config.ckpt_file:
        raise UserError("--continue goes on from the newest snapshot, --ckpt_file begins a new run: leave one out")
    checkpoint = store.newest()
    if checkpoint is None:
        raise UserError(f"--continue: there is no snapshot in {store.folder}; give the --output_dir of the run")
    # Merged and converted snapshots hold weights only: there is nothing to continue exactly.
    keys = MUST_AGREE if checkpoint.optimizer else ()
    require_same_settings(checkpoint, config, keys, ("train_batch_size",), rank_size, "--continue")
    return checkpoint


def _start(config, resumed):
    """Settings, network and body model at the beginning, with the weights that the settings name."""
    start = read_trained(config.ckpt_file) if config.ckpt_file else resumed
    if start is not None:
        config = settings_of(start, config)
    model = build_body_model(config)
    network = build_network(config, model, joints_only=True)
    if start is not None:
        complete(start, network)
        load_weights(network, start, config.allow_partial)
        return config, network, model
    without = []
    for prefix, setting in RESNETS.items() if config.parts == "whole" else (("backbone.", "resnet_type"),):
        key = setting.replace("type", "path")
        if config[key]:
            LOGGER.info("%s: %d arrays loaded", config[key], load_resnet(network, prefix, config[key], f"--{key}"))
        else:
            without.append(f"--{key}")
    if without:
        LOGGER.warning("%s %s empty: these networks start from random weights", ", ".join(without),
                       "are" if len(without) > 1 else "is")
    return config, network, model


def _continue(checkpoint, store, network, step, progress):
    """Stand where the snapshot stands; one with weights only (merged or converted) begins the epoch after its own."""
    if checkpoint.optimizer:
        restore_training(network, step, checkpoint)
        position = checkpoint.meta
    else:
        epoch = store.epoch_of(checkpoint.path) + 1
        position = {"step": epoch * progress.steps_per_epoch, "epoch": epoch, "batch": 0, "skipped": 0,
                    "loss_sum": 0.0, "counted": 0}
    progress.move_to(position, checkpoint.path, "--end_epoch")
    if not checkpoint.optimizer:
        optimizer = step.optimizer
        optimizer.global_step.set_data(Tensor([progress.step], optimizer.global_step.dtype))
    LOGGER.info("Load checkpoint from %s: epoch %d, step %d of %d", checkpoint.path, progress.epoch, progress.batch,
                progress.steps_per_epoch)


def _callbacks(config, runtime, network, step, schedule, store, loader):
    if not runtime.is_main:
        return []
    path = os.path.join(config.output_dir, "log", f"metrics{SUFFIXES[config.parts]}.csv")
    table = MetricsCsv(path, step.term_names, (), schedule, config.log_interval)
    meta = {"model": "hand4whole", "config": dict(config), "rank_size": runtime.rank_size}
    save = SaveCheckpoint(store, network, step, meta, None, config.ckpt_interval, [table.flush],
                          lambda path, _: LOGGER.info("Write snapshot into %s", path))
    profile = [Profiling(os.path.join(config.output_dir, "log", "profile"))] if config.profile else []
    return [ProgressBar(), LogLines(config.log_interval, loader, schedule), table, *profile, save]
