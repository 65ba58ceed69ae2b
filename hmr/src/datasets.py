"""From settings to training samples: the data sets that are there, mixed, with what an update draws besides."""
import logging
import os

from common.data.catalogue import choose
from common.data.mixture import Mixture
from common.errors import UserError
from hmr.src.conventions import find_convention
from hmr.src.dataset import Augmentation, PeopleSource, TrainingSource
from hmr.src.people import Limits, with_joints_of
from hmr.src.sources import (
    PRIORS,
    SETS_2D,
    SETS_3D,
    Incomplete,
    join_priors,
    read_people,
    read_prior,
)

LOGGER = logging.getLogger("mindhuman")


def build_source(config, body=None):
    """Training samples of the settings' data sets, and how many go into an update on each card.

    Args:
        config (Config): settings.
        body (BodyModel): that gives 3D joints to people of whom SMPL parameters are known; None: they stay without.

    Raises:
        UserError: no data set at all, files that do not fit, or sets without a usable person.
    """
    if not os.path.isdir(config.data_path):
        raise UserError(f"--data_path {config.data_path or 'is missing'}: name the folder that holds the data sets, "
                        "such as HMR_DATA")
    limits = Limits(config.min_keypoints, config.min_size, config.max_overlap)
    augmentation = Augmentation(config.scale_min, config.scale_max, config.trans_max, config.flip_prob)
    factors, convention = _set_weights(config.set_weights), find_convention(config.convention)
    sources, weights, batch_size = {}, {}, 0
    for flag, sets, share in (("train_2d_set", SETS_2D, config.batch_size),
                              ("train_3d_set", SETS_3D, config.batch_3d_size)):
        people = _read_each(config, flag, _find(config, flag, sets) if share else {},
                            lambda name, folder: read_people(name, folder, limits, config.mpi_every))
        if body is not None:
            people = {name: with_joints_of(members, body) for name, members in people.items()}
        group = {name: PeopleSource(members, convention, config.crop_size, augmentation)
                 for name, members in people.items()}
        shown = {name: factors.pop(name, 1.0) * len(source) for name, source in group.items()}
        weights.update({name: share * number / sum(shown.values()) for name, number in shown.items()})
        sources.update(group)
        batch_size += share if group else 0
    if not sources:
        raise UserError(f"--data_path {config.data_path} holds none of the data sets "
                        f"{', '.join([*config.train_2d_set, *config.train_3d_set])} that can be read: unpack one there")
    if factors:
        raise UserError(f"--set_weights: {next(iter(factors))} is none of the data sets in use: {', '.join(sources)}")
    keep_shape = (2 * config.iterations, config.hidden_size) if config.dropout < 1 else None
    prior = _read_prior(config)
    num_real = _real_per_sample(config, batch_size) if prior is not None else 0
    return TrainingSource(Mixture(sources, weights), prior, num_real, keep_shape, config.dropout), batch_size


def _find(config, flag, sets):
    """name -> folder of the data sets that are there; one that was asked for has to be."""
    names = [choose(given, sets, flag) for given in config[flag]]
    if flag in config.given:
        return {name: sets[name].folder(config.data_path, "data_path") for name in names}
    return {name: folder for name in names if (folder := sets[name].find(config.data_path))}


def _read_each(config, flag, found, read):
    """name -> what `read` makes of a folder. A set that was not asked for is left out when it cannot be read."""
    sets = {}
    for name, folder in found.items():
        try:
            sets[name] = read(name, folder)
        except Incomplete as error:
            if flag in config.given:
                raise
            LOGGER.warning("%s is left out: %s", name, error)
    return sets


def _set_weights(items):
    """name -> factor, from `name=factor`."""
    factors = {}
    for item in items:
        name, _, text = item.partition("=")
        try:
            factor = float(text)
        except ValueError:
            factor = 0.0
        if not factor > 0:
            raise UserError(f"--set_weights {item}: write name=number, such as coco=0.5, with a positive number")
        factors[choose(name, SETS_2D | SETS_3D, "set_weights")] = factor
    return factors


def _read_prior(config):
    """Real poses for the critic; None without any, or when they weigh nothing."""
    if not config.d_loss_weight * config.d_disc_ratio:
        return None
    priors = _read_each(config, "train_adv_set", _find(config, "train_adv_set", PRIORS), read_prior)
    for name in [name for name, prior in priors.items() if prior is None]:
        if "train_adv_set" in config.given:
            raise UserError(f"--train_adv_set: {name} has no SMPL parameters here: leave it out")
        del priors[name]
    if not priors:
        LOGGER.warning("%s: training goes on without a critic, so poses may be predicted that nobody can take",
                       "--train_adv_set is empty" if not config.train_adv_set else
                       f"{config.data_path} holds no real poses ({', '.join(config.train_adv_set)})")
        return None
    prior = join_priors(priors.values())
    LOGGER.info("critic: %d real poses of %s", len(prior.pose), ", ".join(priors))
    return prior


def _real_per_sample(config, batch_size):
    """How many real poses come with each sample; the critic sees the predictions of all rounds."""
    if not config.adv_batch_size:
        return config.iterations
    number, rest = divmod(config.adv_batch_size, batch_size)
    if rest or not number:
        raise UserError(f"--adv_batch_size {config.adv_batch_size} is no multiple of the {batch_size} people of an "
                        "update")
    return number
