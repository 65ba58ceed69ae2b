"""The settings of a command: names, defaults and checks. Quick to import: --help and bad flags answer at once."""
import os

from common.config import load_config
from common.convert.named_weights import has_own_folder, with_named_weights
from common.errors import UserError
from common.limits import check_choices, check_numbers

DEFAULT_CONFIG = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "default_config.yaml")
ALIASES = {"learning_rate": "lr", "log_every": "log_interval", "checkpoint": "ckpt_file",
           "checkpoint_file_path": "ckpt_file", "model_path": "ckpt_file",
           "pretrained_model": "ckpt_file", "date_dir": "data_dir"}
# Settings that make the network, in the order of `LinearModel`'s arguments; they travel in the checkpoint.
NETWORK_KEYS = ("linear_size", "num_layers", "residual", "batch_norm", "max_norm", "predict_14", "bn_epsilon",
                "bn_momentum", "bn_unbiased")
# Settings of the data that a checkpoint's statistics belong to.
DATA_KEYS = ("camera_frame", "detections")
# Settings, besides those of `common.engine.run`, that may differ between a run and its continuation.
MAY_DIFFER = {"epochs", "load", "train_dir", "data_dir", "cameras_path", "cache_dir", "eval_every",
              "evaluateActionWise", "procrustes", "drop_remainder", "save_every_steps", "sample",
              "use_cpu", "use_fp16", "data_on_device", "steps_per_launch", "obs_dir", "result", "pixel_input",
              "joint_order", "rescale", "image_size", "ground_truth", "animation", "fps"}


def read_settings(argv, overrides=None, free_batch=False):
    """The settings of one command, with the original's flags worked in.

    Args:
        argv (list[str]): command line.
        overrides (dict): defaults of this command that differ from default_config.yaml.
        free_batch (bool): whether a batch size of 0 has a meaning.
    """
    config = with_named_weights(load_config(DEFAULT_CONFIG, argv, ALIASES, overrides), "pose_baseline")
    if config.use_cpu and not config.device_target:
        config = config.replace(device_target="CPU")
    if config.use_fp16 and "amp_level" not in config.given:
        config = config.replace(amp_level="O2", loss_scale="dynamic")
    if config.action.lower() == "all":  # the original takes both; they are one experiment
        config = config.replace(action="All")
    check_choices(config, {"lr_type": ("exponential", "cosine"), "optimizer": ("adam", "torch_adam")})
    check_numbers(config, ("batch_size",) if free_batch else ())
    return config


def check_training(config):
    """Refuse settings that do not go together in a training."""
    if config.data_on_device not in ("true", "false", "auto"):
        raise UserError(f"--data_on_device {config.data_on_device}: write true, false or auto")
    if config.virtual_cameras or config.noise_px:
        if config.predict_14 or not config.camera_frame:
            raise UserError("--virtual_cameras and --noise_px need all 17 joints in the frame of the camera: add "
                            "--camera_frame and leave --predict_14 out")
        if config.data_on_device == "true":
            raise UserError("--data_on_device true: poses held on the device cannot be augmented; leave it at auto, or "
                            "--virtual_cameras and --noise_px at 0")
    if config.batch_size % config.accumulate:
        raise UserError(f"--accumulate {config.accumulate} does not divide --batch_size {config.batch_size}")
    if config.batch_norm and config.bn_unbiased and config.batch_size == config.accumulate:
        raise UserError("--bn_unbiased divides by the number of poses less one: --batch_size has to be larger than "
                        "--accumulate")
    if config.save_every_steps % config.steps_per_launch:
        raise UserError(f"--save_every_steps {config.save_every_steps} is no multiple of --steps_per_launch "
                        f"{config.steps_per_launch}")


def experiment_folder(config):
    """The folder of an experiment, named after its settings as in the original."""
    parts = [config.action, f"dropout_{config.dropout:g}", f"epochs_{config.epochs}", f"lr_{config.lr:g}",
             "residual" if config.residual else "not_residual", f"depth_{config.num_layers}",
             f"linear_size{config.linear_size}", f"batch_size_{config.batch_size}",
             "procrustes" if config.procrustes else "no_procrustes", "maxnorm" if config.max_norm else "no_maxnorm",
             "batch_normalization" if config.batch_norm else "no_batch_normalization",
             *([] if config.detections == "gt" else [f"detections_{config.detections}"]),
             "predict_14" if config.predict_14 else "predict_17"]
    return os.path.join(config.train_dir, *parts)


def results_folder(config, checkpoint):
    """Where results of a checkpoint go: to --output_dir, else beside it, unless it is one of the shared ones."""
    if "output_dir" in config.given or not has_own_folder(checkpoint.path):
        return config.output_dir
    return os.path.dirname(checkpoint.path)
