"""Average precision on an annotated set, by COCO's measure for keypoints.

Differs from the MindSpore 1.x implementation: coordinates are not rounded, the result names which images it is about,
and an image that cannot be decoded is counted instead of ending the run.
"""
import contextlib
import io
import json
import logging
import os
from dataclasses import dataclass, field

import numpy as np
from pycocotools.cocoeval import COCOeval

from common.errors import UserError
from common.files import atomic_write
from openpose.src.annotations import check_images
from openpose.src.dataset import read_bgr

LOGGER = logging.getLogger("mindhuman")
FIGURES = ("AP", "Ap .5", "AP .75", "AP (M)", "AP (L)", "AR", "AR .5", "AR .75", "AR (M)", "AR (L)")
VISIBLE = 2  # what a found keypoint carries in place of COCO's visibility
RESULT_FILE = "eval_result.json"


@dataclass(frozen=True)
class Predictions:
    """What was found: `records` in the form of COCO's result files, `image_ids` that were looked at, `unreadable`
    file names that could not be decoded."""

    records: list = field(default_factory=list)
    image_ids: list = field(default_factory=list)
    unreadable: list = field(default_factory=list)


def choose_pictures(annotations, all_images=False, most=0):
    """The images to evaluate: those with an annotated person, or all; at most `most`, 0 for no bound.

    Raises:
        UserError: there are none.
    """
    pictures = annotations.pictures(with_people=not all_images)
    if not pictures:
        raise UserError(f"{annotations.path} holds no image to evaluate (--ann)")
    return pictures[:most] if most else pictures


def predict(finder, annotations, pictures, image_folder, skeleton, shard=(0, 1), on_image=None):
    """Look for people in every image of a shard.

    Args:
        finder: image (H, W, 3) uint8, blue first, to People.
        annotations (Annotations): gives the order of the keypoints and the category.
        pictures (list[Picture]): of all shards.
        image_folder (str): where they lie.
        skeleton (Skeleton): of the people.
        shard (tuple): number of this worker and of all; each image is dealt to one.
        on_image: called with Picture, image and People, to draw; None for nothing.

    Returns:
        Predictions

    Raises:
        UserError: images that are missing.
    """
    check_images(image_folder, pictures, "--imgpath_val")
    order, out = skeleton.annotation_order(annotations.names), Predictions()
    for picture in pictures[shard[0]::shard[1]]:
        image = read_bgr(os.path.join(image_folder, picture.file_name))
        out.image_ids.append(picture.id)
        if image is None:
            out.unreadable.append(picture.file_name)
            LOGGER.warning("%s in %s cannot be decoded; it counts as an image in which nobody was found (%d so far)",
                           picture.file_name, image_folder, len(out.unreadable))
            continue
        people = finder(image)
        out.records.extend(to_records(people, picture.id, annotations.category_id, order))
        if on_image is not None:
            on_image(picture, image, people)
    return out


def to_records(people, image_id, category_id, order):
    """People as entries of COCO's result files; people without any of the annotated keypoints are left out."""
    records = []
    for joints, score in zip(people.joints[:, order], people.scores):
        if (joints[:, 2] > 0).any():
            keypoints = np.column_stack((joints[:, :2], np.where(joints[:, 2] > 0, VISIBLE, 0)))
            records.append({"image_id": image_id, "category_id": category_id, "score": round(float(score), 5),
                            "keypoints": np.round(keypoints, 2).ravel().tolist()})
    return records


def merge(shards):
    """One Predictions from those of all workers; an image that two of them saw counts once."""
    merged, seen = Predictions(), set()
    for shard in shards:
        fresh = set(shard.image_ids) - seen
        seen |= fresh
        merged.image_ids.extend(sorted(fresh))
        merged.records.extend(record for record in shard.records if record["image_id"] in fresh)
        merged.unreadable.extend(name for name in shard.unreadable if name not in merged.unreadable)
    merged.records.sort(key=lambda record: record["image_id"])
    return merged


def measure(annotations, predictions, skeleton):
    """The ten figures of COCO's keypoint evaluation over the images that were looked at.

    Args:
        annotations (Annotations): truth.
        predictions (Predictions): of all workers.
        skeleton (Skeleton): gives the spread of each joint.

    Returns:
        dict: name of `FIGURES` -> value in [0, 1]; -1 where the set has nobody of that size.
    """
    if not predictions.records:
        return dict.fromkeys(FIGURES, 0.0)
    with contextlib.redirect_stdout(io.StringIO()):
        found = annotations.api.loadRes([dict(record) for record in predictions.records])
        evaluation = COCOeval(annotations.api, found, "keypoints")
        evaluation.params.imgIds = list(predictions.image_ids)
        evaluation.params.catIds = [annotations.category_id]
        evaluation.params.kpt_oks_sigmas = skeleton.sigma_array(annotations.names)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(FIGURES, map(float, evaluation.stats)))


def write_result(folder, predictions):
    """Write the records as `eval_result.json`, the form of COCO's result files. Returns the path."""
    path = os.path.join(folder, RESULT_FILE)
    atomic_write(path, json.dumps(predictions.records).encode())
    return path


def log_result(figures, predictions, all_images):
    """The lines that end an evaluation."""
    which = "all annotated images" if all_images else "images with an annotated person"
    LOGGER.info("%d people found in %d images (%s)%s", len(predictions.records), len(predictions.image_ids), which,
                f"; {len(predictions.unreadable)} could not be decoded" if predictions.unreadable else "")
    LOGGER.info("result: %s", figures)
