"""MPII Human Pose: the release's Matlab file, and the `train.h5` that Stacked Hourglass made of it.

    <folder>/images/015601864.jpg
    <folder>/annotations/mpii_human_pose_v1_u12_1.mat     struct RELEASE (also looked for beside `images`, and in the
                                                          release's own folder mpii_human_pose_v1_u12_2)
    train.h5        center (N, 2), scale (N,), imgname (N,) bytes, part (N, 16, 2); missing joints are (0, 0)

RELEASE.annolist(i) has image.name and annorect(r): objpos (x, y), scale (height / 200 px) and annopoints.point
with id, x, y, is_visible; img_train(i) is 1 for training images, whose people alone have joints;
single_person{i} lists (from 1) the people who stand apart from others. Coordinates are used as they stand.
Sources: the release's README; princeton-vl/pose-hg-train `annot`, nkolot/GraphCMR.
"""
import os

import numpy as np

from common.data.mat_files import Struct, read_mat
from common.data.readers.annotation_files import existing, first_existing, load_h5
from common.data.readers.checks import numbers
from common.data.records import HIDDEN, NOT_LABELLED, VISIBLE, Record
from common.errors import UserError
from common.joints import SKELETONS
from common.names import path_below

JOINTS = SKELETONS["mpii_16"]
MAT_PLACES = tuple(f"{folder}mpii_human_pose_v1_u12_{number}.mat"
                   for folder in ("annotations/", "", "mpii_human_pose_v1_u12_2/") for number in (1, 2))
_HINT = "unpack mpii_human_pose_v1.tar.gz and mpii_human_pose_v1_u12_2.zip there"
_H5_HINT = "take annot/train.h5 of Stacked Hourglass"


def read_mpii(folder: str) -> list[Record]:
    """Training people of the release who stand apart from others, image by image.

    Args:
        folder (str): holds `images` and the Matlab file.

    Returns:
        list[Record]: joints in the order of `JOINTS`; `box` is the square of 200 px * scale around `objpos`; `extras`
        has center (2,) and scale as stored.

    Raises:
        UserError: files missing or damaged.
    """
    path = first_existing(folder, MAT_PLACES, _HINT)
    images = existing(os.path.join(folder, "images"), _HINT)
    try:
        release = read_mat(path, ("RELEASE",), _HINT)["RELEASE"][0, 0]
        entries, training = release.annolist.ravel(), release.img_train.ravel()
        apart = release.single_person.ravel()
        records = []
        for number, entry in enumerate(entries):
            if training[number]:
                file = path_below(images, str(entry.image[0, 0].name[0]), f"{path}: image {number}")
                alone = {int(index) for index in np.asarray(apart[number]).ravel()}
                records += _people(entry, file, number, alone)
    # Missing fields of Matlab structs come as any of these.
    except (AttributeError, IndexError, TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{path} is not MPII's RELEASE ({type(error).__name__}: {error}); {_HINT}") from error
    return records


def read_mpii_people(folder: str) -> list[Record]:
    """The people who are alone in the release, or else those of Stacked Hourglass' `train.h5`."""
    packed = [path for path in (os.path.join(folder, *place) for place in (("annot", "train.h5"), ("train.h5",)))
              if os.path.isfile(path)]
    try:
        return read_mpii(folder)
    except UserError:
        if not packed:
            raise
        return read_mpii_h5(packed[0], os.path.join(folder, "images"))


def _people(entry: Struct, file: str, number: int, alone: set[int]) -> list[Record]:
    """Records of one image's people of the numbers `alone`; those without joints, position or scale are left out."""
    out = []
    for index, person in enumerate(np.asarray(entry.annorect).ravel(), 1):
        points = _field(person, "annopoints")
        center, scale = _field(person, "objpos"), _field(person, "scale")
        if index not in alone or points is None or center is None or scale is None:
            continue
        j2d, visibility = np.zeros((len(JOINTS), 2)), np.full(len(JOINTS), NOT_LABELLED, np.uint8)
        for point in points.point.ravel():
            joint = int(_number(point, "id"))
            if joint < 0:
                raise ValueError(f"a point has the id {joint}")
            j2d[joint] = _number(point, "x"), _number(point, "y")
            visibility[joint] = HIDDEN if _number(point, "is_visible", 1) == 0 else VISIBLE
        center = np.array([_number(center, "x"), _number(center, "y")])
        out.append(_record(file, f"{number}.{index}", j2d, visibility, center, float(np.ravel(scale)[0])))
    return out


def _field(struct: object, name: str) -> object:
    """A field of a Matlab struct (structs unwrapped), None where it is absent or empty."""
    value = getattr(struct, name, None)
    if value is None or np.size(value) == 0:
        return None
    first = np.ravel(value)[0]
    return first if isinstance(first, Struct) else value


def _number(struct: object, name: str, default: float | None = None) -> float:
    """A field as a number; the release also stores numbers as text, and leaves fields out or empty."""
    value = getattr(struct, name, None)
    if value is None or np.size(value) == 0:
        if default is None:
            raise ValueError(f"a point has no {name}")
        return default
    return float(np.ravel(value)[0])


def read_mpii_h5(path: str, image_folder: str) -> list[Record]:
    """People of `train.h5`.

    Args:
        image_folder (str): MPII's `images`.

    Returns:
        list[Record]: as `read_mpii`; `HIDDEN` where an array `visible` says so.

    Raises:
        UserError: missing or damaged.
    """
    arrays = load_h5(path, ("center", "scale", "imgname", "part"), ("visible",), _H5_HINT)
    count = len(arrays["scale"])
    shapes = {"center": (count, 2), "scale": (count,), "part": (count, len(JOINTS), 2), "visible": (count, len(JOINTS))}
    for name, shape in shapes.items():
        if name in arrays:
            arrays[name] = numbers(arrays[name], shape, f"{path}: {name}", _H5_HINT)
    visible = arrays.get("visible", np.ones((count, len(JOINTS))))
    records = []
    for row in range(count):
        labelled = (arrays["part"][row] > 0).all(1)
        flags = np.where(labelled, np.where(visible[row] > 0, VISIBLE, HIDDEN), NOT_LABELLED).astype(np.uint8)
        file = path_below(image_folder, _file_name(arrays["imgname"][row]), f"{path}: imgname")
        records.append(_record(file, str(row), arrays["part"][row], flags, arrays["center"][row],
                               float(arrays["scale"][row])))
    return records


def _file_name(value: object) -> str:
    """An entry of `imgname`: bytes, or the numbers of its characters in the oldest files."""
    if isinstance(value, bytes):
        return value.decode("ascii", "replace")
    return "".join(chr(int(code)) for code in np.ravel(value) if 0 < code < 128)


def _record(file: str, key: str, j2d: np.ndarray, visibility: np.ndarray, center: np.ndarray, scale: float) -> Record:
    side = 200.0 * scale
    return Record(image_path=file, box=np.array([center[0] - side / 2, center[1] - side / 2, side, side]),
                  joints=JOINTS, j2d=j2d, visibility=visibility, key=key, extras={"center": center, "scale": scale})
