"""Annotated joints of each data set, and where they stand among the 137.

Source: the `joints_name` tables of mks0601/Hand4Whole_RELEASE's data sets. What Human3.6M calls thorax and MPII upper
neck is Hand4Whole's neck; the heads of the data sets have no counterpart, as its own is SMPL-X's head joint.
"""
from typing import NamedTuple

import numpy as np

from common.joints import SKELETONS, index_map
from hand4whole.src.joint_sets import JOINTS

_COCO = SKELETONS["coco_wholebody_133"]
# COCO-WholeBody with the middle of the hips behind the 17 body joints.
WHOLEBODY_134 = (*_COCO[:17], "pelvis", *_COCO[17:])
_NOSE_TIP = "face30"
_HIPS = index_map(_COCO, ("left_hip", "right_hip"))


class Annotated(NamedTuple):
    """Annotated joints of a person: j2d (J, 2) px, j3d (J, 3) metres relative to the root or None, labelled (J,) bool;
    of these names, and at these places (J,) among the 137."""

    j2d: np.ndarray
    j3d: np.ndarray
    labelled: np.ndarray
    names: tuple
    places: np.ndarray


def _places(names, aliases=None, without=()):
    """Where joints go among the 137, (J,); -1 for those that it lacks."""
    aliases = aliases or {}
    names = [None if name in without else aliases.get(name, name) for name in names]
    return np.array([JOINTS.index(name) if name in JOINTS else -1 for name in names])


H36M_PLACES = _places(SKELETONS["h36m_17"], {"thorax": "neck"}, ("head",))
MPI_INF_3DHP_PLACES = _places(SKELETONS["mpi_inf_3dhp_17"], without=("head",))
MPII_PLACES = _places(SKELETONS["mpii_16"], {"upper_neck": "neck"})
# A hand's own wrist is left out: the wrists are the body's.
WHOLEBODY_PLACES = _places(WHOLEBODY_134, {name: name.replace("_hand_", "_") for name in _COCO
                                           if "_hand_" in name and not name.endswith("wrist")})


def merge_wholebody(j2d, labelled):
    """COCO-WholeBody's points with what they imply: the pelvis, and the tip of the nose where only the body has it.

    Args:
        j2d (array): (133, 2), pixels. labelled (array): (133,) bool.

    Returns:
        tuple: (134, 2) and (134,) bool, in the order of `WHOLEBODY_134`.
    """
    pelvis = j2d[_HIPS].mean(0)
    j2d = np.concatenate([j2d[:17], pelvis[None], j2d[17:]])
    labelled = np.concatenate([labelled[:17], [labelled[_HIPS].all()], labelled[17:]])
    tip, nose = WHOLEBODY_134.index(_NOSE_TIP), WHOLEBODY_134.index("nose")
    if not labelled[tip]:
        j2d[tip], labelled[tip] = j2d[nose], labelled[nose]
    return j2d, labelled


def of_wholebody(record):
    """COCO-WholeBody's points of a person -> Annotated."""
    j2d, labelled = merge_wholebody(record.j2d, record.visibility > 0)
    return Annotated(j2d, None, labelled, WHOLEBODY_134, WHOLEBODY_PLACES)


def of_human36m(record):
    """Human3.6M's joints -> Annotated."""
    return _in_space(record, H36M_PLACES)


def of_mpi_inf_3dhp(record):
    """MPI-INF-3DHP's joints -> Annotated."""
    return _in_space(record, MPI_INF_3DHP_PLACES)


def of_mpii(record):
    """MPII's joints -> Annotated."""
    return Annotated(record.j2d, None, record.visibility > 0, record.joints, MPII_PLACES)


def _in_space(record, places):
    root = record.joints.index("pelvis")
    return Annotated(record.j2d, record.j3d - record.j3d[root], record.visibility > 0, record.joints, places)
