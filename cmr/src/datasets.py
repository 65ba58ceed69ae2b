"""From settings to data sets: the people that are trained on, mixed, and those that are measured."""
import dataclasses
import logging
import os

from cmr.src.config import MIXES, read_settings
from cmr.src.dataset import CMRDataset, Crop, read_annotations
from cmr.src.mesh import load_smpl
from cmr.src.preprocess.sets import EVALUATION, TRAINING, UPI_S1H, folder_of, prepared_file
from cmr.src.protocols import FIELDS, TrueGenderedBodies, TrueJoints, TrueSegmentations, TrueShapes, find_parts
from common.body_models.companions import load_regressor
from common.data.augment import GRAPHCMR
from common.data.findings import ERROR, NOTE, OK, Finding, check_set
from common.data.mixture import Mixture
from common.errors import UserError
from common.names import path_below

LOGGER = logging.getLogger("mindhuman")


def build_training_set(config):
    """The people that the settings train on, augmented, and some of them as they are.

    Returns:
        tuple: source for `Pipeline`, CMRDataset without augmentation.

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
        sets[member] = CMRDataset(fields, folder_of(config, TRAINING[member]), crop, augmentation)
    # Those with a body's labels show best what is learned.
    shown = sets.get("up-3d") or next(iter(sets.values()))
    people = Mixture(sets, mix, max(map(len, sets.values()))) if len(sets) > 1 else shown
    return people, CMRDataset(shown.fields, shown.folder, crop)


def build_test_set(config, body):
    """The people that the settings measure, with the truth and the metric.

    Args:
        config (Config): settings, with those of the checkpoint.

    Raises:
        UserError: no such data set, or files that are missing or damaged.
    """
    name = config.dataset or "up-3d"
    if name not in EVALUATION:
        raise UserError(f"--dataset {name}: evaluation takes one of {', '.join(EVALUATION)}")
    prepared = EVALUATION[name]
    people = CMRDataset(read_annotations(prepared_file(config, prepared), FIELDS[name]),
                    folder_of(config, prepared), Crop(config.img_res, config.crop_contrast_stretch))
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


def check_folder(data_path):
    """What a data folder holds and lacks, for `tools/check_data.py`: prepared files, and the images that they name.

    Args:
        data_path (str): `--dataset_root`; prepared files in `extras` below it.

    Returns:
        list of Finding: with an ERROR where training on this folder would stop.
    """
    config = read_settings(["--dataset_root", data_path, "--dataset_npz_path", data_path])
    findings = [_check_set(config, name, prepared, "train", ()) for name, prepared in TRAINING.items()]
    usable = [name for name, finding in zip(TRAINING, findings) if finding.level == OK]
    findings += [_check_set(config, name, prepared, "eval", FIELDS[name]) for name, prepared in EVALUATION.items()]
    for mix, shares in MIXES.items():
        missing = [name for name in shares if name not in usable]
        findings.append(Finding(NOTE if missing else OK, f"--dataset {mix}",
                                f"not possible without {', '.join(missing)}" if missing else "possible"))
    if not usable:
        findings.append(Finding(ERROR, "training", "no training set is ready",
                                "unpack one, then: python preprocess.py --train_files"))
    return findings


def _check_set(config, name, prepared, split, fields):
    """A row about one data set."""
    item, folder, path = f"{name} ({split})", folder_of(config, prepared), prepared_file(config, prepared)
    failed = ERROR if split == "train" else NOTE

    def read(folder):
        if not os.path.isfile(path):
            return Finding(NOTE, item, f"{folder}, not prepared", f"python preprocess.py --{split}_files --only {name}")
        names = read_annotations(path, fields)["imgname"]
        paths = {image: path_below(folder, image, f"{path}: imgname") for image in names[[0, -1]]}
        missing = [image for image, place in paths.items() if not os.path.isfile(place)]
        if missing:
            return Finding(failed, item, f"{len(names):,} people, but no {missing[0]} in {folder}",
                           "unpack the images, or prepare the set again")
        return f"{len(names):,} people in {folder}"

    if not os.path.isdir(folder):
        return Finding(NOTE, item, f"no folder {folder}", f"get it from {prepared.data_set.source}")
    return check_set(item, prepared.data_set, folder, read, failed)
