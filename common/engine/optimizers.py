"""Optimizers where the framework's differ from those that the originals were trained with."""
import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops
from mindspore.nn.learning_rate_schedule import LearningRateSchedule


class TorchAdam(nn.Adam):
    """Adam as PyTorch computes it.

    PyTorch adds epsilon to the bias-corrected root, the framework (like TensorFlow) to the uncorrected one; and the
    framework takes `1 - beta2^t` from a float32 power, which makes the first updates 6e-6 too small, all in the same
    direction. Here the corrections are built up without that cancellation and worked into rate and epsilon.

    Args:
        parameters (list): trainable parameters, or groups of them, each with its `lr`.
        learning_rate: number or schedule.
        beta1, beta2, eps, weight_decay (float): as in PyTorch.
    """

    def __init__(self, parameters: list, learning_rate: float | LearningRateSchedule = 1e-3, beta1: float = 0.9,
                 beta2: float = 0.999, eps: float = 1e-8, weight_decay: float = 0.0):
        super().__init__(parameters, learning_rate, beta1, beta2, eps, weight_decay=weight_decay)
        self.betas = (beta1, beta2)
        # 1 - beta^t by its recurrence c <- beta c + (1 - beta).
        self.correction1 = Parameter(Tensor(0.0, ms.float32), name="correction1")
        self.correction2 = Parameter(Tensor(0.0, ms.float32), name="correction2")
        self.zero = Tensor(0.0, ms.float32)

    def construct(self, gradients: tuple[Tensor, ...]) -> tuple[bool, ...]:
        gradients = self.decay_weight(gradients)
        rate = self.get_lr()
        self.assignadd(self.global_step, self.global_step_increase_tensor)
        correction1 = self.betas[0] * self.correction1 + (1.0 - self.betas[0])
        correction2 = self.betas[1] * self.correction2 + (1.0 - self.betas[1])
        self.correction1, self.correction2 = correction1, correction2
        root2 = ops.sqrt(correction2)
        epsilon = self.eps * root2
        if self.is_group_lr:
            update = ops.partial(_update_at, self.opt, self.zero, root2 / correction1, self.beta1, self.beta2, epsilon)
            return self.map_(update, rate, self._parameters, self.moment1, self.moment2, gradients)
        update = ops.partial(_update, self.opt, self.zero, rate * root2 / correction1, self.beta1, self.beta2, epsilon)
        return self.map_(update, self._parameters, self.moment1, self.moment2, gradients)


def _update(adam: ops.Primitive, power: Tensor, rate: Tensor, beta1: Tensor, beta2: Tensor, epsilon: Tensor,
            parameter: Parameter, moment1: Tensor, moment2: Tensor, gradient: Tensor) -> bool:
    # With powers of zero the kernel makes no correction of its own.
    return ops.depend(True, adam(parameter, moment1, moment2, power, power, rate, beta1, beta2, epsilon, gradient))


def _update_at(adam: ops.Primitive, power: Tensor, correction: Tensor, beta1: Tensor, beta2: Tensor, epsilon: Tensor,
               rate: Tensor, parameter: Parameter, moment1: Tensor, moment2: Tensor, gradient: Tensor) -> bool:
    return _update(adam, power, rate * correction, beta1, beta2, epsilon, parameter, moment1, moment2, gradient)
