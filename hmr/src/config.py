"""The settings of a command: names, defaults and checks. Quick to import: --help and bad flags answer at once."""
import os

from common.config import load_config
from common.convert.named_weights import with_named_weights
from common.errors import UserError
from hmr.src.profiles import find_profile

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEFAULT_CONFIG = os.path.join(FOLDER, "default_config.yaml")
ALIASES = {"image": "input", "checkpoint_file_path": "ckpt_file", "num_workers": "num_worker"}
# Settings that make the network; they travel in the checkpoint.
NETWORK_KEYS = ("profile", "depth", "width", "hidden_size", "iterations")
# Settings that a checkpoint suggests: it knows people of the size and picture that it was trained with.
SUGGESTED_KEYS = ("crop_size",)
POSITIVE = ("hidden_size", "critic_size", "iterations", "epochs", "log_interval", "num_worker", "eval_batch_size",
            "mpi_every")
NOT_NEGATIVE = ("batch_size", "batch_3d_size", "adv_batch_size", "min_keypoints", "min_size", "max_overlap",
                "trans_max", "warmup_steps", "e_wd", "d_wd", "e_loss_weight", "e_3d_loss_weight", "e_3d_kp_ratio",
                "e_shape_ratio", "e_pose_ratio", "d_loss_weight", "d_disc_ratio", "clip_norm", "iter_count", "seed",
                "keep_checkpoint_max", "save_steps", "eval_num", "frame_max", "device_id")
LR_TYPES = ("constant", "cosine")
EVAL_JOINTS = ("cocoplus", "h36m")
HMR_SMPL, HMR_MEAN = "neutral_smpl_with_cocoplus_reg.pkl", "neutral_smpl_mean_params.h5"


def read_settings(argv, overrides=None):
    """The settings of one command.

    Args:
        argv (list[str]): command line.
        overrides (dict): defaults that differ for this command, such as the batch size.

    Raises:
        UserError: a setting that cannot be.
    """
    config = with_named_weights(load_config(DEFAULT_CONFIG, argv, ALIASES, overrides), "hmr")
    for key in POSITIVE:
        if config[key] < 1:
            raise UserError(f"--{key} {config[key]}: write a whole number of 1 or more")
    for key in NOT_NEGATIVE:
        if config[key] < 0:
            raise UserError(f"--{key} {config[key]}: it cannot be negative")
    for key in ("width", "e_lr", "d_lr", "scale_min", "crop_scale", "focal_length"):
        if not config[key] > 0:
            raise UserError(f"--{key} {config[key]}: write a positive number")
    if config.scale_min > config.scale_max:
        raise UserError(f"--scale_min {config.scale_min} is more than --scale_max {config.scale_max}")
    if not 0 < config.dropout <= 1:
        raise UserError(f"--dropout {config.dropout} is the probability of keeping a unit: more than 0, at most 1")
    if not 0 <= config.flip_prob <= 1:
        raise UserError(f"--flip_prob {config.flip_prob}: write a number from 0 to 1")
    if config.crop_size < 32 or config.crop_size % 16:
        raise UserError(f"--crop_size {config.crop_size}: write a multiple of 16, such as 224")
    for key, choices in (("lr_type", LR_TYPES), ("eval_joints", EVAL_JOINTS)):
        if config[key] not in choices:
            raise UserError(f"--{key} {config[key]}: choose one of {', '.join(choices)}")
    find_profile(config.profile)
    return config
