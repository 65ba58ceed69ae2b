"""The tables behind `common.joints`: the joints of every skeleton with their parents, in the order of its files.

Sources: the `H36M_NAMES` and `SH_NAMES` tables of una-dinosauria/3d-pose-baseline; the COCO, COCO-WholeBody, MPII, LSP
and MPI-INF-3DHP annotation files; the output formats of CMU OpenPose (`poseParameters.cpp`), Halpe
(README of Fang-Haoshu/Halpe-FullBody) and PoseTrack; the smplx package (order of SMPL, SMPL-X and
MANO); nkolot/GraphCMR's README (24 and 14 joints); mks0601/Hand4Whole_RELEASE `human_models.py` (137 points).
"""
from collections.abc import Collection, Iterable

Table = tuple[tuple[str, str | None], ...]  # (joint, its parent)

# All 32 stored rows. 11 repeats the place of 0, 16 and 24 that of 13, 20 of 19, 23 of 22, 28 of 27, 31 of 30.
_H36M = (
    ("pelvis", None),
    ("right_hip", "pelvis"),
    ("right_knee", "right_hip"),
    ("right_ankle", "right_knee"),
    ("right_toe", "right_ankle"),
    ("right_toe_end", "right_toe"),
    ("left_hip", "pelvis"),
    ("left_knee", "left_hip"),
    ("left_ankle", "left_knee"),
    ("left_toe", "left_ankle"),
    ("left_toe_end", "left_toe"),
    ("spine_base", "pelvis"),
    ("spine", "spine_base"),
    ("thorax", "spine"),
    ("neck_nose", "thorax"),
    ("head", "neck_nose"),
    ("left_collar", "thorax"),
    ("left_shoulder", "left_collar"),
    ("left_elbow", "left_shoulder"),
    ("left_wrist", "left_elbow"),
    ("left_thumb_base", "left_wrist"),
    ("left_thumb", "left_thumb_base"),
    ("left_hand", "left_wrist"),
    ("left_hand_end", "left_hand"),
    ("right_collar", "thorax"),
    ("right_shoulder", "right_collar"),
    ("right_elbow", "right_shoulder"),
    ("right_wrist", "right_elbow"),
    ("right_thumb_base", "right_wrist"),
    ("right_thumb", "right_thumb_base"),
    ("right_hand", "right_wrist"),
    ("right_hand_end", "right_hand"),
)

# Feet, hands and repeated rows, which nobody evaluates.
_H36M_UNUSED = frozenset((
    "right_toe", "right_toe_end", "left_toe", "left_toe_end", "spine_base", "left_collar", "left_thumb_base",
    "left_thumb", "left_hand", "left_hand_end", "right_collar", "right_thumb_base", "right_thumb", "right_hand",
    "right_hand_end"))


def _without(table: Table, dropped: Collection[str]) -> Table:
    """The rows of `table` that are not in `dropped`; a joint whose parent goes hangs on the next joint that stays."""
    parents = dict(table)

    def remaining(joint: str | None) -> str | None:
        while joint in dropped:
            joint = parents[joint]
        return joint

    return tuple((joint, remaining(parent)) for joint, parent in table if joint not in dropped)


# The joints with a motion of their own: what Human3.6M papers evaluate.
_H36M_17 = _without(_H36M, _H36M_UNUSED)

def _legs(root: str) -> Table:
    """MPII's legs: right one from the ankle up, left one from the hip down."""
    return (
        ("right_ankle", "right_knee"),
        ("right_knee", "right_hip"),
        ("right_hip", root),
        ("left_hip", root),
        ("left_knee", "left_hip"),
        ("left_ankle", "left_knee"),
    )


def _arms(root: str) -> Table:
    """MPII's arms: right one from the wrist up, left one from the shoulder down."""
    return (
        ("right_wrist", "right_elbow"),
        ("right_elbow", "right_shoulder"),
        ("right_shoulder", root),
        ("left_shoulder", root),
        ("left_elbow", "left_shoulder"),
        ("left_wrist", "left_elbow"),
    )


_BOTH_ARMS = (
    ("right_shoulder", "neck"),
    ("right_elbow", "right_shoulder"),
    ("right_wrist", "right_elbow"),
    ("left_shoulder", "neck"),
    ("left_elbow", "left_shoulder"),
    ("left_wrist", "left_elbow"),
)

_OPENPOSE_ARMS = (("nose", "neck"), ("neck", None)) + _BOTH_ARMS

_OPENPOSE_FACE = (
    ("right_eye", "nose"),
    ("left_eye", "nose"),
    ("right_ear", "right_eye"),
    ("left_ear", "left_eye"),
)


def _openpose_legs(root: str) -> Table:
    return (
        ("right_hip", root),
        ("right_knee", "right_hip"),
        ("right_ankle", "right_knee"),
        ("left_hip", root),
        ("left_knee", "left_hip"),
        ("left_ankle", "left_knee"),
    )


_SIDES = ("left", "right")

_LSP_14 = _legs("neck") + _arms("neck") + (
    ("neck", None),
    ("head_top", "neck"),
)

# SMPL's and SMPL-X's common joints. Numbers count upwards along the spine; a foot's joint is at the ball of its toes.
_SMPL_BODY = (
    ("pelvis", None),
    ("left_hip", "pelvis"),
    ("right_hip", "pelvis"),
    ("spine1", "pelvis"),
    ("left_knee", "left_hip"),
    ("right_knee", "right_hip"),
    ("spine2", "spine1"),
    ("left_ankle", "left_knee"),
    ("right_ankle", "right_knee"),
    ("spine3", "spine2"),
    ("left_foot", "left_ankle"),
    ("right_foot", "right_ankle"),
    ("neck", "spine3"),
    ("left_collar", "spine3"),
    ("right_collar", "spine3"),
    ("head", "neck"),
    ("left_shoulder", "left_collar"),
    ("right_shoulder", "right_collar"),
    ("left_elbow", "left_shoulder"),
    ("right_elbow", "right_shoulder"),
    ("left_wrist", "left_elbow"),
    ("right_wrist", "right_elbow"),
)
_SMPL_24 = _SMPL_BODY + (("left_hand", "left_wrist"), ("right_hand", "right_wrist"))

FINGERS = ("thumb", "index", "middle", "ring", "pinky")  # as COCO-WholeBody, FreiHAND and the finger tips count
MANO_FINGERS = ("index", "middle", "pinky", "ring", "thumb")


def _fingers(side: str, fingers: Iterable[tuple[str, Iterable[int]]], wrist: str, prefix: str | None = None) -> Table:
    """Rows of one hand's fingers, (name, joint numbers) each: a finger's joints are 1, 2, 3 and its tip is 4."""
    prefix = prefix or side
    return tuple((f"{prefix}_{finger}{number}", f"{prefix}_{finger}{number - 1}" if number > 1 else wrist)
                 for finger, numbers in fingers for number in numbers)


def _mano_hand(side: str) -> Table:
    return _fingers(side, [(finger, (1, 2, 3)) for finger in MANO_FINGERS], f"{side}_wrist")


def _tips(side: str) -> Table:
    return _fingers(side, [(finger, (4,)) for finger in FINGERS], f"{side}_wrist")


def _hand_20(side: str, wrist: str, prefix: str | None = None) -> Table:
    return _fingers(side, [(finger, (1, 2, 3, 4)) for finger in FINGERS], wrist, prefix)


def _feet(toes_hang_on: str) -> Table:
    return tuple(row for side in _SIDES for row in (
        (f"{side}_big_toe", f"{side}_{toes_hang_on}"),
        (f"{side}_small_toe", f"{side}_{toes_hang_on}"),
        (f"{side}_heel", f"{side}_ankle"),
    ))


_SMPLX_55 = _SMPL_BODY + (
    ("jaw", "head"),
    ("left_eyeball", "head"),
    ("right_eyeball", "head"),
) + _mano_hand("left") + _mano_hand("right")


def _vertex_joints(tips: Iterable[tuple[str, str | None]]) -> Table:
    """The 21 points on the skin that the smplx package appends to a skeleton."""
    return (("nose", "head"), *_OPENPOSE_FACE, *_feet("foot"), *tips)


# (right, left) pairs of the 68 points of a face, in the order of the 300 Faces In-The-Wild challenge.
_FACE_PAIRS = (*((number, 16 - number) for number in range(8)),  # outline
               *((17 + number, 26 - number) for number in range(5)),  # brows
               (31, 35), (32, 34),  # nostrils
               (36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46),  # eyes
               (48, 54), (49, 53), (50, 52), (59, 55), (58, 56), (60, 64), (61, 63), (67, 65))  # mouth
# Where a line begins: outline, brows, ridge of the nose, nostrils, eyes, outer and inner lips.
_FACE_STARTS = (0, 17, 22, 27, 31, 36, 42, 48, 60)


def _face_68() -> Table:
    """Numbered as stored; a point on the left bears the number of its counterpart on the right."""
    names = [f"face{number}" for number in range(68)]
    for right, left in _FACE_PAIRS:
        names[right], names[left] = f"right_face{right}", f"left_face{right}"
    return tuple((name, None if number in _FACE_STARTS else names[number - 1]) for number, name in enumerate(names))


_FACE_68 = _face_68()
# SMPL-X puts the outline, which depends on the turn of the head, behind the 51 points within the face.
_SMPLX_FACE = _FACE_68[17:] + _FACE_68[:17]

_HAND4WHOLE_137 = (
    ("pelvis", None),
    ("left_hip", "pelvis"),
    ("right_hip", "pelvis"),
    ("left_knee", "left_hip"),
    ("right_knee", "right_hip"),
    ("left_ankle", "left_knee"),
    ("right_ankle", "right_knee"),
    ("neck", "pelvis"),
    ("left_shoulder", "neck"),
    ("right_shoulder", "neck"),
    ("left_elbow", "left_shoulder"),
    ("right_elbow", "right_shoulder"),
    ("left_wrist", "left_elbow"),
    ("right_wrist", "right_elbow"),
) + _feet("ankle") + (
    ("left_ear", "left_eye"),
    ("right_ear", "right_eye"),
    ("left_eye", "nose"),
    ("right_eye", "nose"),
    ("nose", "neck"),
) + _hand_20("left", "left_wrist") + _hand_20("right", "right_wrist") + (
    ("jaw", "head"),
    ("head", "neck"),
    # The eyes once more, as part of the face.
    ("left_face_eye", "nose"),
    ("right_face_eye", "nose"),
) + _SMPLX_FACE

# GraphCMR's places that SMPL has not; LSP's annotators put hips, neck and head top elsewhere than SMPL.
_GRAPHCMR_24 = (
    ("right_ankle", "right_knee"),
    ("right_knee", "right_lsp_hip"),
    ("right_lsp_hip", "mpii_pelvis"),
    ("left_lsp_hip", "mpii_pelvis"),
    ("left_knee", "left_lsp_hip"),
    ("left_ankle", "left_knee"),
) + _arms("mpii_thorax") + (
    ("lsp_neck", "mpii_thorax"),
    ("lsp_head_top", "lsp_neck"),
    ("mpii_pelvis", None),
    ("mpii_thorax", "h36m_spine"),
    ("h36m_spine", "mpii_pelvis"),
    ("h36m_jaw", "lsp_neck"),
    ("h36m_head", "h36m_jaw"),
    ("nose", "h36m_jaw"),
    ("left_eye", "nose"),
    ("right_eye", "nose"),
    ("left_ear", "left_eye"),
    ("right_ear", "right_eye"),
)

# The dataset's own names: its numbered spine joints are not SMPL's.
_MPI_INF_3DHP_28 = (
    ("spine3", "spine2"),
    ("spine4", "spine3"),
    ("spine2", "spine"),
    ("spine", "pelvis"),
    ("pelvis", None),
    ("neck", "spine4"),
    ("head", "neck"),
    ("head_top", "head"),
) + tuple(row for side in _SIDES for row in (
    (f"{side}_clavicle", "spine4"),
    (f"{side}_shoulder", f"{side}_clavicle"),
    (f"{side}_elbow", f"{side}_shoulder"),
    (f"{side}_wrist", f"{side}_elbow"),
    (f"{side}_hand", f"{side}_wrist"),
)) + tuple(row for side in _SIDES for row in (
    (f"{side}_hip", "pelvis"),
    (f"{side}_knee", f"{side}_hip"),
    (f"{side}_ankle", f"{side}_knee"),
    (f"{side}_foot", f"{side}_ankle"),
    (f"{side}_toe", f"{side}_foot"),
))
_MPI_INF_3DHP_17 = (("head_top", "head"), ("neck", "spine")) + _BOTH_ARMS + _openpose_legs("pelvis") + (
    ("pelvis", None),
    ("spine", "pelvis"),
    ("head", "neck"),
)

_COCO_17 = (
    ("nose", None),
    ("left_eye", "nose"),
    ("right_eye", "nose"),
    ("left_ear", "left_eye"),
    ("right_ear", "right_eye"),
    ("left_shoulder", "left_ear"),
    ("right_shoulder", "right_ear"),
    ("left_elbow", "left_shoulder"),
    ("right_elbow", "right_shoulder"),
    ("left_wrist", "left_elbow"),
    ("right_wrist", "right_elbow"),
    ("left_hip", "left_shoulder"),
    ("right_hip", "right_shoulder"),
    ("left_knee", "left_hip"),
    ("right_knee", "right_hip"),
    ("left_ankle", "left_knee"),
    ("right_ankle", "right_knee"),
)

TABLES = {
    "h36m_32": _H36M,
    "h36m_17": _H36M_17,
    # The lifting baseline's 2D input: the detectors of its time had no point between neck and nose.
    "h36m_16": _without(_H36M_17, {"neck_nose"}),
    # The lifting baseline's short output, joints that other datasets have as well.
    "h36m_14": (
        ("right_hip", "thorax"),
        ("right_knee", "right_hip"),
        ("right_ankle", "right_knee"),
        ("left_hip", "thorax"),
        ("left_knee", "left_hip"),
        ("left_ankle", "left_knee"),
        ("thorax", None),
        ("head", "thorax"),
        ("left_shoulder", "thorax"),
        ("left_elbow", "left_shoulder"),
        ("left_wrist", "left_elbow"),
        ("right_shoulder", "thorax"),
        ("right_elbow", "right_shoulder"),
        ("right_wrist", "right_elbow"),
    ),
    # MPII's order with Human3.6M's meaning: Stacked Hourglass detections on Human3.6M.
    "hourglass_16": _legs("pelvis") + (
        ("pelvis", None),
        ("spine", "pelvis"),
        ("thorax", "spine"),
        ("head", "thorax"),
    ) + _arms("thorax"),
    "mpii_16": _legs("pelvis") + (
        ("pelvis", None),
        ("mpii_thorax", "pelvis"),
        ("upper_neck", "mpii_thorax"),
        ("head_top", "upper_neck"),
    ) + _arms("mpii_thorax"),
    "coco_17": _COCO_17,
    "openpose_18": _OPENPOSE_ARMS + _openpose_legs("neck") + _OPENPOSE_FACE,
    "openpose_25": _OPENPOSE_ARMS + (("pelvis", "neck"),) + _openpose_legs("pelvis") + _OPENPOSE_FACE + (
        ("left_big_toe", "left_ankle"),
        ("left_small_toe", "left_big_toe"),
        ("left_heel", "left_ankle"),
        ("right_big_toe", "right_ankle"),
        ("right_small_toe", "right_big_toe"),
        ("right_heel", "right_ankle"),
    ),
    # BODY_25B; its first 17 joints are COCO's, and BODY_135 begins with these 25.
    "openpose_25b": _COCO_17 + (("upper_neck", "nose"), ("head_top", "upper_neck")) + _feet("ankle"),
    # MPI; the chest, called spine here, lies midway between MPII's thorax and pelvis.
    "openpose_15": (("head_top", "upper_neck"), ("upper_neck", "spine")) + tuple(
        (joint, "upper_neck" if parent == "neck" else parent) for joint, parent in _BOTH_ARMS
    ) + _openpose_legs("spine") + (("spine", None),),
    # Halpe; its 136 points begin with these.
    "halpe_26": _COCO_17 + (("head_top", "nose"), ("neck", "nose"), ("pelvis", "neck")) + tuple(
        (f"{side}_{point}", f"{side}_ankle") for point in ("big_toe", "small_toe", "heel") for side in _SIDES),
    # head_bottom in its files is the upper neck.
    "posetrack_17": (("nose", None), ("upper_neck", "nose"), ("head_top", "upper_neck"), ("left_ear", "nose"),
                     ("right_ear", "nose")) + _COCO_17[5:],
    "lsp_14": _LSP_14,
    # HMR's joints, called "cocoplus": those of LSP, then COCO's face.
    "cocoplus_19": _LSP_14 + (
        ("nose", "neck"),
        ("left_eye", "nose"),
        ("right_eye", "nose"),
        ("left_ear", "left_eye"),
        ("right_ear", "right_eye"),
    ),
    "graphcmr_24": _GRAPHCMR_24,
    "mpi_inf_3dhp_28": _MPI_INF_3DHP_28,
    "mpi_inf_3dhp_17": _MPI_INF_3DHP_17,
    # Points of hands and feet follow the body's; a hand has a wrist of its own, clicked by other people.
    "coco_wholebody_133": _COCO_17 + _feet("ankle") + tuple(
        row for side in _SIDES for row in (
            (f"{side}_hand_wrist", f"{side}_wrist"), *_hand_20(side, f"{side}_hand_wrist", f"{side}_hand"))
    ) + _FACE_68,
    "face_68": _FACE_68,
    "smpl_24": _SMPL_24,
    # With points on the skin, as the smplx package numbers them.
    "smpl_45": _SMPL_24 + _vertex_joints(tuple((f"{side}_{finger}4", f"{side}_hand")
                                               for side in _SIDES for finger in FINGERS)),
    "smplx_55": _SMPLX_55,
    "smplx_144": _SMPLX_55 + _vertex_joints(_tips("left") + _tips("right")) + _SMPLX_FACE,
    "hand4whole_137": _HAND4WHOLE_137,
    **{f"mano_{side}_16": ((f"{side}_wrist", None), *_mano_hand(side)) for side in _SIDES},
    # MANO's joints and the finger tips; the same points in the order of COCO-WholeBody and FreiHAND.
    **{f"mano_{side}_21": ((f"{side}_wrist", None), *_mano_hand(side), *_tips(side)) for side in _SIDES},
    **{f"{side}_hand_21": ((f"{side}_wrist", None), *_hand_20(side, f"{side}_wrist")) for side in _SIDES},
}

# Limbs that close a loop, so that no table of parents can say them.
CROSS_LIMBS = {
    "coco_17": (("left_eye", "right_eye"), ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")),
}
