"""The data sets of the catalogue that CMR takes: the settings that name their folders, and their prepared files."""
import logging
import os
from typing import NamedTuple

from cmr.src.dataset import write_annotations
from cmr.src.preprocess import people
from common.data import catalogue
from common.data.catalogue import DataSet
from common.data.readers.coco import find_coco, read_coco
from common.data.readers.derived import read_derived
from common.data.readers.human36m_images import RAW_JOINTS, read_human36m_protocol
from common.data.readers.mpii import read_mpii_h5
from common.errors import UserError

LOGGER = logging.getLogger("mindhuman")
PREPARED = "extras"  # folder of the prepared files, below dataset_npz_path


class PreparedSet(NamedTuple):
    """Those of a data set who are prepared together.

    Attributes:
        data_set (DataSet): what they are read from.
        key (str): the setting that names its folder; names in the prepared file are relative to it.
        place (str): the folder's place below `dataset_root` where the setting is empty.
        file (str): prepared file.
    """

    data_set: DataSet
    key: str
    place: str
    file: str


UP_3D = catalogue.UP_3D, "up_3d_root", "UP_3D/up-3d"
H36M = catalogue.HUMAN36M, "h36m_root", "H36M"
UPI_S1H = PreparedSet(catalogue.LSP_SMALL, "upi_s1h_root", "UP_3D/upi-s1h", "")
TRAINING = {
    "up-3d": PreparedSet(*UP_3D, "up_3d_trainval.npz"),
    "lsp-orig": PreparedSet(catalogue.LSP, "lsp_original_root", "LSP/lsp_dataset_original",
                            "lsp_dataset_original_train.npz"),
    "mpii": PreparedSet(catalogue.MPII, "mpii_root", "MPII", "mpii_train.npz"),
    "coco": PreparedSet(catalogue.COCO, "coco_root", "coco2014", "coco_2014_train.npz"),
    "h36m": PreparedSet(*H36M, "h36m_train.npz"),
}
EVALUATION = {
    "up-3d": PreparedSet(*UP_3D, "up_3d_lsp_test.npz"),
    "lsp": PreparedSet(catalogue.LSP_SMALL, "lsp_root", "LSP/lsp_dataset", "lsp_dataset_test.npz"),
    "h36m-p1": PreparedSet(*H36M, "h36m_valid_protocol1.npz"),
    "h36m-p2": PreparedSet(*H36M, "h36m_valid_protocol2.npz"),
    "3dpw": PreparedSet(catalogue.THREEDPW, "threedpw_root", "3DPW", "3dpw_test.npz"),
}


def folder_of(config, prepared):
    """Path of a set's folder: the setting, or its place below `dataset_root`."""
    return config[prepared.key] or os.path.join(config.dataset_root, prepared.place)


def prepared_file(config, prepared):
    """Path of the prepared file."""
    return os.path.join(config.dataset_npz_path, PREPARED, prepared.file)


def _side_file(config, key, folder):
    """Path of a file that comes apart from its set: the setting's, or else the one that lies beside or in the set."""
    name = os.path.basename(config[key])
    places = () if key in config.given else (config.dataset_root, folder, os.path.dirname(folder))
    paths = [config[key], *(os.path.join(place, name) for place in places)]
    found = next((path for path in paths if os.path.isfile(path)), None)
    if found is None:
        raise UserError(f"there is no {', '.join(dict.fromkeys(paths))} (--{key})")
    return found


# (training, name of the set) -> function of the settings and the folder that returns the fields.
READERS = {
    (True, "up-3d"): lambda config, folder: people.up_3d(catalogue.UP_3D.read(folder), folder),
    (True, "lsp-orig"): lambda config, folder: people.lsp(catalogue.LSP.read(folder), folder),
    (True, "mpii"): lambda config, folder: people.mpii(
        read_mpii_h5(_side_file(config, "mpii_h5_path", folder), os.path.join(folder, "images")), folder),
    (True, "coco"): lambda config, folder: people.coco(read_coco(*find_coco(folder, "train2014")), folder),
    (True, "h36m"): lambda config, folder: people.with_bodies(
        read_derived(config.h36m_annotation_path, RAW_JOINTS), folder),
    (False, "up-3d"): lambda config, folder: people.up_3d(
        catalogue.UP_3D.read(folder, names_path=_side_file(config, "names_up_lsp_path", folder)), folder),
    (False, "lsp"): lambda config, folder: people.lsp_masks(
        catalogue.LSP_SMALL.read(folder, "test", os.path.join(folder_of(config, UPI_S1H), "data", "lsp")), folder,
        folder_of(config, UPI_S1H)),
    (False, "h36m-p1"): lambda config, folder: people.protocol(read_human36m_protocol(folder, 1), folder),
    (False, "h36m-p2"): lambda config, folder: people.protocol(read_human36m_protocol(folder, 2), folder),
    (False, "3dpw"): lambda config, folder: people.three_dpw(catalogue.THREEDPW.read(folder), folder),
}


def prepare(config, training):
    """Write the prepared files of the training or evaluation sets that are there.

    Args:
        training (bool): the training sets, else the evaluation sets.

    Returns:
        tuple: list of the names of the sets whose folder is missing; dict name -> reason of those whose folder is there
        and whose files are missing or damaged. Both are told in the log, the others are prepared.
    """
    sets, missing, failed = TRAINING if training else EVALUATION, [], {}
    for name, prepared in sets.items():
        if config.only and name not in config.only:
            continue
        folder, source = folder_of(config, prepared), prepared.data_set.source
        lacking = _lacking(config, name, prepared, folder)
        if lacking:
            LOGGER.warning("%s is left out: %s; get it from %s", name, lacking, source)
            missing.append(name)
            continue
        path = prepared_file(config, prepared)
        LOGGER.info("%s: reading %s", name, folder)
        try:
            fields = READERS[training, name](config, folder)
            if not len(fields["imgname"]):
                raise UserError(f"nobody in {folder} has the joints that training needs" if training else
                                f"{folder} holds nobody to evaluate on")
        except UserError as error:
            failed[name] = f"{error} (from {source})"
            LOGGER.warning("%s is left out: %s", name, failed[name])
            continue
        write_annotations(path, fields)
        LOGGER.info("%s: %d people -> %s", name, len(fields["imgname"]), path)
    return missing, failed


def _lacking(config, name, prepared, folder):
    """What is not there at all; an empty text when everything seems to be."""
    if not os.path.isdir(folder):
        return f"there is no folder {folder} (--{prepared.key} names another)"
    if name == "h36m" and not config.h36m_annotation_path:
        return "--h36m_annotation_path is empty"
    return ""
