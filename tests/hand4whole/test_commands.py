"""The commands of the README one after the other on sample data, and what they say to bad input."""
import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from golden_files import load_module

from common.engine.callbacks import LogLines
from common.engine.checkpoint import read_checkpoint, write_checkpoint
from common.errors import UserError
from common.stand_ins.datasets import coco_wholebody, ehf, freihand, human36m_images
from hand4whole import export, train
from hand4whole import test as test_script
from hand4whole.src.loss import HAND_TERMS
from tools.lab.graphs.hand4whole import SMALL

ROOT = Path(__file__).resolve().parents[2]
TINY = [*SMALL, "--device_target", "CPU", "--num_workers", "1", "--seed", "3"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    for module, name, num, options in (
            (human36m_images, "Human36M", 5, {"size": 64, "only": "hand4whole"}),
            (coco_wholebody, "COCOWB", 2, {"crops": 0}), (freihand, "FreiHAND", 4, {}), (ehf, "EHF", 1, {})):
        module.make(argparse.Namespace(output_dir=str(folder / name), num=num, seed=2, **options))
    return str(folder)


@pytest.fixture(scope="module")
def stages(data, tmp_path_factory):
    """Output folder after the three stages and the merge; the log of each command."""
    output = str(tmp_path_factory.mktemp("output"))
    flags = [*TINY, "--gpu", "0", "--dataset_root", data, "--output_dir", output, "--batch_size", "4"]
    train.main([*flags, "--lr", "1e-4", "--epochs", "1"])
    train.main([*flags, "--lr", "1e-4", "--epochs", "1", "--parts", "hand", "--trainset_3d", "FreiHand"])
    load_module(ROOT / "hand4whole" / "tool" / "merge_hand_to_all.py").main(["--output_dir", output])
    train.main([*flags, "--lr", "1e-5", "--epochs", "2", "--continue"])
    return output


@pytest.mark.full
def test_three_stages(stages):
    folder = os.path.join(stages, "model_dump")
    assert sorted(os.listdir(folder)) == ["before_merge", "config.yaml", "config_hand.yaml", "snapshot_0.ckpt",
                                          "snapshot_0_hand.ckpt", "snapshot_1.ckpt"]
    assert sorted(os.listdir(stages)) == ["log", "model_dump", "result", "vis"]
    first, hand, merged, tuned = (read_checkpoint(os.path.join(folder, name)) for name in (
        "before_merge/snapshot_0.ckpt", "snapshot_0_hand.ckpt", "snapshot_0.ckpt", "snapshot_1.ckpt"))
    assert tuned.meta["epoch"] == 2 and tuned.optimizer and not merged.optimizer
    name = "layer4.0.conv1.weight"
    of_hand, of_first = hand.weights[f"backbone.{name}"], first.weights[f"hand_roi_net.backbone.{name}"]
    found = tuned.weights[f"hand_roi_net.backbone.{name}"]
    # Adam moves a weight by the learning rate of 1e-5 at most in each of the few updates.
    steps = tuned.meta["step"] // 2
    assert 0 < np.abs(found - of_hand).max() <= 1.1e-5 * steps < np.abs(of_hand - of_first).max()
    body = "backbone.layer4.0.conv1.weight"
    assert 0 < np.abs(tuned.weights[body] - first.weights[body]).max() <= 1.1e-5 * steps
    log = Path(stages, "log", "train_logs.txt").read_text()
    assert re.search(r"Epoch 1/2 itr 0/\d+: lr: 1e-05 speed: \d+\.\d\d\(\d+\.\d\ds r\d+\.\d\d\)s/itr \d+\.\d\dh/epoch "
                     r"loss_smplx_pose: \d+\.\d{4} loss_smplx_shape:", log)
    header = Path(stages, "log", "metrics_hand.csv").read_text().splitlines()[0]
    assert header == ",".join(("step", "epoch", "learning_rate", "loss", *HAND_TERMS))


@pytest.mark.full
def test_measuring_and_export(stages, data, tmp_path, capsys):
    flags = [*TINY, "--dataset_root", data, "--output_dir", stages]
    test_script.main([*flags, "--test_batch_size", "1"])
    said = capsys.readouterr().out
    assert re.search(r"^MPVPE \(All\): \d+\.\d\d mm$", said, re.M) and "snapshot_1.ckpt" in said
    export.main(["--device_target", "CPU", "--output_dir", stages, "--file_name", str(tmp_path / "net")])
    description = json.loads((tmp_path / "net.json").read_text())
    assert [output["name"] for output in description["outputs"]] == [
        "root_pose", "body_pose", "lhand_pose", "rhand_pose", "jaw_pose", "shape", "expr", "cam_trans", "vertices"]
    assert description["outputs"][-1]["shape"] == [1, 10475, 3] and description["input"]["shape"] == [1, 3, 128, 64]
    assert description["body_model"] == "synthetic" and "licence" in description["embedded"]
    assert "holds arrays of the body model" in capsys.readouterr().out
    # What was exported is the network: 128 px high where the body's network sees 64, so twice the focal length.
    assert description["camera"]["focal_px"] == [10000.0, 10000.0]


class Killed(Exception):
    """Stands for a kill."""


@pytest.mark.slow
def test_a_killed_run_goes_on_exactly(data, tmp_path, monkeypatch):
    flags = [*TINY, "--dataset_root", data, "--parts", "hand", "--batch_size", "2", "--epochs", "2"]
    train.main([*flags, "--output_dir", str(tmp_path / "whole")])
    told = LogLines.on_step

    def on_step(self, progress):
        if progress.step == 4:
            raise Killed
        told(self, progress)

    monkeypatch.setattr(LogLines, "on_step", on_step)
    broken = [*flags, "--output_dir", str(tmp_path / "broken"), "--ckpt_interval", "1"]
    with pytest.raises(Killed):
        train.main(broken)
    monkeypatch.undo()
    assert sorted(os.listdir(tmp_path / "broken" / "model_dump")) == [
        "config_hand.yaml", "snapshot_0_hand.ckpt", "snapshot_1_hand_part.ckpt"]
    train.main([*broken, "--continue"])
    one, other = (read_checkpoint(str(tmp_path / name / "model_dump" / "snapshot_1_hand.ckpt"))
                  for name in ("whole", "broken"))
    for group in ("weights", "optimizer"):
        left, right = getattr(one, group), getattr(other, group)
        assert set(left) == set(right) and left
        assert all((left[name] == right[name]).all() for name in left)
    with pytest.raises(UserError, match="seed 3, this run has 4"):
        train.main([*broken, "--continue", "--seed", "4"])


@pytest.mark.full
def test_two_workers(data, tmp_path):
    command = [sys.executable, str(ROOT / "hand4whole" / "train.py"), *TINY, "--gpu", "0,1", "--parts", "hand",
               "--dataset_root", data, "--output_dir", str(tmp_path), "--epochs", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 workers on CPU" in done.stdout
    logs = [Path(tmp_path, "log", "workers", f"worker_{rank}.log").read_text() for rank in (0, 1)]
    assert "worker 1 of 2" in logs[0] and "worker 2 of 2" in logs[1]
    # Four hands, two on each worker: a single one has no variance where the image has shrunk to one value.
    assert "1 steps per epoch" in logs[0]
    assert (tmp_path / "model_dump" / "snapshot_0_hand.ckpt").is_file()


def test_bad_input(data, tmp_path):
    flags = [*TINY, "--dataset_root", data, "--output_dir", str(tmp_path)]
    with pytest.raises(UserError, match="--continue: there is no snapshot"):
        train.main([*flags, "--continue"])
    with pytest.raises(UserError, match="leave one out"):
        train.main([*flags, "--continue", "--ckpt_file", "a.ckpt"])
    # The small network has more than a hand.
    with pytest.raises(UserError, match="no checkpoint: .* none below .*python train.py --parts hand"):
        export.main([*flags, "--parts", "hand"])
    other = str(tmp_path / "other.ckpt")
    write_checkpoint(other, {"conv1.weight": np.zeros((8, 3, 7, 7), np.float32)}, meta={
        "model": "hand4whole", "config": {"resnet_only": True}})
    with pytest.raises(UserError, match="holds a ResNet only"):
        export.main([*flags, "--ckpt_file", other])
    with pytest.raises(UserError, match="amp_level O1"):
        train.main([*flags, "--amp_level", "O1"])
