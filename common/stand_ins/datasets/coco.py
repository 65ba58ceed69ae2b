"""Sample data in the format of COCO keypoints, 2014 and 2017: images with one to eight people.

    annotations/person_keypoints_{train,val}{2014,2017}.json
    train2017/000000000001.jpg ...      train2014/COCO_train2014_000000000001.jpg ...

Both years show the same images; a fifth is for validation. As in the dataset, small people have no joints, and some
people in the back are one crowd region with run lengths. Coordinates have three decimals.
"""
import argparse
import os

import cv2
import numpy as np
from tqdm import tqdm

from common.data.readers.coco import JOINTS
from common.joints import limbs
from common.stand_ins.datasets.annotations import encode_mask, item_rng, write_json
from common.stand_ins.datasets.image_files import write_image
from common.stand_ins.scenes.scene import make_scene
from common.stand_ins.scenes.stage import FACING

DEFAULT_NUM = 60
YEARS = (2014, 2017)
MIN_AREA = 64  # pixels; of less people, nobody draws an outline
MIN_AREA_OF_JOINTS = 32**2  # smaller people have no joints, as in the dataset
CROWD = 5  # people in an image from which some may become a crowd
_SIZES = ((480, 640), (427, 640), (640, 480), (375, 500), (640, 427))
_PEOPLE = (1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8)
_FILL = 0.4, 0.95  # see `make_scene`
_EASY_PEOPLE, _EASY_FILL, _EASY_FACING = (1, 1, 1, 2, 2, 3, 3), (0.6, 0.95), 0.9


def add_arguments(group):
    """Options beside --output_dir, --seed and --num (here: images)."""
    group.add_argument("--years", type=_years, default=YEARS, help="layouts to write (default: 2014,2017)")
    group.add_argument("--easy", action="store_true",
                       help="at most three people, large and mostly facing the camera, for short trainings")
    group.add_argument("--varied", action="store_true",
                       help="half of the images with clutter, hard light, loose clothes, blur and noise, for networks "
                            "that shall find people in photos")


def make(args):
    """Write the dataset; returns a line that says what was written."""
    count = args.num or DEFAULT_NUM
    splits = {"train": _Split(), "val": _Split()}
    for index in tqdm(range(count), desc="COCO", disable=None):
        name = "val" if index % 5 == 4 else "train"
        image, people = make_item(args.seed, index, args.easy, args.varied)
        splits[name].add(index + 1, image.shape[:2], people)
        for year in args.years:
            file = file_name(f"{name}{year}", index + 1)
            write_image(os.path.join(args.output_dir, f"{name}{year}", file), image)
    for year in args.years:
        for name, split in splits.items():
            path = os.path.join(args.output_dir, "annotations", f"person_keypoints_{name}{year}.json")
            write_json(path, split.content(f"{name}{year}", year))
    people = sum(len(split.annotations) for split in splits.values())
    return f"{args.output_dir}: {count} images, {people} annotations, for {' and '.join(map(str, args.years))}"


def file_name(split, image_id):
    """Name of an image: 2014 carries the split in front."""
    prefix = f"COCO_{split}_" if split.endswith("2014") else ""
    return f"{prefix}{image_id:012d}.jpg"


def make_item(seed, index, easy=False, varied=False):
    """Image (H, W, 3) number `index` (from 0) and its annotations, dicts without ids; for the rest see the options."""
    crowds, fill, facing = (_EASY_PEOPLE, _EASY_FILL, _EASY_FACING) if easy else (_PEOPLE, _FILL, FACING)
    rng = item_rng(seed, "coco", index)
    size = _SIZES[rng.integers(len(_SIZES))]
    number = int(crowds[rng.integers(len(crowds))])
    hard = varied and rng.random() < 0.5
    scene = make_scene(rng, size, number, fill=fill, occluder=0.35, facing=facing, hard=hard)
    masks = [scene.mask(index) for index in range(len(scene.people))]
    areas = [int(mask.sum()) for mask in masks]
    shown = sorted((index for index, area in enumerate(areas) if area >= MIN_AREA), key=areas.__getitem__)
    crowd = shown[:3] if len(shown) >= CROWD and rng.random() < 0.5 else []
    people = [annotation for index in sorted(set(shown) - set(crowd))
              for annotation in _person(scene, index, masks[index])]
    if crowd:
        mask = np.any([masks[index] for index in crowd], axis=0)
        people.append({"segmentation": encode_mask(mask), "area": int(mask.sum()), "bbox": _mask_box(mask),
                       "iscrowd": 1, "num_keypoints": 0, "keypoints": [0] * 51})
    return scene.image, people


def _person(scene, index, mask):
    """The annotation of one person, as a list of one; of none if the outline is made of crumbs alone."""
    polygons, area = _outline(mask)
    if not polygons:
        return []
    points = scene.points(index, "coco_17")
    flags = points.visibility * (area >= MIN_AREA_OF_JOINTS)
    keypoints = []
    for (x, y), flag in zip(np.round(points.j2d, 3), flags):
        keypoints += [float(x), float(y), int(flag)] if flag else [0, 0, 0]
    return [{"segmentation": polygons, "area": area, "bbox": _mask_box(mask), "iscrowd": 0,
             "num_keypoints": int((flags > 0).sum()), "keypoints": keypoints}]


def _outline(mask):
    """Polygons around the pieces of a mask (H, W), and their area; pieces of less than four pixels are left out."""
    left, top, width, height = _mask_box(mask)
    # Twice as large, a pixel's both sides are apart: then the outline can run along its edges, not through its centre.
    large = mask[top:top + height, left:left + width].astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    contours, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    out, total = [], 0.0
    for contour in contours:
        contour = cv2.approxPolyDP((contour + 1) // 2 + np.array([left, top], np.int32), 1.0, True)
        area = cv2.contourArea(contour)
        if len(contour) >= 3 and area >= 4.0:
            out.append(contour.reshape(-1).tolist())
            total += area
    return out, total


def _mask_box(mask):
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return [int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)]


class _Split:
    """Images and annotations of one split."""

    def __init__(self):
        self.images, self.annotations = [], []

    def add(self, image_id, size, people):
        self.images.append({"id": image_id, "height": size[0], "width": size[1]})
        for number, person in enumerate(people):  # never ten people, so the ids are unique
            self.annotations.append({**person, "image_id": image_id, "category_id": 1, "id": 10 * image_id + number})

    def content(self, split, year):
        """The annotation file."""
        images = [{"license": 1, "file_name": file_name(split, image["id"]), "coco_url": "", "flickr_url": "",
                   "date_captured": "", **image} for image in self.images]
        return {"info": {"description": "sample data of a procedural human", "version": "1.0", "year": year,
                         "contributor": "", "url": "", "date_created": ""},
                "licenses": [{"id": 1, "name": "free", "url": ""}], "images": images, "annotations": self.annotations,
                "categories": [person_category()]}


def person_category():
    """The category of people as COCO's files state it; COCO-WholeBody's keep it."""
    skeleton = [[parent + 1, child + 1] for parent, child in limbs("coco_17")]
    return {"supercategory": "person", "id": 1, "name": "person", "keypoints": list(JOINTS), "skeleton": skeleton}


def _years(text):
    years = tuple(int(part) if part.isdigit() else 0 for part in text.split(","))
    if not set(years) <= set(YEARS) or len(set(years)) < len(years):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of some of {','.join(map(str, YEARS))}")
    return years
