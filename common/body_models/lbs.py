"""Linear blend skinning inside a MindSpore graph: the computation that SMPL, SMPL-X and MANO share.

Same result as the formulation of the SMPL paper (Loper et al., 2015) and of the smplx package, arranged for few large
kernels:

* Rest joints are a linear function of the shape, so J_regressor is multiplied into template and shape directions once,
  in float64, and the 6890-vertex product disappears from the graph.
* Shape and pose blend shapes are one matrix product. Coordinates are kept as separate (B, V) planes: with a coordinate
  axis of three in the middle, broadcasts, slices and sums are the slowest part on every back end.
* Each joint's motion is written about its rest place, M = [R | j - R j]. Then the skinning transform of a joint is the
  plain product of the M on its way from the root, and pointer doubling forms all products in log2(depth) steps:
  4 for every body here, instead of a loop over 24 or 55 joints.
* The translation is skinned as one more joint that every vertex follows with weight one.
"""
import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops


def ancestor_tables(parents):
    """Index tables for pointer doubling.

    Args:
        parents (array): (J,), parent of each joint, -1 for the root.

    Returns:
        list[array]: table k holds, for each joint, its ancestor 2^k generations up; J stands for "none".
    """
    num_joints = len(parents)
    table = np.append(np.where(np.asarray(parents) < 0, num_joints, parents), num_joints).astype(np.int32)
    tables = []
    while (table < num_joints).any():
        tables.append(table)
        table = table[table]
    return tables


def joint_transforms(rotmat, joints, tables):
    """Transforms that carry rest-pose space into posed space, one for each joint.

    Args:
        rotmat (Tensor): (B, J, 3, 3), rotation of each joint relative to its parent.
        joints (Tensor): (B, J, 3), rest pose, metres.
        tables (list[Tensor]): from `ancestor_tables`.

    Returns:
        Tensor: (B, J, 3, 4), rotation and translation in metres.
    """
    place = ops.expand_dims(joints, -1)
    local = ops.concat((rotmat, place - ops.matmul(rotmat, place)), -1)
    # 4x4, and an identity behind the last joint: the ancestor of those who have none.
    local = ops.concat((local, ops.zeros_like(local[:, :, :1]) + Tensor([[0.0, 0.0, 0.0, 1.0]], ms.float32)), -2)
    local = ops.concat((local, ops.zeros_like(local[:, :1]) + ops.eye(4, 4, ms.float32)), 1)
    for table in tables:
        local = ops.matmul(ops.gather(local, table, 1), local)
    return local[:, :-1, :3]


def skin(planes, transforms, weights):
    """Blend the joints' transforms for each vertex and apply them.

    Args:
        planes (tuple[Tensor]): x, y and z of the vertices in rest-pose space, (B, V) each, metres.
        transforms (Tensor): (B, J, 3, 4).
        weights (Tensor): (J, V), how much each vertex follows each joint.

    Returns:
        Tensor: (B, V, 3), metres.
    """
    num_joints, num_vertices = weights.shape
    blended = ops.matmul(transforms.transpose(2, 3, 0, 1).reshape(-1, num_joints), weights)
    blended = ops.unstack(blended.reshape(12, -1, num_vertices), axis=0)
    x, y, z = planes
    posed = ()
    for row in range(3):
        a, b, c, shift = blended[4 * row:4 * row + 4]
        posed += (a * x + b * y + c * z + shift,)
    return ops.stack(posed, 0).transpose(1, 2, 0)


def regress_joints(vertices, regressor):
    """Joints as weighted means of vertices.

    Args:
        vertices (Tensor): (B, V, 3).
        regressor (Tensor): (V, K), one column for each joint.

    Returns:
        Tensor: (B, K, 3).
    """
    num_vertices, num_joints = regressor.shape
    flat = vertices.transpose(0, 2, 1).reshape(-1, num_vertices)
    return ops.matmul(flat, regressor).reshape(-1, 3, num_joints).transpose(0, 2, 1)


class Float32Cell(nn.Cell):
    """A Cell that computes in float32 whatever the mixed precision of the network around it.

    Half precision has three decimal digits: a vertex two metres from the origin would be off by a millimetre. Mixed
    precision is set by flags that spread from a network to its parts; here they stop. Inputs of a lower precision
    are cast by `as_float32`.
    """

    def __init__(self):
        super().__init__()
        super().add_flags_recursive(fp16=False, fp32=True, bf16=False)

    def add_flags_recursive(self, **flags):
        """As the base class, but the precision flags keep asking for float32."""
        for name in ("fp16", "fp32", "bf16"):
            flags.pop(name, None)
        return super().add_flags_recursive(**flags, fp16=False, fp32=True, bf16=False)


def as_float32(value):
    """The Tensor in float32."""
    return ops.cast(value, ms.float32)


def constant(array, dtype=np.float32):
    """A Tensor to be held as an attribute of a Cell: part of the graph, but never a parameter or in a checkpoint."""
    return Tensor(np.ascontiguousarray(array, dtype))


class LinearBlendSkinning(Float32Cell):
    """Shape and pose to a posed mesh.

    Args:
        model (BodyModel): arrays of the body model (see `files`).
        shapedirs (array): (V, 3, S), the shape directions to use, metres per unit.

    Inputs:
        - **shape** (Tensor) - (B, S), coefficients of `shapedirs`.
        - **rotmat** (Tensor) - (B, J, 3, 3), rotation of each joint relative to its parent.
        - **translation** (Tensor) - (B, 3), metres; None for none.

    Outputs:
        - **vertices** (Tensor) - (B, V, 3), metres.
        - **joints** (Tensor) - (B, J, 3), the posed skeleton, metres.
        - **transforms** (Tensor) - (B, J, 3, 4), rest-pose space to posed space, without the translation.
    """

    def __init__(self, model, shapedirs):
        super().__init__()
        num_vertices, _, num_shapes = shapedirs.shape
        self.num_vertices, self.num_joints = num_vertices, len(model.parents)
        directions = np.concatenate([shapedirs, model.posedirs], -1)
        self.directions = constant(directions.transpose(2, 1, 0).reshape(-1, 3 * num_vertices))
        self.template = constant(model.v_template.T[:, None])
        joint_directions = np.tensordot(model.J_regressor, shapedirs, 1)
        self.joint_template = constant(model.J_regressor @ model.v_template)
        self.joint_directions = constant(joint_directions.transpose(2, 0, 1).reshape(num_shapes, -1))
        self.weights = constant(model.weights.T)
        self.weights_and_translation = constant(np.vstack([model.weights.T, np.ones((1, num_vertices))]))
        self.tables = [constant(table, np.int32) for table in ancestor_tables(model.parents)]
        self.rest_rotations = constant(np.tile(np.eye(3).reshape(-1), self.num_joints - 1))

    def construct(self, shape, rotmat, translation=None):
        shape, rotmat = as_float32(shape), as_float32(rotmat)
        bend = rotmat[:, 1:].reshape(-1, 9 * (self.num_joints - 1)) - self.rest_rotations
        offsets = ops.matmul(ops.concat((shape, bend), 1), self.directions)
        x, y, z = ops.unstack(offsets.reshape(-1, 3, self.num_vertices), axis=1)
        planes = (x + self.template[0], y + self.template[1], z + self.template[2])

        rest_joints = self.joint_template + ops.matmul(shape, self.joint_directions).reshape(-1, self.num_joints, 3)
        transforms = joint_transforms(rotmat, rest_joints, self.tables)
        rotation, shift = ops.split(transforms, (3, 1), -1)
        joints = (ops.matmul(rotation, ops.expand_dims(rest_joints, -1)) + shift).squeeze(-1)
        if translation is None:
            return skin(planes, transforms, self.weights), joints, transforms
        translation = as_float32(translation)[:, None]
        shared = ops.concat((ops.zeros_like(rotation[:, :1]), ops.expand_dims(translation, -1)), -1)
        vertices = skin(planes, ops.concat((transforms, shared), 1), self.weights_and_translation)
        return vertices, joints + translation, transforms
