"""The learning rate of Hand4Whole's training as a function of the update, computed inside the compiled step."""
import mindspore as ms
from mindspore.nn.learning_rate_schedule import LearningRateSchedule


class StepDecay(LearningRateSchedule):
    """`base`, divided by `factor` at each of `milestones`.

    Args:
        base (float): rate of the first updates.
        factor (float): divisor.
        milestones (list[int]): numbers of updates.

    Inputs:
        - **step** (Tensor) - () or (1,), the number of updates done so far.

    Outputs:
        Tensor of the same shape, float32.
    """

    def __init__(self, base, factor, milestones):
        super().__init__()
        self.base, self.factor, self.milestones = base, factor, tuple(milestones)

    def construct(self, step):
        rate = (step >= 0).astype(ms.float32) * self.base
        for milestone in self.milestones:
            rate = rate * (1.0 + (1.0 / self.factor - 1.0) * (step >= milestone).astype(ms.float32))
        return rate

    def at(self, step):
        """The same for a Python number, without the device."""
        return self.base / self.factor ** sum(step >= milestone for milestone in self.milestones)
