"""The graphs of cmr; see the package."""
import numpy as np
from mindspore import Tensor, nn, ops

from cmr.src.config import read_settings
from cmr.src.loss import BETAS_WEIGHT, per_item_mean
from cmr.src.mesh import load_body
from cmr.src.network import build_network
from cmr.src.train_step import build_step
from common.geometry.rotation_ops import axis_angle_to_matrix

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
    return build_network(config, load_body(config)).set_train(False), (images,), 2


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


class RegressorFit(nn.Cell):
    """The terms of CMR's loss that its parameter regressor learns from, for people whose bodies are known.

    Args:
        network (CMR): regressor and body.

    Inputs:
        - **mesh** (Tensor) - (B, V, 3), free meshes of level 1, metres.
        - **pose**, **betas** (Tensor) - (B, 72) axis-angle in radians, (B, 10).

    Outputs:
        Tuple: total (), and the terms by `term_names`.
    """

    term_names = ("shape_smpl", "regr_pose", "regr_betas")

    def __init__(self, network):
        super().__init__(auto_prefix=False)
        self.regressor, self.smpl = network.smpl_param_regressor, network.smpl

    def construct(self, mesh, pose, betas):
        rotmat, found = self.regressor(mesh)
        wanted = axis_angle_to_matrix(pose.reshape(-1, 24, 3))
        truth = ops.stop_gradient(self.smpl(wanted, betas)[0])
        terms = (per_item_mean(ops.abs(self.smpl(rotmat, found)[0] - truth)).mean(),
                 per_item_mean(ops.square(rotmat - wanted)).mean(), per_item_mean(ops.square(found - betas)).mean())
        return terms[0] + terms[1] + BETAS_WEIGHT * terms[2], terms
