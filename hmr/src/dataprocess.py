"""HMR_DATA as downloaded to HMR_DATA as training reads it at once: `annot.h5` of both 3D sets, and the mean parameters.

Differs from the original, whose `annot.h5` kept the first 14 of the raw joints: here they are LSP's, in metres.
"""
import logging
import os

import h5py
import numpy as np
from scipy.spatial.transform import Rotation

from common.data.readers.annot_h5 import IMAGE_FOLDERS
from common.data.readers.annots_npz import read_annots_npz
from common.data.readers.human36m_images import RAW_JOINTS
from common.data.readers.mpi_inf_3dhp import JOINTS as MPI_JOINTS
from common.errors import UserError
from common.files import atomic_path
from hmr.src.config import HMR_MEAN
from hmr.src.dataset import to_lsp
from hmr.src.datasets import PRIORS, SETS_3D, join_priors, read_prior

LOGGER = logging.getLogger("mindhuman")
RAW = {"hum3.6m": RAW_JOINTS, "mpi-inf-3dhp": MPI_JOINTS}


def process(data_path):
    """Write what is missing -> the files written.

    Args:
        data_path (str): HMR_DATA.

    Raises:
        UserError: no such folder, nothing to do it from, or damaged files.
    """
    if not os.path.isdir(data_path):
        raise UserError(f"--data_path {data_path} does not exist or is no folder: name HMR_DATA")
    written, known = [], []
    for name, joints in RAW.items():
        folder = SETS_3D[name].find(data_path)
        path = os.path.join(folder or "", "annot.h5")
        if folder and os.path.isfile(path):
            known.append(path)
        elif folder and os.path.isfile(os.path.join(folder, "annots.npz")):
            people = write_annot_h5(path, read_annots_npz(os.path.join(folder, "annots.npz"), joints))
            LOGGER.info("%s: %d people in LSP's joints", path, people)
            written.append(path)
    path = os.path.join(data_path, HMR_MEAN)
    if os.path.isfile(path):
        known.append(path)
    else:
        prior = _prior(data_path)
        if prior is not None:
            LOGGER.info("%s: mean of %d poses", path, write_mean_params(path, prior))
            written.append(path)
    if not written and not known:
        folders = ", ".join((*SETS_3D["hum3.6m"].folders[:2], SETS_3D["mpi-inf-3dhp"].folders[0]))
        raise UserError(f"--data_path {data_path} holds no annots.npz in {folders} and no poses in mosh: there is "
                        "nothing to process")
    for path in known:
        LOGGER.info("%s is there already; remove it to have it made again", path)
    return written


def _prior(data_path):
    """All real poses there are, those of Human3.6M only where there are no others; None for none."""
    found = {name: folder for name, data_set in PRIORS.items() if (folder := data_set.find(data_path))}
    others = [read_prior(name, folder) for name, folder in found.items() if name != "hum3.6m"]
    return join_priors(others) if others else read_prior("hum3.6m", found["hum3.6m"]) if found else None


def write_annot_h5(path, records):
    """Records with 2D and 3D joints as `annot.h5` of pytorch_HMR (see `readers.annot_h5`) -> how many people that are.

    Raises:
        UserError: the images are in no folder that the file can speak of.
    """
    home = os.path.dirname(path)
    images = next((os.path.join(home, name) for name in IMAGE_FOLDERS if os.path.isdir(os.path.join(home, name))), None)
    if images is None:
        raise UserError(f"{home} has no folder {' or '.join(IMAGE_FOLDERS)}: move the images into one")
    arrays = {
        "gt2d": np.stack([np.pad(to_lsp(record.j2d, record.joints), ((0, 0), (0, 1)), constant_values=1).reshape(-1)
                          for record in records]),
        "gt3d": np.stack([to_lsp(record.j3d, record.joints).reshape(-1) for record in records])}
    if all(record.pose is not None for record in records):
        arrays["pose"] = np.stack([record.pose for record in records])
        arrays["shape"] = np.stack([record.beta for record in records])
    names = ["/" + os.path.relpath(record.image_path, images).replace(os.sep, "/") for record in records]
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file["imagename"] = np.array([name.encode() for name in names])
        for name, array in arrays.items():
            file[name] = array.astype(np.float32)
    return len(records)


def write_mean_params(path, prior):
    """The mean of many poses and shapes as `neutral_smpl_mean_params.h5`; returns how many those are.

    A mean rotation is the one nearest to the mean of the matrices. The root's is not turned: it has no common meaning
    among sources of poses, and HMR takes another one anyway.
    """
    turns = prior.pose.reshape(-1, 24, 3).astype(np.float64)
    pose = np.stack([Rotation.from_rotvec(turns[:, joint]).mean().as_rotvec() for joint in range(24)])
    pose[0] = 0.0
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file["pose"], file["shape"] = pose.reshape(-1), prior.beta.mean(0).astype(np.float64)
    return len(prior.pose)
