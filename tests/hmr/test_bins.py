"""From a checkpoint to the measure of its exported network: export, preprocess, inference on files, postprocess."""
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from common.engine.checkpoint import write_checkpoint
from common.errors import UserError
from hmr import export, postprocess, preprocess
from hmr.src.bins import read_view
from hmr.src.body import load_body
from hmr.src.config import read_settings
from hmr.src.network import JOINTS, OUTPUTS, build_network
from tools import infer_mindir

ROOT = Path(__file__).parents[2]
SMALL = ["--width", "0.125", "--depth", "18", "--hidden_size", "16", "--crop_size", "64"]
NUMBER = 3


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three people of Human3.6M in `annot.h5`; joints are those of a standing person, shifted and noisy."""
    root = tmp_path_factory.mktemp("HMR_DATA")
    images = root / "human3.6m" / "images"
    images.mkdir(parents=True)
    rng = np.random.default_rng(1)
    names = [f"S9_{action}_1.54138969_{number:06d}.png"
             for number, action in enumerate(("Walking", "Walking", "Eating"))]
    for name in names:
        cv2.imwrite(str(images / name), rng.integers(0, 256, (120, 100, 3), np.uint8))
    gt2d = np.concatenate([rng.uniform(20, 90, (NUMBER, 14, 2)), np.ones((NUMBER, 14, 1))], -1)
    with h5py.File(root / "human3.6m" / "annot.h5", "w") as file:
        file["gt2d"] = gt2d.reshape(NUMBER, 42)
        file["gt3d"] = rng.normal(0, 0.4, (NUMBER, 42))
        file["imagename"] = np.array([f"/{name}".encode() for name in names])
    return root


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    config = read_settings([*SMALL, "--convention", "spin"])
    path = tmp_path_factory.mktemp("checkpoint") / "small.ckpt"
    write_checkpoint(str(path), build_network(config, load_body(config)), meta={"model": "hmr", "config": dict(config)})
    return str(path)


@pytest.fixture(scope="module")
def exported(checkpoint, tmp_path_factory):
    """MINDIR with two images per call."""
    path = tmp_path_factory.mktemp("exported") / "small.mindir"
    export.main(["--checkpoint_file_path", checkpoint, "--file_name", str(path), "--batch_size=1",
                 "--batch_3d_size", "1", "--device_target", "CPU"])
    return str(path)


def flags(exported, data, folder):
    return ["--file_name", exported, "--dataset", "Human3.6m", "--data_path", str(data), "--output_path", str(folder)]


def test_the_description_says_all_that_a_program_needs(exported):
    content = json.loads(Path(exported).with_suffix(".json").read_text())
    assert content["input"]["shape"] == [2, 3, 64, 64] and content["input"]["mean"] == [0.485, 0.456, 0.406]
    assert [output["name"] for output in content["outputs"]] == list(OUTPUTS)
    assert content["outputs"][3]["joints"] == list(JOINTS) and content["outputs"][1]["shape"] == [2, 6890, 3]
    assert content["body_model"] == {"kind": "smpl", "file": "synthetic", "synthetic": True}
    view = read_view(exported)
    assert (view.convention.name, view.kind, view.size, view.margin, view.batch_size) == ("spin", "pytorch_hmr", 64,
                                                                                          1.2, 2)


@pytest.mark.slow
def test_the_file_protocol_measures_what_eval_measures(checkpoint, exported, data, tmp_path, capsys):
    from hmr import eval as evaluation

    (tmp_path / "bins" / "img_data").mkdir(parents=True)
    (tmp_path / "bins" / "img_data" / "7.bin").write_bytes(b"of another run")
    preprocess.main(flags(exported, data, tmp_path / "bins"))
    assert sorted(os.listdir(tmp_path / "bins" / "img_data")) == ["0.bin", "1.bin"]
    assert [(tmp_path / "bins" / "label" / f"{number}.bin").stat().st_size // 4 for number in (0, 1)] == [342, 171]
    infer_mindir.main(["--model_path", exported, "--dataset_path", str(tmp_path / "bins" / "img_data"),
                       "--result_path", str(tmp_path / "results"), "--time_path", str(tmp_path / "time"),
                       "--device_target", "CPU"])
    assert (tmp_path / "results" / "1_3.bin").stat().st_size == 2 * 19 * 3 * 4
    capsys.readouterr()
    postprocess.main(["--label_file", str(tmp_path / "bins" / "label"), "--result_path", str(tmp_path / "results")])
    said = capsys.readouterr().out
    evaluation.main(["--ckpt_file", checkpoint, "--data_path", str(data), "--dataset", "human3.6m", "--eval_path",
                     str(tmp_path / "eval"), "--eval_batch_size", "2", "--device_target", "CPU"])
    figures = json.loads((tmp_path / "eval" / "eval_result.json").read_text())
    measured = float(said.split("PA-MPJPE is :")[1].split()[0])
    assert abs(measured - figures["pa_mpjpe"]["mean"]) < 1e-3
    assert f"MPJPE: {figures['mpjpe']['mean']:.2f} mm" in said and "\ntime: " in said
    assert "Walking" in said and "Eating" in said


@pytest.mark.slow
def test_the_launch_script_runs_the_chain_on_a_cpu(exported, data, tmp_path):
    environment = {**os.environ, "PYTHON": sys.executable, "DEVICE_TARGET": "CPU"}
    script = [str(ROOT / "hmr" / "scripts" / "run_infer_310.sh")]
    done = subprocess.run(["bash", *script, exported, "Human3.6m", str(data), "0"], capture_output=True, text=True,
                          cwd=tmp_path, env=environment, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PA-MPJPE is : " in done.stdout and (tmp_path / "acc.log").read_text() in done.stdout
    assert "NN inference cost average time: " in (tmp_path / "infer.log").read_text()
    done = subprocess.run(["bash", *script, "none.mindir", "Human3.6m", str(data)], capture_output=True, text=True,
                          cwd=tmp_path, env=environment, timeout=60)
    assert done.returncode == 1 and "none.json does not exist" in done.stderr and "preprocess.log" in done.stderr


@pytest.fixture
def bins(tmp_path):
    """Labels of three people, and predictions that are a moved and turned copy of them, in two files."""
    rng = np.random.default_rng(2)
    j3d = rng.normal(0, 0.4, (NUMBER, 14, 3))
    labels = np.concatenate([rng.uniform(-1, 1, (NUMBER, 42)), j3d.reshape(NUMBER, 42), np.zeros((NUMBER, 85)),
                             np.zeros((NUMBER, 1)), np.ones((NUMBER, 1))], 1)
    turned = 1.5 * j3d @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]) + 3.0
    found = np.concatenate([turned, np.zeros((NUMBER, 5, 3))], 1)
    for folder in ("label", "results"):
        (tmp_path / folder).mkdir()
    for number, rows in enumerate((slice(0, 2), slice(2, 3))):
        labels[rows].astype(np.float32).tofile(tmp_path / "label" / f"{number}.bin")
        predicted = np.zeros((2, 19, 3))
        predicted[:len(labels[rows])] = found[rows]
        predicted.astype(np.float32).tofile(tmp_path / "results" / f"{number}_3.bin")
        predicted[..., :2].astype(np.float32).tofile(tmp_path / "results" / f"{number}_2.bin")
    return tmp_path


def measure(folder):
    postprocess.main(["--label_file", str(folder / "label"), "--result_path", str(folder / "results")])


def test_aligned_errors_forget_place_turn_and_size(bins, capsys):
    measure(bins)
    said = capsys.readouterr().out
    assert float(said.split("PA-MPJPE is :")[1].split()[0]) < 1e-3
    assert float(said.split("MPJPE: ")[1].split()[0]) > 100


def test_people_without_3d_joints_are_measured_in_2d(bins, capsys):
    for path in (bins / "label").iterdir():
        labels = np.fromfile(path, np.float32).reshape(-1, 171)
        labels[:, -1] = 0
        labels[:, :42].reshape(-1, 14, 3)[..., 2] = 1
        labels.tofile(path)
        predicted = np.zeros((2, 19, 2), np.float32)
        predicted[:len(labels), :14] = labels[:, :42].reshape(-1, 14, 3)[..., :2]
        predicted.tofile(bins / "results" / f"{path.stem}_2.bin")
    measure(bins)
    assert "PCK at 0.2 of the torso: 100.00" in capsys.readouterr().out


@pytest.mark.parametrize("broken, words", [
    ("label/0.bin", "no multiple of 684"), ("results/1_3.bin", "no multiple of 228"), ("missing", "1_3.bin does not"),
    ("short", "holds 1 people, its label 2"), ("empty", "holds no labels"),
])
def test_damaged_files_are_named(bins, broken, words):
    if broken == "missing":
        os.remove(bins / "results" / "1_3.bin")
    elif broken == "short":
        np.zeros((1, 57), np.float32).tofile(bins / "results" / "0_3.bin")
        np.zeros((1, 38), np.float32).tofile(bins / "results" / "0_2.bin")
    elif broken == "empty":
        for path in (bins / "label").iterdir():
            path.unlink()
    else:
        (bins / broken).write_bytes(b"abc")
    with pytest.raises(UserError, match=words):
        measure(bins)


@pytest.mark.parametrize("argv, words", [
    (["--file_name", "nowhere/net"], "nowhere/net.json does not exist"),
    (["--file_name", "bad"], "bad.json describes no exported network of hmr"),
    (["--batch_size", "8"], "takes 2 images per call"),
    (["--dataset", "imagenet"], "--dataset imagenet"),
    (["--data_path", "nowhere"], "nowhere"),
])
def test_preprocess_refuses_bad_input(exported, data, tmp_path, monkeypatch, argv, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.json").write_text('{"model": "cmr"}')
    with pytest.raises(UserError, match=words):
        preprocess.main([*flags(exported, data, tmp_path / "bins"), *argv])


@pytest.mark.parametrize("argv, words", [
    (["--file_format", "TXT"], "--file_format TXT"), (["--file_format", "AIR"], "only the Ascend back end"),
    (["--file_format", "ONNX", "--batch_size", "0"], "needs a fixed batch"),
    (["--convention", "tf"], "contradicts"), (["--ckpt_file", "nowhere.ckpt"], "nowhere.ckpt"),
])
def test_export_refuses_bad_input(checkpoint, tmp_path, argv, words):
    with pytest.raises(UserError, match=words):
        export.main(["--checkpoint_file_path", checkpoint, "--file_name", str(tmp_path / "net"), "--device_target",
                     "CPU", *argv])
