"""The evaluation sets: who is in them, where the person is in the image, and what is known as the truth."""
import os
import re
from dataclasses import dataclass

import numpy as np

from common.body_models.lbs_numpy import pose_person
from common.data import catalogue
from common.data.catalogue import choose
from common.data.readers.human36m import parse_name
from common.data.readers.human36m_images import read_human36m_protocol
from common.data.readers.mpi_inf_3dhp import read_mpi_inf_3dhp_test
from common.errors import UserError
from common.inference.people import Detection
from hmr.src.dataset import NUM_LSP, corners_of, keypoints, to_lsp

# Subjects that are kept for evaluation.
HELD_OUT = {"hum3.6m": ("S9", "S11"), "mpi-inf-3dhp": ("S8",)}
SUBJECT = re.compile(r"(?:^|[/\\_])(S\d+)(?=[/\\_])")
# The boxes of Human3.6M leave room around the person; SPIN takes this part of their longer side.
HUMAN36M_BOX = 0.9
PROTOCOLS = {"human3.6m": catalogue.HUMAN36M, "h36m-p1": catalogue.HUMAN36M, "h36m-p2": catalogue.HUMAN36M,
             "mpi-inf-3dhp": catalogue.MPI_INF_3DHP, "3dpw": catalogue.THREEDPW, "up-3d": catalogue.UP_3D,
             "lsp": catalogue.LSP}


@dataclass(frozen=True)
class Subject:
    """One person to evaluate; pixels of the image, metres in camera axes.

    Attributes:
        image_path (str): the image.
        found (Detection): where the person is.
        key (str): what tells this person from others.
        j3d (array): (14, 3), LSP's order, or None.
        kp2d (array): (14, 3), x, y and weight, or None.
        pose, beta (array): (72,) and (10,) of the true SMPL body, or None.
        gender (str): of that body.
        action (str): what the person does, or None.
        size (tuple): width and height of the image that the annotations state, or None.
    """

    image_path: str
    found: Detection
    key: str
    j3d: np.ndarray = None
    kp2d: np.ndarray = None
    pose: np.ndarray = None
    beta: np.ndarray = None
    gender: str = "neutral"
    action: str = None
    size: tuple = None


def read_subjects(dataset, data_path, margin, eval_num=0):
    """The people of an evaluation set -> list[Subject].

    Args:
        dataset (str): key of `PROTOCOLS`, or another spelling.
        data_path (str): the folder of all data sets, or that of this one.
        margin (float): side of the crop relative to boxes that are tight around the person.
        eval_num (int): take so many, spread evenly; 0 for all.

    Raises:
        UserError: no such set, files missing or damaged, or nobody in them.
    """
    dataset = choose(dataset, PROTOCOLS, "dataset")
    if not os.path.isdir(data_path):
        raise UserError(f"--data_path {data_path or 'is missing'}: name the folder that holds the data sets, such as "
                        "HMR_DATA")
    subjects = READERS[dataset](PROTOCOLS[dataset].find(data_path) or data_path, margin)
    if not subjects:
        raise UserError(f"data set {dataset} in {data_path} holds nobody to evaluate")
    if eval_num and eval_num < len(subjects):
        subjects = [subjects[index] for index in np.linspace(0, len(subjects) - 1, eval_num).round().astype(int)]
    return subjects


def _human36m(folder, _):
    """What training leaves out: subjects 9 and 11."""
    records = [record for record in catalogue.HUMAN36M.read(folder)
               if subject_of(record.image_path, folder) in HELD_OUT["hum3.6m"]]
    if not records:
        raise UserError(f"{folder} names no images of the subjects {' and '.join(HELD_OUT['hum3.6m'])}, which are "
                        "kept for evaluation")
    return [_with_joints(record, 0.0, j3d=to_lsp(record.j3d, record.joints),
                         action=_action(os.path.basename(record.image_path))) for record in records]


def _action(name):
    """`Directions` of S9_Directions_1.54138969_000001.jpg; None where a name tells none."""
    parts = name.split(".")[0].split("_", 1)
    parsed = parse_name(parts[-1])
    return parsed[0] if parsed else None


def _protocol(number):
    def read(folder, _):
        return [Subject(record.image_path, Detection(grown(record.box, HUMAN36M_BOX)), record.key,
                        to_lsp(record.j3d, record.joints), action=parse_name(record.extras["action"])[0])
                for record in read_human36m_protocol(folder, number)]
    return read


def _mpi_inf_3dhp(folder, _):
    # Results are given for people of one size.
    return [_with_joints(record, 1.0, j3d=to_lsp(record.extras["j3d_universal"], record.joints))
            for record in read_mpi_inf_3dhp_test(folder)]


def _threedpw(folder, margin):
    return [Subject(record.image_path, Detection(grown(record.box, margin)), record.key, pose=record.pose,
                    beta=record.beta, gender=record.extras["gender"], size=record.extras["size"])
            for record in catalogue.THREEDPW.read(folder)]


def _up3d(folder, _):
    return [_with_joints(record, 0.0, pose=record.pose, beta=record.beta)
            for record in catalogue.UP_3D.read(folder, "test")]


def _lsp(folder, _):
    return [_with_joints(record, 1.0) for record in catalogue.LSP.read(folder, "test")]


READERS = {"human3.6m": _human36m, "h36m-p1": _protocol(1), "h36m-p2": _protocol(2), "mpi-inf-3dhp": _mpi_inf_3dhp,
           "3dpw": _threedpw, "up-3d": _up3d, "lsp": _lsp}


def _with_joints(record, hidden_weight, **truth):
    """A `Subject` who is where the keypoints are."""
    kp2d = keypoints(record, hidden_weight)[:NUM_LSP]
    seen = kp2d[kp2d[:, 2] > 0, :2]
    low, high = (seen.min(0), seen.max(0)) if len(seen) else (record.box[:2], corners_of(record.box)[2:])
    detection = Detection(np.concatenate([low, high - low]), kp2d)
    return Subject(record.image_path, detection, record.key, kp2d=kp2d, **truth)


def grown(box, factor):
    """A box (left, top, width, height) enlarged about its middle."""
    box = np.asarray(box, np.float64)
    return np.concatenate([box[:2] - 0.5 * (factor - 1.0) * box[2:], factor * box[2:]])


def true_bodies(subjects, models):
    """Vertices (B, 6890, 3) of the true bodies, float32, metres.

    Args:
        subjects (list[Subject]): with pose and beta.
        models (dict): gender -> BodyModel in float32.
    """
    return np.stack([pose_person(models[subject.gender], subject.pose, subject.beta) for subject in subjects])


def subject_of(path, folder):
    """The subject (S1, ...) that an image's name or its folders below `folder` tell, or None."""
    found = SUBJECT.search(os.sep + os.path.relpath(path, folder))
    return found.group(1) if found else None
