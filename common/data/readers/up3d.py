"""UP-3D (Unite the People): images with SMPL fits.

    <folder>/trainval.txt, train.txt, val.txt, test.txt      lines such as /00042_image.png
    <folder>/00042_image.png            the image
    <folder>/00042_joints.npy           (3, 14): x, y in pixels and 1 where the joint is labelled, LSP's order
    <folder>/00042_body.pkl             dict of pose (72,) and betas (10,), camera axes (and the camera: rt, t, f)
    <folder>/00042_render_light.png     the fit drawn on white: the person's box is what is not white

The test of GraphCMR takes the names of `namesUPlsp.txt` instead of a split. Masks (UPi-S1h) belong to LSP's images,
see `common.data.readers.lsp`: 0 background, else person; parts 1..6, 0 background, 255 undecided.
Source: the dataset's page; nkolot/GraphCMR `datasets/preprocess/up_3d.py`.
"""
import os
import re

import cv2
import numpy as np

from common.body_models.unpickle import as_array, read_pickle
from common.data.readers.annotation_files import existing
from common.data.readers.checks import numbers
from common.data.readers.lsp import JOINTS
from common.data.records import NOT_LABELLED, VISIBLE, Record
from common.data.restricted_pickle import load_npy
from common.errors import UserError

SPLITS = ("trainval", "train", "val", "test")
_HINT = "unpack up-3d.zip there"


def read_up3d(folder: str, split: str = "trainval", names_path: str | None = None) -> list[Record]:
    """People of a split, or of a file with names; opens three files for each.

    Args:
        folder (str): the unpacked `up-3d`.
        split (str): "trainval", "train", "val" or "test"; not used with `names_path`.
        names_path (str | None): a file with lines like those of a split.

    Returns:
        list[Record]: joints in the order of `lsp.JOINTS`, visible or not labelled; pose (72,), beta (10,); `box` is
        tight around the drawn fit; `key` is the five-digit number.

    Raises:
        UserError: no such split, files missing or damaged.
    """
    if names_path is None:
        if split not in SPLITS:
            raise UserError(f"split {split!r} of UP-3D does not exist: use one of {', '.join(SPLITS)}")
        names_path = os.path.join(folder, f"{split}.txt")
    return [_record(folder, number) for number in read_names(names_path)]


def read_names(path: str) -> list[str]:
    """Five-digit numbers of a file with lines such as `/00042_image.png`.

    Raises:
        UserError: missing, or a line of another form.
    """
    existing(path, _HINT)
    with open(path, encoding="utf-8", errors="replace") as stream:
        lines = [line.strip() for line in stream if line.strip()]
    matches = [re.fullmatch(r"/?(\d+)_image\.png", line) for line in lines]
    wrong = [line for line, match in zip(lines, matches) if match is None]
    if wrong:
        raise UserError(f"{path}: {wrong[0]!r} is not of the form /00042_image.png; {_HINT}")
    return [match.group(1) for match in matches]


def _record(folder: str, number: str) -> Record:
    base = os.path.join(folder, number)
    body = read_pickle(existing(f"{base}_body.pkl", _HINT))
    if not isinstance(body, dict) or not {"pose", "betas"} <= set(body):
        raise UserError(f"{base}_body.pkl holds no pose and betas; {_HINT}")
    pose, beta = (numbers(as_array(body[name], f"{base}_body.pkl: {name}"), (size,), f"{base}_body.pkl: {name}", _HINT)
                  for name, size in (("pose", 72), ("betas", 10)))
    path = existing(f"{base}_joints.npy", _HINT)
    joints = numbers(load_npy(path), (3, len(JOINTS)), path, _HINT)
    return Record(image_path=existing(f"{base}_image.png", _HINT), box=drawn_box(f"{base}_render_light.png"),
                  joints=JOINTS, j2d=joints[:2].T, key=number, pose=pose, beta=beta,
                  visibility=np.where(joints[2] > 0, VISIBLE, NOT_LABELLED).astype(np.uint8))


def drawn_box(path: str) -> np.ndarray:
    """The box (left, top, width, height) of what is not white in an image.

    As in GraphCMR, right and bottom are the last such column and row, not the edge behind them.

    Raises:
        UserError: missing, no image, or all of it is white.
    """
    rendering = cv2.imread(existing(path, _HINT))
    if rendering is None:
        raise UserError(f"{path} is not a readable image; {_HINT}")
    drawn = (rendering != 255).any(2)
    if not drawn.any():
        raise UserError(f"{path} shows nothing but white; {_HINT}")
    rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    return np.array([columns[0], rows[0], columns[-1] - columns[0], rows[-1] - rows[0]], np.float64)
