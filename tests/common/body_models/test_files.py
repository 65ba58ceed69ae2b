"""Body-model files as published (Python 2 pickles with chumpy and scipy inside, npz, JSON), and bad or unsafe ones."""
import json
import logging
import os
import pickle
import re
import struct
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from golden_files import GOLDEN, seeded

from common.body_models.embedded import warn_other_body
from common.body_models.files import build_body_model, fix_left_shapedirs, load_body_model
from common.body_models.landmarks import contour_landmarks, face_landmarks, vertex_joint_ids
from common.body_models.unpickle import as_array, read_pickle
from common.errors import UserError


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

    # Only pickle's own functions: dill, which mindspore imports, puts others into the table.
    dispatch = {kind: save for kind, save in pickle._Pickler.dispatch.items() if save.__module__ == "pickle"}
    dispatch.update({type: pickle._Pickler.save_type, dict: pickle._Pickler.save_dict,
                     types.FunctionType: pickle._Pickler.save_global})

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
    assert vertex_joint_ids(model.kind)[:3].tolist() == [9120, 9929, 9448]
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
    synthetic = types.ModuleType("common.stand_ins.body.models")
    synthetic.load_synthetic = {"mano_right": mano}.__getitem__
    monkeypatch.setitem(sys.modules, "common.stand_ins.body.models", synthetic)
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


@pytest.mark.parametrize("meta, synthetic, said", [
    ({"config": {"smpl_path": ""}}, True, None),
    ({"config": {"smpl_path": ""}}, False, "with the synthetic body .* with the real one.*leave --smpl_path out"),
    ({"config": {"smpl_path": "smpl.pkl"}}, True, "with the real body .* with the synthetic one.*--smpl_path names"),
    ({"config": {"smpl_path": "smpl.pkl"}}, False, None),
    ({"config": {"width": 1.0}}, True, "with the real body"),  # published weights
    ({"config": {"width": 1.0}}, False, None),
    ({"config": {"smpl_path": ""}, "body_model": "found in the data folder.pkl"}, False, None),
    ({"config": {"smpl_path": ""}, "body_model": "synthetic"}, False, "with the synthetic body"),
    ({}, True, None),
])
def test_another_body_than_in_training_is_told(meta, synthetic, said, monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("mindhuman"), "propagate", True)
    warn_other_body(types.SimpleNamespace(path="a.ckpt", meta=meta), "smpl_path", synthetic)
    assert ("results mean little" in caplog.text) == bool(said)
    assert said is None or re.search(said, caplog.text)
