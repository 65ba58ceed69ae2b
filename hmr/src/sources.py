"""The data sets below one folder, HMR_DATA: where each may lie, how it is read, and what of it is for training.

Folders are called as in the originals' READMEs and in their programmes, which do not agree.
"""
import contextlib
import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from common.data.readers.ai_challenger import read_ai_challenger
from common.data.readers.annot_h5 import read_annot_h5
from common.data.readers.annots_npz import read_annots_npz
from common.data.readers.coco import find_coco, read_coco
from common.data.readers.human36m_images import RAW_JOINTS
from common.data.readers.lsp import read_lsp
from common.data.readers.lsp_extended import read_lsp_extended
from common.data.readers.mosh import PosePrior, read_mosh
from common.data.readers.mpi_inf_3dhp import JOINTS as MPI_JOINTS
from common.data.readers.mpi_inf_3dhp import SUBJECTS as MPI_SUBJECTS
from common.data.readers.mpi_inf_3dhp import read_mpi_inf_3dhp
from common.data.readers.mpii import read_mpii, read_mpii_h5
from common.data.readers.up3d import read_up3d
from common.errors import UserError
from hmr.src.people import gather

LOGGER = logging.getLogger("mindhuman")
# Subjects that are kept for evaluation.
HELD_OUT = {"hum3.6m": ("S9", "S11"), "mpi-inf-3dhp": ("S8",)}
SUBJECT = re.compile(r"(?:^|[/\\_])(S\d+)(?=[/\\_])")


class Incomplete(UserError):
    """Files of a data set are missing or damaged."""


@contextlib.contextmanager
def _files_of_a_set():
    """What is wrong with files within the block is `Incomplete`."""
    try:
        yield
    except UserError as error:
        raise Incomplete(str(error)) from None


@dataclass(frozen=True)
class DataSet:
    """How one data set is found and read.

    Attributes:
        folders (tuple): names below the data folder, the first that exists counts.
        read (function): folder and `every` (of which frames one is used) -> list of Record.
        hidden_weight (float): weight of keypoints that are labelled but hidden.
        given_box (bool): boxes are the set's own, not those around the keypoints.
    """

    folders: tuple
    read: Callable
    hidden_weight: float = 0.0
    given_box: bool = False


def _read_coco(folder, _):
    for split in ("train2017", "train2014"):
        if os.path.isfile(os.path.join(folder, "annotations", f"person_keypoints_{split}.json")):
            return read_coco(*find_coco(folder, split))
    raise UserError(f"{folder} has no annotations/person_keypoints_train2017.json (or train2014): unpack "
                    "annotations_trainval there")


def _read_mpii(folder, _):
    """The release, of which people on their own are used, or else Stacked Hourglass' file."""
    packed = [path for path in (os.path.join(folder, *place) for place in (("annot", "train.h5"), ("train.h5",)))
              if os.path.isfile(path)]
    try:
        return read_mpii(folder, single_person=True)
    except UserError:
        if not packed:
            raise
        return read_mpii_h5(packed[0], os.path.join(folder, "images"))


def read_mpi_people(folder, every):
    """MPI-INF-3DHP in the first of its three forms: `annot.h5`, `annots.npz`, or as published."""
    derived = _read_derived(folder, MPI_JOINTS)
    if derived is None and any(os.path.isdir(os.path.join(folder, f"S{subject}")) for subject in MPI_SUBJECTS):
        return read_mpi_inf_3dhp(folder, every=every)
    if derived is None:
        raise UserError(f"{folder} has neither annot.h5 nor annots.npz nor S1 ... S8 of MPI-INF-3DHP: put one there, "
                        "or leave mpi-inf-3dhp out of --train_3d_set")
    return derived


def read_human36m_people(folder, _=1):
    """Human3.6M from `annot.h5` or `annots.npz`."""
    derived = _read_derived(folder, RAW_JOINTS)
    if derived is None:
        raise UserError(f"{folder} has neither annot.h5 nor annots.npz of Human3.6M: put one there, or leave hum3.6m "
                        "out of --train_3d_set")
    return derived


def _read_derived(folder, joints):
    """People of `annot.h5` or `annots.npz`; None where neither is there."""
    path = find_set(folder, ("annot.h5", "annots.npz"))
    if path is None:
        return None
    return read_annot_h5(path) if path.endswith(".h5") else read_annots_npz(path, joints)


SETS_2D = {
    "coco": DataSet(("coco2017", "coco", "coco2014"), _read_coco, 0.5, True),
    "lsp": DataSet(("lsp", "lsp_dataset_original", "lsp_dataset"), lambda folder, _: read_lsp(folder, "train")),
    "lsp_ext": DataSet(("lsp_ext", "lsp_exd", "lsp_extended", "lspet", "hr-lspet"),
                       lambda folder, _: read_lsp_extended(folder)),
    "mpii": DataSet(("mpii",), _read_mpii, 1.0),
    "ai-ch": DataSet(("ai_challenger", "ai-ch", "ai_ch"), lambda folder, _: read_ai_challenger(folder), 0.5, True),
}
SETS_3D = {
    "mpi-inf-3dhp": DataSet(("mpii_3d", "mpi_inf_3dhp", "mpi-inf-3dhp"), read_mpi_people),
    "hum3.6m": DataSet(("human3.6m", "human3.6", "hum3.6m", "human36m", "h36m"), read_human36m_people),
    "up-3d": DataSet(("up-3d", "up3d"), lambda folder, _: read_up3d(folder, "trainval")),
}
PRIORS = {"mosh": ("mosh", "mocap", "mosh_annot.h5"), "amass": ("amass",), "hum3.6m": SETS_3D["hum3.6m"].folders}
# Other spellings in the originals.
SPELLINGS = {"lsp-ext": "lsp_ext", "lsp_exd": "lsp_ext", "mpii_3d": "mpi-inf-3dhp", "mpi_inf_3dhp": "mpi-inf-3dhp",
             "up3d": "up-3d", "human3.6m": "hum3.6m", "human3.6": "hum3.6m", "ai_ch": "ai-ch", "ai_challenger": "ai-ch"}


def find_set(data_path, folders):
    """The first of several places below the data folder that exists, or None."""
    return next((os.path.join(data_path, name) for name in folders if os.path.exists(os.path.join(data_path, name))),
                None)


def place_of(name, data_path, sets, flag):
    """Canonical name of a data set and its folder.

    Args:
        name (str): a key of `sets`, or another spelling.
        data_path (str): folder of all sets.
        sets (dict): name -> DataSet or folder names.
        flag (str): for error texts.

    Returns:
        tuple: name, and path or None where it does not exist.

    Raises:
        UserError: there is no such data set.
    """
    name = SPELLINGS.get(name.lower(), name.lower())
    if name not in sets:
        raise UserError(f"--{flag}: data set {name} is unknown; choose from {', '.join(sets)}")
    folders = sets[name].folders if isinstance(sets[name], DataSet) else sets[name]
    return name, find_set(data_path, folders)


def read_people(name, folder, limits, every=1):
    """People of a set to train on.

    Args:
        name (str): key of `SETS_2D` or `SETS_3D`.
        folder (str): where it lies.
        limits (Limits): of the filters.
        every (int): of which frames one is used, for sets that are films.

    Returns:
        People

    Raises:
        Incomplete: files missing or damaged.
        UserError: nobody passes the filters.
    """
    dataset = SETS_2D.get(name) or SETS_3D[name]
    with _files_of_a_set():
        records = dataset.read(folder, every)
    records = [record for record in records if subject_of(record.image_path, folder) not in HELD_OUT.get(name, ())]
    people, dropped = gather(records, dataset.hidden_weight, dataset.given_box, limits, name)
    reasons = ", ".join(f"{number} by {setting}" for setting, number in dropped.items() if number)
    LOGGER.info("%s: %d of %d people in %s%s", name, len(people), len(records), folder,
                f" (left out: {reasons})" if reasons else "")
    if not os.path.isfile(people.images[0]):
        raise Incomplete(f"picture {people.images[0]} of {name} does not exist: unpack the pictures there")
    return people


def subject_of(path, folder):
    """The subject (S1, ...) that a picture's name or its folders below `folder` tell, or None."""
    found = SUBJECT.search(os.sep + os.path.relpath(path, folder))
    return found.group(1) if found else None


def read_prior(name, path):
    """Real poses and shapes of one source for the critic, without the people kept for evaluation.

    Returns:
        PosePrior: None for a Human3.6M without SMPL parameters.

    Raises:
        Incomplete: files missing or damaged.
    """
    with _files_of_a_set():
        if name != "hum3.6m":
            return read_mosh(path)
        if find_set(path, ("annot.h5", "annots.npz")) is None:
            return None
        records = [record for record in read_human36m_people(path) if record.pose is not None
                   and subject_of(record.image_path, path) not in HELD_OUT[name]]
    if not records:
        return None
    return PosePrior(np.array([record.pose for record in records], np.float32),
                     np.array([record.beta for record in records], np.float32))


def join_priors(priors):
    """Several `PosePrior` as one."""
    return PosePrior(*(np.concatenate(columns) for columns in zip(*priors)))
