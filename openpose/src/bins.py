"""Images and maps as files of plain float32 numbers: what programs without Python exchange.

    img_data/<i>.bin    (B, 3, S, S), batch i of the network's input; the last one is filled up with zeros
    samples.json        which image is where: COCO's number, its size and its size in the network's input, or null
                        for one that is left out
    <i>_0.bin, <i>_1.bin    affinity fields and heat maps of batch i

An exported network has inputs of one size, so an image is scaled to fit into a square and padded right and below.
"""
import glob
import itertools
import json
import os
from dataclasses import dataclass

import cv2
import numpy as np
from tqdm import tqdm

from common.data.image import AnnotatedImages
from common.engine.export import description_path, read_description
from common.errors import UserError
from common.files import atomic_write
from common.text_files import read_json
from openpose.src.config import MERGE
from openpose.src.decode import Placement, decode
from openpose.src.evaluate import Predictions, to_records
from openpose.src.normalisation import PADDING, STRIDE, check_normalisation, normalise

IMAGES, SAMPLES = "img_data", "samples.json"


@dataclass(frozen=True)
class Exported:
    """What an exported network takes: side of its input in pixels, images per call (0: any number), normalisation of
    `NORMALISATIONS`; and the names of its joints."""

    size: int
    batch_size: int
    normalisation: str
    joints: tuple


def read_exported(path):
    """The description that export.py has written beside the network.

    Args:
        path (str): the exported file, with or without its ending.

    Raises:
        UserError: no description, or one of another model.
    """
    path, content = description_path(path), read_description(path)
    try:
        batch, _, _, size = content["input"]["shape"]
        exported = Exported(int(size), 0 if batch == "B" else int(batch), content["input"]["normalisation"],
                            tuple(content["outputs"][1]["joints"]))
    except (ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
        raise UserError(f"{path} describes no exported network of openpose ({error!r}): export it again") from None
    check_normalisation(exported.normalisation)
    return exported


def fit_square(image, size):
    """An image (H, W, 3) uint8 scaled to fit into a square and padded, (size, size, 3), and its Placement."""
    height, width = image.shape[:2]
    scale = size / max(height, width)
    inner = tuple(max(1, round(side * scale)) for side in (height, width))
    method = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR
    resized = cv2.resize(image, inner[::-1], interpolation=method)
    padded = cv2.copyMakeBorder(resized, 0, size - inner[0], 0, size - inner[1], cv2.BORDER_CONSTANT,
                                value=(PADDING,) * 3)
    return padded, Placement((height, width), inner)


def write_bins(folder, exported, annotations, rows, image_folder):
    """Write images for the network -> the number of files; those of an earlier run are removed first.

    Args:
        exported (Exported): the network; with a batch of any number, a file holds one image.
        rows (array): numbers of its images.

    Raises:
        UserError: images that are missing, or none that can be used.
    """
    paths, reader = annotations.find_images(image_folder, "--imgpath_val", rows), AnnotatedImages(len(rows))
    place, batch_size = os.path.join(folder, IMAGES), exported.batch_size or 1
    for path in glob.glob(os.path.join(glob.escape(place), "*.bin")):
        os.remove(path)
    samples, number = [], 0

    def usable():
        for row, path in tqdm(list(zip(rows, paths)), desc="images", disable=None):
            entry = annotations.images[row]
            image = reader.read(path, entry.size, bgr=True)
            samples.append({"id": entry.id, "file_name": entry.file_name, "size": None, "inner": None})
            if image is not None:
                square, frame = fit_square(image, exported.size)
                samples[-1].update(size=frame.image, inner=frame.inner)
                yield normalise(square, exported.normalisation)

    images = usable()
    while batch := list(itertools.islice(images, batch_size)):
        values = np.zeros((batch_size, *batch[0].shape), np.float32)
        values[:len(batch)] = batch
        atomic_write(os.path.join(place, f"{number}.bin"), values.tobytes())
        number += 1
    if not number:
        raise UserError(f"--imgpath_val {image_folder}: none of the {len(rows)} images can be used")
    content = {"size": exported.size, "batch_size": batch_size, "images": samples}
    atomic_write(os.path.join(folder, SAMPLES), json.dumps(content).encode())
    return number


def read_predictions(config, skeleton, annotations):
    """`Predictions` from the maps in `result_path` that a network gave for the files of `write_bins`.

    Raises:
        UserError: files are missing, damaged, or of another network.
    """
    path, hint = os.path.join(config.preprocess_path, SAMPLES), "write it with preprocess.py"
    content = read_json(path, hint=hint)
    try:
        size, batch_size, samples = int(content["size"]), int(content["batch_size"]), content["images"]
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise UserError(f"{path} cannot be read ({error!r}): {hint}") from None
    cells, order, out = size // STRIDE, skeleton.annotation_order(annotations.names), Predictions()
    shapes = (batch_size, 2 * len(skeleton.limbs), cells, cells), (batch_size, len(skeleton.joints) + 1, cells, cells)
    place = 0
    for sample in tqdm(samples, desc="people", disable=None):
        if sample["size"] is None:
            out.left_out.append(sample["file_name"])
            continue
        out.image_ids.append(sample["id"])
        if place % batch_size == 0:
            paf, heat = (_read_maps(os.path.join(config.result_path, f"{place // batch_size}_{output}.bin"), shape)
                         for output, shape in enumerate(shapes))
        frame = Placement(tuple(sample["size"]), tuple(sample["inner"]))
        people = decode(heat[place % batch_size], paf[place % batch_size], frame, config.decoder, skeleton,
                        MERGE[config.merge_halves])
        out.records.extend(to_records(people, sample["id"], annotations.category_id, order))
        place += 1
    return out


def _read_maps(path, shape):
    if not os.path.isfile(path):
        raise UserError(f"{path} does not exist: run the network on all files of {IMAGES}")
    if os.path.getsize(path) != 4 * int(np.prod(shape)):
        raise UserError(f"{path} has {os.path.getsize(path)} bytes instead of {4 * int(np.prod(shape))}: this is the "
                        "output of another network, or --skeleton is missing")
    return np.fromfile(path, np.float32).reshape(shape)
