"""A program with small networks whose graphs are kept; `test_graph_cache` runs it with other orders of the same work.

    graph_cache_run.py FACTOR:LENGTH ...    y = FACTOR * x + w for an x of that length, and one update of w for each
"""
import os
import sys

os.environ.update(ONEDNN_MAX_CPU_ISA="AVX2", MS_DEV_HOST_BLOCKING_RUN="1", GLOG_v="3")
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

import mindspore as ms  # noqa: E402
import numpy as np  # noqa: E402
from mindspore import Parameter, Tensor, nn  # noqa: E402

from common.engine.graph_cache import Compiled  # noqa: E402


class Line(nn.Cell):
    """y = factor * x + w."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor
        self.table = Tensor(np.float32([factor]))
        self.w = Parameter(Tensor(np.float32([os.getpid()])), name="w")

    def construct(self, x):
        return 0.5 * self.factor * x + 0.5 * self.table * x + self.w


class Update(nn.Cell):
    """One step of gradient descent on the sum of a line, as training has it: gradients and weights in one graph."""

    def __init__(self, line):
        super().__init__()
        self.line, self.optimizer = line, nn.SGD(line.trainable_params(), 0.25)
        self.gradient = ms.value_and_grad(self._sum, None, self.optimizer.parameters)

    def _sum(self, x):
        return (self.line(x) * self.line.factor).sum()

    def construct(self, x):
        value, gradients = self.gradient(x)
        self.optimizer(gradients)
        return value


ms.set_context(mode=ms.GRAPH_MODE)
for item in sys.argv[1:]:
    factor, length = item.split(":")
    line = Line(float(factor))
    x = Tensor(np.arange(int(length), dtype=np.float32))
    found = Compiled(line.set_train(False))(x).asnumpy() - os.getpid()
    Compiled(Update(line).set_train())(x)
    print(item, found.tolist(), float(line.w.asnumpy()[0]) - os.getpid())
