"""`annot.h5` of pytorch_HMR: one file for all samples of Human3.6M or MPI-INF-3DHP, in LSP's 14 joints.

`gt2d` (N, 42): x, y and visibility of 14 joints; `gt3d` (N, 42): metres, camera axes; `imagename` (N,) bytes that begin
with a slash, below `image` beside the file; for Human3.6M also `pose` (N, 72) and `shape` (N, 10).
Source: MandyMo/pytorch_HMR `hum36m_dataloader.py`, `mpi_inf_3dhp_dataloader.py`.
"""
import os

import numpy as np

from common.data.readers.annotation_files import first_existing, load_h5
from common.data.readers.checks import numbers
from common.data.readers.lsp import JOINTS
from common.data.records import NOT_LABELLED, VISIBLE, Record, box_around
from common.names import path_below

IMAGE_FOLDERS = ("image", "images")


def read_annot_h5(path: str) -> list[Record]:
    """People with visible joints of an `annot.h5` file.

    Args:
        path (str): the file; images lie in `image` or `images` beside it.

    Returns:
        list[Record]: joints in LSP's order, `box` tight around the visible ones; pose and beta where the file has them.

    Raises:
        UserError: no such file or image folder, damaged, or arrays of other shapes.
    """
    content = load_h5(path, ("gt2d", "gt3d", "imagename"), ("pose", "shape"))
    images = first_existing(os.path.dirname(os.path.abspath(path)), IMAGE_FOLDERS, "unpack the images there")
    gt2d = numbers(content["gt2d"], (None, len(JOINTS), 3), f"{path}: gt2d")
    gt3d = numbers(content["gt3d"], (None, len(JOINTS), 3), f"{path}: gt3d")
    fits = {name: numbers(content[name], (None, size), f"{path}: {name}")
            for name, size in (("pose", 72), ("shape", 10)) if name in content}
    records = []
    for number, name in enumerate(content["imagename"]):
        name = os.fsdecode(name) if isinstance(name, bytes) else str(name)
        seen = gt2d[number, :, 2] > 0
        if not seen.any():
            continue
        records.append(Record(
            image_path=path_below(images, name.lstrip("/"), f"{path}: imagename"),
            box=box_around(gt2d[number, seen, :2]), joints=JOINTS,
            j2d=gt2d[number, :, :2], visibility=np.where(seen, VISIBLE, NOT_LABELLED).astype(np.uint8),
            j3d=gt3d[number], pose=fits["pose"][number] if "pose" in fits else None,
            beta=fits["shape"][number] if "shape" in fits else None, key=str(number)))
    return records
