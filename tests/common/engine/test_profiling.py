"""--profile: what is recorded, summarised and written."""
import csv
import json
import logging

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from common.engine.loop import Progress, fit
from common.engine.profiling import Profiling, summarise
from common.engine.train_step import TrainStep


class Line(nn.Cell):
    """A dense layer with a squared loss."""

    term_names = ("square",)

    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(4, 1, weight_init="ones")

    def construct(self, x):
        loss = self.dense(x).square().mean()
        return loss, (loss,)


class Batches:
    """The same batch again and again."""

    def __init__(self, steps):
        self.steps_per_epoch = steps

    def batches(self, epoch, start):
        for _ in range(start, self.steps_per_epoch):
            yield (Tensor(np.ones((2, 4), np.float32)),)


def train(folder, updates, caplog):
    ms.set_context(mode=ms.GRAPH_MODE)
    network = Line()
    step = TrainStep(network, nn.SGD(network.trainable_params(), 0.01))
    with caplog.at_level(logging.INFO, "mindhuman"):
        fit(step, Batches(updates), Progress(1, updates), [Profiling(folder)], fetch_every=4)


def test_time_is_summed_by_kind_of_operator():
    events = [{"ph": "M", "name": "process_name"}, {"ph": "X", "name": "Default/a/MatMul-op0", "dur": "3000"},
              {"ph": "X", "name": "Gradients/b/MatMul-op1", "dur": "1000"},
              {"ph": "X", "name": "Default/Add-op0", "dur": "4500.0"}, {"ph": "X", "name": "wait", "dur": "1"}]
    assert summarise(events, 2) == [("Add", 0.5, 2.25, 4500 / 8500), ("MatMul", 1.0, 2.0, 4000 / 8500)]


def test_recorded_updates_give_timeline_and_table(tmp_path, caplog):
    train(tmp_path, 20, caplog)
    rows = list(csv.DictReader((tmp_path / "operators.csv").read_text().splitlines()))
    calls = {row["operator"]: float(row["calls_per_step"]) for row in rows}
    # One product forward and one for the gradient of the weight, once per recorded update.
    assert calls["MatMul"] == pytest.approx(2.0)
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1.0, abs=1e-3)
    assert any(event["ph"] == "X" for event in json.loads((tmp_path / "timeline.json").read_text()))
    assert "MatMul" in caplog.text


def test_short_runs_say_what_is_missing(tmp_path, caplog):
    train(tmp_path / "none", 2, caplog)
    assert "the run has 2 updates" in caplog.text and not (tmp_path / "none").exists()
    train(tmp_path / "some", 5, caplog)
    assert "before 10 updates were recorded" in caplog.text and (tmp_path / "some" / "operators.csv").is_file()
