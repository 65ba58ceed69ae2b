"""SMPL-X and MANO parameters as NeuralAnnot's JSON files hold them: pseudo ground truth of Hand4Whole's data sets.

An entry has `root_pose` (3), `body_pose` (63), `shape` (10), `trans` (3) and, in the later files, `lhand_pose` and
`rhand_pose` (45), `jaw_pose` (3), `expr` (10), `lhand_valid`, `rhand_valid`, `face_valid`. Poses are axis-angle in
radians, hands relative to the mean hand (`flat_hand_mean=False`), `trans` is in metres and added to the posed body.
Eyes look straight ahead.
Source: mks0601/Hand4Whole_RELEASE, data loaders and `utils/preprocessing.py`.
"""
from typing import NamedTuple

import numpy as np

from common.data.readers.checks import dictionary, member, numbers

# Joints of SMPL-X's pose vector (55 x 3), in its order, as slices of numbers.
ROOT, BODY, JAW = slice(0, 3), slice(3, 66), slice(66, 69)
LEFT_HAND, RIGHT_HAND = slice(75, 120), slice(120, 165)  # behind the eyes' six numbers
POSE_SIZE = 165
_OPTIONAL = (("lhand_pose", LEFT_HAND, "lhand"), ("rhand_pose", RIGHT_HAND, "rhand"), ("jaw_pose", JAW, "face"))


class SMPLXFit(NamedTuple):
    """One person: pose (165,), beta (10,), expr (10,), translation (3,) float64; valid: lhand, rhand, face -> bool."""

    pose: np.ndarray
    beta: np.ndarray
    expr: np.ndarray
    translation: np.ndarray
    valid: dict


def read_smplx_params(entry: object, where: str) -> SMPLXFit:
    """One entry of a NeuralAnnot file; parts that it lacks are zero and not valid.

    Args:
        entry (dict): see the module's text.
        where (str): file and entry, for messages.

    Returns:
        SMPLXFit

    Raises:
        UserError: a needed member is missing or has another size.
    """
    pose = np.zeros(POSE_SIZE)
    entry = dictionary(entry, where)
    pose[ROOT] = numbers(member(entry, "root_pose", where), (3,), f"{where}: root_pose")
    pose[BODY] = numbers(member(entry, "body_pose", where), (63,), f"{where}: body_pose")
    valid = {}
    for key, part, name in _OPTIONAL:
        valid[name] = entry.get(key) is not None and bool(entry.get(f"{name}_valid", True))
        if entry.get(key) is not None:
            pose[part] = numbers(entry[key], (part.stop - part.start,), f"{where}: {key}")
    expr = np.zeros(10)
    if entry.get("expr") is not None:
        expr = numbers(entry["expr"], (10,), f"{where}: expr")
    return SMPLXFit(pose, numbers(member(entry, "shape", where), (10,), f"{where}: shape"), expr,
                    numbers(member(entry, "trans", where), (3,), f"{where}: trans"), valid)


class MANOFit(NamedTuple):
    """One hand: pose (48,), beta (10,), translation (3,), float64; metres, camera axes."""

    pose: np.ndarray
    beta: np.ndarray
    translation: np.ndarray


def read_mano_params(entry: object, where: str) -> MANOFit:
    """`pose` (48, wrist first, relative to the mean hand), `shape` (10) and `trans` (3) of a hand -> MANOFit.

    Raises:
        UserError: a member is missing or has another size.
    """
    return MANOFit(numbers(member(entry, "pose", where), (48,), f"{where}: pose"),
                   numbers(member(entry, "shape", where), (10,), f"{where}: shape"),
                   numbers(member(entry, "trans", where), (3,), f"{where}: trans"))


def read_camera(entry: object, where: str) -> tuple[np.ndarray, np.ndarray]:
    """`focal` and `princpt` of a camera -> two (2,) float64 arrays, pixels.

    Raises:
        UserError: a member is missing or has another size.
    """
    return (numbers(member(entry, "focal", where), (2,), f"{where}: focal"),
            numbers(member(entry, "princpt", where), (2,), f"{where}: princpt"))
