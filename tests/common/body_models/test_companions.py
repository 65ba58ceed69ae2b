"""Files beside the body models: mesh matrices, joint regressors, vertex numbers, mean parameters."""
import dataclasses
import logging
import os
import pickle

import h5py
import numpy as np
import pytest
import scipy.sparse
from golden_files import GOLDEN, load_module, seeded

from common.body_models.companions import load_mean_params, load_mesh_pyramid, load_regressor, load_vertex_ids
from common.body_models.files import build_body_model, build_mesh_pyramid, load_body_model
from common.body_models.landmarks import vertex_joint_ids
from common.errors import UserError


class Payload:
    """Pickles as a call of os.system."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


@pytest.fixture(scope="module")
def smpl():
    return build_body_model("smpl", seeded.body_model("smpl", 1), "SMPL_NEUTRAL.pkl")


def test_mesh_pyramid_in_the_published_layout(smpl, tmp_path):
    matrices = load_module(GOLDEN / "cmr" / "matrices.py")
    path = str(tmp_path / "mesh_downsampling.npz")
    matrices.save_npz(path, 1)  # its member M cannot be unpickled, as in the published file
    pyramid = load_mesh_pyramid(smpl, path)
    for mine, name in ((pyramid.adjacency, "A"), (pyramid.upsample, "U"), (pyramid.downsample, "D")):
        for matrix, (rows, cols, data, shape) in zip(mine, matrices.mesh_matrices(1)[name]):
            wanted = scipy.sparse.csr_matrix((data, (rows, cols)), shape=shape)
            assert matrix.shape == shape and abs(matrix - wanted).max() == 0


def test_mesh_pyramids_that_do_not_fit(smpl, tmp_path):
    path = str(tmp_path / "mesh.npz")
    np.savez(path, A=np.eye(3))
    with pytest.raises(UserError, match="no U, D"):
        load_mesh_pyramid(smpl, path)
    eye, faces = scipy.sparse.eye(3), np.zeros((1, 3), int)
    with pytest.raises(UserError, match="do not fit each other"):
        build_mesh_pyramid({"A": [eye, eye], "U": [eye], "D": [scipy.sparse.eye(2)], "F": [faces]}, "mesh.npz")
    np.savez(path, A=np.eye(3)[None], U=np.zeros(0), D=np.zeros(0), F=faces[None])
    with pytest.raises(UserError, match="is for 3 vertices, not 6890"):
        load_mesh_pyramid(smpl, path)


def test_mesh_pyramid_that_runs_code_is_refused(smpl, tmp_path):
    item = np.empty(1, object)
    item[0] = Payload(tmp_path / "trap")
    np.savez(tmp_path / "mesh.npz", A=item, U=item, D=item, F=item)
    with pytest.raises(UserError, match="system"):
        load_mesh_pyramid(smpl, str(tmp_path / "mesh.npz"))
    assert not (tmp_path / "trap").exists()


def test_regressors(smpl, tmp_path):
    wanted = seeded.joint_regressor("r", 14, 6890, 1)
    np.save(tmp_path / "a.npy", wanted)
    np.save(tmp_path / "b.npy", wanted.T)
    (tmp_path / "c.pkl").write_bytes(pickle.dumps(wanted, 2))
    np.savez(tmp_path / "d.npz", J_regressor=wanted)
    for name in ("a.npy", "b.npy", "c.pkl", "d.npz"):
        np.testing.assert_array_equal(load_regressor(smpl, "J_regressor_extra", str(tmp_path / name)), wanted)
    with pytest.raises(UserError, match=r"a.npy has the shape \(14, 6890\) instead of \(17, 6890\)"):
        load_regressor(smpl, "J_regressor_h36m", str(tmp_path / "a.npy"))
    np.save(tmp_path / "e.npy", np.array([Payload(tmp_path / "trap")]), allow_pickle=True)
    with pytest.raises(UserError, match="e.npy"):
        load_regressor(smpl, "J_regressor_extra", str(tmp_path / "e.npy"))
    np.savez(tmp_path / "f.npz", a=wanted, b=wanted)
    with pytest.raises(UserError, match="holds 2 arrays"):
        load_regressor(smpl, "J_regressor_extra", str(tmp_path / "f.npz"))
    assert not (tmp_path / "trap").exists()


def test_vertex_ids(tmp_path):
    smplx = build_body_model("smplx", seeded.body_model("smplx", 1), "SMPLX_NEUTRAL.npz")
    path = tmp_path / "MANO_SMPLX_vertex_ids.pkl"
    path.write_bytes(pickle.dumps({"left_hand": np.arange(778), "right_hand": np.arange(778) + 778}, 2))
    ids = load_vertex_ids(smplx, "MANO_SMPLX_vertex_ids", str(path))
    assert ids["right_hand"][:2].tolist() == [778, 779]
    np.save(tmp_path / "flame.npy", np.arange(5023))
    assert len(load_vertex_ids(smplx, "SMPL-X__FLAME_vertex_ids", str(tmp_path / "flame.npy"))) == 5023
    np.save(tmp_path / "flame.npy", np.arange(10470, 10476))
    with pytest.raises(UserError, match="vertex numbers below 10475"):
        load_vertex_ids(smplx, "SMPL-X__FLAME_vertex_ids", str(tmp_path / "flame.npy"))


def test_files_of_real_and_synthetic_bodies_are_not_mixed_unnoticed(smpl, tmp_path, caplog):
    with pytest.raises(UserError, match="SMPL_NEUTRAL.pkl needs the file J_regressor_h36m"):
        load_regressor(smpl, "J_regressor_h36m")
    with pytest.raises(UserError, match="needs the file mesh_downsampling"):
        load_mesh_pyramid(smpl)
    np.save(tmp_path / "a.npy", seeded.joint_regressor("r", 14, 6890, 1))
    with caplog.at_level(logging.WARNING, "mindhuman"):
        load_regressor(dataclasses.replace(smpl, source="synthetic"), "J_regressor_extra", str(tmp_path / "a.npy"))
    assert "a.npy is used with the synthetic body" in caplog.text


@pytest.mark.slow  # builds the synthetic bodies where they are not cached yet
def test_synthetic_bodies_and_the_files_beside_them():
    smpl, smplx = load_body_model("smpl"), load_body_model("smplx")
    assert smpl.synthetic and smplx.synthetic
    assert smpl.extra("cocoplus_regressor", (19, 6890)).any()
    for model, name, joints in ((smpl, "J_regressor_extra", 14), (smpl, "J_regressor_h36m", 17),
                                (smpl, "J_regressor_h36m_smpl", 17), (smplx, "J_regressor_h36m_smplx", 17),
                                (smplx, "SMPLX_to_J14", 14)):
        regressor = load_regressor(model, name)
        assert regressor.shape == (joints, len(model.v_template))
        np.testing.assert_allclose(regressor.sum(1), 1, atol=1e-6)
    assert [matrix.shape[0] for matrix in load_mesh_pyramid(smpl).adjacency] == [6890, 1723, 431]
    assert len(load_vertex_ids(smplx, "MANO_SMPLX_vertex_ids")["left_hand"]) == 778
    assert len(load_vertex_ids(smplx, "SMPL-X__FLAME_vertex_ids")) == 5023
    # The vertex numbers of the published meshes are right here: the nose is in front, the heels are behind the toes.
    nose, *_, left_toe, _, left_heel = smplx.v_template[vertex_joint_ids("smplx")][[0, 1, 2, 3, 4, 5, 6, 7]]
    assert nose[2] > smplx.v_template[:, 2].mean() and left_heel[2] < left_toe[2]
    for side in ("left", "right"):
        assert load_body_model(f"mano_{side}").synthetic


def test_mean_params(tmp_path):
    rng = np.random.default_rng(2)
    pose, shape, cam = rng.standard_normal(144), rng.standard_normal(10), np.array([0.9, 0.1, 0])
    np.savez(tmp_path / "smpl_mean_params.npz", pose=pose, shape=shape, cam=cam)
    mean = load_mean_params(str(tmp_path / "smpl_mean_params.npz"))
    for actual, wanted in ((mean.pose, pose), (mean.shape, shape), (mean.cam, cam)):
        np.testing.assert_array_equal(actual, wanted)
    path = str(tmp_path / "neutral_smpl_mean_params.h5")
    with h5py.File(path, "w") as file:
        file["pose"], file["shape"] = pose[:72], shape
    mean = load_mean_params(path)
    np.testing.assert_array_equal(mean.pose, pose[:72])
    assert mean.cam.tolist() == [0.9, 0, 0]
    assert not load_mean_params().pose.any()
    with h5py.File(path, "a") as file:
        del file["shape"]
    with pytest.raises(UserError, match="no pose and shape"):
        load_mean_params(path)
    np.savez(tmp_path / "bad.npz", pose=pose[:70], shape=shape)
    with pytest.raises(UserError, match="70 numbers instead of 72"):
        load_mean_params(str(tmp_path / "bad.npz"))
