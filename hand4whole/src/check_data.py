"""What a data root holds and lacks, for `tools/check_data.py`."""
import os
from typing import NamedTuple

import numpy as np

from common.data.findings import ERROR, NOTE, OK, Finding
from common.data.readers.coco_wholebody import read_coco_wholebody
from common.data.readers.ehf import read_ehf
from common.data.readers.freihand import read_freihand
from common.data.readers.human36m_images import read_human36m
from common.data.readers.neural_annot import read_mpi_inf_3dhp_fits, read_mpii_fits
from common.data.readers.threedpw import read_3dpw
from common.errors import UserError
from hand4whole.src.datasets import FOLDERS

LOOKED_AT = 200  # pictures of each split, spread evenly, that are looked for


class Split(NamedTuple):
    """A split of a set: its reader (folder -> records), whether it is for training."""

    name: str
    read: object
    trains: bool


SPLITS = {
    "EHF": (Split("test", read_ehf, False),),
    "Human36M": (Split("train", lambda folder: read_human36m(folder, "train"), True),
                 Split("test", lambda folder: read_human36m(folder, "test"), False)),
    "COCOWB": (Split("train", lambda folder: read_coco_wholebody(folder, "train"), True),),
    "PW3D": (Split("test", lambda folder: read_3dpw(folder, "test"), False),),
    "FreiHAND": (Split("train", lambda folder: read_freihand(folder, "train"), True),
                 Split("eval", lambda folder: read_freihand(folder, "eval"), False)),
    "MPII": (Split("train", read_mpii_fits, True),),
    "MPI_INF_3DHP": (Split("train", read_mpi_inf_3dhp_fits, True),),
}


def check(data_path):
    """Look through a data root, reading every annotation file.

    Returns:
        list of Finding: with an ERROR where training on a set that is there would stop, and where there is none.
    """
    if not os.path.isdir(data_path):
        return [Finding(ERROR, "folder", f"{data_path} does not exist or is no folder",
                        f"name the folder that holds {', '.join(FOLDERS)}")]
    findings, can_train = [], False
    for name, folders in FOLDERS.items():
        places = [os.path.join(data_path, place) for place in folders]
        folder = next((place for place in places if os.path.isdir(place)), None)
        if folder is None:
            findings.append(Finding(NOTE, name, "not there"))
            continue
        for split in SPLITS[name]:
            findings.append(_check_split(f"{name} {split.name}", folder, split))
            can_train |= split.trains and findings[-1].level != ERROR
    if not can_train:
        sets = [name for name, splits in SPLITS.items() if any(split.trains for split in splits)]
        findings.append(Finding(ERROR, "training", "no set to train on", f"put one of {', '.join(sets)} there"))
    return findings


def _check_split(item, folder, split):
    """One row: how many people there are, and what they lack."""
    failed = ERROR if split.trains else NOTE
    try:
        records = split.read(folder)
    except UserError as error:
        return Finding(failed, item, str(error))
    if not records:
        return Finding(failed, item, f"{folder} lists nobody")
    found = f"{len(records):,} {'hands' if 'FreiHAND' in item else 'people'}"
    missing = _missing_pictures(records)
    if missing:
        return Finding(failed, item, f"{found}, but {missing[0]} does not exist (of {min(len(records), LOOKED_AT)} "
                       f"pictures {len(missing)} are missing)", "unpack the pictures of the data set")
    if item == "EHF test":
        meshes = [record for record in records if not os.path.isfile(record.extras["mesh_path"])]
        if meshes:
            return Finding(NOTE, item, f"{found}, but {len(meshes)} meshes are missing: "
                           f"{meshes[0].extras['mesh_path']}", "unpack the data set's *_align.ply there")
    without = sum(not _has_truth(record) for record in records)
    if without == len(records) and "FreiHAND" in item and split.trains:
        return Finding(ERROR, item, f"{found}, but none has a fit", "get freihand_train_data.json with mano_param")
    if without:
        return Finding(NOTE, item, f"{found}, {without:,} of them without {'fit' if split.trains else 'truth'}",
                       "of them only annotated joints teach" if split.trains else "")
    return Finding(OK, item, found)


def _has_truth(record):
    return record.pose is not None or "mesh_path" in record.extras


def _missing_pictures(records):
    rows = np.unique(np.linspace(0, len(records) - 1, min(len(records), LOOKED_AT)).astype(int))
    return [records[row].image_path for row in rows if not os.path.isfile(records[row].image_path)]
