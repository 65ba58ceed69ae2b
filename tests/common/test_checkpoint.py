"""Checkpoints: round trip, strict loading, damage, folders."""
import os

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn
from mindspore.train import serialization

from common.engine import checkpoint as module
from common.engine.amp import build_scaler
from common.engine.checkpoint import (
    CheckpointFolder,
    find_checkpoint,
    load_weights,
    optimizer_state,
    read_checkpoint,
    restore_training,
    write_checkpoint,
)
from common.engine.train_step import TrainStep
from common.errors import UserError


class Loss(nn.Cell):
    term_names = ("loss",)

    def __init__(self, network):
        super().__init__(auto_prefix=False)
        self.network = network

    def construct(self, x):
        loss = self.network(x).sum()
        return loss, (loss,)


def _training(seed=0):
    network = nn.Dense(3, 2, weight_init=Tensor(np.random.default_rng(seed).standard_normal((2, 3)), ms.float32))
    return network, TrainStep(Loss(network), nn.Adam(network.trainable_params(), 0.01), build_scaler("dynamic"))


X = Tensor(np.ones((4, 3)), ms.float32)


def test_everything_comes_back(tmp_path):
    path = str(tmp_path / "a.ckpt")
    network, step = _training()
    for _ in range(3):
        step(X)
    write_checkpoint(path, network, {"mean": np.arange(3.0)}, {"step": 3, "config": {"name": "é", "sizes": [1]}}, step)
    other, other_step = _training(1)
    checkpoint = read_checkpoint(path)
    restore_training(other, other_step, checkpoint)
    assert checkpoint.meta["step"] == 3 and checkpoint.meta["config"] == {"name": "é", "sizes": [1]}
    assert (checkpoint.extra["mean"] == np.arange(3.0)).all()
    assert {"weight", "bias"} == set(checkpoint.weights)
    for name, value in optimizer_state(step).items():
        assert (value == optimizer_state(other_step)[name]).all(), name
    assert int(optimizer_state(other_step)["global_step"].reshape(-1)[0]) == 3
    left, right = step(X)[0].asnumpy(), other_step(X)[0].asnumpy()
    assert left == right
    assert (network.weight.asnumpy() == other.weight.asnumpy()).all()


def test_training_on_does_not_change_what_was_read(tmp_path):
    path = str(tmp_path / "a.ckpt")
    network, step = _training()
    write_checkpoint(path, network, step_cell=step)
    checkpoint = read_checkpoint(path)
    before = checkpoint.weights["weight"].copy()
    restore_training(network, step, checkpoint)
    step(X)
    assert (checkpoint.weights["weight"] == before).all()
    assert (network.weight.asnumpy() != before).any()


def test_plain_mindspore_files_load(tmp_path):
    path = str(tmp_path / "plain.ckpt")
    network, _ = _training()
    ms.save_checkpoint(network, path)
    other, _ = _training(1)
    load_weights(other, path)
    assert (other.weight.asnumpy() == network.weight.asnumpy()).all()


def test_names_and_shapes_must_fit(tmp_path):
    path = str(tmp_path / "a.ckpt")
    write_checkpoint(path, {"weight": np.zeros((2, 4), np.float32), "extra_layer": np.zeros(2, np.float32)})
    network, _ = _training()
    before = network.weight.asnumpy().copy()
    with pytest.raises(UserError) as error:
        load_weights(network, path)
    for part in ("missing: bias", "unexpected: extra_layer", "weight is (2, 4), the network has (2, 3)", path):
        assert part in str(error.value)
    with pytest.raises(UserError, match="nothing fits"):
        load_weights(network, path, allow_partial=True)
    assert (network.weight.asnumpy() == before).all()
    write_checkpoint(path, {"bias": np.full(2, 7.0, np.float32), "other": np.zeros(1, np.float32)})
    load_weights(network, path, allow_partial=True)
    assert (network.bias.asnumpy() == 7).all() and (network.weight.asnumpy() == before).all()


def test_weights_only_files_cannot_continue_a_run(tmp_path):
    path = str(tmp_path / "a.ckpt")
    network, step = _training()
    write_checkpoint(path, network)
    with pytest.raises(UserError, match="weights only"):
        restore_training(network, step, read_checkpoint(path))


def _damage(path, how):
    data = path.read_bytes()
    changed = {"truncated": data[:len(data) // 2], "empty": b"", "noise": b"no checkpoint" * 9,
               "flipped": data[:-40] + bytes([data[-40] ^ 8]) + data[-39:]}[how]
    path.write_bytes(changed)


@pytest.mark.parametrize("how", ["truncated", "empty", "noise", "flipped"])
def test_damage_is_one_sentence(tmp_path, how):
    path = tmp_path / "a.ckpt"
    write_checkpoint(str(path), {"weight": np.arange(1000, dtype=np.float32)})
    _damage(path, how)
    with pytest.raises(UserError) as error:
        read_checkpoint(str(path))
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_too_little_memory_is_not_called_damage(tmp_path, monkeypatch):
    path = str(tmp_path / "a.ckpt")
    write_checkpoint(path, {"weight": np.zeros(4, np.float32)})

    def fail(*_, **__):
        raise ValueError("corrupted") from MemoryError()

    monkeypatch.setattr(ms, "load_checkpoint", fail)
    with pytest.raises(UserError, match="a.ckpt .0 MB. cannot be read: there is not enough free memory"):
        read_checkpoint(path)


def test_the_cache_of_files_is_no_lack_of_memory(tmp_path, monkeypatch):
    """The framework compares with the free memory, which a busy cache of files leaves next to nothing of."""
    path = str(tmp_path / "a.ckpt")
    write_checkpoint(path, {"weight": np.zeros(4, np.float32)})
    assert serialization._get_available_memory() > 10
    monkeypatch.setattr(serialization, "_get_available_memory", lambda: 10)
    with pytest.raises(ValueError, match="available memory 10 bytes"):
        ms.load_checkpoint(path)
    assert read_checkpoint(path).weights["weight"].shape == (4,)
    assert serialization._get_available_memory() == 10
    monkeypatch.setattr(module, "_available_memory", lambda: 10)
    with pytest.raises(UserError, match="a.ckpt .0 MB. cannot be read: there is not enough free memory"):
        read_checkpoint(path)


def test_missing_file_is_named():
    with pytest.raises(UserError, match="/nowhere/a.ckpt does not exist"):
        read_checkpoint("/nowhere/a.ckpt")


def test_a_folder_is_named_as_one(tmp_path):
    with pytest.raises(UserError, match=f"{tmp_path} is a folder .--encoder_path"):
        read_checkpoint(str(tmp_path), "--encoder_path")


def _fill(folder, steps):
    for step in steps:
        folder.write({"w": np.full(2, step, np.float32)}, {"step": step, "epoch": 0})


def test_folder_keeps_the_newest(tmp_path):
    folder = CheckpointFolder(str(tmp_path / "run"), keep=2)
    assert folder.newest() is None
    _fill(folder, (5, 9, 10, 100))
    assert list(folder.paths()) == [10, 100]
    assert folder.newest().weights["w"][0] == 100
    assert folder.at(10).weights["w"][0] == 10
    with pytest.raises(UserError, match=r"step 5 .*there: 10, 100"):
        folder.at(5)


def test_what_an_earlier_run_left_is_set_aside(tmp_path):
    """A new run in the same folder begins at step 0: --resume has to find its checkpoints, and none gets lost."""
    folder = CheckpointFolder(str(tmp_path), keep=2)
    _fill(folder, (40, 50))
    _fill(folder, (10, 20, 30))
    assert list(folder.paths()) == [20, 30]
    assert sorted(os.listdir(tmp_path / "earlier")) == ["checkpoint-40.ckpt", "checkpoint-50.ckpt"]
    assert read_checkpoint(str(tmp_path / "earlier" / "checkpoint-50.ckpt")).weights["w"][0] == 50


def test_folder_skips_a_damaged_newest(tmp_path, caplog):
    import logging

    logging.getLogger("mindhuman").propagate = True
    folder = CheckpointFolder(str(tmp_path))
    _fill(folder, (1, 2))
    _damage(tmp_path / "checkpoint-2.ckpt", "truncated")
    assert folder.newest().weights["w"][0] == 1
    assert "checkpoint-2.ckpt" in caplog.text


def test_other_name_patterns(tmp_path):
    folder = CheckpointFolder(str(tmp_path), "{rank}-{epoch}_{step}.ckpt")
    folder.write({"w": np.zeros(1, np.float32)}, {"step": 30, "epoch": 2}, rank=0)
    assert os.listdir(tmp_path) == ["0-2_30.ckpt"]
    assert list(folder.paths()) == [30]


def test_find_checkpoint_takes_the_newest_below(tmp_path):
    with pytest.raises(UserError, match="Train one first"):
        find_checkpoint("", str(tmp_path), "Train one first.")
    for number, name in enumerate(("a/x.ckpt", "b/y.ckpt")):
        write_checkpoint(str(tmp_path / name), {"w": np.full(1, number, np.float32)})
        os.utime(tmp_path / name, (1000 + number, 1000 + number))
    assert find_checkpoint("", str(tmp_path), "").weights["w"][0] == 1
    assert find_checkpoint(str(tmp_path / "a/x.ckpt"), str(tmp_path), "").weights["w"][0] == 0
