"""The settings of a command: names, defaults and checks. Quick to import: --help and bad flags answer at once."""
import os

from common.config import below_output_path, load_config
from common.convert.named_weights import with_named_weights
from common.errors import UserError
from common.limits import check_choices, check_multiples, check_numbers

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEFAULT_CONFIG = os.path.join(FOLDER, "default_config.yaml")
# GraphCMR's names of settings.
ALIASES = {"data_dir": "dataset_root", "num_epochs": "epochs", "checkpoint": "ckpt_file",
           "img": "image", "openpose": "keypoints_json", "outfile": "output_dir",
           "shuffle_train": "do_shuffle", "checkpoint_dir": "save_checkpoint_dir"}
# Settings that make the network and its input; they travel in the checkpoint.
NETWORK_KEYS = ("img_res", "num_channels", "num_layers", "depth", "width", "hidden_size", "template_input",
                "crop_contrast_stretch")
# Settings, besides those of `common.engine.run`, that may differ between a run and its continuation.
MAY_DIFFER = {"epochs", "smpl_path", "smpl_male_path", "smpl_female_path", "mesh_path",
              "joint_regressor_extra_path", "joint_regressor_h36m_path", "vertex_texture_path", "cube_parts_path",
              "dataset_root", "up_3d_root", "upi_s1h_root", "lsp_root", "lsp_original_root", "mpii_root", "coco_root",
              "h36m_root", "threedpw_root", "names_up_lsp_path", "mpii_h5_path", "h36m_annotation_path",
              "dataset_npz_path", "train_files", "eval_files", "only", "shuffle", "pretrained_resnet_50", "wide_start",
              "pretrained_checkpoint", "save_checkpoint_dir", "checkpoint_steps", "time_to_run", "distribute",
              "summary_steps", "log_freq", "result_dir", "image"}
GRID = 32  # by how much the ResNet makes an image smaller
CHANNEL_GRID = 16  # two groups of the group norm, in half of the channels
DEPTHS = (18, 34, 50)  # of ResNets
# Shares of the data sets in an epoch, which is as long as the longest of them.
MIXES = {"itw": {"lsp-orig": 0.1, "coco": 0.3, "mpii": 0.3, "up-3d": 0.3},
         "all": {"h36m": 0.3, "lsp-orig": 0.1, "coco": 0.2, "mpii": 0.2, "up-3d": 0.2}}


def read_settings(argv, aliases=None):
    """The settings of one command.

    Args:
        argv (list[str]): command line.
        aliases (dict): names that are other keys for this command, see `load_config`.

    Raises:
        UserError: a setting that cannot be.
    """
    config = with_named_weights(load_config(DEFAULT_CONFIG, argv, {**ALIASES, **(aliases or {})}), "cmr")
    check_numbers(config)
    for key in ("noise_factor", "scale_factor", "adam_beta1"):
        if config[key] == 1:
            raise UserError(f"--{key} 1: write a number of at least 0 and less than 1")
    check_multiples(config, {"img_res": GRID, "num_channels": CHANNEL_GRID})
    check_choices(config, {"depth": DEPTHS})
    return below_output_path(config, "save_checkpoint_dir", "result_dir", "output_dir", "file_name")


def check_training(config, runtime):
    """Refuse settings that do not fit the number of processes.

    Args:
        runtime (Runtime): with the number of workers.

    Raises:
        UserError: --distribute alone, or --time_to_run on several.
    """
    if config.distribute and runtime.rank_size == 1:
        raise UserError("--distribute: this is one process alone; start with scripts/run_distribute_train_gpu.sh or "
                        "run_distribute_train.sh, or leave the flag out")
    if config.time_to_run and runtime.rank_size > 1:
        raise UserError("--time_to_run is for one process; several would not stop at the same step")
