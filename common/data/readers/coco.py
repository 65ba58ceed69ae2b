"""COCO keypoints, 2014 and 2017: people with 17 joints, outlines and crowd regions.

    <root>/annotations/person_keypoints_train2017.json
    <root>/train2017/000000000009.jpg               2014: train2014/COCO_train2014_000000000009.jpg

Pictures may also lie in <root>/images/train2017 or, as one HMR port has them, <root>/images/train-valid2017. A joint is
stored as x, y, v with v = 0 not labelled (x = y = 0), 1 labelled but hidden, 2 visible; order and names stand in the
file. Outlines are polygons [[x1, y1, x2, y2, ...], ...], or run lengths {"counts", "size"} in column order, as crowd
regions are. Source: cocodataset.org, data format.
"""
import os

import numpy as np

from common.data.readers.annotation_files import existing, first_existing, load_json
from common.data.records import Record
from common.errors import UserError
from common.joints import SKELETONS

JOINTS = SKELETONS["coco_17"]
SPLITS = ("train2014", "val2014", "train2017", "val2017")
_HINT = "unpack annotations_trainval and the pictures of COCO there"


def find_coco(root, split):
    """Paths of the annotation file and of the picture folder of a split.

    Raises:
        UserError: no such split, or one of both is missing.
    """
    if split not in SPLITS:
        raise UserError(f"split {split!r} of COCO does not exist: use one of {', '.join(SPLITS)}")
    annotations = existing(os.path.join(root, "annotations", f"person_keypoints_{split}.json"), _HINT)
    together = f"images/train-valid{split[-4:]}"
    return annotations, first_existing(root, (split, f"images/{split}", together), _HINT)


def read_coco(annotation_path, image_folder, without_joints=False):
    """People of an annotation file, in its order.

    Args:
        annotation_path (str): `person_keypoints_*.json`, or another file in that format.
        image_folder (str): where its `file_name`s are.
        without_joints (bool): also people without labelled joints and crowd regions.

    Returns:
        list[Record]: joints in the order of `JOINTS`, `key` is the annotation's id; `extras` has image_id (int), area
        (float, px2; of the box where the file has none), iscrowd (bool), num_keypoints (int), segmentation (as
        stored, see `decode_mask`; empty where the file has none), width and height of the picture (int).

    Raises:
        UserError: missing file, or content that is not COCO's.
    """
    content = load_json(annotation_path, _HINT)
    try:
        images = {image["id"]: image for image in content["images"]}
        person = _person_category(content.get("categories", [{"id": 1, "name": "person"}]), annotation_path)
        chosen = [item for item in content["annotations"] if item["category_id"] == person
                  and (without_joints or _num_keypoints(item) > 0)]
        return [_record(item, images[item["image_id"]], image_folder) for item in chosen]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{annotation_path} is not in COCO's keypoint format ({type(error).__name__}: {error}); {_HINT}"
                        ) from error


def _person_category(categories, path):
    """The id of the category `person`; its joints must be the usual ones."""
    for category in categories:
        if category["name"] == "person":
            if tuple(category.get("keypoints", JOINTS)) != JOINTS:
                raise UserError(f"{path}: the joints are {', '.join(category['keypoints'])}; expected COCO's 17, "
                                f"{', '.join(JOINTS)}")
            return category["id"]
    raise UserError(f"{path} has no category person; use person_keypoints_*.json")


def _num_keypoints(item):
    return sum(flag > 0 for flag in item.get("keypoints", ())[2::3])


def _record(item, image, folder):
    joints = np.array(item.get("keypoints") or [0] * 51, np.float64).reshape(len(JOINTS), 3)
    box = np.array(item["bbox"], np.float64).reshape(4)
    return Record(
        image_path=os.path.join(folder, os.path.basename(image["file_name"])), box=box,
        joints=JOINTS, j2d=joints[:, :2], visibility=joints[:, 2].astype(np.uint8), key=str(item["id"]),
        extras={"image_id": item["image_id"], "area": float(item.get("area", box[2] * box[3])),
                "iscrowd": bool(item.get("iscrowd", 0)), "num_keypoints": _num_keypoints(item),
                "segmentation": item.get("segmentation", []),
                "width": int(image["width"]), "height": int(image["height"])})


def decode_mask(segmentation, height, width):
    """An annotation's outline as (height, width) bool.

    Args:
        segmentation (list | dict): polygons, or run lengths, compressed or not.

    Raises:
        UserError: neither of both, or run lengths of another size.
    """
    from pycocotools import mask as rle

    try:
        if isinstance(segmentation, list):
            encoded = rle.merge(rle.frPyObjects(segmentation, height, width))
        elif isinstance(segmentation["counts"], list):
            encoded = rle.frPyObjects(segmentation, height, width)
        else:
            encoded = segmentation
        mask = rle.decode(encoded).astype(bool)
    except Exception as error:  # pycocotools lets Cython's errors through
        raise UserError(f"a segmentation is neither polygons nor run lengths ({error}); get the annotations again"
                        ) from error
    if mask.shape != (height, width):
        raise UserError(f"the run lengths are of a picture of {mask.shape}, expected {(height, width)}; get the "
                        "annotations again")
    return mask


def encode_mask(mask):
    """(H, W) bool as uncompressed run lengths, the form of crowd regions; the first run counts zeros."""
    flat = np.asarray(mask, bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat, prepend=False)) if len(flat) else np.zeros(0, int)
    return {"counts": np.diff(edges, prepend=0, append=len(flat)).tolist(), "size": list(mask.shape)}
