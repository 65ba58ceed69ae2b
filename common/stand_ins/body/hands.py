"""Hand poses of the synthetic human: mean pose and components in MANO's layout (15 joints, axis-angle, radians)."""
import numpy as np

from common.joint_tables import MANO_FINGERS
from common.stand_ins.body.anatomy import finger_joints

MIRROR = np.tile([1.0, -1.0, -1.0], 15)  # axis-angle of the other hand
NUM_COEFFICIENTS = 64

# Bend of a relaxed hand at the three joints, degrees; the published mean hands are curled as well.
_RELAXED = {"index": (10, 22, 12), "middle": (16, 26, 14), "pinky": (24, 26, 16), "ring": (20, 28, 16),
            "thumb": (4, 8, 14)}


def bend_axes():
    """Unit axes (15, 3) about which the left finger joints close, in the rest pose's frame."""
    axes = []
    for finger in MANO_FINGERS:
        joints = finger_joints(finger)
        # Fingers close towards the palm (down), the thumb towards the little finger's side of it.
        towards = np.array([0.45, -0.55, -0.70]) if finger == "thumb" else np.array([0.0, -1.0, 0.0])
        for number in range(3):
            axis = np.cross(joints[number + 1] - joints[number], towards)
            axes.append(axis / np.linalg.norm(axis))
    return np.array(axes)


def hand_poses():
    """Left hand: mean (45,), components (45, 45) with orthonormal rows, coefficients (64, 45) of plausible poses.

    The first components: all fingers closing, spreading, thumb across the palm, each finger by itself.
    """
    axes = bend_axes()
    mean = (np.radians(np.concatenate([_RELAXED[finger] for finger in MANO_FINGERS]))[:, None] * axes).reshape(45)

    def closing(weights):
        return (np.asarray(weights, float)[:, None] * axes).reshape(45)

    fingers = np.array([0.0 if finger == "thumb" else 1.0 for finger in MANO_FINGERS])
    spread = np.zeros((15, 3))
    spread[[0, 3, 6, 9], 1] = (-1.0, -0.15, 1.4, 0.6)  # about y: index to the front, ring and little finger to the back
    basis = [closing(np.repeat(fingers, 3)), spread.reshape(45), closing(np.repeat(1 - fingers, 3))]
    basis += [closing(np.repeat(np.eye(5)[number], 3)) for number in range(4)]
    rest = np.random.default_rng(0).standard_normal((45 - len(basis), 45))
    orthonormal, triangular = np.linalg.qr(np.concatenate([basis, rest]).T)
    components = (orthonormal * np.sign(np.diag(triangular))).T
    scale = np.concatenate([[1.2, 0.12, 0.3], np.full(4, 0.35), np.full(38, 0.02)])
    coefficients = np.random.default_rng(1).standard_normal((NUM_COEFFICIENTS, 45)) * scale
    return mean, components, coefficients
