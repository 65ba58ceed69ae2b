"""The body for training gives the joints of the whole body, and the same gradients."""
import dataclasses

import hmr_golden as golden
import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from hmr.src.body import condense
from hmr.src.network import BodyLayer

NAME = "cocoplus_regressor"


class Weighed(nn.Cell):
    """A number that depends on all joints."""

    def __init__(self, body):
        super().__init__(auto_prefix=False)
        self.body = body
        self.factors = Tensor(golden.seeded.array("hmr/factors", (19, 3), 1))

    def construct(self, state):
        outputs = self.body(state)
        return (outputs[3] * self.factors).sum() + ms.ops.square(outputs[2]).sum()


@pytest.fixture(scope="module")
def model():
    """The stand-in body, with a regressor that has negative weights too, as published ones do."""
    model, rng = golden.body_model(), np.random.default_rng(3)
    regressor = model.extras[NAME] + np.where(rng.random((19, 6890)) < 0.002, rng.normal(0, 0.02, (19, 6890)), 0.0)
    return dataclasses.replace(model, extras={**model.extras, NAME: regressor})


@pytest.mark.parametrize("rotations, size, rotate_base", [("axis_angle", 85, True), ("rot6d", 157, False)])
def test_joints_and_gradients_are_those_of_the_whole_body(model, rotations, size, rotate_base):
    small = condense(model, NAME)
    assert len(small.v_template) < 1000
    state = Tensor(golden.seeded.array("hmr/state", (3, size), 2))
    whole, condensed = BodyLayer(model, rotations, rotate_base), BodyLayer(small, rotations, rotate_base)
    for one, other in zip(whole(state)[2:], condensed(state)[2:]):
        assert np.abs(one.asnumpy() - other.asnumpy()).max() < 1e-5
    gradients = [ms.grad(Weighed(body))(state).asnumpy() for body in (whole, condensed)]
    assert np.abs(gradients[0]).max() > 0.1
    assert np.abs(gradients[0] - gradients[1]).max() < 1e-4 * np.abs(gradients[0]).max()
