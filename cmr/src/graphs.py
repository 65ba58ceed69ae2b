"""The graphs of this model at a small size, for the audit of operators: each function returns a Cell and its inputs."""
import numpy as np
from mindspore import Tensor, nn

from cmr.src.build import build_network, load_body, read_settings
from cmr.src.loss import CMRLoss, NetworkWithLoss
from common.body_models.smpl import SMPL
from common.engine.amp import apply_amp, build_scaler
from common.engine.train_step import TrainStep

GRAPHS = ("training", "mixed_precision_training", "inference", "inference_without_svd")
SHAPES = ((2, 24, 3), (2, 24, 4), (2, 72), (2, 10), (2,), (2,))  # joints 2D and 3D, pose, shape, and two flags


def _network(*flags):
    config = read_settings(["--num_layers", "1", "--num_channels", "32", "--depth", "18", "--width", "0.125", *flags])
    body = load_body(config)
    return build_network(config, body), body


def _images():
    return Tensor(np.zeros((2, 3, 64, 64), np.float32))


def _step(level, loss_scale):
    network, body = _network()
    loss = CMRLoss(SMPL(body.model), body.regressor)
    step = TrainStep(NetworkWithLoss(apply_amp(network, level), loss), nn.Adam(network.trainable_params()),
                     build_scaler(loss_scale))
    return step, (_images(), *[Tensor(np.ones(shape, np.float32)) for shape in SHAPES])


def training():
    """The whole update, with the decomposition of rotations."""
    return _step("O0", "none")


def mixed_precision_training():
    """O2 with dynamic loss scale."""
    return _step("O2", "dynamic")


def inference():
    """The network with the operator Svd."""
    return _network("--use_svd", "true")[0].set_train(False), (_images(),)


def inference_without_svd():
    """The network for chips that have no Svd."""
    return _network("--use_svd", "false")[0].set_train(False), (_images(),)
