"""SMPL-X and MANO parameters as NeuralAnnot's JSON files hold them: pseudo ground truth of Hand4Whole's data sets.

An entry has `root_pose` (3), `body_pose` (63), `shape` (10), `trans` (3) and, in the later files, `lhand_pose` and
`rhand_pose` (45), `jaw_pose` (3), `expr` (10), `lhand_valid`, `rhand_valid`, `face_valid`. Poses are axis-angle in
radians, hands relative to the mean hand (`flat_hand_mean=False`), `trans` is in metres and added to the posed body.
Eyes look straight ahead.
Source: mks0601/Hand4Whole_RELEASE, data loaders and `utils/preprocessing.py`.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from common.data.readers.checks import dictionary, member, numbers
from common.data.readers.coco_people import PersonEntry
from common.data.records import VISIBLE, Record, box_around
from common.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from common.text_files import read_json

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


def read_fit(fits: Mapping, key: str, path: str) -> tuple[SMPLXFit | None, np.ndarray | None, np.ndarray | None]:
    """Fit, focal length (2,) and principal point (2,), px, of an annotation in a file of fits; None each without one.

    Args:
        fits (dict): the file's content, annotation -> {smplx_param, cam_param}.
        key (str): of the annotation. path (str): of the file, for messages.
    """
    if not fits.get(key):
        return None, None, None
    where = f"{path}: {key}"
    return (read_smplx_params(member(fits[key], "smplx_param", where), where),
            *read_camera(member(fits[key], "cam_param", where), where))


def body_fields(fit: SMPLXFit | MANOFit | None) -> dict[str, np.ndarray]:
    """`pose`, `beta` and `translation` of a fit in camera axes as fields of a `Record`; none without a fit."""
    return {} if fit is None else {"pose": fit.pose, "beta": fit.beta, "translation": fit.translation}


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


class NestedFile:
    """A JSON file of nested dictionaries, as those of cameras, joints and fits of whole sequences are."""

    def __init__(self, path: str, hint: str):
        self.path, self.content = path, dictionary(read_json(path, hint=hint), path)

    def where(self, keys: Sequence[str]) -> str:
        """File and place, for messages."""
        return f"{self.path}: {'/'.join(keys)}"

    def find(self, keys: Sequence[str]) -> object:
        """The entry, None where there is none."""
        entry = self.content
        for key in keys:
            entry = dictionary(entry, self.path).get(key) or {}
        return entry or None

    def need(self, keys: Sequence[str]) -> object:
        """The entry, which has to be there."""
        entry = self.content
        for key in keys:
            entry = member(entry, key, self.where(keys))
        return entry


def record_in_world(person: PersonEntry, path: str, joints: tuple, j3d: np.ndarray, fit: SMPLXFit | None,
                    lens: Mapping[str, np.ndarray]) -> Record:
    """Somebody of a calibrated room: joints projected into the image, the fit's root turned into camera axes.

    Args:
        person (PersonEntry): annotation and image. path (str): of the image.
        joints (tuple): names of the J joints. j3d (array): (J, 3), metres, camera axes.
        fit (SMPLXFit): in world axes, or None; for the translation see `human36m_images.camera_translation`.
        lens (dict): focal, principal (2,) px; rotation (3, 3) and offset (3,), x_camera = rotation x_world + offset.
    """
    j2d, body = lens["focal"] * j3d[:, :2] / j3d[:, 2:] + lens["principal"], {}
    if fit is not None:
        root = matrix_to_axis_angle(lens["rotation"] @ axis_angle_to_matrix(fit.pose[ROOT]))
        body = {"pose": np.concatenate([root, fit.pose[ROOT.stop:]]), "beta": fit.beta}
    return Record(
        image_path=path, box=person.box if person.box[2:].all() else box_around(j2d), joints=joints, j2d=j2d,
        visibility=np.full(len(joints), VISIBLE, np.uint8), j3d=j3d, **body, focal=lens["focal"],
        principal=lens["principal"], key=person.key,
        extras={"size": person.size(path), "fit": fit, "rotation": lens["rotation"], "offset": lens["offset"]})
