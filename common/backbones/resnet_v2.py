"""ResNet-50 in the pre-activation form of TensorFlow slim: the encoder of the original HMR.

Source: He et al., "Identity mappings in deep residual networks", ECCV 2016; slim's `resnet_v2_50`. It differs from the
V1 form in more than the place of batch norm and ReLU: a block has its stride in the last unit, where the skip
connection just leaves out pixels; the last block has none; the first convolution has a bias and no activation, and the
maximum after it pads unevenly, as TensorFlow's "SAME" does.
"""
import numpy as np
from mindspore import Tensor, nn, ops

from common.backbones.resnet import scaled

# Units, channels of the 3 x 3 convolution, stride of the last unit.
BLOCKS = ((3, 64, 2), (4, 128, 2), (6, 256, 2), (3, 512, 1))
EXPANSION = 4
EPSILON, MOMENTUM = 1e-5, 0.997


def _convolution(rng: np.random.Generator, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1,
                 has_bias: bool = False) -> nn.Conv2d:
    shape = (out_channels, in_channels, kernel_size, kernel_size)
    deviation = np.float32(np.sqrt(2.0 / np.prod(shape[1:])))
    return nn.Conv2d(in_channels, out_channels, kernel_size, stride, pad_mode="pad", padding=kernel_size // 2,
                     has_bias=has_bias, weight_init=Tensor(rng.standard_normal(shape, np.float32) * deviation),
                     bias_init="zeros")


def _normalization(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, EPSILON, MOMENTUM)


class PreactivationUnit(nn.Cell):
    """Batch norm and ReLU before the convolutions of a bottleneck, and a skip connection.

    Args:
        rng (numpy.random.Generator): source of the initial weights.
        in_channels, channels (int): of the input; of the 3 x 3 convolution.
        stride (int): of the 3 x 3 convolution and of the skip connection.

    Inputs:
        - **x** (Tensor) - (B, in_channels, H, W).

    Outputs:
        Tensor (B, 4 * channels, H / stride, W / stride).
    """

    def __init__(self, rng: np.random.Generator, in_channels: int, channels: int, stride: int):
        super().__init__()
        out_channels = EXPANSION * channels
        self.preact = _normalization(in_channels)
        self.conv1 = _convolution(rng, in_channels, channels, 1)
        self.bn1 = _normalization(channels)
        self.conv2 = _convolution(rng, channels, channels, 3, stride)
        self.bn2 = _normalization(channels)
        self.conv3 = _convolution(rng, channels, out_channels, 1, has_bias=True)
        self.projects = in_channels != out_channels
        if self.projects:
            self.shortcut = _convolution(rng, in_channels, out_channels, 1, stride, has_bias=True)
        else:
            self.shortcut = nn.MaxPool2d(1, stride) if stride > 1 else nn.Identity()

    def construct(self, x: Tensor) -> Tensor:
        preact = ops.relu(self.preact(x))
        skip = self.shortcut(preact if self.projects else x)
        y = ops.relu(self.bn1(self.conv1(preact)))
        y = ops.relu(self.bn2(self.conv2(y)))
        return self.conv3(y) + skip


class ResNetV2(nn.Cell):
    """The convolutional part of slim's `resnet_v2_50` with its mean over the image.

    Args:
        rng (numpy.random.Generator): source of the initial weights.
        width (float): channels relative to the published network.

    Attributes:
        out_channels (int): 2048 at width 1.

    Inputs:
        - **image** (Tensor) - (B, 3, H, W), H and W multiples of 32.

    Outputs:
        Tensor (B, out_channels).
    """

    def __init__(self, rng: np.random.Generator, width: float = 1.0):
        super().__init__()
        unit = scaled(64, width)
        self.conv1 = _convolution(rng, 3, unit, 7, 2, has_bias=True)
        self.maxpool = nn.MaxPool2d(3, 2, pad_mode="same")
        blocks, in_channels = [], unit
        for count, size, stride in BLOCKS:
            channels, units = size // 64 * unit, []
            for index in range(count):
                units.append(PreactivationUnit(rng, in_channels, channels, stride if index == count - 1 else 1))
                in_channels = EXPANSION * channels
            blocks.append(nn.SequentialCell(units))
        self.blocks = nn.SequentialCell(blocks)
        self.postnorm = _normalization(in_channels)
        self.out_channels = in_channels

    def construct(self, image: Tensor) -> Tensor:
        x = self.blocks(self.maxpool(self.conv1(image)))
        return ops.relu(self.postnorm(x)).mean((2, 3))
