"""Parts of the training: learning rates, the data sets in use and their weights, where weights start from."""
import logging
from pathlib import Path
from types import SimpleNamespace

import hmr_golden as golden
import numpy as np
import pytest

from common.data.order import sample_rng
from common.data.pipeline import Pipeline
from common.data.readers.mosh import PosePrior
from common.engine.checkpoint import Checkpoint, write_checkpoint
from common.errors import UserError
from hmr.src import datasets, train_step
from hmr.src.config import read_settings
from hmr.src.conventions import CONVENTIONS
from hmr.src.dataset import DatasetPeople
from hmr.src.datasets import build_training_set, read_people
from hmr.src.train_step import build_start

SMALL = ["--depth", "18", "--width", "0.125", "--hidden_size", "16", "--discriminator_size", "8", "--crop_size", "32"]


@pytest.fixture
def sets(monkeypatch, tmp_path):
    """Folders of data sets whose people are made up: 40 in coco, 10 in lsp, 20 in hum3.6m, and real poses."""
    sizes = {"coco": ("coco2017", 40), "lsp": ("lsp", 10), "hum3.6m": ("human3.6m", 20)}
    for folder, _ in sizes.values():
        (tmp_path / folder).mkdir()
    (tmp_path / "mosh").mkdir()

    def people(name, folder, limits, every):
        count = sizes[name][1]
        assert Path(folder).name == sizes[name][0] and (limits.min_keypoints, every) == (6, 10)
        return DatasetPeople([f"{name}/{row}" for row in range(count)], np.tile(np.float32([0, 0, 64, 64]), (count, 1)),
                             np.ones((count, 19, 3), np.float32),
                             np.ones((count, 14, 3), np.float32) if "3" in name else None)

    monkeypatch.setattr(datasets, "read_people", people)
    monkeypatch.setattr(datasets, "read_prior", lambda name, path: PosePrior(np.ones((5, 72), np.float32),
                                                                                 np.ones((5, 10), np.float32)))
    monkeypatch.setattr("hmr.src.dataset.read_part",
                        lambda reader, path, square, size, stated: np.zeros((size, size, 3), np.uint8))
    return tmp_path


def settings(sets, *argv):
    return read_settings(["--data_path", str(sets), *SMALL, *argv])


def test_batches_hold_their_share_of_each_kind(sets):
    source, batch_size = build_training_set(settings(sets, "--batch_size", "2", "--batch_3d_size", "3"))
    assert batch_size == 5 and len(source) == 70
    # Two fifths of the places for the 2D sets, by their sizes; three for the 3D set.
    assert source.source.places == {"coco": 22, "lsp": 6, "hum3.6m": 42}
    assert source.columns == ("image", "kp2d", "kp3d", "theta", "has_kp3d", "has_smpl", "real", "keep")
    batch = next(Pipeline(source, batch_size, 1, num_workers=1).batches(0))
    shapes = [tuple(column.shape) for column in batch]
    assert shapes == [(5, 3, 32, 32), (5, 19, 3), (5, 14, 3), (5, 85), (5,), (5,), (5, 3, 85), (5, 6, 16)]
    known = [source.sample(index, sample_rng(1, 0, index))[4] for index in range(70)]
    assert known == [0.0] * 28 + [1.0] * 42


def test_weights_change_the_shares(sets):
    source, _ = build_training_set(settings(sets, "--batch_size", "1", "--batch_3d_size", "1", "--set_weights",
                                            "coco=0.25,human3.6m=3"))
    # The 3D set is alone in its half, whatever its weight.
    assert source.source.places == {"coco": 18, "lsp": 17, "hum3.6m": 35}


def test_2d_alone_without_discriminator_or_dropout(sets):
    source, batch_size = build_training_set(settings(
        sets, "--batch_size", "4", "--train_3d_set", "", "--train_adv_set", "", "--dropout", "1"))
    assert batch_size == 4 and len(source) == 50
    assert source.columns == ("image", "kp2d", "kp3d", "theta", "has_kp3d", "has_smpl")
    source, batch_size = build_training_set(settings(sets, "--batch_size", "0", "--d_loss_weight", "0"))
    assert batch_size == 16 and list(source.source.places) == ["hum3.6m"] and "real" not in source.columns


def test_an_incomplete_set_is_left_out_unless_it_was_asked_for(sets, monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("mindhuman"), "propagate", True)
    given = datasets.read_people
    monkeypatch.setattr(datasets, "read_people", lambda name, *rest: (read_people if name == "lsp" else given)(
        name, *rest))
    source, _ = build_training_set(settings(sets))
    assert set(source.source.places) == {"coco", "hum3.6m"}
    assert any(message.startswith("lsp is left out: ") and "joints.mat" in message for message in caplog.messages)
    with pytest.raises(UserError, match="joints.mat"):
        build_training_set(settings(sets, "--train_2d_set", "lsp"))


@pytest.mark.parametrize("argv, text", [
    (["--data_path", "/nowhere"], "--data_path /nowhere: name the folder"),
    (["--train_2d_set", "coco,lsp_ext"], "holds none of lsp_ext, lsp_exd"),
    (["--train_2d_set", "cocoo"], "--train_2d_set cocoo: choose from coco"),
    (["--batch_size", "0", "--train_3d_set", ""], "holds none of the data sets"),
    (["--set_weights", "lsp_ext=2"], "lsp_ext is none of the data sets in use: coco, lsp, hum3.6m"),
    (["--set_weights", "coco"], "--set_weights coco: write name=number"),
    (["--set_weights", "coco=-1"], "with a positive number"),
    (["--adv_batch_size", "20", "--batch_size", "8", "--batch_3d_size", "8"], "no multiple of the 16 people")])
def test_settings_of_data_that_cannot_be(sets, argv, text):
    with pytest.raises(UserError, match=text):
        build_training_set(settings(sets, *argv))


def test_real_poses_per_sample(sets):
    source, _ = build_training_set(settings(
        sets, "--adv_batch_size", "64", "--batch_size", "8", "--batch_3d_size", "8"))
    assert source.num_real == 4


@pytest.mark.parametrize("argv, text", [
    (["--batch_size", "-1"], "--batch_size"), (["--epochs", "0"], "--epochs"), (["--dropout", "0"], "--dropout"),
    (["--depth", "20"], "--depth 20: choose one of 18, 34, 50"), (["--crop_size", "100"], "multiple of 16"),
    (["--scale_min", "2"], "--scale_max"), (["--e_lr", "0"], "--e_lr"),
    (["--lr_type", "step"], "constant, cosine"), (["--convention", "vibe"], "pytorch_hmr, spin, tf"),
    (["--flip_prob", "2"], "--flip_prob"), (["--eval_joints", "17"], "cocoplus, h36m")])
def test_settings_that_cannot_be(argv, text):
    with pytest.raises(UserError, match=text):
        read_settings(argv)


def values(cell):
    return {parameter.name: parameter.asnumpy() for parameter in cell.get_parameters()}


def test_where_weights_start_from(tmp_path):
    body, config = golden.body_model(), read_settings(SMALL)
    fresh = build_start(config, body, True, None)
    again = values(build_start(config, body, True, None))
    assert all((value == again[name]).all() for name, value in values(fresh).items())
    # ImageNet's encoder, converted; the rest is random.
    encoder = {name: value + 1 for name, value in values(fresh).items() if name.startswith("encoder.")}
    write_checkpoint(str(tmp_path / "encoder.ckpt"), encoder, meta={"config": {"part": "encoder"}})
    discriminator = {name: value + 1 for name, value in values(fresh).items() if name.startswith("critic.")}
    conventions = CONVENTIONS["pytorch_hmr"].settings()
    write_checkpoint(str(tmp_path / "critic.ckpt"), discriminator, meta={"config": {"part": "critic", **conventions}})
    other = config.replace(encoder_path=str(tmp_path / "encoder.ckpt"),
                           discriminator_path=str(tmp_path / "critic.ckpt"))
    found, moved = values(build_start(other, body, True, None)), ("encoder.", "critic.")
    assert all((found[name] == value + name.startswith(moved)).all() for name, value in values(fresh).items())
    # A whole network, with its discriminator or without.
    start = Checkpoint("x.ckpt", {name: value + 1 for name, value in values(fresh).items()})
    assert all((value == start.weights[name]).all()
               for name, value in values(build_start(config, body, True, start)).items())
    start.weights = {name: value for name, value in start.weights.items() if not name.startswith("critic.")}
    found = values(build_start(config, body, True, start))
    assert (found["critic.joint1.weight"] == again["critic.joint1.weight"]).all()
    assert not [name for name in values(build_start(config, body, False, start)) if name.startswith("critic.")]


def test_a_typed_encoder_beside_a_whole_network_is_said_to_be_unread(caplog):
    body, config = golden.body_model(), read_settings(SMALL)
    start = Checkpoint("x.ckpt", values(build_start(config, body, False, None)))
    with caplog.at_level("INFO", "mindhuman"):
        build_start(config, body, False, start)
        build_start(read_settings([*SMALL, "--encoder_path", "imagenet.ckpt"]), body, False, start)
    assert caplog.text.count("--encoder_path is not read: these weights come from x.ckpt") == 1


@pytest.mark.parametrize("key, settings, text", [
    ("encoder_path", {"part": "generator"}, "holds no weights of an encoder"),
    ("discriminator_path", {"part": "encoder"}, "holds no discriminator"),
    ("discriminator_path", CONVENTIONS["tf"].settings(), "another convention than pytorch_hmr")])
def test_weights_of_something_else(key, settings, text, tmp_path):
    name = "critic.x" if "convention" in settings else "x"
    write_checkpoint(str(tmp_path / "x.ckpt"), {name: np.zeros(1, np.float32)}, meta={"config": settings})
    config = read_settings([*SMALL, f"--{key}", str(tmp_path / "x.ckpt")])
    with pytest.raises(UserError, match=text):
        build_start(config, golden.body_model(), True, None)


def test_settings_reach_the_step(monkeypatch):
    """Mixed precision goes to the generator, and the weights of the loss come from their two factors each."""
    cast, losses = [], []
    monkeypatch.setattr(train_step, "apply_amp", lambda cell, level: cast.append((cell, level)))
    monkeypatch.setattr(train_step, "GeneratorWithLoss", lambda *args: losses.append(args) or SimpleNamespace())
    monkeypatch.setattr(train_step, "TrainStep", lambda *args: args)
    config = read_settings([*SMALL, "--amp_level", "O2", "--e_loss_weight", "2", "--e_3d_loss_weight", "3",
                            "--e_shape_ratio", "5", "--e_pose_ratio", "7", "--e_3d_kp_ratio", "11", "--d_loss_weight",
                            "0.5", "--d_disc_ratio", "4", "--loss_scale", "dynamic", "--clip_norm", "9"])
    pair = build_start(config, golden.body_model(), False, None)
    step, rate = train_step.build_step(config, 2, pair, 100)
    assert cast == [(pair.generator, "O2")] and losses[0][1] == (2, 33, 15, 21, 2) and losses[0][2] == 0.5
    assert rate.base == pytest.approx(1e-5) and step[2] is not None and step[3:] == (9, 1, 2)
