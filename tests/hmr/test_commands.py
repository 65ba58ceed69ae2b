"""From training to inference through the commands on a small set, and what they say to bad input."""
import json
import os
import re
import shutil

import cv2
import h5py
import hmr_golden as golden
import numpy as np
import pytest
import scipy.io
from mindspore import Tensor

from common.engine.checkpoint import read_checkpoint, write_checkpoint
from common.engine.export import load_mindir
from common.errors import UserError
from hmr import eval as eval_script
from hmr import export, infer, train
from hmr.src.body import load_body
from hmr.src.config import read_settings
from hmr.src.network import load_trained

seeded = golden.seeded

SIDE, CROP = 96, 32
SMALL = ["--depth", "18", "--width", "0.125", "--hidden_size", "16", "--discriminator_size", "8", "--crop_size",
         str(CROP),
         "--min_size", "10", "--batch_size", "2", "--batch_3d_size", "2", "--log_interval", "1", "--e_lr", "0.001",
         "--save_steps", "2", "--keep_checkpoint_max", "0", "--device_target", "CPU"]


def joints(name, count):
    """(count, 14, 2) places inside an image."""
    return 48 + 14 * np.clip(seeded.array(name, (count, 14, 2), 1), -2, 2)


def put(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), seeded.image(f"commands/{number}", SIDE, SIDE, 1)[..., ::-1])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """HMR_DATA with six people of LSP and, of Human3.6M, six for training and three for evaluation; and 20 poses."""
    root = tmp_path_factory.mktemp("hmr data")
    lsp = np.concatenate([joints("lsp", 12), np.zeros((12, 14, 1))], -1)
    (root / "lsp").mkdir()
    scipy.io.savemat(root / "lsp" / "joints.mat", {"joints": lsp.transpose(2, 1, 0)})
    for number in range(12):
        put(root / "lsp" / "images" / f"im{number + 1:04d}.jpg", number)
    names = [f"S{subject}_Walking_1.54138969_{frame:06d}.jpg" for subject in (1, 9, 5) for frame in (1, 2, 3)]
    for number, name in enumerate(names):
        put(root / "human3.6m" / "images" / name, 20 + number)
    with h5py.File(root / "human3.6m" / "annot.h5", "w") as file:
        seen = np.ones((len(names), 14, 1))
        file["gt2d"] = np.concatenate([joints("h36m", len(names)), seen], -1).reshape(len(names), -1)
        file["gt3d"] = 0.3 * seeded.array("h36m/3d", (len(names), 42), 1)
        file["pose"], file["shape"] = (0.2 * seeded.array(f"h36m/{size}", (len(names), size), 1) for size in (72, 10))
        file["imagename"] = np.array([f"/{name}".encode() for name in names])
    (root / "mosh").mkdir()
    with h5py.File(root / "mosh" / "mosh_annot.h5", "w") as file:
        file["pose"], file["shape"] = (0.2 * seeded.array(f"mosh/{size}", (20, size), 1) for size in (72, 10))
    return root


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """Output folder of two passes of three steps over twelve people."""
    folder = tmp_path_factory.mktemp("trained")
    train.main([*SMALL, "--data_path", str(data), "--epochs", "2", "--model_save", str(folder)])
    return folder


@pytest.mark.slow
def test_a_run_leaves_checkpoints_settings_and_curves(trained):
    assert sorted(os.listdir(trained)) == ["config.yaml", "hmr-2.ckpt", "hmr-3.ckpt", "hmr-5.ckpt", "hmr-6.ckpt",
                                           "metrics.csv", "metrics.png"]
    meta = read_checkpoint(str(trained / "hmr-6.ckpt")).meta
    assert meta["model"] == "hmr" and meta["body_model"] == "synthetic" and meta["config"]["rotate_base"] is True
    assert read_settings(["--config_path", str(trained / "config.yaml")]).width == 0.125
    header, *rows = (trained / "metrics.csv").read_text().splitlines()
    assert header == ("step,epoch,learning_rate,loss,kp2d,kp3d,shape,pose,adversarial,discriminator_real,"
                      "discriminator_fake")
    assert len(rows) == 6 and all(float(value) > 0 for value in rows[0].split(",")[4:6])


@pytest.mark.slow
def test_resuming_within_a_pass_changes_no_bit_of_either_side(trained, data, tmp_path, capsys):
    shutil.copytree(trained, tmp_path / "run")
    for step in (3, 5, 6):
        os.remove(tmp_path / "run" / f"hmr-{step}.ckpt")
    # What a killed writer leaves is in nobody's way.
    (tmp_path / "run" / ".hmr-3.abcdefgh.part.ckpt").write_bytes(b"half")
    flags = [*SMALL, "--data_path", str(data), "--epochs", "2", "--model_save", str(tmp_path / "run"), "--resume"]
    with pytest.raises(UserError, match="made with e_lr 0.001, this run has 0.002"):
        train.main([*flags, "--e_lr", "0.002"])
    train.main(flags)
    assert "epoch 1, step 2 of 3" in capsys.readouterr().out
    one, other = (read_checkpoint(str(folder / "hmr-6.ckpt")) for folder in (trained, tmp_path / "run"))
    for group in ("weights", "optimizer"):
        left, right = getattr(one, group), getattr(other, group)
        assert set(left) == set(right)
        assert not [name for name in left if not np.array_equal(left[name], right[name])]
    assert {name.split(".")[0] for name in one.weights} == {"encoder", "regressor", "critic"}
    assert any(name.startswith("critic.") and "moment" in name for name in one.optimizer)
    assert (tmp_path / "run" / "metrics.csv").read_text() == (trained / "metrics.csv").read_text()


@pytest.mark.slow
def test_2d_alone_from_a_checkpoint_and_a_loss_that_is_no_number(trained, data, tmp_path, capsys):
    """No discriminator, no 3D; a learning rate far too high stops the run, and what was saved before stays."""
    flags = [*SMALL, "--data_path", str(data), "--train_3d_set", "", "--train_adv_set", "", "--dropout", "1",
             "--model_save", str(tmp_path), "--ckpt_file", str(trained / "hmr-6.ckpt"), "--save_steps", "1"]
    with pytest.raises(UserError, match="training stops, the checkpoints written before stay"):
        train.main([*flags, "--epochs", "3", "--e_lr", "1000"])
    said = capsys.readouterr().out
    assert "training goes on without a discriminator" in said and "kp2d" in said
    assert "adversarial" not in said and "Saved" in said
    saved = read_checkpoint(str(tmp_path / "hmr-1.ckpt"))
    assert not [name for name in saved.weights if name.startswith("critic.")]


@pytest.mark.slow
def test_evaluation_of_joints_and_keypoints(trained, data, tmp_path, capsys):
    flags = ["--data_path", str(data), "--model_save", str(trained), "--eval_batch_size", "2", "--device_target", "CPU"]
    eval_script.main([*flags, "--eval_path", str(tmp_path)])
    said = capsys.readouterr().out
    assert re.search(r"^Walking +\d+\.\d\d +\d+\.\d\d$", said, re.M) and "hmr-6.ckpt" in said
    result = json.loads((tmp_path / "eval_result.json").read_text())
    assert result["dataset"] == "human3.6m" and result["people"] == 3 and result["body_model"] == "synthetic"
    assert result["mpjpe"]["mean"] > result["pa_mpjpe"]["mean"] > 0 and result["mean_pose_pa_mpjpe"] > 0
    with np.load(tmp_path / "eval_result.npz") as rows:
        assert rows["theta"].shape == (3, 85) and rows["key"].shape == (3,) and rows["joints"][0] == "right_ankle"
        assert rows["pa_mpjpe_mm"].mean() == pytest.approx(result["pa_mpjpe"]["mean"])
    eval_script.main([*flags, "--eval_path", str(tmp_path), "--dataset", "lsp", "--eval_num", "2"])
    assert json.loads((tmp_path / "eval_result.json").read_text())["people"] == 2
    assert re.search(r"PCK at 0.2 of the torso: \d", capsys.readouterr().out)


@pytest.mark.slow
def test_exported_and_drawn(trained, data, tmp_path):
    flags = ["--ckpt_file", str(trained / "hmr-6.ckpt"), "--device_target", "CPU"]
    export.main([*flags, "--file_name", str(tmp_path / "hmr")])
    network, config, _, _ = load_trained(read_settings(flags), load_body(read_settings(flags)))
    assert config.crop_size == CROP
    image = Tensor(seeded.array("commands/input", (1, 3, CROP, CROP), 1))
    for one, other in zip(load_mindir(str(tmp_path / "hmr.mindir"))(image), network(image)):
        assert np.abs(one.asnumpy() - other.asnumpy()).max() < 1e-4
    infer.main([*flags, "--image", str(data / "lsp" / "images" / "im0001.jpg"), "--output_dir", str(tmp_path / "out"),
                "--formats", "json,png"])
    names = os.listdir(tmp_path / "out")
    assert any(name.endswith(".json") for name in names) and any(name.endswith("_overlay.png") for name in names)


@pytest.fixture(scope="module")
def strange(tmp_path_factory):
    """Checkpoints that are no generator."""
    folder = tmp_path_factory.mktemp("strange")
    arrays = {"nobody.knows": np.zeros(3, np.float32)}
    for name, settings in (("critic", {"part": "critic"}), ("encoder", {"part": "encoder"}), ("nothing", {}),
                           ("other", {"convention": "tf"}), ("changed", {"convention": "tf", "rotate_base": True})):
        write_checkpoint(str(folder / f"{name}.ckpt"), arrays, meta={"config": settings})
    return folder


@pytest.mark.parametrize("main, argv, words", [
    (train.main, ["--epoch", "1"], ["--epoch", "did you mean"]),
    (train.main, ["--data_path", ""], ["--data_path is missing"]),
    (train.main, ["--amp_level", "O1"], ["--amp_level"]),
    (train.main, ["--resume"], ["--resume", "--model_save"]),
    (train.main, ["--min_keypoints", "15"], ["data set lsp", "6 by --min_keypoints 15"]),
    (train.main, ["--min_size", "500"], ["data set lsp", "6 by --min_size 500"]),
    (train.main, ["--batch_size", "40", "--batch_3d_size", "40"], ["--batch_size 80", "12 samples"]),
    (train.main, ["--ckpt_file", "CRITIC"], ["discriminator only", "--discriminator_path"]),
    (train.main, ["--ckpt_file", "NOTHING"], ["does not say which conventions"]),
    (train.main, ["--smpl_path", "/nowhere.pkl"], ["/nowhere.pkl"]),
    (train.main, ["--enable_modelarts"], ["moxing"]),
    (eval_script.main, ["--ckpt_file", "/nowhere.ckpt"], ["/nowhere.ckpt"]),
    (eval_script.main, ["--ckpt_file", "ENCODER"], ["encoder only", "--encoder_path"]),
    (eval_script.main, ["--ckpt_file", "OTHER"], ["missing", "unexpected: nobody.knows"]),
    (eval_script.main, ["--ckpt_file", "CHANGED"], ["rotate_base True", "convention tf"]),
    (eval_script.main, ["--ckpt_file", "OTHER", "--convention", "spin"], ["--convention spin", "contradicts"]),
    (eval_script.main, ["--dataset", "mpii"], ["--dataset mpii", "h36m-p1"]),
    (eval_script.main, ["--dataset", "3dpw"], ["3DPW_test.json"]),
    (eval_script.main, ["--dataset", "h36m-p2"], ["D3_Positions_mono"]),
])
def test_bad_input_is_one_sentence(main, argv, words, data, strange, tmp_path):
    argv = [str(strange / f"{word.lower()}.ckpt") if word.isupper() and word.isalpha() else word for word in argv]
    given = {"--data_path": str(data), "--model_save": str(tmp_path / "run"), "--eval_path": str(tmp_path / "out")}
    if main is train.main:
        given.update(zip(SMALL[0::2], SMALL[1::2]))
    for flag, value in {**given, "--device_target": "CPU"}.items():
        argv += [] if flag in argv else [flag, value]
    with pytest.raises(UserError) as error:
        main(argv)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert "\n" not in str(error.value)
