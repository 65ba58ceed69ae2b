"""Parts of the training: cards, the learning rate, log lines, snapshots, settings."""
import re

import numpy as np
import pytest

from common.engine.checkpoint import read_checkpoint
from common.engine.loop import Progress
from common.errors import UserError
from hand4whole.src import training_log
from hand4whole.src.checkpoints import Snapshots
from hand4whole.src.config import MODEL_FILES, read_settings
from hand4whole.src.multi_gpu import parse_cards, use_cards


def test_cards():
    assert parse_cards("0") == [0] and parse_cards("0,1") == [0, 1] and parse_cards("2, 4-6") == [2, 4, 5, 6]
    for text in ("a", "0,", "3-1", "0,0", "-1"):
        with pytest.raises(UserError, match="--gpu"):
            parse_cards(text)


def test_one_card_or_none_is_no_launch(monkeypatch):
    monkeypatch.setattr("os.execve", lambda *_: pytest.fail("launched"))
    for flags in ([], ["--gpu", "0"], ["--gpu", "1", "--device_target", "CPU"]):
        assert use_cards(read_settings(flags), "train.py", flags).device_id == 0
    monkeypatch.setenv("MS_ROLE", "MS_WORKER")
    flags = ["--gpu", "0,1", "--device_target", "CPU"]
    assert use_cards(read_settings(flags), "train.py", flags).gpu_ids == "0,1"


def test_cards_that_are_not_there_are_named_as_typed(monkeypatch, capsys):
    monkeypatch.setattr("hand4whole.src.multi_gpu.choose", lambda _: ("CPU", "no card"))
    monkeypatch.setattr("os.execve", lambda *_: pytest.fail("launched"))
    for first_only in (False, True):
        config = use_cards(read_settings(["--gpu", "0,1"]), "demo.py", ["--gpu", "0,1"], first_only)
        assert config.device_id == 0
        assert capsys.readouterr().out == "warning: --gpu 0,1 is left aside, the CPU does the work (no card)\n"


def test_several_cards_start_as_many_workers(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr("os.execve", lambda *arguments: calls.append(arguments))
    flags = ["--gpu", "0-2", "--device_target", "CPU", "--output_dir", str(tmp_path)]
    use_cards(read_settings(flags), "train.py", flags)
    (_, command, environment), = calls
    assert command[1].endswith("run_workers.py") and command[2] == "3" and command[3] == str(tmp_path / "log/workers")
    assert command[4].endswith("train.py") and command[5:] == [*flags, "--device_target", "CPU"]
    assert environment["PYTHONUNBUFFERED"] == "1"


def test_speed_leaves_the_warm_up_out():
    average = training_log.Average()
    values = [average.add(value) for value in [100.0, 2.0, *[1.0] * 8, 3.0, 5.0]]
    assert values[0] == 100.0 and values[1] == 51.0 and values[10:] == [3.0, 4.0]


def test_the_log_line_tells_the_time_of_computing_and_of_waiting(monkeypatch):
    clock = iter([10.0, 12.0, 12.5])
    monkeypatch.setattr(training_log.time, "perf_counter", lambda: next(clock))
    speed = training_log.Speed(type("Loader", (), {"waited": 0.5}))
    progress = Progress(7, 1800, epoch=3, batch=2,
                        terms={"loss": 0.75, "joint_img": 0.5, "smplx_pose": 0.25})
    speed.on_epoch_start(progress)
    for _ in range(2):
        speed.on_step(progress)
    assert training_log.line(progress, 1e-4, speed) == (
        "Epoch 3/7 itr 1/1800: lr: 0.0001 speed: 1.25(0.75s r0.50)s/itr 0.62h/epoch loss_joint_img: 0.5000 "
        "loss_smplx_pose: 0.2500")


def test_snapshots(tmp_path):
    store = Snapshots(str(tmp_path), "whole", keep=2)
    weights = {"a": np.zeros(2, np.float32)}

    def write(epoch, batch):
        return store.write(weights, {"epoch": epoch, "batch": batch, "step": 10 * epoch + batch})

    assert write(0, 5).endswith("snapshot_0_part.ckpt")
    assert write(1, 0).endswith("snapshot_0.ckpt")
    Snapshots(str(tmp_path), "hand").write(weights, {"epoch": 9, "batch": 0, "step": 90})
    write(1, 5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["snapshot_0.ckpt", "snapshot_1_part.ckpt",
                                                                "snapshot_8_hand.ckpt"]
    assert store.newest().meta["step"] == 15 and store.epoch_of(store.newest().path) == 1
    for epoch in (2, 3, 4):
        write(epoch, 0)
    assert [path.rsplit("_", 1)[1] for path in store.paths().values()] == ["2.ckpt", "3.ckpt"]
    assert read_checkpoint(store.path(3)).meta["epoch"] == 4
    # The unfinished snapshot of an epoch does not count among the newest when the epoch's own is written.
    write(4, 5)
    write(5, 0)
    assert [path.rsplit("_", 1)[1] for path in store.paths().values()] == ["3.ckpt", "4.ckpt"]


def test_settings_of_the_hand_stage():
    config = read_settings(["--parts", "hand", "--epochs", "10"])
    assert (config.trainset_3d, config.trainset_2d, config.testset) == (["FreiHAND"], [], "FreiHAND")
    assert config.epochs == 10 and config.lr_dec_epoch == [10, 12]
    assert read_settings(["--continue"]).resume
    assert read_settings(["--pretrained_model", "a.tar"]).ckpt_file == "a.tar"


@pytest.mark.parametrize("flags, said", [
    (["--parts", "foot"], "choose whole or hand"), (["--resnet_type", "34"], "choose 18 or 50"),
    (["--input_img_shape", "512,400"], "times a whole number"), (["--output_hm_shape", "8,8,8"], "32 times"),
    (["--input_face_shape", "100,100"], "multiples of 32"), (["--focal", "5000"], "two positive"),
    (["--lr", "0"], "above 0"), (["--human_model_path", "nowhere"], "is no folder"),
    (["--input_hand_shape", "64"], "write 2 positive"), (["--resnet_widths", "1,2"], "write three numbers"),
    (["--resnet_widths", "1,0,1"], "above 0")])
def test_settings_that_cannot_be(flags, said):
    with pytest.raises(UserError, match=re.escape(said)):
        read_settings(flags)


def test_the_folder_of_body_models_answers_for_empty_paths(tmp_path):
    for place in ("smplx/SMPLX_NEUTRAL.pkl", "mano/MANO_RIGHT.pkl"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes(b"")
    config = read_settings(["--human_model_path", str(tmp_path), "--mano_right_path", "own.pkl"])
    assert config.smplx_path == str(tmp_path / "smplx/SMPLX_NEUTRAL.pkl") and config.mano_right_path == "own.pkl"
    assert not config.smpl_path and set(MODEL_FILES) <= set(config)
