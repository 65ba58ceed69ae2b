"""Adam as PyTorch computes it: worked out in float64, and with groups."""
import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor

from common.engine.optimizers import TorchAdam
from common.engine.schedules import StepDecay

START = np.array([1.0, -2.0], np.float32)
GRADIENTS = np.array([[0.3, 1e-4], [-0.1, 2e-4], [0.2, -1e-4]], np.float32)


def run(optimizer, parameters):
    for gradient in GRADIENTS:
        optimizer(tuple(Tensor(gradient) for _ in parameters))
    return [parameter.asnumpy() for parameter in parameters]


def parameters(*names):
    return [Parameter(Tensor(START), name=name) for name in names]


def by_hand(rates, decay=0.0):
    """Kingma and Ba's update in float64, epsilon beside the corrected root."""
    value, m, v = START.astype(np.float64), np.zeros(2), np.zeros(2)
    for step, (gradient, rate) in enumerate(zip(GRADIENTS.astype(np.float64), rates), 1):
        gradient = gradient + decay * value
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient ** 2
        value = value - rate * (m / (1 - 0.9 ** step)) / (np.sqrt(v / (1 - 0.999 ** step)) + 1e-8)
    return value


@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_updates_by_hand(decay):
    chosen = parameters("w")
    assert run(TorchAdam(chosen, 0.01, weight_decay=decay), chosen)[0] == pytest.approx(by_hand([0.01] * 3, decay),
                                                                                         abs=3e-7)


@pytest.mark.parametrize("scheduled", [False, True])
def test_groups_have_rates_of_their_own(scheduled):
    def rate(base):
        return StepDecay(base, 0.1, [2]) if scheduled else base

    first, second = parameters("a", "b")
    groups = [{"params": [first], "lr": rate(0.01)}, {"params": [second], "lr": rate(0.0001)}]
    values = run(TorchAdam(groups, rate(0.01)), [first, second])
    for value, base in zip(values, (0.01, 0.0001)):
        rates = [base, base, base * (0.1 if scheduled else 1.0)]
        assert value == pytest.approx(by_hand(rates), abs=3e-7)


def test_as_a_compiled_step():
    class Step(ms.nn.Cell):
        def __init__(self, optimizer):
            super().__init__()
            self.optimizer = optimizer

        def construct(self, gradient):
            return self.optimizer((gradient, gradient))

    first, second = parameters("a", "b")
    step = Step(TorchAdam([{"params": [first], "lr": 0.01}, {"params": [second], "lr": 0.001}], 0.01))
    for gradient in GRADIENTS:
        step(Tensor(gradient))
    assert first.asnumpy() == pytest.approx(by_hand([0.01] * 3), abs=3e-7)
    assert second.asnumpy() == pytest.approx(by_hand([0.001] * 3), abs=3e-7)
