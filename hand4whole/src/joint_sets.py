"""The joints and rotations that Hand4Whole is supervised with, by name, and where they come from.

137 joints: 25 of the body, 20 of each hand (four per finger; the wrists belong to the body), 72 of the face. 53
rotations: root, 21 of the body, 15 of each hand, jaw. The hand-only network has 21 joints and MANO's 16 rotations.
Source: mks0601/Hand4Whole_RELEASE `human_models.py`.

Below: the annotated joints of each data set, and where they stand among the 137. Source: the `joints_name` tables of
the data sets there. What Human3.6M calls thorax and MPII upper neck is Hand4Whole's neck; the heads of the data sets
have no counterpart, as its own is SMPL-X's head joint.
"""
import functools
from typing import NamedTuple

import numpy as np

from common.body_models.landmarks import vertex_joint_ids
from common.joints import SKELETONS, index_map

JOINTS = SKELETONS["hand4whole_137"]
BODY, LEFT_HAND, RIGHT_HAND, FACE = slice(0, 25), slice(25, 45), slice(45, 65), slice(65, 137)
PELVIS, NECK, LEFT_WRIST, RIGHT_WRIST = (JOINTS.index(name) for name in ("pelvis", "neck", "left_wrist", "right_wrist"))
# Where depth is measured from, and the extent (a key of `targets.Space`) of the joints that are measured so.
DEPTH_GROUPS = ((BODY, PELVIS, "body_size"), (LEFT_HAND, LEFT_WRIST, "hand_size"),
                (RIGHT_HAND, RIGHT_WRIST, "hand_size"), (FACE, NECK, "face_size"))

_SMPLX = SKELETONS["smplx_55"]
# Rotations in the order of the 159 numbers: SMPL-X's without the eyeballs, the jaw last.
ROTATIONS = (*_SMPLX[:22], *_SMPLX[25:], "jaw")
ROTATIONS_FROM_SMPLX = index_map(_SMPLX, ROTATIONS)
LEFT_HAND_ROTATIONS, RIGHT_HAND_ROTATIONS, JAW_ROTATION = slice(22, 37), slice(37, 52), slice(52, 53)

# SMPL-X's 144 joints in the order of the 137; its eyes are counted twice, once as part of the face.
_EYES = {"left_face_eye": "left_eye", "right_face_eye": "right_eye"}
FROM_SMPLX_144 = index_map("smplx_144", [_EYES.get(name, name) for name in JOINTS])

HAND_JOINTS = SKELETONS["right_hand_21"]  # wrist, then thumb to little finger, four each
HAND_ROTATIONS = SKELETONS["mano_right_16"]
WRIST = 0
HAND_DEPTH_GROUPS = ((slice(0, 21), WRIST, "hand_size"),)
# Vertices that the published hand-only stage takes for finger tips, some millimetres beside the usual ones.
PUBLISHED_TIPS = (745, 317, 445, 556, 673)


def hand_regressor(model):
    """The joints of a MANO hand from its vertices, (21, 778) float64, in the order of `HAND_JOINTS`.

    The tips are `PUBLISHED_TIPS`; of the synthetic hand only the usual ones are known.
    """
    tips = vertex_joint_ids(model.kind) if model.synthetic else PUBLISHED_TIPS
    rows = np.concatenate([model.J_regressor, np.eye(len(model.v_template))[list(tips)]])
    return rows[index_map("mano_right_21", HAND_JOINTS)]


def body_hand_regressors(model):
    """The same for both hands of SMPL-X, (21, 10475) each, for evaluation on whole meshes.

    Returns:
        dict: "left" and "right" -> array, joints in the order of `HAND_JOINTS`.
    """
    names = (*SKELETONS["smplx_55"], *SKELETONS["smplx_144"][55:76])
    rows = np.concatenate([model.J_regressor, np.eye(len(model.v_template))[vertex_joint_ids("smplx")]])
    return {side: rows[index_map(names, SKELETONS[f"{side}_hand_21"])] for side in ("left", "right")}


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


def of_mpii(record):
    """MPII's joints -> Annotated."""
    return Annotated(record.j2d, None, record.visibility > 0, record.joints, MPII_PLACES)


def _in_space(record, places):
    """Joints with a depth -> Annotated."""
    root = record.joints.index("pelvis")
    return Annotated(record.j2d, record.j3d - record.j3d[root], record.visibility > 0, record.joints, places)


of_human36m = functools.partial(_in_space, places=H36M_PLACES)
of_mpi_inf_3dhp = functools.partial(_in_space, places=MPI_INF_3DHP_PLACES)
