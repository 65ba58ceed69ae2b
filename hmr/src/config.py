"""The settings of a command: names, defaults and checks. Quick to import: --help and bad flags answer at once."""
import os

from common.config import load_config
from common.convert.named_weights import with_named_weights
from common.limits import check_choices, check_multiples, check_numbers, check_order
from hmr.src.conventions import find_convention

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEFAULT_CONFIG = os.path.join(FOLDER, "default_config.yaml")
ALIASES = {"data_dir": "data_path", "lr": "e_lr", "num_worker": "num_workers", "profile_training": "profile",
           "image": "input", "checkpoint_file_path": "ckpt_file", "critic_path": "discriminator_path",
           "critic_size": "discriminator_size"}
# Settings that make the network; they travel in the checkpoint.
NETWORK_KEYS = ("convention", "depth", "width", "hidden_size", "iterations")
# Settings that a checkpoint suggests: it knows people of the size and image that it was trained with.
SUGGESTED_KEYS = ("crop_size",)
# Settings, besides those of `common.engine.run`, that may differ between a run and its continuation.
MAY_DIFFER = {"epochs", "iter_count", "crop_scale", "smpl_path", "smpl_male_path", "smpl_female_path",
              "smpl_mean_params_path", "joint_regressor_extra_path", "joint_regressor_h36m_path", "encoder_path",
              "discriminator_path", "model_save", "save_steps", "dataset", "eval_joints",
              "eval_batch_size", "eval_num", "eval_path", "label_file"}
DEPTHS = (18, 34, 50)  # of ResNets
LR_TYPES = ("constant", "cosine")
EVAL_JOINTS = ("cocoplus", "h36m")
HMR_SMPL, HMR_MEAN = "neutral_smpl_with_cocoplus_reg.pkl", "neutral_smpl_mean_params.h5"


def read_settings(argv, overrides=None, aliases=None):
    """The settings of one command.

    Args:
        argv (list[str]): command line.
        overrides (dict): defaults that differ for this command, such as the batch size.
        aliases (dict): names that are other keys for this command, see `load_config`.

    Raises:
        UserError: a setting that cannot be.
    """
    config = with_named_weights(load_config(DEFAULT_CONFIG, argv, {**ALIASES, **(aliases or {})}, overrides), "hmr")
    check_numbers(config, ("batch_size",))
    check_order(config, ("scale_min", "scale_max"))
    check_multiples(config, {"crop_size": 16})
    check_choices(config, {"lr_type": LR_TYPES, "eval_joints": EVAL_JOINTS, "depth": DEPTHS})
    find_convention(config.convention)
    return config


def in_data(config, name):
    """Path of a file in the data folder; empty when it is not there."""
    path = os.path.join(config.data_path, name)
    return path if config.data_path and os.path.isfile(path) else ""
