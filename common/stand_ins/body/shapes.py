"""Shape and expression directions of the synthetic human: displacement fields over the rest pose, metres per unit.

Body shapes are smooth functions of the place on the body, made so that +-2 of each still looks like a person; joints
follow through the joint regressor.
"""
import numpy as np

from common.joint_tables import MANO_FINGERS
from common.stand_ins.body.anatomy import finger_joints, rest_joint
from common.stand_ins.body.rig import step

BODY_SHAPES = ("size", "girth", "leg length", "arm length", "shoulder width", "hip width", "belly", "chest",
               "head size", "trunk length")
EXPRESSIONS = ("open mouth", "smile", "sad mouth", "raised brows", "frown", "closed eyes", "pout", "puffed cheeks",
               "sneer", "crooked smile")
HAND_SHAPES = ("size", "finger length", "palm width", "thickness", "finger girth", "thumb length", "palm length",
               "finger taper", "spread", "little finger length")


def _bump(points, centre, radii):
    """Gaussian of height 1 at the centre; mirrored points share it."""
    return np.exp(-(((points - np.asarray(centre)) / radii) ** 2).sum(1))


def body_shapes(vertices, normals):
    """(V, 3, 10) in the order of `BODY_SHAPES`.

    Args:
        vertices (numpy.ndarray): (V, 3) metres, body coordinates.
        normals (numpy.ndarray): (V, 3) smooth unit normals.
    """
    x, y, z = vertices.T
    side = np.sign(x)
    folded = vertices * np.stack([np.where(x < 0, -1, 1), np.ones_like(x), np.ones_like(x)], 1)
    fx = folded[:, 0]
    zero = np.zeros_like(x)
    trunk = step(y, -0.50, -0.30) * step(-y, -0.30, -0.22) * step(-fx, -0.22, -0.15)
    thigh = step(-y, 0.30, 0.45) * step(y, -0.78, -0.60)
    shin = step(-y, 0.60, 0.78) * step(y, -1.08, -0.95)
    upper_arm = step(fx, 0.15, 0.22) * step(-fx, -0.50, -0.38)
    forearm = step(fx, 0.38, 0.50) * step(-fx, -0.68, -0.58)
    head = step(y, 0.29, 0.34)
    girth = 0.012 * trunk + 0.009 * thigh + 0.005 * shin + 0.007 * upper_arm + 0.004 * forearm + 0.003 * head
    leg = step(-y, 0.30, 0.50) * (fx < 0.3)
    thickened = girth[:, None] * normals
    thickened[:, 0] += side * 0.008 * leg  # else the thighs would meet
    seat = np.exp(-((y + 0.30) / 0.13) ** 2) * (fx < 0.3)
    hips = np.stack([0.014 * side * step(fx, 0.0, 0.14) * np.maximum(seat, 0.3 * leg), zero,
                     0.010 * seat * np.where(z < 0, -step(-z, 0.0, 0.10), 0.3 * step(z, 0, 0.1))], 1)
    belly = _bump(folded, (0.0, -0.130, 0.110), (0.120, 0.120, 0.090))
    flank = _bump(folded, (0.140, -0.130, 0.0), (0.060, 0.100, 0.100))
    chest = _bump(folded, (0.065, 0.105, 0.100), (0.065, 0.060, 0.050))
    scale = step(y, 0.305, 0.345)
    directions = [
        0.032 * (vertices - rest_joint("pelvis")),
        thickened,
        np.stack([zero, 0.040 * (np.clip(y, -1.09, -0.33) + 0.33) * (fx < 0.5), zero], 1),
        np.stack([0.032 * side * (np.clip(fx, 0.19, 0.70) - 0.19), zero, zero], 1),
        np.stack([0.011 * side * step(fx, 0.02, 0.18) * step(y, 0.02, 0.19), zero, zero], 1),
        hips,
        np.stack([0.009 * side * flank, zero, 0.024 * belly], 1),
        np.stack([0.003 * side * chest, zero, 0.011 * chest], 1),
        0.030 * scale[:, None] * (vertices - np.array([0.0, 0.335, 0.0])),
        np.stack([zero, 0.035 * (np.clip(y, -0.22, 0.19) + 0.22), zero], 1),
    ]
    return np.stack(directions, -1)


def expressions(vertices):
    """(V, 3, 10) in the order of `EXPRESSIONS`; eyeballs must be left out by the caller."""
    x, y, z = vertices.T
    face = step(z, 0.02, 0.06) * step(y, 0.31, 0.33)
    side = np.where(x < 0, -1.0, 1.0)
    folded = np.stack([np.abs(x), y, z], 1)
    corner = _bump(folded, (0.0235, 0.3655, 0.099), (0.014, 0.012, 0.02)) * face
    lower = _bump(folded, (0.0, 0.355, 0.108), (0.024, 0.012, 0.03)) * step(-y, -0.3668, -0.3648) * face
    upper = _bump(folded, (0.0, 0.372, 0.110), (0.024, 0.010, 0.03)) * step(y, 0.3648, 0.3668) * face
    brow = _bump(folded, (0.028, 0.4580, 0.092), (0.028, 0.014, 0.03)) * face
    inner_brow = _bump(folded, (0.010, 0.4550, 0.098), (0.014, 0.014, 0.03)) * face
    cheek = _bump(folded, (0.045, 0.378, 0.075), (0.022, 0.024, 0.03)) * face
    eye = rest_joint("left_eyeball")
    lid = _bump(folded, (eye[0], eye[1], 0.098), (0.013, 0.010, 0.02)) * face
    upper_lid, lower_lid = lid * step(y - eye[1], -0.001, 0.004), lid * step(eye[1] - y, -0.001, 0.004)
    nose = _bump(folded, (0.011, 0.3935, 0.108), (0.010, 0.012, 0.02)) * face
    zero = np.zeros_like(x)

    def vectors(right, up, forward):
        return np.stack([right, up, forward], 1)

    smile = vectors(0.005 * side * corner, 0.004 * corner + 0.0015 * cheek, -0.003 * corner + 0.0015 * cheek)
    return np.stack([
        vectors(zero, -0.0060 * lower + 0.0015 * upper, -0.0015 * lower),
        smile,
        vectors(0.001 * side * corner, -0.0045 * corner, -0.001 * corner),
        vectors(zero, 0.0045 * brow, zero),
        vectors(-0.0025 * side * inner_brow, -0.0035 * inner_brow, 0.001 * inner_brow),
        vectors(zero, -0.0035 * upper_lid + 0.0012 * lower_lid, 0.0008 * (upper_lid + lower_lid)),
        vectors(-0.0045 * side * corner, zero, 0.003 * corner + 0.004 * (lower + upper)),
        vectors(0.005 * side * cheek, zero, 0.003 * cheek),
        vectors(0.001 * side * nose, 0.0025 * nose + 0.002 * upper, 0.001 * nose),
        smile * step(x, -0.004, 0.004)[:, None],
    ], -1)


def hand_shapes(vertices, weights):
    """(V, 3, 10) of a left hand in the order of `HAND_SHAPES`, body coordinates.

    Args:
        vertices (numpy.ndarray): (V, 3) metres.
        weights (numpy.ndarray): (V, 16) skinning weights, MANO's joints.
    """
    wrist = rest_joint("left_wrist")
    local = vertices - wrist
    out = np.zeros((len(vertices), 3, len(HAND_SHAPES)))
    out[..., 0] = 0.05 * local
    palm = step(local[:, 0], 0.0, 0.07)
    out[:, 2, 2] = 0.06 * palm * local[:, 2]
    out[:, 1, 3] = 0.07 * palm * local[:, 1]
    out[:, 0, 6] = 0.05 * np.clip(local[:, 0], 0, 0.09)
    for number, finger in enumerate(MANO_FINGERS):
        joints = finger_joints(finger)
        own = weights[:, 1 + 3 * number:4 + 3 * number].sum(1)
        axis = (joints[3] - joints[0]) / np.linalg.norm(joints[3] - joints[0])
        along = np.maximum((vertices - joints[0]) @ axis, 0) * own
        around = (vertices - joints[0] - ((vertices - joints[0]) @ axis)[:, None] * axis) * own[:, None]
        longer = 0.06 * along[:, None] * axis
        out[..., {"thumb": 5, "pinky": 9}.get(finger, 1)] += longer
        if finger in ("thumb", "pinky"):
            out[..., 1] += 0.6 * longer
        out[..., 4] += 0.08 * around
        out[..., 7] += -0.9 * along[:, None] * around
        out[:, 2, 8] += 0.05 * along * np.sign(axis[2] - 0.03) * (finger != "middle")
    return out
