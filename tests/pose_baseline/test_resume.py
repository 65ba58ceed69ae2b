"""A run that was killed and continued equals one that was not; several workers equal one with the larger batch."""
import csv
import glob
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from common.engine.checkpoint import read_checkpoint
from common.errors import UserError
from pose_baseline import train

ROOT = Path(__file__).parents[2]
ENTRY = ROOT / "pose_baseline" / "train.py"
RECIPE = ["--camera_frame", "--residual", "--batch_norm", "--max_norm", "--dropout", "0.5", "--linear_size", "32",
          "--batch_size", "16", "--evaluateActionWise", "--device_target", "CPU", "--log_interval", "1",
          "--save_every_steps", "7", "--keep_checkpoint_max", "0"]


def _newest(folder):
    paths = glob.glob(os.path.join(folder, "**", "checkpoint-*.ckpt"), recursive=True)
    return max(paths, key=lambda path: int(path.rsplit("-", 1)[1][:-5]), default=None)


def _equal(left, right):
    """Compare all arrays of two checkpoints bit for bit."""
    left, right = read_checkpoint(left), read_checkpoint(right)
    assert left.meta["step"] == right.meta["step"]
    for group in ("weights", "optimizer", "scaler", "extra"):
        one, other = getattr(left, group), getattr(right, group)
        assert set(one) == set(other)
        for name in one:
            assert (one[name] == other[name]).all(), name


@pytest.fixture(scope="module")
def finished(tree, tmp_path_factory):
    """Output folder of a run of one epoch."""
    folder = str(tmp_path_factory.mktemp("finished"))
    train.main([*RECIPE, "--data_dir", tree, "--epochs", "1", "--train_dir", folder])
    return folder


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of it that a test may change."""
    return shutil.copytree(finished, str(tmp_path / "copied"))


@pytest.mark.slow
def test_kill_9_and_resume_change_no_bit(tree, tmp_path):
    whole, broken = str(tmp_path / "whole"), str(tmp_path / "broken")
    arguments = [*RECIPE, "--data_dir", tree, "--epochs", "12"]
    train.main([*arguments, "--train_dir", whole])
    run = subprocess.Popen([sys.executable, str(ENTRY), *arguments, "--train_dir", broken],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(6000):
        if _newest(broken) is not None or run.poll() is not None:
            break
        time.sleep(0.005)
    run.send_signal(signal.SIGKILL)
    run.wait()
    last, final = _newest(broken), os.path.basename(_newest(whole))
    assert last is not None and os.path.basename(last) != final, "the run was not caught in the middle"
    assert read_checkpoint(last).meta["step"] % 7 == 0 or read_checkpoint(last).meta["batch"] == 0
    # A damaged newest file is reported and the one before it used, where there is one.
    train.main([*arguments, "--train_dir", broken, "--resume"])
    _equal(_newest(whole), _newest(broken))
    tables = [Path(glob.glob(f"{folder}/**/metrics.csv", recursive=True)[0]).read_text() for folder in (whole, broken)]
    assert tables[0] == tables[1]


def test_resume_within_an_epoch_after_damage(tree, finished, copied, capsys):
    folder = os.path.dirname(_newest(copied))
    steps = sorted(int(path.rsplit("-", 1)[1][:-5]) for path in glob.glob(f"{folder}/checkpoint-*.ckpt"))
    assert steps[:2] == [7, 14] and len(steps) > 3
    for step in steps[3:]:
        os.remove(f"{folder}/checkpoint-{step}.ckpt")
    damaged = Path(f"{folder}/checkpoint-{steps[2]}.ckpt")
    damaged.write_bytes(damaged.read_bytes()[:1000])
    capsys.readouterr()
    train.main([*RECIPE, "--data_dir", tree, "--epochs", "1", "--train_dir", copied, "--resume"])
    said = capsys.readouterr().out
    assert f"checkpoint-{steps[2]}.ckpt is damaged" in said and "epoch 1, step 14 of" in said
    _equal(_newest(finished), _newest(copied))


def test_load_continues_from_exactly_that_step(tree, copied, capsys):
    arguments = [*RECIPE, "--data_dir", tree, "--epochs", "1", "--train_dir", copied]
    train.main([*arguments, "--load", "7"])
    assert "epoch 1, step 7 of" in capsys.readouterr().out
    with pytest.raises(UserError, match="batch_size 16 on 1 worker.*give --batch_size 16"):
        train.main([*arguments, "--batch_size", "32", "--resume", "--ckpt_file", _newest(copied)])


def test_a_finished_run_says_so(tree, copied):
    before = {path: os.stat(path).st_mtime_ns for path in glob.glob(f"{copied}/**", recursive=True)}
    with pytest.raises(UserError, match="nothing is left to train: .*ckpt stands at the end of epoch 1 of 1; raise"):
        train.main([*RECIPE, "--data_dir", tree, "--epochs", "1", "--train_dir", copied, "--resume"])
    assert before == {path: os.stat(path).st_mtime_ns for path in glob.glob(f"{copied}/**", recursive=True)}


def test_other_poses_are_no_continuation(tree, copied, tmp_path, golden):
    arguments = [*RECIPE, "--epochs", "2", "--train_dir", copied, "--resume", "--ckpt_file", _newest(copied)]
    other = str(tmp_path / "other")
    golden.metadata.write_metadata(f"{other}.xml", 1)
    golden.metadata.write_sequences(other, 2, subjects=(1, 5, 9), actions=("Eating", "Walking"))
    with pytest.raises(UserError, match="(does not fit|other poses)"):
        train.main([*arguments, "--data_dir", other, "--cameras_path", f"{other}.xml"])
    cameras = str(tmp_path / "other_cameras.xml")
    golden.metadata.write_metadata(cameras, 2)
    with pytest.raises(UserError, match="trained on other poses .mean_2d differs"):
        train.main([*arguments, "--data_dir", tree, "--cameras_path", cameras])


def _losses(folder):
    with open(glob.glob(f"{folder}/**/metrics.csv", recursive=True)[0], encoding="utf-8") as stream:
        return np.array([float(row["loss"]) for row in csv.DictReader(stream) if row["loss"]])


def test_launches_of_several_updates_and_data_on_the_device_change_nothing(tree, finished, tmp_path):
    train.main([*RECIPE, "--data_dir", tree, "--epochs", "1", "--save_every_steps", "0", "--train_dir", str(tmp_path),
                "--steps_per_launch", "4", "--data_on_device", "true"])
    _equal(_newest(finished), _newest(str(tmp_path)))
    assert (_losses(finished) == _losses(tmp_path)).all()


@pytest.mark.full
@pytest.mark.parametrize("change", [["--seed", "2"], ["--dropout", "0.9"], ["--lr", "0.01"],
                                    ["--clip_norm", "0.01"], ["--optimizer", "torch_adam"], ["--bn_momentum", "0.5"],
                                    ["--max_norm", "false"], ["--amp_level", "O2"]])
def test_every_training_setting_changes_the_run(tree, tmp_path, change, base_losses):
    train.main([*RECIPE, "--data_dir", tree, "--epochs", "2", "--save_every_steps", "0", "--train_dir",
                str(tmp_path), *change])
    losses = _losses(tmp_path)
    if change[0] == "--bn_momentum":  # shows at evaluation only
        rows = Path(glob.glob(f"{tmp_path}/**/metrics.csv", recursive=True)[0]).read_text().splitlines()
        assert rows[-1] != base_losses[1]
    else:
        assert (losses != base_losses[0]).any()


@pytest.fixture(scope="module")
def base_losses(tree, tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    train.main([*RECIPE, "--data_dir", tree, "--epochs", "2", "--save_every_steps", "0", "--train_dir", str(folder)])
    rows = Path(glob.glob(f"{folder}/**/metrics.csv", recursive=True)[0]).read_text().splitlines()
    return _losses(folder), rows[-1]


@pytest.mark.slow
def test_two_workers_train_as_one_with_the_double_batch(tree, tmp_path):
    arguments = ["--config_path", "default_config.yaml", "--data_dir", tree, "--epochs", "1", "--linear_size", "32",
                 "--camera_frame", "--residual", "--log_interval", "1"]
    train.main(["--data_dir", tree, "--epochs", "1", "--linear_size", "32", "--camera_frame", "--residual",
                "--log_interval", "1", "--batch_size", "32", "--train_dir", str(tmp_path / "one"),
                "--device_target", "CPU"])
    done = subprocess.run(["bash", "run_distribute_train.sh", "2", *arguments, "--batch_size", "16", "--train_dir",
                           str(tmp_path / "two")], cwd=ROOT / "pose_baseline" / "scripts", capture_output=True,
                          text=True, timeout=300, env={**os.environ, "DEVICE_TARGET": "CPU", "PYTHON": sys.executable})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    one, two = _losses(tmp_path / "one"), _losses(tmp_path / "two")
    assert len(one) == len(two) > 10
    assert np.abs(two / one - 1).max() < 1e-4
    left, right = (read_checkpoint(_newest(str(tmp_path / name))).weights for name in ("one", "two"))
    for name in left:
        assert np.abs(left[name] - right[name]).max() < 1e-3, name
