"""The tables behind `common.joints`: the joints of every skeleton with their parents, in the order of its files.

Sources: the `H36M_NAMES` and `SH_NAMES` tables of una-dinosauria/3d-pose-baseline; the COCO, COCO-WholeBody, MPII, LSP
and MPI-INF-3DHP annotation files; the output formats of CMU OpenPose (`poseParameters.cpp`), Halpe
(README of Fang-Haoshu/Halpe-FullBody) and PoseTrack; the smplx package (order of SMPL, SMPL-X and
MANO); nkolot/GraphCMR's README (24 and 14 joints); mks0601/Hand4Whole_RELEASE `human_models.py` (137 points).
"""
from collections.abc import Collection, Iterable

Table = tuple[tuple[str, str | None], ...]  # (joint, its parent)

_SIDES = ("left", "right")


def _chain(parent: str | None, *joints: str) -> Table:
    """Joints that hang on each other, the first on `parent`."""
    return tuple(zip(joints, (parent, *joints)))


def _both(joint: str, parent: str) -> Table:
    """The left and the right joint; a star in the parent's name stands for the side."""
    return tuple((f"{side}_{joint}", parent.replace("*", side)) for side in _SIDES)


def _leg(side: str, root: str) -> Table:
    return _chain(root, f"{side}_hip", f"{side}_knee", f"{side}_ankle")


def _arm(side: str, root: str) -> Table:
    return _chain(root, f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist")


# All 32 stored rows. 11 repeats the place of 0, 16 and 24 that of 13, 20 of 19, 23 of 22, 28 of 27, 31 of 30.
_H36M = (
    *_chain(None, "pelvis", "right_hip", "right_knee", "right_ankle", "right_toe", "right_toe_end"),
    *_chain("pelvis", "left_hip", "left_knee", "left_ankle", "left_toe", "left_toe_end"),
    *_chain("pelvis", "spine_base", "spine", "thorax", "neck_nose", "head"),
    *(row for side in _SIDES for row in (
        (f"{side}_collar", "thorax"), *_arm(side, f"{side}_collar"),
        *_chain(f"{side}_wrist", f"{side}_thumb_base", f"{side}_thumb"),
        *_chain(f"{side}_wrist", f"{side}_hand", f"{side}_hand_end"))),
)

# Feet, hands and repeated rows, which nobody evaluates.
_H36M_UNUSED = {"spine_base", *(f"{side}_{joint}" for side in _SIDES for joint in (
    "toe", "toe_end", "collar", "thumb_base", "thumb", "hand", "hand_end"))}


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
    return _leg("right", root)[::-1] + _leg("left", root)


def _arms(root: str) -> Table:
    """MPII's arms: right one from the wrist up, left one from the shoulder down."""
    return _arm("right", root)[::-1] + _arm("left", root)


def _openpose_legs(root: str) -> Table:
    return _leg("right", root) + _leg("left", root)


_OPENPOSE_ARMS = (("nose", "neck"), ("neck", None)) + _arm("right", "neck") + _arm("left", "neck")
_OPENPOSE_FACE = (("right_eye", "nose"), ("left_eye", "nose"), ("right_ear", "right_eye"), ("left_ear", "left_eye"))
_COCO_FACE = _both("eye", "nose") + _both("ear", "*_eye")
_LSP_14 = _legs("neck") + _arms("neck") + _chain(None, "neck", "head_top")

# SMPL's and SMPL-X's common joints. Numbers count upwards along the spine; a foot's joint is at the ball of its toes.
_SMPL_BODY = (
    ("pelvis", None), *_both("hip", "pelvis"), ("spine1", "pelvis"), *_both("knee", "*_hip"), ("spine2", "spine1"),
    *_both("ankle", "*_knee"), ("spine3", "spine2"), *_both("foot", "*_ankle"), ("neck", "spine3"),
    *_both("collar", "spine3"), ("head", "neck"), *_both("shoulder", "*_collar"), *_both("elbow", "*_shoulder"),
    *_both("wrist", "*_elbow"),
)
_SMPL_24 = _SMPL_BODY + _both("hand", "*_wrist")

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


_SMPLX_55 = _SMPL_BODY + (("jaw", "head"), *_both("eyeball", "head"), *_mano_hand("left"), *_mano_hand("right"))


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
    ("pelvis", None), *_both("hip", "pelvis"), *_both("knee", "*_hip"), *_both("ankle", "*_knee"), ("neck", "pelvis"),
    *_both("shoulder", "neck"), *_both("elbow", "*_shoulder"), *_both("wrist", "*_elbow"), *_feet("ankle"),
    *_both("ear", "*_eye"), *_both("eye", "nose"), ("nose", "neck"),
    *_hand_20("left", "left_wrist"), *_hand_20("right", "right_wrist"),
    ("jaw", "head"),
    ("head", "neck"),
    # The eyes once more, as part of the face.
    *_both("face_eye", "nose"),
    *_SMPLX_FACE,
)

# GraphCMR's places that SMPL has not; LSP's annotators put hips, neck and head top elsewhere than SMPL.
_GRAPHCMR_24 = (
    *_chain("mpii_pelvis", "right_lsp_hip", "right_knee", "right_ankle")[::-1],
    *_chain("mpii_pelvis", "left_lsp_hip", "left_knee", "left_ankle"),
    *_arms("mpii_thorax"),
    ("lsp_neck", "mpii_thorax"),
    ("lsp_head_top", "lsp_neck"),
    ("mpii_pelvis", None),
    ("mpii_thorax", "h36m_spine"),
    ("h36m_spine", "mpii_pelvis"),
    ("h36m_jaw", "lsp_neck"),
    ("h36m_head", "h36m_jaw"),
    ("nose", "h36m_jaw"),
    *_COCO_FACE,
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
    *(row for side in _SIDES for row in ((f"{side}_clavicle", "spine4"), *_arm(side, f"{side}_clavicle"),
                                         (f"{side}_hand", f"{side}_wrist"))),
    *(row for side in _SIDES for row in (*_leg(side, "pelvis"),
                                         *_chain(f"{side}_ankle", f"{side}_foot", f"{side}_toe"))),
)
_MPI_INF_3DHP_17 = (
    ("head_top", "head"), ("neck", "spine"), *_arm("right", "neck"), *_arm("left", "neck"), *_openpose_legs("pelvis"),
    ("pelvis", None), ("spine", "pelvis"), ("head", "neck"))

_COCO_17 = (("nose", None), *_COCO_FACE, *_both("shoulder", "*_ear"), *_both("elbow", "*_shoulder"),
            *_both("wrist", "*_elbow"), *_both("hip", "*_shoulder"), *_both("knee", "*_hip"), *_both("ankle", "*_knee"))

TABLES = {
    "h36m_32": _H36M,
    "h36m_17": _H36M_17,
    # The lifting baseline's 2D input: the detectors of its time had no point between neck and nose.
    "h36m_16": _without(_H36M_17, {"neck_nose"}),
    # The lifting baseline's short output, joints that other datasets have as well.
    "h36m_14": (*_openpose_legs("thorax"), *_chain(None, "thorax", "head"), *_arm("left", "thorax"),
                *_arm("right", "thorax")),
    # MPII's order with Human3.6M's meaning: Stacked Hourglass detections on Human3.6M.
    "hourglass_16": _legs("pelvis") + _chain(None, "pelvis", "spine", "thorax", "head") + _arms("thorax"),
    "mpii_16": (*_legs("pelvis"), *_chain(None, "pelvis", "mpii_thorax", "upper_neck", "head_top"),
                *_arms("mpii_thorax")),
    "coco_17": _COCO_17,
    "openpose_18": _OPENPOSE_ARMS + _openpose_legs("neck") + _OPENPOSE_FACE,
    "openpose_25": _OPENPOSE_ARMS + (("pelvis", "neck"),) + _openpose_legs("pelvis") + _OPENPOSE_FACE + tuple(
        row for side in _SIDES for row in (*_chain(f"{side}_ankle", f"{side}_big_toe", f"{side}_small_toe"),
                                           (f"{side}_heel", f"{side}_ankle"))),
    # BODY_25B; its first 17 joints are COCO's, and BODY_135 begins with these 25.
    "openpose_25b": _COCO_17 + (("upper_neck", "nose"), ("head_top", "upper_neck")) + _feet("ankle"),
    # MPI; the chest, called spine here, lies midway between MPII's thorax and pelvis.
    "openpose_15": (("head_top", "upper_neck"), ("upper_neck", "spine"), *_arm("right", "upper_neck"),
                    *_arm("left", "upper_neck"), *_openpose_legs("spine"), ("spine", None)),
    # Halpe; its 136 points begin with these.
    "halpe_26": (*_COCO_17, ("head_top", "nose"), ("neck", "nose"), ("pelvis", "neck"), *_both("big_toe", "*_ankle"),
                 *_both("small_toe", "*_ankle"), *_both("heel", "*_ankle")),
    # head_bottom in its files is the upper neck.
    "posetrack_17": _chain(None, "nose", "upper_neck", "head_top") + _both("ear", "nose") + _COCO_17[5:],
    "lsp_14": _LSP_14,
    # HMR's joints, called "cocoplus": those of LSP, then COCO's face.
    "cocoplus_19": _LSP_14 + (("nose", "neck"), *_COCO_FACE),
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
