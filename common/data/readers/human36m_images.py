"""Human3.6M with images: Hand4Whole's tree of JSON files, and the dataset's own evaluation files.

    images/s_01_act_02_subact_01_ca_01/s_01_act_02_subact_01_ca_01_000001.jpg
    annotations/Human36M_subject<n>_data.json              COCO style: images, boxes
    annotations/Human36M_subject<n>_camera.json            {camera: {R, t, f, c}}, x_camera = R x_world + t, mm
    annotations/Human36M_subject<n>_joint_3d.json          {action: {subaction: {frame: 17 x 3}}}, world, mm
    annotations/Human36M_subject<n>_SMPLX_NeuralAnnot.json {action: {subaction: {frame: parameters}}}, world, metres

and for protocols 1 and 2 of HMR, SPIN and GraphCMR

    S<9,11>/MyPoseFeatures/D3_Positions_mono/<Action>[ 1].<camera>.cdf     (1, frames, 96), camera axes, mm
    S<9,11>/MySegmentsMat/ground_truth_bb/<the same name>.mat              HDF5, `Masks`: an image for each frame
    images/S9_<Action>_1.<camera>_000001.jpg                               extracted frames, counted from 1

`annot.h5` and `annots.npz` are read by `annot_h5` and `annots_npz`.
Sources: mks0601/Hand4Whole_RELEASE `Human36M.py`, nkolot/SPIN `h36m.py`.
"""
import os
from collections.abc import Sequence

import numpy as np

from common.data.hdf5_files import open_hdf5, read_dataset
from common.data.readers.annotation_files import existing
from common.data.readers.checks import dictionary, member, numbers, whole_number
from common.data.readers.coco_people import PROJECTED, read_people
from common.data.readers.human36m import CAMERA_NAMES, TEST_SUBJECTS, TRAIN_SUBJECTS, read_cdf_poses
from common.data.readers.smplx_params import NestedFile, read_smplx_params, record_in_world
from common.data.records import Record, box_around
from common.errors import UserError
from common.joints import SKELETONS
from common.text_files import read_json

JOINTS = SKELETONS["h36m_17"]
RAW_JOINTS = SKELETONS["h36m_32"]
# What papers use: every 5th frame for training, every 64th of the frontal camera for testing.
TRAIN_STEP, TEST_STEP, FRONTAL_CAMERA = 5, 64, 4
PROTOCOL_STEP = 5
_METRES = 1e-3
_HINT = "unpack the annotations of Human3.6M (Hand4Whole's form) there"


def read_human36m(folder: str, split: str = "train") -> list[Record]:
    """People of Hand4Whole's training or test set.

    Args:
        folder (str): holds `images` and `annotations`.
        split (str): "train" (subjects 1, 5, 6, 7, 8, every 5th frame) or "test" (9, 11, camera 4, every 64th frame).

    Returns:
        list[Record]: joints in the order of `JOINTS`; `pose` (165,) with the root turned into camera axes, `beta`;
        `translation` depends on the body model, see `camera_translation`. `extras` has size (width, height), `fit`
        (SMPLXFit in world axes) or None, `rotation` (3, 3) and `offset` (3,) with x_camera = rotation x_world + offset,
        metres.

    Raises:
        UserError: no such split, files missing, or annotations in another form.
    """
    if split not in ("train", "test"):
        raise UserError(f"split {split!r} of Human3.6M does not exist: use train or test")
    subjects, step = (TRAIN_SUBJECTS, TRAIN_STEP) if split == "train" else (TEST_SUBJECTS, TEST_STEP)
    annotations = existing(os.path.join(folder, "annotations"), _HINT)
    records = []
    for subject in subjects:
        if not os.path.exists(_path(annotations, subject, "data")):
            continue
        records += _read_subject(folder, annotations, subject, step, None if split == "train" else FRONTAL_CAMERA)
    if not records:
        raise UserError(f"{annotations} has no frames of the subjects {', '.join(map(str, subjects))} "
                        f"(Human36M_subject<number>_data.json); {_HINT}")
    return records


def _path(annotations: str, subject: int, what: str) -> str:
    return os.path.join(annotations, f"Human36M_subject{subject}_{what}.json")


def _read_subject(folder: str, annotations: str, subject: int, step: int, camera: int | None) -> list[Record]:
    cameras_path, joints_path, fits_path = (_path(annotations, subject, what)
                                            for what in ("camera", "joint_3d", "SMPLX_NeuralAnnot"))
    cameras = {number: _camera(entry, f"{cameras_path}: camera {number}")
               for number, entry in dictionary(read_json(cameras_path, hint=_HINT), cameras_path).items()}
    joints, fits = NestedFile(joints_path, _HINT), NestedFile(fits_path, _HINT)
    records, parsed = [], {}  # all cameras share the fit of a frame
    for person in read_people(_path(annotations, subject, "data"), hint=_HINT, instead=PROJECTED):
        image, where = person.image_entry, person.where
        place = [str(member(image, key, where)) for key in ("action_idx", "subaction_idx", "frame_idx")]
        number = str(member(image, "cam_idx", where))
        if whole_number(image, "frame_idx", where) % step \
                or camera not in (None, whole_number(image, "cam_idx", where)):
            continue
        lens = member(cameras, number, cameras_path)
        j3d = numbers(joints.need(place), (len(JOINTS), 3), joints.where(place))
        j3d = j3d * _METRES @ lens["rotation"].T + lens["offset"]
        if tuple(place) not in parsed:
            entry = fits.find(place)  # none where the fitting has left a frame out
            parsed[tuple(place)] = read_smplx_params(entry, fits.where(place)) if entry else None
        records.append(record_in_world(
            person, person.path(os.path.join(folder, "images")), JOINTS, j3d, parsed[tuple(place)], lens))
    return records


def _camera(entry: object, where: str) -> dict[str, np.ndarray]:
    shapes = {"R": (3, 3), "t": (3,), "f": (2,), "c": (2,)}
    values = {key: numbers(member(entry, key, where), shape, f"{where}: {key}") for key, shape in shapes.items()}
    return {"rotation": values["R"], "offset": values["t"] * _METRES, "focal": values["f"], "principal": values["c"]}


def camera_translation(record: Record, root_rest: np.ndarray) -> np.ndarray:
    """The translation that puts a body with `record.pose` where the fit has it, in camera axes: (3,), metres.

    A body turns about its root joint, which does not rest at the origin: so where it rests takes part.

    Args:
        record (Record): with a fit.
        root_rest (array): (3,), root joint of the body with `record.beta` before posing, metres.
    """
    extras = record.extras
    return extras["rotation"] @ (root_rest + extras["fit"].translation) + extras["offset"] - root_rest


def read_human36m_protocol(folder: str, protocol: int) -> list[Record]:
    """Every 5th frame of subjects 9 and 11 for evaluation.

    Args:
        folder (str): holds `S9`, `S11` and `images`.
        protocol (int): 1 (all four cameras) or 2 (the frontal camera, 60457274).

    Returns:
        list[Record]: joints in the order of `RAW_JOINTS`, j3d in camera axes; `box` around the person's mask, as
        (left, top, width, height); `extras` has subject, action (`Directions_1`), camera, frame.

    Raises:
        UserError: no such protocol, no frames, or damaged files.
    """
    if protocol not in (1, 2):
        raise UserError(f"protocol {protocol} of Human3.6M does not exist: use 1 or 2")
    records = []
    for subject in TEST_SUBJECTS:
        poses = os.path.join(folder, f"S{subject}", "MyPoseFeatures", "D3_Positions_mono")
        for name in sorted(os.listdir(poses)) if os.path.isdir(poses) else ():
            stem, _, ending = name.rpartition(".")
            action, _, camera = stem.rpartition(".")
            if ending.lower() != "cdf" or action.startswith("_ALL") or camera not in CAMERA_NAMES:
                continue
            if protocol == 1 or camera == CAMERA_NAMES[3]:
                boxes = os.path.join(folder, f"S{subject}", "MySegmentsMat", "ground_truth_bb", f"{stem}.mat")
                records += _read_mono(folder, os.path.join(poses, name), boxes, subject, action.replace(" ", "_"),
                                      camera)
    if not records:
        raise UserError(f"{folder} has no S9/MyPoseFeatures/D3_Positions_mono/<Action>.<camera>.cdf; unpack "
                        "Poses_D3_Positions_mono of subjects 9 and 11 there")
    return records


def _read_mono(folder: str, path: str, boxes_path: str, subject: int, action: str, camera: str) -> list[Record]:
    poses = read_cdf_poses(path)
    frames = range(0, len(poses), PROTOCOL_STEP)
    records = []
    for frame, box in zip(frames, _mask_boxes(boxes_path, frames)):
        name = f"S{subject}_{action}.{camera}_{frame + 1:06d}.jpg"
        records.append(Record(
            image_path=os.path.join(folder, "images", name), box=box, joints=RAW_JOINTS,
            j3d=poses[frame].astype(np.float64) * _METRES, key=name.removesuffix(".jpg"),
            extras={"subject": subject, "action": action, "camera": camera, "frame": frame + 1}))
    return records


def _mask_boxes(path: str, frames: Sequence[int]) -> list[np.ndarray]:
    """Boxes around the masks of some frames, [(4,)]."""
    existing(path, "unpack Segments_mat_gt_bb of the same subject there")
    boxes = []
    with open_hdf5(path, "unpack it again") as file:
        masks = read_dataset(file, "Masks")
        if masks.ndim != 2 or masks.size == 0 or len(masks) <= max(frames, default=0):
            raise UserError(f"{path} holds no masks for all frames; unpack it again")
        for frame in frames:
            # Matlab stores columns first.
            rows, columns = np.nonzero(read_dataset(file, masks[frame, 0]).T == 1)
            boxes.append(box_around(np.stack([columns, rows], 1)) + (0.0, 0.0, 1.0, 1.0))
    return boxes
