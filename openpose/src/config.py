"""The settings of a command: names, defaults and checks. Quick to import: --help and bad flags answer at once."""
import os

from common.config import below_output_path, load_config
from common.convert.named_weights import with_named_weights
from common.errors import UserError
from common.limits import check_choices, check_multiples, check_numbers, check_order
from openpose.src.normalisation import STRIDE, check_normalisation

DEFAULT_CONFIG = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "default_config.yaml")
ALIASES = {"max_epoch_train": "epochs", "model_path": "ckpt_file", "GRADIENT_CLIP_VALUE": "clip_norm"}
# Settings that make the network; they travel in the checkpoint, as does the skeleton.
NETWORK_KEYS = ("width", "backbone_width", "num_stages", "vgg_with_bn", "stages_with_bn", "normalisation")
# Settings that a checkpoint suggests: it finds people of the size that it was trained with.
SUGGESTED_KEYS = ("inference_img_size", "flip_test", "insize")
# Settings, besides those of `common.engine.run`, that may differ between a run and its continuation. The skeleton is
# compared by what its file says, not by the file's name.
MAY_DIFFER = {"data_dir", "imgpath_train", "jsonpath_train", "maskpath_train", "skeleton", "vgg_path", "load_pretrain",
              "pretrained_model_path", "save_model_path", "epochs", "ckpt_interval", "imgpath_val", "ann",
              "output_img_path", "vis", "eva_num", "all_images", "inference_img_size", "inference_scales",
              "flip_test", "stretch", "decoder", "merge_halves", "net_resolution", "number_people_max",
              "keypoint_scale", "write_heatmaps", "preprocess_path"}
FORMATS = ("json", "png", "csv")
DECODERS = ("default", "cmu", "port")
YEARS = (2017, 2014)  # of COCO; the first that is there counts
MERGE = {"auto": None, "true": True, "false": False}


def read_settings(argv, aliases=None):
    """The settings of one command.

    Args:
        argv (list[str]): command line.
        aliases (dict): names that are other keys for this command, see `load_config`.
    """
    # ModelArts jobs of the original name their settings file so.
    argv = [word.replace("--_config_path", "--config_path", 1) for word in argv]
    # -1x368, which CMU's program takes, would look like a flag of its own.
    if "--net_resolution" in argv[:-1]:
        place = argv.index("--net_resolution")
        argv[place:place + 2] = ["=".join(argv[place:place + 2])]
    config = with_named_weights(load_config(DEFAULT_CONFIG, argv, {**ALIASES, **(aliases or {})}), "openpose")
    check_numbers(config)
    check_order(config, ("min_box_size", "max_box_size"), ("min_scale", "max_scale"))
    check_multiples(config, {"insize": STRIDE})
    check_choices(config, {"decoder": DECODERS, "merge_halves": MERGE, "formats": FORMATS,
                           "lr_type": ("default", "cosine"), "optimizer": ("Adam", "Momentum")})
    if not config.inference_scales:
        raise UserError("--inference_scales: give numbers, such as 0.5,1,1.5")
    check_normalisation(config.normalisation)
    if config.data_dir:
        config = config.replace(**_in_data_dir(config))
    return below_output_path(config, "save_model_path", "output_img_path", "output_dir", "file_name")


def annotation_path(data_dir, split, year):
    """Where the annotations of a split ("train" or "val") lie in a folder of COCO."""
    return os.path.join(data_dir, "annotations", f"person_keypoints_{split}{year}.json")


def _in_data_dir(config):
    """Paths that `data_dir` answers for, which has to be a folder of COCO: annotations, images and masks."""
    found = {}
    for split, annotations, images in (("train", "jsonpath_train", "imgpath_train"), ("val", "ann", "imgpath_val")):
        for year in YEARS:
            path, folder = annotation_path(config.data_dir, split, year), f"{split}{year}"
            if annotations not in found and os.path.isfile(path):
                nested = os.path.join(config.data_dir, "images", folder)
                found |= {annotations: path,
                          images: nested if os.path.isdir(nested) else os.path.join(config.data_dir, folder)}
    if not found:
        raise UserError(f"--data_dir {config.data_dir} holds no annotations/person_keypoints_train2017.json: name the "
                        "folder in which the archives of cocodataset.org were unpacked")
    masks = os.path.join(config.data_dir, "ignore_mask_train")
    found |= {"maskpath_train": masks} if os.path.isdir(masks) else {}
    return {key: path for key, path in found.items() if not config[key]}
