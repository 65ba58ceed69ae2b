"""What runs beside the updates of the training."""
import time

import numpy as np
import pytest
from mindspore import Tensor

from cmr.src.callbacks import SummaryImages, TimeIsUp, TimeLimit, overlay
from cmr.src.config import read_settings
from cmr.src.mesh import load_body
from cmr.src.network import build_network, settings_of
from cmr.src.train_step import build_step, start_wide
from cmr.train import line, train
from common.engine.checkpoint import Checkpoint
from common.engine.loop import Progress
from common.engine.runtime import Runtime
from common.engine.schedules import learning_rate_at
from common.errors import UserError


class Saved:
    """Stands for `SaveCheckpoint` and remembers the steps."""

    def __init__(self):
        self.steps = []

    def save(self, progress):
        self.steps.append(progress.step)


def test_the_run_ends_with_a_checkpoint_when_its_time_is_up():
    saved, progress = Saved(), Progress(2, 4, 0, 2, 2)
    limit = TimeLimit(60, saved)
    limit.on_step(progress)
    assert not limit.wants(2)
    limit.end = time.monotonic()
    assert limit.wants(2)
    with pytest.raises(TimeIsUp):
        limit.on_step(progress)
    assert saved.steps == [2]
    # The end of an epoch has its checkpoint already.
    last = Progress(2, 4, 0, 4, 4)
    limit.on_step(last)
    with pytest.raises(TimeIsUp):
        limit.on_epoch_end(last)
    assert saved.steps == [2]


def test_the_log_line_is_the_documented_one():
    progress = Progress(3, 4, 1, 2, terms={"loss": 0.5255427360534668})
    assert line(progress, {"loss": 1.0}, 3.0) == "epoch: 2 step: 2, loss is 0.5255427360534668"


def test_summaries_come_at_multiples_of_the_run_s_steps():
    images = SummaryImages(None, None, None, None, "", 5)
    images.on_start(Progress(3, 7, 1, 0, 7))
    assert [batch for batch in range(1, 8) if images.wants(batch)] == [3]
    images.on_epoch_end(Progress(3, 7, 1, 7, 14))
    assert [batch for batch in range(1, 8) if images.wants(batch)] == [1, 6]


def test_an_overlay_covers_what_the_camera_sees():
    crop = np.zeros((64, 64, 3), np.uint8)
    square = np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]])
    drawing = overlay(crop, square, np.array([0.5, 0.5, 0.0]), np.array([[0, 2, 1], [0, 3, 2]]), (200, 100, 50))
    # s (x + tx) spans [0, 0.5] of [-1, 1], and [-0.25, 0.25] in y.
    rows, columns = np.nonzero(drawing.any(2))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (24, 39, 32, 47)


def test_the_learning_rate_falls_to_its_share():
    class Network:
        smpl = None

        @staticmethod
        def trainable_params():
            from mindspore import Parameter

            return [Parameter(np.ones(2, np.float32), name=name) for name in ("a", "graph_cnn.camera_fc.weight")]

    class Body:
        regressor = np.zeros((24, 6890))

    rates = {}
    for decay in ("1", "0.01"):
        config = read_settings(["--lr", "0.001", "--lr_decay", decay])
        step, rates[decay] = build_step(config, 1, Network(), Body(), 100)
        assert step.scaler is None
    assert rates["1"] == 0.001
    assert [learning_rate_at(rates["0.01"], number) for number in (0, 50, 100)] == pytest.approx([1e-3, 1e-4, 1e-5])
    for factor, expected in ((1.0, 1e-3), (0.1, 1e-4)):
        config = read_settings(["--lr", "0.001", "--camera_lr_factor", str(factor)])
        optimizer = build_step(config, 1, Network(), Body(), 100)[0].optimizer
        weights = {parameter.name: parameter for parameter in optimizer.parameters}
        optimizer(tuple(Tensor(np.ones(2, np.float32)) for _ in weights))
        moved = {name: 1.0 - float(parameter.asnumpy()[0]) for name, parameter in weights.items()}
        assert moved == pytest.approx({"a": 1e-3, "graph_cnn.camera_fc.weight": expected}, rel=1e-3)


def test_a_wide_start_keeps_the_size_of_features():
    config = read_settings(["--depth", "18", "--width", "0.125", "--num_channels", "32", "--num_layers", "0"])
    network = build_network(config, load_body(config))
    published = {parameter.name: parameter.asnumpy().copy() for parameter in network.get_parameters()}
    start_wide(network, 1)
    wide = {parameter.name: parameter.asnumpy() for parameter in network.get_parameters()}
    changed = {name for name in wide if not np.array_equal(wide[name], published[name])}
    layers = {f"{block}.{layer}" for block in ("gc.1", "shape.0", "shape.1") for layer in ("lin1", "lin2", "skip_conv")}
    assert changed == {"graph_cnn.camera_fc.bias", "graph_cnn.camera_lin.bias", *(
        f"graph_cnn.{layer}.weight" for layer in {"gc.0", "shape.3", "camera_lin", "camera_fc", *layers})}
    # The spread of a sum of n inputs of one, uniform within 1 / sqrt(n): 1 / sqrt(3).
    for name in ("graph_cnn.shape.0.lin1.weight", "graph_cnn.shape.1.lin2.weight"):
        assert np.sqrt(wide[name].shape[1]) * wide[name].std() == pytest.approx(1 / np.sqrt(3), rel=0.15)
    first = wide["graph_cnn.gc.0.weight"]
    assert np.abs(first[:, 3:].sum(1)).max() < 1e-4 and first[:, :3].std() == pytest.approx(1 / np.sqrt(3), rel=0.15)
    assert wide["graph_cnn.camera_fc.bias"].tolist() == pytest.approx([0.9, 0, 0])
    for name in ("camera_lin", "camera_fc"):
        assert np.abs(wide[f"graph_cnn.{name}.weight"].sum(1)).max() < 1e-4
    again = build_network(config, load_body(config))
    start_wide(again, 1)
    assert all((parameter.asnumpy() == wide[parameter.name]).all() for parameter in again.get_parameters())


@pytest.mark.parametrize("argv, ranks, words", [
    (["--distribute"], 1, "run_distribute_train"), (["--time_to_run", "60"], 2, "--time_to_run"),
    (["--amp_level", "O1"], 1, "--amp_level"), (["--resume"], 1, "--save_checkpoint_dir")])
def test_impossible_runs_are_refused_before_any_work(argv, ranks, words, tmp_path):
    config = read_settings([*argv, "--save_checkpoint_dir", str(tmp_path)])
    with pytest.raises(UserError, match=words):
        train(config, Runtime("CPU", 1, 0, ranks))


def test_settings_of_the_network_come_from_its_checkpoint():
    saved = {"crop_contrast_stretch": True, "num_layers": 5, "num_channels": 64}
    published = Checkpoint("cmr.ckpt", {}, meta={"config": saved})
    config = settings_of(published, read_settings([]))
    assert config.crop_contrast_stretch and config.num_channels == 64 and config.img_res == 224
    with pytest.raises(UserError, match="--num_channels 128 contradicts"):
        settings_of(published, read_settings(["--num_channels", "128"]))
