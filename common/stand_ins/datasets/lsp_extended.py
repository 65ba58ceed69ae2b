"""Sample data in the format of Leeds Sports Pose, extended: images/im00001.jpg ... and joints.mat (14, 3, N).

The third number is 1 where the joint is labelled; hidden joints have no label and are (0, 0, 0).
"""
import os

import numpy as np
from tqdm import tqdm

from common.data.records import VISIBLE
from common.stand_ins.datasets.annotations import item_rng, write_mat
from common.stand_ins.datasets.image_files import write_image
from common.stand_ins.scenes.scene import make_scene

DEFAULT_NUM = 60


def add_arguments(group):
    """Options beside --output_dir, --seed and --num (here: images)."""


def make(args):
    """Write the dataset; returns a line that says what was written."""
    count = args.num or DEFAULT_NUM
    joints = np.zeros((14, 3, count))
    for index in tqdm(range(count), desc="LSP-extended", disable=None):
        image, joints[..., index] = make_item(args.seed, index)
        write_image(os.path.join(args.output_dir, "images", f"im{index + 1:05d}.jpg"), image)
    write_mat(os.path.join(args.output_dir, "joints.mat"), {"joints": joints})
    return f"{args.output_dir}: {count} images of one person each"


def make_item(seed, index):
    """Image (H, W, 3) number `index` (from 0) and its joints (14, 3): x, y px, 1 where labelled."""
    rng = item_rng(seed, "lsp_extended", index)
    size = int(rng.integers(150, 300)), int(rng.integers(130, 300))
    scene = make_scene(rng, size, 1, fill=(0.6, 0.95), occluder=0.2)
    points = scene.points(0, "lsp_14")
    labelled = (points.visibility == VISIBLE)[:, None]
    return scene.image, np.where(labelled, np.column_stack([points.j2d, labelled]), 0.0)
