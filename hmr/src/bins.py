"""Images, labels and predictions as files of plain float32 numbers: what programs without Python exchange.

    img_data/<i>.bin    (B, 3, S, S), batch i of the network's input; the last one is filled up with copies
    label/<i>.bin       (n, 171), a row for each person of the batch: keypoints 14 x (x, y, weight), the crop spans
                        [-1, 1]; joints 14 x (x, y, z), metres; theta, without a camera; 1 where theta is known, 1
                        where the joints are
    samples.json        images and actions of the people, in the same order
    <i>_<k>.bin         output k of the network for batch i

Joints are LSP's. Differs from the MindSpore port, whose labels held the first 14 of the raw joints.
"""
import glob
import json
import os

import numpy as np
from tqdm import tqdm

from common.engine.export import description_path, read_description
from common.errors import UserError, brief
from common.files import atomic_write
from common.text_files import read_json
from hmr.src.conventions import find_convention
from hmr.src.dataset import NUM_LSP
from hmr.src.evaluate import Viewer, batches, log_summary, measure, pck_2d, summarize
from hmr.src.inference import CROPS
from hmr.src.network import JOINTS, NUM_CAM, OUTPUTS, THETA_SIZE
from hmr.src.protocols import true_bodies

LABEL_SIZES = (3 * NUM_LSP, 3 * NUM_LSP, THETA_SIZE, 1, 1)


def write_bins(folder, viewer, subjects, models):
    """Write images and labels; files of an earlier run are removed first -> number of batches.

    Args:
        folder (str): for `img_data`, `label` and `samples.json`.
        viewer (Viewer): how the network sees people.
        subjects (list[Subject]): the people.
        models (dict): gender -> BodyModel in float32, for people whose body is known and joints are not.

    Raises:
        UserError: an image is missing or damaged.
    """
    places = [os.path.join(folder, name) for name in ("img_data", "label")]
    for place in places:
        for path in glob.glob(os.path.join(glob.escape(place), "*.bin")):
            os.remove(path)
    number = -1
    for number, (chunk, images, regions) in enumerate(tqdm(
            batches(viewer, subjects), total=-(-len(subjects) // viewer.batch_size), desc="images", disable=None)):
        for place, array in zip(places, (images, labels_of(chunk, regions, models))):
            atomic_write(os.path.join(place, f"{number}.bin"), np.ascontiguousarray(array, np.float32).tobytes())
    samples = {"images": [subject.image_path for subject in subjects],
               "actions": [subject.action for subject in subjects]}
    atomic_write(os.path.join(folder, "samples.json"), json.dumps(samples).encode())
    return number + 1


def labels_of(subjects, regions, models):
    """(n, 171) float64 rows as the module says; zeros for what is not known."""
    rows = []
    for subject, region in zip(subjects, regions):
        kp2d, j3d, theta = np.zeros((NUM_LSP, 3)), subject.j3d, np.zeros(THETA_SIZE)
        if subject.kp2d is not None:
            kp2d[:, :2] = 2.0 * (subject.kp2d[:, :2] - region.corner_px) / region.side_px - 1.0
            kp2d[:, 2] = subject.kp2d[:, 2]
        if subject.pose is not None:
            theta[NUM_CAM:] = np.concatenate([subject.pose, subject.beta])
            if j3d is None:
                regressor = models["neutral"].extras["cocoplus_regressor"][:NUM_LSP]
                j3d = regressor @ true_bodies([subject], models)[0]
        has = float(subject.pose is not None), float(j3d is not None)
        rows.append(np.concatenate([kp2d.ravel(), np.zeros(3 * NUM_LSP) if j3d is None else j3d.ravel(), theta, has]))
    return np.stack(rows)


def measure_bins(label_folder, result_folder):
    """Measure predictions against labels, and write the lines about it.

    Args:
        label_folder (str): the folder `label`.
        result_folder (str): the predictions.

    Returns:
        dict: of `summarize`, or `pck_2d` for people without joints in 3D.

    Raises:
        UserError: no labels, predictions are missing, or of another size.
    """
    paths = glob.glob(os.path.join(glob.escape(label_folder), "*.bin"))
    numbers = sorted(int(stem) for stem in (os.path.basename(path)[:-4] for path in paths) if stem.isdecimal())
    if not numbers:
        raise UserError(f"--label_file {label_folder} holds no labels: write them with preprocess.py")
    rows = {"labels": [], "joints2d": [], "joints3d": []}
    for number in numbers:
        labels = _read(os.path.join(label_folder, f"{number}.bin"), sum(LABEL_SIZES))
        rows["labels"].append(labels)
        for name, size in (("joints2d", 2), ("joints3d", 3)):
            path = os.path.join(result_folder, f"{number}_{OUTPUTS.index(name)}.bin")
            found = _read(path, size * len(JOINTS))
            if len(found) < len(labels):
                raise UserError(f"{path} holds {len(found)} people, its label {len(labels)}: run the network again")
            rows[name].append(found[:len(labels)].reshape(-1, len(JOINTS), size)[:, :NUM_LSP])
    labels, pred_j2d, pred_j3d = (np.concatenate(parts) for parts in rows.values())
    kp2d, kp3d, _, _, has_kp3d = np.split(labels, np.cumsum(LABEL_SIZES)[:-1], 1)
    if not has_kp3d.all():
        kp2d = kp2d.reshape(-1, NUM_LSP, 3)
        summary = {"pck_2d": pck_2d(pred_j2d, kp2d[..., :2], kp2d[..., 2])}
    else:
        actions = _actions(os.path.join(os.path.dirname(os.path.abspath(label_folder)), "samples.json"), len(labels))
        summary = summarize(measure(pred_j3d, kp3d.reshape(-1, NUM_LSP, 3)), actions)
    log_summary(summary)
    return summary


def _read(path, width):
    """Rows (n, width) of a file."""
    if not os.path.isfile(path):
        raise UserError(f"{path} does not exist: run the network on all files of img_data")
    values = np.fromfile(path, np.float32)
    if not values.size or values.size % width or values.nbytes != os.path.getsize(path):
        raise UserError(f"{path} has {os.path.getsize(path)} bytes, no multiple of {4 * width}: this is the output of "
                        "another network")
    return values.reshape(-1, width)


def _actions(path, count):
    """What each person does, or None where that is not known of all."""
    if not os.path.exists(path):
        return None
    content = read_json(path, hint="write it with preprocess.py")
    actions = content.get("actions") if isinstance(content, dict) else None
    return actions if isinstance(actions, list) and len(actions) == count and None not in actions else None


def read_view(path):
    """How the exported network sees people: `Viewer` without a network; `batch_size` is 0 where the batch is free.

    Args:
        path (str): the exported file, with or without its ending.

    Raises:
        UserError: no description beside the file, or one of another model.
    """
    path, content = description_path(path), read_description(path)
    try:
        batch, _, _, size = content["input"]["shape"]
        name = content["convention" if "convention" in content else "profile"]  # files written earlier call it so
        view = Viewer(None, find_convention(name), content["input"]["crop_kind"], int(size),
                      float(content["input"]["crop_scale"]), 0 if batch == "B" else int(batch))
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise UserError(f"{path} describes no exported network of hmr ({error!r}): export it again") from None
    if not isinstance(view.kind, str) or view.kind not in CROPS:
        raise UserError(f"{path} names a crop {brief(view.kind)} that is not known here: export the network again")
    return view
