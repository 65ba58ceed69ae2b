"""Parts that compute in single precision whatever is around them."""
import mindspore as ms
from mindspore import Tensor, nn, ops


class Float32Cell(nn.Cell):
    """A Cell that computes in float32 whatever the mixed precision of the network around it.

    Half precision has three decimal digits: a vertex two metres from the origin would be off by a millimetre. Mixed
    precision is set by flags that spread from a network to its parts; here they stop. Inputs of a lower precision
    are cast by `as_float32`.
    """

    def __init__(self):
        super().__init__()
        super().add_flags_recursive(fp16=False, fp32=True, bf16=False)

    def add_flags_recursive(self, **flags: bool) -> nn.Cell:
        """As the base class, but the precision flags keep asking for float32."""
        for name in ("fp16", "fp32", "bf16"):
            flags.pop(name, None)
        return super().add_flags_recursive(**flags, fp16=False, fp32=True, bf16=False)


def as_float32(value: Tensor) -> Tensor:
    """The Tensor in float32."""
    return ops.cast(value, ms.float32)
