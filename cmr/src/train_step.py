"""What a training begins with, and its compiled update: starting weights, loss, optimizer, learning rates."""
import logging
import re

import numpy as np
from mindspore import Tensor

from cmr.src.loss import CMRLoss, NetworkWithLoss
from cmr.src.network import build_network
from cmr.src.weights import load_resnet
from common.engine.amp import apply_amp, build_scaler
from common.engine.checkpoint import load_weights
from common.engine.continuation import say_unread
from common.engine.optimizers import TorchAdam
from common.engine.schedules import ExponentialDecay
from common.engine.train_step import TrainStep

LOGGER = logging.getLogger("mindhuman")
# Of `start_wide`.
FIRST_LAYER = "graph_cnn.gc.0.weight"
LINEAR = r"graph_cnn\.(gc|shape)\.(\d+\.(lin1|lin2|skip_conv)|3)\.weight"
CAMERA = (0.9, 0.0, 0.0)
CAMERA_SPREAD = 1.5  # of the camera's one channel, from vertex to vertex
CAMERA_GAIN = 0.1  # of the camera's last layer, which adds up all vertices
COORDINATES = 3  # inputs of the first layer that are the template's


def build_start(config, body, start):
    """The network that a training begins with, with the weights that the settings name -> CMR.

    Args:
        config (Config): settings, with those of `start`.
        body (Body): of `load_body`.
        start (Checkpoint): to start from or to resume; None for random weights, with a ResNet where one is named.
    """
    network = build_network(config, body)
    if config.wide_start:
        start_wide(network, config.seed)
    if start is not None:
        say_unread(config, ("pretrained_resnet_50",), start)
        load_weights(network, start, config.allow_partial)
    elif config.pretrained_resnet_50:
        load_resnet(network, config.pretrained_resnet_50)
    else:
        LOGGER.warning("--pretrained_resnet_50 is empty: the ResNet starts from random weights")
    return network


def build_step(config, rank_size, network, body, total_steps):
    """The compiled update of the settings, and its learning rate: a number or a schedule -> TrainStep, learning rate.

    Args:
        rank_size (int): number of workers.
        network (CMR): mixed precision is set in it.
        total_steps (int): of the whole run.
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


def start_wide(network, seed):
    """Replace the initial values of the graph network, for short training from random weights.

    GraphCMR's own, uniform within 1 / (inputs * outputs), are so small that the epsilon of the group norm hides them at
    first, and the camera soon gives the same answer for every image: its one channel before the ReLU turns negative for
    all vertices at once. Tens of thousands of updates get over both, some hundreds do not. These keep the size of the
    features from layer to layer, let the template and the image weigh alike, and begin with the camera of a person who
    fills the crop, with half of the vertices alive whose sum does not move when all of them move together.

    Args:
        network (CMR): fresh.
        seed (int): of the values.
    """
    rng = np.random.default_rng([seed, 1])
    for parameter in network.graph_cnn.get_parameters():
        values = _values(rng, parameter)
        if values is not None:
            parameter.set_data(Tensor(values.astype(np.float32)))


def _values(rng, parameter):
    """New values, or None for a parameter that stays as it is."""
    name, shape = parameter.name, parameter.shape
    if name == FIRST_LAYER:
        return np.concatenate([rng.uniform(-1.0, 1.0, (shape[0], COORDINATES)),
                               _feature_weights(rng, shape[0], shape[1] - COORDINATES)], 1)
    if re.fullmatch(LINEAR, name):
        return rng.uniform(-1.0, 1.0, shape) / np.sqrt(shape[1])
    if name == "graph_cnn.camera_fc.bias":
        return np.array(CAMERA)
    if name == "graph_cnn.camera_lin.weight":
        return CAMERA_SPREAD * _balanced(rng, shape)
    if name == "graph_cnn.camera_lin.bias":
        return np.zeros(shape)
    if name == "graph_cnn.camera_fc.weight":
        return CAMERA_GAIN * _balanced(rng, shape)
    return None


def _feature_weights(rng, rows, columns):
    """A ResNet's features are positive, and images differ little beside their mean."""
    return 2.0 * np.sqrt(3.0) * _balanced(rng, (rows, columns))


def _balanced(rng, shape):
    """Weights whose rows add up to zero: what all inputs have in common does not count."""
    weights = rng.uniform(-1.0, 1.0, shape) / np.sqrt(shape[1])
    return weights - weights.mean(1, keepdims=True)
