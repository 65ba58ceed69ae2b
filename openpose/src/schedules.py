"""The cosine learning rate of OpenPose's training as a function of the update, computed inside the compiled step.

Source: the MindSpore 1.x implementation. Differs from it: updates are counted as they are, not per card.
"""
import math

import mindspore as ms
from mindspore import ops
from mindspore.nn.learning_rate_schedule import LearningRateSchedule


class WarmCosine(LearningRateSchedule):
    """A straight line from `base` / 3 to `base`, then half a cosine down to 0; 0 before `frozen` updates.

    Args:
        base (float): largest rate.
        warm (int): updates of the line.
        total (int): updates of the run.
        frozen (int): updates with a rate of 0.

    Inputs:
        - **step** (Tensor) - () or (1,), the number of updates done so far.

    Outputs:
        Tensor of the same shape, float32.
    """

    def __init__(self, base, warm, total, frozen=0):
        super().__init__()
        self.base, self.frozen = base, frozen
        self.warm, self.rest = max(warm, 1), max(total - warm, 1)

    def construct(self, step):
        done = step.astype(ms.float32)
        line = 1.0 / 3 + 2.0 / 3 * ops.minimum(done / self.warm, 1.0)
        fall = 0.5 + 0.5 * ops.cos(math.pi * ops.minimum(ops.maximum(done - self.warm, 0.0) / self.rest, 1.0))
        return (step >= self.frozen).astype(ms.float32) * self.base * line * fall

    def at(self, step):
        """The same for a Python number, without the device."""
        line = 1.0 / 3 + 2.0 / 3 * min(step / self.warm, 1.0)
        fall = 0.5 + 0.5 * math.cos(math.pi * min(max(step - self.warm, 0.0) / self.rest, 1.0))
        return (step >= self.frozen) * self.base * line * fall
