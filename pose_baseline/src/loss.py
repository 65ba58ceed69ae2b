"""The training loss: mean squared difference of normalised 3D joints, as in the original."""
import mindspore as ms
from mindspore import nn, ops


class NetworkWithLoss(nn.Cell):
    """Network and loss.

    Args:
        network (LinearModel): the network.
        keep_prob (float): probability with which dropout keeps a unit; kept units are divided by it.

    Inputs:
        - **inputs** (Tensor) - (B, 32), normalised 2D.
        - **targets** (Tensor) - (B, 48) or (B, 42), normalised 3D.
        - **keep** (Tensors) - for each hidden layer (B, linear_size) uint8, 1 where a unit is kept; none without
          dropout.

    Outputs:
        Tuple: loss (), and the loss terms by `term_names`.
    """

    term_names = ("mse",)

    def __init__(self, network, keep_prob=1.0):
        super().__init__(auto_prefix=False)
        self.network = network
        self.factor = 1.0 / keep_prob

    def construct(self, inputs, targets, *keep):
        outputs = self.network(inputs, *[mask.astype(ms.float32) * self.factor for mask in keep])
        loss = ops.square(outputs.astype(ms.float32) - targets).mean()
        return loss, (loss,)
