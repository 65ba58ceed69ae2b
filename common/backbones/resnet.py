"""ResNet-18, 34 and 50: an image to features at a 32nd of its size.

Source: He et al., "Deep residual learning for image recognition", CVPR 2016, in the form of torchvision (V1): a
bottleneck has its stride in the 3 x 3 convolution, batch norm uses an epsilon of 1e-5. Cells are named as there, so
that published weights convert name by name (see `resnet_weights`). The maximum after the first convolution pads with
zeros and pools without padding: equal after a ReLU, and unlike padded pooling it exports to ONNX and with a free batch.
"""
import numpy as np
from mindspore import Tensor, nn, ops

# Blocks in each of the four layers, and whether they are bottlenecks.
PLANS = {18: ((2, 2, 2, 2), False), 34: ((3, 4, 6, 3), False), 50: ((3, 4, 6, 3), True)}
EPSILON = 1e-5
MOMENTUM = 0.9  # share of the moving statistics that a step keeps; PyTorch counts the other share, 0.1


def scaled(channels: int, width: float) -> int:
    """Channels of a layer in a network of relative width `width`: a multiple of 8, at least 8."""
    return max(8, int(round(channels * width / 8)) * 8)


def convolution(rng: np.random.Generator, in_channels: int, out_channels: int, kernel_size: int,
                stride: int = 1) -> nn.Conv2d:
    """A convolution without bias; normal weights that keep the variance of the gradients through ReLU."""
    shape = (out_channels, in_channels, kernel_size, kernel_size)
    deviation = np.sqrt(2.0 / (out_channels * kernel_size ** 2))
    weight = rng.standard_normal(shape, np.float32) * np.float32(deviation)
    return nn.Conv2d(in_channels, out_channels, kernel_size, stride, pad_mode="pad", padding=kernel_size // 2,
                     weight_init=Tensor(weight))


def normalization(channels: int, frozen: bool = False) -> nn.BatchNorm2d:
    """Batch norm; a frozen one keeps statistics, scale and shift as they were loaded, in training too."""
    return nn.BatchNorm2d(channels, EPSILON, MOMENTUM, affine=not frozen,
                          use_batch_statistics=False if frozen else None)


class BasicBlock(nn.Cell):
    """Two 3 x 3 convolutions and a skip connection (ResNet-18 and 34).

    Args:
        rng (numpy.random.Generator): source of the initial weights.
        in_channels, channels (int): of the input; of the convolutions.
        stride (int): of the first convolution and of the skip connection.
        frozen_norm (bool): see `normalization`.

    Inputs:
        - **x** (Tensor) - (B, in_channels, H, W).

    Outputs:
        Tensor (B, expansion * channels, H / stride, W / stride).
    """

    expansion = 1

    def __init__(self, rng: np.random.Generator, in_channels: int, channels: int, stride: int, frozen_norm: bool):
        super().__init__()
        self.conv1 = convolution(rng, in_channels, channels, 3, stride)
        self.bn1 = normalization(channels, frozen_norm)
        self.conv2 = convolution(rng, channels, channels, 3)
        self.bn2 = normalization(channels, frozen_norm)
        self.downsample = _skip(rng, in_channels, channels, stride, frozen_norm)

    def construct(self, x: Tensor) -> Tensor:
        y = ops.relu(self.bn1(self.conv1(x)))
        return ops.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class Bottleneck(nn.Cell):
    """1 x 1, 3 x 3 and 1 x 1 convolution and a skip connection (ResNet-50); arguments as of `BasicBlock`."""

    expansion = 4

    def __init__(self, rng: np.random.Generator, in_channels: int, channels: int, stride: int, frozen_norm: bool):
        super().__init__()
        out_channels = self.expansion * channels
        self.conv1 = convolution(rng, in_channels, channels, 1)
        self.bn1 = normalization(channels, frozen_norm)
        self.conv2 = convolution(rng, channels, channels, 3, stride)
        self.bn2 = normalization(channels, frozen_norm)
        self.conv3 = convolution(rng, channels, out_channels, 1)
        self.bn3 = normalization(out_channels, frozen_norm)
        self.downsample = _skip(rng, in_channels, out_channels, stride, frozen_norm)

    def construct(self, x: Tensor) -> Tensor:
        y = ops.relu(self.bn1(self.conv1(x)))
        y = ops.relu(self.bn2(self.conv2(y)))
        return ops.relu(self.bn3(self.conv3(y)) + self.downsample(x))


def _skip(rng: np.random.Generator, in_channels: int, out_channels: int, stride: int, frozen_norm: bool) -> nn.Cell:
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return nn.SequentialCell(convolution(rng, in_channels, out_channels, 1, stride),
                             normalization(out_channels, frozen_norm))


class ResNet(nn.Cell):
    """The convolutional part of a ResNet, without the classifier.

    Args:
        rng (numpy.random.Generator): source of the initial weights.
        depth (int): 18, 34 or 50.
        pooled (bool): average over the image.
        width (float): channels relative to the published network, for small configurations.
        frozen_norm (bool): batch norm uses the loaded statistics, scale and shift in training too; none of them learn.

    Attributes:
        out_channels (int): channels of the output: 512, 512 or 2048 at width 1.

    Inputs:
        - **image** (Tensor) - (B, 3, H, W), H and W multiples of 32.

    Outputs:
        Tensor (B, out_channels) when pooled, else (B, out_channels, H / 32, W / 32).
    """

    def __init__(self, rng: np.random.Generator, depth: int = 50, pooled: bool = True, width: float = 1.0,
                 frozen_norm: bool = False):
        super().__init__()
        if depth not in PLANS:
            raise ValueError(f"ResNet-{depth}: the depth must be one of {', '.join(map(str, PLANS))}")
        counts, bottleneck = PLANS[depth]
        block = Bottleneck if bottleneck else BasicBlock
        channels = scaled(64, width)
        self.pooled = pooled
        self.conv1 = convolution(rng, 3, channels, 7, 2)
        self.bn1 = normalization(channels, frozen_norm)
        self.maxpool = nn.MaxPool2d(3, 2)
        self.in_channels = channels
        self.layer1 = self._layer(rng, block, channels, counts[0], 1, frozen_norm)
        self.layer2 = self._layer(rng, block, 2 * channels, counts[1], 2, frozen_norm)
        self.layer3 = self._layer(rng, block, 4 * channels, counts[2], 2, frozen_norm)
        self.layer4 = self._layer(rng, block, 8 * channels, counts[3], 2, frozen_norm)
        self.out_channels = self.in_channels

    def _layer(self, rng: np.random.Generator, block: type[BasicBlock] | type[Bottleneck], channels: int, count: int,
               stride: int, frozen_norm: bool) -> nn.SequentialCell:
        """Blocks of one size; the first changes size and channels."""
        blocks = []
        for index in range(count):
            blocks.append(block(rng, self.in_channels, channels, stride if index == 0 else 1, frozen_norm))
            self.in_channels = block.expansion * channels
        return nn.SequentialCell(blocks)

    def construct(self, image: Tensor) -> Tensor:
        x = ops.relu(self.bn1(self.conv1(image)))
        # The padding of one before the pooling. A ReLU's values are not negative, so zeros do; the sides are even, so
        # nothing behind them is looked at. `nn.Pad` takes ten times as long on CPU, and its gradient too.
        x = ops.concat((ops.zeros_like(x[:, :, :1]), x), 2)
        x = self.maxpool(ops.concat((ops.zeros_like(x[:, :, :, :1]), x), 3))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.mean((2, 3)) if self.pooled else x
