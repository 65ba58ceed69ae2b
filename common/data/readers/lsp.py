"""Leeds Sports Pose: 2000 images, one person each, in their original size or scaled to people of 150 px.

    <folder>/joints.mat            variable `joints` (3, 14, N): x, y in pixels and 1 where the joint is hidden
    <folder>/images/imNNNN.jpg     the image of column NNNN - 1

Both releases (lsp_dataset, lsp_dataset_original) look like this; the latter may lack the third row. Training uses the
first 1000 images, testing the others. Coordinates are used as they stand, as everybody does. Masks of all images
come with Unite the People: <mask_folder>/imNNNN_segmentation.png and imNNNN_part_segmentation.png.
Sources: the dataset's README; joint order and flags also as akanazawa/hmr and nkolot/GraphCMR read them.
"""
import os

import numpy as np

from common.data.mat_files import read_mat
from common.data.readers.annotation_files import existing
from common.data.readers.checks import numbers
from common.data.records import HIDDEN, VISIBLE, Record, box_around
from common.errors import UserError
from common.joints import SKELETONS

JOINTS = SKELETONS["lsp_14"]
SPLITS = ("train", "test", "all")
NUM_IMAGES, NUM_TRAIN = 2000, 1000
_HINT = "unpack lsp_dataset.zip or lsp_dataset_original.zip there"


def read_lsp(folder: str, split: str = "train", mask_folder: str | None = None) -> list[Record]:
    """People of one split, one per image, in the images' order.

    Args:
        folder (str): holds `joints.mat` and `images`.
        split (str): "train" (the first half of the images: 1000 of 2000), "test" (the second) or "all".
        mask_folder (str | None): Unite the People's `upi-s1h/data/lsp`.

    Returns:
        list[Record]: joints in the order of `JOINTS`, all labelled; `box` is tight around them; with a mask folder
        `extras` has `mask_path` and `part_path`.

    Raises:
        UserError: files missing or damaged.
    """
    if split not in SPLITS:
        raise UserError(f"split {split!r} of LSP does not exist: use one of {', '.join(SPLITS)}")
    path = os.path.join(folder, "joints.mat")
    joints = numbers(read_mat(path, ("joints",), _HINT)["joints"], (None, 14, None), f"{path}: joints", _HINT)
    if joints.shape[0] not in (2, 3) or not joints.shape[2]:
        raise UserError(f"{path}: joints has the shape {joints.shape} instead of (3, 14, images); {_HINT}")
    count = joints.shape[2]
    middle = NUM_TRAIN if count == NUM_IMAGES else (count + 1) // 2
    chosen = {"train": range(middle), "test": range(middle, count), "all": range(count)}[split]
    images = existing(os.path.join(folder, "images"), _HINT)
    return [_record(images, mask_folder, number, joints[..., number]) for number in chosen]


def _record(images: str, mask_folder: str | None, number: int, joints: np.ndarray) -> Record:
    name = f"im{number + 1:04d}"
    j2d = joints[:2].T
    hidden = joints[2] > 0 if len(joints) == 3 else np.zeros(14, bool)
    extras = {}
    if mask_folder is not None:
        extras = {"mask_path": existing(os.path.join(mask_folder, f"{name}_segmentation.png"), "unpack upi-s1h.zip"),
                  "part_path": existing(os.path.join(mask_folder, f"{name}_part_segmentation.png"),
                                        "unpack upi-s1h.zip")}
    return Record(image_path=existing(os.path.join(images, f"{name}.jpg"), _HINT), box=box_around(j2d), joints=JOINTS,
                  j2d=j2d, visibility=np.where(hidden, HIDDEN, VISIBLE).astype(np.uint8), key=name, extras=extras)
