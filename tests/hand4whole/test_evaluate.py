"""Evaluation on each test set: true meshes have no error, shares of workers make the whole, bad input is named."""
import argparse
import json
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
from mindspore import Tensor, nn, ops
from scipy import sparse

from common.body_models.files import load_body_model
from common.engine.checkpoint import Checkpoint, write_checkpoint
from common.errors import UserError
from common.stand_ins.datasets import ehf, freihand, human36m_images, threedpw
from hand4whole import test as script
from hand4whole.src import evaluate as evaluate_module
from hand4whole.src.body import load_transfer
from hand4whole.src.config import read_settings
from hand4whole.src.datasets import read_test_records
from hand4whole.src.evaluate import evaluate, mean_body_error, means, predict, report
from hand4whole.src.network import build_network
from hand4whole.src.protocols import MEASURES, EvaluationImages

SIZE = (48, 64)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("dataset")
    for module, name, num, options in ((human36m_images, "Human36M", 6, {"size": 64, "only": "hand4whole"}),
                                       (ehf, "EHF", 1, {}),
                                       (threedpw, "PW3D", 6, {"layout": "root"}), (freihand, "FreiHAND", 10, {})):
        module.make(argparse.Namespace(output_dir=str(root / name), num=num, seed=4, **options))
    return root


def settings(root, *flags):
    return read_settings(["--dataset_root", str(root), *flags])


def measured(root, testset, *flags):
    """Images and measure of a test set."""
    flags = ["--testset", testset, *flags]
    config = settings(root, *flags, *(["--parts", "hand"] if testset == "FreiHAND" else []))
    model = load_body_model("mano_right" if testset == "FreiHAND" else "smplx")
    return EvaluationImages(read_test_records(config)[1], SIZE), MEASURES[testset](config, model)


def rows_of(test_images, measure, change=lambda mesh: mesh):
    truths = [(index, change(measure.mesh(record))) for index, record in enumerate(test_images.records)]
    return evaluate(truths, test_images, measure, len(truths))


class Network:
    """Gives the mesh of an image that is as grey as its number; remembers the shapes it has seen."""

    def __init__(self, meshes):
        self.meshes, self.shapes = np.float32(meshes), []

    def __call__(self, images):
        self.shapes.append(images.shape)
        numbers = np.rint(255 * images.asnumpy()[:, 0, 0, 0]).astype(int)
        return None, Tensor(self.meshes[numbers])


class Grey:
    """Images that are as grey as their number."""

    def __init__(self, records):
        self.records = records

    def image(self, index):
        return np.full((3, 4, 4), index / 255, np.float32)


# Truth.

@pytest.mark.parametrize("testset", ["EHF", "Human36M"])
def test_true_meshes_have_no_error(root, testset):
    test_images, measure = measured(root, testset)
    assert len(test_images) == {"EHF": 1, "Human36M": 1}[testset] and test_images.image(0).shape == (3, 64, 48)
    figures = means(rows_of(test_images, measure))
    # Human3.6M's joints were made with the regressor itself.
    assert len(figures) in (4, 8) and max(figures.values()) < 0.1
    moved = means(rows_of(test_images, measure, lambda mesh: mesh + (0.3, -0.2, 1.0)))
    assert max(moved.values()) < 0.1
    larger = means(rows_of(test_images, measure, lambda mesh: 1.1 * mesh))
    assert all((larger[name] < 0.1) == name.startswith("pa_") for name in larger)


def test_3dpw_compares_each_mesh_by_its_own_regressor(root):
    test_images, measure = measured(root, "PW3D")
    assert measure.mesh(test_images.records[0]).shape == (6890, 3)
    errors = measure.errors(test_images.records[0], load_body_model("smplx").v_template)
    assert set(errors) == {"mpjpe", "pa_mpjpe", "mpvpe", "pa_mpvpe"} and errors["pa_mpjpe"] < errors["mpjpe"]


def test_freihand_truth_from_fits_and_from_published_files(root, tmp_path):
    test_images, measure = measured(root, "FreiHAND")
    rows = rows_of(test_images, measure)
    figures = means(rows)
    assert figures["pa_mpvpe"] < 1e-3 and figures["f_5"] == 1
    joints, vertices = rows[0][3]
    assert np.shape(joints) == (21, 3) and np.shape(vertices) == (778, 3)
    # Without fits the truth comes from the data set's own files, and without them there is none.
    copy = shutil.copytree(root, tmp_path / "copy")
    path = copy / "FreiHAND" / "data" / "freihand_eval_data.json"
    content = json.loads(path.read_text())
    for entry in content.values():
        del entry["mano_param"]
    path.write_text(json.dumps(content))
    test_images, measure = measured(copy, "FreiHAND")
    assert measure.errors(test_images.records[0], np.array(vertices)) == {}
    assert mean_body_error(test_images, measure) is None
    for name, truth in (("xyz", [row[3][0] for row in rows]), ("verts", [row[3][1] for row in rows])):
        (copy / "FreiHAND" / f"evaluation_{name}.json").write_text(json.dumps(truth))
    test_images, measure = measured(copy, "FreiHAND")
    assert means(evaluate([(0, np.array(vertices))], test_images, measure, 1))["pa_mpjpe"] < 1e-3


def test_transfer_between_the_synthetic_bodies_and_from_a_file(tmp_path):
    smplx, smpl = load_body_model("smplx"), load_body_model("smpl")
    moved = load_transfer(smplx, smpl) @ smplx.v_template
    root = smpl.J_regressor[0]
    difference = moved - root @ moved - smpl.v_template + root @ smpl.v_template
    assert np.linalg.norm(difference, axis=1).mean() < 0.003
    path = tmp_path / "smplx2smpl.pkl"
    rows = np.arange(6890)
    matrix = sparse.csc_matrix((np.ones(6890), (rows, rows + 1)), (6890, 2 * 10475))
    path.write_bytes(pickle.dumps({"mtx": matrix}))
    assert (load_transfer(smplx, smpl, str(path)) @ smplx.v_template == smplx.v_template[1:6891]).all()
    path.write_bytes(pickle.dumps({"mtx": matrix[:, :100]}))
    with pytest.raises(UserError, match=r"mtx has the shape \(6890, 100\)"):
        load_transfer(smplx, smpl, str(path))
    path.write_bytes(pickle.dumps({"other": 1}))
    with pytest.raises(UserError, match="holds no matrix"):
        load_transfer(smplx, smpl, str(path))


# Predictions.

def test_batches_have_one_shape_and_keep_their_order():
    network = Network(np.arange(7)[:, None, None] * np.ones((7, 5, 3)))
    found = list(predict(network, Grey([None] * 7), 1, 3, np.array([1, 2, 4, 5, 6]), 2))
    assert [index for index, _ in found] == [1, 2, 4, 5, 6] == [mesh[0, 0] for _, mesh in found]
    assert network.shapes == [(3, 3, 4, 4)] * 2
    assert not list(predict(network, Grey([]), 1, 3, np.array([], int)))


def test_images_that_cannot_be_used_are_left_out_of_the_batches():
    class Some(Grey):
        def image(self, index):
            return None if index in (0, 3, 4) else super().image(index)

    network = Network(np.arange(9)[:, None, None] * np.ones((9, 5, 3)))
    found = list(predict(network, Some([None] * 9), 1, 2, np.arange(9), 2))
    assert [index for index, _ in found] == [1, 2, 5, 6, 7, 8] == [mesh[0, 0] for _, mesh in found]
    assert network.shapes == [(2, 3, 4, 4)] * 3


def test_predictions_that_are_not_finite_are_refused():
    with pytest.raises(UserError, match="not finite"):
        list(predict(Network(np.full((2, 5, 3), np.nan)), Grey([None] * 2), 1, 2, np.arange(2)))


def test_mean_body_is_that_of_the_others():
    class Measure:
        root = np.array([1.0, 0.0])
        meshes = {0: [[5.0, 0, 0], [5.1, 0, 0]], 1: [[0.0, 0, 0], [0.3, 0, 0]], 2: [[0, 0, 0], [0.2, 0, 0]], 3: None}

        def mesh(self, record):
            return None if self.meshes[record] is None else np.array(self.meshes[record])

    class Some:
        records = [0, 1, 2, 3]

    # Second vertices at 0.1, 0.3 and 0.2 from the first: the others' means are 0.25, 0.15 and 0.2.
    assert mean_body_error(Some(), Measure()) == pytest.approx(1000 * (0.15 + 0.15 + 0.0) / 3 / 2)


# Reports.

def test_report_of_all_workers(root, tmp_path, caplog):
    test_images, _ = measured(root, "PW3D")
    rows = [[index, record.key, {"mpjpe": float(index)}, None] for index, record in enumerate(test_images.records)]
    with caplog.at_level("INFO", "mindhuman"):
        figures = report("PW3D", rows[1::2] + rows[::2], test_images, str(tmp_path), {"body_model": "synthetic"})
    assert figures == {"mpjpe": (len(rows) - 1) / 2}
    content = json.loads((tmp_path / "eval_result.json").read_text())
    assert content["people"] == len(rows) and content["body_model"] == "synthetic" and content["testset"] == "PW3D"
    assert list(content["errors"]) == [record.key for record in test_images.records]
    assert f"MPJPE: {figures['mpjpe']:.2f} mm" in caplog.messages


def test_hands_are_written_for_the_server_in_their_order(root, tmp_path, caplog):
    test_images, measure = measured(root, "FreiHAND")
    rows = rows_of(test_images, measure)
    report("FreiHAND", rows[::-1], test_images, str(tmp_path), {})
    joints, vertices = json.loads((tmp_path / "FreiHAND" / "pred.json").read_text())
    assert np.shape(joints) == (len(rows), 21, 3) and np.shape(vertices) == (len(rows), 778, 3)
    np.testing.assert_allclose(vertices[0], measure.mesh(test_images.records[0]), atol=1e-6)
    test_images.records = test_images.records * 2  # the second half was left out
    with caplog.at_level("INFO", "mindhuman"):
        report("FreiHAND", rows, test_images, str(tmp_path), {})
    joints, vertices = json.loads((tmp_path / "FreiHAND" / "pred.json").read_text())
    assert np.shape(joints) == (2 * len(rows), 21, 3) and np.shape(vertices) == (2 * len(rows), 778, 3)
    assert np.any(vertices[len(rows) - 1]) and not np.any(vertices[len(rows):]) and not np.any(joints[len(rows):])
    assert f"and zeros for {len(rows)}" in caplog.text
    assert f"{len(rows)} whose image cannot be used are left out" in caplog.text
    assert json.loads((tmp_path / "eval_result.json").read_text())["left_out"] == len(rows)


@pytest.fixture
def trained(monkeypatch):
    """The command with a network in place that always gives the body at rest."""
    def load(config):
        model = load_body_model("mano_right" if config.parts == "hand" else "smplx")
        turned = (model.v_template * (1, -1, -1) + (0, 0, 20)).astype(np.float32)
        place = 3 if config.parts == "hand" else 8

        class AtRest(nn.Cell):
            def construct(self, images):
                return (*[images] * place, ops.ones_like(images[:, :1, :1, 0]) * Tensor(turned[None]))

        return AtRest(), config, model, Checkpoint("snapshot_6.ckpt", {})

    monkeypatch.setattr(evaluate_module, "load_trained", load)


def test_command(root, tmp_path, trained, capsys):
    common = ["--dataset_root", str(root), "--output_dir", str(tmp_path), "--device_target", "CPU"]
    script.main([*common, "--testset", "3dpw", "--test_batch_size", "3", "--vis", "true", "--mean_body", "true"])
    out = capsys.readouterr().out
    assert "MPJPE: " in out and "MPVPE of the mean of the other people for each: " in out
    content = json.loads((tmp_path / "result" / "eval_result.json").read_text())
    assert content["checkpoint"] == "snapshot_6.ckpt" and content["mean_body_mpvpe"] > 0
    assert len(list((tmp_path / "vis" / "PW3D").glob("*.jpg"))) == content["people"]
    script.main([*common, "--parts", "hand", "--vis", "true"])
    assert "F@15mm" in capsys.readouterr().out and (tmp_path / "result" / "FreiHAND" / "pred.json").exists()


@pytest.mark.full
def test_two_workers_measure_as_one(root, tmp_path):
    tiny = ["--parts", "hand", "--input_hand_shape", "32,32", "--output_hand_hm_shape", "2,1,1", "--width", "0.125",
            "--resnet_type", "18"]
    config, checkpoint = settings(root, *tiny), str(tmp_path / "snapshot_0_hand.ckpt")
    write_checkpoint(checkpoint, build_network(config, load_body_model("mano_right")), meta={"config": dict(config)})
    flags = ["--dataset_root", str(root), "--parts", "hand", "--test_batch_size", "1", "--pretrained_model", checkpoint,
             "--device_target", "CPU"]
    script.main([*flags, "--output_dir", str(tmp_path / "one")])
    done = subprocess.run([sys.executable, script.__file__, *flags, "--gpu", "0,1", "--output_dir",
                           str(tmp_path / "two")], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    one, two = (json.loads((tmp_path / name / "result" / "eval_result.json").read_text()) for name in ("one", "two"))
    assert one["people"] == two["people"] == 2 and list(one["errors"]) == list(two["errors"])
    for name, value in one["results"].items():
        assert two["results"][name] == pytest.approx(value, rel=1e-4)
    sent = [json.loads((tmp_path / name / "result" / "FreiHAND" / "pred.json").read_text()) for name in ("one", "two")]
    np.testing.assert_allclose(sent[0][1], sent[1][1], atol=1e-5)
    left = {path.name for path in (tmp_path / "two" / "result").iterdir()}
    assert left == {"eval_result.json", "FreiHAND"}


# Bad input.

def test_bad_input(root, tmp_path, trained):
    copy = shutil.copytree(root, tmp_path / "copy")
    with pytest.raises(UserError, match="--testset FreiHAND: choose from EHF"):
        read_test_records(settings(copy, "--testset", "FreiHAND"))
    with pytest.raises(UserError, match="--testset AGORA: choose from FreiHAND"):
        read_test_records(settings(copy, "--testset", "AGORA", "--parts", "hand"))
    test_images, measure = measured(copy, "EHF")
    (copy / "EHF" / "data" / "01_align.ply").unlink()
    with pytest.raises(UserError, match="01_align.ply"):
        rows_of(test_images, measure)
    (copy / "EHF" / "data" / "01_img.jpg").write_bytes(b"nothing")
    with pytest.raises(UserError, match="none of the first 1 images can be used: .*01_img.jpg .* is damaged"):
        test_images.image(0)
    path = copy / "EHF" / "data" / "EHF.json"
    content = json.loads(path.read_text())
    content["annotations"][0]["body_bbox"] = [0, 0, 0, 10]
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="nobody of the test set has a box"):
        measured(copy, "EHF")
    shutil.rmtree(copy / "EHF")
    with pytest.raises(UserError, match="put or link the data set EHF there"):
        measured(copy, "EHF")


def test_people_without_a_box_are_counted(root, tmp_path, caplog):
    copy = shutil.copytree(root / "PW3D", tmp_path / "PW3D")
    path = copy / "data" / "3DPW_test.json"
    content = json.loads(path.read_text())
    content["annotations"][0]["bbox"] = [10, 10, 0, 0]
    path.write_text(json.dumps(content))
    test_images, _ = measured(tmp_path, "PW3D")
    assert len(test_images) == len(content["annotations"]) - 1 and "1 of 2 annotations have no bbox" in caplog.text


def test_genders_need_their_files(root):
    test_images, measure = measured(root, "PW3D")
    measure.config = dict(measure.config) | {"smpl_path": "SMPL_NEUTRAL.pkl"}
    measure.config = type("Settings", (dict,), {"__getattr__": dict.__getitem__})(measure.config)
    with pytest.raises(UserError, match="--smpl_.*male_path is empty"):
        measure.mesh(test_images.records[0])
