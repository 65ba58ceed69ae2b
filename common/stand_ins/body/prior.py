"""Plausible body poses and shapes without motion capture: hand-made postures, varied within anatomical limits.

A pose is drawn from a mixture of postures (standing, walking, sitting, reaching, ...). Each posture gives a mean and a
spread for anatomical angles, left and right drawn apart; the angles are clipped to the joint's range and then turned
into axis-angle about the axes of SMPL's rest pose (x to the person's left, y up, z forward). Knees and elbows are
hinges: they close, and never open beyond straight. Ranges follow textbook ranges of motion, somewhat narrowed.

Source of the idea of limits: Akhter and Black, "Pose-conditioned joint angle limits" (CVPR 2015); no data of theirs
is used.
"""
import functools

import numpy as np
from scipy.spatial.transform import Rotation

from common.stand_ins.body.anatomy import joint_tree
from common.stand_ins.body.hands import MIRROR, hand_poses

# Ranges in degrees, left side. A joint's rotation is applied in the listed order about fixed axes, first one first.
# raise/forward of an arm are measured from the T-pose: raise -75 hangs down.
LIMITS = {
    "pelvis": {"flex": (-15, 75)},
    "hip": {"flex": (-25, 115), "abduct": (-15, 45), "twist": (-30, 30)},
    "knee": {"flex": (0, 140)},
    "ankle": {"flex": (-20, 40), "invert": (-15, 15)},
    "foot": {"flex": (-10, 35)},
    "spine1": {"flex": (-12, 32), "side": (-14, 14), "twist": (-12, 12)},
    "spine2": {"flex": (-8, 22), "side": (-10, 10), "twist": (-14, 14)},
    "spine3": {"flex": (-6, 16), "side": (-8, 8), "twist": (-14, 14)},
    "neck": {"flex": (-22, 28), "side": (-16, 16), "twist": (-32, 32)},
    "head": {"flex": (-18, 22), "side": (-12, 12), "twist": (-34, 34)},
    "collar": {"raise": (-8, 22), "forward": (-12, 18)},
    "shoulder": {"raise": (-78, 75), "forward": (-25, 95), "twist": (-60, 60)},
    "elbow": {"flex": (0, 140)},
    "wrist": {"flex": (-50, 55), "deviate": (-20, 20), "twist": (-70, 70)},
    "hand": {"flex": (-5, 20)},
    "jaw": {"flex": (0, 18)},
}
_CENTRAL = ("pelvis", "spine1", "spine2", "spine3", "neck", "head", "jaw")

# Unit axes of a positive angle at the left joints; the right ones are mirror images.
_AXES = {
    "pelvis": {"flex": (1, 0, 0)},
    "hip": {"twist": (0, 1, 0), "abduct": (0, 0, 1), "flex": (-1, 0, 0)},
    "knee": {"flex": (1, 0, 0)},
    "ankle": {"invert": (0, 0, 1), "flex": (1, 0, 0)},
    "foot": {"flex": (-1, 0, 0)},
    "spine": {"twist": (0, 1, 0), "side": (0, 0, 1), "flex": (1, 0, 0)},
    "collar": {"forward": (0, -1, 0), "raise": (0, 0, 1)},
    "shoulder": {"twist": (1, 0, 0), "forward": (0, -1, 0), "raise": (0, 0, 1)},
    "elbow": {"flex": (0, -1, 0)},
    "wrist": {"twist": (1, 0, 0), "deviate": (0, -1, 0), "flex": (0, 0, -1)},
    "hand": {"flex": (0, 0, -1)},
    "jaw": {"flex": (1, 0, 0)},
}

# What every posture starts from: mean and standard deviation in degrees.
_BASE = {
    "pelvis.flex": (0, 4),
    "spine1.flex": (4, 6), "spine1.side": (0, 4), "spine1.twist": (0, 4), "spine2.flex": (2, 4),
    "spine2.side": (0, 3), "spine2.twist": (0, 5), "spine3.flex": (1, 3), "spine3.side": (0, 3),
    "spine3.twist": (0, 5), "neck.flex": (3, 8), "neck.side": (0, 5), "neck.twist": (0, 12), "head.flex": (2, 7),
    "head.side": (0, 5), "head.twist": (0, 12), "jaw.flex": (2, 4),
    "hip.flex": (2, 8), "hip.abduct": (4, 5), "hip.twist": (0, 8), "knee.flex": (8, 8), "ankle.flex": (0, 6),
    "ankle.invert": (0, 4), "foot.flex": (2, 4), "collar.raise": (-4, 4), "collar.forward": (2, 5),
    "shoulder.raise": (-66, 10), "shoulder.forward": (10, 12), "shoulder.twist": (0, 20), "elbow.flex": (22, 16),
    "wrist.flex": (0, 14), "wrist.deviate": (0, 7), "wrist.twist": (0, 25), "hand.flex": (6, 5),
}

# Postures: weight in the mixture, and what differs from the base. `left_`/`right_` speaks of one side.
POSTURES = {
    "stand": (0.16, {}),
    "walk": (0.16, {"left_hip.flex": (26, 9), "right_hip.flex": (-12, 7), "left_knee.flex": (14, 9),
                    "right_knee.flex": (30, 14), "right_ankle.flex": (12, 8), "left_shoulder.forward": (-6, 10),
                    "right_shoulder.forward": (32, 12), "elbow.flex": (32, 16)}),
    "run": (0.06, {"pelvis.flex": (10, 5), "left_hip.flex": (58, 14), "right_hip.flex": (-14, 7),
                   "left_knee.flex": (78, 20), "right_knee.flex": (42, 22), "spine1.flex": (14, 5),
                   "elbow.flex": (85, 14), "left_shoulder.forward": (-14, 8), "right_shoulder.forward": (40, 14)}),
    "sit": (0.13, {"hip.flex": (86, 8), "hip.abduct": (8, 8), "knee.flex": (86, 14), "spine1.flex": (12, 8),
                   "shoulder.forward": (34, 18), "elbow.flex": (56, 26)}),
    "squat": (0.06, {"pelvis.flex": (22, 8), "hip.flex": (94, 12), "hip.abduct": (18, 9), "knee.flex": (112, 16),
                     "ankle.flex": (-10, 6), "spine1.flex": (20, 7), "shoulder.forward": (50, 24),
                     "shoulder.raise": (-35, 18)}),
    "bend": (0.06, {"pelvis.flex": (52, 12), "hip.flex": (62, 16), "spine1.flex": (24, 6), "spine2.flex": (14, 5),
                    "spine3.flex": (10, 4), "shoulder.forward": (62, 18), "shoulder.raise": (-50, 15)}),
    "reach up": (0.08, {"left_shoulder.raise": (52, 16), "left_shoulder.forward": (24, 20),
                        "left_collar.raise": (16, 4), "left_elbow.flex": (16, 16)}),
    "arms up": (0.05, {"shoulder.raise": (54, 14), "shoulder.forward": (16, 16), "collar.raise": (16, 4),
                       "elbow.flex": (28, 24)}),
    "reach forward": (0.08, {"left_shoulder.forward": (74, 12), "left_shoulder.raise": (-10, 16),
                             "left_elbow.flex": (18, 16), "spine3.twist": (-6, 5)}),
    "arms out": (0.06, {"shoulder.raise": (-6, 22), "shoulder.forward": (8, 16), "elbow.flex": (20, 22)}),
    "talk": (0.07, {"shoulder.forward": (26, 14), "elbow.flex": (88, 22), "shoulder.twist": (-20, 22),
                    "wrist.twist": (0, 40)}),
    "lunge": (0.03, {"left_hip.flex": (72, 14), "right_hip.flex": (-18, 5), "left_knee.flex": (84, 14),
                     "right_knee.flex": (46, 22), "right_ankle.flex": (-8, 8)}),
}


def sample_poses(rng, n, kind):
    """Draw body poses; the root only leans forward or back, the caller turns the body to where it should look.

    Args:
        rng (numpy.random.Generator): source of randomness.
        n (int): number of poses.
        kind (str): "smpl" (24 joints), "smplx" (55) or "mano_right", "mano_left" (16); finger joints are relative to
            the mean hand, as hand poses are where `flat_hand_mean` is off.

    Returns:
        numpy.ndarray: (n, 3 J) float32 axis-angle, radians.

    Raises:
        ValueError: no such kind.
    """
    if kind not in ("smpl", "smplx", "mano_right", "mano_left"):
        raise ValueError(f"no poses for the body model {kind!r}")
    if kind.startswith("mano"):
        hand = sample_hands(rng, n, kind.removeprefix("mano_"))
        return np.concatenate([np.zeros((n, 3), np.float32), hand], 1)
    names, _ = joint_tree(kind)
    angles = {joint: degrees for joint, degrees in sample_angles(rng, n).items() if joint in names}
    out = np.zeros((n, len(names), 3), np.float32)
    out[:, [names.index(joint) for joint in angles]] = joint_rotations(angles, n)
    if kind == "smplx":
        gaze = np.radians(np.clip(rng.normal(0, 8, (n, 2)), -20, 20))
        for eye in ("left_eyeball", "right_eyeball"):
            out[:, names.index(eye), :2] = gaze
        for side in ("left", "right"):
            first = names.index(f"{side}_index1")
            out[:, first:first + 15] = sample_hands(rng, n, side).reshape(n, 15, 3)
    return out.reshape(n, -1)


def sample_angles(rng, n):
    """Draw anatomical angles.

    Returns:
        dict: joint name -> {angle name: (n,) degrees}, within `LIMITS`; right and left joints under their full names.
    """
    weights = np.array([weight for weight, _ in POSTURES.values()])
    posture = rng.choice(len(POSTURES), n, p=weights / weights.sum())
    swap = rng.random(n) < 0.5  # what a posture says of the left holds for the right as often
    names, table, swapped, limits = _tables()
    mean, spread = np.where(swap, swapped[..., posture], table[..., posture])
    values = np.clip(rng.normal(mean, spread), *limits)
    out = {}
    for (name, angle), value in zip(names, values):
        out.setdefault(name, {})[angle] = value
    return out


@functools.cache
def _tables():
    """All angles as (joint, angle); their means and spreads for every posture, (2, angles, postures), and those of the
    mirrored posture; their lower and upper limits, (2, angles, 1)."""
    changes = [change for _, change in POSTURES.values()]
    names, table, swapped, limits = [], [], [], []
    for joint in LIMITS:
        for side in ("",) if joint in _CENTRAL else ("left_", "right_"):
            other = {"": "", "left_": "right_", "right_": "left_"}[side]
            for angle, limit in LIMITS[joint].items():
                base = _BASE[f"{joint}.{angle}"]
                own, mirrored = (np.array([change.get(f"{name}{joint}.{angle}", change.get(f"{joint}.{angle}", base))
                                           for change in changes], float).T for name in (side, other))
                names.append((side + joint, angle))
                table.append(own)
                swapped.append(mirrored * [[-1], [1]] if joint in _CENTRAL and angle in ("side", "twist") else mirrored)
                limits.append(limit)
    return (tuple(names), np.stack(table, 1), np.stack(swapped, 1),
            np.array(limits, float).T[..., None])


def joint_rotations(angles, n):
    """Rotations of the joints of `angles` (see `sample_angles`), in their order: (n, J, 3) axis-angle, radians."""
    steps = np.zeros((3, n, len(angles), 3))  # rotation vectors, one after the other; no joint has more than three
    for index, (joint, degrees) in enumerate(angles.items()):
        for step, (angle, axis) in enumerate(_axes_of(joint)):
            steps[step, :, index] = np.radians(degrees[angle])[:, None] * axis
    first, *others = (Rotation.from_rotvec(step.reshape(-1, 3)) for step in steps)
    for other in others:
        first = other * first
    return first.as_rotvec().reshape(n, len(angles), 3)


@functools.cache
def _axes_of(joint):
    """What turns a joint, in order: (angle, axis (3,)) pairs."""
    side, _, rest = joint.partition("_")
    kind = rest or joint
    axes = _AXES["spine" if kind.startswith("spine") or kind in ("neck", "head") else kind]
    # A mirror image turns the other way about the axes that lie in the mirror plane (y and z).
    mirror = (1, -1, -1) if side == "right" else (1, 1, 1)
    return tuple((angle, np.array(axis, float) * mirror) for angle, axis in axes.items())


def sample_hands(rng, n, side):
    """Draw hand poses, relative to the mean hand, (n, 45) float32 radians; side "left" or "right"."""
    _, components, coefficients = hand_poses()
    coefficient = coefficients[rng.integers(0, len(coefficients), n)] * rng.uniform(0.5, 1.1, (n, 1))
    pose = coefficient @ components
    return (pose * (MIRROR if side == "right" else 1.0)).astype(np.float32)


def sample_shapes(rng, n):
    """Draw body shapes: (n, 10) float32, standard normal, kept within +-2.5."""
    return np.clip(rng.standard_normal((n, 10)), -2.5, 2.5).astype(np.float32)
