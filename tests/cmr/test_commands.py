"""The commands from training to inference on a small set, and what they say to bad input."""
import json
import os
import re
import shutil
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.sparse

from cmr import eval as eval_script
from cmr import export, infer, preprocess, train
from cmr.src.config import read_settings
from cmr.src.mesh import load_body
from cmr.src.network import build_network
from common.engine.checkpoint import read_checkpoint, write_checkpoint
from common.errors import UserError
from common.stand_ins.datasets import up3d as up3d_samples

ROOT = Path(__file__).resolve().parents[2]
# What costs time here is compiling.
SMALL = ["--dataset", "up-3d", "--depth", "18", "--width", "0.125", "--num_channels", "16", "--num_layers", "0",
         "--img_res", "64", "--batch_size", "2", "--camera_lr_factor", "0.1", "--seed", "3", "--device_target", "CPU"]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Flags that name ten prepared people: eight to train on, two to test with."""
    root = tmp_path_factory.mktemp("data")
    up3d_samples.make(Namespace(output_dir=str(root / "UP_3D"), seed=1, num=10, num_lsp=0, easy=False, crops=0))
    flags = ["--dataset_root", str(root), "--dataset_npz_path", str(root), "--names_up_lsp_path",
             str(root / "UP_3D" / "namesUPlsp.txt")]
    preprocess.main(["--train_files", "--eval_files", "--only", "up-3d", *flags])
    return flags


@pytest.fixture(scope="module")
def trained(places, tmp_path_factory):
    """Output folder of an epoch of four steps."""
    folder = tmp_path_factory.mktemp("trained")
    train.main([*SMALL, *places, "--epochs", "1", "--checkpoint_steps", "3", "--summary_steps", "2",
                "--lr_decay", "0.1", "--save_checkpoint_dir", str(folder)])
    return folder


@pytest.mark.slow
def test_a_run_leaves_checkpoints_settings_curves_and_images(trained):
    assert sorted(os.listdir(trained)) == ["cmr-3.ckpt", "cmr-4.ckpt", "config.yaml", "metrics.csv",
                                           "metrics.png", "summaries"]
    checkpoint = read_checkpoint(str(trained / "cmr-4.ckpt"))
    assert checkpoint.meta["body_model"] == "synthetic" and checkpoint.meta["epoch"] == 1
    # Neither body nor mesh: what is trained, and nothing of 6890 rows.
    assert not [name for name, array in checkpoint.weights.items() if 6890 in array.shape]
    header, *rows = (trained / "metrics.csv").read_text().splitlines()
    assert header.startswith("step,epoch,learning_rate,loss,shape,shape_smpl,keypoints") and len(rows) == 2
    assert sorted(os.listdir(trained / "summaries")) == ["00000002.png", "00000004.png"]
    assert cv2.imread(str(trained / "summaries" / "00000004.png")).shape == (4 * 64, 3 * 64, 3)


@pytest.mark.slow
def test_resuming_within_an_epoch_changes_no_bit(trained, places, tmp_path, capsys):
    shutil.copy(trained / "cmr-3.ckpt", tmp_path)
    flags = [*SMALL, *places, "--epochs", "1", "--lr_decay", "0.1", "--summary_steps", "0",
             "--save_checkpoint_dir", str(tmp_path), "--resume"]
    train.main(flags)
    said = capsys.readouterr().out
    assert "epoch 1, step 3 of 4" in said
    assert re.search(r"^epoch: 1 step: 4, loss is \d\.\d+$", said, re.M)
    one, other = (read_checkpoint(str(folder / "cmr-4.ckpt")) for folder in (trained, tmp_path))
    for group in ("weights", "optimizer"):
        left, right = getattr(one, group), getattr(other, group)
        assert set(left) == set(right) and left
        assert all((left[name] == right[name]).all() for name in left)
    for argv, words in ((["--lr", "0.1"], "lr 0.0003"), (["--epochs", "3"], "epochs 1")):
        with pytest.raises(UserError, match=words):
            train.main([*flags, *argv])


@pytest.mark.slow
def test_from_evaluation_to_meshes(trained, places, tmp_path, capsys):
    checkpoint = str(trained / "cmr-4.ckpt")
    eval_script.main(["--checkpoint", checkpoint, *places, "--result_dir", str(tmp_path), "--batch_size", "2",
                      "--device_target", "CPU"])
    said = capsys.readouterr().out
    assert re.search(r"^Start eval\n\*\*\* Final Results \*\*\*\n\nShape Error \(NonParam\): [\d.]+\n"
                     r"Shape Error \(Param\): [\d.]+\n\nMean Shape Error .*: [\d.]+$", said, re.M)
    result = json.loads((tmp_path / "eval_result.json").read_text())
    assert result["dataset"] == "up-3d" and result["people"] == 2 and result["body_model"] == "synthetic"
    assert set(result["results"]) == {"Shape Error (NonParam)", "Shape Error (Param)", "Mean Shape Error"}
    export.main(["--checkpoint", checkpoint, "--file_name", str(tmp_path / "cmr"), "--device_target", "CPU"])
    assert (tmp_path / "cmr.mindir").stat().st_size > 1e6
    photo = os.path.join(places[1], "UP_3D", "up-3d", "00009_image.png")
    infer.main(["--checkpoint", checkpoint, "--image", photo, "--output_dir", str(tmp_path / "out"),
                "--formats", "json,png", "--device_target", "CPU"])
    names = os.listdir(tmp_path / "out")
    assert any(name.endswith("overlay.png") for name in names) and any(name.endswith(".json") for name in names)


@pytest.mark.full
def test_two_workers_share_the_images(places, tmp_path):
    command = [sys.executable, str(ROOT / "scripts" / "run_workers.py"), "2", str(tmp_path / "logs"),
               str(ROOT / "cmr" / "train.py"), *SMALL, *places, "--epochs", "1", "--distribute", "--summary_steps",
               "0", "--save_checkpoint_dir", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    checkpoint = read_checkpoint(str(tmp_path / "run" / "cmr-2.ckpt"))
    assert checkpoint.meta["step"] == 2 and all(np.isfinite(array).all() for array in checkpoint.weights.values())


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """A checkpoint of initial weights."""
    config = read_settings(SMALL)
    path = str(tmp_path_factory.mktemp("untrained") / "cmr.ckpt")
    write_checkpoint(path, build_network(config, load_body(config)),
                     meta={"model": "cmr", "config": dict(config), "step": 0, "epoch": 0})
    return path


def write_small_mesh(path):
    """Matrices in the published layout for meshes of six and three vertices."""
    members = {"A": [np.eye(6), np.eye(3)], "U": [np.ones((6, 3))], "D": [np.ones((3, 6))]}
    arrays = {}
    for name, matrices in {**members, "F": [np.zeros((1, 3), np.uint32)] * 2}.items():
        arrays[name] = np.empty(len(matrices), object)
        arrays[name][:] = [matrix if name == "F" else scipy.sparse.csc_matrix(matrix) for matrix in matrices]
    np.savez(path, **arrays)


TRAIN, EVAL = train.main, eval_script.main


@pytest.mark.parametrize("main, argv, words", [
    (TRAIN, ["--epochs", "0"], ["--epochs"]),
    (TRAIN, ["--batch_size", "0"], ["--batch_size"]),
    (TRAIN, ["--batch_size", "100"], ["--batch_size", "8 samples"]),
    (TRAIN, ["--img_res", "100"], ["--img_res", "32"]),
    (TRAIN, ["--num_channels", "40"], ["--num_channels", "16"]),
    (TRAIN, ["--depth", "101"], ["--depth", "18, 34, 50"]),
    (TRAIN, ["--noise_factor", "1.5"], ["--noise_factor"]),
    (TRAIN, ["--lr_decay", "0"], ["--lr_decay"]),
    (TRAIN, ["--dataset", "itw"], ["lsp_dataset_original_train.npz", "preprocess.py"]),
    (TRAIN, ["--dataset", "3dpw"], ["--dataset", "itw"]),
    (TRAIN, ["--dataset_npz_path", "/nowhere"], ["/nowhere", "up_3d_trainval.npz"]),
    (TRAIN, ["--dataset_root", "/nowhere"], ["/nowhere", "_image.png"]),
    (TRAIN, ["--smpl_path", "/nowhere.pkl"], ["/nowhere.pkl"]),
    (TRAIN, ["--mesh_path", "/nowhere.npz"], ["/nowhere.npz"]),
    (TRAIN, ["--mesh_path", "MESH"], ["mesh.npz", "6890"]),
    (TRAIN, ["--joint_regressor_extra_path", "/nowhere.npy"], ["/nowhere.npy"]),
    (TRAIN, ["--pretrained_resnet_50", "/nowhere.ckpt"], ["/nowhere.ckpt"]),
    (TRAIN, ["--pretrained_checkpoint", "STRANGE"], ["strange.ckpt", "nobody.knows"]),
    (TRAIN, ["--amp_level", "O1"], ["--amp_level"]),
    (EVAL, ["--checkpoint", "/nowhere.ckpt"], ["/nowhere.ckpt"]),
    (EVAL, ["--checkpoint", "STRANGE"], ["strange.ckpt", "nobody.knows"]),
    (EVAL, ["--dataset", "itw"], ["--dataset", "h36m-p1"]),
    (EVAL, ["--dataset", "lsp"], ["lsp_dataset_test.npz", "--eval_files"]),
    (EVAL, ["--width", "0.5"], ["--width", "contradicts"]),
])
def test_bad_input_is_one_sentence(main, argv, words, places, untrained, tmp_path):
    write_checkpoint(str(tmp_path / "strange.ckpt"), {"nobody.knows": np.zeros(3, np.float32)})
    write_small_mesh(tmp_path / "mesh.npz")
    stand_ins = {"STRANGE": str(tmp_path / "strange.ckpt"), "MESH": str(tmp_path / "mesh.npz")}
    argv = [stand_ins.get(word, word) for word in argv]
    flags = [*places, "--save_checkpoint_dir", str(tmp_path / "run"), "--result_dir", str(tmp_path / "out")]
    flags += SMALL if main is TRAIN else ["--device_target", "CPU"]
    if "--checkpoint" not in argv and main is EVAL:
        flags += ["--checkpoint", untrained]
    with pytest.raises(UserError) as error:
        main([*flags, *argv])
    assert all(word in str(error.value) for word in words), str(error.value)
    assert "\n" not in str(error.value)
