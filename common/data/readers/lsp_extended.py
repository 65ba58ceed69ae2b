"""Leeds Sports Pose, extended training set: 10000 images, one person each.

    <folder>/joints.mat               variable `joints` (14, 3, N): x, y in pixels and 1 where the joint is labelled
    <folder>/images/im00001.jpg ...   or, in the high-resolution release (hr-lspet), <folder>/im00001.png ...

The flag means the opposite of LSP's: joints that are not visible have no label here. Coordinates are used as they
stand. Sources: the dataset's README; akanazawa/hmr and nkolot/SPIN.
"""
import os

import numpy as np

from common.data.mat_files import read_mat
from common.data.readers.annotation_files import first_existing
from common.data.readers.checks import numbers
from common.data.readers.lsp import JOINTS
from common.data.records import NOT_LABELLED, VISIBLE, Record, box_around

_HINT = "unpack lspet_dataset.zip or hr-lspet.zip there"


def read_lsp_extended(folder: str) -> list[Record]:
    """All people, one per image, in the images' order; images without any labelled joint are left out.

    Returns:
        list[Record]: joints in the order of `lsp.JOINTS`, visible or not labelled; `box` is tight around the labelled
        ones.

    Raises:
        UserError: files missing or damaged.
    """
    path = os.path.join(folder, "joints.mat")
    joints = numbers(read_mat(path, ("joints",), _HINT)["joints"], (14, 3, None), f"{path}: joints", _HINT)
    records = []
    for number in range(joints.shape[2]):
        name = f"im{number + 1:05d}"
        image = first_existing(folder, (f"images/{name}.jpg", f"images/{name}.png", f"{name}.png"), _HINT)
        j2d, labelled = joints[:, :2, number], joints[:, 2, number] > 0
        if labelled.any():
            records.append(Record(image_path=image, box=box_around(j2d[labelled]), joints=JOINTS, j2d=j2d, key=name,
                                  visibility=np.where(labelled, VISIBLE, NOT_LABELLED).astype(np.uint8)))
    return records
