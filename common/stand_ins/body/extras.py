"""Regressors of the synthetic human for other skeletons, and the numbers of its vertices.

Published code names some vertices by number: nose, eyes, ears, finger tips, toes, heels (see `landmarks`). The
synthetic meshes are numbered so that the same numbers name the same places.
"""
import numpy as np

from common.body_models.landmarks import VERTEX_JOINTS, vertex_joint_ids
from common.joints import SKELETONS
from common.stand_ins.body.anatomy import joint_tree, rest_joint
from common.stand_ins.body.rig import regressor_row, ring, subtree_weights

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
    "lsp_head_top": (0.0, 0.557, 0.008),
    "mpii_pelvis": (0.0, -0.268, 0.004),
    "mpii_thorax": (0.0, 0.222, -0.020),
    "h36m_pelvis": (0.0, -0.285, 0.004),
    "h36m_spine": (0.0, -0.030, -0.010),
    "h36m_thorax": (0.0, 0.236, -0.024),
    "h36m_jaw": (0.0, 0.372, 0.060),
    "h36m_head": (0.0, 0.470, 0.012),
}

# Under the names of COCO and Human3.6M annotators mean places of their own.
_LSP_PLACES = {"right_hip": "right_lsp_hip", "left_hip": "left_lsp_hip", "neck": "lsp_neck",
               "head_top": "lsp_head_top"}
_H36M_PLACES = {"pelvis": "h36m_pelvis", "right_hip": "right_h36m_hip", "left_hip": "left_h36m_hip",
                "spine": "h36m_spine", "thorax": "h36m_thorax", "neck_nose": "h36m_jaw", "head": "lsp_head_top"}
_LEGS = {name: name.replace("right", "left") if "right" in name else name.replace("left", "right")
         for name in SKELETONS["h36m_17"] if name.endswith(("hip", "knee", "ankle"))}


def _places(skeleton, other_names):
    return tuple(other_names.get(joint, joint) for joint in SKELETONS[skeleton])


# Rows of every extra regressor. `J_regressor_h36m` is the file of HMR's successors, whose table of 14 joints
# [6, 5, 4, 1, ...] starts at the right ankle: its row 1 is a left hip. Hand4Whole's files start with the right leg.
REGRESSORS = {
    "cocoplus_regressor": _places("cocoplus_19", _LSP_PLACES),
    "J_regressor_extra": ("nose", "right_eye", "left_eye", "right_ear", "left_ear", "right_lsp_hip", "left_lsp_hip",
                          "lsp_neck", "lsp_head_top", "mpii_pelvis", "mpii_thorax", "h36m_spine", "h36m_jaw",
                          "h36m_head"),
    "J_regressor_h36m": tuple(_H36M_PLACES.get(name, name) for name in (_LEGS.get(name, name)
                                                                        for name in SKELETONS["h36m_17"])),
    "J_regressor_h36m_smpl": _places("h36m_17", _H36M_PLACES),
    "J_regressor_h36m_smplx": _places("h36m_17", _H36M_PLACES),
    "SMPLX_to_J14": _places("lsp_14", _LSP_PLACES),
}


def place(name):
    """Where a joint or landmark is in the rest pose, (3,), body coordinates."""
    if name.startswith("right_"):
        return place("left_" + name[6:]) * np.array([-1.0, 1.0, 1.0])
    if name in _LANDMARKS or name in _EXTRA:
        return np.array(_LANDMARKS.get(name) or _EXTRA[name])
    return rest_joint(name)


def extra_regressor(name, vertices, mirror, weights, kind):
    """Dense regressor of the joints `REGRESSORS[name]`.

    Args:
        name (str): a key of `REGRESSORS`.
        vertices (array): (V, 3), body coordinates. mirror (array): (V,), the vertex on the other side of each vertex.
        weights (array): (V, J), skinning weights of the model. kind (str): "smpl" or "smplx".

    Returns:
        numpy.ndarray: (rows, V) float64; rows sum to one, left and right mirrored.
    """
    names, parents = joint_tree(kind)
    below = subtree_weights(weights, parents)
    rows = []
    for joint in REGRESSORS[name]:
        left = joint.replace("right_", "left_")
        target = place(left)
        order = np.argsort(np.linalg.norm(vertices - target, axis=1), kind="stable")
        moving = f"left_{joint.rsplit('_', 1)[-1]}"  # hips of all datasets bend with the body's hip
        if joint.rsplit("_", 1)[-1] in ("nose", "eye", "ear", "top"):
            row = regressor_row(vertices, order[:12], vertices[order[0]])  # on the skin
        elif left.startswith("left_") and moving in names:
            number = names.index(moving)
            row = regressor_row(vertices, ring(number, weights, below, parents), target, below[:, number])
        else:
            row = regressor_row(vertices, order[:240], target)
        if joint.startswith("right_"):
            row = row[mirror]
        elif not joint.startswith("left_"):
            row = 0.5 * (row + row[mirror])
        rows.append(row)
    return np.array(rows)


def vertex_joints(kind):
    """Joints at single vertices: dict of joint -> vertex number; `left_index4` is a finger tip."""
    names = SKELETONS[f"{kind}_21"][16:] if kind.startswith("mano") else VERTEX_JOINTS
    return dict(zip(names, map(int, vertex_joint_ids(kind))))


def numbering(kind, vertices, mirror):
    """New order of the vertices, (V,): row i is the old vertex that becomes vertex i.

    Vertices named in `landmarks` get their numbers; those of the right side are mirrors of the left ones.
    """
    numbers = vertex_joints(kind)
    order, taken = np.full(len(vertices), -1), set()
    for name, number in numbers.items():
        if name.startswith("right_"):
            continue
        free = np.array([v not in taken for v in range(len(vertices))])
        middle = free & (mirror == np.arange(len(vertices))) if name == "nose" else free
        away = np.where(middle, np.linalg.norm(vertices - place(name), axis=1), np.inf)
        vertex = int(away.argmin())
        order[number] = vertex
        taken.add(vertex)
        if name.startswith("left_"):
            order[numbers["right_" + name[5:]]] = mirror[vertex]
            taken.add(int(mirror[vertex]))
    rest = np.array([vertex for vertex in range(len(vertices)) if vertex not in taken])
    order[order < 0] = rest
    return order
