"""Learning rates as functions of the step, computed inside the compiled training step."""
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

    def __init__(self, base, rate, decay_steps):
        super().__init__()
        self.base, self.rate, self.decay_steps = base, rate, decay_steps
        self.power = ops.Pow()

    def construct(self, step):
        return self.base * self.power(Tensor(self.rate, mstype.float32), step.astype(mstype.float32) / self.decay_steps)

    def at(self, step):
        """The same for a Python number, without the device."""
        return self.base * self.rate ** (step / self.decay_steps)


def learning_rate_at(schedule, step):
    """The rate that the update after `step` updates uses, as a Python float."""
    return float(schedule.at(step) if hasattr(schedule, "at") else schedule)
