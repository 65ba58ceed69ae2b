"""The settings of a command: names, defaults and checks. Quick to import: --help and bad flags answer at once."""
import os

from common.config import load_config
from common.convert.named_weights import with_named_weights
from common.errors import UserError

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEFAULT_CONFIG = os.path.join(FOLDER, "default_config.yaml")
ALIASES = {"checkpoint": "ckpt_file", "checkpoint_file_path": "ckpt_file", "model_path": "ckpt_file",
           "pretrained_model": "ckpt_file", "date_dir": "data_dir"}
# Settings that make the network; they travel in the checkpoint.
NETWORK_KEYS = ("linear_size", "num_layers", "residual", "batch_norm", "max_norm", "predict_14", "bn_epsilon",
                "bn_momentum", "bn_unbiased")
# Settings of the data that a checkpoint's statistics belong to.
DATA_KEYS = ("camera_frame", "detections")
LR_TYPES = ("exponential", "cosine")


def read_settings(argv, overrides=None, free_batch=False):
    """The settings of one command, with the original's flags worked in.

    Args:
        argv (list[str]): command line.
        overrides (dict): defaults of this command that differ from default_config.yaml.
        free_batch (bool): whether a batch size of 0 has a meaning.

    Raises:
        UserError: a setting that cannot be.
    """
    config = with_named_weights(load_config(DEFAULT_CONFIG, argv, ALIASES, overrides), "pose_baseline")
    if config.use_cpu and not config.device_target:
        config = config.replace(device_target="CPU")
    if config.use_fp16 and "amp_level" not in config.given:
        config = config.replace(amp_level="O2", loss_scale="dynamic")
    if config.action.lower() == "all":  # the original takes both; they are one experiment
        config = config.replace(action="All")
    for key in ("batch_size", "epochs", "linear_size", "accumulate", "steps_per_launch", "log_every", "eval_every",
                "fps"):
        if config[key] < 1 and not (free_batch and key == "batch_size" and config[key] == 0):
            raise UserError(f"--{key} {config[key]}: write a whole number of 1 or more")
    for key in ("num_layers", "load", "seed", "save_every_steps", "keep_checkpoint_max", "device_id", "clip_norm",
                "bn_epsilon"):
        if config[key] < 0:
            raise UserError(f"--{key} {config[key]}: it cannot be negative")
    if config.lr_type not in LR_TYPES:
        raise UserError(f"--lr_type {config.lr_type}: choose one of {', '.join(LR_TYPES)}")
    if config.learning_rate <= 0:
        raise UserError(f"--learning_rate {config.learning_rate}: write a number above 0, as in 1e-3")
    if not 0.0 <= config.bn_momentum <= 1.0:
        raise UserError(f"--bn_momentum {config.bn_momentum}: it is a share, from 0 to 1")
    if not 0.0 < config.dropout <= 1.0:
        raise UserError(f"--dropout {config.dropout}: it is the probability of KEEPING a unit, more than 0 and at "
                        "most 1")
    return config
