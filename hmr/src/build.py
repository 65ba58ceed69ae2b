"""From settings to objects: body, network, weights. Settings end here; what lies below takes plain values."""
import dataclasses
import os

import numpy as np

from common.backbones.folding import fold_batch_norm
from common.body_models.companions import load_mean_params, load_regressor
from common.body_models.embedded import warn_other_body
from common.body_models.files import load_body_model
from common.engine.checkpoint import find_checkpoint, load_weights
from common.engine.continuation import adopt_settings, require_model
from common.errors import UserError
from common.initial import replaced_by_checkpoint
from common.joints import SKELETONS, index_map
from hmr.src.config import HMR_MEAN, HMR_SMPL, NETWORK_KEYS, SUGGESTED_KEYS
from hmr.src.network import JOINTS, build_hmr
from hmr.src.profiles import find_profile, profile_of

# The rows of J_regressor_extra that are joints of HMR; the file has five more.
EXTRA_JOINTS = ("nose", "right_eye", "left_eye", "right_ear", "left_ear", "right_hip", "left_hip", "neck", "head_top")

# Rows of J_regressor_h36m that are LSP's 14 joints, as SPIN takes them.
H36M_TO_LSP = (6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10)


def load_body(config):
    """The SMPL body of the settings, with HMR's 19 joints.

    Returns:
        BodyModel

    Raises:
        UserError: a file that is missing or damaged, or a body without these joints.
    """
    model = load_body_model("smpl", config.smpl_path or _in_data(config, HMR_SMPL))
    if config.joint_regressor_extra_path:
        extra = load_regressor(model, "J_regressor_extra", config.joint_regressor_extra_path)
        model = dataclasses.replace(model, extras={**model.extras, "cocoplus_regressor": _cocoplus(model, extra)})
    elif "cocoplus_regressor" not in model.extras:
        raise UserError(f"{model.source} has no cocoplus_regressor: take {HMR_SMPL} (--smpl_path), or name GraphCMR's "
                        "J_regressor_extra.npy (--joint_regressor_extra_path)")
    return model


def _cocoplus(model, extra):
    """The 19 joints from the skeleton's, and from those of GraphCMR where the skeleton has none or lower hips."""
    names = tuple(name for name in SKELETONS["smpl_24"] if name not in EXTRA_JOINTS)
    rows = model.J_regressor[index_map("smpl_24", names)]
    return np.concatenate([rows, extra[:len(EXTRA_JOINTS)]])[index_map(names + EXTRA_JOINTS, JOINTS)]


def load_eval_bodies(config, body):
    """The bodies that true parameters belong to: gender -> BodyModel in float32.

    Args:
        config (Config): settings.
        body (BodyModel): of `load_body`, for whoever has no file of an own.
    """
    paths = {"male": config.smpl_male_path, "female": config.smpl_female_path}
    own = {gender: load_body_model("smpl", path) for gender, path in paths.items() if path}
    if own and len(own) < len(paths):
        raise UserError("--smpl_male_path and --smpl_female_path: give both, or none")
    return {gender: own.get(gender, body).astype(np.float32) for gender in ("neutral", *paths)}


def load_eval_regressor(config, body):
    """What takes vertices to the 14 joints of the evaluation, (14, 6890); None for the network's own joints."""
    if config.eval_joints == "cocoplus":
        return None
    return load_regressor(body, "J_regressor_h36m", config.joint_regressor_h36m_path)[list(H36M_TO_LSP)]


def _in_data(config, name):
    """Path of a file in the data folder; empty when it is not there."""
    path = os.path.join(config.data_path, name)
    return path if config.data_path and os.path.isfile(path) else ""


def build_network(config, body, seed=0):
    """The generator that the settings describe, with its initial values.

    Args:
        config (Config): settings.
        body (BodyModel): of `load_body`.
        seed (int): of the initial values.

    Returns:
        HMR
    """
    mean = load_mean_params(config.smpl_mean_params_path or _in_data(config, HMR_MEAN))
    return build_hmr(find_profile(config.profile), body, mean, depth=config.depth, width=config.width,
                     hidden_size=config.hidden_size, iterations=config.iterations, frozen_norm=config.frozen_norm,
                     seed=seed)


def settings_of(checkpoint, config):
    """The settings with those of the checkpoint's network in place of the defaults and of --config_path.

    Raises:
        UserError: a flag was given that contradicts the checkpoint, or it holds no generator.
    """
    require_model(checkpoint, "hmr")
    saved = checkpoint.meta.get("config", {})
    if saved.get("part", "generator") != "generator":
        flag = {"critic": "critic_path", "encoder": "encoder_path"}.get(str(saved["part"]))
        raise UserError(f"checkpoint {checkpoint.path} holds the {saved['part']} only" +
                        (f": train with --{flag} {checkpoint.path}" if flag else ", which is no part of hmr"))
    profile_of(saved, checkpoint.path)
    return adopt_settings(checkpoint, config, NETWORK_KEYS, SUGGESTED_KEYS)


def generator_weights(checkpoint):
    """The checkpoint without what belongs to the critic."""
    weights = {name: value for name, value in checkpoint.weights.items() if not name.startswith("critic.")}
    return dataclasses.replace(checkpoint, weights=weights)


def critic_weights(checkpoint):
    """What belongs to the critic in a checkpoint."""
    weights = {name: value for name, value in checkpoint.weights.items() if name.startswith("critic.")}
    return dataclasses.replace(checkpoint, weights=weights)


def load_trained(config, body=None):
    """Network, settings, conventions and file of the checkpoint that the settings name.

    Args:
        config (Config): settings.
        body (BodyModel): of `load_body`; None to load it here.

    Returns:
        tuple: HMR in evaluation mode with batch norm worked into its convolutions, Config, Profile, Checkpoint.

    Raises:
        UserError: no checkpoint, or weights that do not fit.
    """
    checkpoint = find_checkpoint(config.ckpt_file, config.model_save, "hmr")
    config = settings_of(checkpoint, config)
    body = load_body(config) if body is None else body
    warn_other_body(checkpoint, "smpl_path", body.synthetic)
    with replaced_by_checkpoint(strictly=not config.allow_partial):
        network = build_network(config, body)
    load_weights(network, generator_weights(checkpoint), config.allow_partial)
    return fold_batch_norm(network), config, find_profile(config.profile), checkpoint
