"""Human3.6M as it is downloaded: `metadata.xml` (cameras) and the CDF files of `Poses_D3_Positions`.

    <data_dir>/S<subject>/MyPoseFeatures/D3_Positions/<Action>[ <number>].cdf    3D joints, world, millimetres

Subject 1 calls two actions `TakingPhoto` and `WalkingDog`; both names and the renamed `Photo` and `WalkDog` are read.
Sources: the dataset's own files, and una-dinosauria/3d-pose-baseline `cameras.py` and `data_utils.py`.
"""
import logging
import os
import re
from collections.abc import Collection, Container, Iterable, Sequence
from typing import Any, NamedTuple

import cdflib
import numpy as np

from common.errors import UserError, printable
from common.geometry.camera import Camera
from common.text_files import read_xml

TRAIN_SUBJECTS, TEST_SUBJECTS = (1, 5, 6, 7, 8), (9, 11)
SUBJECTS = TRAIN_SUBJECTS + TEST_SUBJECTS
ACTIONS = ("Directions", "Discussion", "Eating", "Greeting", "Phoning", "Photo", "Posing", "Purchases", "Sitting",
           "SittingDown", "Smoking", "Waiting", "WalkDog", "Walking", "WalkTogether")
CAMERA_NAMES = ("54138969", "55011271", "58860488", "60457274")
RAW_ACTIONS = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog"}
POSE_FOLDER = os.path.join("MyPoseFeatures", "D3_Positions")

NUM_JOINTS = 32
NUM_SUBJECTS_IN_METADATA = 11
_EXTRINSICS, _INTRINSICS = 6, 9  # numbers per (camera, subject) and per camera
# Of CDF: bytes that a variable takes at least, and the type of records of rVariables, which hold no dimensions.
_VARIABLE, _R_VARIABLE = 128, 3

log = logging.getLogger("mindhuman")


class Recording(NamedTuple):
    """One take of one subject. name: `<Action>[ <number>]` with the renamed action; source: its file or key."""

    subject: int
    action: str
    name: str
    source: str


def recording_order(recording: Recording) -> tuple[int, str, str]:
    """Sorts by subject, action and file name; the dot makes `Eating 1.cdf` come before `Eating.cdf`, as on disk."""
    return recording.subject, recording.action, recording.name + "."


def parse_name(stem: str) -> tuple[str, str] | None:
    """`TakingPhoto 1` -> (`Photo`, `Photo 1`); also with an underscore. None for what is no action.

    Args:
        stem (str): file name without its ending, or key.
    """
    match = re.fullmatch(r"([A-Za-z]+)(?:[ _]+(\d+))?", stem)
    if not match:
        return None
    word, number = match.groups()
    action = RAW_ACTIONS.get(word, word)
    if action not in ACTIONS:
        return None
    return action, action if number is None else f"{action} {number}"


def resolve_actions(actions: str | Collection[str]) -> tuple[str, ...]:
    """`All` or `all`, one name or several, as a tuple of names in the dataset's order.

    Raises:
        UserError: no such action.
    """
    if isinstance(actions, str):
        actions = ACTIONS if actions.lower() == "all" else (actions,)
    unknown = [action for action in actions if action not in ACTIONS]
    if unknown or not actions:
        raise UserError(f"unknown action {', '.join(unknown) or '(none)'}: use All or one of {', '.join(ACTIONS)}")
    return tuple(action for action in ACTIONS if action in actions)


def read_cameras(path: str) -> dict[int, tuple[Camera, ...]]:
    """Read the four cameras of every subject from `metadata.xml`.

    Its element `w0` lists 300 numbers: for camera c and subject s at 6 * (11 * c + s - 1) three Euler angles (radians)
    and the camera's centre (world, mm); for camera c at 264 + 9 * c the intrinsics fx fy cx cy k1 k2 k3 p1 p2 (px).

    Returns:
        dict: subject (1..11) -> tuple of four `Camera` in the order of `CAMERA_NAMES`; mm, world to camera.

    Raises:
        UserError: no such file, not XML, or no 300 numbers in it.
    """
    numbers = _read_w0(path)
    split = len(CAMERA_NAMES) * NUM_SUBJECTS_IN_METADATA * _EXTRINSICS
    extrinsics = numbers[:split].reshape(len(CAMERA_NAMES), NUM_SUBJECTS_IN_METADATA, _EXTRINSICS)
    intrinsics = numbers[split:].reshape(len(CAMERA_NAMES), _INTRINSICS)
    cameras = {}
    for subject in range(1, NUM_SUBJECTS_IN_METADATA + 1):
        cameras[subject] = tuple(
            Camera(rotation=_rotation(outer[:3]), translation=outer[3:], focal=inner[:2], centre_px=inner[2:4],
                   radial=inner[4:7], tangential=inner[7:9], name=name)
            for name, outer, inner in zip(CAMERA_NAMES, extrinsics[:, subject - 1], intrinsics))
    return cameras


def _read_w0(path: str) -> np.ndarray:
    element = read_xml(path, hint="take metadata.xml from the Human3.6M download (code-v1.2.zip) and name it with "
                                  "--cameras_path").find(".//w0")
    expected = len(CAMERA_NAMES) * (NUM_SUBJECTS_IN_METADATA * _EXTRINSICS + _INTRINSICS)
    words = re.sub(r"[\[\],;]", " ", element.text or "").split() if element is not None else []
    try:
        numbers = np.array([float(word) for word in words])
    except ValueError as error:
        raise UserError(f"{path}: element w0 holds something other than numbers ({printable(error)})") from None
    if len(numbers) != expected:
        raise UserError(f"{path}: element w0 should hold {expected} camera numbers and holds {len(numbers)}; "
                        "take the metadata.xml of the Human3.6M download")
    if not np.isfinite(numbers).all():
        raise UserError(f"{path}: element w0 holds NaN or infinity; take the metadata.xml of the Human3.6M download")
    return numbers


def _rotation(angles: np.ndarray) -> np.ndarray:
    """R = Rx(a0) Ry(a1) Rz(a2), radians."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_x @ about_y @ about_z


def read_cdf_poses(path: str) -> np.ndarray:
    """World joints of one CDF file, variable `Pose` of shape (1, T, 96) or (T, 96) and any float type.

    Returns:
        numpy.ndarray: (T, 32, 3) in millimetres, with the file's float type.

    Raises:
        UserError: the file is damaged or holds another number of joints.
    """
    try:
        values = np.asarray(_Cdf(path).varget("Pose"))
    # cdflib has no error type of its own: a damaged file fails wherever its offsets lead.
    except Exception as error:
        raise UserError(f"{path} is not a readable CDF file with a variable Pose ({error}); unpack it again") from error
    if values.dtype.kind != "f" or values.ndim == 0 or values.shape[-1] != NUM_JOINTS * 3:
        raise UserError(f"{path}: variable Pose has shape {values.shape} of {values.dtype}; expected {NUM_JOINTS} "
                        f"joints, (frames, {NUM_JOINTS * 3}) floats, as in Poses_D3_Positions")
    poses = values.reshape(-1, NUM_JOINTS, 3)
    if not len(poses) or not np.isfinite(poses).all():
        raise UserError(f"{path} holds no frames or values that are not finite; unpack it again")
    return poses


class _Cdf(cdflib.CDF):
    """cdflib's reader, which believes every count in a file; one that nothing can hold would keep it busy for hours.

    Widths and places: NASA's CDF Internal Format Description 3.9; a record begins with its size, which has the width of
    the file's offsets (8 bytes, in version 2 four).
    """

    def _read_gdr(self, byte_loc: int):
        self._check_counts(byte_loc, 8, variables=(44, 60), dimensions=56)
        return super()._read_gdr(byte_loc)

    def _read_gdr2(self, byte_loc: int):
        self._check_counts(byte_loc, 4, variables=(24, 40), dimensions=36)
        return super()._read_gdr2(byte_loc)

    def _read_vdr3(self, byte_loc: int):
        self._check_counts(byte_loc, 8, dimensions=340)
        return super()._read_vdr3(byte_loc)

    def _read_vdr2(self, byte_loc: int):
        self._check_counts(byte_loc, 4, dimensions=128 if self._post25 else 256)
        return super()._read_vdr2(byte_loc)

    def _read_vxrs(self, byte_loc: int, *found: Any, **lists: Any):
        self._check_index(byte_loc, 8)
        return super()._read_vxrs(byte_loc, *found, **lists)

    def _read_vxrs2(self, byte_loc: int, *found: Any, **lists: Any):
        self._check_index(byte_loc, 4)
        return super()._read_vxrs2(byte_loc, *found, **lists)

    def _check_counts(self, place: int, width: int, variables: Sequence[int] = (),
                      dimensions: int | None = None) -> None:
        size, record = self._record(place, width)
        if any(_whole(record, start) > size // _VARIABLE for start in variables):
            raise ValueError("it has more variables than fit into it")
        # That of an rVariable ends before; what stands there is no count then.
        if 4 * _whole(record, dimensions) > len(record) and _whole(record, width) != _R_VARIABLE:
            raise ValueError("it has more dimensions than fit into it")

    def _check_index(self, place: int, width: int) -> None:
        """An index record, which holds its entries, and to which the records before it lead only once."""
        visited = self.__dict__.setdefault("_visited", set())
        if place in visited:
            raise ValueError("its index leads in a circle")
        visited.add(place)
        _, record = self._record(place, width)
        start = 2 * width + 4
        held, used = _whole(record, start), _whole(record, start + 4)
        if not 0 <= used <= held or start + 8 + held * (8 + width) > len(record):
            raise ValueError("its index has more entries than fit into it")

    def _record(self, place: int, width: int) -> tuple[int, bytes]:
        """(bytes of the file, the record at a place of it)."""
        size = self._f.seek(0, 2)
        self._f.seek(place)
        length = int.from_bytes(self._f.read(width), "big", signed=True)
        if not 0 <= place <= place + length <= size:
            raise ValueError("a record does not fit into it")
        self._f.seek(place)
        return size, self._f.read(length)


def _whole(record: bytes, start: int) -> int:
    return int.from_bytes(record[start:start + 4], "big", signed=True)


class CdfTree:
    """The downloaded layout below `data_dir`."""

    looked_for = os.path.join("S<subject>", POSE_FOLDER, "<Action>.cdf")

    def __init__(self, data_dir: str):
        self._data_dir = data_dir

    def recordings(self, subjects: Iterable[int], actions: Container[str]) -> list[Recording]:
        """Recordings of the given subjects and actions that exist, in `recording_order`."""
        found = {}
        for subject in subjects:
            for path in cdf_files(self._data_dir, subject):
                stem = os.path.splitext(os.path.basename(path))[0]
                parsed = parse_name(stem)
                if parsed is None or parsed[0] not in actions:
                    continue
                if (subject, parsed[1]) in found:
                    log.warning("S%d has %s twice, under its raw and its new name: the new one is used", subject,
                                parsed[1])
                    if stem != parsed[1]:
                        continue
                found[subject, parsed[1]] = Recording(subject, *parsed, path)
        return sorted(found.values(), key=recording_order)

    def read(self, recording: Recording) -> np.ndarray:
        """World joints (T, 32, 3), mm."""
        return read_cdf_poses(recording.source)

    def files(self, recordings: Iterable[Recording]) -> list[str]:
        """The files that `recordings` come from."""
        return [recording.source for recording in recordings]


def cdf_files(data_dir: str, subject: int) -> list[str]:
    """Sorted paths of a subject's CDF files; empty without its folder."""
    folder = os.path.join(data_dir, f"S{subject}", POSE_FOLDER)
    if not os.path.isdir(folder):
        return []
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.lower().endswith(".cdf")]
