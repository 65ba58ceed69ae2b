"""COCO-WholeBody with NeuralAnnot's SMPL-X and MANO fits, as Hand4Whole's folder `COCOWB` (`MSCOCO`) has them.

    images/{train2017,val2017}/000000000001.jpg
    annotations/coco_wholebody_{train,val}_v1.0.json     COCO, with feet, hands, face and their boxes
    annotations/MSCOCO_train_SMPLX_all_NeuralAnnot.json  {annotation: {smplx_param, cam_param}}; optional
    annotations/MSCOCO_train_MANO_NeuralAnnot.json       {annotation: {left, right: {mano_param, cam_param} or null}}

Sources: jin-s13/COCO-WholeBody data_format.md, mks0601/Hand4Whole_RELEASE `MSCOCO.py`.
"""
import os

import numpy as np

from common.data.readers.annotation_files import first_existing
from common.data.readers.checks import dictionary, member, numbers
from common.data.readers.coco_people import PersonEntry, read_people
from common.data.readers.smplx_params import MANOFit, body_fields, read_camera, read_fit, read_mano_params
from common.data.records import HIDDEN, VISIBLE, Record
from common.errors import UserError
from common.joints import SKELETONS
from common.text_files import read_json

# Hand points are called `left_hand_wrist`, `left_hand_thumb1`, ...; see `joints` for the face.
JOINTS = SKELETONS["coco_wholebody_133"]
_PARTS = (("foot_kpts", 6), ("lefthand_kpts", 21), ("righthand_kpts", 21), ("face_kpts", 68))
_BOXES = ("lefthand", "righthand", "face")
_HINT = "get coco_wholebody_train_v1.0.json and coco_wholebody_val_v1.0.json from the COCO-WholeBody page"


def read_coco_wholebody(folder: str, split: str = "train") -> list[Record]:
    """People with at least one body joint; crowds are left out.

    Args:
        folder (str): holds `images` and `annotations`.
        split (str): "train" or "val".

    Returns:
        list[Record]: joints in the order of `JOINTS`. `extras` has size (width, height); `lefthand_box`,
        `righthand_box`, `face_box` (4,) or None where not valid; `fit` (SMPLXFit, camera axes) or None; `hands`, a
        dict of left and right -> (MANOFit, focal, principal) or None. With a fit also pose (165,), beta, translation,
        focal and principal.

    Raises:
        UserError: no such split, files missing, or annotations in another form.
    """
    if split not in ("train", "val"):
        raise UserError(f"split {split!r} of COCO-WholeBody does not exist: use train or val")
    annotations = first_existing(folder, ("annotations",), _HINT)
    path = os.path.join(annotations, f"coco_wholebody_{split}_v1.0.json")
    paths = [os.path.join(annotations, f"MSCOCO_{split}_{name}_NeuralAnnot.json") for name in ("SMPLX_all", "MANO")]
    fits, hands = ((dictionary(read_json(path), path) if os.path.exists(path) else {}, path) for path in paths)
    images = os.path.join(folder, "images", f"{split}2017")
    return [_record(images, person, fits, hands) for person in read_people(path, SKELETONS["coco_17"], hint=_HINT)
            if person.num_keypoints and not person.crowd]


def _record(images: str, person: PersonEntry, fits: tuple[dict, str], hands: tuple[dict, str]) -> Record:
    annotation, key, where = person.entry, person.key, person.where
    rows = np.concatenate([person.joints, *(numbers(member(annotation, part, where), (count, 3), f"{where}: {part}")
                                            for part, count in _PARTS)])
    boxes = {f"{name}_box": numbers(member(annotation, f"{name}_box", where), (4,), f"{where}: {name}_box")
             if member(annotation, f"{name}_valid", where) else None for name in _BOXES}
    fit, focal, principal = read_fit(fits[0], key, fits[1])
    path = person.path(images)
    return Record(
        image_path=path, box=person.box, joints=JOINTS, j2d=rows[:, :2],
        # Feet, hands and faces carry scores up to 2 instead of flags.
        visibility=np.where(rows[:, 2] > 1, VISIBLE, np.where(rows[:, 2] > 0, HIDDEN, 0)).astype(np.uint8),
        **body_fields(fit), focal=focal, principal=principal, key=key,
        extras={"size": person.size(path), "fit": fit, **boxes,
                "hands": {side: _hand(hands, key, side) for side in ("left", "right")}})


def _hand(hands: tuple[dict, str], key: str, side: str) -> tuple[MANOFit, np.ndarray, np.ndarray] | None:
    entry = dictionary(hands[0].get(key) or {}, f"{hands[1]}: {key}").get(side)
    if not entry:
        return None
    place = f"{hands[1]}: {key}: {side}"
    return (read_mano_params(member(entry, "mano_param", place), place),
            *read_camera(member(entry, "cam_param", place), place))
