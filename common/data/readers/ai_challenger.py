"""AI Challenger 2017, human skeletons: people with 14 joints, several in most images.

    <folder>/keypoint_train_annotations_20170909.json
    <folder>/keypoint_train_images_20170902/<image_id>.jpg

The annotations are a list of images: `image_id`, `human_annotations` {human1: [left, top, right, bottom]} and
`keypoint_annotations` {human1: [x, y, v, ...]} with v = 1 visible, 2 hidden, 3 not labelled.
Source: the dataset's README; MandyMo/pytorch_HMR.
"""
import os

import numpy as np

from common.data.readers.annotation_files import existing, first_existing
from common.data.readers.checks import dictionary, member, numbers, text
from common.data.records import VISIBLE, Record
from common.errors import UserError
from common.text_files import read_json

JOINTS = ("right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist", "right_hip",
          "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "head_top", "neck")
_ARCHIVE = "ai_challenger_keypoint_train_20170909"
_HINT = f"unpack {_ARCHIVE}.zip (or the later one) there"


def read_ai_challenger(folder: str) -> list[Record]:
    """People of the training set, image by image: joints in the order of `JOINTS`; `box` as given.

    Args:
        folder (str): holds the annotations and the images, or the archive's folder with both.

    Raises:
        UserError: files missing, or annotations in another form.
    """
    home = os.path.join(folder, _ARCHIVE)
    home = home if os.path.isdir(home) else folder
    path = existing(os.path.join(home, "keypoint_train_annotations_20170909.json"), _HINT)
    images = first_existing(home, ("keypoint_train_images_20170902", "images"), _HINT)
    content = read_json(path, hint=_HINT)
    if not isinstance(content, list):
        raise UserError(f"{path} holds a {type(content).__name__} instead of a list of images; {_HINT}")
    return [record for entry in content for record in _people(entry, images, path)]


def _people(entry: object, images: str, path: str) -> list[Record]:
    name = text(dictionary(entry, path), "image_id", path)
    where = f"{path}: {name}"
    boxes = dictionary(member(entry, "human_annotations", where), where)
    records = []
    for human, values in dictionary(member(entry, "keypoint_annotations", where), where).items():
        joints = numbers(values, (len(JOINTS), 3), f"{where}: {human}")
        left, top, right, bottom = numbers(member(boxes, human, where), (4,), f"{where}: {human}")
        # 1, 2, 3 there are 2, 1, 0 here.
        records.append(Record(
            image_path=os.path.join(images, f"{os.path.basename(name)}.jpg"),
            box=np.array([left, top, right - left, bottom - top]), joints=JOINTS, j2d=joints[:, :2],
            visibility=(VISIBLE + 1 - joints[:, 2].clip(1, 3)).astype(np.uint8), key=f"{name}/{human}"))
    return records
