"""Linear blend skinning in numpy, for data loaders, sample data and as an independent check of the graph version.

The textbook order of the SMPL paper, joint by joint; `lbs` computes the same in a form made for accelerators.
"""
import numpy as np


def pose_body(model, rotmat, shape, translation=None, shapedirs=None):
    """Pose a body model.

    Args:
        model (BodyModel): arrays of the body model (see `files`).
        rotmat (array): (B, J, 3, 3), rotation of each joint relative to its parent.
        shape (array): (B, S), coefficients of the first S shape directions, or of `shapedirs`.
        translation (array | None): (B, 3), metres.
        shapedirs (array | None): (V, 3, S), directions to use instead of the model's first S.

    Returns:
        tuple: vertices (B, V, 3) and joints of the posed skeleton (B, J, 3), metres, in the type of `rotmat`.
    """
    rotmat, shape = np.asarray(rotmat), np.asarray(shape)
    dtype = rotmat.dtype
    shapedirs = model.shapedirs[..., :shape.shape[-1]] if shapedirs is None else shapedirs
    num_vertices, num_joints = len(model.v_template), len(model.parents)

    shaped = model.v_template.astype(dtype) + np.tensordot(shape, shapedirs.astype(dtype), (1, 2))
    rest_joints = model.J_regressor.astype(dtype) @ shaped
    bend = (rotmat[:, 1:] - np.eye(3, dtype=dtype)).reshape(len(rotmat), -1)
    posedirs = model.posedirs.reshape(3 * num_vertices, -1).astype(dtype)
    rest = shaped + (bend @ posedirs.T).reshape(-1, num_vertices, 3)

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
    weights = model.weights.astype(dtype)
    blended = weights @ np.concatenate([rotation, shift[..., None]], -1).reshape(-1, num_joints, 12)
    blended = blended.reshape(-1, num_vertices, 3, 4)
    vertices = _rotate(blended[..., :3], rest) + blended[..., 3]
    if translation is not None:
        translation = np.asarray(translation, dtype)[:, None]
        vertices, joints = vertices + translation, joints + translation
    return vertices, joints


def _rotate(rotation, vector):
    return (rotation * vector[..., None, :]).sum(-1)
