"""A jointed adult figure with the 32 joints of Human3.6M: from body angles and limb targets to joint positions.

Trunk and head are driven by angles, arms and legs by where wrists and toes are: a limb of two bones has one solution
once the side to which its hinge points is known, so knees and elbows bend one way only and bones never stretch.

Axes of the body: x forward, y left, z up; lengths in millimetres, angles in radians. Bending forward, leaning to the
right and turning to the left are positive. Limbs come in the order left, right.
"""
from dataclasses import dataclass

import numpy as np

# Fractions of the stature (average adult; the vertical chain from ankle height to head adds up to 1).
PROPORTIONS = {
    "ankle_height": 0.045, "shank": 0.262, "thigh": 0.262, "lower_spine": 0.137, "upper_spine": 0.152,
    "neck": 0.074, "head": 0.070, "hip_half_width": 0.076, "shoulder_half_width": 0.093,
    "upper_arm": 0.166, "forearm": 0.147, "hand": 0.060, "thumb": 0.050, "foot": 0.094, "toe": 0.043,
}
# Fractions of a limb's length within which its end may lie: the limb is never locked straight (about 11 degrees
# of flexion remain) and folds to 150 degrees of flexion.
REACH = (0.27, 0.995)
SIDES = np.array([1.0, -1.0])


@dataclass(frozen=True)
class BoneLengths:
    """Bone lengths of one person in mm (`foot`: ankle to toe base, `toe`: toe base to toe tip)."""
    ankle_height: float
    shank: float
    thigh: float
    lower_spine: float
    upper_spine: float
    neck: float
    head: float
    hip_half_width: float
    shoulder_half_width: float
    upper_arm: float
    forearm: float
    hand: float
    thumb: float
    foot: float
    toe: float

    @property
    def leg(self):
        """Thigh and shank together, mm."""
        return self.thigh + self.shank

    @property
    def arm(self):
        """Upper arm and forearm together, mm."""
        return self.upper_arm + self.forearm

    @property
    def foot_offset(self):
        """(3,) mm, from the ankle to the toe base of a foot that stands flat; the toe base is 12 mm above ground."""
        drop = self.ankle_height - 12.0
        return np.array([np.sqrt(self.foot**2 - drop**2), 0.0, -drop])


@dataclass
class Posture:
    """What drives the figure over T frames.

    Attributes:
        pelvis (ndarray): (T, 3), mm, world.
        heading (ndarray): (T,), direction of the body about the vertical axis.
        pelvis_angles, trunk_angles, head_angles (ndarray): (T, 3), bend, lean and turn, each relative to the part
            below it.
        toes (ndarray): (T, 2, 3), mm, world: where the toe bases are wanted.
        foot_yaw, foot_pitch (ndarray): (T, 2), direction of the feet in the world; pitch is positive for a raised heel.
        wrists (ndarray): (T, 2, 3), wanted wrist, from its shoulder, in arm lengths: forward, outward, up (chest axes).
        elbows (ndarray): (T, 2, 3), the side to which the elbow points, same axes, any length.
    """
    pelvis: np.ndarray
    heading: np.ndarray
    pelvis_angles: np.ndarray
    trunk_angles: np.ndarray
    head_angles: np.ndarray
    toes: np.ndarray
    foot_yaw: np.ndarray
    foot_pitch: np.ndarray
    wrists: np.ndarray
    elbows: np.ndarray


def make_body(rng, stature):
    """A `BoneLengths` of the given stature (mm) whose bones differ from the average by about two per cent."""
    return BoneLengths(**{name: stature * part * float(np.clip(rng.normal(1.0, 0.02), 0.95, 1.05))
                          for name, part in PROPORTIONS.items()})


def rotation(bend, lean, turn):
    """Rotation matrices (..., 3, 3): turn about z, then bend about the turned y, then lean about the resulting x."""
    bend, lean, turn = np.broadcast_arrays(bend, lean, turn)
    cb, sb, cl, sl, ct, st = np.cos(bend), np.sin(bend), np.cos(lean), np.sin(lean), np.cos(turn), np.sin(turn)
    return np.stack([
        np.stack([ct * cb, ct * sb * sl - st * cl, ct * sb * cl + st * sl], -1),
        np.stack([st * cb, st * sb * sl + ct * cl, st * sb * cl - ct * sl], -1),
        np.stack([-sb, cb * sl, cb * cl], -1)], -2)


def apply(matrices, vectors):
    """Rotate vectors (..., 3) by matrices (..., 3, 3)."""
    return (matrices @ np.asarray(vectors, np.float64)[..., None])[..., 0]


def unit(vectors):
    """Vectors (..., 3) at length 1."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def bend_limb(root, target, pole, upper, lower):
    """Positions of the hinge and the end of a two-bone limb.

    The end lies in the direction of `target`, at its distance where `REACH` allows.

    Args:
        root, target (ndarray): (..., 3), mm.
        pole (ndarray): (..., 3), the side to which the hinge points; not parallel to target - root.
        upper, lower (float): bone lengths, mm.

    Returns:
        tuple: hinge (..., 3), end (..., 3) and the unit direction (..., 3) in which the hinge leaves the straight line.
    """
    offset = target - root
    distance = np.linalg.norm(offset, axis=-1, keepdims=True)
    axis = offset / distance
    distance = np.clip(distance, REACH[0] * (upper + lower), REACH[1] * (upper + lower))
    side = unit(pole - np.sum(pole * axis, -1, keepdims=True) * axis)
    along = (upper**2 - lower**2 + distance**2) / (2.0 * distance)
    away = np.sqrt(np.maximum(upper**2 - along**2, 0.0))
    return root + along * axis + away * side, root + distance * axis, side


def pose_body(body, posture):
    """Joint positions of a figure.

    Args:
        body (BoneLengths): bone lengths.
        posture (Posture): T frames.

    Returns:
        ndarray: (T, 32, 3), mm, world, in the order of Human3.6M; the joints that coincide there (0 and 11; 13, 16 and
        24; 19 and 20; 22 and 23; 27 and 28; 30 and 31) coincide here.
    """
    facing = rotation(0.0, 0.0, posture.heading)
    pelvis = facing @ rotation(*posture.pelvis_angles.T)
    waist = pelvis @ rotation(*(0.4 * posture.trunk_angles.T))
    chest = pelvis @ rotation(*posture.trunk_angles.T)
    nape = chest @ rotation(*(0.5 * posture.head_angles.T))
    head = chest @ rotation(*posture.head_angles.T)

    joints = np.zeros((len(posture.pelvis), 32, 3))
    joints[:, [0, 11]] = posture.pelvis[:, None]
    joints[:, 12] = joints[:, 0] + apply(waist, [0.0, 0.0, body.lower_spine])
    thorax = joints[:, 12] + apply(chest, [0.0, 0.0, body.upper_spine])
    joints[:, [13, 16, 24]] = thorax[:, None]
    # The joint that Human3.6M calls Neck/Nose lies in front of the neck; the head's top is above and behind it.
    joints[:, 14] = thorax + apply(nape, body.neck * unit(np.array([0.42, 0.0, 0.91])))
    joints[:, 15] = joints[:, 14] + apply(head, body.head * unit(np.array([-0.22, 0.0, 0.98])))
    for side, (hip, collar) in enumerate(((6, 17), (1, 25))):
        joints[:, hip:hip + 5] = _leg(body, posture, side, pelvis, posture.pelvis)
        joints[:, collar:collar + 7] = _arm(body, posture, side, chest, thorax)
    return joints


def _leg(body, posture, side, pelvis, root):
    """Hip, knee, ankle, toe base and toe tip of one leg: (T, 5, 3)."""
    hip = root + apply(pelvis, [0.0, SIDES[side] * body.hip_half_width, 0.0])
    yaw, pitch = posture.foot_yaw[:, side], posture.foot_pitch[:, side]
    foot = rotation(pitch, 0.0, yaw)
    ankle = posture.toes[:, side] - apply(foot, body.foot_offset)
    # The kneecap looks where pelvis and foot look, a little outward, and upward when the thigh is raised.
    ahead = 0.5 * (pelvis[..., 0] + rotation(0.0, 0.0, yaw)[..., 0])
    pole = ahead + 0.08 * SIDES[side] * pelvis[..., 1] + [0.0, 0.0, 0.5]
    knee, ankle, _ = bend_limb(hip, ankle, pole, body.thigh, body.shank)
    toe = ankle + apply(foot, body.foot_offset)
    # Toes stay nearly flat while the heel rises.
    tip = toe + apply(rotation(np.where(pitch > 0.0, 0.25 * pitch, pitch), 0.0, yaw), [body.toe, 0.0, 0.0])
    return np.stack([hip, knee, ankle, toe, tip], 1)


def _arm(body, posture, side, chest, thorax):
    """Shoulder, elbow, wrist (twice), thumb and hand tip (twice) of one arm: (T, 7, 3)."""
    mirror = np.array([1.0, SIDES[side], 1.0])
    wanted = posture.wrists[:, side]
    # The shoulder girdle follows a raised or reaching arm.
    girdle = np.stack([0.10 * np.clip(wanted[:, 0], -0.3, 1.0), np.ones(len(wanted)),
                       0.22 * np.clip(wanted[:, 2], -0.45, 1.0)], -1)
    shoulder = thorax + apply(chest, body.shoulder_half_width * unit(girdle) * mirror)
    target = shoulder + apply(chest, body.arm * wanted * mirror)
    # Hands stay above the ground, at z = 0.
    target[:, 2] = np.maximum(target[:, 2], 1.2 * body.hand)
    pole = apply(chest, posture.elbows[:, side] * mirror)
    elbow, wrist, away = bend_limb(shoulder, target, pole, body.upper_arm, body.forearm)
    forearm = unit(wrist - elbow)
    hand = wrist + body.hand * forearm
    across = unit(np.sum(away * forearm, -1, keepdims=True) * forearm - away)
    thumb = wrist + body.thumb * unit(across + forearm)
    return np.stack([shoulder, elbow, wrist, wrist, thumb, hand, hand], 1)


def settle(body, posture):
    """Lower `posture.pelvis` (in place) where the legs would not reach the feet.

    A soft minimum keeps the motion smooth. Legs that reach beyond their length sideways are left alone.
    """
    pelvis = rotation(0.0, 0.0, posture.heading) @ rotation(*posture.pelvis_angles.T)
    limits = [posture.pelvis[:, 2]]
    for side in (0, 1):
        offset = apply(pelvis, [0.0, SIDES[side] * body.hip_half_width, 0.0])
        foot = rotation(posture.foot_pitch[:, side], 0.0, posture.foot_yaw[:, side])
        ankle = posture.toes[:, side] - apply(foot, body.foot_offset)
        level = np.sum((posture.pelvis + offset - ankle)[:, :2]**2, -1)
        rise = np.sqrt(np.maximum((0.988 * body.leg)**2 - level, 0.0))
        limits.append(np.where(rise > 0.0, ankle[:, 2] + rise - offset[:, 2], np.inf))
    softness = 12.0
    limits = np.stack(limits)
    lowest = limits.min(0)
    posture.pelvis[:, 2] = lowest - softness * np.log(np.exp(-(limits - lowest) / softness).sum(0))
