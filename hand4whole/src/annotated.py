"""Annotated joints of each data set, and where they stand among the 137.

Source: the `joints_name` tables of mks0601/Hand4Whole_RELEASE's data sets. What Human3.6M calls thorax and MPII upper
neck is Hand4Whole's neck; the heads of the data sets have no counterpart, as its own is SMPL-X's head joint.
"""
import numpy as np

from common.joints import SKELETONS, index_map
from hand4whole.src.joint_sets import JOINTS

_COCO = SKELETONS["coco_wholebody_133"]
# COCO-WholeBody with the middle of the hips behind the 17 body joints.
WHOLEBODY_134 = (*_COCO[:17], "pelvis", *_COCO[17:])
_NOSE_TIP = "face30"
_HIPS = index_map(_COCO, ("left_hip", "right_hip"))


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
