"""Every data set: where its files lie, what reads them, which prepared file they become, and where to get them."""
import logging
import os
from typing import NamedTuple

from cmr.src.annotations import write_annotations
from cmr.src.preprocess import human36m, people
from common.data.readers.annot_h5 import read_annot_h5
from common.data.readers.annots_npz import read_annots_npz
from common.data.readers.coco import find_coco, read_coco
from common.data.readers.human36m_images import RAW_JOINTS, read_human36m_protocol
from common.data.readers.lsp import read_lsp
from common.data.readers.mpii import read_mpii_h5
from common.data.readers.threedpw import read_3dpw
from common.data.readers.up3d import read_up3d
from common.errors import UserError

LOGGER = logging.getLogger("mindhuman")
PREPARED = "extras"  # folder of the prepared files, below dataset_npz_path


class Folder(NamedTuple):
    """A setting that names a folder, and the folder's place below `dataset_root` when it is empty."""

    key: str
    place: str


class DataSet(NamedTuple):
    """A set of people.

    Attributes:
        folder (Folder): of the pictures; names in the prepared file are relative to it.
        file (str): prepared file.
        source (str): where to get it.
    """

    folder: Folder
    file: str
    source: str


UP_3D, UPI_S1H = Folder("up_3d_root", "UP_3D/up-3d"), Folder("upi_s1h_root", "UP_3D/upi-s1h")
H36M = Folder("h36m_root", "H36M")
_UP = "http://files.is.tuebingen.mpg.de/classner/up/"
_LSP = "http://sam.johnson.io/research/lsp.html"
_H36M = "http://vision.imar.ro/human3.6m"
TRAINING = {
    "up-3d": DataSet(UP_3D, "up_3d_trainval.npz", _UP),
    "lsp-orig": DataSet(Folder("lsp_original_root", "LSP/lsp_dataset_original"), "lsp_dataset_original_train.npz",
                        _LSP),
    "mpii": DataSet(Folder("mpii_root", "MPII"), "mpii_train.npz",
                    "http://human-pose.mpi-inf.mpg.de, and train.h5 from data/ of github.com/nkolot/GraphCMR"),
    "coco": DataSet(Folder("coco_root", "coco2014"), "coco_2014_train.npz", "http://cocodataset.org"),
    "h36m": DataSet(H36M, "h36m_train.npz", f"{_H36M}, and annot.h5 or annots.npz with SMPL labels"),
}
EVALUATION = {
    "up-3d": DataSet(UP_3D, "up_3d_lsp_test.npz",
                     f"{_UP}, and namesUPlsp.txt from data/ of github.com/nkolot/GraphCMR"),
    "lsp": DataSet(Folder("lsp_root", "LSP/lsp_dataset"), "lsp_dataset_test.npz",
                   f"{_LSP}, and upi-s1h.zip from {_UP}"),
    "h36m-p1": DataSet(H36M, "h36m_valid_protocol1.npz", _H36M),
    "h36m-p2": DataSet(H36M, "h36m_valid_protocol2.npz", _H36M),
    "3dpw": DataSet(Folder("threedpw_root", "3DPW"), "3dpw_test.npz",
                    "https://virtualhumans.mpi-inf.mpg.de/3DPW, and 3DPW_test.json from Hand4Whole's page"),
}


def folder_of(config, folder):
    """Path of a folder: the setting, or its place below `dataset_root`."""
    return config[folder.key] or os.path.join(config.dataset_root, folder.place)


def prepared_file(config, data_set):
    """Path of the prepared file."""
    return os.path.join(config.dataset_npz_path, PREPARED, data_set.file)


def _side_file(config, key, folder):
    """Path of a file that comes apart from its set: the setting's, or else the one that lies beside or in the set."""
    name = os.path.basename(config[key])
    places = () if key in config.given else (config.dataset_root, folder, os.path.dirname(folder))
    paths = [config[key], *(os.path.join(place, name) for place in places)]
    found = next((path for path in paths if os.path.isfile(path)), None)
    if found is None:
        raise UserError(f"there is no {', '.join(dict.fromkeys(paths))} (--{key})")
    return found


def _read_h36m_training(config):
    path = config.h36m_annotation_path
    return read_annots_npz(path, RAW_JOINTS) if path.endswith(".npz") else read_annot_h5(path)


# (training, name of the set) -> function of the settings and the folder that returns the fields.
READERS = {
    (True, "up-3d"): lambda config, folder: people.up_3d(read_up3d(folder, "trainval"), folder),
    (True, "lsp-orig"): lambda config, folder: people.lsp(read_lsp(folder, "train"), folder),
    (True, "mpii"): lambda config, folder: people.mpii(
        read_mpii_h5(_side_file(config, "mpii_h5_path", folder), os.path.join(folder, "images")), folder),
    (True, "coco"): lambda config, folder: people.coco(read_coco(*find_coco(folder, "train2014")), folder),
    (True, "h36m"): lambda config, folder: people.with_bodies(_read_h36m_training(config), folder),
    (False, "up-3d"): lambda config, folder: people.up_3d(
        read_up3d(folder, names_path=_side_file(config, "names_up_lsp_path", folder)), folder),
    (False, "lsp"): lambda config, folder: people.lsp_masks(
        read_lsp(folder, "test", os.path.join(folder_of(config, UPI_S1H), "data", "lsp")), folder,
        folder_of(config, UPI_S1H)),
    (False, "h36m-p1"): lambda config, folder: human36m.protocol(read_human36m_protocol(folder, 1), folder),
    (False, "h36m-p2"): lambda config, folder: human36m.protocol(read_human36m_protocol(folder, 2), folder),
    (False, "3dpw"): lambda config, folder: people.three_dpw(read_3dpw(folder, "test"), folder),
}


def prepare(config, training):
    """Write the prepared files of the training or evaluation sets that are there.

    Args:
        config (Config): settings.
        training (bool): the training sets, else the evaluation sets.

    Returns:
        tuple: list of the names of the sets whose folder is missing; dict name -> reason of those whose folder is there
        and whose files are missing or damaged. Both are told in the log, the others are prepared.
    """
    sets, missing, failed = TRAINING if training else EVALUATION, [], {}
    for name, data_set in sets.items():
        if config.only and name not in config.only:
            continue
        folder = folder_of(config, data_set.folder)
        lacking = _lacking(config, name, data_set, folder)
        if lacking:
            LOGGER.warning("%s is left out: %s; get it from %s", name, lacking, data_set.source)
            missing.append(name)
            continue
        path = prepared_file(config, data_set)
        LOGGER.info("%s: reading %s", name, folder)
        try:
            fields = READERS[training, name](config, folder)
            if not len(fields["imgname"]):
                raise UserError(f"nobody in {folder} has the joints that training needs" if training else
                                f"{folder} holds nobody to evaluate on")
        except UserError as error:
            failed[name] = f"{error} (from {data_set.source})"
            LOGGER.warning("%s is left out: %s", name, failed[name])
            continue
        write_annotations(path, fields)
        LOGGER.info("%s: %d people -> %s", name, len(fields["imgname"]), path)
    return missing, failed


def _lacking(config, name, data_set, folder):
    """What is not there at all; an empty text when everything seems to be."""
    if not os.path.isdir(folder):
        return f"there is no folder {folder} (--{data_set.folder.key} names another)"
    if name == "h36m" and not config.h36m_annotation_path:
        return "--h36m_annotation_path is empty"
    return ""
