"""The graphs of cmr; see the package."""
import numpy as np
from mindspore import Tensor

from cmr.src.config import read_settings
from cmr.src.mesh import load_body
from cmr.src.network import build_network
from cmr.src.train_step import build_step

GRAPHS = ("training", "mixed_precision_training", "small_inference", "inference_without_svd")
SMALL = ("--num_layers", "1", "--num_channels", "32", "--depth", "18", "--width", "0.125", "--img_res", "64",
         "--batch_size", "2")


def training_step(level="O0", small=False, flags=()):
    """The update that the default settings describe."""
    config = read_settings([*(SMALL if small else ()), "--amp_level", level, *flags])
    body = load_body(config)
    step, _ = build_step(config, 1, build_network(config, body), body, 100)
    rng = np.random.default_rng(0)
    shapes = ((3, config.img_res, config.img_res), (24, 3), (24, 4), (72,), (10,), (), ())
    columns = [0.3 * rng.standard_normal((config.batch_size, *shape)) for shape in shapes[:-2]]
    columns += [np.ones(config.batch_size)] * 2
    return step, tuple(Tensor(column.astype(np.float32)) for column in columns), config.batch_size


def inference(small=False, flags=()):
    """Images to meshes; its inputs, images in them."""
    config = read_settings([*(SMALL if small else ()), *flags])
    images = Tensor(np.zeros((2, 3, config.img_res, config.img_res), np.float32))
    return build_network(config).set_train(False), (images,), 2


def training():
    """The whole update, with the decomposition of rotations."""
    return training_step(small=True)[:2]


def mixed_precision_training():
    """O2 with dynamic loss scale."""
    return training_step("O2", small=True)[:2]


def small_inference():
    """The network with the operator Svd."""
    return inference(True, ("--use_svd", "true"))[:2]


def inference_without_svd():
    """The network for chips that have no Svd."""
    return inference(True, ("--use_svd", "false"))[:2]
