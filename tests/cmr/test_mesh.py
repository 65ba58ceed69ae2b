"""Mesh matrices and body from every form of their files."""

import cmr_golden as golden
import numpy as np
import pytest
import scipy.sparse

from cmr.src.mesh import (
    load_graph_mesh,
    load_smpl,
    normalized_adjacency,
    training_regressor,
)
from common.body_models.companions import EXTRA_JOINTS
from common.body_models.files import load_body_model
from common.engine.checkpoint import write_checkpoint
from common.errors import UserError
from common.joints import SKELETONS


def same(mesh, expected):
    assert abs(mesh.adjacency - expected.adjacency).max() < 1e-7
    assert abs(mesh.upsample - expected.upsample).max() < 1e-7
    assert np.abs(mesh.template - expected.template).max() < 1e-6


def test_adjacency_by_hand():
    edges = scipy.sparse.csr_matrix(np.array([[0, 2.0, 0], [2, 0, 2], [0, 2, 0]]))
    expected = np.array([[1 / 2, 1 / 2, 0], [1 / 3, 1 / 3, 1 / 3], [0, 1 / 2, 1 / 2]])
    assert np.abs(normalized_adjacency(edges).toarray() - expected).max() < 1e-15
    # Normalising again changes nothing: the port's files hold the result already.
    assert np.abs(normalized_adjacency(normalized_adjacency(edges)).toarray() - expected).max() < 1e-15


def test_template():
    template = golden.mesh().template
    assert np.abs(template[::13] - golden.load("cmr")["ref_vertices"]).max() < 1e-6


def test_the_published_file(tmp_path):
    path = str(tmp_path / "mesh_downsampling.npz")
    golden.matrices.save_npz(path, golden.SEED)
    same(load_graph_mesh(golden.body(), path), golden.mesh())


def test_the_files_of_the_port(tmp_path):
    made = golden.matrices.mesh_matrices(golden.SEED)
    dense = {f"{name}{level}": golden.matrices.dense(made[name][level])
             for name, level in (("A", 1), ("U", 0), ("D", 0))}
    dense["A1"] = normalized_adjacency(scipy.sparse.csr_matrix(dense["A1"])).toarray()
    path = str(tmp_path / "mesh.ckpt")
    write_checkpoint(path, dense)
    same(load_graph_mesh(golden.body(), path), golden.mesh())
    write_checkpoint(path, {**dense, "A1": np.zeros((3, 3))})
    with pytest.raises(UserError, match="A1 is"):
        load_graph_mesh(golden.body(), path)

    body = golden.body()
    arrays = {name: getattr(body, name) for name in ("J_regressor", "weights", "posedirs", "v_template", "shapedirs")}
    arrays.update(faces=body.faces.astype(np.float32), J_regressor_extra=body.extras["J_regressor_extra"])
    smpl_path = str(tmp_path / "smpl.ckpt")
    write_checkpoint(smpl_path, {name: array.astype(np.float32) for name, array in arrays.items()})
    loaded = load_smpl(smpl_path)
    assert (loaded.parents == body.parents).all() and (loaded.faces == body.faces).all()
    assert np.abs(loaded.v_template - body.v_template).max() < 1e-6
    assert np.abs(training_regressor(loaded) - golden.regressor()).max() < 1e-7


def test_another_mesh_is_refused(tmp_path):
    path = str(tmp_path / "other.npz")
    np.savez(path, A=np.eye(3), F=np.zeros((1, 3), np.uint32))
    with pytest.raises(UserError, match="other.npz"):
        load_graph_mesh(golden.body(), path)


def test_training_joints():
    assert len(EXTRA_JOINTS) == 14
    rows = [8, 5, 29, 30, 4, 7, 21, 19, 17, 16, 18, 20, 31, 32, 33, 34, 35, 36, 37, 24, 26, 25, 28, 27]
    stacked = np.concatenate([golden.body().J_regressor, golden.body().extras["J_regressor_extra"]])
    assert (golden.regressor() == stacked[rows]).all()


@pytest.mark.slow
def test_the_synthetic_body_brings_everything():
    body = load_body_model("smpl")
    mesh = load_graph_mesh(body)
    assert mesh.adjacency.shape == (1723, 1723) and np.abs(mesh.adjacency.sum(1) - 1).max() < 1e-12
    assert mesh.upsample.shape == (6890, 1723) and np.abs(mesh.template).max() <= 1
    # Every vertex lies on a coarse face near it.
    centred = body.v_template - 0.5 * (body.v_template.max(0) + body.v_template.min(0))
    centred /= np.abs(centred).max()
    assert np.abs(mesh.upsample @ mesh.template - centred).max() < 0.05
    joints = dict(zip(SKELETONS["graphcmr_24"], training_regressor(body) @ body.v_template))
    assert joints["left_wrist"][0] > 0.5 > -0.5 > joints["right_wrist"][0]
    assert joints["lsp_head_top"][1] > joints["nose"][1] > joints["mpii_pelvis"][1] > joints["left_ankle"][1]
