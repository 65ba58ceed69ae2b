"""What a COCO folder holds and lacks, for `tools/check_data.py`.

Looked for are the names of the dataset itself: `annotations/person_keypoints_{train,val}{2014,2017}.json`, the image
folders `train2017` and so on, and the masks of `gen_ignore_mask.py`. All annotations are read and all files looked for;
of images and masks, some are opened.
"""
import os

import cv2
import numpy as np
from tqdm import tqdm

from common.data.findings import ERROR, NOTE, OK, Finding
from common.errors import UserError
from openpose.src.annotations import Annotations, is_learned
from openpose.src.dataset import read_bgr
from openpose.src.gen_ignore_mask import mask_path

YEARS = (2017, 2014)
OPENED = 200  # images, and masks, of a set that are opened, evenly spread


def check(data_path):
    """Look through a data folder.

    Returns:
        list of Finding: with an ERROR where training on this folder would stop.
    """
    if not os.path.isdir(data_path):
        return [Finding(ERROR, "folder", f"{data_path} does not exist or is no folder",
                        "name the folder that holds annotations, train2017, ...")]
    findings = []
    for split in ("train", "val"):
        years = [year for year in YEARS if os.path.isfile(_annotation_path(data_path, split, year))]
        found = [_check_set(data_path, split, year) for year in years]
        if not years:
            found = [[Finding(ERROR, f"{split} annotations", f"no annotations/person_keypoints_{split}2017.json (or "
                              f"{split}2014)", _advice(data_path))]]
        # One usable year is enough to train on; what is wrong with the validation set stops no training.
        usable = [all(finding.level != ERROR for finding in rows) for rows in found]
        stops = split == "train" and not any(usable)
        findings += [finding if stops or finding.level != ERROR else finding._replace(level=NOTE)
                     for rows in found for finding in rows]
    return findings


def _annotation_path(data_path, split, year):
    return os.path.join(data_path, "annotations", f"person_keypoints_{split}{year}.json")


def _advice(data_path):
    """What looks like a step that was left out."""
    names = sorted(os.listdir(data_path))
    archives = [name for name in names if name.startswith("annotations") and name.endswith(".zip")]
    if archives:
        return f"unpack {archives[0]} here"
    nested = [name for name in names if os.path.isdir(os.path.join(data_path, name, "annotations"))]
    if nested:
        return f"use {os.path.join(data_path, nested[0])}, where annotations lies"
    if any(name.startswith("person_keypoints_") for name in names):
        return "put the annotation files into a folder called annotations"
    return "download annotations_trainval2017.zip from cocodataset.org and unpack it here"


def _check_set(data_path, split, year):
    """Annotations, images and masks of one split of one year."""
    item = f"{split}{year}"
    try:
        annotations = Annotations(_annotation_path(data_path, split, year))
        pictures = annotations.pictures()
        learned = [picture for picture in pictures if len(annotations.keypoints(picture))]
    except UserError as error:
        return [Finding(ERROR, f"{item} annotations", str(error), "unpack the archive of the annotations again")]
    people = sum(is_learned(entry) for picture in pictures for entry in annotations.people(picture))
    findings = [Finding(OK if learned else ERROR, f"{item} annotations",
                        f"{len(pictures):,} images, {len(learned):,} with somebody to train on, {people:,} people")]
    # Training opens the images with somebody to learn from, evaluation those with an annotated person.
    used = learned if split == "train" else annotations.pictures(with_people=True)
    findings += _check_images(data_path, item, used)
    ignored = [picture for picture in pictures
               if any(not is_learned(entry) for entry in annotations.people(picture))]
    return findings + _check_masks(data_path, split, item, ignored)


def _check_images(data_path, item, pictures):
    folder = os.path.join(data_path, item)
    archive = os.path.join(data_path, f"{item}.zip")
    if not os.path.isdir(folder):
        advice = f"unpack {item}.zip here" if os.path.isfile(archive) else f"download {item}.zip and unpack it here"
        return [Finding(ERROR, f"{item} images", f"no folder {item}", advice)]
    there = set(os.listdir(folder))
    missing = [picture.file_name for picture in pictures if picture.file_name not in there]
    if missing:
        return [Finding(ERROR, f"{item} images", f"{len(missing):,} of {len(pictures):,} images are missing, such as "
                        f"{', '.join(missing[:3])}", f"unpack {item}.zip again")]
    looked_at, damaged, odd = _some(pictures), [], []
    for picture in tqdm(looked_at, f"reading {item}", disable=None, leave=False):
        image = read_bgr(os.path.join(folder, picture.file_name))
        if image is None:
            damaged.append(picture.file_name)
        elif image.shape[:2] != (picture.height, picture.width):
            odd.append(picture.file_name)
    findings = [Finding(OK, f"{item} images", f"all {len(pictures):,} are there, {len(looked_at)} were opened")]
    if damaged:
        findings.append(Finding(NOTE, f"{item} images", f"damaged and left out: {', '.join(damaged[:3])} "
                                f"({len(damaged)} of {len(looked_at)})", f"unpack {item}.zip again"))
    if odd:
        findings.append(Finding(NOTE, f"{item} images", f"of another size than annotated: {', '.join(odd[:3])} "
                                f"({len(odd)} of {len(looked_at)})", "take the images that the annotations belong to"))
    return findings


def _check_masks(data_path, split, item, ignored):
    """Masks are files beside the images with a region to ignore; without them training takes it for background."""
    folder, command = os.path.join(data_path, f"ignore_mask_{split}"), "write them with gen_ignore_mask.py"
    if not os.path.isdir(folder):
        if split == "val" or not ignored:
            return []
        return [Finding(NOTE, f"{item} masks", f"no folder ignore_mask_{split}; without it {len(ignored):,} images are "
                        "trained on with people who count as background", command)]
    there = set(os.listdir(folder))
    written = [picture for picture in ignored if os.path.basename(mask_path(folder, picture)) in there]
    findings = []
    for picture in _some(written):
        mask = cv2.imread(mask_path(folder, picture), cv2.IMREAD_GRAYSCALE)
        if mask is None or mask.shape != (picture.height, picture.width):
            size = "is damaged" if mask is None else f"has {mask.shape[1]} x {mask.shape[0]} pixels, its image " \
                f"{picture.width} x {picture.height}"
            findings.append(Finding(ERROR, f"{item} masks", f"{mask_path(folder, picture)} {size}", command))
            break
    # A crowd that lies behind others leaves no mask, so a few may rightly be missing.
    return findings or [Finding(OK if written or not ignored else NOTE, f"{item} masks",
                                f"for {len(written):,} of {len(ignored):,} images with somebody to ignore",
                                "" if len(written) == len(ignored) else command)]


def _some(pictures):
    """`OPENED` of the pictures, evenly spread, or all."""
    chosen = np.unique(np.linspace(0, len(pictures) - 1, OPENED).astype(int)) if pictures else ()
    return [pictures[number] for number in chosen]
