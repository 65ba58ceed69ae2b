"""Learning rates: the compiled ones and the plain numbers."""
import pytest
from mindspore import Tensor

from common.engine.schedules import ExponentialDecay, StepDecay, learning_rate_at


@pytest.mark.parametrize("schedule", [ExponentialDecay(1e-3, 0.96, 40), StepDecay(1e-4, 0.1, [30, 50], frozen=20),
                                      StepDecay(2.0, 0.5, [])])
def test_the_compiled_rate_is_the_plain_one(schedule):
    for step in (0, 19, 20, 29, 30, 49, 50, 100):
        assert float(schedule(Tensor([step])).asnumpy().item()) == pytest.approx(schedule.at(step), rel=1e-5, abs=1e-10)


def test_steps_by_hand():
    schedule = StepDecay(1e-4, 0.1, [30, 50], frozen=20)
    assert [schedule.at(step) for step in (0, 19, 20, 29)] == [0, 0, 1e-4, 1e-4]
    assert schedule.at(30) == pytest.approx(1e-5) and schedule.at(50) == pytest.approx(1e-6)


def test_exponential_by_hand():
    schedule = ExponentialDecay(2.0, 0.25, 10)
    assert [learning_rate_at(schedule, step) for step in (0, 5, 10)] == pytest.approx([2.0, 1.0, 0.5])
    assert learning_rate_at(0.3, 7) == 0.3
