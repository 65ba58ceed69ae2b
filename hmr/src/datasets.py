"""Which data sets HMR trains with: who of them, how their keypoints count, real poses, and all of it mixed."""
import contextlib
import logging
import os

import numpy as np

from common.data import catalogue
from common.data.catalogue import by_name, choose
from common.data.findings import ERROR, NOTE, OK, Finding, check_set
from common.data.mixture import Mixture
from common.data.readers.derived import find_derived
from common.data.readers.mosh import PosePrior
from common.errors import UserError
from hmr.src.config import HMR_MEAN, HMR_SMPL, read_settings
from hmr.src.conventions import find_convention
from hmr.src.dataset import CropAugmentation, Limits, PeopleSource, TrainingSource, gather, with_joints_of
from hmr.src.protocols import HELD_OUT, PROTOCOLS, subject_of

LOGGER = logging.getLogger("mindhuman")


class Incomplete(UserError):
    """Files of a data set are missing or damaged."""


@contextlib.contextmanager
def _files_of_a_set():
    """What is wrong with files within the block is `Incomplete`."""
    try:
        yield
    except UserError as error:
        raise Incomplete(str(error)) from None


SETS_2D = by_name(catalogue.COCO, catalogue.LSP, catalogue.LSP_EXTENDED, catalogue.MPII, catalogue.AI_CHALLENGER)
SETS_3D = by_name(catalogue.MPI_INF_3DHP, catalogue.HUMAN36M, catalogue.UP_3D)
PRIORS = by_name(catalogue.MOSH, catalogue.AMASS, catalogue.HUMAN36M)
# Weight of keypoints that are labelled but hidden, elsewhere 0; sets whose boxes are not those around the keypoints.
HIDDEN_WEIGHTS = {"coco": 0.5, "mpii": 1.0, "ai-ch": 0.5}
OWN_BOXES = ("coco", "ai-ch")


def read_people(name, folder, limits, every=1):
    """People of a set to train on -> People.

    Args:
        name (str): key of `SETS_2D` or `SETS_3D`.
        folder (str): where it lies.
        limits (Limits): of the filters.
        every (int): of which frames one is used, for MPI-INF-3DHP as published.

    Raises:
        Incomplete: files missing or damaged.
        UserError: nobody passes the filters.
    """
    data_set = SETS_2D.get(name) or SETS_3D[name]
    with _files_of_a_set():
        records = data_set.read(folder, **({"every": every} if data_set is catalogue.MPI_INF_3DHP else {}))
    records = [record for record in records if subject_of(record.image_path, folder) not in HELD_OUT.get(name, ())]
    people, dropped = gather(records, HIDDEN_WEIGHTS.get(name, 0.0), name in OWN_BOXES, limits, name)
    reasons = ", ".join(f"{number} by {setting}" for setting, number in dropped.items() if number)
    LOGGER.info("%s: %d of %d people in %s%s", name, len(people), len(records), folder,
                f" (left out: {reasons})" if reasons else "")
    if not os.path.isfile(people.images[0]):
        raise Incomplete(f"image {people.images[0]} of {name} does not exist: unpack the images there")
    return people


def read_prior(name, path):
    """Real poses and shapes of one source for the discriminator, without the people kept for evaluation.

    Returns:
        PosePrior: None for a Human3.6M without SMPL parameters.

    Raises:
        Incomplete: files missing or damaged.
    """
    with _files_of_a_set():
        if name != catalogue.HUMAN36M.name:
            return catalogue.MOSH.read(path)
        if find_derived(path) is None:
            return None
        records = [record for record in catalogue.HUMAN36M.read(path) if record.pose is not None
                   and subject_of(record.image_path, path) not in HELD_OUT[name]]
    if not records:
        return None
    return PosePrior(np.array([record.pose for record in records], np.float32),
                     np.array([record.beta for record in records], np.float32))


def join_priors(priors):
    """Several `PosePrior` as one."""
    return PosePrior(*(np.concatenate(columns) for columns in zip(*priors)))


def build_training_set(config, body=None):
    """Training samples of the settings' data sets, and how many go into an update on each card.

    Args:
        body (BodyModel): that gives 3D joints to people of whom SMPL parameters are known; None: they stay without.

    Raises:
        UserError: no data set at all, files that do not fit, or sets without a usable person.
    """
    if not os.path.isdir(config.data_path):
        raise UserError(f"--data_path {config.data_path or 'is missing'}: name the folder that holds the data sets, "
                        "such as HMR_DATA")
    limits = Limits(config.min_keypoints, config.min_size, config.max_overlap)
    augmentation = CropAugmentation(config.scale_min, config.scale_max, config.trans_max, config.flip_prob)
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
        if not 0 < factor < float("inf"):
            raise UserError(f"--set_weights {item}: write name=number, such as coco=0.5, with a positive number")
        factors[choose(name, SETS_2D | SETS_3D, "set_weights")] = factor
    return factors


def _read_prior(config):
    """Real poses for the discriminator; None without any, or when they weigh nothing."""
    if not config.d_loss_weight * config.d_disc_ratio:
        return None
    priors = _read_each(config, "train_adv_set", _find(config, "train_adv_set", PRIORS), read_prior)
    for name in [name for name, prior in priors.items() if prior is None]:
        if "train_adv_set" in config.given:
            raise UserError(f"--train_adv_set: {name} has no SMPL parameters here: leave it out")
        del priors[name]
    if not priors:
        LOGGER.warning("%s: training goes on without a discriminator, so poses may be predicted that nobody can take",
                       "--train_adv_set is empty" if not config.train_adv_set else
                       f"{config.data_path} holds no real poses ({', '.join(config.train_adv_set)})")
        return None
    prior = join_priors(priors.values())
    LOGGER.info("discriminator: %d real poses of %s", len(prior.pose), ", ".join(priors))
    return prior


def _real_per_sample(config, batch_size):
    """How many real poses come with each sample; the discriminator sees the predictions of all rounds."""
    if not config.adv_batch_size:
        return config.iterations
    number, rest = divmod(config.adv_batch_size, batch_size)
    if rest or not number:
        raise UserError(f"--adv_batch_size {config.adv_batch_size} is no multiple of the {batch_size} people of an "
                        "update")
    return number


def check_folder(data_path):
    """What a data folder holds and lacks, for `tools/check_data.py`; the annotations of every data set are read.

    Args:
        data_path (str): HMR_DATA.

    Returns:
        list of Finding: with an ERROR where training on this folder would stop.
    """
    config = read_settings([])
    limits = Limits(config.min_keypoints, config.min_size, config.max_overlap)
    findings = [Finding(OK, name, "there") if os.path.isfile(os.path.join(data_path, name)) else
                Finding(NOTE, name, f"not there: {instead}") for name, instead in (
                    (HMR_SMPL, "the synthetic body stands in"), (HMR_MEAN, "training starts from the rest pose"))]

    def people(name, folder):
        return f"{len(read_people(name, folder, limits, config.mpi_every)):,} people in {folder}"

    def poses(name, path):
        prior = read_prior(name, path)
        return f"{len(prior.pose):,} in {path}" if prior else Finding(NOTE, f"{name} (poses)", "no SMPL parameters")

    sets = []
    for what, group, read in (("2d", SETS_2D, people), ("3d", SETS_3D, people), ("adv", PRIORS, poses)):
        kind = "poses" if what == "adv" else what.upper()
        sets += [check_set(f"{name} ({kind})", data_set, data_set.find(data_path),
                           lambda folder, name=name, read=read: read(name, folder),
                           advice=f"mend it, or leave {name} out of --train_{what}_set")
                 for name, data_set in group.items()]
    findings += sets
    if not any(row.level == OK for row in sets[:-len(PRIORS)]):
        findings.append(Finding(ERROR, "training", "no data set can be used",
                                f"unpack one of {', '.join((*SETS_2D, *SETS_3D))} here"))
    if all(row.level == NOTE for row in sets[-len(PRIORS):]):
        findings.append(Finding(NOTE, "poses", "none: training goes on without a discriminator",
                                "unpack mosh_annot.h5 into mosh, or AMASS into amass (--train_adv_set amass)"))
    there = [name for name, data_set in PROTOCOLS.items() if data_set.find(data_path)]
    return [*findings, Finding(OK if there else NOTE, "evaluation", f"folders of {', '.join(there)}" if there else
                               "no folder of an evaluation set")]
