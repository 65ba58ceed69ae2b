"""Learning rate of HMR's training as a function of the update, computed inside the compiled step."""
import math

import mindspore as ms
from mindspore import ops
from mindspore.nn.learning_rate_schedule import LearningRateSchedule


class WarmUp(LearningRateSchedule):
    """A straight line up to `base`, then `base` to the end or half a cosine down to 0.

    Args:
        base (float): largest rate.
        warm (int): updates of the line; the first one uses `base` / `warm`.
        total (int): updates after which the cosine ends; 0 for no cosine.

    Inputs:
        - **step** (Tensor) - () or (1,), the number of updates done so far.

    Outputs:
        Tensor of the same shape, float32.
    """

    def __init__(self, base, warm, total=0):
        super().__init__()
        self.base, self.warm = base, max(warm, 1)
        self.falls, self.rest = total > 0, max(total - self.warm, 1)

    def construct(self, step):
        done = step.astype(ms.float32)
        rate = self.base * ops.minimum((done + 1.0) / self.warm, 1.0)
        if self.falls:
            part = ops.minimum(ops.maximum(done - self.warm, 0.0) / self.rest, 1.0)
            rate = rate * (0.5 + 0.5 * ops.cos(math.pi * part))
        return rate

    def at(self, step):
        """The same for a Python number, without the device."""
        rate = self.base * min((step + 1) / self.warm, 1.0)
        part = min(max(step - self.warm, 0.0) / self.rest, 1.0)
        return rate * (0.5 + 0.5 * math.cos(math.pi * part)) if self.falls else rate
