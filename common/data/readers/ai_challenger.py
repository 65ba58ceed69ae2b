"""AI Challenger 2017, human skeletons: people with 14 joints, several in most images.

    <folder>/keypoint_train_annotations_20170909.json
    <folder>/keypoint_train_images_20170902/<image_id>.jpg

The annotations are a list of images: `image_id`, `human_annotations` {human1: [left, top, right, bottom]} and
`keypoint_annotations` {human1: [x, y, v, ...]} with v = 1 visible, 2 hidden, 3 not labelled. The validation set looks
the same (`validation` with 20170911). Source: the dataset's README; MandyMo/pytorch_HMR.
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
# split -> day of the annotations, day of the images.
SPLITS = {"train": ("20170909", "20170902"), "validation": ("20170911", "20170911")}
_HINT = "unpack ai_challenger_keypoint_{}_20170909.zip (or the later one) there"


def read_ai_challenger(folder: str, split: str = "train") -> list[Record]:
    """People of one split, image by image: joints in the order of `JOINTS`; `box` as given.

    Args:
        folder (str): holds the annotations and the images, or the archive's folder
            `ai_challenger_keypoint_<split>_<day>` with both.
        split (str): "train" or "validation".

    Raises:
        UserError: no such split, files missing, or annotations in another form.
    """
    if split not in SPLITS:
        raise UserError(f"split {split!r} of AI Challenger does not exist: use one of {', '.join(SPLITS)}")
    annotated, shown = SPLITS[split]
    hint, home = _HINT.format(split), os.path.join(folder, f"ai_challenger_keypoint_{split}_{annotated}")
    home = home if os.path.isdir(home) else folder
    path = existing(os.path.join(home, f"keypoint_{split}_annotations_{annotated}.json"), hint)
    images = first_existing(home, (f"keypoint_{split}_images_{shown}", "images"), hint)
    content = read_json(path, hint=hint)
    if not isinstance(content, list):
        raise UserError(f"{path} holds a {type(content).__name__} instead of a list of images; {hint}")
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
