"""Learning rates as functions of the step, computed inside the compiled training step."""
import math
from collections.abc import Sequence

from mindspore import Tensor, ops
from mindspore import dtype as mstype
from mindspore.nn.learning_rate_schedule import LearningRateSchedule


class ExponentialDecay(LearningRateSchedule):
    """`base * rate ** (step / decay_steps)`, continuous: TensorFlow's exponential_decay with staircase=False.

    Args:
        base (float): rate at step 0.
        rate (float): factor per `decay_steps` steps.
        decay_steps (int): steps in which the learning rate falls by `rate`.

    Inputs:
        - **step** (Tensor) - () or (1,), the number of updates done so far.

    Outputs:
        Tensor of the same shape, float32.
    """

    def __init__(self, base: float, rate: float, decay_steps: int):
        super().__init__()
        self.base, self.rate, self.decay_steps = base, rate, decay_steps
        self.power = ops.Pow()

    def construct(self, step: Tensor) -> Tensor:
        return self.base * self.power(Tensor(self.rate, mstype.float32), step.astype(mstype.float32) / self.decay_steps)

    def at(self, step: int) -> float:
        """The same for a Python number, without the device."""
        return self.base * self.rate ** (step / self.decay_steps)


class StepDecay(LearningRateSchedule):
    """`base`, times `gamma` from each of `milestones` on; 0 before `frozen` updates.

    Args:
        base (float): rate of the first updates.
        gamma (float): factor.
        milestones (list[int]): numbers of updates.
        frozen (int): updates with a rate of 0.

    Inputs:
        - **step** (Tensor) - () or (1,), the number of updates done so far.

    Outputs:
        Tensor of the same shape, float32.
    """

    def __init__(self, base: float, gamma: float, milestones: Sequence[int], frozen: int = 0):
        super().__init__()
        self.base, self.gamma, self.milestones, self.frozen = base, gamma, tuple(milestones), frozen

    def construct(self, step: Tensor) -> Tensor:
        rate = (step >= self.frozen).astype(mstype.float32) * self.base
        for milestone in self.milestones:
            rate = rate * (1.0 - (1.0 - self.gamma) * (step >= milestone).astype(mstype.float32))
        return rate

    def at(self, step: int) -> float:
        """The same for a Python number, without the device."""
        return (step >= self.frozen) * self.base * self.gamma ** sum(step >= number for number in self.milestones)


class WarmUp(LearningRateSchedule):
    """A straight line up to `base`, then `base` to the end or half a cosine down to 0; 0 before `frozen` updates.

    Args:
        base (float): largest rate.
        warm (int): updates of the line.
        total (int): updates after which the cosine ends; 0 for no cosine.
        start (float): share of `base` at which the line starts; 0 makes the first update one of `base` / `warm`.
        frozen (int): updates with a rate of 0.

    Inputs:
        - **step** (Tensor) - () or (1,), the number of updates done so far.

    Outputs:
        Tensor of the same shape, float32.
    """

    def __init__(self, base: float, warm: int, total: int = 0, start: float = 0.0, frozen: int = 0):
        super().__init__()
        self.base, self.start, self.frozen = base, start, frozen
        self.warm, self.first = max(warm, 1), float(start == 0.0)
        self.falls, self.rest = total > 0, max(total - self.warm, 1)

    def construct(self, step: Tensor) -> Tensor:
        done = step.astype(mstype.float32)
        line = ops.minimum((done + self.first) / self.warm, 1.0)
        rate = (step >= self.frozen).astype(mstype.float32) * self.base * (self.start + (1.0 - self.start) * line)
        if self.falls:
            part = ops.minimum(ops.maximum(done - self.warm, 0.0) / self.rest, 1.0)
            rate = rate * (0.5 + 0.5 * ops.cos(math.pi * part))
        return rate

    def at(self, step: int) -> float:
        """The same for a Python number, without the device."""
        line = min((step + self.first) / self.warm, 1.0)
        part = min(max(step - self.warm, 0.0) / self.rest, 1.0)
        fall = 0.5 + 0.5 * math.cos(math.pi * part) if self.falls else 1.0
        return (step >= self.frozen) * self.base * (self.start + (1.0 - self.start) * line) * fall


def learning_rate_at(schedule: float | LearningRateSchedule, step: int) -> float:
    """The rate that the update after `step` updates uses, as a Python float."""
    return float(schedule.at(step) if hasattr(schedule, "at") else schedule)
