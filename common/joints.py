"""Skeletons as ordered joint names; everything else (index maps, flips, limbs) follows from the names.

A skeleton is a table of (joint, parent) rows in the order in which its files store the joints. Joints are named as in
COCO (`left_hip`, `right_wrist`); a joint that means the same in two skeletons has the same name in both, and one that
only looks alike has not: MPII's `thorax` and `upper_neck` sit where Human3.6M has nothing.

Sources: the `H36M_NAMES` and `SH_NAMES` tables of una-dinosauria/3d-pose-baseline, the COCO and MPII annotation files,
the output formats of CMU OpenPose; means of joints as in mmpose's COCO to Human3.6M conversion.
"""
import numpy as np

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


def _without(table, dropped):
    """The rows of `table` that are not in `dropped`; a joint whose parent goes hangs on the next joint that stays."""
    parents = dict(table)

    def remaining(joint):
        while joint in dropped:
            joint = parents[joint]
        return joint

    return tuple((joint, remaining(parent)) for joint, parent in table if joint not in dropped)


# The joints with a motion of their own: what Human3.6M papers evaluate.
_H36M_17 = _without(_H36M, _H36M_UNUSED)

_LEGS_OF_HOURGLASS = (
    ("right_ankle", "right_knee"),
    ("right_knee", "right_hip"),
    ("right_hip", "pelvis"),
    ("left_hip", "pelvis"),
    ("left_knee", "left_hip"),
    ("left_ankle", "left_knee"),
)


def _arms(root):
    """MPII's arms: right one from the wrist up, left one from the shoulder down."""
    return (
        ("right_wrist", "right_elbow"),
        ("right_elbow", "right_shoulder"),
        ("right_shoulder", root),
        ("left_shoulder", root),
        ("left_elbow", "left_shoulder"),
        ("left_wrist", "left_elbow"),
    )


_OPENPOSE_ARMS = (
    ("nose", "neck"),
    ("neck", None),
    ("right_shoulder", "neck"),
    ("right_elbow", "right_shoulder"),
    ("right_wrist", "right_elbow"),
    ("left_shoulder", "neck"),
    ("left_elbow", "left_shoulder"),
    ("left_wrist", "left_elbow"),
)

_OPENPOSE_FACE = (
    ("right_eye", "nose"),
    ("left_eye", "nose"),
    ("right_ear", "right_eye"),
    ("left_ear", "left_eye"),
)


def _openpose_legs(root):
    return (
        ("right_hip", root),
        ("right_knee", "right_hip"),
        ("right_ankle", "right_knee"),
        ("left_hip", root),
        ("left_knee", "left_hip"),
        ("left_ankle", "left_knee"),
    )


_TABLES = {
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
    "hourglass_16": _LEGS_OF_HOURGLASS + (
        ("pelvis", None),
        ("spine", "pelvis"),
        ("thorax", "spine"),
        ("head", "thorax"),
    ) + _arms("thorax"),
    "mpii_16": _LEGS_OF_HOURGLASS + (
        ("pelvis", None),
        ("mpii_thorax", "pelvis"),
        ("upper_neck", "mpii_thorax"),
        ("head_top", "upper_neck"),
    ) + _arms("mpii_thorax"),
    "coco_17": (
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
    ),
    "openpose_18": _OPENPOSE_ARMS + _openpose_legs("neck") + _OPENPOSE_FACE,
    "openpose_25": _OPENPOSE_ARMS + (("pelvis", "neck"),) + _openpose_legs("pelvis") + _OPENPOSE_FACE + (
        ("left_big_toe", "left_ankle"),
        ("left_small_toe", "left_big_toe"),
        ("left_heel", "left_ankle"),
        ("right_big_toe", "right_ankle"),
        ("right_small_toe", "right_big_toe"),
        ("right_heel", "right_ankle"),
    ),
}

# Limbs that close a loop, so that no table of parents can say them.
_CROSS_LIMBS = {
    "coco_17": (("left_eye", "right_eye"), ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")),
}

SKELETONS = {name: tuple(joint for joint, _ in table) for name, table in _TABLES.items()}

# Joints that a skeleton may lack but that lie midway between others.
_MEANS = {
    "pelvis": ("left_hip", "right_hip"),
    "thorax": ("left_shoulder", "right_shoulder"),
    "neck": ("left_shoulder", "right_shoulder"),
    "spine": ("pelvis", "thorax"),
    "head": ("left_eye", "right_eye"),
    "neck_nose": ("nose",),
}


def _names(skeleton):
    """Joint names of a skeleton given by its name or by the names themselves."""
    return SKELETONS[skeleton] if isinstance(skeleton, str) else tuple(skeleton)


def index_map(source, target):
    """Where each joint of `target` stands in `source`: `points[..., index_map(source, target), :]` is in target order.

    Args:
        source, target (str or sequence of str): skeleton name, or joint names.

    Returns:
        numpy.ndarray: (J_target,) int.

    Raises:
        ValueError: `source` lacks a joint; the text names it.
    """
    source, target = _names(source), _names(target)
    missing = [joint for joint in target if joint not in source]
    if missing:
        raise ValueError(f"no {', '.join(missing)} among the joints {', '.join(source)}")
    return np.array([source.index(joint) for joint in target])


def mixing_matrix(source, target):
    """Weights that make `target` joints from `source` joints, taking means where `source` lacks a joint.

    `matrix @ points` turns (..., J_source, D) into (..., J_target, D). Joints that both have are copied; pelvis,
    thorax, neck, spine, head and neck_nose may come from hips, shoulders, eyes and nose.

    Returns:
        numpy.ndarray: (J_target, J_source) float64, rows sum to one.

    Raises:
        ValueError: a joint can neither be copied nor be made; the text names it.
    """
    source = _names(source)

    def row(joint):
        if joint in source:
            return np.eye(len(source))[source.index(joint)]
        if joint not in _MEANS:
            raise ValueError(f"{joint} cannot be made from the joints {', '.join(source)}")
        return np.mean([row(part) for part in _MEANS[joint]], axis=0)

    return np.array([row(joint) for joint in _names(target)])


def side(joint):
    """`left`, `right` or `middle`."""
    prefix = joint.split("_")[0]
    return prefix if prefix in ("left", "right") else "middle"


def flip_pairs(skeleton):
    """(left, right) index pairs of the joints that change places when the picture is mirrored.

    Args:
        skeleton (str or sequence of str): skeleton name, or joint names.
    """
    names = _names(skeleton)
    return tuple((names.index(joint), names.index("right" + joint.removeprefix("left")))
                 for joint in names if side(joint) == "left")


def parents(name):
    """Index of each joint's parent, -1 for the root, in the order of `SKELETONS[name]`."""
    names = SKELETONS[name]
    return tuple(-1 if parent is None else names.index(parent) for _, parent in _TABLES[name])


def limbs(name):
    """(parent, child) index pairs to draw a skeleton with, in the order of the children."""
    names = SKELETONS[name]
    tree = [(parent, child) for child, parent in enumerate(parents(name)) if parent >= 0]
    return tuple(tree + [(names.index(a), names.index(b)) for a, b in _CROSS_LIMBS.get(name, ())])
