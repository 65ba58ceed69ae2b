"""Skeletons as ordered joint names; everything else (index maps, flips, limbs) follows from the names.

The tables themselves, (joint, parent) rows in the order in which files store the joints, are in `joint_tables`. Joints
are named as in COCO (`left_hip`, `right_wrist`), and limbs mean the same in every skeleton. Along the spine and at the
head each dataset has places of its own: names differ where two of them meet (MPII's `mpii_thorax` is no Human3.6M
`thorax`), but `neck` and `head` are whatever their dataset calls so.

Source: means of joints as in mmpose's COCO to Human3.6M conversion.
"""
import functools
import re
from collections.abc import Sequence

import numpy as np

from common.joint_tables import CROSS_LIMBS, FINGERS, TABLES

SKELETONS = {name: tuple(joint for joint, _ in table) for name, table in TABLES.items()}

# Joints that a skeleton may lack but that lie midway between others.
_MEANS = {
    "pelvis": ("left_hip", "right_hip"),
    "thorax": ("left_shoulder", "right_shoulder"),
    "neck": ("left_shoulder", "right_shoulder"),
    "spine": ("pelvis", "thorax"),
    "head": ("left_eye", "right_eye"),
    "neck_nose": ("nose",),
    # Hand4Whole counts SMPL-X's eyes twice.
    "left_face_eye": ("left_eye",),
    "right_face_eye": ("right_eye",),
}

# Parts of a body as Unite the People's segmentations number them, from 1, and which part a joint moves.
BODY_PARTS = ("head", "torso", "left_arm", "right_arm", "left_leg", "right_leg")
_PART_OF_JOINT = {"neck": 1, "head": 1, "jaw": 1, "eyeball": 1, "hip": 5, "knee": 5, "ankle": 5, "foot": 5,
                  "shoulder": 3, "elbow": 3, "wrist": 3, "hand": 3}  # everything else: torso; sided: left


def body_part(joint: str) -> int:
    """Number of the part in `BODY_PARTS`, from 1, that a joint of SMPL, SMPL-X or MANO moves; fingers: the arm."""
    side, _, rest = joint.partition("_")
    part = 3 if rest[:-1] in FINGERS else _PART_OF_JOINT.get(rest or joint, 2)
    return part + 1 if side == "right" and part > 2 else part


def _names(skeleton: str | Sequence[str]) -> tuple[str, ...]:
    """Joint names of a skeleton given by its name or by the names themselves."""
    return SKELETONS[skeleton] if isinstance(skeleton, str) else tuple(skeleton)


def index_map(source: str | Sequence[str], target: str | Sequence[str]) -> np.ndarray:
    """Where each joint of `target` stands in `source`: `points[..., index_map(source, target), :]` is in target order.

    Args:
        source, target (str or sequence of str): skeleton name, or joint names.

    Raises:
        ValueError: `source` lacks a joint; the text names it.
    """
    source, target = _names(source), _names(target)
    missing = [joint for joint in target if joint not in source]
    if missing:
        raise ValueError(f"no {', '.join(missing)} among the joints {', '.join(source)}")
    return np.array([source.index(joint) for joint in target])


def mixing_matrix(source: str | Sequence[str], target: str | Sequence[str]) -> np.ndarray:
    """Weights that make `target` joints from `source` joints, taking means where `source` lacks a joint.

    `matrix @ points` turns (..., J_source, D) into (..., J_target, D). Joints that both have are copied; pelvis,
    thorax, neck, spine, head and neck_nose may come from hips, shoulders, eyes and nose.

    Returns:
        numpy.ndarray: (J_target, J_source) float64, rows sum to one.

    Raises:
        ValueError: a joint can neither be copied nor be made; the text names it.
    """
    source = _names(source)

    def row(joint: str) -> np.ndarray:
        if joint in source:
            return np.eye(len(source))[source.index(joint)]
        if joint not in _MEANS:
            raise ValueError(f"{joint} cannot be made from the joints {', '.join(source)}")
        return np.mean([row(part) for part in _MEANS[joint]], axis=0)

    return np.array([row(joint) for joint in _names(target)])


_SIDES = {"l": "left", "left": "left", "lt": "left", "r": "right", "right": "right", "rt": "right"}
_SHORT = {"sho": "shoulder", "elb": "elbow", "wri": "wrist", "ank": "ankle"}
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# One word for side and joint; `rear` is no right ear.
_JOINED = re.compile(r"(left|right)(?=[a-z])|(l|r)(?=(?:shoulder|sho|elbow|elb|wrist|wri|hip|knee|ankle|ank|eye)$)")


@functools.lru_cache(maxsize=4096)
def joint_name(name: str) -> str:
    """A joint's name as this project spells it, from any usual spelling.

    "Right Shoulder", "Right-ankle", "R_Eye", "RShoulder", "r_knee", "shoulder_right" and "eyeL" become right_shoulder,
    right_ankle, right_eye, right_shoulder, right_knee, right_shoulder and left_eye; what names no side keeps its words.
    """
    words = [word for word in re.split(r"[\W_]+", _CAMEL.sub("_", str(name).strip()).lower()) if word]
    sides, rest = set(), []
    for position, word in enumerate(words):
        joined, letter = _JOINED.match(word), re.fullmatch(r"([lr])(\d+)", word)
        if word in _SIDES and len(words) > 1:
            sides.add(_SIDES[word])
        elif letter and position:  # foreleg_R1; a vertebra L5 stands first
            sides.add(_SIDES[letter[1]])
            rest.append(letter[2])
        elif joined:
            sides.add(_SIDES[joined[0]])
            rest.append(word[joined.end():])
        else:
            rest.append(word)
    if len(sides) != 1 or not rest:
        return "_".join(words)
    return "_".join([*sides, *(_SHORT.get(word, word) for word in rest)])


def side(joint: str) -> str:
    """`left`, `right` or `middle`, from any usual spelling of the joint's name (`joint_name`)."""
    prefix = joint_name(joint).split("_")[0]
    return prefix if prefix in ("left", "right") else "middle"


def flip_pairs(skeleton: str | Sequence[str]) -> tuple:
    """(left, right) index pairs of the joints that change places when the image is mirrored.

    Args:
        skeleton (str or sequence of str): skeleton name, or joint names in any usual spelling.

    Raises:
        ValueError: a left joint without a right one; the text names it.
    """
    return _flip_pairs(_names(skeleton))


@functools.lru_cache(maxsize=64)
def _flip_pairs(names: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    known = {joint_name(name): number for number, name in enumerate(names)}
    pairs = {name: "right" + joint_name(name).removeprefix("left") for name in names if side(name) == "left"}
    alone = [name for name, other in pairs.items() if other not in known]
    if alone:
        raise ValueError(f"{alone[0]} has no right counterpart")
    return tuple((names.index(name), known[other]) for name, other in pairs.items())


def parents(name: str) -> tuple[int, ...]:
    """Index of each joint's parent, -1 for the root, in the order of `SKELETONS[name]`.

    The lines of a face (brows, lips, ...) hang on nothing: the first point of each has -1 as well.
    """
    names = SKELETONS[name]
    return tuple(-1 if parent is None else names.index(parent) for _, parent in TABLES[name])


def limbs(name: str) -> tuple[tuple[int, int], ...]:
    """(parent, child) index pairs to draw a skeleton with, in the order of the children."""
    names = SKELETONS[name]
    tree = [(parent, child) for child, parent in enumerate(parents(name)) if parent >= 0]
    return tuple(tree + [(names.index(a), names.index(b)) for a, b in CROSS_LIMBS.get(name, ())])
