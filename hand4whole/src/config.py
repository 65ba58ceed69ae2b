"""The settings of a command: names, defaults and checks. Quick to import: --help and bad flags answer at once."""
import os

from common.config import below_output_path, load_config
from common.convert.named_weights import with_named_weights
from common.errors import UserError
from common.limits import check_numbers

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEFAULT_CONFIG = os.path.join(FOLDER, "default_config.yaml")
ALIASES = {"data_dir": "dataset_root", "end_epoch": "epochs", "train_batch_size": "batch_size",
           "num_thread": "num_workers", "continue": "resume", "continue_train": "resume", "gpu": "gpu_ids",
           "pretrained_model": "ckpt_file"}
PARTS = ("whole", "hand")
# With --parts hand these are the defaults; the publication's hand stage has them.
HAND_DEFAULTS = {"trainset_3d": ["FreiHAND"], "trainset_2d": [], "testset": "FreiHAND", "lr_dec_epoch": [10, 12],
                 "epochs": 13}
# Settings that make the network; they travel in the checkpoint.
SHAPES = ("input_img_shape", "input_body_shape", "output_hm_shape", "input_hand_shape", "output_hand_hm_shape",
          "input_face_shape")
NETWORK_KEYS = ("parts", "resnet_type", "hand_resnet_type", "face_resnet_type", "width", "resnet_widths", *SHAPES,
                "focal", "body_3d_size", "hand_3d_size", "face_3d_size", "camera_3d_size", "hand_camera_3d_size")
# Settings, besides those of `common.engine.run`, that may differ between a run and its continuation. Those of the
# network come from the snapshot; the learning rate is free, as the publication's stages have their own.
MAY_DIFFER = {"gpu_ids", "human_model_path", "smplx_path", "smplx_male_path", "smplx_female_path", "mano_right_path",
              "mano_left_path", "smpl_path", "smpl_male_path", "smpl_female_path", "smplx_to_j14_path",
              "mano_smplx_vertex_ids_path", "smplx_flame_vertex_ids_path", "joint_regressor_h36m_path",
              "joint_regressor_h36m_smpl_path", "smplx_to_smpl_path", "dataset_root", "testset",
              "resnet_path", "hand_resnet_path", "face_resnet_path", "lr", "lr_dec_factor", "lr_dec_epoch", "epochs",
              "ckpt_interval", "test_batch_size", "vis", "mean_body", "img", "demo_dir", "hand_side"}
CHOICES = {"parts": PARTS, "hand_side": ("right", "left"), "rotation_loss": ("axis_angle", "matrix"),
           "resnet_type": (18, 50), "hand_resnet_type": (18, 50), "face_resnet_type": (18, 50)}
# Places in the folder human_model_files; the first that exists counts.
MODEL_FILES = {
    "smplx_path": ("smplx/SMPLX_NEUTRAL.npz", "smplx/SMPLX_NEUTRAL.pkl"),
    "smplx_male_path": ("smplx/SMPLX_MALE.npz", "smplx/SMPLX_MALE.pkl"),
    "smplx_female_path": ("smplx/SMPLX_FEMALE.npz", "smplx/SMPLX_FEMALE.pkl"),
    "mano_right_path": ("mano/MANO_RIGHT.pkl",),
    "mano_left_path": ("mano/MANO_LEFT.pkl",),
    "smpl_path": ("smpl/SMPL_NEUTRAL.pkl",),
    "smpl_male_path": ("smpl/SMPL_MALE.pkl",),
    "smpl_female_path": ("smpl/SMPL_FEMALE.pkl",),
    "smplx_to_j14_path": ("smplx/SMPLX_to_J14.pkl",),
    "mano_smplx_vertex_ids_path": ("smplx/MANO_SMPLX_vertex_ids.pkl",),
    "smplx_flame_vertex_ids_path": ("smplx/SMPL-X__FLAME_vertex_ids.npy",),
    "joint_regressor_h36m_path": ("smplx/J_regressor_h36m_smplx.npy",),
    "joint_regressor_h36m_smpl_path": ("smpl/J_regressor_h36m_smpl.npy",),
    "smplx_to_smpl_path": ("smplx/smplx2smpl_deftrafo_setup.pkl",),
}


def read_settings(argv, overrides=None, aliases=None):
    """The settings of one command; paths of body-model files are filled in from `human_model_path`.

    Args:
        argv (list[str]): command line.
        overrides (dict): defaults that differ for this command.
        aliases (dict): names that are other keys for this command, see `load_config`.

    Raises:
        UserError: a setting that cannot be.
    """
    names = {**ALIASES, **(aliases or {})}
    config = load_config(DEFAULT_CONFIG, argv, names, overrides)
    if config.parts == "hand":
        config = load_config(DEFAULT_CONFIG, argv, names, {**HAND_DEFAULTS, **(overrides or {})})
    config = with_named_weights(config, "hand4whole")
    for key, choices in CHOICES.items():
        if config[key] not in choices:
            raise UserError(f"--{key} {config[key]}: choose {' or '.join(map(str, choices))}")
    check_numbers(config)
    check_shapes(config)
    config = config.replace(**_model_files(config))
    return below_output_path(config, "output_dir", "demo_dir", "file_name")


def check_shapes(config, said="--"):
    """Refuse sizes that make no network.

    Args:
        said (str): what stands before a key in the error text.

    Raises:
        UserError: a size of another length, not positive, or one that does not fit another.
    """
    for key in SHAPES:
        wanted = 3 if key.startswith("output") else 2
        if len(config[key]) != wanted or min(config[key]) < 1:
            raise UserError(f"{said}{key} {config[key]}: write {wanted} positive numbers")
    for image, maps in (("input_body_shape", "output_hm_shape"), ("input_hand_shape", "output_hand_hm_shape")):
        if config[image] != [32 * size for size in config[maps][1:]]:
            raise UserError(f"{said}{image} {config[image]} must be 32 times the height and width of --{maps} "
                            f"{config[maps]}")
    if any(size % 32 for size in config.input_face_shape):
        raise UserError(f"{said}input_face_shape {config.input_face_shape}: write multiples of 32")
    height, width = config.input_img_shape
    step = height // config.input_body_shape[0]
    if [height, width] != [step * size for size in config.input_body_shape]:
        raise UserError(f"{said}input_img_shape {config.input_img_shape} must be --input_body_shape "
                        f"{config.input_body_shape} times a whole number")
    if len(config.resnet_widths) != 3:
        raise UserError(f"{said}resnet_widths {config.resnet_widths}: write three numbers")
    if len(config.focal) != 2 or min(config.focal) <= 0:
        raise UserError(f"{said}focal {config.focal}: write two positive numbers")


def _model_files(config):
    """Paths that `human_model_path` answers for."""
    if not config.human_model_path:
        return {}
    if not os.path.isdir(config.human_model_path):
        raise UserError(f"--human_model_path {config.human_model_path} is no folder")
    found = {}
    for key, places in MODEL_FILES.items():
        paths = [os.path.join(config.human_model_path, place) for place in places]
        there = next((path for path in paths if os.path.isfile(path)), None)
        if not config[key] and there:
            found[key] = there
    return found
