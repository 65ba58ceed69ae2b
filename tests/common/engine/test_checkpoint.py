"""Checkpoints: round trip, strict loading, damage, folders."""
import binascii
import json
import os

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from common.convert import named_weights
from common.convert.named_weights import has_own_folder, resolve_weights
from common.engine import checkpoint as module
from common.engine import checkpoint_file as file
from common.engine.amp import build_scaler
from common.engine.checkpoint import (
    CheckpointFolder,
    find_checkpoint,
    load_weights,
    read_checkpoint,
    restore_training,
    training_state,
    write_checkpoint,
)
from common.engine.train_step import TrainStep
from common.errors import UserError, some


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
    state = training_state(other_step)["optimizer"]
    for name, value in training_state(step)["optimizer"].items():
        assert (value.asnumpy() == state[name].asnumpy()).all(), name
    assert int(state["global_step"].asnumpy().reshape(-1)[0]) == 3
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
    write_checkpoint(path, {"weight": np.zeros(1 << 18, np.float32)})
    for memory, readable in ((None, True), (1 << 22, True), (1 << 20, False)):
        monkeypatch.setattr(module, "_available_memory", lambda size=memory: size)
        if readable:
            assert read_checkpoint(path).weights["weight"].shape == (1 << 18,)
            continue
        with pytest.raises(UserError, match="a.ckpt .1 MB. cannot be read: there is not enough free memory"):
            read_checkpoint(path)


def test_the_system_tells_its_memory():
    assert 1 << 20 < module._available_memory() < 1 << 45


VALUES = {"weight": np.arange(6, dtype=np.float32).reshape(2, 3), "count": np.array(7, np.int64),
          "mask": np.array([True, False]), "half": np.ones(3, np.float16), "none": np.zeros((0, 4), np.float32)}


def test_mindspore_reads_what_is_written_here(tmp_path):
    path = str(tmp_path / "a.ckpt")
    write_checkpoint(path, {**VALUES, "order": np.asfortranarray(VALUES["weight"])}, meta={"model": "é"})
    loaded = ms.load_checkpoint(path, crc_check=True)
    assert json.loads(loaded.pop("meta")) == {"format": 1, "model": "é"}
    for name, value in loaded.items():
        wanted = VALUES.get(name, VALUES["weight"])
        np.testing.assert_array_equal(value.asnumpy(), wanted)
        assert value.asnumpy().dtype == wanted.dtype and value.shape == wanted.shape


def test_what_mindspore_writes_is_read_here(tmp_path, caplog):
    path = str(tmp_path / "a.ckpt")
    saved = [{"name": name, "data": Tensor(value)} for name, value in VALUES.items() if value.size]
    saved.append({"name": "brain", "data": Tensor(np.array([1.5, -2.0]), ms.bfloat16)})
    for checksum in (False, True):
        ms.save_checkpoint(saved, path, append_dict={"lr": "0.1", "epoch": 3}, crc_check=checksum)
        checkpoint = read_checkpoint(path)
        assert not checkpoint.meta and checkpoint.weights["epoch"] == 3
        for name, value in VALUES.items():
            if value.size:
                np.testing.assert_array_equal(checkpoint.weights[name], value)
        assert checkpoint.weights["brain"].tolist() == [1.5, -2.0]
    assert "text among its weights is left out: lr" in caplog.text


def test_large_arrays_are_written_and_read_in_parts(tmp_path, monkeypatch):
    path = str(tmp_path / "a.ckpt")
    monkeypatch.setattr("common.engine.checkpoint_file._SLICE", 100)
    write_checkpoint(path, {"w": np.arange(60.0), "v": np.arange(3)})
    assert read_checkpoint(path).weights["w"].tolist() == list(range(60))
    np.testing.assert_array_equal(ms.load_checkpoint(path)["w"].asnumpy(), np.arange(60.0))


def sealed(content):
    return content + b"crc_num" + binascii.crc32(content).to_bytes(10, "big")


def entry(name=b"w", dims=(2,), kind=b"Float32", content=b"\0\0\x80\x3f" * 2, more=b""):
    sizes = b"".join(b"\x08" + file._varint(size % 2**64) for size in dims)
    tensor = sizes + file._field(2, kind) + file._field(3, content)
    return file._field(1, file._field(1, name) + file._field(2, tensor) + more)


META = entry(b"meta", (0,), b"str", np.array(['{"format": 1}']).tobytes())


def meta(text):
    return entry(b"meta", (0,), b"str", np.array([text]).tobytes()) + entry()


@pytest.mark.parametrize("content, words", [
    (entry() + entry(), "w occurs twice"), (entry(dims=(-5, 2)), "w has an impossible shape"),
    (entry(dims=(-1,)), "impossible shape"), (entry(dims=(1,) * 33), "impossible shape"),
    (entry(dims=(2**40, 2**40)), "w is not complete"), (entry(dims=(3,)), "w is not complete"),
    (entry(dims=(3,)) + entry(b"v"), "w is not complete"), (entry(dims=(1,)), "8 bytes instead of 4"),
    (entry(content=b""), "0 bytes instead of 8"), (entry(kind=b"Float31"), "numbers of an unknown type"),
    (entry(kind=b"Int4"), "unknown type"), (entry(b""), "a name is empty"), (entry(b"a\nb"), "cannot be printed"),
    (entry(b"\xff"), "a name is no text"), (entry(kind=b"Bool", content=b"\x07\x01"), "neither true nor false"),
    (entry(more=file._field(3, b"")), "an entry is damaged"), (file._field(1, b"\x08\x01"), "an entry is damaged"),
    (b"\x08\x01", "an entry is damaged"), (b"\x12\x00", "what is no parameter"), (b"\x0d1234", "what is no parameter"),
    (b"\x0a\xff\xff\xff\xff\x0f" + entry(), "cut off"), (b"\xff" * 12, "more than 64 bits"), (b"", "holds nothing"),
    (entry(b"t", (0,), b"str", b"\xff" * 8), "t is no text"),
    (META + entry(b"t", (0,), b"str", b"a\0\0\0") + entry(), "text beside its description"),
    (entry() + entry(b"optimizer.x"), "its description is missing"),
    (entry() + entry(b"extra.mean"), "its description is missing"),
    (meta("null"), "description"), (meta("[1]"), "description"), (meta("{}"), "its format is none"),
    (meta("{"), "JSON"), (meta("[" * 100_000), "JSON"), (meta('{"format": 1, "step": -1}'), "its step is none"),
    (meta('{"format": 1, "step": 1.5}'), "its step"), (meta('{"format": 1, "epoch": true}'), "its epoch"),
    (meta('{"format": 1, "step": 1' + "0" * 30 + "}"), "its step"), (meta('{"format": 1, "rank_size": 0}'), "rank"),
    (meta('{"format": 1, "loss_sum": NaN}'), "its loss_sum"), (meta('{"format": 1, "config": []}'), "description"),
    (meta('{"format": 1, "config": {"lr": NaN}}'), "its setting lr"), (meta('{"format": "1"}'), "its format"),
    (meta('{"format": 1, "config": {"sizes": [[1]]}}'), "its setting sizes"),
    (meta('{"format": 1, "model": 3}'), "description"),
])
def test_contradictions_with_a_right_checksum(content, words, tmp_path):
    path = tmp_path / "a.ckpt"
    path.write_bytes(sealed(content))
    with pytest.raises(UserError, match=f"a.ckpt is damaged or is no MindSpore checkpoint .*{words}") as error:
        read_checkpoint(str(path))
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


def test_what_the_contradictions_are_made_of_is_right(tmp_path):
    path = tmp_path / "a.ckpt"
    path.write_bytes(sealed(META + entry() + entry(b"optimizer.x")))
    checkpoint = read_checkpoint(str(path))
    assert checkpoint.weights["w"].tolist() == [1, 1] and set(checkpoint.optimizer) == {"x"}


def test_a_file_of_this_project_without_checksum_is_damaged(tmp_path):
    path = tmp_path / "a.ckpt"
    path.write_bytes(META + entry())
    with pytest.raises(UserError, match="its checksum is missing"):
        read_checkpoint(str(path))
    path.write_bytes(entry())  # another maker's
    assert read_checkpoint(str(path)).weights["w"].tolist() == [1, 1]
    path.write_bytes(sealed(entry(b"meta", (0,), b"str", np.array(['{"format": 2}']).tobytes()) + entry()))
    with pytest.raises(UserError, match="written by a later version"):
        read_checkpoint(str(path))


@pytest.mark.parametrize("group, value", [("", np.nan), ("", np.inf), ("extra.", np.nan), ("optimizer.", -np.inf)])
def test_nan_and_infinity_are_neither_read_nor_written(group, value, tmp_path):
    path = tmp_path / "a.ckpt"
    bad = np.array([1, value], np.float32)
    path.write_bytes(sealed(META + entry() + entry(f"{group}x".encode(), content=bad.tobytes())))
    with pytest.raises(UserError, match=f"a.ckpt is not used: {group}x holds NaN or infinity"):
        read_checkpoint(str(path))
    with pytest.raises(UserError, match="b.ckpt is not written: x holds NaN or infinity"):
        write_checkpoint(str(tmp_path / "b.ckpt"), {"x": bad})
    assert os.listdir(tmp_path) == ["a.ckpt"]


def test_every_change_of_a_checkpoint_is_noticed(tmp_path):
    """Bytes changed, cut off, cut out and zeroed at several hundred places: refused, or equal."""
    path = tmp_path / "a.ckpt"
    network, step = _training()
    write_checkpoint(str(path), network, {"mean": np.arange(3.0)}, {"step": 0, "config": {"a": 1}}, step)
    good, rng = path.read_bytes(), np.random.default_rng(0)
    wanted = {name: value.tobytes() for name, value in read_checkpoint(str(path)).weights.items()}
    refused = 0
    for number in range(600):
        place, size = int(rng.integers(len(good))), int(rng.integers(1, 40))
        changed = bytearray(good)
        if number % 4 == 0:
            changed[place] ^= 1 << int(rng.integers(8))
        elif number % 4 == 1:
            del changed[place:]
        elif number % 4 == 2:
            changed[place:place + size] = bytes(len(changed[place:place + size]))
        else:
            del changed[place:place + size]
        path.write_bytes(changed)
        try:
            checkpoint = read_checkpoint(str(path))
        except UserError as error:
            assert "damaged" in str(error) or "empty" in str(error)
            refused += 1
        else:
            assert changed == good and {name: value.tobytes() for name, value in checkpoint.weights.items()} == wanted
    assert refused > 550


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
    # The next one leaves these where they are.
    _fill(folder, (50,))
    _fill(folder, (10,))
    assert sorted(os.listdir(tmp_path / "earlier_2")) == ["checkpoint-30.ckpt", "checkpoint-50.ckpt"]
    assert list(folder.paths()) == [10] and len(os.listdir(tmp_path / "earlier")) == 2


def test_folder_skips_a_damaged_newest(tmp_path, caplog):
    import logging

    logging.getLogger("mindhuman").propagate = True
    folder = CheckpointFolder(str(tmp_path))
    _fill(folder, (1, 2))
    _damage(tmp_path / "checkpoint-2.ckpt", "truncated")
    assert folder.newest().weights["w"][0] == 1
    assert "checkpoint-2.ckpt" in caplog.text


def test_find_checkpoint_takes_the_newest_below(tmp_path):
    with pytest.raises(UserError, match="none below .*train.py.*get_weights.py spider"):
        find_checkpoint("", str(tmp_path), "spider")
    for number, name in enumerate(("a/x.ckpt", "b/y.ckpt")):
        write_checkpoint(str(tmp_path / name), {"w": np.full(1, number, np.float32)})
        os.utime(tmp_path / name, (1000 + number, 1000 + number))
    assert find_checkpoint("", str(tmp_path), "spider").weights["w"][0] == 1
    assert find_checkpoint(str(tmp_path / "a/x.ckpt"), str(tmp_path), "spider").weights["w"][0] == 0


def test_without_a_run_the_small_weights_are_taken_and_named(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(named_weights, "SMALL_FOLDER", str(tmp_path / "weights"))
    monkeypatch.setattr(module.LOGGER, "propagate", True)
    small, own = str(tmp_path / "weights" / "spider_small.ckpt"), str(tmp_path / "runs" / "spider-1.ckpt")
    for path, value in ((small, 2), (own, 3)):
        write_checkpoint(path, {"w": np.full(1, value, np.float32)})

    def found(folder, **options):
        caplog.clear()
        with caplog.at_level("INFO", "mindhuman"):
            return find_checkpoint("", str(tmp_path / folder), "spider", **options).weights["w"][0]

    assert found("nothing") == 2
    assert "using weights/spider_small.ckpt, trained on synthetic people" in caplog.text
    assert "python tools/get_weights.py spider" in caplog.text
    assert found("nothing", newest=lambda: None) == 2 and "weights/spider_small.ckpt" in caplog.text
    assert found("runs") == 3 and own in caplog.text and "synthetic" not in caplog.text
    assert found("nothing", newest=lambda: read_checkpoint(own)) == 3
    with pytest.raises(UserError, match="no checkpoint"):
        found("nothing", small=False)
    assert resolve_weights("small", "spider") == small and not has_own_folder(small) and has_own_folder(own)
    os.remove(small)
    with pytest.raises(UserError, match="no checkpoint"):
        found("nothing")
    with pytest.raises(UserError, match="--openpose_ckpt small: .*spider_small.ckpt is missing"):
        resolve_weights("small", "spider", "--openpose_ckpt")


def test_free_memory_is_told_in_bytes_and_long_lists_of_names_are_cut():
    assert 1 << 20 < module._available_memory() < 1 << 45
    names = list("abcdefghi")
    assert some(names[:8]) == "a, b, c, d, e, f, g, h"
    assert some(names) == "a, b, c, d, e, f, g, h and 1 more"


def test_names_with_epochs_and_their_order(tmp_path):
    store, weights = CheckpointFolder(str(tmp_path), "{rank}-{epoch}_{step}.ckpt", 3), {"a": np.zeros(1, np.float32)}
    for epoch, batch in ((0, 9), (1, 0), (9, 2), (9, 9)):
        store.write(weights, {"step": 0, "epoch": epoch, "batch": batch, "steps_per_epoch": 10})
    # Ten comes after nine, and 0-1_10 after 0-1_9.
    assert [os.path.basename(path) for path in store.paths().values()] == ["0-1_10.ckpt", "0-10_2.ckpt", "0-10_9.ckpt"]
    assert store.newest().meta["batch"] == 9
