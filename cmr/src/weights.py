"""Published weights: GraphCMR's `.pt` files, checkpoints of the MindSpore 1.7 port, and torchvision's ResNet-50.

GraphCMR's file holds one state dict for each of its two networks; a dot joins the two levels of names. Its weights were
trained on crops whose contrast had been stretched (see `common.data.crops`), those of the port on plain ones: the
setting `crop_contrast_stretch` travels with them. The port keeps SMPL and 6890 x 6890 matrices in its checkpoints; they
are left out here and come from their own files.
"""
import re

import numpy as np
import scipy.sparse

from cmr.src.mesh import NUM_GRAPH_VERTICES, NUM_VERTICES, GraphMesh
from common.backbones.resnet import ResNet
from common.backbones.resnet_weights import resnet_depth, resnet_rules
from common.convert.rules import NORM, Rule, convert, shapes_of
from common.engine.checkpoint import Checkpoint, load_weights, read_checkpoint
from common.engine.continuation import require_model
from common.errors import UserError

RESNET = "graph_cnn.resnet."
NOT_USED = "not used: this block has no layer in its skip connection"
# Names of a normalisation layer's arrays in PyTorch and in the port -> here.
NORMS = {**NORM, **{name: name for name in NORM.values()}}


def convert_weights(arrays, others, variant, source):
    """Published weights to the weights and settings of `CMR`, or of a `ResNet` alone.

    Args:
        arrays (dict): name -> array as published.
        others (dict): what else the file held.
        variant (str): empty; the names tell all.
        source (str): file name for error texts.

    Returns:
        tuple: Conversion, dict of settings for the checkpoint's `config`, step.

    Raises:
        UserError: names and shapes that do not all fit, or a variant.
    """
    if variant:
        raise UserError(f"--variant {variant}: the weights of cmr have no variants; leave the flag out")
    arrays = {name.removeprefix("network."): array for name, array in arrays.items()}
    depth = resnet_depth(arrays)
    if depth is not None:
        wanted = shapes_of(ResNet(np.random.default_rng(0), depth))
        return convert(arrays, resnet_rules(classifier=True), wanted, source), {"depth": depth}, 0
    from_port = any(name.endswith(".moving_mean") for name in arrays)
    settings = _settings(arrays, source)
    rules = _graph_rules(settings["num_channels"]) + _regressor_rules()
    rules += _port_rules() if from_port else resnet_rules(RESNET, RESNET, classifier=True)
    from cmr.src.network import CMR  # here, because network.py loads weights through this file

    network = CMR(_blank_mesh(), None, **settings)
    step = others.get("total_step_count", 0)
    return (convert(arrays, rules, shapes_of(network), source),
            {**settings, "crop_contrast_stretch": not from_port}, int(step))


def read_trained(path, flag="--ckpt_file"):
    """A checkpoint of this project or of the MindSpore 1.7 port, under the names of `CMR`.

    Returns:
        Checkpoint: for the port's with `meta["config"]` as `convert_weights` tells it.

    Raises:
        UserError: missing or damaged file, or one of another model.
    """
    checkpoint = require_model(read_checkpoint(path, flag), "cmr")
    if "graph_cnn.gc.0.W" not in {name.removeprefix("network.") for name in checkpoint.weights}:
        return checkpoint
    conversion, settings, step = convert_weights(checkpoint.weights, {}, "", path)
    return Checkpoint(path, conversion.weights, meta={"model": "cmr", "config": settings, "step": step})


def load_resnet(network, path):
    """Put the weights of a ResNet, converted from torchvision's or out of a whole CMR, into the network.

    Args:
        network (CMR): target; every array of its ResNet gets a value.
        path (str): checkpoint.

    Raises:
        UserError: missing or damaged file, or one without the arrays of this ResNet.
    """
    weights = read_trained(path, "--pretrained_resnet_50").weights
    if not any(name.startswith(RESNET) for name in weights):
        weights = {RESNET + name: array for name, array in weights.items()}
    load_weights(network.graph_cnn.resnet,
                 Checkpoint(path, {name: array for name, array in weights.items() if name.startswith(RESNET)}))


def _blank_mesh():
    """Sizes of the mesh without its numbers: enough to know the parameters."""
    return GraphMesh(scipy.sparse.identity(NUM_GRAPH_VERTICES), scipy.sparse.eye(NUM_VERTICES, NUM_GRAPH_VERTICES),
                     np.zeros((NUM_GRAPH_VERTICES, 3)))


def _settings(arrays, source):
    """Sizes as the arrays tell them."""
    first = arrays.get("graph_cnn.gc.0.W")
    if first is None or first.ndim != 2:
        raise UserError(f"{source} holds no matrix graph_cnn.gc.0.W: these are no weights of GraphCMR")
    blocks = {int(match[1]) for match in (re.match(r"graph_cnn\.gc\.(\d+)\.lin1", name) for name in arrays) if match}
    return {"num_layers": len(blocks) - 1, "num_channels": first.shape[0] // 2}


def _linear(source, target):
    return [Rule(rf"{source}\.W", f"{target}.weight"), Rule(rf"{source}\.b", f"{target}.bias")]


def _dense(source, target):
    return [Rule(rf"{source}\.{name}", f"{target}.{name}") for name in ("weight", "bias")]


def _norm(source, target):
    return [Rule(rf"{source}\.{old}", f"{target}.{new}") for old, new in NORMS.items()]


def _graph_rules(num_channels):
    same_width = r"gc\.(?:[2-9]|\d\d+)" + (r"|shape\.0" if num_channels == 64 else "")
    block = r"graph_cnn\.(gc\.[1-9]\d*|shape\.[01])"
    rules = [Rule(rf"graph_cnn\.(?:{same_width})\.skip_conv\.[Wb]", None, why=NOT_USED)]
    rules += _linear(r"graph_cnn\.gc\.0", "graph_cnn.gc.0")
    rules += _linear(rf"{block}\.(lin1|lin2|skip_conv)", r"graph_cnn.\1.\2")
    rules += _dense(rf"{block}\.conv", r"graph_cnn.\1.conv")
    rules += _norm(rf"{block}\.(pre_norm|norm1|norm2)", r"graph_cnn.\1.\2")
    rules += _norm(r"graph_cnn\.shape\.2", "graph_cnn.shape.2") + _linear(r"graph_cnn\.shape\.4", "graph_cnn.shape.3")
    rules += _norm(r"graph_cnn\.camera_fc\.0", "graph_cnn.camera_norm")
    rules += _linear(r"graph_cnn\.camera_fc\.2", "graph_cnn.camera_lin")
    return rules + _dense(r"graph_cnn\.camera_fc\.4", "graph_cnn.camera_fc")


def _regressor_rules():
    own, rules = "smpl_param_regressor", []
    places = [("0.fc_block", "first", 0)]
    for block in (0, 1):
        places += [(f"{block + 1}.fc_block", f"blocks.{block}.first", 0),
                   (f"{block + 1}.fc_block", f"blocks.{block}.second", 3)]
    for old, new, index in places:
        source = rf"{own}\.layers\.{re.escape(old)}"
        rules += _dense(rf"{source}\.{index}", f"{own}.{new}.dense")
        rules += _norm(rf"{source}\.{index + 1}", f"{own}.{new}.norm")
    return rules + _dense(rf"{own}\.layers\.3", f"{own}.head")


def _port_rules():
    """The port's ResNet has our names; beside the weights lie constants and the state of its optimizer."""
    return [Rule(r"(moment[12]|vhat|accum)\..*", None, why="state of the optimizer"),
            Rule(r"[a-z0-9_]+", None, why="state of the training"),
            Rule(r"(smpl|mesh)\..*", None, why="constants: they are read from the body model's and the mesh's files"),
            Rule(r"(graph_cnn\.resnet\..*)", r"\1")]
