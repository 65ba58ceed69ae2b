"""The meshes that the graph network works on, and the SMPL body behind them, from every published form of their files.

Level 0 is SMPL's mesh of 6890 vertices, level 1 a selection of 1723 of them. The graph convolutions run on level 1; a
sparse matrix takes their result back to level 0. Sources: nkolot/GraphCMR `utils/mesh.py` and its
`data/mesh_downsampling.npz`; `mesh.ckpt` and `smpl.ckpt` of the MindSpore 1.7 port hold the same numbers, dense.
"""
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.sparse

from common.body_models.companions import EXTRA_JOINTS, load_mesh_pyramid, load_regressor
from common.body_models.files import BodyModel, build_body_model, load_body_model
from common.engine.checkpoint import read_checkpoint
from common.engine.continuation import require_model
from common.errors import UserError
from common.joints import SKELETONS, index_map, parents

NUM_VERTICES, NUM_GRAPH_VERTICES = 6890, 1723
TRAINING_JOINTS = "graphcmr_24"


@dataclass(frozen=True)
class GraphMesh:
    """What the network needs of the mesh; constants, never parameters.

    Attributes:
        adjacency (scipy.sparse.csr_matrix): (1723, 1723), each vertex and its neighbours, rows sum to one.
        upsample (scipy.sparse.csr_matrix): (6890, 1723).
        template (array): (1723, 3) float64, the mean body at level 1: its box centred at zero, its largest coordinate
            of level 0 at one.
    """

    adjacency: scipy.sparse.csr_matrix
    upsample: scipy.sparse.csr_matrix
    template: np.ndarray


def load_smpl(path=""):
    """SMPL from its pickle, an npz, or `smpl.ckpt` of the MindSpore port; an empty path for the synthetic body.

    Returns:
        BodyModel: from a checkpoint it also carries `J_regressor_extra`.

    Raises:
        UserError: no such file, damaged, incomplete, or arrays of wrong shapes.
    """
    if not path.endswith(".ckpt"):
        return load_body_model("smpl", path)
    arrays = _port_arrays(path, "smpl.")
    if "faces" in arrays:
        arrays["f"] = arrays.pop("faces")
    tree = parents("smpl_24")
    arrays["kintree_table"] = np.array([tree, range(len(tree))])
    return build_body_model("smpl", arrays, path)


def load_graph_mesh(model, path=""):
    """The mesh matrices from `mesh_downsampling.npz` or `mesh.ckpt`; an empty path for those of the synthetic body.

    Args:
        model (BodyModel): the body whose mesh level 0 is.

    Returns:
        GraphMesh

    Raises:
        UserError: no such file, damaged, incomplete, matrices for another mesh, or an empty path beside a real body.
    """
    if path.endswith(".ckpt"):
        return build_graph_mesh(model.v_template, *_port_matrices(path), path)
    pyramid = load_mesh_pyramid(model, path)
    return build_graph_mesh(model.v_template, pyramid.adjacency[1], pyramid.upsample[0], pyramid.downsample[0],
                            pyramid.source)


def build_graph_mesh(v_template, adjacency, upsample, downsample, source):
    """`GraphMesh` from matrices.

    Args:
        v_template (array): (6890, 3), metres.
        adjacency (scipy.sparse matrix): of level 1; only where its entries are not zero counts.
        upsample, downsample (scipy.sparse matrix): between levels 0 and 1.
        source (str): file name for error texts.

    Raises:
        UserError: the levels are not of 6890 and 1723 vertices.
    """
    if upsample.shape != (NUM_VERTICES, NUM_GRAPH_VERTICES):
        raise UserError(f"{source} has meshes of {' and '.join(map(str, upsample.shape))} vertices instead of "
                        f"{NUM_VERTICES} and {NUM_GRAPH_VERTICES}: set --mesh_path to GraphCMR's "
                        "mesh_downsampling.npz or the port's mesh.ckpt")
    template = np.asarray(v_template, np.float64)
    template = template - 0.5 * (template.max(0) + template.min(0))
    template = downsample @ (template / np.abs(template).max())
    return GraphMesh(normalized_adjacency(adjacency), upsample.tocsr(), template)


def normalized_adjacency(adjacency):
    """Each vertex joins its neighbours, and every row is divided by their number: D^-1 (A + I), CSR float64."""
    joined = (adjacency != 0).astype(np.float64).maximum(scipy.sparse.identity(adjacency.shape[0])).tocsr()
    return scipy.sparse.diags(1.0 / np.asarray(joined.sum(1)).ravel()).dot(joined).tocsr()


def training_regressor(model, path=""):
    """The matrix that takes a mesh to the joints that are supervised, the skeleton graphcmr_24: (24, 6890) float64.

    Args:
        model (BodyModel): SMPL; its own regressor gives the skeleton's joints.
        path (str): `J_regressor_extra.npy`; empty for that inside `smpl.ckpt`, or of the synthetic body.

    Raises:
        UserError: no such file, another shape, or an empty path beside a body that has none.
    """
    if not path and "J_regressor_extra" in model.extras:
        extra = model.extra("J_regressor_extra", (len(EXTRA_JOINTS), NUM_VERTICES))
    else:
        extra = load_regressor(model, "J_regressor_extra", path)
    rows = index_map(SKELETONS["smpl_24"] + EXTRA_JOINTS, TRAINING_JOINTS)
    return np.concatenate([model.J_regressor, extra])[rows]


def _port_arrays(path, prefix):
    """Arrays of a checkpoint of the port by their plain names; a whole network's file has them under `prefix`."""
    arrays = require_model(read_checkpoint(path), "cmr").weights
    inside = {name.partition(prefix)[2]: array for name, array in arrays.items()
              if name.startswith((prefix, f"network.{prefix}"))}
    return inside or arrays


def _port_matrices(path):
    """Adjacency of level 1, and the matrices up to level 0 and down from it, of `mesh.ckpt`, where they are dense."""
    arrays = _port_arrays(path, "mesh.")
    needed = {"A1": (NUM_GRAPH_VERTICES, NUM_GRAPH_VERTICES), "U0": (NUM_VERTICES, NUM_GRAPH_VERTICES),
              "D0": (NUM_GRAPH_VERTICES, NUM_VERTICES)}
    for name, shape in needed.items():
        if name not in arrays or arrays[name].shape != shape:
            found = arrays[name].shape if name in arrays else "missing"
            raise UserError(f"{path}: {name} is {found} instead of {shape}; this is no mesh.ckpt of the MindSpore "
                            "port for SMPL")
    return [scipy.sparse.csr_matrix(arrays[name].astype(np.float64)) for name in needed]


class GraphBody(NamedTuple):
    """The body model and what belongs to its mesh.

    Attributes:
        model (BodyModel): SMPL.
        mesh (GraphMesh): matrices and template that the network works with.
        regressor (array): (24, 6890), mesh to training joints, the skeleton graphcmr_24.
    """

    model: BodyModel
    mesh: GraphMesh
    regressor: np.ndarray


def load_body(config):
    """The body model of the settings with its mesh and joints; reads no files where the paths are empty.

    Raises:
        UserError: files that are missing, damaged or do not fit each other.
    """
    model = load_smpl(config.smpl_path)
    return GraphBody(model, load_graph_mesh(model, config.mesh_path),
                     training_regressor(model, config.joint_regressor_extra_path))
