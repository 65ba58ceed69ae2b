"""The compiled update: worked out by hand on a linear model, and against numpy."""
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn, ops

from common.engine.amp import build_scaler, check_amp
from common.engine.schedules import ExponentialDecay, learning_rate_at
from common.engine.train_step import RepeatedStep, TrainStep
from common.errors import UserError

GOLDEN = Path(__file__).parents[2] / "golden" / "pose_baseline"


class Line(nn.Cell):
    """loss = mean((w x - y)^2), with w starting at 1."""

    term_names = ("square", "weight")

    def __init__(self):
        super().__init__(auto_prefix=False)
        self.w = Parameter(Tensor([1.0], ms.float32), name="w")

    def construct(self, x, y):
        loss = ops.square(self.w * x - y).mean()
        return loss, (loss, self.w.sum())


def _step(scaler=None, **settings):
    network = Line()
    return network, TrainStep(network, nn.SGD(network.trainable_params(), 0.1), scaler, **settings)


X, Y = Tensor([1.0, 2.0, 3.0, 4.0], ms.float32), Tensor([2.0, 4.0, 6.0, 8.0], ms.float32)
# By hand: loss = mean((x - 2x)^2) = mean(x^2) = 7.5; dw = mean(2 (w x - y) x) = -2 * 7.5 = -15.


def test_one_update_by_hand():
    network, step = _step()
    loss, terms, skipped = step(X, Y)
    assert loss.asnumpy() == pytest.approx(7.5)
    assert terms.asnumpy() == pytest.approx([7.5, 1.0])
    assert skipped.asnumpy() == 0
    assert network.w.asnumpy() == pytest.approx([1.0 + 0.1 * 15.0])


def test_clipping_bounds_the_gradient():
    network, step = _step(clip_norm=3.0)
    step(X, Y)
    assert network.w.asnumpy() == pytest.approx([1.0 + 0.1 * 3.0])


def test_parts_of_a_batch_give_the_update_of_the_whole():
    network, step = _step(accumulate=2)
    loss, terms, _ = step(X, Y)
    assert loss.asnumpy() == pytest.approx(7.5)
    assert terms.asnumpy() == pytest.approx([7.5, 1.0])
    assert network.w.asnumpy() == pytest.approx([2.5])


def test_repeated_steps_are_steps():
    network, step = _step()
    one = [float(step(X, Y)[0].asnumpy()) for _ in range(3)]
    weight = network.w.asnumpy().copy()
    network, step = _step()
    loss, terms, skipped = RepeatedStep(step, 3)(*[ops.stack([value] * 3) for value in (X, Y)])
    assert loss.asnumpy() == pytest.approx(one)
    assert terms.shape == (3, 2) and skipped.shape == (3,)
    assert (network.w.asnumpy() == weight).all()


@pytest.mark.parametrize("text", ["1024", "dynamic"])
def test_loss_scale_changes_no_result(text):
    network, step = _step(build_scaler(text))
    loss, _, skipped = step(X, Y)
    assert loss.asnumpy() == pytest.approx(7.5) and skipped.asnumpy() == 0
    assert network.w.asnumpy() == pytest.approx([2.5])


def test_an_overflow_changes_nothing_but_the_scale():
    network = Line()
    optimizer = nn.Adam(network.trainable_params(), 0.1)
    scaler = build_scaler("dynamic")
    step = TrainStep(network, optimizer, scaler)
    step(X, Y)
    before = {p.name: p.asnumpy().copy() for p in optimizer.get_parameters()}
    scale = float(scaler.scale_value.asnumpy())
    skipped = step(Tensor([1.0, np.inf, 1.0, 1.0], ms.float32), Y)[2]
    assert skipped.asnumpy() == 1
    after = {p.name: p.asnumpy() for p in optimizer.get_parameters()}
    assert all((before[name] == after[name]).all() for name in before)
    assert float(scaler.scale_value.asnumpy()) == scale / 2
    assert step(X, Y)[2].asnumpy() == 0
    assert network.w.asnumpy() != before["w"]


@pytest.mark.parametrize("text", ["-1", "0", "much"])
def test_bad_loss_scales_are_named(text):
    with pytest.raises(UserError, match="--loss_scale"):
        build_scaler(text)


def test_unknown_amp_level_is_named_and_cpu_warns(caplog):
    with pytest.raises(UserError, match="O7"):
        check_amp("O7", "CPU")
    import logging

    logging.getLogger("mindhuman").propagate = True
    check_amp("O2", "CPU")
    assert "slower" in caplog.text


def test_exponential_decay_in_graph_and_in_python():
    golden = np.load(GOLDEN / "schedule.npz")
    schedule = ExponentialDecay(0.001, 0.96, 100000)
    for step, rate in zip(golden["steps"], golden["learning_rate"]):
        assert learning_rate_at(schedule, int(step)) == pytest.approx(rate, rel=2e-6)
        assert float(schedule(Tensor([int(step)], ms.int32)).asnumpy()[0]) == pytest.approx(rate, rel=2e-6)
    assert learning_rate_at(0.5, 3) == 0.5
