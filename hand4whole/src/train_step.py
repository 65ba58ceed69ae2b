"""What a training begins with, and its compiled update: starting weights, loss, optimizer, learning rate."""
import logging

from common.engine.amp import apply_amp, build_scaler
from common.engine.checkpoint import load_weights
from common.engine.continuation import say_unread
from common.engine.optimizers import TorchAdam
from common.engine.schedules import StepDecay
from common.engine.train_step import TrainStep
from hand4whole.src.loss import HAND_TERMS, TERMS, HandLoss, NetworkWithLoss, WholeLoss
from hand4whole.src.network import build_network
from hand4whole.src.weights import RESNETS, complete, load_resnet

LOGGER = logging.getLogger("mindhuman")


def build_start(config, model, start):
    """The network that a training begins with, with the weights that the settings name; it makes no mesh.

    Args:
        config (Config): settings, with those of `start`.
        model (BodyModel): of `load_body`.
        start (Checkpoint): to start from or to continue; None for random weights, with ResNets where they are named.

    Returns:
        Hand4Whole or HandOnly.
    """
    network = build_network(config, model, joints_only=True)
    if start is not None:
        say_unread(config, [setting.replace("type", "path") for setting in RESNETS.values()], start)
        complete(start, network)
        load_weights(network, start, config.allow_partial)
        return network
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
    return network


def build_step(config, rank_size, network, progress):
    """The compiled update of the settings, and its learning rate: TrainStep, schedule.

    Args:
        rank_size (int): number of workers.
        network (Hand4Whole or HandOnly): mixed precision is set in it.
        progress (Progress): with the number of updates of an epoch.
    """
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
