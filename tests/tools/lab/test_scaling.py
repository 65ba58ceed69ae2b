"""tools/lab/scaling.py: the formulas by hand, and the table."""
import pytest

from common.errors import UserError
from tools.lab import scaling
from tools.lab.scaling import Measured, all_reduce_seconds, bounds, table


def test_a_ring_sends_nearly_twice_the_gradients():
    assert all_reduce_seconds(1_000_000, 2, 1e6) == 1.0
    assert all_reduce_seconds(1_000_000, 8, 1e6) == 1.75
    assert all_reduce_seconds(1_000_000, 1, 1e6) == 0.0


def test_what_waits_first():
    # A core loads 100 samples a second; 50 MB over 10 MB/s are 5 s each way, 8.75 s for eight cards.
    measured = Measured(35, 50_000_000, 150_000_000, 0.01)
    assert bounds(measured, 8, 4, 1e7) == (400.0, 4.0)
    assert bounds(measured, 1, 4, 1e7) == (400.0, None)
    assert bounds(measured._replace(loading_s=None), 8, 4, 1e7) == (None, 4.0)
    rows = table({"net": measured}, (1, 8), 4, 1e7)[2:]
    assert rows == ["| net | 35 | 50.0 | 150.0 | 10.00 | 1 | 400/s | - | loading |",
                    "| net | 35 | 50.0 | 150.0 | 10.00 | 8 | 400/s | 4/s | all-reduce |"]


def test_a_small_network_is_measured(monkeypatch):
    training_step = scaling.importlib.import_module("tools.lab.graphs.pose_baseline").training_step
    monkeypatch.setattr("tools.lab.graphs.pose_baseline.training_step", lambda: training_step(small=True))
    found = scaling.measure("pose_baseline", 1)
    assert found.batch == 64 and found.loading_s is None
    # Adam keeps two numbers beside each weight; the running means of batch norm are kept and not trained.
    assert 3 * found.gradient_bytes < found.checkpoint_bytes < 3.5 * found.gradient_bytes


@pytest.mark.parametrize("flags, words", [(["--cores_per_card", "0"], "--cores_per_card 0"),
                                          (["--cards", "8", "0"], "--cards 8 0")])
def test_bad_numbers_are_named(flags, words):
    with pytest.raises(UserError, match=words):
        scaling.main(flags)
