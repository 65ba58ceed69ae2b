"""What a training begins with, and its compiled update: starting weights, loss, optimizer, learning rates."""
import logging
import re

import mindspore as ms
from mindspore import nn

from common.engine.amp import apply_amp, build_scaler
from common.engine.checkpoint import load_weights
from common.engine.continuation import say_unread
from common.engine.schedules import StepDecay, WarmUp
from common.engine.train_step import TrainStep
from openpose.src.loss import NetworkWithLoss
from openpose.src.network import build_network
from openpose.src.weights import load_backbone

LOGGER = logging.getLogger("mindhuman")
MOMENTUM = 0.9
SLOWER = 0.25  # rate of the backbone and of the two layers behind it, relative to the stages


def build_start(config, skeleton, start):
    """The network that a training begins with, with the weights that the settings name.

    Args:
        start (Checkpoint): to start from or to resume; None for random weights, with a backbone where one is named.
    """
    network = build_network(config, skeleton)
    if start is not None:
        say_unread(config, ("vgg_path",), start)
        load_weights(network, start, config.allow_partial)
    elif config.vgg_path:
        load_backbone(network, config.vgg_path)
    else:
        LOGGER.warning("--vgg_path is empty: the backbone starts from random weights%s", ", which stay as they are for "
                       f"{config.vgg_frozen_steps} steps (--group_params false trains them from the beginning)"
                       if config.group_params and config.vgg_frozen_steps else "")
    return network


def build_step(config, rank_size, network, progress):
    """The compiled update of the settings, and the learning rate of the stages.

    The loss is scaled before the gradients are taken, and they are divided by the scale before they are reduced,
    clipped and applied; so `clip_norm` is a bound of their true size.

    Args:
        network (OpenPose): mixed precision is set in it.
        progress (Progress): with the number of updates of the run and of an epoch.
    """
    if ms.get_context("device_target") == "CPU" and config.amp_level == "O0":
        network.use_fast_training()
    groups = group_parameters(config, network, progress)
    rate = groups[-1]["lr"]
    scaler = build_scaler(str(config.loss_scale) if config.loss_scale else "none")
    optimizer = nn.Adam(groups, rate) if config.optimizer == "Adam" else nn.Momentum(groups, rate, MOMENTUM)
    step = TrainStep(NetworkWithLoss(apply_amp(network, config.amp_level), config.num_stages), optimizer, scaler,
                     config.clip_norm, 1, rank_size)
    return step, rate


def group_parameters(config, network, progress):
    """The parameters with their learning rates: backbone, the two layers behind it, stages; or all as one group."""
    parameters = network.trainable_params()
    if not config.group_params:
        return [{"params": parameters, "lr": build_schedule(config, progress)}]
    parts = (("backbone", SLOWER, config.vgg_frozen_steps), ("conv4_[34]", SLOWER, 0), ("stages", 1.0, 0))
    return [{"params": [parameter for parameter in parameters if re.match(rf"{part}\.", parameter.name)],
             "lr": build_schedule(config, progress, factor, frozen)} for part, factor, frozen in parts]


def build_schedule(config, progress, factor=1.0, frozen=0):
    """The learning rate that the settings describe, times `factor`; 0 for the first `frozen` updates."""
    if config.lr_type == "default":
        return StepDecay(factor * config.lr, config.lr_gamma, config.lr_steps, frozen)
    warm = round(config.warmup_epoch * progress.steps_per_epoch)
    # The MindSpore 1.x implementation starts at a third of the rate.
    return WarmUp(factor * config.lr, warm, progress.total_steps, 1 / 3, frozen)
