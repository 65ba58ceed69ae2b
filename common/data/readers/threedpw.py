"""3DPW as Hand4Whole's JSON files hold it.

    data/3DPW_{train,validation,test}.json      COCO style; images have sequence and cam_param, people smpl_param
    data/imageFiles/<sequence>/image_00000.jpg  or imageFiles/ beside `data`

`smpl_param` has pose (72), shape (10) and trans (3), camera axes, metres, and gender.
Source: mks0601/Hand4Whole_RELEASE `PW3D.py`.
"""

from common.data.readers.annotation_files import first_existing
from common.data.readers.checks import dictionary, gender, member, numbers, text
from common.data.readers.coco_people import read_people
from common.data.readers.smplx_params import read_camera
from common.data.records import Record
from common.errors import UserError
from common.names import path_below

SPLITS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}
_HINT = "get 3DPW_train.json, 3DPW_validation.json and 3DPW_test.json from Hand4Whole's page and imageFiles from 3DPW's"


def read_3dpw(folder: str, split: str = "test") -> list[Record]:
    """People of one split.

    Args:
        folder (str): holds `data`, or what is in it.
        split (str): "train", "validation" (or "val") or "test".

    Returns:
        list[Record]: no joints; pose (72,), beta, translation, focal, principal; `extras` has gender and size (width,
        height).

    Raises:
        UserError: no such split, files missing, or annotations in another form.
    """
    if split not in SPLITS:
        raise UserError(f"split {split!r} of 3DPW does not exist: use train, validation or test")
    name = f"3DPW_{SPLITS[split]}.json"
    path = first_existing(folder, (f"data/{name}", name), _HINT)
    images = first_existing(folder, ("data/imageFiles", "imageFiles"), _HINT)
    records = []
    for person in read_people(path, hint=_HINT):
        where, sequence = person.where, text(person.image_entry, "sequence", person.where)
        body = dictionary(member(person.entry, "smpl_param", where), where)
        focal, principal = read_camera(member(person.image_entry, "cam_param", where), where)
        image_path = person.path(path_below(images, sequence, f"{where}: sequence"))
        records.append(Record(
            image_path=image_path, box=person.box,
            pose=numbers(member(body, "pose", where), (72,), f"{where}: pose"),
            beta=numbers(member(body, "shape", where), (None,), f"{where}: shape")[:10],
            translation=numbers(member(body, "trans", where), (3,), f"{where}: trans"), focal=focal,
            principal=principal, key=person.key,
            extras={"gender": gender(body.get("gender", "neutral"), where), "size": person.size(image_path)}))
    return records
