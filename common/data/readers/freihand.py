"""FreiHAND as Hand4Whole's hand-only stage has it: right hands with MANO fits.

    data/training/rgb/00000000.jpg, data/evaluation/rgb/00000000.jpg
    data/freihand_{train,eval}_coco.json    COCO style; images have `db_idx`
    data/freihand_{train,eval}_data.json    {db_idx: {cam_param {focal, princpt}, mano_param {pose, shape, trans}}}
    rootnet_output/bbox_root_freihand_output.json    optional: boxes of a detector for the evaluation images

Source: mks0601/Hand4Whole_RELEASE `FreiHAND.py`.
"""
import os

from common.data.readers.annotation_files import first_existing
from common.data.readers.checks import dictionary, member, numbers
from common.data.readers.coco_images import key_of
from common.data.readers.coco_people import read_people
from common.data.readers.smplx_params import body_fields, read_camera, read_mano_params
from common.data.records import Record
from common.errors import UserError
from common.text_files import read_json

_HINT = "get freihand_train_coco.json, freihand_train_data.json and their eval twins from Hand4Whole's page"


def read_freihand(folder: str, split: str = "train") -> list[Record]:
    """Hands of one split.

    Args:
        folder (str): the data set's folder, or what is in its `data`.
        split (str): "train" or "eval".

    Returns:
        list[Record]: no joints; focal and principal; pose (48,), beta and translation where the files have a fit.
        `extras` has size (width, height) and, where the detector's file is there, `root_depth` (m or mm as stored),
        the depth of the wrist; the box then is the detector's.

    Raises:
        UserError: no such split, files missing, or annotations in another form.
    """
    if split not in ("train", "eval"):
        raise UserError(f"split {split!r} of FreiHAND does not exist: use train or eval")
    path = first_existing(folder, [f"{home}freihand_{split}_coco.json" for home in ("", "data/")], _HINT)
    home = os.path.dirname(path)
    data_path = os.path.join(home, f"freihand_{split}_data.json")
    data, detected = read_json(data_path, hint=_HINT), _detections(home) if split == "eval" else {}
    records = []
    for person in read_people(path, hint=_HINT, instead="RootNet's" if detected else ""):
        number = str(member(person.image_entry, "db_idx", person.where))
        entry, place = dictionary(member(data, number, data_path), data_path), f"{data_path}: {number}"
        focal, principal = read_camera(member(entry, "cam_param", place), place)
        fit = read_mano_params(entry["mano_param"], place) if entry.get("mano_param") else None
        image_path, found = person.path(home), detected.get(key_of(person.image.id))
        box = numbers(found["bbox"], (4,), f"bbox of image {number} in RootNet's file") if found else person.box
        root_depth = {"root_depth": float(found["root_cam"][2])} if found else {}
        records.append(Record(
            image_path=image_path, box=box, **body_fields(fit), focal=focal, principal=principal, key=person.key,
            extras={"size": person.size(image_path)} | root_depth))
    return records


def _detections(home: str) -> dict[str, dict]:
    """Boxes and wrists that RootNet found, by image; empty without its file."""
    path = os.path.join(os.path.dirname(os.path.abspath(home)), "rootnet_output", "bbox_root_freihand_output.json")
    if not os.path.exists(path):
        return {}
    rows = {}
    for row in read_json(path):
        numbers(member(row, "root_cam", path), (3,), f"{path}: root_cam")
        member(row, "bbox", path)
        rows[key_of(member(row, "image_id", path))] = row
    return rows
