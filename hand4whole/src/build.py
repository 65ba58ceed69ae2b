"""From settings to objects: body model, network, trained network. Settings end here; what lies below takes values."""
import os

from common.backbones.folding import fold_batch_norm
from common.body_models.embedded import warn_other_body
from common.body_models.files import load_body_model
from common.engine.checkpoint import find_checkpoint, load_weights
from common.engine.continuation import adopt_settings
from common.errors import UserError
from common.initial import replaced_by_checkpoint
from hand4whole.src.config import NETWORK_KEYS, check_shapes
from hand4whole.src.network import Hand4Whole, HandOnly, Sizes
from hand4whole.src.snapshots import Snapshots
from hand4whole.src.weights import read_trained


def build_body_model(config):
    """The body that the network poses: SMPL-X, with --parts hand the right MANO hand."""
    if config.parts == "hand":
        return load_body_model("mano_right", config.mano_right_path)
    return load_body_model("smplx", config.smplx_path)


def build_network(config, model, joints_only=False):
    """The network that the settings describe, with its initial values.

    Args:
        config (Config): settings.
        model (BodyModel): see `build_body_model`.
        joints_only (bool): for training, which wants no mesh: see `Hand4Whole`.

    Returns:
        Hand4Whole or HandOnly.
    """
    sizes = Sizes(image=tuple(config.input_img_shape), body=tuple(config.input_body_shape),
                  body_maps=tuple(config.output_hm_shape), hand=tuple(config.input_hand_shape),
                  hand_maps=tuple(config.output_hand_hm_shape), face=tuple(config.input_face_shape),
                  focal=tuple(config.focal), camera=config.camera_3d_size, hand_camera=config.hand_camera_3d_size)
    if config.parts == "hand":
        return HandOnly(sizes, model, config.resnet_type, config.width, config.seed)
    return Hand4Whole(sizes, model, config.resnet_type, config.hand_resnet_type, config.face_resnet_type,
                      config.width, config.seed, joints_only)


def settings_of(checkpoint, config):
    """The settings with those of the checkpoint's network in place of the defaults and of --config_path.

    Raises:
        UserError: a flag was given that contradicts the checkpoint, the file holds part of a network only, or sizes
            that make none.
    """
    if checkpoint.meta.get("config", {}).get("resnet_only"):
        raise UserError(f"checkpoint {checkpoint.path} holds a ResNet only: train with --resnet_path "
                        f"{checkpoint.path}")
    config = adopt_settings(checkpoint, config, NETWORK_KEYS)
    check_shapes(config, f"checkpoint {checkpoint.path}: ")
    return config


def find_trained(config):
    """The checkpoint of the settings, or the newest snapshot of --parts, or for the whole network our small one.

    Returns:
        Checkpoint: of published files too.

    Raises:
        UserError: there is none, or it does not hold what it should.
    """
    snapshots = Snapshots(os.path.join(config.output_dir, "model_dump"), config.parts)
    return find_checkpoint(config.ckpt_file, snapshots.folder, "hand4whole", read=read_trained,
                           newest=snapshots.newest, small=config.parts == "whole")


def load_trained(config):
    """Network, settings, body model and file of the checkpoint that the settings name.

    Returns:
        tuple: Hand4Whole or HandOnly in evaluation mode with batch norm worked into its convolutions, Config,
        BodyModel, Checkpoint.

    Raises:
        UserError: no checkpoint, one that is merged and not fine-tuned, or weights that do not fit.
    """
    checkpoint = find_trained(config)
    if checkpoint.meta.get("config", {}).get("merged") and not config.allow_partial:
        raise UserError(f"checkpoint {checkpoint.path} is a merged one, whose networks behind the hand's ResNet have "
                        "yet to learn: fine-tune it with train.py --continue, or name another with --ckpt_file")
    config = settings_of(checkpoint, config)
    model = build_body_model(config)
    warn_other_body(checkpoint, "smplx_path" if config.parts == "whole" else "mano_right_path", model.synthetic)
    with replaced_by_checkpoint(strictly=not config.allow_partial):
        network = build_network(config, model)
    load_weights(network, checkpoint, config.allow_partial)
    return fold_batch_norm(network), config, model, checkpoint
