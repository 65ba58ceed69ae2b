"""The terms that CMR's parameter regressor is fitted with, by hand."""
import types

import numpy as np
from mindspore import Tensor, nn

from tools.lab.graphs.cmr import RegressorFit


class Constant(nn.Cell):
    """Gives the same whatever it sees."""

    def __init__(self, *values):
        super().__init__()
        self.values = tuple(Tensor(np.float32(value)) for value in values)

    def construct(self, *_):
        return self.values


class Shape(nn.Cell):
    """A body of one vertex: the first row of the root's rotation and the first three of betas, added."""

    def construct(self, rotmat, betas):
        return rotmat[:, :1, 0] + betas[:, None, :3], None


def test_terms():
    rotmat = np.tile(np.eye(3), (1, 24, 1, 1))
    rotmat[0, 0] = [[1, 0, 0], [0, 0, -1], [0, 1, 0]]  # a quarter turn about x
    betas = np.zeros((1, 10))
    betas[0, 0] = 2.0
    network = types.SimpleNamespace(smpl_param_regressor=Constant(rotmat, betas), smpl=Shape())
    total, terms = RegressorFit(network)(*(Tensor(np.zeros(shape, np.float32))
                                           for shape in ((1, 7, 3), (1, 72), (1, 10))))
    # The vertex is 2 too far along x, of three coordinates; 4 of 216 entries are 1 off; one of ten betas by 2.
    np.testing.assert_allclose([term.asnumpy() for term in terms], [2 / 3, 4 / 216, 4 / 10], rtol=1e-5)
    np.testing.assert_allclose(total.asnumpy(), 2 / 3 + 4 / 216 + 0.1 * 4 / 10, rtol=1e-5)
