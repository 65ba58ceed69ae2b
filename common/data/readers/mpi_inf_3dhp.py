"""MPI-INF-3DHP: the published tree, and two derivatives of it.

    S<1..8>/Seq<1,2>/annot.mat            annot2, annot3: one cell per camera, (frames, 56 or 84)
    S<1..8>/Seq<1,2>/camera.calibration   text: size and intrinsic (4 x 4) of every camera
    S<1..8>/Seq<1,2>/imageFrames/video_<c>/frame_<number>.jpg       or video_<c>/ itself; numbers start at 1
    mpi_inf_3dhp_test_set/TS<1..6>/annot_data.mat (HDF5) and imageSequence/img_<number>.jpg

`annot3` is in camera axes and millimetres; `univ_annot3` of the test set is the person scaled to a common size (knee
to neck 920 mm). Derivatives: `annot.h5` (see `annot_h5`) and `annots.npz` (see `annots_npz`).
Sources: the dataset's README, akanazawa/hmr and nkolot/SPIN `mpi_inf_3dhp.py`.
"""
import os
import re

import numpy as np

from common.data.mat_files import read_mat
from common.data.readers.annotation_files import existing, first_existing, load_h5
from common.data.readers.checks import numbers
from common.data.records import NOT_LABELLED, VISIBLE, Record, box_around
from common.errors import UserError
from common.joints import SKELETONS

JOINTS, TEST_JOINTS = SKELETONS["mpi_inf_3dhp_28"], SKELETONS["mpi_inf_3dhp_17"]
SUBJECTS, SEQUENCES, TEST_SEQUENCES = tuple(range(1, 9)), (1, 2), tuple(range(1, 7))
# The cameras at chest height, which papers train with; 3 looks from far, 9 to 13 stand above and below.
CHEST_CAMERAS = (0, 1, 2, 4, 5, 6, 7, 8)
IMAGE_SIZE = (2048, 2048)
_METRES = 1e-3
_HINT = "run the data set's get_dataset.sh and extract the frames of the videos"


def read_mpi_inf_3dhp(folder: str, every: int = 1) -> list[Record]:
    """Training frames of the cameras at chest height whose images are there.

    Args:
        folder (str): holds `S1` ... `S8`.
        every (int): keep frames whose number is 1, 1 + every, ...

    Returns:
        list[Record]: joints in the order of `JOINTS`; visible where they are inside the image; focal length and
        principal point where `camera.calibration` is there.

    Raises:
        UserError: no sequence at all, no image, or damaged annotations.
    """
    records, sequences = [], 0
    for subject in SUBJECTS:
        for sequence in SEQUENCES:
            home = os.path.join(folder, f"S{subject}", f"Seq{sequence}")
            if not os.path.exists(os.path.join(home, "annot.mat")):
                continue
            sequences += 1
            records += _read_sequence(home, f"S{subject}/Seq{sequence}", every)
    if not sequences:
        raise UserError(f"{folder} has no S<number>/Seq<number>/annot.mat of the subjects "
                        f"{', '.join(map(str, SUBJECTS))}; {_HINT}")
    if not records:
        raise UserError(f"{folder} holds annotations, but no images such as S1/Seq1/imageFrames/video_0/"
                        f"frame_000001.jpg; {_HINT}")
    return records


def _read_sequence(home: str, name: str, every: int) -> list[Record]:
    path = os.path.join(home, "annot.mat")
    # The real files are large: parsed once. One cell per camera.
    cells = {key: cells.reshape(-1) for key, cells in read_mat(path, ("annot2", "annot3"), _HINT).items()}
    calibration = read_calibration(os.path.join(home, "camera.calibration"))
    records = []
    for camera in CHEST_CAMERAS:
        images = next((place for place in (os.path.join(home, "imageFrames", f"video_{camera}"),
                                           os.path.join(home, f"video_{camera}")) if os.path.isdir(place)), None)
        if images is None:
            continue
        if any(len(cell) <= camera for cell in cells.values()):
            raise UserError(f"{path} has no camera {camera}; get it again")
        j2d, j3d = (numbers(cells[key][camera], (None, len(JOINTS), size), f"{path}: {key}[{camera}]")
                    for key, size in (("annot2", 2), ("annot3", 3)))
        lens = calibration.get(camera, {})
        inside = ((j2d >= 0) & (j2d < lens.get("size", IMAGE_SIZE))).all(2)
        for file, frame in _frames(images):
            if frame % every:
                continue
            if frame >= len(j3d) or frame >= len(j2d):
                raise UserError(f"{os.path.join(images, file)}: {path} holds only {len(j3d)} frames; extract the "
                                "frames of this sequence again")
            records.append(Record(
                image_path=os.path.join(images, file), box=box_around(j2d[frame]), joints=JOINTS, j2d=j2d[frame],
                visibility=np.where(inside[frame], VISIBLE, NOT_LABELLED).astype(np.uint8), j3d=j3d[frame] * _METRES,
                focal=lens.get("focal"), principal=lens.get("principal"),
                key=f"{name}/video_{camera}/{frame + 1:06d}"))
    return records


def _frames(folder: str) -> list[tuple[str, int]]:
    """(file name, row of the annotations) of the images in a folder, in their order. Files count from 1 (or 0)."""
    found = sorted((int(match.group(1)), name) for name in os.listdir(folder)
                   if (match := re.fullmatch(r"\D*(\d+)\.(?:jpg|jpeg|png)", name)))
    first = 0 if found and found[0][0] == 0 else 1
    return [(name, number - first) for number, name in found]


def read_calibration(path: str) -> dict[int, dict]:
    """Cameras of a `camera.calibration` file.

    Returns:
        dict: number -> dict of size (width, height), focal (2,) and principal (2,) in pixels. Empty without the file.

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
                elif key == "size" and current is not None:
                    width, height = map(float, words)
                    current["size"] = int(width), int(height)
                elif key == "intrinsic" and current is not None:
                    matrix = np.array(list(map(float, words))).reshape(4, 4)
                    current |= {"focal": matrix[[0, 1], [0, 1]], "principal": matrix[:2, 2]}
            except (ValueError, OverflowError):
                raise UserError(f"{path}: the line {line.strip()[:40]!r} is damaged; get the file again") from None
    return cameras


def read_mpi_inf_3dhp_test(folder: str) -> list[Record]:
    """The valid frames of the test set.

    Args:
        folder (str): holds `mpi_inf_3dhp_test_set`, or `TS1` ... `TS6` themselves.

    Returns:
        list[Record]: joints in the order of `TEST_JOINTS`; `extras` has `j3d_universal` (17, 3), metres, which results
        are usually given for.

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
    content = load_h5(path, ("annot2", "annot3", "univ_annot3", "valid_frame"), hint=_HINT)
    j2d, j3d, universal = (numbers(content[name], (None, len(TEST_JOINTS), size), f"{path}: {name}")
                           for name, size in (("annot2", 2), ("annot3", 3), ("univ_annot3", 3)))
    images = existing(os.path.join(os.path.dirname(path), "imageSequence"), _HINT)
    records = []
    for frame in np.flatnonzero(content["valid_frame"].reshape(-1)):
        records.append(Record(
            image_path=os.path.join(images, f"img_{frame + 1:06d}.jpg"), box=box_around(j2d[frame]),
            joints=TEST_JOINTS, j2d=j2d[frame], visibility=np.full(len(TEST_JOINTS), VISIBLE, np.uint8),
            j3d=j3d[frame] * _METRES, key=f"TS{sequence}/{frame + 1:06d}",
            extras={"j3d_universal": universal[frame] * _METRES}))
    return records
