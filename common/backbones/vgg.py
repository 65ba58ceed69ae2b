"""The first ten convolutions of VGG-19: an image to features at an eighth of its size.

Source: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", 2015. The cells
are numbered as in torchvision's `features`, ReLU and pooling included, so that published weights keep their numbers.
"""
import numpy as np
from mindspore import Tensor, nn

# Output channels of the convolutions; None is a 2 x 2 maximum.
VGG19_PLAN = (64, 64, None, 128, 128, None, 256, 256, 256, 256, None, 512, 512)


def scaled(channels: int, width: float) -> int:
    """Number of channels of a network of relative width `width`: a multiple of 4, at least 4."""
    return max(4, int(round(channels * width / 4)) * 4)


def convolution(rng: np.random.Generator, in_channels: int, out_channels: int, kernel_size: int,
                deviation: float | None = None) -> nn.Conv2d:
    """A convolution that keeps the size, with zero bias and normal weights.

    Args:
        rng (numpy.random.Generator): source of the weights.
        deviation (float): of the weights; None for sqrt(2 / fan in), which keeps the variance through ReLU.
    """
    shape = (out_channels, in_channels, kernel_size, kernel_size)
    deviation = np.sqrt(2.0 / np.prod(shape[1:])) if deviation is None else deviation
    weight = rng.standard_normal(shape, np.float32) * np.float32(deviation)
    return nn.Conv2d(in_channels, out_channels, kernel_size, pad_mode="pad", padding=kernel_size // 2, has_bias=True,
                     weight_init=Tensor(weight), bias_init="zeros")


class VGG19Features(nn.Cell):
    """conv1_1 to conv4_2 of VGG-19, each followed by ReLU.

    Args:
        rng (numpy.random.Generator): source of the initial weights.
        batch_norm (bool): batch normalisation after each convolution (torchvision's `vgg19_bn`).
        width (float): channels relative to the published network.

    Inputs:
        - **image** (Tensor) - (B, 3, H, W), H and W multiples of 8.

    Outputs:
        Tensor (B, `out_channels`, H / 8, W / 8).
    """

    def __init__(self, rng: np.random.Generator, batch_norm: bool = False, width: float = 1.0):
        super().__init__()
        cells, channels = [], 3
        for size in VGG19_PLAN:
            if size is None:
                cells.append(nn.MaxPool2d(kernel_size=2, stride=2))
                continue
            cells.append(convolution(rng, channels, scaled(size, width), 3))
            channels = scaled(size, width)
            if batch_norm:
                cells.append(nn.BatchNorm2d(channels))
            cells.append(nn.ReLU())
        self.layers = nn.SequentialCell(cells)
        self.out_channels = channels

    def construct(self, image: Tensor) -> Tensor:
        return self.layers(image)


def convolution_numbers(batch_norm: bool = False) -> tuple[int, ...]:
    """Numbers of the ten convolutions among the cells, in order: 0, 2, 5, ... 21 without batch normalisation."""
    numbers, number = [], 0
    for size in VGG19_PLAN:
        if size is not None:
            numbers.append(number)
        number += 1 if size is None else 3 if batch_norm else 2
    return tuple(numbers)
