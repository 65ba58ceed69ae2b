"""SMPL-X meshes as SMPL meshes, to measure vertices on sets whose truth is SMPL.

Source: `smplx2smpl_deftrafo_setup.pkl` of the smplx package's transfer_model: each SMPL vertex as a weighted mean of
SMPL-X vertices. The columns of its second half are for normals, which nobody uses.
"""
from collections.abc import Mapping

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from common.body_models.files import read_file
from common.body_models.unpickle import as_sparse
from common.errors import UserError

_NEIGHBOURS = 3


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
