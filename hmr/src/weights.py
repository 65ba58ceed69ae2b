"""Published weights to those of this project: pytorch_HMR, SPIN, the TensorFlow original, ImageNet encoders.

Besides names, layouts are brought into one form here: SPIN's three output layers become one, with camera, pose, shape
in theta's order; pytorch_HMR's discriminator gets its whole-pose input joint by joint. What cannot be brought into one
form is in the convention, which is written into the checkpoint. TensorFlow variables come as an npz with one array per
name:

    reader = tf.train.load_checkpoint("model.ckpt-667589")
    np.savez("tf.npz", **{name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()})
"""
import re

import numpy as np
from mindspore import nn

from common.backbones.resnet import ResNet
from common.backbones.resnet_v2 import BLOCKS
from common.backbones.resnet_weights import resnet_depth, resnet_rules
from common.body_models.companions import load_mean_params
from common.convert.rules import Rule, convert, shapes_of, transpose
from common.errors import UserError, some
from hmr.src.conventions import find_convention
from hmr.src.discriminator import JOINT_FEATURES, NUM_JOINTS, build_discriminator
from hmr.src.network import HMR, NUM_BETAS, NUM_CAM, build_parts

# What the file holds -> a name that only it has; in the order of asking.
KINDS = {
    "pytorch_hmr": "regressor.fc_blocks.regressor_fc_0.weight",
    "pytorch_hmr_critic": "pose_discriminator.conv_blocks.conv_0.weight",
    "spin": "decpose.weight",
    "tf": "3D_module/fc1/weights",
    "tf_critic": "D/D_conv1/weights",
    "imagenet": "layer1.0.conv1.weight",
}
LINEAR = r"(weight|bias)"


def convert_weights(arrays, others, variant, source):
    """Published weights to the weights and settings of a generator, a discriminator or an encoder.

    Args:
        arrays (dict): name -> array as published, without `module.`.
        others (dict): what else the file held; SPIN's `total_step_count` is kept.
        variant (str): a key of `KINDS`; empty to tell by the names. TensorFlow files hold generator and discriminator:
            `tf` (which the names tell) takes the one, `tf_critic` the other.
        source (str): file name for error texts.

    Returns:
        tuple: Conversion, dict of settings for the checkpoint's `config`, step. The settings hold the conventions,
        `part` ("generator", "critic" or "encoder") and the network's sizes.

    Raises:
        UserError: unknown variant, or names and shapes that do not all fit.
    """
    if variant and variant not in KINDS:
        raise UserError(f"--variant {variant}: choose one of {', '.join(KINDS)}")
    kind = variant or next((kind for kind, name in KINDS.items() if name in arrays), None)
    if kind is None:
        raise UserError(f"{source} holds none of the weights that HMR knows: {', '.join(KINDS)}")
    if KINDS[kind] not in arrays:
        raise UserError(f"{source} has no {KINDS[kind]}, so these are no weights of --variant {kind}: leave the flag "
                        "out to tell the kind by the names")
    step = int(arrays["global_step"]) if "global_step" in arrays else int(others.get("total_step_count", 0))
    conversion, settings = CONVERTERS[kind](dict(arrays), source)
    return conversion, settings, step


def _pytorch_hmr(arrays, source):
    mean = np.asarray(arrays["regressor.mean_theta"]) if "regressor.mean_theta" in arrays else np.zeros((1, 85))
    rows = mean.reshape(-1, mean.shape[-1])
    if not np.array_equal(rows, np.broadcast_to(rows[:1], rows.shape)):
        raise UserError(f"{source}: the rows of regressor.mean_theta differ, though each is the same mean")
    rules = resnet_rules("encoder.", "encoder.", classifier=True)
    rules += [Rule(r"smpl\..*", None, why="array of the body model, which comes from its own file"),
              Rule(r"regressor\.mean_theta", "regressor.mean", lambda array: array.reshape(rows.shape)[0])]
    rules += [Rule(rf"regressor\.fc_blocks\.regressor_fc_{number}\.{LINEAR}", rf"regressor.fc{number + 1}.\1")
              for number in range(3)]
    return _generator(arrays, rules, "pytorch_hmr", "encoder.", "regressor.fc_blocks.regressor_fc_0.weight", 0, source)


def _spin(arrays, source):
    # SPIN's state is pose, shape, camera; here it is camera, pose, shape.
    num_pose = arrays["decpose.weight"].shape[0]

    def state_columns(weight):
        features, pose, shape, cam = np.split(weight, np.cumsum([weight.shape[1] - num_pose - NUM_BETAS - NUM_CAM,
                                                                 num_pose, NUM_BETAS]), 1)
        return np.concatenate((features, cam, pose, shape), 1)

    for kind in ("weight", "bias"):
        _join(arrays, f"deccam+decpose+decshape.{kind}", [f"dec{part}.{kind}" for part in ("cam", "pose", "shape")],
              np.concatenate, source)
    _join(arrays, "init_cam+init_pose+init_shape", ["init_cam", "init_pose", "init_shape"],
          lambda parts: np.concatenate([part.reshape(-1) for part in parts]), source)
    rules = resnet_rules("", "encoder.")
    rules += [Rule(r"smpl\..*", None, why="array of the body model, which comes from its own file"),
              Rule(r"fc1\.weight", "regressor.fc1.weight", state_columns), Rule(r"fc1\.bias", "regressor.fc1.bias"),
              Rule(rf"fc2\.{LINEAR}", r"regressor.fc2.\1"),
              Rule(rf"deccam\+decpose\+decshape\.{LINEAR}", r"regressor.fc3.\1"),
              Rule(r"init_cam\+init_pose\+init_shape", "regressor.mean")]
    return _generator(arrays, rules, "spin", "", "fc1.weight", 0, source)


def _tensorflow(arrays, source):
    rules = [*_TENSORFLOW_STATE, Rule("D/.*", None, why="the discriminator: --variant tf_critic converts it"),
             Rule("mean_param", "regressor.mean", np.ravel)]
    for number in range(1, 4):
        rules += [Rule(f"3D_module/fc{number}/weights", f"regressor.fc{number}.weight", transpose),
                  Rule(f"3D_module/fc{number}/biases", f"regressor.fc{number}.bias")]
    rules += _slim_convolution("resnet_v2_50/conv1", "encoder.conv1")
    rules += _slim_norm("resnet_v2_50/postnorm", "encoder.postnorm")
    for block, (count, _, _) in enumerate(BLOCKS):
        for unit in range(count):
            old = f"resnet_v2_50/block{block + 1}/unit_{unit + 1}/bottleneck_v2"
            new = f"encoder.blocks.{block}.{unit}"
            rules += _slim_norm(f"{old}/preact", f"{new}.preact")
            for name in ("conv1", "conv2", "conv3", "shortcut"):
                rules += _slim_convolution(f"{old}/{name}", f"{new}.{name}")
            for number in (1, 2):
                rules += _slim_norm(f"{old}/conv{number}/BatchNorm", f"{new}.bn{number}")
    return _generator(arrays, rules, "tf", None, "3D_module/fc1/weights", 1, source)


def _generator(arrays, rules, convention, prefix, first, out_axis, source):
    """Convert by rules. `prefix` is that of the ResNet's names (None for resnet_v2), `first` the regressor's first
    matrix with its outputs along `out_axis`."""
    convention = find_convention(convention)
    depth = 50 if prefix is None else resnet_depth(arrays, prefix)
    if depth is None:
        raise UserError(f"{source} holds no ResNet ({prefix}layer1.0.conv1.weight): these are no weights of HMR")
    sizes = {"depth": depth, "width": 1.0, "hidden_size": int(arrays[first].shape[out_axis]), "iterations": 3}
    network = HMR(*build_parts(convention, load_mean_params(), **sizes), nn.Identity())
    conversion = convert(arrays, rules, shapes_of(network), source)
    return conversion, {**convention.settings(), "part": "generator", **sizes}


def _pytorch_hmr_critic(arrays, source):
    for kind in ("weight", "bias"):
        _join(arrays, f"pose_discriminator.fc_layer.all.{kind}",
              [f"pose_discriminator.fc_layer.{joint}.{kind}" for joint in range(NUM_JOINTS)], np.concatenate,
              source)
    whole = "full_pose_discriminator.fc_blocks.regressor_fc_"
    rules = [Rule(rf"pose_discriminator\.fc_layer\.all\.{LINEAR}", r"critic.head_\1"),
             Rule(rf"{re.escape(whole)}0\.weight", "critic.pose.0.weight", _joint_by_joint)]
    for number in (0, 1):
        name = rf"pose_discriminator\.conv_blocks\.conv_{number}"
        rules += [Rule(rf"{name}\.weight", f"critic.joint{number + 1}.weight", lambda array: array[:, :, 0, 0]),
                  Rule(rf"{name}\.bias", f"critic.joint{number + 1}.bias")]
    for number in range(3):
        rules.append(Rule(rf"{re.escape(whole)}{number}\.{LINEAR}", rf"critic.pose.{2 * number}.\1"))
        rules.append(Rule(rf"shape_discriminator\.fc_blocks\.regressor_fc_{number}\.{LINEAR}",
                          rf"critic.shape.{2 * number}.\1"))
    return _discriminator(arrays, rules, "pytorch_hmr", arrays.get(f"{whole}0.bias"), source)


def _joint_by_joint(weight):
    """Columns from channel by channel to joint by joint."""
    return weight.reshape(-1, JOINT_FEATURES, NUM_JOINTS).transpose(0, 2, 1).reshape(weight.shape)


def _tensorflow_discriminator(arrays, source):
    for kind, merge in (("weights", lambda parts: np.concatenate(parts, 1)), ("biases", np.concatenate)):
        _join(arrays, f"D/pose_out_all/{kind}", [f"D/pose_out_j{joint}/{kind}" for joint in range(NUM_JOINTS)],
              merge, source)
    rules = [*_TENSORFLOW_STATE, Rule("(resnet_v2_50|3D_module)/.*|mean_param", None,
                                      why="the generator: --variant tf converts it"),
             Rule("D/pose_out_all/weights", "critic.head_weight", transpose),
             Rule("D/pose_out_all/biases", "critic.head_bias")]
    layers = {"D/D_conv1": "joint1", "D/D_conv2": "joint2", "D/D_alljoints_fc1": "pose.0",
              "D/D_alljoints_fc2": "pose.2", "D/D_alljoints_out": "pose.4", "D/shape_fc1/shape_fc1_1": "shape.0",
              "D/shape_fc1/shape_fc1_2": "shape.2", "D/shape_final": "shape.4"}
    for old, new in layers.items():
        rules += [Rule(f"{old}/weights", f"critic.{new}.weight", _of_vectors),
                  Rule(f"{old}/biases", f"critic.{new}.bias")]
    return _discriminator(arrays, rules, "tf", arrays.get("D/D_alljoints_fc1/biases"), source)


def _of_vectors(weight):
    """(in, out) or a 1 x 1 convolution (1, 1, in, out) to (out, in)."""
    return transpose(weight.reshape(weight.shape[-2:]))


def _discriminator(arrays, rules, convention, hidden, source):
    convention = find_convention(convention)
    sizes = {"hidden_size": 1024 if hidden is None else len(hidden)}
    conversion = convert(arrays, rules, shapes_of(build_discriminator(convention, **sizes)), source)
    return conversion, {**convention.settings(), "part": "critic", **sizes}


def _imagenet(arrays, source):
    depth = resnet_depth(arrays)
    network = ResNet(np.random.default_rng(0), depth)
    network.update_parameters_name("encoder.")
    conversion = convert(arrays, resnet_rules("", "encoder.", classifier=True), shapes_of(network), source)
    return conversion, {"part": "encoder", "encoder": "resnet", "depth": depth, "width": 1.0}


CONVERTERS = {"pytorch_hmr": _pytorch_hmr, "pytorch_hmr_critic": _pytorch_hmr_critic, "spin": _spin,
              "tf": _tensorflow, "tf_critic": _tensorflow_discriminator, "imagenet": _imagenet}
_TENSORFLOW_STATE = (
    Rule(".*/Adam(_1)?", None, why="state of the optimizer"),
    Rule("(.*/)?(beta1_power|beta2_power|global_step)(_1)?", None, why="state of the optimizer"))


def _slim_convolution(old, new):
    return [Rule(f"{old}/weights", f"{new}.weight", lambda array: np.ascontiguousarray(array.transpose(3, 2, 0, 1))),
            Rule(f"{old}/biases", f"{new}.bias")]


def _slim_norm(old, new):
    return [Rule(rf"{old}/(gamma|beta|moving_mean|moving_variance)", rf"{new}.\1")]


def _join(arrays, joined, names, merge, source):
    """Replace several arrays by one, in the dictionary itself."""
    missing = [name for name in names if name not in arrays]
    if missing:
        raise UserError(f"{source} cannot be converted: it has no {some(missing)}")
    arrays[joined] = merge([np.asarray(arrays.pop(name)) for name in names])
