"""MPI-INF-3DHP: the published tree, and two derivatives of it.

    S<1..8>/Seq<1,2>/annot.mat            annot2, annot3, univ_annot3: one cell per camera, (frames, 56 or 84)
    S<1..8>/Seq<1,2>/camera.calibration   text: size, intrinsic and extrinsic (4 x 4, mm) of every camera
    S<1..8>/Seq<1,2>/imageFrames/video_<c>/frame_<number>.jpg       or video_<c>/ itself; numbers start at 1
    mpi_inf_3dhp_test_set/TS<1..6>/annot_data.mat (HDF5) and imageSequence/img_<number>.jpg

`annot3` is in camera axes and millimetres; `univ_annot3` is the person scaled to a common size (knee to neck 920 mm).
Derivatives: `annot.h5` (see `annot_h5`) and `annots.npz` (see `annots_npz`).
Sources: the dataset's README, akanazawa/hmr and nkolot/SPIN `mpi_inf_3dhp.py`.
"""
import os
import re
from collections.abc import Sequence

import numpy as np

from common.data.mat_files import read_mat
from common.data.readers.annotation_files import existing, first_existing, load_h5
from common.data.readers.checks import numbers
from common.data.records import NOT_LABELLED, VISIBLE, Record, box_around
from common.errors import UserError
from common.joints import SKELETONS

JOINTS, TEST_JOINTS = SKELETONS["mpi_inf_3dhp_28"], SKELETONS["mpi_inf_3dhp_17"]
SUBJECTS, SEQUENCES, TEST_SEQUENCES = tuple(range(1, 9)), (1, 2), tuple(range(1, 7))
NUM_CAMERAS = 14
# The cameras at chest height, which papers train with; 3 looks from far, 9 to 13 stand above and below.
CHEST_CAMERAS = (0, 1, 2, 4, 5, 6, 7, 8)
IMAGE_SIZE = (2048, 2048)
_METRES = 1e-3
_HINT = "run the data set's get_dataset.sh and extract the frames of the videos"


def read_mpi_inf_3dhp(folder: str, subjects: Sequence[int] = SUBJECTS, cameras: Sequence[int] = CHEST_CAMERAS,
                      every: int = 1) -> list[Record]:
    """Training frames whose images are there.

    Args:
        folder (str): holds `S1` ... `S8`.
        subjects (sequence of int): 1 to 8; subject 8 is the usual validation set.
        cameras (sequence of int): 0 to 13.
        every (int): keep frames whose number is 1, 1 + every, ...

    Returns:
        list[Record]: joints in the order of `JOINTS`; visible where they are inside the image; focal length and
        principal point where `camera.calibration` is there; `extras` has subject, sequence, camera, frame and
        `j3d_universal` (28, 3), metres.

    Raises:
        UserError: no sequence at all, no image, or damaged annotations.
    """
    records, sequences = [], 0
    for subject in subjects:
        for sequence in SEQUENCES:
            home = os.path.join(folder, f"S{subject}", f"Seq{sequence}")
            if not os.path.exists(os.path.join(home, "annot.mat")):
                continue
            sequences += 1
            records += _read_sequence(home, subject, sequence, cameras, every)
    if not sequences:
        raise UserError(f"{folder} has no S<number>/Seq<number>/annot.mat of the subjects "
                        f"{', '.join(map(str, subjects))}; {_HINT}")
    if not records:
        raise UserError(f"{folder} holds annotations, but no images such as S1/Seq1/imageFrames/video_0/"
                        f"frame_000001.jpg; {_HINT}")
    return records


def _read_sequence(home: str, subject: int, sequence: int, cameras: Sequence[int], every: int) -> list[Record]:
    path = os.path.join(home, "annot.mat")
    cells = _read_cells(path, ("annot2", "annot3", "univ_annot3"))
    calibration = read_calibration(os.path.join(home, "camera.calibration"))
    records = []
    for camera in cameras:
        images = next((place for place in (os.path.join(home, "imageFrames", f"video_{camera}"),
                                           os.path.join(home, f"video_{camera}")) if os.path.isdir(place)), None)
        if images is None:
            continue
        if any(len(cell) <= camera for cell in cells.values()):
            raise UserError(f"{path} has no camera {camera}; get it again")
        j2d, j3d, universal = (numbers(cells[name][camera], (None, len(JOINTS), size), f"{path}: {name}[{camera}]")
                               for name, size in (("annot2", 2), ("annot3", 3), ("univ_annot3", 3)))
        lens = calibration.get(camera, {})
        for name, frame in _frames(images):
            if frame % every:
                continue
            if frame >= len(j3d) or frame >= len(j2d):
                raise UserError(f"{os.path.join(images, name)}: {path} holds only {len(j3d)} frames; extract the "
                                "frames of this sequence again")
            records.append(Record(
                image_path=os.path.join(images, name), box=box_around(j2d[frame]), joints=JOINTS, j2d=j2d[frame],
                visibility=_inside(j2d[frame], lens.get("size", IMAGE_SIZE)), j3d=j3d[frame] * _METRES,
                focal=lens.get("focal"), principal=lens.get("principal"),
                key=f"S{subject}/Seq{sequence}/video_{camera}/{frame + 1:06d}",
                extras={"subject": subject, "sequence": sequence, "camera": camera, "frame": frame + 1,
                        "j3d_universal": universal[frame] * _METRES}))
    return records


def _read_cells(path: str, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Cell arrays of a Matlab file, name -> (cameras,) array of matrices. The real files are large: parsed once."""
    return {name: cells.reshape(-1) for name, cells in read_mat(path, names, _HINT).items()}


def _frames(folder: str) -> list[tuple[str, int]]:
    """(file name, row of the annotations) of the images in a folder, in their order. Files count from 1 (or 0)."""
    found = sorted((int(match.group(1)), name) for name in os.listdir(folder)
                   if (match := re.fullmatch(r"\D*(\d+)\.(?:jpg|jpeg|png)", name)))
    first = 0 if found and found[0][0] == 0 else 1
    return [(name, number - first) for number, name in found]


def _inside(j2d: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    inside = (j2d >= 0).all(1) & (j2d < np.array(size)).all(1)
    return np.where(inside, VISIBLE, NOT_LABELLED).astype(np.uint8)


def read_calibration(path: str) -> dict[int, dict]:
    """Cameras of a `camera.calibration` file.

    Returns:
        dict: number -> dict of size (width, height), focal (2,), principal (2,) in pixels, rotation (3, 3) and
        translation (3,) with x_camera = rotation x_world + translation, metres. Empty without the file.

    Raises:
        UserError: the file is there, but not in this form.
    """
    if not os.path.exists(path):
        return {}
    cameras, current = {}, None
    with open(path, encoding="utf-8", errors="replace") as stream:
        for line in stream:
            key, *words = line.split() or [""]
            try:
                if key == "name":
                    (number,) = words
                    current = cameras.setdefault(int(number), {})
                elif key in ("size", "intrinsic", "extrinsic") and current is not None:
                    current.update(_calibration_entry(key, np.array([float(word) for word in words])))
            except (ValueError, OverflowError):
                raise UserError(f"{path}: the line {line.strip()[:40]!r} is damaged; get the file again") from None
    return cameras


def _calibration_entry(key: str, values: np.ndarray) -> dict:
    if key == "size":
        width, height = values
        return {"size": (int(width), int(height))}
    matrix = values.reshape(4, 4)
    if key == "intrinsic":
        return {"focal": matrix[[0, 1], [0, 1]], "principal": matrix[:2, 2]}
    return {"rotation": matrix[:3, :3], "translation": matrix[:3, 3] * _METRES}


def read_mpi_inf_3dhp_test(folder: str) -> list[Record]:
    """The valid frames of the test set.

    Args:
        folder (str): holds `mpi_inf_3dhp_test_set`, or `TS1` ... `TS6` themselves.

    Returns:
        list[Record]: joints in the order of `TEST_JOINTS`; `extras` has sequence, frame, activity (1 to 7, or None)
        and `j3d_universal` (17, 3), metres, which results are usually given for.

    Raises:
        UserError: no sequence, or damaged annotations.
    """
    home = first_existing(folder, ("mpi_inf_3dhp_test_set", "TS1", "TS2", "TS3", "TS4", "TS5", "TS6"), _HINT)
    home = home if home.endswith("test_set") else folder
    records = []
    for sequence in TEST_SEQUENCES:
        path = os.path.join(home, f"TS{sequence}", "annot_data.mat")
        if os.path.exists(path):
            records += _read_test_sequence(path, sequence)
    if not records:
        raise UserError(f"{home} has no TS<number>/annot_data.mat with valid frames; {_HINT}")
    return records


def _read_test_sequence(path: str, sequence: int) -> list[Record]:
    content = load_h5(path, ("annot2", "annot3", "univ_annot3", "valid_frame"), ("activity_annotation",), _HINT)
    j2d, j3d, universal = (numbers(content[name], (None, len(TEST_JOINTS), size), f"{path}: {name}")
                           for name, size in (("annot2", 2), ("annot3", 3), ("univ_annot3", 3)))
    images = existing(os.path.join(os.path.dirname(path), "imageSequence"), _HINT)
    activity = content.get("activity_annotation")
    records = []
    for frame in np.flatnonzero(content["valid_frame"].reshape(-1)):
        records.append(Record(
            image_path=os.path.join(images, f"img_{frame + 1:06d}.jpg"), box=box_around(j2d[frame]),
            joints=TEST_JOINTS, j2d=j2d[frame], visibility=np.full(len(TEST_JOINTS), VISIBLE, np.uint8),
            j3d=j3d[frame] * _METRES, key=f"TS{sequence}/{frame + 1:06d}",
            extras={"sequence": sequence, "frame": int(frame) + 1,
                    "activity": None if activity is None else int(activity.reshape(-1)[frame]),
                    "j3d_universal": universal[frame] * _METRES}))
    return records
