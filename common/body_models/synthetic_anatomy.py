"""Where the joints and the flesh of the synthetic human are (left half; see `synthetic_field` for the axes).

Joint names are those of SMPL and SMPL-X (the names of their published kinematic trees); positions are our own, placed
as in SMPL's rest pose.
"""
import numpy as np

from common.body_models.synthetic_field import Cone, Ellipsoid, Loft

BODY_JOINTS = ("pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle",
               "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head",
               "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist")
BODY_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)
FINGERS = ("index", "middle", "pinky", "ring", "thumb")  # MANO's order

# Middle and left joints, metres.
_JOINTS = {
    "pelvis": (0.0, -0.238, 0.012),
    "left_hip": (0.070, -0.322, 0.008),
    "spine1": (0.0, -0.118, 0.002),
    "left_knee": (0.102, -0.700, 0.006),
    "spine2": (0.0, 0.018, 0.000),
    "left_ankle": (0.092, -1.096, -0.030),
    "spine3": (0.0, 0.074, 0.008),
    "left_foot": (0.114, -1.149, 0.088),
    "neck": (0.0, 0.282, -0.020),
    "left_collar": (0.080, 0.196, -0.020),
    "head": (0.0, 0.366, 0.016),
    "left_shoulder": (0.174, 0.226, -0.022),
    "left_elbow": (0.434, 0.215, -0.045),
    "left_wrist": (0.688, 0.221, -0.046),
    "left_hand": (0.772, 0.217, -0.045),
    "jaw": (0.0, 0.392, 0.022),
    "left_eye": (0.0325, 0.4345, 0.0855),
}

# Knuckles and tip of each left finger relative to the wrist: three joints and the tip.
_FINGERS = {
    "index": ((0.091, 0.000, 0.024), (0.125, -0.002, 0.0285), (0.148, -0.004, 0.0315), (0.170, -0.006, 0.034)),
    "middle": ((0.095, 0.002, 0.001), (0.130, 0.000, 0.0020), (0.156, -0.002, 0.0030), (0.180, -0.004, 0.004)),
    "pinky": ((0.080, -0.005, -0.0415), (0.105, -0.007, -0.0490), (0.122, -0.009, -0.0540), (0.140, -0.011, -0.059)),
    "ring": ((0.089, -0.001, -0.021), (0.121, -0.003, -0.0250), (0.145, -0.005, -0.0280), (0.168, -0.007, -0.031)),
    "thumb": ((0.024, -0.010, 0.026), (0.057, -0.016, 0.049), (0.083, -0.019, 0.067), (0.105, -0.021, 0.081)),
}
_FINGER_RADII = {  # at the three joints and the tip, metres
    "index": (0.0100, 0.0088, 0.0080, 0.0070),
    "middle": (0.0102, 0.0090, 0.0082, 0.0071),
    "pinky": (0.0088, 0.0076, 0.0068, 0.0060),
    "ring": (0.0098, 0.0086, 0.0078, 0.0068),
    "thumb": (0.0150, 0.0118, 0.0104, 0.0085),
}
SMPLX_SHIFT = np.array([0.0, -0.120, 0.0])  # SMPL-X's template stands lower than SMPL's
EYE_RADIUS = 0.0128


def finger_joints(finger):
    """Three joints and the tip of a left finger, (4, 3) metres."""
    return np.asarray(_JOINTS["left_wrist"]) + np.array(_FINGERS[finger])


def rest_joint(name):
    """Rest position (3,) of a joint by its SMPL or SMPL-X name; `left_index1`..`3` are the finger joints."""
    if name.startswith("right_"):
        return rest_joint("left_" + name[6:]) * np.array([-1.0, 1.0, 1.0])
    if name.startswith("left_") and name[5:-1] in FINGERS:
        return finger_joints(name[5:-1])[int(name[-1]) - 1]
    return np.array(_JOINTS[name])


def joint_tree(kind):
    """Joint names and parents of a model.

    Args:
        kind (str): "smpl" (24), "smplx" (55) or "mano" (16, left hand).

    Returns:
        tuple: names, parents (-1 for the root), in the order of the model's files.
    """
    hand = [f"{finger}{number}" for finger in FINGERS for number in (1, 2, 3)]
    hand_parents = [-1 if number % 3 == 0 else number - 1 for number in range(15)]
    if kind == "mano":
        return ("left_wrist", *(f"left_{name}" for name in hand)), (-1, *(p + 1 for p in hand_parents))
    if kind == "smpl":
        return BODY_JOINTS + ("left_hand", "right_hand"), BODY_PARENTS + (20, 21)
    names, parents = BODY_JOINTS + ("jaw", "left_eye", "right_eye"), BODY_PARENTS + (15, 15, 15)
    for side, wrist in (("left", 20), ("right", 21)):
        first = len(names)
        names += tuple(f"{side}_{name}" for name in hand)
        parents += tuple(wrist if p < 0 else first + p for p in hand_parents)
    return names, parents


def body_parts():
    """The flesh, in the order in which `field` joins it."""
    return _trunk() + _leg() + _arm() + _head() + _hand()


def _trunk():
    return [
        # Rows: y, centre x, centre z, half width x, depth to the back, depth to the front.
        Loft(1, ((-0.385, 0, 0.000, 0.120, 0.090, 0.078), (-0.330, 0, 0.002, 0.160, 0.112, 0.092),
                 (-0.270, 0, 0.004, 0.168, 0.115, 0.100), (-0.200, 0, 0.004, 0.158, 0.100, 0.105),
                 (-0.120, 0, 0.002, 0.142, 0.086, 0.104), (-0.050, 0, 0.000, 0.134, 0.084, 0.100),
                 (0.020, 0, -0.002, 0.139, 0.092, 0.100), (0.090, 0, -0.006, 0.149, 0.102, 0.102),
                 (0.150, 0, -0.012, 0.152, 0.102, 0.096), (0.200, 0, -0.020, 0.140, 0.092, 0.080),
                 (0.240, 0, -0.026, 0.110, 0.078, 0.062), (0.275, 0, -0.028, 0.070, 0.058, 0.052)),
             (0.030, 0.020), 0.01, 2.35),
        Loft(1, ((0.22, 0, -0.030, 0.062, 0.056, 0.058), (0.28, 0, -0.024, 0.055, 0.053, 0.056),
                 (0.32, 0, -0.014, 0.053, 0.052, 0.055), (0.38, 0, -0.002, 0.054, 0.056, 0.052)),
             (0.02, 0.02), 0.045),
        Cone((0.030, 0.285, -0.048), (0.150, 0.236, -0.032), 0.030, 0.021, 0.050),  # trapezius
        Ellipsoid((0.072, 0.112, 0.066), (0.066, 0.052, 0.034), 0.045, tilt=0.25),  # chest
        Cone((0.098, 0.000, -0.035), (0.160, 0.185, -0.040), 0.040, 0.034, 0.060),  # side of the back
        Ellipsoid((0.074, -0.325, -0.066), (0.072, 0.078, 0.062), 0.040),  # seat
        Ellipsoid((0.0, -0.175, 0.070), (0.080, 0.080, 0.038), 0.050),  # belly
        Cone((0.0, -0.150, -0.130), (0.0, 0.190, -0.157), 0.050, 0.050, 0.040, carve=True),  # furrow of the spine
    ]


def _leg():
    return [
        Loft(1, ((-1.100, 0.092, -0.030, 0.033, 0.038, 0.036), (-1.050, 0.093, -0.029, 0.033, 0.039, 0.036),
                 (-0.980, 0.095, -0.025, 0.041, 0.047, 0.041), (-0.900, 0.099, -0.018, 0.052, 0.060, 0.047),
                 (-0.830, 0.102, -0.012, 0.057, 0.065, 0.050), (-0.770, 0.103, -0.004, 0.055, 0.058, 0.051),
                 (-0.705, 0.102, 0.006, 0.053, 0.052, 0.054), (-0.650, 0.102, 0.008, 0.059, 0.058, 0.062),
                 (-0.560, 0.101, 0.008, 0.071, 0.070, 0.074), (-0.470, 0.098, 0.006, 0.080, 0.080, 0.084),
                 (-0.390, 0.095, 0.002, 0.082, 0.088, 0.088), (-0.330, 0.090, 0.001, 0.076, 0.084, 0.082)),
             (0.03, 0.12), 0.045, 2.1),
        Ellipsoid((0.103, -0.697, 0.046), (0.026, 0.030, 0.018), 0.030),  # kneecap
        Loft(2, ((-0.068, 0.092, -1.136, 0.024, 0.034, 0.030), (-0.045, 0.092, -1.132, 0.032, 0.042, 0.040),
                 (-0.010, 0.093, -1.130, 0.033, 0.044, 0.048), (0.030, 0.098, -1.138, 0.036, 0.036, 0.046),
                 (0.070, 0.106, -1.148, 0.042, 0.027, 0.036), (0.105, 0.112, -1.156, 0.046, 0.020, 0.025),
                 (0.130, 0.115, -1.160, 0.043, 0.016, 0.017)),
             (0.022, 0.014), 0.025, 2.3),
        Cone((0.083, -1.160, 0.120), (0.086, -1.1620, 0.166), 0.0150, 0.0132, 0.006),  # toes, big one first
        Cone((0.104, -1.162, 0.125), (0.108, -1.1645, 0.168), 0.0100, 0.0095, 0.006),
        Cone((0.120, -1.162, 0.122), (0.125, -1.1650, 0.160), 0.0098, 0.0092, 0.006),
        Cone((0.135, -1.162, 0.114), (0.141, -1.1650, 0.148), 0.0095, 0.0090, 0.006),
        Cone((0.148, -1.162, 0.102), (0.154, -1.1650, 0.132), 0.0092, 0.0088, 0.006),
        Ellipsoid((0.062, -1.095, -0.026), (0.012, 0.014, 0.013), 0.012),  # ankle bones
        Ellipsoid((0.119, -1.103, -0.034), (0.012, 0.014, 0.013), 0.015),
    ]


def _arm():
    return [
        # Rows: x, centre y, centre z, half width y, depth to the back, depth to the front.
        Loft(0, ((0.130, 0.210, -0.026, 0.058, 0.055, 0.055), (0.185, 0.221, -0.025, 0.057, 0.055, 0.056),
                 (0.230, 0.222, -0.027, 0.053, 0.053, 0.053), (0.290, 0.219, -0.032, 0.047, 0.047, 0.048),
                 (0.350, 0.217, -0.038, 0.044, 0.044, 0.045), (0.400, 0.215, -0.043, 0.039, 0.040, 0.040),
                 (0.435, 0.215, -0.045, 0.037, 0.038, 0.037), (0.480, 0.216, -0.044, 0.040, 0.041, 0.041),
                 (0.530, 0.218, -0.044, 0.038, 0.040, 0.040), (0.600, 0.220, -0.045, 0.030, 0.034, 0.033),
                 (0.660, 0.221, -0.046, 0.0225, 0.029, 0.028), (0.700, 0.221, -0.046, 0.0195, 0.028, 0.028)),
             (0.05, 0.015), 0.050),
        Ellipsoid((0.194, 0.220, -0.024), (0.055, 0.049, 0.053), 0.040),  # shoulder muscle
        Ellipsoid((0.432, 0.212, -0.072), (0.018, 0.016, 0.014), 0.020),  # elbow
    ]


def _hand():
    wrist = np.array(_JOINTS["left_wrist"])
    parts = [Loft(0, ((0.690, 0.221, -0.046, 0.0190, 0.0280, 0.0275), (0.715, 0.220, -0.047, 0.0175, 0.0330, 0.0310),
                      (0.740, 0.219, -0.050, 0.0160, 0.0390, 0.0370), (0.765, 0.2185, -0.052, 0.0140, 0.0415, 0.0410),
                      (0.780, 0.2180, -0.052, 0.0115, 0.0400, 0.0405)), (0.01, 0.010), 0.012, 2.6),
             Cone(wrist + (0.030, -0.010, 0.022), wrist + (0.056, -0.015, 0.045), 0.0165, 0.0130, 0.014),  # its balls
             Cone(wrist + (0.025, -0.010, -0.026), wrist + (0.055, -0.008, -0.036), 0.0130, 0.0110, 0.014)]
    for finger, radii in _FINGER_RADII.items():
        joints = wrist + np.array(_FINGERS[finger])
        for number in range(3):
            parts.append(Cone(joints[number], joints[number + 1], radii[number], radii[number + 1],
                              0.006 if number == 0 else 0.002))
    return parts


def _head():
    eye = _JOINTS["left_eye"]
    return [
        Loft(1, ((0.342, 0, 0.060, 0.040, 0.036, 0.048), (0.365, 0, 0.040, 0.0575, 0.050, 0.070),
                 (0.390, 0, 0.025, 0.0650, 0.072, 0.082), (0.415, 0, 0.016, 0.0690, 0.090, 0.087),
                 (0.440, 0, 0.012, 0.0735, 0.099, 0.087), (0.465, 0, 0.011, 0.0765, 0.102, 0.089),
                 (0.485, 0, 0.010, 0.0775, 0.102, 0.088)), (0.016, 0.074), 0.030, 2.15),
        Ellipsoid((0.0, 0.341, 0.088), (0.022, 0.015, 0.017), 0.022),  # chin
        Ellipsoid((0.046, 0.405, 0.070), (0.020, 0.017, 0.020), 0.030),  # cheek bone
        Ellipsoid((0.0, 0.366, 0.093), (0.028, 0.020, 0.015), 0.020),  # mouth region
        Cone((0.012, 0.4545, 0.0925), (0.048, 0.4570, 0.0735), 0.0090, 0.0080, 0.020),  # brow
        Ellipsoid((0.0315, 0.4345, 0.1050), (0.0175, 0.0105, 0.0125), 0.016, carve=True),  # eye socket
        Ellipsoid(eye, (0.0150, 0.0105, 0.0138), 0.006),  # lids over the eyeball
        Cone((0.0, 0.4420, 0.0975), (0.0, 0.4000, 0.1180), 0.0065, 0.0085, 0.012),  # bridge and tip of the nose
        Ellipsoid((0.0, 0.3955, 0.1160), (0.0095, 0.0085, 0.0105), 0.008),
        Ellipsoid((0.0110, 0.3935, 0.1075), (0.0058, 0.0060, 0.0085), 0.006),  # nostril wing
        Cone((0.003, 0.3718, 0.1125), (0.0235, 0.3657, 0.1040), 0.0052, 0.0036, 0.004),  # lips
        Cone((0.003, 0.3598, 0.1114), (0.0215, 0.3640, 0.1044), 0.0056, 0.0036, 0.003),
        Ellipsoid((0.0780, 0.4250, 0.0020), (0.0065, 0.0300, 0.0175), 0.010, tilt=-0.12, lean=-0.15),  # ear
        Ellipsoid((0.0870, 0.4290, 0.0070), (0.0050, 0.0150, 0.0085), 0.006, tilt=-0.12, carve=True),
    ]
