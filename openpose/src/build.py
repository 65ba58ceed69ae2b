"""From settings to objects: network, data, people finder. Settings end here; what lies below takes plain values."""

import mindspore as ms

from common.backbones.folding import fold_batch_norm
from common.engine.checkpoint import find_checkpoint, load_weights
from common.engine.continuation import adopt_settings, require_model
from common.errors import UserError
from common.initial import replaced_by_checkpoint
from openpose.src.augment import Augmentation
from openpose.src.config import MERGE, NETWORK_KEYS, SUGGESTED_KEYS
from openpose.src.dataset import KeypointSource
from openpose.src.fast_convolution import use_fast_convolutions
from openpose.src.network import OpenPose
from openpose.src.predict import FinderSettings, PeopleFinder
from openpose.src.skeleton import COCO_18, load_skeleton, parse_skeleton


def build_network(config, skeleton):
    """The network that the settings describe, with its initial values."""
    return OpenPose(len(skeleton.limbs), len(skeleton.joints), config.num_stages, config.width, config.vgg_with_bn,
                    config.seed, config.backbone_width, config.stages_with_bn)


def build_dataset(config, skeleton):
    """Training samples of the settings' files.

    Raises:
        UserError: files that are not named, missing or do not fit.
    """
    for key, what in (("jsonpath_train", "the annotation file"), ("imgpath_train", "the folder of its images")):
        if not config[key]:
            raise UserError(f"--{key} is missing: name {what}")
    augmentation = Augmentation(config.insize, config.min_box_size, config.max_box_size, config.min_scale,
                                config.max_scale, config.max_rotate_degree, config.center_perterb_max)
    return KeypointSource(config.jsonpath_train, config.imgpath_train, config.maskpath_train, skeleton, augmentation,
                          config.normalisation, True, config.heatmap_sigma, config.paf_sigma, config.min_keypoints,
                          config.min_area)


def describe_skeleton(skeleton):
    """Plain dicts and lists that a checkpoint keeps, for `parse_skeleton`; None for the built-in one."""
    if skeleton == COCO_18:
        return None
    names, pairs = skeleton.joints, skeleton.pairs
    return {"category": skeleton.category, "joints": list(names), "sigmas": dict(skeleton.sigmas),
            "limbs": [[names[first], names[second]] for first, second in skeleton.limbs],
            "means": {joint: list(parts) for joint, parts in skeleton.means.items()},
            **({} if pairs is None else {"flip_pairs": [[names[one], names[other]] for one, other in pairs]})}


def settings_of(checkpoint, config):
    """The settings with those of the checkpoint's network in place of the defaults and of --config_path, and its
    skeleton.

    A file of other makers says nothing about itself: then the settings hold as given.

    Raises:
        UserError: a flag was given that contradicts the checkpoint, or the file is a backbone only.
    """
    require_model(checkpoint, "openpose")
    saved = checkpoint.meta.get("config", {})
    if saved.get("backbone_only"):
        raise UserError(f"checkpoint {checkpoint.path} holds the backbone only: train with --vgg_path "
                        f"{checkpoint.path}")
    described = checkpoint.meta.get("skeleton")
    skeleton = parse_skeleton(described, checkpoint.path) if described else COCO_18
    given = load_skeleton(config.skeleton) if config.skeleton else skeleton
    if describe_skeleton(given) != describe_skeleton(skeleton):
        raise UserError(f"--skeleton {config.skeleton} is not the one of checkpoint {checkpoint.path}: leave the flag "
                        "out")
    return adopt_settings(checkpoint, config, NETWORK_KEYS, SUGGESTED_KEYS), skeleton


def load_trained(config, flag="--ckpt_file"):
    """Network, settings, skeleton and file of the checkpoint that the settings name.

    Args:
        config (Config): settings.
        flag (str): what named the checkpoint, for error texts.

    Returns:
        tuple: OpenPose in evaluation mode with batch norm worked into its convolutions, Config, Skeleton, Checkpoint.

    Raises:
        UserError: no checkpoint, or weights that do not fit.
    """
    checkpoint = find_checkpoint(config.ckpt_file, config.save_model_path, "openpose", flag)
    config, skeleton = settings_of(checkpoint, config)
    with replaced_by_checkpoint(strictly=not config.allow_partial):
        network = build_network(config, skeleton)
    load_weights(network, checkpoint, config.allow_partial)
    return fold_batch_norm(network), config, skeleton, checkpoint


def build_finder(network, config, skeleton):
    """From images to people, as the settings say. On CPU the network is changed, see `use_fast_convolutions`."""
    if ms.get_context("device_target") == "CPU":
        network = use_fast_convolutions(network)
    settings = FinderSettings(config.inference_img_size, tuple(config.inference_scales), config.flip_test,
                              config.stretch, config.decoder, MERGE[config.merge_halves], config.number_people_max)
    return PeopleFinder(network, config.normalisation, settings, skeleton)
