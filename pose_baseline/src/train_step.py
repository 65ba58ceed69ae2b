"""What a training begins with, and its compiled update: starting weights, loss, optimizer, learning rate."""
import logging

from mindspore import nn

from common.data.arrays import DeviceArrays
from common.engine.amp import apply_amp, build_scaler
from common.engine.checkpoint import load_weights, read_checkpoint
from common.engine.continuation import require_model
from common.engine.optimizers import TorchAdam
from common.engine.schedules import ExponentialDecay, WarmUp
from common.engine.train_step import TrainStep
from pose_baseline.src.config import DATA_KEYS, NETWORK_KEYS
from pose_baseline.src.loss import NetworkWithLoss
from pose_baseline.src.network import build_network

LOGGER = logging.getLogger("mindhuman")
DECAY_RATE, DECAY_STEPS = 0.96, 100000


def build_start(config, resumed):
    """The network that a training begins with: with the weights of --ckpt_file, or random ones.

    Weights fit by name and shape also where another epsilon or frame makes another function of them: that is warned of.

    Args:
        resumed (Checkpoint): whose weights come later, with the state of its optimizer; None for a new run.

    Raises:
        UserError: a checkpoint of another model, or weights that do not fit.
    """
    network = build_network(config)
    if not config.ckpt_file or resumed is not None:
        return network
    checkpoint = require_model(read_checkpoint(config.ckpt_file), "pose_baseline")
    load_weights(network, checkpoint, config.allow_partial)
    saved = checkpoint.meta.get("config", {})
    other = [key for key in (*NETWORK_KEYS, *DATA_KEYS) if key in saved and saved[key] != config[key]]
    if other:
        LOGGER.warning("%s was made with %s; this run has %s", checkpoint.path,
                       ", ".join(f"{key} {saved[key]}" for key in other),
                       ", ".join(f"{key} {config[key]}" for key in other))
    return network


def build_step(config, rank_size, network, total_steps, device_split=None):
    """The compiled update and its learning rate.

    Args:
        network (LinearModel): mixed precision is set in it.
        device_split (Split): poses that the device holds, of which batches are numbers; None: batches hold the poses.
    """
    schedule = (WarmUp(config.lr, 0, total_steps) if config.lr_type == "cosine" else
                ExponentialDecay(config.lr, DECAY_RATE, DECAY_STEPS))
    with_loss = NetworkWithLoss(apply_amp(network, config.amp_level), config.dropout)
    if device_split is not None:
        with_loss = DeviceArrays(with_loss, [device_split.inputs, device_split.targets])
    adam = {"adam": nn.Adam, "torch_adam": TorchAdam}[config.optimizer]
    optimizer = adam(network.trainable_params(), schedule, 0.9, 0.999, 1e-8)
    return TrainStep(with_loss, optimizer, build_scaler(config.loss_scale), config.clip_norm, config.accumulate,
                     rank_size), schedule
