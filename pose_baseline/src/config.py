"""The settings of a command: names, defaults and checks. Quick to import: --help and bad flags answer at once."""
import os

from common.config import load_config
from common.convert.named_weights import with_named_weights
from common.errors import UserError
from common.limits import check_numbers

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
    if config.lr_type not in LR_TYPES:
        raise UserError(f"--lr_type {config.lr_type}: choose one of {', '.join(LR_TYPES)}")
    check_numbers(config, ("batch_size",) if free_batch else ())
    return config
