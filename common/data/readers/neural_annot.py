"""MPII and MPI-INF-3DHP with NeuralAnnot's SMPL-X fits, as Hand4Whole's folders `MPII` and `MPI_INF_3DHP` have them.

    MPII/data/images/015601864.jpg
    MPII/data/annotations/train.json                        COCO style; keypoints 16 x 3 (x, y, labelled), bbox
    MPII/data/annotations/MPII_train_SMPLX_NeuralAnnot.json {annotation: {smplx_param, cam_param}}; optional

    MPI_INF_3DHP/data/images_1k/S<n>/Seq<n>/imageSequence/<file>
    MPI_INF_3DHP/data/MPI-INF-3DHP_1k.json                  COCO style; images have subject_idx, seq_idx, cam_idx,
                                                            frame_idx
    MPI_INF_3DHP/data/MPI-INF-3DHP_camera_1k.json           {subject: {sequence: {camera: {R, t, focal, princpt}}}}
    MPI_INF_3DHP/data/MPI-INF-3DHP_joint_3d.json            {subject: {sequence: {frame: 17 x 3}}}, world, mm
    MPI_INF_3DHP/data/MPI-INF-3DHP_SMPLX_NeuralAnnot.json   {subject: {sequence: {frame: parameters}}}, world, metres

Source: mks0601/Hand4Whole_RELEASE `MPII.py` and `MPI_INF_3DHP.py`.
"""
import os

import numpy as np

from common.data.readers.annotation_files import first_existing
from common.data.readers.checks import dictionary, member, numbers, whole_number
from common.data.readers.coco_people import PROJECTED, PersonEntry, read_people
from common.data.readers.smplx_params import (
    NestedFile,
    body_fields,
    read_camera,
    read_fit,
    read_smplx_params,
    record_in_world,
)
from common.data.records import NOT_LABELLED, VISIBLE, Record
from common.joints import SKELETONS
from common.names import path_below
from common.text_files import read_json

MPII_JOINTS, MPI_INF_3DHP_JOINTS = SKELETONS["mpii_16"], SKELETONS["mpi_inf_3dhp_17"]
FRAME_STEP = 3  # of MPI-INF-3DHP's 25 images per second
_METRES = 1e-3
_MPII_HINT = "get train.json of MPII from Hand4Whole's page"
_3DHP_HINT = "get MPI-INF-3DHP_1k.json and its companions from Hand4Whole's page"


def read_mpii_fits(folder: str) -> list[Record]:
    """The training people of MPII.

    Args:
        folder (str): holds `data`, or what is in it.

    Returns:
        list[Record]: joints in the order of `MPII_JOINTS`. `extras` has size (width, height) and `fit` (SMPLXFit,
        camera axes) or None; with a fit also pose (165,), beta, translation, focal and principal.

    Raises:
        UserError: files missing, or annotations in another form.
    """
    path = first_existing(folder, ("data/annotations/train.json", "annotations/train.json"), _MPII_HINT)
    home = os.path.dirname(os.path.dirname(path))
    fits_path = os.path.join(os.path.dirname(path), "MPII_train_SMPLX_NeuralAnnot.json")
    fits = dictionary(read_json(fits_path), fits_path) if os.path.exists(fits_path) else {}
    return [_mpii_record(home, person, fits, fits_path) for person in read_people(path, MPII_JOINTS, hint=_MPII_HINT)]


def _mpii_record(home: str, person: PersonEntry, fits: dict, fits_path: str) -> Record:
    fit, focal, principal = read_fit(fits, person.key, fits_path)
    path = person.path(home if os.path.dirname(person.image.file_name) else os.path.join(home, "images"))
    return Record(
        image_path=path, box=person.box, joints=MPII_JOINTS, j2d=person.joints[:, :2],
        visibility=np.where(person.joints[:, 2] > 0, VISIBLE, NOT_LABELLED).astype(np.uint8),
        **body_fields(fit), focal=focal, principal=principal, key=person.key,
        extras={"size": person.size(path), "fit": fit})


def read_mpi_inf_3dhp_fits(folder: str) -> list[Record]:
    """Every `FRAME_STEP`th image of MPI-INF-3DHP's training set.

    Args:
        folder (str): holds `data`, or what is in it.

    Returns:
        list[Record]: joints in the order of `MPI_INF_3DHP_JOINTS`, j3d in camera axes; `pose` (165,) with the root
        turned into camera axes, `beta`; for the translation see `human36m_images.camera_translation`. `extras` has
        size (width, height), `fit` (SMPLXFit in world axes) or None, `rotation` (3, 3) and `offset` (3,) with
        x_camera = rotation x_world + offset, metres.

    Raises:
        UserError: files missing, or annotations in another form.
    """
    path = first_existing(folder, ("data/MPI-INF-3DHP_1k.json", "MPI-INF-3DHP_1k.json"), _3DHP_HINT)
    home = os.path.dirname(path)
    cameras, joints, fits = (NestedFile(os.path.join(home, f"MPI-INF-3DHP_{name}.json"), _3DHP_HINT)
                             for name in ("camera_1k", "joint_3d", "SMPLX_NeuralAnnot"))
    return [_3dhp_record(home, person, cameras, joints, fits)
            for person in read_people(path, hint=_3DHP_HINT, instead=PROJECTED)
            if whole_number(person.image_entry, "frame_idx", person.where) % FRAME_STEP == 0]


def _3dhp_record(home: str, person: PersonEntry, cameras: NestedFile, joints: NestedFile, fits: NestedFile) -> Record:
    subject, sequence, camera, frame = (str(member(person.image_entry, key, person.where)) for key in
                                        ("subject_idx", "seq_idx", "cam_idx", "frame_idx"))
    lens, place = cameras.need((subject, sequence, camera)), cameras.where((subject, sequence, camera))
    focal, principal = read_camera(lens, place)
    rotation = numbers(member(lens, "R", place), (3, 3), f"{place}: R")
    offset = numbers(member(lens, "t", place), (3,), f"{place}: t") * _METRES
    keys = (subject, sequence, frame)
    j3d = numbers(joints.need(keys), (len(MPI_INF_3DHP_JOINTS), 3), joints.where(keys)) * _METRES @ rotation.T + offset
    entry = fits.find(keys)
    fit = read_smplx_params(entry, fits.where(keys)) if entry else None
    path = person.path(path_below(os.path.join(home, "images_1k"), os.path.join(
        f"S{subject}", f"Seq{sequence}", "imageSequence"), f"{person.where}: subject_idx and seq_idx"))
    return record_in_world(person, path, MPI_INF_3DHP_JOINTS, j3d, fit,
                           {"focal": focal, "principal": principal, "rotation": rotation, "offset": offset})
