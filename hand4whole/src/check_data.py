"""What a data root holds and lacks, for `tools/check_data.py`."""
import os

import numpy as np

from common.data.findings import ERROR, NOTE, OK, Finding
from common.errors import UserError
from hand4whole.src.datasets import TEST_SETS, TEST_SPLITS, TRAIN_SETS

TRAIN, TEST = (sets["whole"] | sets["hand"] for sets in (TRAIN_SETS, TEST_SETS))
LOOKED_AT = 200  # images of each split, spread evenly, that are looked for


def check(data_path):
    """Look through a data root, reading every annotation file.

    Returns:
        list of Finding: with an ERROR where training on a set that is there would stop, and where there is none.
    """
    if not os.path.isdir(data_path):
        return [Finding(ERROR, "folder", f"{data_path} does not exist or is no folder",
                        f"name the folder that holds {', '.join({**TRAIN, **TEST})}")]
    findings, can_train = [], False
    for name, data_set in {**TRAIN, **TEST}.items():
        folder = data_set.find(data_path)
        if folder is None:
            findings.append(Finding(NOTE, name, "not there", f"get it from {data_set.source}"))
            continue
        if name in TRAIN:
            findings.append(_check_split(f"{name} train", folder, data_set, (), True))
            can_train |= findings[-1].level != ERROR
        if name in TEST:
            split = TEST_SPLITS.get(name, ())
            item = f"{name} {'eval' if 'eval' in split else 'test'}"
            findings.append(_check_split(item, folder, data_set, split, False))
    if not can_train:
        findings.append(Finding(ERROR, "training", "no set to train on", f"put one of {', '.join(TRAIN)} there"))
    return findings


def _check_split(item, folder, data_set, split, trains):
    """One row: how many people there are, and what they lack."""
    failed = ERROR if trains else NOTE
    try:
        records = data_set.read(folder, *split)
    except UserError as error:
        return Finding(failed, item, str(error))
    if not records:
        return Finding(failed, item, f"{folder} lists nobody")
    found = f"{len(records):,} {'hands' if 'FreiHAND' in item else 'people'}"
    missing = _missing_pictures(records)
    if missing:
        return Finding(failed, item, f"{found}, but {missing[0]} does not exist (of {min(len(records), LOOKED_AT)} "
                       f"images {len(missing)} are missing)", "unpack the images of the data set")
    if item == "EHF test":
        meshes = [record for record in records if not os.path.isfile(record.extras["mesh_path"])]
        if meshes:
            return Finding(NOTE, item, f"{found}, but {len(meshes)} meshes are missing: "
                           f"{meshes[0].extras['mesh_path']}", "unpack the data set's *_align.ply there")
    without = sum(not _has_truth(record) for record in records)
    if without == len(records) and "FreiHAND" in item and trains:
        return Finding(ERROR, item, f"{found}, but none has a fit", "get freihand_train_data.json with mano_param")
    if without:
        return Finding(NOTE, item, f"{found}, {without:,} of them without {'fit' if trains else 'truth'}",
                       "of them only annotated joints teach" if trains else "")
    return Finding(OK, item, found)


def _has_truth(record):
    return record.pose is not None or "mesh_path" in record.extras


def _missing_pictures(records):
    rows = np.unique(np.linspace(0, len(records) - 1, min(len(records), LOOKED_AT)).astype(int))
    return [records[row].image_path for row in rows if not os.path.isfile(records[row].image_path)]
