"""Learning rates: the compiled ones and the plain numbers."""
import math

import pytest
from mindspore import Tensor

from common.engine.schedules import ExponentialDecay, StepDecay, WarmUp, learning_rate_at


@pytest.mark.parametrize("schedule", [ExponentialDecay(1e-3, 0.96, 40), StepDecay(1e-4, 0.1, [30, 50], frozen=20),
                                      StepDecay(2.0, 0.5, []), WarmUp(2.0, 0), WarmUp(2.0, 20, 60),
                                      WarmUp(1e-3, 20, 60, 1 / 3, frozen=20)])
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


@pytest.mark.parametrize("warm, total, rates", [
    (0, 0, {0: 2.0, 5: 2.0, 99: 2.0}), (4, 0, {0: 0.5, 1: 1.0, 3: 2.0, 4: 2.0, 99: 2.0}),
    (4, 24, {0: 0.5, 3: 2.0, 4: 2.0, 14: 1.0, 24: 0.0, 30: 0.0})])
def test_warm_up_by_hand(warm, total, rates):
    schedule = WarmUp(2.0, warm, total)
    for step, rate in rates.items():
        assert schedule.at(step) == pytest.approx(rate, abs=1e-12)


def test_warm_up_from_a_third_by_hand():
    schedule = WarmUp(3e-3, 10, 30, start=1 / 3, frozen=2)
    assert [schedule.at(step) for step in (1, 5, 10, 20, 30)] == pytest.approx([0.0, 2e-3, 3e-3, 1.5e-3, 0.0])
    assert schedule.at(15) == pytest.approx(1.5e-3 * (1 + math.cos(math.pi / 4)))
