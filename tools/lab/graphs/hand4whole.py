"""The graphs of hand4whole; see the package."""
import numpy as np
from mindspore import Tensor

from common.engine.loop import Progress
from hand4whole.src.body import load_body
from hand4whole.src.config import read_settings
from hand4whole.src.network import build_network
from hand4whole.src.train_step import build_step

GRAPHS = ("mixed_precision_training", "hand_training", "whole")
SMALL = ("--resnet_type", "18", "--hand_resnet_type", "18", "--face_resnet_type", "18", "--width", "0.125",
         "--input_img_shape", "128,64", "--input_body_shape", "64,32", "--output_hm_shape", "4,2,1",
         "--input_hand_shape", "32,32", "--output_hand_hm_shape", "4,1,1", "--input_face_shape", "32,32",
         "--batch_size", "2")


def training_step(level="O0", small=False, flags=()):
    """The update that the default settings describe."""
    config = read_settings([*(SMALL if small else ()), "--amp_level", level, *flags])
    network = build_network(config, load_body(config), joints_only=True)
    step, _ = build_step(config, 1, network, Progress(1, 100))
    rng, size = np.random.default_rng(0), config.batch_size
    shape = config.input_hand_shape if config.parts == "hand" else config.input_img_shape
    image = rng.random((size, 3, *shape), np.float32)
    columns = [0.3 * rng.standard_normal((size, *shape)) for shape in _targets(config)]
    masks = [np.ones((size, *shape)) for shape in _masks(config)]
    return step, tuple(Tensor(np.asarray(column, np.float32)) for column in (image, *columns, *masks)), size


def _targets(config):
    """Shapes of the columns between the image and the masks."""
    if config.parts == "hand":
        return [(21, 3)] * 4 + [(48,), (10,)]
    return [(137, 3)] * 4 + [(159,), (10,), (10,)] + [(2,)] * 6


def _masks(config):
    if config.parts == "hand":
        return [(21, 1)] * 4 + [(48,), (), ()]
    return [(137, 1)] * 4 + [(159,)] + [()] * 6


def inference(small=False, flags=()):
    """Images to bodies; its inputs, images in them."""
    config = read_settings([*(SMALL if small else ()), *flags])
    network = build_network(config, load_body(config)).set_train(False)
    return network, (Tensor(np.zeros((2, 3, *config.input_img_shape), np.float32)),), 2


def hand_training():
    """The update of the hand-only network, poses compared as matrices."""
    return training_step(small=True, flags=("--parts", "hand", "--rotation_loss", "matrix"))[:2]


def mixed_precision_training():
    """O2 with dynamic loss scale."""
    return training_step("O2", small=True)[:2]


def whole():
    """Inference of the whole network."""
    return inference(True)[:2]
