"""The body models of the settings: SMPL-X or MANO, a small SMPL-X for training, and SMPL-X meshes as SMPL meshes.

The small one has no more vertices than the 137 joints hang on: the same joints for a fraction of the work. Joints need
the skeleton, points on the skin and corners of the faces that landmarks lie in, some 700 of 10475 vertices. The
skeleton's rest places become vertices too, so that no regressor over the whole mesh is left. Nothing is approximated.

SMPL meshes are for vertices on sets whose truth is SMPL. Source: `smplx2smpl_deftrafo_setup.pkl` of the smplx package's
transfer_model: each SMPL vertex as a weighted mean of SMPL-X vertices. The columns of its second half are for normals,
which nobody uses.
"""
import dataclasses
from collections.abc import Mapping

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from common.body_models.files import load_body_model, read_file
from common.body_models.landmarks import contour_landmarks, face_landmarks, vertex_joint_ids
from common.body_models.unpickle import as_sparse
from common.errors import UserError

_NEIGHBOURS = 3


def build_body_model(config):
    """The body that the network poses: SMPL-X, with --parts hand the right MANO hand."""
    if config.parts == "hand":
        return load_body_model("mano_right", config.mano_right_path)
    return load_body_model("smplx", config.smplx_path)


def condense(model):
    """The small body model, and where its points on the skin are.

    Args:
        model (BodyModel): kind "smplx".

    Returns:
        tuple: BodyModel whose faces are those of the landmarks; numbers of the vertices that stand for
        `vertex_joint_ids`, (21,).
    """
    face, contour = face_landmarks(model)[0], contour_landmarks(model)[0]
    skin = vertex_joint_ids(model.kind)
    chosen, places = np.unique(np.concatenate([skin, face.ravel(), contour.ravel()]), return_inverse=True)
    num_joints, num_chosen = len(model.parents), len(chosen)
    regressor = np.zeros((num_joints, num_chosen + num_joints))
    regressor[:, num_chosen:] = np.eye(num_joints)
    faces = places[len(skin):].reshape(-1, 3)
    num_fixed = len(face)
    numbers = num_fixed + np.arange(len(faces) - num_fixed).reshape(contour.shape[:2])
    posedirs = model.posedirs[chosen]
    extras = {**model.extras, "lmk_faces_idx": np.arange(num_fixed), "dynamic_lmk_faces_idx": numbers}
    return dataclasses.replace(
        model, v_template=np.concatenate([model.v_template[chosen], model.J_regressor @ model.v_template]), faces=faces,
        shapedirs=np.concatenate([model.shapedirs[chosen], np.tensordot(model.J_regressor, model.shapedirs, 1)]),
        posedirs=np.concatenate([posedirs, np.zeros((num_joints, *posedirs.shape[1:]))]), J_regressor=regressor,
        weights=np.concatenate([model.weights[chosen], np.eye(num_joints)]), extras=extras), places[:len(skin)]


def load_transfer(smplx, smpl, path=""):
    """The matrix from SMPL-X's vertices to SMPL's.

    Args:
        smplx, smpl (BodyModel): the two bodies.
        path (str): the published file; empty for the synthetic bodies, whose surfaces are the same.

    Returns:
        scipy.sparse.csr_matrix | None: (6890, 10475); None without a file for real bodies.

    Raises:
        UserError: no such file, unreadable, or no such matrix.
    """
    if not path:
        return _nearest(smplx, smpl) if smplx.synthetic and smpl.synthetic else None
    content = read_file(path)
    name = next((name for name in ("mtx", "matrix") if isinstance(content, Mapping) and name in content), None)
    if name is None:
        raise UserError(f"{path} holds no matrix (mtx): name smplx2smpl_deftrafo_setup.pkl of the smplx package")
    matrix, wanted = as_sparse(content[name], f"{path}: {name}"), (len(smpl.v_template), len(smplx.v_template))
    if matrix.shape == (wanted[0], 2 * wanted[1]):
        matrix = matrix[:, :wanted[1]]
    if matrix.shape != wanted:
        raise UserError(f"{path}: {name} has the shape {matrix.shape} instead of {wanted}")
    return matrix


def _nearest(smplx, smpl):
    """Weights of the nearest vertices in the rest pose, by inverse distance."""
    points = smplx.v_template + smpl.J_regressor[0] @ smpl.v_template - smplx.J_regressor[0] @ smplx.v_template
    distance, columns = cKDTree(points).query(smpl.v_template, _NEIGHBOURS)
    weights = 1.0 / np.maximum(distance, 1e-6)
    weights /= weights.sum(1, keepdims=True)
    rows = np.repeat(np.arange(len(columns)), _NEIGHBOURS)
    return sparse.csr_matrix((weights.ravel(), (rows, columns.ravel())), (len(columns), len(points)))
