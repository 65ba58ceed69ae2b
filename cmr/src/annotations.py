"""Prepared annotations: one npz file for each data set, with GraphCMR's names of fields.

    imgname (N,)        image, relative to the data set's folder
    center (N, 2)       middle of the person's box, pixels of the image
    scale (N,)          its longer side, enlarged as the data set's protocol says, / 200 px
    part (N, 24, 3)     x, y in pixels, confidence; joints of the skeleton graphcmr_24
    S (N, 24, 4)        metres, camera axes, confidence
    pose (N, 72), shape (N, 10)        SMPL; has_smpl (N,) tells who has them, all where the file has no such field
    maskname, partname (N,)            segmentations, relative to the folder of UPi-S1h
    gender (N,)         male, female or neutral; in SPIN's files m, f or n
    size (N, 2)         width and height of the image that the annotations are for, 0 where unknown

Files of GraphCMR and SPIN have the same form and are read as they are.
"""
import os

import numpy as np

from common.data.readers.checks import gender, numbers, read_npz
from common.errors import UserError
from common.files import atomic_write, npz_bytes
from common.joints import SKELETONS, index_map

JOINTS = SKELETONS["graphcmr_24"]
SHAPES = {"center": (None, 2), "scale": (None,), "part": (None, 24, 3), "S": (None, 24, 4), "pose": (None, 72),
          "shape": (None, 10), "has_smpl": (None,), "size": (None, 2)}
TEXTS = ("imgname", "maskname", "partname", "gender")
_HINT = "prepare it with preprocess.py --train_files or --eval_files"


def read_annotations(path, needs=()):
    """The fields of a prepared file.

    Args:
        path (str): the file.
        needs (sequence): fields that have to be there beside imgname, center and scale.

    Returns:
        dict: field -> array; numbers in float64, text as str.

    Raises:
        UserError: no such file, damaged, empty, a field is missing, or fields that do not fit each other.
    """
    if not os.path.exists(path):
        raise UserError(f"{path} does not exist: {_HINT}")
    content = read_npz(path)
    missing = [name for name in ("imgname", "center", "scale", *needs) if name not in content]
    if missing:
        raise UserError(f"{path} has no {', '.join(missing)}; {_HINT} again")
    fields = {name: numbers(content[name], shape, f"{path}: {name}") for name, shape in SHAPES.items()
              if name in content}
    fields.update({name: content[name].astype(str) for name in TEXTS if name in content})
    count = len(fields["imgname"])
    wrong = [name for name, values in fields.items() if len(values) != count]
    if wrong:
        raise UserError(f"{path}: {wrong[0]} has {len(fields[wrong[0]])} entries and imgname {count}; {_HINT} again")
    if count == 0:
        raise UserError(f"{path} holds nobody; {_HINT} again")
    if "gender" in fields:
        fields["gender"] = np.array([gender(value, f"{path}: gender") for value in fields["gender"]])
    if not (fields["scale"] > 0).all():
        raise UserError(f"{path}: a scale is not positive; {_HINT} again")
    return fields


def write_annotations(path, fields):
    """Write the fields (name -> list or array) to an npz file, at once."""
    atomic_write(path, npz_bytes({name: np.asarray(values) for name, values in fields.items()}, compressed=False))


def placed(values, names, targets):
    """Values of joints in the order of `JOINTS`, with a confidence of 1 behind them; zeros elsewhere.

    Args:
        values (array): (J, D).
        names (sequence): the J joints.
        targets (dict): their names here, where these are others. Joints without a place here are left out.

    Returns:
        numpy.ndarray: (24, D + 1) float64.
    """
    known = [name for name in names if targets.get(name, name) in JOINTS]
    out = np.zeros((len(JOINTS), np.shape(values)[1] + 1))
    rows = [JOINTS.index(targets.get(name, name)) for name in known]
    out[rows, :-1] = np.asarray(values)[index_map(names, known)]
    out[rows, -1] = 1.0
    return out
