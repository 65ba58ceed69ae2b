"""The graphs of openpose; see the package."""
import numpy as np
from mindspore import Tensor

from common.engine.loop import Progress
from openpose.src.config import read_settings
from openpose.src.network import LastStage, build_network
from openpose.src.skeleton import COCO_18
from openpose.src.train_step import build_step

GRAPHS = ("training", "mixed_precision_training", "small_inference")
SMALL = ("--width", "0.0625", "--num_stages", "2", "--batch_size", "2", "--insize", "64")


def training_step(level="O0", small=False, flags=()):
    """The update that the default settings describe."""
    config = read_settings([*(SMALL if small else ()), "--amp_level", level, *flags])
    rng = np.random.default_rng(0)
    step, _ = build_step(config, 1, build_network(config, COCO_18), Progress(2, 10))
    side = config.insize
    shapes = ((3, side, side), (38, side // 8, side // 8), (19, side // 8, side // 8), (side // 8, side // 8))
    return step, tuple(Tensor(rng.random((config.batch_size, *shape), np.float32)) for shape in shapes), \
        config.batch_size


def inference(small=False):
    """The last stage, its inputs, images in them."""
    config = read_settings(list(SMALL if small else ()))
    images = Tensor(np.zeros((1, 3, config.insize, config.insize), np.float32))
    return LastStage(build_network(config, COCO_18)).set_train(False), (images,), 1


def training():
    """One card's settings."""
    return training_step(small=True)[:2]


def mixed_precision_training():
    """What several cards train with."""
    return training_step("O2", True, ("--optimizer", "Momentum", "--lr_type", "cosine", "--clip_norm", "10",
                                      "--vgg_with_bn"))[:2]


def small_inference():
    """The last stage."""
    return inference(small=True)[:2]
