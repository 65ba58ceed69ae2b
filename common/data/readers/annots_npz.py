"""`annots.npz`: one pickled dictionary, image -> annotation, of Human3.6M or MPI-INF-3DHP.

Its only member `annots` maps an image's path below `images` to `kp2d` (J, 2) pixels and `kp3d` (J, 3), camera axes,
with all joints of the data set (32 or 28); Human3.6M's file also has `poses` (72,) or (n, 72) and `betas` (10,).
Lengths are stored in millimetres or metres, which is told from the person's size.
Source: the `dataprocess.py` of the MindSpore port of HMR. Unpickling is restricted to arrays and plain containers.
"""
import os
from collections.abc import Sequence

import numpy as np

from common.data.readers.annotation_files import existing, first_existing
from common.data.readers.checks import dictionary, member, numbers
from common.data.records import VISIBLE, Record, box_around
from common.data.restricted_pickle import load_npz
from common.errors import UserError
from common.names import path_below

# No person is ten metres tall, and none ten millimetres.
_LARGEST_PERSON = 10.0


def read_annots_npz(path: str, joints: Sequence[str]) -> list[Record]:
    """People of an `annots.npz` file.

    Args:
        path (str): the file; images lie in `images` or `image` beside it, or beside it.
        joints (sequence of str): names of the J joints of the data set.

    Returns:
        list[Record]: in the order of the file; pose (72,) and beta where the file has them.

    Raises:
        UserError: no such file, damaged, unsafe, or entries of other shapes.
    """
    content = member(load_npz(existing(path, "name another file")), "annots", path)
    if not dictionary(content, f"{path}: annots"):
        raise UserError(f"{path}: annots is empty; get the file again")
    images = first_existing(os.path.dirname(os.path.abspath(path)), ("images", "image", "."), "unpack the images")
    return [_record(_image_path(images, name, f"{path}: annots"), name, entry, tuple(joints), f"{path}: {name}")
            for name, entry in content.items()]


def _image_path(images: str, name: object, where: str) -> str:
    return path_below(images, name.lstrip("/") if isinstance(name, str) else name, where)


def _record(image_path: str, name: str, entry: object, joints: tuple[str, ...], where: str) -> Record:
    entry = dictionary(entry, where)
    j2d = numbers(member(entry, "kp2d", where), (len(joints), None), f"{where}: kp2d")[:, :2]
    if j2d.shape[1] < 2:
        raise UserError(f"{where}: kp2d has no x and y of each joint")
    j3d = numbers(member(entry, "kp3d", where), (len(joints), 3), f"{where}: kp3d")
    if np.ptp(j3d, 0).max() > _LARGEST_PERSON:
        j3d = j3d * 1e-3
    pose = beta = None
    if entry.get("poses") is not None and entry.get("betas") is not None:
        poses = numbers(entry["poses"], (None, 72), f"{where}: poses")
        beta = numbers(entry["betas"], (None,), f"{where}: betas")[:10]
        if not len(poses) or len(beta) < 10:
            raise UserError(f"{where}: poses or betas are empty")
        pose = poses[0]
    return Record(image_path=image_path, box=box_around(j2d), joints=joints, j2d=j2d,
                  visibility=np.full(len(joints), VISIBLE, np.uint8), j3d=j3d, pose=pose, beta=beta, key=name)
