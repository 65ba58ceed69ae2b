"""Sample data in the format of MPII Human Pose: the release's Matlab file and Stacked Hourglass' `train.h5`.

    images/000000001.jpg ...
    annotations/mpii_human_pose_v1_u12_1.mat    struct RELEASE; the last tenth of the images are for testing
    train.h5                                    one row per training person: center, imgname, part, scale, visible

Joints outside the image are not labelled. The scale is the person's height in pixels / 200.
"""
import os

import numpy as np
from tqdm import tqdm

from common.data.records import NOT_LABELLED, VISIBLE
from common.joints import SKELETONS
from common.stand_ins.datasets.annotations import item_rng, struct_array, write_h5, write_mat
from common.stand_ins.datasets.image_files import write_image
from common.stand_ins.scenes.scene import make_scene

DEFAULT_NUM = 60
SIZE = (360, 640)
MIN_PIXELS = 400  # people of whom less is seen are not annotated
_HEAD = tuple(SKELETONS["mpii_16"].index(name) for name in ("upper_neck", "head_top"))


def add_arguments(group):
    """Options beside --output_dir, --seed and --num (here: images)."""


def make(args):
    """Write the dataset; returns a line that says what was written."""
    count = args.num or DEFAULT_NUM
    training = np.arange(count) < max(1, count - count // 10)
    entries, alone, rows = [], np.empty((count, 1), object), []
    for index in tqdm(range(count), desc="MPII", disable=None):
        name = f"{index + 1:09d}.jpg"
        image, people = make_item(args.seed, index)
        write_image(os.path.join(args.output_dir, "images", name), image)
        entries.append(_annolist_entry(name, people, training[index]))
        alone[index, 0] = np.array([[number + 1 for number, person in enumerate(people) if person["apart"]]], float)
        rows += [(name, person) for person in people if training[index]]
    release = {"annolist": struct_array(entries), "img_train": training.astype(np.uint8)[None],
               "version": "12", "single_person": alone}
    write_mat(os.path.join(args.output_dir, "annotations", "mpii_human_pose_v1_u12_1.mat"), {"RELEASE": release})
    write_h5(os.path.join(args.output_dir, "train.h5"), {
        "imgname": np.array([name for name, _ in rows], "S"),
        "center": np.array([person["center"] for _, person in rows]),
        "scale": np.array([person["scale"] for _, person in rows]),
        "part": np.array([person["j2d"] * (person["visibility"] != NOT_LABELLED)[:, None] for _, person in rows]),
        "visible": np.array([person["visibility"] == VISIBLE for _, person in rows], np.uint8)})
    return f"{args.output_dir}: {count} images, {len(rows)} training people"


def make_item(seed, index):
    """Image (H, W, 3) number `index` (from 0) and its people.

    Each is a dict of j2d (16, 2) px, visibility (16,), center (2,) px, scale, head_box (x1, y1, x2, y2) and apart.
    """
    rng = item_rng(seed, "mpii", index)
    scene = make_scene(rng, SIZE, int(rng.choice((1, 1, 1, 2, 3, 4))), fill=(0.5, 0.95), occluder=0.2)
    people = []
    for number in range(len(scene.people)):
        points = scene.points(number, "mpii_16")
        if scene.mask(number).sum() >= MIN_PIXELS:
            left, top, width, height = scene.box(number)
            head = points.j2d[list(_HEAD)]
            half = 0.4 * np.linalg.norm(head[1] - head[0])
            people.append({"j2d": points.j2d, "visibility": points.visibility,
                           "center": np.array([left + width / 2, top + height / 2]),
                           "scale": max(height, 0.6 * width) / 200.0,
                           "head_box": np.concatenate([head.min(0) - half, head.max(0) + half])})
    for person in people:
        person["apart"] = all(other is person or np.abs(other["center"] - person["center"]).max()
                              > 100.0 * (other["scale"] + person["scale"]) for other in people)
    return scene.image, people


def _annolist_entry(name, people, training):
    """One element of `annolist`."""
    rects = []
    for person in people:
        x1, y1, x2, y2 = person["head_box"]
        points = struct_array([
            {"x": x, "y": y, "id": joint, "is_visible": None if joint in _HEAD else int(flag == VISIBLE)}
            for joint, ((x, y), flag) in enumerate(zip(person["j2d"], person["visibility"])) if flag != NOT_LABELLED]
        ) if person["visibility"].any() else None
        center = {"x": person["center"][0], "y": person["center"][1]}
        rects.append({"x1": x1, "y1": y1, "x2": x2, "y2": y2,
                      "annopoints": {"point": points} if training and points is not None else None,
                      "scale": person["scale"], "objpos": center})
    return {"image": {"name": name}, "annorect": struct_array(rects) if rects else None, "frame_sec": None,
            "vididx": None}
