"""Skinning weights, joint regressors and pose blend shapes of the synthetic human, made from its geometry.

Weights: every joint takes a share of its parent's weight, a smooth step across the joint; so they sum to one and an
arm cannot pull at the trunk. Regressors: non-negative least squares on the vertices around a joint. Pose blend shapes:
for each joint alone, the linear fit (on the nine entries of R - I, SMPL's feature) of the displacement that turns
linear blend skinning into a rotation by the blended angle, which keeps the volume at elbows, knees and shoulders.
"""
import numpy as np
from scipy import optimize, sparse

from common.geometry.rotation import axis_angle_to_matrix
from common.joint_tables import MANO_FINGERS
from common.stand_ins.body.anatomy import finger_joints, joint_tree, rest_joint

MAX_WEIGHTS = 4  # joints per vertex, as in SMPL
SMOOTHING = 3  # rounds of averaging the weights over neighbours
ON_TARGET = 3e3  # weight of hitting the joint against spreading the regressor evenly
UNMOVED = 0.3  # weight of staying there when the joint bends, relative to hitting it
MAX_MISS = 4e-4  # metres between a regressed joint and its place
MAX_CANDIDATES = 200  # vertices in one regressor row
NEIGHBOURHOODS = (200, 400, 800, 1600, 3200)
POSE_SAMPLES = 96  # rotations per joint for the fit of its blend shapes
POSE_LIMIT = 1.9  # radians, largest sampled angle
RIDGE = 6.0  # of the fit; keeps the coefficients small
POSE_STRENGTH = 0.7  # of the full correction, which bulges where a limb is thick


def step(value, start, end):
    """0 before `start`, 1 after `end`, smooth between."""
    t = np.clip((value - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)


def _gates(points):
    """Share that each left or middle joint takes of its parent's weight, at mirrored points (N, 3) with x >= 0."""
    x, y, z = points.T
    groin = (-0.320 - y) + 0.75 * (np.minimum(x, 0.2) - 0.09)  # 0 from the crotch to the hip bone
    sole = (-1.090 - y) + 0.35 * (z + 0.03)
    shoulder = x + 0.35 * (y - 0.20)
    nod = y + 0.45 * (z - 0.016)
    neck_width = 0.100 + 0.2 * step(y, 0.285, 0.330)  # and all of the head
    neck = step(y - 0.2 * (z + 0.02), 0.245, 0.320) * step(neck_width - x, -0.030, 0.030)
    return {
        "left_hip": step(groin, -0.06, 0.055),
        "left_knee": step(-y, 0.650, 0.750),
        "left_ankle": step(sole, -0.035, 0.030),
        "left_foot": step(z, 0.068, 0.116),
        "spine1": step(y, -0.175, -0.062),
        "spine2": step(y, -0.035, 0.060),
        "spine3": step(y, 0.035, 0.118),
        "neck": neck,
        "head": step(nod, 0.315, 0.362),
        "left_collar": (1 - neck) * step(x, 0.030, 0.120) * step(y + 0.5 * (x - 0.08), 0.100, 0.205),
        "left_shoulder": step(shoulder, 0.126, 0.222),
        "left_elbow": step(x, 0.386, 0.482),
        "left_wrist": step(x, 0.652, 0.722),
        "left_hand": step(x, 0.745, 0.805),
    }


def _finger_gates(points):
    """The same for the finger joints, at mirrored points."""
    gates, distance = {}, {}
    for finger in MANO_FINGERS:
        joints = finger_joints(finger)
        distance[finger] = np.min([_segment_distance(points, joints[k], joints[k + 1]) for k in range(3)], axis=0)
    nearest = np.min(list(distance.values()), axis=0)
    for finger in MANO_FINGERS:
        joints = finger_joints(finger)
        others = np.min([distance[other] for other in MANO_FINGERS if other != finger], axis=0)
        own = step(others - distance[finger], -0.003, 0.004) * (points[:, 0] > 0.66)
        own *= step(-distance[finger], -0.030, -0.019) if finger == "thumb" else step(-nearest, -0.022, -0.014)
        for number in range(3):
            axis = joints[number + 1] - joints[max(number - 1, 0)]
            along = (points - joints[number]) @ axis / np.linalg.norm(axis)
            width = 0.011 if number == 0 else 0.0075
            gates[f"left_{finger}{number + 1}"] = step(along, -width, width) * (own if number == 0 else 1.0)
    return gates


def _segment_distance(points, start, end):
    axis = end - start
    along = np.clip((points - start) @ axis / (axis @ axis), 0, 1)
    return np.linalg.norm(points - start - along[:, None] * axis, axis=1)


def _jaw_gate(points):
    """Lower lip, chin and the cheeks' lower half; sharp between the lips, soft towards the ears and the neck."""
    x, y, z = points.T
    line = 0.3655 + 0.333 * np.maximum(0.10 - z, 0)
    width = 0.0012 + 0.020 * step(np.abs(x), 0.016, 0.050) + 0.020 * step(-z, -0.09, -0.04)
    return step(line - y, -width, width) * step(z, 0.0, 0.05) * step(y, 0.305, 0.332)


def skinning_weights(kind, mesh, adjacency):
    """Weights (V, J) float64 for "smpl" or "smplx"; at most four per row, rows sum to one."""
    names, parents = joint_tree(kind)
    vertices = mesh.vertices
    folded = vertices * np.where(vertices[:, :1] < 0, (-1, 1, 1), (1, 1, 1))
    gates = _gates(folded)
    if kind == "smplx":
        gates.update(_finger_gates(folded))
    # Left and right meet in the middle of the trunk, within a few millimetres below the crotch.
    middle = 0.004 + 0.026 * step(vertices[:, 1], -0.40, -0.36)
    is_left = step(vertices[:, 0], -middle, middle)
    weights = np.zeros((len(vertices), len(names)))
    weights[:, 0] = 1.0
    children = [[child for child, parent in enumerate(parents) if parent == joint] for joint in range(len(names))]
    for joint, own_children in enumerate(children):
        shares = np.zeros((len(vertices), len(own_children)))
        for column, child in enumerate(own_children):
            side, _, rest = names[child].partition("_")
            gate = gates.get(f"left_{rest}" if side == "right" else names[child], 0.0)
            first_of_side = side in ("left", "right") and not names[joint].startswith(side)
            shares[:, column] = gate * ({"left": is_left, "right": 1 - is_left}[side] if first_of_side else 1.0)
        shares /= np.maximum(shares.sum(1, keepdims=True), 1.0)
        mass = weights[:, joint].copy()
        weights[:, own_children] = mass[:, None] * shares
        weights[:, joint] = mass * (1 - shares.sum(1))
    for _ in range(SMOOTHING):
        weights = 0.5 * weights + 0.5 * (adjacency @ weights)
    if kind == "smplx":
        head, jaw = names.index("head"), names.index("jaw")
        weights[:, jaw] = weights[:, head] * _jaw_gate(vertices)
        weights[:, head] -= weights[:, jaw]
        for number, name in ((1, "left_eyeball"), (2, "right_eyeball")):
            weights[mesh.eyeball == number] = np.eye(len(names))[names.index(name)]
    weights = 0.5 * (weights + weights[mesh.mirror][:, mirrored_joints(names)])
    smallest = np.sort(weights, 1)[:, -MAX_WEIGHTS - 1, None]
    weights = np.where(weights > smallest, weights, 0.0)
    return weights / weights.sum(1, keepdims=True)


def mirrored_joints(names):
    """Index of each joint's counterpart on the other side, (J,)."""
    other = {"left": "right", "right": "left"}

    def counterpart(name):
        side, _, rest = name.partition("_")
        return f"{other[side]}_{rest}" if side in other else name

    return np.array([names.index(counterpart(name)) for name in names])


def neighbour_mean(faces, number):
    """Sparse (V, V) matrix that averages over neighbours."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    both = np.concatenate([edges, edges[:, ::-1]])
    matrix = sparse.csr_matrix((np.ones(len(both)), both.T), (number, number))
    matrix.data[:] = 1.0
    return sparse.diags(1.0 / np.asarray(matrix.sum(1)).reshape(-1)) @ matrix


def subtree_weights(weights, parents):
    """(V, J): the share of each vertex that moves when a joint turns: its own weight and its descendants'."""
    below = weights.copy()
    for joint in range(len(parents) - 1, 0, -1):
        below[:, parents[joint]] += below[:, joint]
    return below


def joint_regressor(vertices, weights, parents, joints):
    """Sparse regressor (J, V): each joint from the vertices around it; rows non-negative, summing to one."""
    below = subtree_weights(weights, parents)
    rows = []
    for joint, target in enumerate(joints):
        rows.append(regressor_row(vertices, ring(joint, weights, below, parents), target, below[:, joint]))
    return np.array(rows)


def ring(joint, weights, below, parents):
    """Numbers of the vertices around a joint, which it and its parent move, and hardly any other joint."""
    share = below[:, joint]
    return np.flatnonzero((share > 0.15) & (share < 0.85) & (share + weights[:, parents[joint]] > 0.98))


def regressor_row(vertices, candidates, target, share=None):
    """Non-negative weights (V,), summing to one, that give the target point (3,), spread over candidate vertices.

    Where the target lies outside of what the candidates span, the vertices nearest to it take their place, as many as
    it needs.

    Args:
        vertices (array): (V, 3).
        candidates (array): vertex numbers.
        target (array): (3,).
        share (array | None): (V,), how much of the rotation about the target each vertex takes part in. The weighted
            mean of the vertices then stays where it is when the joint bends: a vertex at p from the joint goes to
            p + share (R - 1) p, so the mean of share times p is made zero too, and that of its square for the pose
            corrections.
    """
    nearest = np.argsort(np.linalg.norm(vertices - target, axis=1), kind="stable")
    for chosen in (candidates, *(nearest[:count] for count in NEIGHBOURHOODS)):
        if len(chosen) < 4:
            continue
        row = np.zeros(len(vertices))
        chosen = chosen[::max(1, len(chosen) // MAX_CANDIDATES)]
        row[chosen] = _spread_weights(vertices[chosen] - target, None if share is None else share[chosen])
        if np.linalg.norm(row @ vertices - target) < MAX_MISS:
            return row
    raise ValueError(f"the point {target} is not inside the body")


def _spread_weights(offsets, share):
    """Weights (N,) of points at `offsets` (N, 3) from the target."""
    even = np.full(len(offsets), 1.0 / len(offsets))
    moments = [offsets] if share is None else [offsets, *(UNMOVED * share[:, None] ** k * offsets for k in (1, 2))]
    zero = ON_TARGET * np.concatenate(moments, 1).T
    system = np.concatenate([zero, np.full((1, len(offsets)), ON_TARGET), np.eye(len(offsets))])
    weights = optimize.nnls(system, np.concatenate([np.zeros(len(zero)), [ON_TARGET], even]))[0]
    weights[weights < 1e-4] = 0.0
    return weights / weights.sum()


def symmetric_rows(rows, mirror, counterpart):
    """Make regressor rows (J, V) mirror images of each other: row j and row counterpart[j]."""
    return 0.5 * (rows + rows[counterpart][:, mirror])


def pose_blend_shapes(vertices, weights, parents, joints):
    """posedirs (V, 3, 9 (J - 1)) float64: columns 9 (j - 1) .. 9 j belong to the entries of R_j - I, row by row."""
    rng = np.random.default_rng(0)
    axis = rng.standard_normal((POSE_SAMPLES, 3))
    vectors = axis * (rng.uniform(0.2, POSE_LIMIT, POSE_SAMPLES) / np.linalg.norm(axis, axis=1))[:, None]
    rotations = axis_angle_to_matrix(vectors)
    features = (rotations - np.eye(3)).reshape(POSE_SAMPLES, 9)
    solve = np.linalg.solve(features.T @ features + RIDGE * np.eye(9), features.T)
    below = subtree_weights(weights, parents)
    out = np.zeros((len(vertices), 3, 9 * (len(parents) - 1)))
    for joint in range(1, len(parents)):
        moving = np.flatnonzero((below[:, joint] > 0.02) & (below[:, joint] < 0.98))
        if not len(moving):
            continue
        share = below[moving, joint][:, None, None, None]
        blended = (1 - share) * np.eye(3) + share * rotations[None]
        turned = axis_angle_to_matrix(share[..., 0] * vectors)
        arm = (vertices[moving] - joints[joint])[:, None, :, None]
        missing = np.linalg.solve(blended, (turned - blended) @ arm)[..., 0]
        out[moving, :, 9 * (joint - 1):9 * joint] = POSE_STRENGTH * np.einsum("fs,vsc->vcf", solve, missing)
    return out


def rest_joints(kind):
    """(J, 3) rest joints in body coordinates, "smpl" or "smplx"."""
    return np.array([rest_joint(name) for name in joint_tree(kind)[0]])
