"""The joints and rotations that Hand4Whole is supervised with, by name, and where they come from.

137 joints: 25 of the body, 20 of each hand (four per finger; the wrists belong to the body), 72 of the face. 53
rotations: root, 21 of the body, 15 of each hand, jaw. The hand-only network has 21 joints and MANO's 16 rotations.
Source: mks0601/Hand4Whole_RELEASE `human_models.py`.
"""
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


def hand_regressor(model, tips=None):
    """The 21 joints of a hand from its vertices: MANO's regressor and five vertices at the finger tips.

    Args:
        model (BodyModel): kind "mano_left" or "mano_right".
        tips (sequence of int): vertices of the tips from thumb to little finger; None for `PUBLISHED_TIPS`, with the
            synthetic hand, of which only the usual tips are known, for those of `vertex_joint_ids`.

    Returns:
        numpy.ndarray: (21, 778) float64, joints in the order of `HAND_JOINTS`.
    """
    if tips is None:
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
