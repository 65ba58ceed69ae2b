"""What a folder of COCO holds and lacks to train OpenPose on."""
import os

import numpy as np
from tqdm import tqdm

from common.data.findings import ERROR, NOTE, OK, Finding, spread
from common.data.image import AnnotatedImages
from common.data.readers.coco import read_annotations
from common.errors import UserError
from openpose.src.config import YEARS, annotation_path
from openpose.src.gen_ignore_mask import MIN_AREA, MIN_KEYPOINTS, mask_path

OPENED = 200  # images, and masks, of a set that are opened, evenly spread


def check_folder(data_path):
    """`Finding`s of what a COCO folder holds and lacks, for `tools/check_data.py`; an ERROR where training would stop.

    Looked for are the names of the data set itself: `annotations/person_keypoints_{train,val}{2014,2017}.json`, the
    image folders `train2017` and so on, and the masks of `gen_ignore_mask.py`. All annotations are read and all files
    looked for; of images and masks, some are opened.
    """
    findings = []
    for split in ("train", "val"):
        years = [year for year in YEARS if os.path.isfile(annotation_path(data_path, split, year))]
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
        people = read_annotations(annotation_path(data_path, split, year))
    except UserError as error:
        return [Finding(ERROR, f"{item} annotations", str(error), "unpack the archive of the annotations again")]
    learned = people.learned(MIN_KEYPOINTS, MIN_AREA)
    taught = np.unique(people.image_rows[learned])
    findings = [Finding(OK if len(taught) else ERROR, f"{item} annotations",
                        f"{len(people.images):,} images, {len(taught):,} with somebody to train on, "
                        f"{learned.sum():,} people")]
    # Training opens the images with somebody to learn from, evaluation those with an annotated person.
    rows, masks = taught if split == "train" else np.unique(people.image_rows), f"ignore_mask_{split}"
    findings += _check_images(data_path, item, people, rows, masks)
    return findings + _check_masks(data_path, item, masks, people, np.unique(people.image_rows[~learned]))


def _check_images(data_path, item, people, rows, masks):
    folder, images = os.path.join(data_path, item), [people.images[row] for row in rows]
    archive = os.path.join(data_path, f"{item}.zip")
    if not os.path.isdir(folder):
        advice = f"unpack {item}.zip here" if os.path.isfile(archive) else f"download {item}.zip and unpack it here"
        return [Finding(ERROR, f"{item} images", f"no folder {item}", advice)]
    try:
        paths = people.find_images(folder, item, rows)
    except UserError as error:
        return [Finding(ERROR, f"{item} images", str(error), f"unpack {item}.zip again")]
    opened, reader = spread(len(rows), OPENED), AnnotatedImages(len(rows))
    for number in tqdm(opened, f"reading {item}", disable=None, leave=False):
        mask = mask_path(os.path.join(data_path, masks), images[number])
        try:
            image = reader.read(paths[number], images[number].size)
            if image is not None and os.path.isfile(mask):
                reader.read_mask(mask, paths[number], image.shape[1::-1])
        except UserError:
            continue  # none of the first images can be used; the row below says so
    findings = [Finding(OK, f"{item} images", f"all {len(rows):,} are there, {len(opened)} were opened")]
    if reader.left_out:
        findings.append(Finding(NOTE, f"{item} images", f"{len(reader.left_out)} of {len(opened)} are left out: "
                                f"{'; '.join(list(reader.left_out.values())[:3])}",
                                f"unpack {item}.zip again, or take the images that the annotations belong to"))
    return findings


def _check_masks(data_path, item, masks, people, rows):
    """Masks are files beside the images with a region to ignore; without them training takes it for background."""
    folder, command = os.path.join(data_path, masks), "write them with gen_ignore_mask.py"
    if not os.path.isdir(folder):
        return [] if masks.endswith("val") or not len(rows) else [Finding(
            NOTE, f"{item} masks", f"no folder {masks}; without it {len(rows):,} images are trained on with people who "
            "count as background", command)]
    there = set(os.listdir(folder))
    written = sum(os.path.basename(mask_path(folder, people.images[row])) in there for row in rows)
    # A crowd that lies behind others leaves no mask, so a few may rightly be missing.
    return [Finding(OK if written or not len(rows) else NOTE, f"{item} masks",
                    f"for {written:,} of {len(rows):,} images with somebody to ignore",
                    "" if written == len(rows) else command)]
