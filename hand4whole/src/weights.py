"""Published weights: whole and hand-only snapshots of Hand4Whole, ResNets of torchvision and of 2D-pose networks.

| file | names |
|---|---|
| `snapshot_N.pth.tar`, whole | `module.backbone.*`, `module.body_rotation_net.*`, ... |
| the same after the merge | without `hand_position_net` and `hand_rotation_net`: these begin anew |
| `snapshot_N.pth.tar`, hand-only | `module.backbone.*`, `module.rotation_net.*`, or with `hand_` before each |
| `resnet50-*.pth`, `resnet18-*.pth` (ImageNet, V1 and V2) | `conv1.weight`, `layer1.0.conv1.weight`, ... |
| ResNet of a 2D-pose network | the same, bare or behind `module.backbone.` |
"""
import functools
import re

import numpy as np

from common.backbones.resnet import ResNet
from common.backbones.resnet_weights import resnet_depth, resnet_rules
from common.convert.pth import read_weights
from common.convert.rules import Rule, convert, norm_rules, shapes_of
from common.engine.checkpoint import Checkpoint, load_weights, read_checkpoint
from common.engine.continuation import require_model
from common.errors import UserError

# ResNets by their prefix in the whole network, and the settings that say their depth.
RESNETS = {"backbone.": "resnet_type", "hand_roi_net.backbone.": "hand_resnet_type",
           "face_roi_net.backbone.": "face_resnet_type"}
HAND_PREFIXES = ("hand_backbone.", "backbone.")
# What a merge leaves out: the hand-only network has other joints.
FRESH = ("hand_position_net.", "hand_rotation_net.")
LINEAR = r"(weight|bias)"
_DROPPED = (Rule(r"(smplx|mano)_layer\..*", None, why="constants: they are read from the body model's file"),
            Rule(r"body_rotation_net\.gender_out\..*", None, why="not used: a gender that only AGORA's training had"))


def convert_weights(arrays, others, variant, source):
    """Published weights to those of `Hand4Whole`, `HandOnly`, or of a `ResNet` alone.

    Args:
        arrays (dict): name -> array as published, without `module.`.
        others (dict): what else the file held; `epoch` is kept.
        variant (str): empty; the names tell all.
        source (str): file name for error texts.

    Returns:
        tuple: Conversion, dict of settings for the checkpoint's `config`, step (0: the files do not tell). The settings
        of a merged file hold `merged`, those of a ResNet `resnet_only`.

    Raises:
        UserError: names and shapes that do not all fit, or a variant.
    """
    if variant:
        raise UserError(f"--variant {variant}: the weights of hand4whole have no variants; leave the flag out")
    if any(name.startswith("body_rotation_net.") for name in arrays):
        rules, wanted, settings = _whole(arrays, source)
    elif any(re.match(r"(hand_)?rotation_net\.", name) for name in arrays):
        arrays = {name.removeprefix("hand_"): array for name, array in arrays.items()}
        rules, wanted, settings = _hand_only(arrays, source)
    else:
        arrays = {name.removeprefix("hand_").removeprefix("backbone."): array for name, array in arrays.items()}
        rules, wanted, settings = _resnet(arrays, source)
    try:
        return convert(arrays, rules, wanted, source), settings, 0
    except UserError as error:
        known = sum(any(re.fullmatch(rule.pattern, name) for rule in rules) for name in arrays)
        raise UserError(f"{error} ({known} of its {len(arrays)} names are known)") from None


def read_trained(path, flag="--ckpt_file"):
    """A checkpoint of this project, or a published `.pth.tar`, under our names.

    Returns:
        Checkpoint: its `meta["config"]` tells the network's settings.

    Raises:
        UserError: missing or damaged file, or one of another model.
    """
    if path.endswith(".ckpt"):
        return require_model(read_checkpoint(path, flag), "hand4whole")
    arrays, others = read_weights(path, flag)
    conversion, settings, step = convert_weights(arrays, others, "", path)
    return Checkpoint(path, conversion.weights, meta={"model": "hand4whole", "config": settings, "step": step})


def complete(checkpoint, network):
    """A checkpoint with the initial values of the network where a merge has left them out.

    Args:
        checkpoint (Checkpoint): merged or not; its weights are added to.
        network (Hand4Whole): gives the values.
    """
    if checkpoint.meta.get("config", {}).get("merged"):
        for parameter in network.get_parameters():
            if parameter.name.startswith(FRESH) and parameter.name not in checkpoint.weights:
                checkpoint.weights[parameter.name] = parameter.asnumpy()


def load_resnet(network, prefix, path, flag):
    """Put converted weights of a ResNet (or those out of a whole network) into a network -> arrays that were put in.

    Args:
        network (Hand4Whole or HandOnly): target.
        prefix (str): of the parameters of its ResNet, a key of `RESNETS`.
        path (str): checkpoint or published file.
        flag (str): what named it, for the error text.

    Raises:
        UserError: missing or damaged file, or one without this ResNet.
    """
    weights = read_trained(path, flag).weights
    for found in (prefix, "backbone."):
        chosen = {prefix + name.removeprefix(found): array for name, array in weights.items() if name.startswith(found)}
        if chosen:
            break
    chosen = chosen or {prefix + name: array for name, array in weights.items()}
    resnet = network
    for part in prefix.rstrip(".").split("."):
        resnet = getattr(resnet, part)
    load_weights(resnet, Checkpoint(path, chosen))
    return len(chosen)


def hand_backbone(path):
    """The ResNet of a hand-only checkpoint: name without prefix -> array; empty where the file holds no such ResNet.

    Args:
        path (str): checkpoint of ours, or `.pth.tar` with either prefix.
    """
    if path.endswith(".ckpt"):
        weights = require_model(read_checkpoint(path, "--hand"), "hand4whole").weights
        return {name.removeprefix("backbone."): array for name, array in weights.items()
                if name.startswith("backbone.")}
    arrays, _ = read_weights(path, "--hand")
    for prefix in HAND_PREFIXES:
        chosen = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        if chosen:
            rules, wanted, _ = _resnet(chosen, path)
            return convert(chosen, rules, wanted, path).weights
    return {}


@functools.cache
def _shapes(name, *depths):
    """Names and shapes of the full-size network of that name, which takes a second to build; not to be changed."""
    from hand4whole.src import network  # here, because it loads weights through this file

    return shapes_of(getattr(network, name)(network.Sizes(), None, *depths))


def _depth(arrays, prefix, source):
    depth = resnet_depth(arrays, prefix)
    if depth is None:
        raise UserError(f"{source} holds no ResNet {prefix}*: it is no file of hand4whole")
    return depth


def _resnet(arrays, source):
    depth = _depth(arrays, "", source)
    rules = [*resnet_rules(classifier=True),
             Rule(r"(deconv_layers|final_layer|head)\..*", None, why="not used: heads of a 2D-pose network")]
    return rules, shapes_of(ResNet(np.random.default_rng(0), depth)), {"resnet_only": True, "resnet_type": depth}


def _whole(arrays, source):
    settings = {"parts": "whole", "width": 1.0}
    rules = [*_DROPPED]
    for prefix, key in RESNETS.items():
        settings[key] = _depth(arrays, prefix, source)
        rules += resnet_rules(prefix, prefix)
    heads = r"(body_position_net\.conv|hand_position_net\.conv|box_net\.bbox_center|face_regressor\.\w+_out|" \
            r"\w+_rotation_net\.\w+_out)"
    rules += [Rule(rf"{heads}\.0\.{LINEAR}", r"\1.\2"),
              Rule(rf"(box_net\.\w+_size\.[02])\.{LINEAR}", r"\1.\2"),
              Rule(r"(box_net\.deconv\.[036])\.weight", r"\1.weight"), *norm_rules(r"(box_net\.deconv\.[147])", r"\1"),
              Rule(rf"(\w+_rotation_net\.\w+_conv\.0)\.{LINEAR}", r"\1.\2"),
              *norm_rules(r"(\w+_rotation_net\.\w+_conv\.1)", r"\1")]
    wanted = _shapes("Hand4Whole", *(settings[key] for key in RESNETS.values()))
    if not any(name.startswith(FRESH) for name in arrays):
        settings["merged"] = True
        wanted = {name: shape for name, shape in wanted.items() if not name.startswith(FRESH)}
    return rules, wanted, settings


def _hand_only(arrays, source):
    settings = {"parts": "hand", "width": 1.0, "resnet_type": _depth(arrays, "backbone.", source)}
    rules = [*_DROPPED, *resnet_rules("backbone.", "backbone."),
             Rule(rf"(position_net\.conv|rotation_net\.\w+_out)\.0\.{LINEAR}", r"\1.\2"),
             Rule(rf"(rotation_net\.conv\.0)\.{LINEAR}", r"\1.\2"), *norm_rules(r"(rotation_net\.conv\.1)", r"\1")]
    return rules, _shapes("HandOnly", settings["resnet_type"]), settings
