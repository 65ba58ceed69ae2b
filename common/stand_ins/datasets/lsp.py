"""Sample data in the format of Leeds Sports Pose: both releases, the original and the one scaled to 150 px.

    lsp_dataset_original/{joints.mat,images/im0001.jpg ...}      (3, 14, N): x, y, 1 where hidden
    lsp_dataset/{joints.mat,images/im0001.jpg ...}               the same, people about 150 px long

The masks that belong to lsp_dataset are part of Unite the People (`common.stand_ins.datasets.up3d`).
"""
import os
from typing import NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from common.data.records import VISIBLE
from common.stand_ins.datasets.annotations import item_rng, write_mat
from common.stand_ins.datasets.image_files import write_image
from common.stand_ins.scenes.scene import make_scene

DEFAULT_NUM = 60
PERSON_PX = 150.0
_SIZES = ((480, 360), (360, 480), (420, 420), (500, 375))


class Item(NamedTuple):
    """One image: original (H, W, 3) with joints (14, 3): x, y px, hidden; scaled likewise; mask (h, w) bool and parts
    (h, w) uint8 of the scaled image."""

    original: np.ndarray
    original_joints: np.ndarray
    scaled: np.ndarray
    scaled_joints: np.ndarray
    mask: np.ndarray
    parts: np.ndarray


def add_arguments(group):
    """Options beside --output_dir, --seed and --num (here: images)."""


def make(args):
    """Write both releases; returns a line that says what was written."""
    count = args.num or DEFAULT_NUM
    originals, scaled = np.zeros((3, 14, count)), np.zeros((3, 14, count))
    for index in tqdm(range(count), desc="LSP", disable=None):
        item = make_item(args.seed, index)
        name = f"im{index + 1:04d}.jpg"
        write_image(os.path.join(args.output_dir, "lsp_dataset_original", "images", name), item.original)
        write_image(os.path.join(args.output_dir, "lsp_dataset", "images", name), item.scaled)
        originals[..., index], scaled[..., index] = item.original_joints.T, item.scaled_joints.T
    write_mat(os.path.join(args.output_dir, "lsp_dataset_original", "joints.mat"), {"joints": originals})
    write_mat(os.path.join(args.output_dir, "lsp_dataset", "joints.mat"), {"joints": scaled})
    return f"{args.output_dir}: {count} images of one person each, in lsp_dataset and lsp_dataset_original"


def make_item(seed, index):
    """Image number `index` (from 0) of the sample data with this seed; an `Item`."""
    rng = item_rng(seed, "lsp", index)
    scene = make_scene(rng, _SIZES[rng.integers(len(_SIZES))], 1, fill=(0.55, 0.9), occluder=0.15)
    points = scene.points(0, "lsp_14")
    joints = np.column_stack([points.j2d, points.visibility != VISIBLE])
    height, width = scene.image.shape[:2]
    shrink = min(1.0, PERSON_PX / np.ptp(points.j2d, axis=0).max())
    small = max(1, round(width * shrink)), max(1, round(height * shrink))
    scaled = cv2.resize(scene.image, small, interpolation=cv2.INTER_AREA)
    # The scale is that of the whole number of pixels.
    scaled_joints = joints * (small[0] / width, small[1] / height, 1.0)
    mask = cv2.resize(scene.mask(0).astype(np.uint8), small, interpolation=cv2.INTER_NEAREST)
    parts = cv2.resize(scene.labels, small, interpolation=cv2.INTER_NEAREST)
    return Item(scene.image, joints, scaled, scaled_joints, mask > 0, parts)
