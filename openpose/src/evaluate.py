"""Average precision on an annotated set, by COCO's measure for keypoints.

Differs from the MindSpore 1.x implementation: coordinates are not rounded, the result names which images it is about,
and an image that cannot be used is left out and counted instead of ending the run. What files lack of COCO's members is
derived before the measure sees it (`common.data.readers.coco`).
"""
import contextlib
import io
import json
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from common.data.image import AnnotatedImages
from common.data.readers.coco import Annotations
from common.data.readers.coco_images import AnnotatedImage
from common.engine.runtime import Runtime
from common.engine.shards import gather as gather_shards
from common.errors import UserError, counted
from common.files import atomic_write
from openpose.src.decode import DecodedPeople
from openpose.src.skeleton import Skeleton

LOGGER = logging.getLogger("mindhuman")
FIGURES = ("AP", "Ap .5", "AP .75", "AP (M)", "AP (L)", "AR", "AR .5", "AR .75", "AR (M)", "AR (L)")
VISIBLE = 2  # what a found keypoint carries in place of COCO's visibility
RESULT_FILE = "eval_result.json"
PERSON = 1  # COCO's category; the only one, while its measure is taken


@dataclass(frozen=True)
class Predictions:
    """What was found: `records` in the form of COCO's result files, `image_ids` that were looked at, `left_out` names
    of files that could not be used."""

    records: list = field(default_factory=list)
    image_ids: list = field(default_factory=list)
    left_out: list = field(default_factory=list)


def choose_images(annotations: Annotations, all_images: bool = False, most: int = 0) -> np.ndarray:
    """Numbers of the images to evaluate: those with an annotated person, or all; at most `most`, 0 for no bound.

    Raises:
        UserError: there are none.
    """
    rows = np.arange(len(annotations.images)) if all_images else np.unique(annotations.image_rows)
    if not len(rows):
        raise UserError(f"{annotations.path} holds no image to evaluate (--ann)")
    return rows[:most] if most else rows


def predict(detector: Callable[[np.ndarray], DecodedPeople], annotations: Annotations, rows: np.ndarray,
            image_folder: str, skeleton: Skeleton, shard: tuple[int, int] = (0, 1),
            on_image: Callable[[AnnotatedImage, np.ndarray, DecodedPeople], object] | None = None) -> Predictions:
    """Look for people in every image of a shard.

    Args:
        detector: image (H, W, 3) uint8, blue first, to DecodedPeople.
        rows (array): numbers of the images of all shards.
        shard (tuple): number of this worker and of all; each image is dealt to one.
        on_image: called with AnnotatedImage, image and DecodedPeople, to draw; None for nothing.

    Raises:
        UserError: images that are missing, or none that can be used.
    """
    paths = annotations.find_images(image_folder, "--imgpath_val", rows)[shard[0]::shard[1]]
    order, out = skeleton.annotation_order(annotations.names), Predictions()
    reader = AnnotatedImages(len(rows))
    for row, path in zip(rows[shard[0]::shard[1]], paths):
        entry = annotations.images[row]
        image = reader.read(path, entry.size, bgr=True)
        if image is None:
            out.left_out.append(entry.file_name)
            continue
        people = detector(image)
        out.image_ids.append(entry.id)
        out.records.extend(to_records(people, entry.id, annotations.category_id, order))
        if on_image is not None:
            on_image(entry, image, people)
    return out


def to_records(people: DecodedPeople, image_id: object, category_id: object, order: np.ndarray,
               ids: Sequence[int] | None = None) -> list[dict]:
    """People as entries of COCO's result files, with the numbers `ids` as `track_id`.

    People without any of the annotated keypoints are left out.
    """
    records = []
    for row, (joints, score) in enumerate(zip(people.joints[:, order], people.scores)):
        if (joints[:, 2] > 0).any():
            keypoints = np.column_stack((joints[:, :2], np.where(joints[:, 2] > 0, VISIBLE, 0)))
            records.append({"image_id": image_id, "category_id": category_id, "score": round(float(score), 5),
                            "keypoints": np.round(keypoints, 2).ravel().tolist(),
                            **({} if ids is None else {"track_id": int(ids[row])})})
    return records


def merge(shards: Iterable[Predictions]) -> Predictions:
    """One Predictions from those of all workers, sorted by image: numbers before text."""
    merged = Predictions()
    for shard in shards:
        for name, values in vars(shard).items():
            getattr(merged, name).extend(values)
    merged.image_ids.sort(key=lambda number: (isinstance(number, str), number))
    place = {number: row for row, number in enumerate(merged.image_ids)}
    merged.records.sort(key=lambda record: place[record["image_id"]])
    return merged


def gather(part: Predictions, folder: str, runtime: Runtime) -> Predictions:
    """The predictions of all workers on the main one, those of this one on the others; all see the folder."""
    return merge(Predictions(**content) for content in gather_shards(asdict(part), folder, runtime))


def measure(annotations: Annotations, predictions: Predictions, skeleton: Skeleton) -> dict[str, float]:
    """The ten figures of COCO's keypoint evaluation over the images that were looked at: name of `FIGURES` -> value.

    Values lie in [0, 1]; -1 where the set has nobody of that size. The skeleton gives the spread of each joint.
    """
    if not predictions.records:
        return dict.fromkeys(FIGURES, 0.0)
    numbers = {image.id: number for number, image in enumerate(annotations.images, 1)}
    looked_at = [numbers[image_id] for image_id in predictions.image_ids]
    found = [{**record, "image_id": numbers[record["image_id"]], "category_id": PERSON}
             for record in predictions.records]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = _truth(annotations, looked_at)
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(found), "keypoints")
        evaluation.params.kpt_oks_sigmas = skeleton.sigma_array(annotations.names)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(FIGURES, map(float, evaluation.stats)))


def _truth(annotations: Annotations, looked_at: list[int]) -> dict:
    """The content of an annotation file for the images `looked_at` (numbers from 1) with every member the measure asks
    for; numbers of annotations count from 1, since COCOeval takes 0 for no match."""
    entries = []
    for number in looked_at:
        for row in annotations.rows(number - 1):
            entries.append({
                "id": len(entries) + 1, "image_id": number, "category_id": PERSON,
                "keypoints": annotations.keypoints[row].ravel().tolist(), "bbox": annotations.boxes[row].tolist(),
                "num_keypoints": int(annotations.num_keypoints[row]), "area": float(annotations.areas[row]),
                "iscrowd": int(annotations.crowd[row])})
    return {"images": [{"id": number} for number in looked_at], "annotations": entries,
            "categories": [{"id": PERSON, "name": annotations.category}]}


def write_result(folder: str, predictions: Predictions) -> None:
    """Write the records as `eval_result.json`, the form of COCO's result files."""
    atomic_write(os.path.join(folder, RESULT_FILE), json.dumps(predictions.records).encode())


def log_result(figures: dict[str, float], predictions: Predictions, skeleton: Skeleton, all_images: bool) -> None:
    """The lines that end an evaluation."""
    which = "all annotated images" if all_images else f"images with an annotated {skeleton.category}"
    without = f"; {len(predictions.left_out)} could not be used and are left out" if predictions.left_out else ""
    LOGGER.info("%s found in %s (%s)%s", skeleton.counted(len(predictions.records)),
                counted(len(predictions.image_ids), "image"), which, without)
    LOGGER.info("result: %s", figures)
