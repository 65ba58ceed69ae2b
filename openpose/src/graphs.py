"""The graphs of this model at a small size, for the audit of operators: each function returns a Cell and its inputs."""
import numpy as np
from mindspore import Tensor

from common.engine.loop import Progress
from openpose.src.build import build_network, read_settings
from openpose.src.network import LastStage
from openpose.src.skeleton import COCO_18
from openpose.src.training import build_step

GRAPHS = ("training", "mixed_precision_training", "inference")


def _step(*flags):
    config = read_settings(["--width", "0.0625", "--num_stages", "2", *flags])
    network = build_network(config, COCO_18)
    step, _ = build_step(config, 1, network, Progress(2, 10))
    shapes = ((2, 3, 64, 64), (2, 38, 8, 8), (2, 19, 8, 8), (2, 8, 8))
    return step, tuple(Tensor(np.zeros(shape, np.float32)) for shape in shapes)


def training():
    return _step()


def mixed_precision_training():
    """What several cards train with."""
    return _step("--optimizer", "Momentum", "--lr_type", "cosine", "--clip_norm", "10", "--amp_level", "O2",
                 "--vgg_with_bn")


def inference():
    network = build_network(read_settings(["--width", "0.0625"]), COCO_18)
    return LastStage(network).set_train(False), (Tensor(np.zeros((1, 3, 64, 64), np.float32)),)
