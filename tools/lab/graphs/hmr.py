"""The graphs of hmr; see the package."""
import numpy as np
from mindspore import Tensor

from hmr.src.body import condense, load_body
from hmr.src.config import read_settings
from hmr.src.network import build_network
from hmr.src.train_step import build_start, build_step

GRAPHS = ("training", "mixed_precision_training", "spin", "tf")
SMALL = ("--width", "0.125", "--hidden_size", "16", "--discriminator_size", "16", "--crop_size", "64", "--batch_size",
         "1", "--batch_3d_size", "1")


def training_step(level="O0", small=False, flags=()):
    """The adversarial update that the default settings describe, both networks."""
    scale = "none" if level == "O0" else "dynamic"
    config = read_settings([*(SMALL if small else ()), "--amp_level", level, "--loss_scale", scale, *flags])
    pair = build_start(config, condense(load_body(config), "cocoplus_regressor"), True, None)
    step, _ = build_step(config, 1, pair, 100)
    rng = np.random.default_rng(0)
    size = config.batch_size + config.batch_3d_size
    shapes = ((3, config.crop_size, config.crop_size), (19, 3), (14, 3), (85,))
    columns = [rng.standard_normal((size, *shape)).astype(np.float32) for shape in shapes]
    columns[1][..., 2] = 1.0
    has = np.repeat(np.float32([0, 1]), (config.batch_size, config.batch_3d_size))
    real = 0.3 * rng.standard_normal((size, config.iterations, 85)).astype(np.float32)
    keep = rng.integers(0, 2, (size, 2 * config.iterations, config.hidden_size), np.uint8)
    return step, tuple(map(Tensor, (*columns, has, has, real.astype(np.float32), keep))), size


def inference(small=False, flags=()):
    """Images to theta, vertices and joints; its inputs, images in them."""
    config = read_settings([*(SMALL if small else ()), *flags])
    network = build_network(config, load_body(config)).set_train(False)
    return network, (Tensor(np.zeros((2, 3, config.crop_size, config.crop_size), np.float32)),), 2


def training():
    """Both updates in single precision."""
    return training_step(small=True, flags=("--convention", "spin", "--clip_norm", "1"))[:2]


def mixed_precision_training():
    """The encoder in half precision, with dynamic loss scale."""
    return training_step("O2", small=True)[:2]


def spin():
    """Inference with SPIN's."""
    return inference(True, ("--convention", "spin"))[:2]


def tf():
    """Inference with those of the original."""
    return inference(True, ("--convention", "tf"))[:2]
