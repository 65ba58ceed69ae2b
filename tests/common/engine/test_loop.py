"""The loop and its callbacks with a stand-in for the compiled step."""
import io
import logging

import numpy as np
import pytest
from mindspore import Tensor

from common.engine.callbacks import LogLines, MetricsCsv, ProgressBar, StepClock
from common.engine.loop import Callback, Progress, fit
from common.errors import UserError


class Loader:
    steps_per_epoch = 4

    def batches(self, epoch, start=0):
        for number in range(start, 4):
            yield (Tensor(np.float32(10 * epoch + number)),)


class Step:
    """The loss is the batch's value; the second update of epoch 1 overflows."""

    term_names = ("half",)

    def __call__(self, value):
        value = value.asnumpy()
        skipped = float(value == 11)
        loss = np.float32(np.nan) if skipped else value
        return Tensor(np.float32(loss)), Tensor(np.array([value / 2], np.float32)), Tensor(np.float32(skipped))


class Record(Callback):
    def __init__(self, due=()):
        self.steps, self.epochs, self.ended, self.due = [], [], 0, due

    def wants(self, batch):
        return batch in self.due

    def on_step(self, progress):
        self.steps.append((progress.epoch, progress.batch, progress.step, progress.terms["half"]))

    def on_epoch_end(self, progress):
        self.epochs.append((progress.epoch, progress.loss_sum))
        self.means = [*getattr(self, "means", []), progress.mean_loss]

    def on_end(self, progress):
        self.ended += 1


@pytest.mark.parametrize("fetch_every", [1, 3, 100])
def test_every_update_is_seen_once_in_order(fetch_every):
    record, progress = Record(), Progress(2, 4)
    fit(Step(), Loader(), progress, [record], fetch_every)
    assert [step[:3] for step in record.steps] == [(e, b, 4 * e + b) for e in (0, 1) for b in (1, 2, 3, 4)]
    assert [step[3] for step in record.steps] == [0, 0.5, 1, 1.5, 5, 5.5, 6, 6.5]
    assert progress.skipped == 1 and record.ended == 1 and progress.epoch == 2
    assert record.epochs == [(0, 6.0), (1, 35.0)]
    assert record.means == [6.0 / 4, 35.0 / 3]  # of the updates that were not skipped


def test_a_wanted_step_is_fetched_at_once():
    seen = []

    class Save(Record):
        def on_step(self, progress):
            if progress.batch in self.due:
                seen.append((progress.batch, Counting.calls))

    class Counting(Step):
        calls = 0

        def __call__(self, value):
            Counting.calls += 1
            return super().__call__(value)

    fit(Counting(), Loader(), Progress(1, 4), [Save(due=(2,))], fetch_every=100)
    assert seen == [(2, 2)]


def test_it_starts_where_it_stands():
    record, progress = Record(), Progress(2, 4)
    progress.move_to({"step": 6, "epoch": 1, "batch": 2, "skipped": 1, "loss_sum": 10.0, "counted": 1})
    fit(Step(), Loader(), progress, [record])
    assert [step[:3] for step in record.steps] == [(1, 3, 7), (1, 4, 8)]
    assert record.epochs == [(1, 35.0)] and record.means == [35.0 / 3]


def test_a_position_of_other_data_is_refused():
    with pytest.raises(UserError, match="step 6, epoch 2, batch 2, which does not fit 5 batches per epoch"):
        Progress(2, 5).move_to({"step": 6, "epoch": 1, "batch": 2, "skipped": 0, "loss_sum": 0.0, "counted": 0})
    done = {"step": 8, "epoch": 2, "batch": 0, "skipped": 0, "loss_sum": 0.0, "counted": 0}
    Progress(3, 4).move_to(done)
    with pytest.raises(UserError, match="nothing is left to train: a.ckpt stands at the end of epoch 2 of 2; raise"):
        Progress(2, 4).move_to(done, "a.ckpt", "--num_epochs")


class Repeated:
    """Three updates per launch; `ends` are the positions at which a launch or a single update was done."""

    repeats = 3

    def __call__(self, values):
        return (values, Tensor(np.stack([values.asnumpy() / 2], 1)), Tensor(np.zeros(3, np.float32)))


class LongLoader:
    steps_per_epoch = 9

    def batches(self, epoch, start=0):
        for number in range(start, 9):
            yield (Tensor(np.float32(number)),)


def test_launches_of_a_continued_run_end_where_a_step_is_wanted():
    """Continued at update 2: a launch of updates 3 to 5 would have the weights of 5 when those of 3 are wanted."""
    launched, seen = [], []

    class Watched(Repeated):
        def __call__(self, values):
            launched.append(values.asnumpy().tolist())
            return super().__call__(values)

    class Save(Record):
        def on_step(self, progress):
            super().on_step(progress)
            if progress.batch in self.due:
                seen.append((progress.batch, sum(map(len, launched))))

    record, progress = Save(due=(3, 6)), Progress(1, 9)
    progress.move_to({"step": 2, "epoch": 0, "batch": 2, "skipped": 0, "loss_sum": 0.0, "counted": 0})
    fit(Step(), LongLoader(), progress, [record], repeated_step=Watched())
    assert launched == [[3, 4, 5], [6, 7, 8]]
    assert seen == [(3, 0), (6, 3)]
    assert [step[1] for step in record.steps] == [3, 4, 5, 6, 7, 8, 9]


def test_the_end_of_an_epoch_is_the_beginning_of_the_next():
    progress = Progress(3, 4, epoch=1, batch=4, step=8, loss_sum=3.0)
    assert progress.position() == {"step": 8, "epoch": 2, "batch": 0, "skipped": 0, "loss_sum": 0.0,
                                   "counted": 0}


def test_a_loss_that_is_no_number_stops_the_run():
    class Broken(Step):
        def __call__(self, value):
            return Tensor(np.float32(np.nan)), Tensor(np.zeros(1, np.float32)), Tensor(np.float32(0))

    record = Record()
    with pytest.raises(UserError, match="the loss is nan at step 1"):
        fit(Broken(), Loader(), Progress(1, 4), [record])
    assert record.ended == 1 and record.steps == []


def test_the_bar_shows_epoch_loss_and_time(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr", io.StringIO())
    import sys

    logging.getLogger("mindhuman").handlers[:] = [logging.StreamHandler(sys.stdout)]
    fit(Step(), Loader(), Progress(1, 4), [ProgressBar(enabled=True)])
    text = sys.stderr.getvalue()
    assert "epoch 1/1" in text and "4/4" in text and "loss=" in text


def test_the_table_forgets_what_lies_beyond_the_checkpoint(tmp_path):
    path = str(tmp_path / "metrics.csv")
    table = MetricsCsv(path, ("half",), ("error_mm",), schedule=0.5)
    fit(Step(), Loader(), Progress(2, 4), [table])
    whole = (tmp_path / "metrics.csv").read_text()
    assert whole.splitlines()[0] == "step,epoch,learning_rate,loss,half,error_mm"
    assert whole.splitlines()[2] == "2,1,0.5,1,0.5,"
    assert (tmp_path / "metrics.png").is_file()
    progress = Progress(2, 4)
    progress.move_to({"step": 6, "epoch": 1, "batch": 2, "skipped": 1, "loss_sum": 0.0, "counted": 0})
    fit(Step(), Loader(), progress, [MetricsCsv(path, ("half",), ("error_mm",), schedule=0.5)])
    assert (tmp_path / "metrics.csv").read_text() == whole


@pytest.mark.parametrize("across_epochs, expected", [
    (False, ["3 1.0", "end 1.5", "3 11.0", "end 11.67"]), (True, ["3 1.0", "end 1.5", "2 6.5", "end 11.67"])])
def test_log_lines_tell_the_mean_since_the_last_one(caplog, monkeypatch, across_epochs, expected):
    """Losses are 0, 1, 2, 3 and 10, (skipped), 12, 13; a line for each third update of an epoch or of the run."""
    # Whatever other tests have set up: one way to the lines, through the root's handler.
    monkeypatch.setattr(logging.getLogger("mindhuman"), "propagate", True)
    monkeypatch.setattr(logging.getLogger("mindhuman"), "handlers", [])
    caplog.set_level(logging.INFO, "mindhuman")
    lines = LogLines(3, lambda progress, means, ms: f"{progress.batch} {means['loss']}",
                     block=lambda progress: (f"end {progress.mean_loss:.4g}",), across_epochs=across_epochs)
    fit(Step(), Loader(), Progress(2, 4), [lines])
    said = [text for text in caplog.messages if not text.startswith("Skipped")]
    assert said == expected and caplog.messages.count("Skipped steps: 1 (gradients overflowed)") == 1


def test_the_usual_line_at_the_end_of_an_epoch_tells_the_speed_of_all_workers(caplog, monkeypatch):
    # Whatever other tests have set up: one way to the lines, through the root's handler.
    monkeypatch.setattr(logging.getLogger("mindhuman"), "propagate", True)
    monkeypatch.setattr(logging.getLogger("mindhuman"), "handlers", [])
    caplog.set_level(logging.INFO, "mindhuman")
    monkeypatch.setattr("common.engine.callbacks.StepClock.read", lambda clock: 250.0)
    LogLines(100, None, 8, "images").on_epoch_end(Progress(3, 4, 1, 4, loss_sum=2.0, counted=4))
    assert caplog.messages == ["epoch 2 of 3: mean loss 0.500000, 250.0 ms per step, 32.0 images per second"]
    LogLines(100, None, 8, "images").on_epoch_end(Progress(3, 4, 1, 4, skipped=4))
    assert "lower --loss_scale" in caplog.messages[-1]


def test_clock_counts_updates():
    clock = StepClock()
    for _ in range(4):
        clock.tick()
    assert clock.read() < 1000 and clock.updates == 0
