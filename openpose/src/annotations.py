"""Annotation files in COCO's form: images, people and their keypoints, through pycocotools."""
import contextlib
import io
import json
import os
from dataclasses import dataclass

import numpy as np
from pycocotools.coco import COCO

from common.errors import UserError

MIN_KEYPOINTS, MIN_AREA = 5, 1024  # people with fewer labelled keypoints, or not larger (px^2), are not trained on


@dataclass(frozen=True)
class Picture:
    """One image: number, file name, height and width in pixels."""

    id: int
    file_name: str
    height: int
    width: int


class Annotations:
    """The people of one category in an annotation file.

    Args:
        path (str): json in COCO's form.
        category (str): name of the category.

    Raises:
        UserError: the file is missing, damaged, or has no keypoints of this category.
    """

    def __init__(self, path, category="person"):
        if not os.path.isfile(path):
            raise UserError(f"annotation file {path} does not exist")
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                self.api = COCO(path)
        except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AssertionError):
            raise UserError(f"{path} is damaged or is no COCO annotation file") from None
        chosen = [entry for entry in self.api.cats.values() if entry.get("name") == category]
        if not chosen:
            names = ", ".join(str(entry.get("name")) for entry in self.api.cats.values()) or "none"
            raise UserError(f"{path} has no category {category} (there: {names}): name one in the yaml file of "
                            "--skeleton")
        if not chosen[0].get("keypoints"):
            raise UserError(f"{path}: the category {category} lists no keypoints; take a keypoint file such as "
                            "person_keypoints_train2017.json")
        self.path, self.category_id = path, chosen[0]["id"]
        self.names = tuple(chosen[0]["keypoints"])

    def pictures(self, with_people=False):
        """Images in the order of their numbers; with_people: only those with an annotation of the category."""
        ids = self.api.getImgIds(catIds=[self.category_id]) if with_people else self.api.getImgIds()
        found = []
        for number in sorted(ids):
            entry = self.api.imgs.get(number)
            if entry is None or not {"file_name", "height", "width"} <= set(entry):
                raise UserError(f"{self.path}: image {number} is not described (file_name, height, width)")
            found.append(Picture(number, entry["file_name"], entry["height"], entry["width"]))
        return found

    def people(self, picture):
        """All annotations of the category in an image, in the order of the file."""
        entries = self.api.imgToAnns.get(picture.id, ())
        return [entry for entry in entries if entry["category_id"] == self.category_id]

    def keypoints(self, picture, min_keypoints=MIN_KEYPOINTS, min_area=MIN_AREA):
        """Keypoints (P, K, 3) of the people that are trained on: no crowds, enough labelled joints, large enough.

        Raises:
            UserError: an entry without keypoints, or with another number of them.
        """
        chosen = []
        for entry in self.people(picture):
            if is_learned(entry, min_keypoints, min_area):
                values = entry.get("keypoints", ())
                if len(values) != 3 * len(self.names):
                    raise UserError(f"{self.path}: annotation {entry.get('id')} has {len(values)} keypoint numbers, "
                                    f"expected {3 * len(self.names)}")
                chosen.append(np.reshape(values, (-1, 3)))
        return np.array(chosen, np.float64).reshape(-1, len(self.names), 3)

    def mask(self, entry):
        """Pixels (H, W) bool of one annotation.

        Raises:
            UserError: no or a damaged segmentation.
        """
        try:
            return self.api.annToMask(entry).astype(bool)
        except (KeyError, IndexError, TypeError, ValueError):
            raise UserError(f"{self.path}: annotation {entry.get('id')} has no usable segmentation") from None


def is_learned(entry, min_keypoints=MIN_KEYPOINTS, min_area=MIN_AREA):
    """Whether an annotated person is trained on; the region of the others is ignored."""
    return (not entry.get("iscrowd") and entry.get("num_keypoints", 0) >= min_keypoints
            and entry.get("area", 0) > min_area)


def check_images(folder, pictures, flag):
    """Refuse a folder that lacks images of the annotation file.

    Raises:
        UserError: names the folder's flag and some of the missing files.
    """
    if not os.path.isdir(folder):
        raise UserError(f"image folder {folder} does not exist ({flag})")
    missing = [picture.file_name for picture in pictures
               if not os.path.isfile(os.path.join(folder, picture.file_name))]
    if missing:
        raise UserError(f"{folder} lacks {len(missing)} of {len(pictures)} annotated images, such as "
                        f"{', '.join(missing[:3])} ({flag})")
