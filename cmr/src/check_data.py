"""What a folder of CMR's data sets holds and lacks, for `tools/check_data.py`."""
import os

from cmr.src.annotations import read_annotations
from cmr.src.config import MIXES, read_settings
from cmr.src.preprocess.sets import EVALUATION, TRAINING, folder_of, prepared_file
from cmr.src.protocols import FIELDS
from common.data.findings import ERROR, NOTE, OK, Finding
from common.errors import UserError
from common.names import path_below


def check(data_path):
    """Look through a data folder: prepared files, and whether the images that they name are there.

    Args:
        data_path (str): `--dataset_root`; prepared files in `extras` below it.

    Returns:
        list of Finding: with an ERROR where training on this folder would stop.
    """
    if not os.path.isdir(data_path):
        return [Finding(ERROR, "folder", f"{data_path} does not exist or is no folder",
                        "name the folder that holds UP_3D, LSP, MPII, coco2014, ...")]
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
    if not os.path.isdir(folder):
        return Finding(NOTE, item, f"no folder {folder}", f"get it from {prepared.data_set.source}")
    if not os.path.isfile(path):
        return Finding(NOTE, item, f"{folder}, not prepared", f"python preprocess.py --{split}_files --only {name}")
    try:
        names = read_annotations(path, fields)["imgname"]
        paths = {image: path_below(folder, image, f"{path}: imgname") for image in names[[0, -1]]}
    except UserError as error:
        return Finding(ERROR if split == "train" else NOTE, item, str(error))
    missing = [image for image, place in paths.items() if not os.path.isfile(place)]
    if missing:
        return Finding(ERROR if split == "train" else NOTE, item,
                       f"{len(names):,} people, but no {missing[0]} in {folder}",
                       "unpack the images, or prepare the set again")
    return Finding(OK, item, f"{len(names):,} people in {folder}")
