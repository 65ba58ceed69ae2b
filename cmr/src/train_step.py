"""What a training begins with, and its compiled update: starting weights, loss, optimizer, learning rates."""
import logging

from cmr.src.loss import CMRLoss, NetworkWithLoss
from cmr.src.network import build_network
from cmr.src.weights import load_resnet
from cmr.src.wide_start import start_wide
from common.engine.amp import apply_amp, build_scaler
from common.engine.checkpoint import load_weights
from common.engine.optimizers import TorchAdam
from common.engine.schedules import ExponentialDecay
from common.engine.train_step import TrainStep

LOGGER = logging.getLogger("mindhuman")


def build_start(config, body, start):
    """The network that a training begins with, with the weights that the settings name.

    Args:
        config (Config): settings, with those of `start`.
        body (Body): of `load_body`.
        start (Checkpoint): to start from or to resume; None for random weights, with a ResNet where one is named.

    Returns:
        CMR
    """
    network = build_network(config, body)
    if config.wide_start:
        start_wide(network, config.seed)
    if start is not None:
        load_weights(network, start, config.allow_partial)
    elif config.pretrained_resnet_50:
        load_resnet(network, config.pretrained_resnet_50)
    else:
        LOGGER.warning("--pretrained_resnet_50 is empty: the ResNet starts from random weights")
    return network


def build_step(config, rank_size, network, body, total_steps):
    """The compiled update of the settings, and its learning rate: a number or a schedule.

    Args:
        config (Config): settings.
        rank_size (int): number of workers.
        network (CMR): mixed precision is set in it.
        body (Body): the body.
        total_steps (int): of the whole run.

    Returns:
        tuple: TrainStep, learning rate.
    """
    def rate_from(base):
        return base if config.lr_decay == 1.0 else ExponentialDecay(base, config.lr_decay, total_steps)

    rate, parameters = rate_from(config.lr), network.trainable_params()
    if config.camera_lr_factor != 1.0:
        camera = [parameter for parameter in parameters if parameter.name.startswith("graph_cnn.camera_")]
        others = [parameter for parameter in parameters if not parameter.name.startswith("graph_cnn.camera_")]
        parameters = [{"params": others, "lr": rate},
                      {"params": camera, "lr": rate_from(config.lr * config.camera_lr_factor)}]
    optimizer = TorchAdam(parameters, rate, config.adam_beta1, weight_decay=config.wd)
    scaler = build_scaler(config.loss_scale if config.amp_level != "O0" else "none")
    apply_amp(network, config.amp_level)
    loss = CMRLoss(network.smpl, body.regressor)
    return TrainStep(NetworkWithLoss(network, loss), optimizer, scaler, 0.0, 1, rank_size), rate
