"""Linear blend skinning inside a MindSpore graph: the computation that SMPL, SMPL-X and MANO share.

Same result as the formulation of the SMPL paper (Loper et al., 2015) and of the smplx package, arranged for few
kernels, because a small kernel costs more for its launch than for its work on every back end:

* Rest joints are a linear function of the shape: J_regressor is multiplied into template and shape directions once, in
  float64. So every array before the kinematic chain is linear in (shape, 1, rotation matrices), and one matrix product
  each gives the vertices in rest-pose space, the joints' local transforms and the inverses of their rest transforms.
* Pointer doubling forms the products along the kinematic tree in log2(depth) steps: 4 for every body here, instead of
  a loop over 24 or 55 joints.
* Behind the last joint there is one more, which stands still in the chain: the ancestor of joints that have none. Every
  vertex follows it with weight one and it carries the translation.
* Coordinates are kept as separate planes over batch and vertices: with a coordinate axis of three in the middle,
  broadcasts, slices and sums are the slowest part.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from mindspore import Tensor, ops

from common.precision import Float32Cell, as_float32

if TYPE_CHECKING:
    import numpy.typing as npt

    from common.body_models.files import BodyModel

# The primitives, not `ops.matmul`: its gradient transposes the other factor in memory, here 19 MB at every step.
_matmul = ops.MatMul()
_batch_matmul = ops.BatchMatMul()


def ancestor_tables(parents: np.ndarray) -> list[np.ndarray]:
    """Index tables for pointer doubling.

    Args:
        parents (array): (J,), parent of each joint, -1 for the root.

    Returns:
        list[array]: table k holds, for each of J + 1 joints, its ancestor 2^k generations up; J stands for "none".
    """
    num_joints = len(parents)
    table = np.append(np.where(np.asarray(parents) < 0, num_joints, parents), num_joints).astype(np.int32)
    tables = []
    while (table < num_joints).any():
        tables.append(table)
        table = table[table]
    return tables


def skin(planes: tuple[Tensor, Tensor, Tensor], transforms: Tensor, weights: Tensor) -> Tensor:
    """Blend the joints' transforms for each vertex and apply them -> (B, V, 3), metres.

    Args:
        planes (tuple[Tensor]): x, y and z of the vertices in rest-pose space, (1, B, V) each, metres.
        transforms (Tensor): (J, B, 4, 4), rest-pose space to posed space.
        weights (Tensor): (J, V), how much each vertex follows each joint.
    """
    num_joints, num_vertices = weights.shape
    # Rows 0..2 of the 4x4 matrices; the fourth is always 0, 0, 0, 1.
    rows = transforms.transpose(2, 3, 1, 0).reshape(16, -1, num_joints)[:12]
    blended = _matmul(rows.reshape(-1, num_joints), weights).reshape(12, -1, num_vertices)
    blended = ops.split(blended, 1, 0)
    x, y, z = planes
    posed = ()
    for row in range(3):
        a, b, c, shift = blended[4 * row:4 * row + 4]
        posed += (a * x + b * y + c * z + shift,)
    return ops.concat(posed, 0).transpose(1, 2, 0)


def constant(array: npt.ArrayLike, dtype: type = np.float32) -> Tensor:
    """A Tensor to be held as an attribute of a Cell: part of the graph, but never a parameter or in a checkpoint."""
    return Tensor(np.ascontiguousarray(array, dtype))


class JointRegressor(Float32Cell):
    """Joints as weighted means of vertices, in float32.

    Args:
        regressor (array): (K, V), one row for each joint.

    Inputs:
        - **vertices** (Tensor) - (B, V, 3).

    Outputs:
        Tensor - (B, K, 3).
    """

    def __init__(self, regressor: np.ndarray):
        super().__init__()
        self.regressor = constant(regressor.T)

    def construct(self, vertices: Tensor) -> Tensor:
        num_vertices, num_joints = self.regressor.shape
        flat = as_float32(vertices).transpose(0, 2, 1).reshape(-1, num_vertices)
        return _matmul(flat, self.regressor).reshape(-1, 3, num_joints).transpose(0, 2, 1)


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
        - **world** (Tensor) - (J + 1, B, 4, 4), the joints' frames in space, without the translation.
    """

    def __init__(self, model: BodyModel, shapedirs: np.ndarray):
        super().__init__()
        self.num_vertices, self.num_joints = len(model.v_template), len(model.parents)
        rest_joints = np.concatenate([np.tensordot(model.J_regressor, shapedirs, 1).transpose(2, 0, 1),
                                      (model.J_regressor @ model.v_template)[None]])
        inverses = _inverse_rest_rows(rest_joints)
        self.directions = constant(_vertex_rows(model, shapedirs))
        self.local_rows = constant(_local_rows(rest_joints, model.parents))
        self.inverse_rows, self.inverse_rows_still = constant(inverses), constant(inverses[:-3])
        self.weights = constant(np.vstack([model.weights.T, np.ones((1, self.num_vertices))]))
        self.tables = [constant(table, np.int32) for table in ancestor_tables(model.parents)]

    def construct(self, shape: Tensor, rotmat: Tensor,
                  translation: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        shape, rotmat = as_float32(shape), as_float32(rotmat)
        shape = ops.concat((shape, ops.ones_like(shape[:, :1])), 1)
        inputs = ops.concat((shape, rotmat.reshape(-1, 9 * self.num_joints)), 1)
        planes = ()
        for plane in ops.split(_matmul(inputs, self.directions).reshape(-1, 3, self.num_vertices), 1, 1):
            planes += (plane.reshape(1, -1, self.num_vertices),)
        # The transforms relative to the parents, multiplied along the way from the root; the last stays the identity.
        world = self._transforms(inputs, self.local_rows)
        for table in self.tables:
            world = _batch_matmul(ops.gather(world, table, 0), world)
        joints = world[:-1, :, :3, 3].transpose(1, 0, 2)
        if translation is None:
            inverse_rest = self._transforms(shape, self.inverse_rows_still)
        else:
            translation = as_float32(translation)
            joints = joints + ops.expand_dims(translation, 1)
            inverse_rest = self._transforms(ops.concat((shape, translation), 1), self.inverse_rows)
        return skin(planes, _batch_matmul(world, inverse_rest), self.weights), joints, world

    def _transforms(self, inputs: Tensor, rows: Tensor) -> Tensor:
        # The joint's axis first: gathering along it then needs no transposition on the way back.
        return _matmul(inputs, rows).reshape(-1, self.num_joints + 1, 4, 4).transpose(1, 0, 2, 3)


def _vertex_rows(model: BodyModel, shapedirs: np.ndarray) -> np.ndarray:
    """(S + 1 + 9J, 3V): what each input, (shape, 1, rotation matrices), adds to the x, y and z of the vertices."""
    # Pose blend shapes count from the identity; that constant part joins the template.
    identity = np.tile(np.eye(3).reshape(-1), len(model.parents) - 1)
    template = model.v_template - model.posedirs @ identity
    # Row by row into the final array: joined first and turned then, it took a second for SMPL-X.
    num_shapes = shapedirs.shape[-1]
    rows = np.zeros((num_shapes + 10 + model.posedirs.shape[-1], 3, len(template)), np.float32)
    rows[:num_shapes] = shapedirs.transpose(2, 1, 0)
    rows[num_shapes] = template.T
    rows[num_shapes + 10:] = model.posedirs.transpose(2, 1, 0)  # the nine rows of the root stay zero
    return rows.reshape(len(rows), -1)


def _local_rows(rest_joints: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """(S + 1 + 9J, 16 (J + 1)): what each input adds to the entries of the joints' local 4x4 transforms.

    Args:
        rest_joints (array): (S + 1, J, 3), what the inputs (shape, 1) add to the joints in rest pose.
        parents (array): (J,).
    """
    num_shapes, num_joints = rest_joints.shape[0] - 1, len(parents)
    bones = rest_joints.copy()
    bones[:, 1:] -= rest_joints[:, parents[1:]]
    rows = np.zeros((num_shapes + 1 + 9 * num_joints, num_joints + 1, 4, 4))
    rows[:num_shapes + 1, :-1, :3, 3] = bones
    rows[num_shapes, :, 3, 3] = 1
    rows[num_shapes, -1] = np.eye(4)
    entries = rows[num_shapes + 1:].reshape(num_joints, 3, 3, num_joints + 1, 4, 4)
    joint, i, j = np.ogrid[:num_joints, :3, :3]
    entries[joint, i, j, joint, i, j] = 1
    return rows.reshape(len(rows), -1)


def _inverse_rest_rows(rest_joints: np.ndarray) -> np.ndarray:
    """(S + 1 + 3, 16 (J + 1)): what (shape, 1, translation) adds to the 4x4 matrices that undo the rest pose.

    They move a joint's rest place to the origin. That of the additional joint has no rotation part, only the
    translation, which it passes on to all vertices.
    """
    num_shapes, num_joints = rest_joints.shape[0] - 1, rest_joints.shape[1]
    rows = np.zeros((num_shapes + 1 + 3, num_joints + 1, 4, 4))
    rows[num_shapes, :-1] = np.eye(4)
    rows[num_shapes, -1, 3, 3] = 1
    rows[:num_shapes + 1, :-1, :3, 3] = -rest_joints
    rows[num_shapes + 1:, -1, :3, 3] = np.eye(3)
    return rows.reshape(len(rows), -1)
