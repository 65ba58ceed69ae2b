"""Poses of many people for a lifter that has to carry over to people nobody recorded: `make_sample_data --varied`.

What `perform` plays is taken apart: every few frames another person (children too) in another moment of another action,
with hands, trunk, head and feet moved at random within reach, some bodies lying or upside down. Nothing of it is meant
to be watched as motion.
"""
import numpy as np

from common.stand_ins.datasets.actions import ACTIONS
from common.stand_ins.datasets.figure import make_body, pose_body, rotation
from common.stand_ins.datasets.perform import perform

FRAMES = 4  # of one person
SECONDS = 6.0  # between the first and the last of them
STATURES = ((1700.0, 110.0, 0.85), (1250.0, 170.0, 0.15))  # mm: mean, deviation, share of adults and of children
PLAIN = 0.35  # share of the people who stay as the action has them
# Shares of the others who are changed in each way.
HANDS, TRUNK, FEET, TUMBLED = 0.55, 0.5, 0.3, 0.15


def varied_poses(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Poses (frames, 32, 3) float32, mm, world, z up, in the order of Human3.6M."""
    blocks = [_person(rng) for _ in range(-(-frames // FRAMES))]
    return np.concatenate(blocks)[:frames].astype(np.float32)


def _person(rng):
    mean, deviation, _ = STATURES[int(rng.random() > STATURES[0][2])]
    body = make_body(rng, float(np.clip(rng.normal(mean, deviation), 900.0, 2050.0)))
    times = np.sort(rng.uniform(0.0, SECONDS, FRAMES))
    posture = perform(rng, body, ACTIONS[rng.integers(len(ACTIONS))], int(rng.integers(2)), times)
    if rng.random() < PLAIN:
        return pose_body(body, posture)
    if rng.random() < HANDS:
        _move_hands(rng, posture)
    if rng.random() < TRUNK:
        posture.trunk_angles += rng.normal(0.0, np.deg2rad([18.0, 12.0, 18.0]), (FRAMES, 3))
        posture.pelvis_angles += rng.normal(0.0, np.deg2rad([10.0, 6.0, 8.0]), (FRAMES, 3))
        posture.head_angles += rng.normal(0.0, np.deg2rad([14.0, 9.0, 20.0]), (FRAMES, 3))
    if rng.random() < FEET:
        _move_feet(rng, body, posture)
    joints = pose_body(body, posture)
    return _tumble(rng, joints) if rng.random() < TUMBLED else joints


def _move_hands(rng, posture):
    """Hands anywhere that an arm reaches, more often in front of the body than behind it; elbows down or outward."""
    moved = rng.random((FRAMES, 2)) < 0.8
    direction = rng.normal(0.0, 1.0, (FRAMES, 2, 3)) + [0.5, 0.25, -0.2]
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    wrists = direction * rng.uniform(0.35, 0.99, (FRAMES, 2, 1))
    elbows = rng.normal(0.0, 0.35, (FRAMES, 2, 3)) + [-0.4, 0.7, -0.5]
    posture.wrists[moved], posture.elbows[moved] = wrists[moved], elbows[moved]


def _move_feet(rng, body, posture):
    """One foot lifted or put elsewhere: kicks, steps, lunges, jumps when both leave the ground."""
    moved = rng.random((FRAMES, 2)) < 0.6
    turned = rotation(0.0, 0.0, posture.heading)
    reach = rng.normal(0.0, 1.0, (FRAMES, 2, 3)) * [0.35, 0.22, 0.0] * body.leg
    reach[..., 2] = np.abs(rng.normal(0.0, 0.35, (FRAMES, 2))) * body.leg
    offset = np.einsum("tij,tsj->tsi", turned, reach)
    posture.toes[moved] += offset[moved]
    posture.foot_pitch[moved] += rng.normal(0.0, 0.4, moved.sum())


def _tumble(rng, joints):
    """The body turned about a horizontal axis through its pelvis and laid on the ground."""
    angle = rng.choice([-0.5, 0.5, 1.0], p=[0.45, 0.45, 0.1]) * np.pi + rng.normal(0.0, 0.35)
    about = rng.uniform(0.0, 2.0 * np.pi)
    yaw = rotation(0.0, 0.0, about)
    turn = yaw @ rotation(angle, 0.0, 0.0) @ yaw.T
    pelvis = joints[:, :1]
    joints = (joints - pelvis) @ turn.T + pelvis
    joints[..., 2] -= joints[..., 2].min(1, keepdims=True) - 30.0
    return joints
