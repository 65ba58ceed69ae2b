"""From settings to objects: body, network, data. Settings end here; what lies below takes plain values."""
import dataclasses
import logging
from typing import NamedTuple

import numpy as np

from cmr.src.annotations import read_annotations
from cmr.src.config import MIXES, NETWORK_KEYS
from cmr.src.crop import Crop
from cmr.src.dataset import People
from cmr.src.mesh import GraphMesh, load_graph_mesh, load_smpl, training_regressor
from cmr.src.network import CMR
from cmr.src.preprocess.sets import EVALUATION, TRAINING, UPI_S1H, folder_of, prepared_file
from cmr.src.protocols import FIELDS, TrueGenderedBodies, TrueJoints, TrueSegmentations, TrueShapes, find_parts
from cmr.src.weights import read_trained
from common.backbones.folding import fold_batch_norm
from common.body_models.companions import load_regressor
from common.body_models.embedded import warn_other_body
from common.body_models.files import BodyModel
from common.body_models.smpl import SMPL
from common.data.augment import GRAPHCMR
from common.data.mixture import Mixture
from common.engine.checkpoint import find_checkpoint, load_weights
from common.engine.continuation import adopt_settings, require_model
from common.errors import UserError
from common.initial import replaced_by_checkpoint

LOGGER = logging.getLogger("mindhuman")


class Body(NamedTuple):
    """The body model and what belongs to its mesh.

    Attributes:
        model (BodyModel): SMPL.
        mesh (GraphMesh): matrices and template that the network works with.
        regressor (array): (24, 6890), mesh to training joints, the skeleton graphcmr_24.
    """

    model: BodyModel
    mesh: GraphMesh
    regressor: np.ndarray


def load_body(config):
    """The body model of the settings with its mesh and joints; reads no files where the paths are empty.

    Raises:
        UserError: files that are missing, damaged or do not fit each other.
    """
    model = load_smpl(config.smpl_path)
    return Body(model, load_graph_mesh(model, config.mesh_path),
                training_regressor(model, config.joint_regressor_extra_path))


def build_network(config, body=None):
    """The network that the settings describe, with its initial values.

    Args:
        config (Config): settings.
        body (Body): None reads the one that the settings name.
    """
    body = body or load_body(config)
    return CMR(body.mesh, SMPL(body.model), config.num_layers, config.num_channels, config.depth, config.width,
               config.use_svd, config.hidden_size, config.seed)


def settings_of(checkpoint, config):
    """The settings with those of the checkpoint's network in place of the defaults and of --config_path.

    Raises:
        UserError: a flag was given that contradicts the checkpoint.
    """
    require_model(checkpoint, "cmr")
    warn_other_body(checkpoint, "smpl_path", not config.smpl_path)
    return adopt_settings(checkpoint, config, NETWORK_KEYS)


def load_trained(config, body=None):
    """Network, settings and file of the checkpoint that the settings name.

    Args:
        config (Config): settings; those of the network give way to the checkpoint's.
        body (Body): None reads the one that the settings name.

    Returns:
        tuple: CMR in evaluation mode with batch norm worked into its convolutions, Config, Checkpoint.

    Raises:
        UserError: no checkpoint, or weights that do not fit.
    """
    checkpoint = find_checkpoint(config.ckpt_file, config.save_checkpoint_dir, "cmr", read=read_trained)
    config = settings_of(checkpoint, config)
    with replaced_by_checkpoint(strictly=not config.allow_partial):
        network = build_network(config, body)
    load_weights(network, checkpoint, config.allow_partial)
    return fold_batch_norm(network), config, checkpoint


def build_training_set(config):
    """The people that the settings train on, augmented, and some of them as they are.

    Returns:
        tuple: source for `Pipeline`, People without augmentation.

    Raises:
        UserError: no such data set, or its prepared file is missing or damaged.
    """
    name = config.dataset or "itw"
    if name not in (*MIXES, *TRAINING):
        raise UserError(f"--dataset {name}: training takes one of {', '.join((*MIXES, *TRAINING))}")
    augmentation = dataclasses.replace(GRAPHCMR, rotation_deg=config.rot_factor, scale=config.scale_factor,
                                       colour=config.noise_factor)
    crop, mix = Crop(config.img_res, config.crop_contrast_stretch), MIXES.get(name, {name: 1.0})
    sets = {}
    for member in mix:
        fields = read_annotations(prepared_file(config, TRAINING[member]))
        sets[member] = People(fields, folder_of(config, TRAINING[member].folder), crop, augmentation)
    # Those with a body's labels show best what is learned.
    shown = sets.get("up-3d") or next(iter(sets.values()))
    people = Mixture(sets, mix, max(map(len, sets.values()))) if len(sets) > 1 else shown
    return people, People(shown.fields, shown.folder, crop)


def build_test_set(config, body):
    """The people that the settings measure, with the truth and the metric.

    Args:
        config (Config): settings, with those of the checkpoint.
        body (Body): the body.

    Raises:
        UserError: no such data set, or files that are missing or damaged.
    """
    name = config.dataset or "up-3d"
    if name not in EVALUATION:
        raise UserError(f"--dataset {name}: evaluation takes one of {', '.join(EVALUATION)}")
    data_set = EVALUATION[name]
    people = People(read_annotations(prepared_file(config, data_set), FIELDS[name]),
                    folder_of(config, data_set.folder), Crop(config.img_res, config.crop_contrast_stretch))
    if name == "up-3d":
        return TrueShapes(people, body.model)
    if name == "lsp":
        return TrueSegmentations(people, folder_of(config, UPI_S1H), body.model.faces,
                                 find_parts(body.model, config.vertex_texture_path, config.cube_parts_path))
    regressor = load_regressor(body.model, "J_regressor_h36m", config.joint_regressor_h36m_path)
    if name != "3dpw":
        return TrueJoints(people, regressor)
    paths = {"neutral": "", "male": config.smpl_male_path, "female": config.smpl_female_path}
    if body.model.synthetic or not all((paths["male"], paths["female"])):
        LOGGER.warning("3dpw: the bodies of men and women are that of --smpl_path, as --smpl_male_path or "
                       "--smpl_female_path is empty: the truth is a little off")
    return TrueGenderedBodies(people, {gender: load_smpl(path) if path else body.model
                                       for gender, path in paths.items()}, regressor)
