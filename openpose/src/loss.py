"""The training loss: mean squared difference of the maps, at every stage, outside the regions to be ignored.

Source: the MindSpore 1.x implementation. The mask multiplies the squared difference, and the mean counts the masked
cells too, so that an image with a large mask weighs less.
"""
import mindspore as ms
from mindspore import nn, ops


class NetworkWithLoss(nn.Cell):
    """Network and loss.

    Args:
        network (Cell): image (B, 3, H, W) to a tuple of fields and heat maps of each stage in turn, see `OpenPose`.
        num_stages (int): S.

    Inputs:
        - **image** (Tensor) - (B, 3, H, W), normalised.
        - **paf** (Tensor) - (B, 2L, h, w), true fields.
        - **heat** (Tensor) - (B, J+1, h, w), true heat maps.
        - **mask** (Tensor) - (B, h, w), 1 where a cell counts and 0 where it is ignored.

    Outputs:
        Tuple: loss (), and the 2S terms by `term_names`, of which it is the sum; float32.
    """

    def __init__(self, network, num_stages):
        super().__init__(auto_prefix=False)
        self.network = network
        self.term_names = tuple(f"{kind}_{stage + 1}" for stage in range(num_stages) for kind in ("paf", "heat"))

    def construct(self, image, paf, heat, mask):
        weight = mask.astype(ms.float32).expand_dims(1)
        terms, total = (), 0.0
        for number, output in enumerate(self.network(image)):
            target = heat if number % 2 else paf
            squares = ops.square(output.astype(ms.float32) - target) * weight
            # In two steps: a reduction to a scalar runs on one thread on CPU.
            term = squares.mean((2, 3)).mean()
            terms += (term,)
            total = total + term
        return total, terms
