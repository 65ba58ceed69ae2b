"""Regressors of the synthetic human for other skeletons, and the vertices that published code names by number.

Vertex numbers are facts about SMPL's and SMPL-X's files (nose, eyes, ears, finger tips, toes, heels). The synthetic
meshes are numbered so that the same numbers name the same places.
"""
import numpy as np

from common.body_models.synthetic_anatomy import FINGERS, finger_joints, rest_joint
from common.body_models.synthetic_rig import regressor_row

VERTEX_IDS = {
    "smpl": {
        "nose": 332, "right_eye": 6260, "left_eye": 2800, "right_ear": 4071, "left_ear": 583,
        "right_thumb": 6191, "right_index": 5782, "right_middle": 5905, "right_ring": 6016, "right_pinky": 6133,
        "left_thumb": 2746, "left_index": 2319, "left_middle": 2445, "left_ring": 2556, "left_pinky": 2673,
        "left_big_toe": 3216, "left_small_toe": 3226, "left_heel": 3387,
        "right_big_toe": 6617, "right_small_toe": 6624, "right_heel": 6787,
    },
    "smplx": {
        "nose": 9120, "right_eye": 9929, "left_eye": 9448, "right_ear": 616, "left_ear": 6,
        "right_thumb": 8079, "right_index": 7669, "right_middle": 7794, "right_ring": 7905, "right_pinky": 8022,
        "left_thumb": 5361, "left_index": 4933, "left_middle": 5058, "left_ring": 5169, "left_pinky": 5286,
        "left_big_toe": 5770, "left_small_toe": 5780, "left_heel": 8846,
        "right_big_toe": 8463, "right_small_toe": 8474, "right_heel": 8635,
    },
    "mano": {"thumb": 744, "index": 320, "middle": 443, "ring": 554, "pinky": 671},
}

_LANDMARKS = {
    "nose": (0.0, 0.3970, 0.1300),
    "left_eye": (0.0325, 0.4345, 0.1000),
    "left_ear": (0.0840, 0.4280, 0.0050),
    "left_big_toe": (0.0860, -1.1600, 0.1800),
    "left_small_toe": (0.1560, -1.1640, 0.1420),
    "left_heel": (0.0920, -1.1500, -0.0950),
}

# Places of joints that SMPL has not, metres.
_EXTRA = {
    "left_lsp_hip": (0.088, -0.335, 0.002),
    "left_h36m_hip": (0.118, -0.318, 0.002),
    "lsp_neck": (0.0, 0.262, -0.022),
    "head_top": (0.0, 0.557, 0.008),
    "mpii_pelvis": (0.0, -0.268, 0.004),
    "mpii_thorax": (0.0, 0.222, -0.020),
    "h36m_pelvis": (0.0, -0.285, 0.004),
    "h36m_spine": (0.0, -0.030, -0.010),
    "h36m_thorax": (0.0, 0.236, -0.024),
    "h36m_jaw": (0.0, 0.372, 0.060),
    "h36m_head": (0.0, 0.470, 0.012),
}

_LSP_14 = ("right_ankle", "right_knee", "right_lsp_hip", "left_lsp_hip", "left_knee", "left_ankle", "right_wrist",
           "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "lsp_neck", "head_top")
_H36M_LEFT_FIRST = ("h36m_pelvis", "left_h36m_hip", "left_knee", "left_ankle", "right_h36m_hip", "right_knee",
                    "right_ankle", "h36m_spine", "h36m_thorax", "h36m_jaw", "head_top", "left_shoulder", "left_elbow",
                    "left_wrist", "right_shoulder", "right_elbow", "right_wrist")

# Rows of every extra regressor. `J_regressor_h36m` is the file of HMR's successors, whose table of 14 joints
# [6, 5, 4, 1, ...] starts at the right ankle: its row 1 is a left hip. Hand4Whole's files start with the right leg.
REGRESSORS = {
    "cocoplus_regressor": _LSP_14 + ("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
    "J_regressor_extra": ("nose", "right_eye", "left_eye", "right_ear", "left_ear", "right_lsp_hip", "left_lsp_hip",
                          "lsp_neck", "head_top", "mpii_pelvis", "mpii_thorax", "h36m_spine", "h36m_jaw", "h36m_head"),
    "J_regressor_h36m": _H36M_LEFT_FIRST,
    "J_regressor_h36m_smpl": _H36M_LEFT_FIRST[:1] + _H36M_LEFT_FIRST[4:7] + _H36M_LEFT_FIRST[1:4]
    + _H36M_LEFT_FIRST[7:],
    "SMPLX_to_J14": _LSP_14,
}
REGRESSORS["J_regressor_h36m_smplx"] = REGRESSORS["J_regressor_h36m_smpl"]


def place(name):
    """Where a joint or landmark is in the rest pose, (3,), body coordinates; finger names mean the tips."""
    if name.startswith("right_"):
        return place("left_" + name[6:]) * np.array([-1.0, 1.0, 1.0])
    if name.startswith("left_") and name[5:] in FINGERS:
        return finger_joints(name[5:])[3]
    if name in _LANDMARKS or name in _EXTRA:
        return np.array(_LANDMARKS.get(name) or _EXTRA[name])
    return rest_joint(name)


def extra_regressor(name, vertices, mirror):
    """Dense regressor (rows, V) float64 of the joints `REGRESSORS[name]`; rows sum to one, left and right mirrored."""
    rows = []
    for joint in REGRESSORS[name]:
        target = place(joint.replace("right_", "left_"))
        order = np.argsort(np.linalg.norm(vertices - target, axis=1), kind="stable")
        if joint.split("_", 1)[-1] in ("nose", "eye", "ear", "top"):
            row = regressor_row(vertices, order[:12], vertices[order[0]])  # on the skin
        else:
            row = regressor_row(vertices, order[:240], target)
        if joint.startswith("right_"):
            row = row[mirror]
        elif not joint.startswith("left_"):
            row = 0.5 * (row + row[mirror])
        rows.append(row)
    return np.array(rows)


def numbering(kind, vertices, mirror):
    """New order of the vertices, (V,): row i is the old vertex that becomes vertex i.

    Vertices named in `VERTEX_IDS` get their numbers; those of the right side are mirrors of the left ones.
    """
    order, taken = np.full(len(vertices), -1), set()
    for name, number in VERTEX_IDS[kind].items():
        if name.startswith("right_"):
            continue
        free = np.array([v not in taken for v in range(len(vertices))])
        middle = free & (mirror == np.arange(len(vertices))) if name == "nose" else free
        away = np.where(middle, np.linalg.norm(vertices - place(name), axis=1), np.inf)
        vertex = int(away.argmin())
        order[number] = vertex
        taken.add(vertex)
        if name.startswith("left_"):
            order[VERTEX_IDS[kind]["right_" + name[5:]]] = mirror[vertex]
            taken.add(int(mirror[vertex]))
    rest = np.array([vertex for vertex in range(len(vertices)) if vertex not in taken])
    order[order < 0] = rest
    return order
