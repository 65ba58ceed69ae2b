"""Linear blend skinning in numpy, for data loaders, sample data and as an independent check of the graph version.

The textbook order of the SMPL paper, joint by joint; `lbs` computes the same in a form made for accelerators. Results
have the type of the rotation matrices; for many calls in float32 pass `model.astype(np.float32)`.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from common.body_models.landmarks import contour_landmarks, face_landmarks, vertex_joint_ids
from common.geometry.rotation import axis_angle_to_matrix

if TYPE_CHECKING:
    from common.body_models.files import BodyModel

_NECK = 12


def pose_body(model: BodyModel, rotmat: np.ndarray, shape: np.ndarray, translation: np.ndarray | None = None,
              shapedirs: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Pose a body model -> vertices (B, V, 3) and joints of the posed skeleton (B, J, 3), metres.

    Args:
        model (BodyModel): arrays of the body model (see `files`).
        rotmat (array): (B, J, 3, 3), rotation of each joint relative to its parent.
        shape (array): (B, S), coefficients of the first S shape directions, or of `shapedirs`.
        translation (array | None): (B, 3), metres.
        shapedirs (array | None): (V, 3, S), directions to use instead of the model's first S.
    """
    vertices, joints, _ = _pose(model, rotmat, shape, translation, shapedirs)
    return vertices, joints


def pose_person(model: BodyModel, pose: np.ndarray, beta: np.ndarray,
                translation: np.ndarray | None = None) -> np.ndarray:
    """Vertices (V, 3) of one person, metres, in the model's type; pose (3 J,) axis-angle in radians, beta (S,)."""
    rotmat = axis_angle_to_matrix(np.asarray(pose).reshape(1, -1, 3)).astype(model.v_template.dtype)
    moved = None if translation is None else np.asarray(translation)[None]
    return pose_body(model, rotmat, np.asarray(beta, rotmat.dtype)[None], moved)[0][0]


def pose_smplx(model: BodyModel, rotmat: np.ndarray, beta: np.ndarray, expr: np.ndarray,
               translation: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Pose SMPL-X, with all its joints.

    Args:
        model (BodyModel): kind "smplx".
        rotmat (array): (B, 55, 3, 3), rotation of each joint relative to its parent; hands relative to the flat hand.
        beta (array): (B, S), coefficients of the first S shape directions.
        expr (array): (B, E), coefficients of the first E expression directions.
        translation (array | None): (B, 3), metres.

    Returns:
        tuple: vertices (B, 10475, 3) and joints (B, 144, 3), metres, in the order of `smplx.SMPLX`.
    """
    directions = [model.shape_directions(beta.shape[1]), model.expression_directions(expr.shape[1])]
    vertices, joints, rotation = _pose(model, rotmat, np.concatenate([beta, expr], 1), translation,
                                       np.concatenate(directions, -1))
    corners, weights = face_landmarks(model)
    face = _inside_faces(vertices, corners, weights)
    corners, weights = contour_landmarks(model)
    outline = [_inside_faces(vertices[i:i + 1], corners[row], weights[row])
               for i, row in enumerate(contour_rows(rotation[:, _NECK]))]
    return vertices, np.concatenate([joints, vertices[:, vertex_joint_ids(model.kind)], face,
                                     np.concatenate(outline)], 1)


def contour_rows(neck_rotation: np.ndarray) -> np.ndarray:
    """(B, 3, 3) rotations of the neck in space -> (B,) rows of the outline's table, see `smplx.contour_row`."""
    yaw = np.arctan2(neck_rotation[:, 2, 0], np.hypot(neck_rotation[:, 0, 0], neck_rotation[:, 1, 0]))
    degrees = np.rint(np.clip(np.rad2deg(yaw), -39, 39)).astype(np.int64)
    return np.where(degrees < 0, 39 - degrees, degrees)


def _inside_faces(vertices: np.ndarray, corners: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(B, V, 3) vertices, (N, 3) corners, (N, 3) weights -> (B, N, 3)."""
    return (vertices[:, corners] * weights[..., None].astype(vertices.dtype)).sum(2)


def _pose(model: BodyModel, rotmat: np.ndarray, shape: np.ndarray, translation: np.ndarray | None,
          shapedirs: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, joints and the joints' rotations in space (B, J, 3, 3)."""
    rotmat, shape = np.asarray(rotmat), np.asarray(shape)
    dtype = rotmat.dtype
    shapedirs = model.shapedirs[..., :shape.shape[-1]] if shapedirs is None else shapedirs
    num_vertices, num_joints = len(model.v_template), len(model.parents)

    shaped = _as(dtype, model.v_template) + np.tensordot(_as(dtype, shape), _as(dtype, shapedirs), (1, 2))
    rest_joints = _as(dtype, model.J_regressor) @ shaped
    bend = (rotmat[:, 1:] - np.eye(3, dtype=dtype)).reshape(len(rotmat), -1)
    # A sparse matrix is for callers that have one (3 V, 9 (J - 1)): most entries of the synthetic bodies are zero.
    posedirs = model.posedirs if sparse.issparse(model.posedirs) else model.posedirs.reshape(3 * num_vertices, -1)
    rest = shaped + (_as(dtype, posedirs) @ bend.T).T.reshape(-1, num_vertices, 3)

    rotation = np.empty_like(rotmat)
    joints = np.empty_like(rest_joints)
    for joint, parent in enumerate(model.parents):
        if parent < 0:
            rotation[:, joint], joints[:, joint] = rotmat[:, joint], rest_joints[:, joint]
            continue
        rotation[:, joint] = rotation[:, parent] @ rotmat[:, joint]
        bone = rest_joints[:, joint] - rest_joints[:, parent]
        joints[:, joint] = joints[:, parent] + _rotate(rotation[:, parent], bone)

    shift = joints - _rotate(rotation, rest_joints)
    blended = _as(dtype, model.weights) @ np.concatenate([rotation, shift[..., None]], -1).reshape(-1, num_joints, 12)
    blended = blended.reshape(-1, num_vertices, 3, 4)
    vertices = _rotate(blended[..., :3], rest) + blended[..., 3]
    if translation is not None:
        translation = np.asarray(translation, dtype)[:, None]
        vertices, joints = vertices + translation, joints + translation
    return vertices, joints, rotation


def _as(dtype: np.dtype, array: np.ndarray | sparse.spmatrix) -> np.ndarray | sparse.spmatrix:
    return (array if sparse.issparse(array) else np.asarray(array)).astype(dtype, copy=False)


def _rotate(rotation: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return (rotation * vector[..., None, :]).sum(-1)
