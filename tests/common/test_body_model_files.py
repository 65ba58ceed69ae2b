"""Body-model files as published (Python 2 pickles with chumpy and scipy inside, npz, JSON), and bad or unsafe ones."""
import dataclasses
import importlib.util
import json
import logging
import os
import pickle
import struct
import sys
import types
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.sparse

from common.body_models.files import (
    build_body_model,
    build_mesh_pyramid,
    fix_left_shapedirs,
    load_body_model,
    load_mean_params,
    load_mesh_pyramid,
    load_regressor,
    load_vertex_ids,
)
from common.body_models.landmarks import contour_landmarks, face_landmarks, vertex_joint_ids
from common.body_models.unpickle import as_array, read_pickle
from common.errors import UserError

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def load_module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


seeded = load_module(GOLDEN / "seeded.py")


@pytest.fixture(scope="module")
def mano():
    return seeded.body_model("mano_right", 1)


@pytest.fixture
def chumpy(monkeypatch):
    """Modules named as chumpy's, with classes that pickle as chumpy's do."""
    def module(name, *classes):
        made = types.ModuleType(name)
        for cls in classes:
            setattr(made, cls, type(cls, (), {"__module__": name}))
        monkeypatch.setitem(sys.modules, name, made)
        return made
    package = module("chumpy")
    package.ch, package.reordering = module("chumpy.ch", "Ch"), module("chumpy.reordering", "Select", "transpose")
    return package


def stored(cls, **state):
    node = cls()
    node.__dict__.update(state)
    return node


class Python2Pickler(pickle._Pickler):
    """Writes byte and text strings as Python 2 wrote its `str`."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_python2_str(self, value):
        raw = value.encode("latin1") if isinstance(value, str) else value
        self.write(pickle.BINSTRING + struct.pack("<i", len(raw)) + raw)
        self.memoize(value)

    dispatch[bytes] = dispatch[str] = save_python2_str


def write_python2(path, content, protocol=2):
    with open(path, "wb") as stream:
        Python2Pickler(stream, protocol).dump(content)
    # The module's name when the files were made.
    path.write_bytes(path.read_bytes().replace(b"cscipy.sparse._csc\n", b"cscipy.sparse.csc\n"))
    return str(path)


class Payload:
    """Pickles as a call of os.system."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


def same_arrays(model, content):
    for name in ("v_template", "shapedirs", "posedirs", "J_regressor", "weights"):
        np.testing.assert_array_equal(getattr(model, name), content[name], err_msg=name)
    np.testing.assert_array_equal(model.faces, content["f"])
    assert model.parents.tolist() == [-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14]
    np.testing.assert_array_equal(model.extras["hands_mean"], content["hands_mean"])


@pytest.mark.parametrize("protocol", [1, 2])
def test_python2_pickle_with_chumpy_and_scipy(protocol, mano, chumpy, tmp_path):
    # As in the published MANO files: the first ten of twenty shape directions, as a selection by flat indices.
    more = np.concatenate([mano["shapedirs"], mano["shapedirs"] + 1], -1)
    index = np.arange(more.size).reshape(more.shape)[..., :10]
    inner = stored(chumpy.ch.Ch, x=more, _dirty_vars={"x"}, _itr=None)
    content = dict(
        mano, shapedirs=stored(chumpy.reordering.Select, a=inner, idxs=index.ravel(), preferred_shape=index.shape),
        posedirs=stored(chumpy.ch.Ch, x=mano["posedirs"]), J_regressor=scipy.sparse.csc_matrix(mano["J_regressor"]),
        J=stored(chumpy.reordering.transpose, a=inner), bs_style="lbs", bs_type=b"lrotmin", joint2num={"wrist": 0})
    path = write_python2(tmp_path / "MANO_RIGHT.pkl", content, protocol)
    assert (b"copy_reg" if protocol == 1 else b"chumpy.ch") in Path(path).read_bytes()
    model = load_body_model("mano_right", path)
    same_arrays(model, mano)
    assert model.source == path and not model.synthetic
    assert "J" not in model.extras and "bs_style" not in model.extras


def test_a_pickle_written_by_python2_with_chumpy_itself():
    """The file was made with Python 2.7, numpy 1.16, scipy 1.2 and chumpy 0.67.6, protocol 2."""
    path = str(GOLDEN / "python2_chumpy.pkl")
    content = read_pickle(path)
    plain = np.arange(24.0).reshape(2, 3, 4)
    for name, wanted in (("plain", plain), ("wrapped", plain), ("selected", plain[..., :2]),
                         ("sparse", [[0, 2, 0], [1, 0, 3]])):
        np.testing.assert_array_equal(as_array(content[name], name), wanted)
    assert content["name"] == "lbs"
    with pytest.raises(UserError, match="chumpy.ch_ops.add"):
        as_array(content["sum"], "sum")


def test_python3_pickles_of_every_protocol(mano, tmp_path):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path = tmp_path / f"{protocol}.pkl"
        path.write_bytes(pickle.dumps(dict(mano, J_regressor=scipy.sparse.csr_matrix(mano["J_regressor"])), protocol))
        same_arrays(load_body_model("mano_right", str(path)), mano)


def test_cocoplus_regressor_of_hmr(tmp_path):
    smpl = seeded.body_model("smpl", 1)
    cocoplus = seeded.joint_regressor("cocoplus_regressor", 19, 6890, 1)
    content = dict(smpl, cocoplus_regressor=scipy.sparse.csc_matrix(cocoplus))
    path = write_python2(tmp_path / "neutral_smpl_with_cocoplus_reg.pkl", content)
    model = load_body_model("smpl", path)
    np.testing.assert_array_equal(model.extra("cocoplus_regressor", (19, 6890)), cocoplus)
    assert model.parents[0] == -1 and model.parents[23] == 21


def test_json_form_has_its_regressors_turned_back(mano, tmp_path):
    content = {name: np.asarray(value).tolist() for name, value in mano.items()}
    content["J_regressor"] = mano["J_regressor"].T.tolist()
    content["cocoplus_regressor"] = mano["J_regressor"][:5].T.tolist()
    path = tmp_path / "model.txt"
    path.write_text(json.dumps(content))
    model = load_body_model("mano_right", str(path))
    same_arrays(model, mano)
    np.testing.assert_array_equal(model.extras["cocoplus_regressor"], mano["J_regressor"][:5])


def test_npz_reads_only_what_it_needs(mano, tmp_path):
    trap = tmp_path / "trap"
    note = np.empty((), object)
    note[()] = Payload(trap)
    sparse = np.empty((), object)
    sparse[()] = scipy.sparse.csc_matrix(mano["J_regressor"])
    np.savez(tmp_path / "model.npz", **dict(mano, joint2num=note, J_regressor=sparse))
    same_arrays(load_body_model("mano_right", str(tmp_path / "model.npz")), mano)
    np.savez(tmp_path / "model.npz", **dict(mano, v_template=note))
    with pytest.raises(UserError, match=r"v_template.*system"):
        load_body_model("mano_right", str(tmp_path / "model.npz"))
    assert not trap.exists()


def test_smplx_landmarks(tmp_path):
    content = seeded.body_model("smplx", 1)
    model = build_body_model("smplx", content, "seeded")
    corners, weights = face_landmarks(model)
    np.testing.assert_array_equal(corners[7], content["f"][content["lmk_faces_idx"][7]])
    np.testing.assert_allclose(weights.sum(1), 1)
    corners, weights = contour_landmarks(model)
    assert corners.shape == weights.shape == (79, 17, 3)
    np.testing.assert_array_equal(corners[40, 3], content["f"][content["dynamic_lmk_faces_idx"][40, 3]])
    assert vertex_joint_ids(model)[:3].tolist() == [9120, 9929, 9448]
    del content["lmk_bary_coords"]
    with pytest.raises(UserError, match="lmk_bary_coords"):
        face_landmarks(build_body_model("smplx", content, "seeded"))


def test_pickles_that_run_code_are_refused(mano, chumpy, tmp_path):
    trap = tmp_path / "trap"
    for number, bad in enumerate((Payload(trap), [Payload(trap)], stored(chumpy.ch.Ch, x=Payload(trap)))):
        path = tmp_path / f"{number}.pkl"
        path.write_bytes(pickle.dumps(dict(mano, weights=bad), 2))
        with pytest.raises(UserError, match=rf"{number}\.pkl.*system"):
            load_body_model("mano_right", str(path))
    for name in (b"builtins\neval", b"builtins\ngetattr", b"subprocess\nPopen", b"numpy\nload", b"chumpy.ch\nload"):
        path.write_bytes(b"\x80\x02c" + name + b"\n.")
        with pytest.raises(UserError, match=name.decode().replace("\n", r"\.")):
            load_body_model("mano_right", str(path))
    assert not trap.exists()


def test_truncated_files(mano, tmp_path):
    whole = {"a.pkl": pickle.dumps(mano, 2)}
    np.savez(tmp_path / "b.npz", **mano)
    whole["b.npz"] = (tmp_path / "b.npz").read_bytes()
    whole["c.txt"] = json.dumps({"v_template": mano["v_template"].tolist()}).encode()
    for name, data in whole.items():
        for size in (0, 1, 3, 100, len(data) // 2, len(data) - 1):
            path = tmp_path / name
            path.write_bytes(data[:size])
            with pytest.raises(UserError, match=name):
                load_body_model("mano_right", str(path))


@pytest.mark.parametrize("change, message", [
    ({"weights": None}, "no weights"),
    ({"v_template": np.zeros((6890, 3))}, r"v_template has the shape \(6890, 3\) instead of \(778, 3\)"),
    ({"posedirs": np.zeros((778, 3, 207))}, "posedirs"),
    ({"shapedirs": np.full((778, 3, 10), np.nan)}, "shapedirs holds NaN"),
    ({"weights": np.zeros((778, 16))}, "do not sum to one"),
    ({"f": np.full((1538, 3), 778)}, "vertices that do not exist"),
    ({"kintree_table": np.stack([np.arange(1, 17), np.arange(16)])}, "not a tree"),
    ({"J_regressor": "sixteen"}, "J_regressor holds no array of numbers"),
])
def test_wrong_content_is_named(change, message, mano, tmp_path):
    content = {name: value for name, value in {**mano, **change}.items() if value is not None}
    path = tmp_path / "MANO_RIGHT.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(UserError, match=message) as caught:
        load_body_model("mano_right", str(path))
    assert "MANO_RIGHT.pkl" in str(caught.value)


def test_unsupported_expression_and_damaged_sparse_matrix(mano, chumpy, tmp_path):
    path = write_python2(tmp_path / "a.pkl", dict(mano, shapedirs=stored(chumpy.reordering.transpose, a=1)))
    with pytest.raises(UserError, match=r"shapedirs is stored as chumpy.reordering.transpose"):
        load_body_model("mano_right", path)
    bad = scipy.sparse.csc_matrix(mano["J_regressor"])
    bad.indices = bad.indices + 1000
    path = write_python2(tmp_path / "b.pkl", dict(mano, J_regressor=bad))
    with pytest.raises(UserError, match="J_regressor is a damaged sparse matrix"):
        load_body_model("mano_right", path)


def test_no_file_folder_and_foreign_file(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        load_body_model("smpl", str(tmp_path / "SMPL_NEUTRAL.pkl"))
    with pytest.raises(UserError, match="is a folder"):
        load_body_model("smpl", str(tmp_path))
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(UserError, match="not a body-model file"):
        load_body_model("smpl", str(tmp_path / "list.pkl"))


def test_an_empty_path_is_the_synthetic_body(mano, monkeypatch, caplog):
    synthetic = types.ModuleType("common.body_models.synthetic")
    synthetic.load_synthetic = {"mano_right": mano}.__getitem__
    monkeypatch.setitem(sys.modules, "common.body_models.synthetic", synthetic)
    with caplog.at_level(logging.WARNING, "mindhuman"):
        model = load_body_model("mano_right")
    assert model.synthetic and model.source == "synthetic"
    assert len(caplog.messages) == 1 and "body_model: synthetic" in caplog.messages[0]
    same_arrays(model, mano)


def test_left_hand_shape_directions_are_mirrored_only_when_they_copy_the_right_hand(mano):
    right = build_body_model("mano_right", mano, "right")
    left = build_body_model("mano_left", mano, "left")
    fixed = fix_left_shapedirs(left, right)
    np.testing.assert_array_equal(fixed.shapedirs[:, 0], -left.shapedirs[:, 0])
    np.testing.assert_array_equal(fixed.shapedirs[:, 1:], left.shapedirs[:, 1:])
    assert fix_left_shapedirs(fixed, right) is fixed


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
    assert [len(faces) for faces in pyramid.faces] == [13776, 3442, 858]


def test_mesh_pyramids_that_do_not_fit(smpl, tmp_path):
    path = str(tmp_path / "mesh.npz")
    np.savez(path, A=np.eye(3))
    with pytest.raises(UserError, match="no U, D, F"):
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
    path = write_python2(tmp_path / "MANO_SMPLX_vertex_ids.pkl",
                         {"left_hand": np.arange(778), "right_hand": np.arange(778) + 778})
    ids = load_vertex_ids(smplx, "MANO_SMPLX_vertex_ids", path)
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
    nose, *_, left_toe, _, left_heel = smplx.v_template[vertex_joint_ids(smplx)][[0, 1, 2, 3, 4, 5, 6, 7]]
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
