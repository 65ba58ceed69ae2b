"""Boxes of hands and face: from the box network's answer to crops of the image.

Source: mks0601/Hand4Whole_RELEASE `restore_bbox`; torchvision's roi_align with aligned=False and the adaptive number of
samples, which crops were trained with. The framework's ROIAlign rounds that number differently and fails on small
boxes, so crops are written as two matrix products: averages of bilinear samples are separable in x and y.
"""
import numpy as np
from mindspore import ops

from common.body_models.lbs import constant
from common.precision import Float32Cell, as_float32

# Samples per cell of the crop and axis at most; more would be for boxes over four times the crop's size.
MAX_SAMPLES = 4


def restore_boxes(center, size, maps_shape, input_shape, aspect, enlarge):
    """Boxes in cells to boxes of the crop's proportions in pixels, enlarged.

    Args:
        center, size (Tensor): (..., 2), x and y in cells of the body's heat maps.
        maps_shape, input_shape (tuple): height and width of the maps in cells, of the body's input in pixels.
        aspect (float | Tensor): width / height; (..., 1) where boxes differ.
        enlarge (float | Tensor): factor on both sides; likewise.

    Returns:
        Tensor: (..., 4), left, upper, right, lower edge in pixels of the body's input.
    """
    cell_x, cell_y = input_shape[1] / maps_shape[1], input_shape[0] / maps_shape[0]
    x, y = ops.split(center, 1, -1)
    width, height = ops.split(size, 1, -1)
    x, y, width, height = cell_x * x, cell_y * y, cell_x * width, cell_y * height
    wide = ops.maximum(width, aspect * height)
    high = ops.maximum(height, width / aspect)
    half_x, half_y = 0.5 * enlarge * wide, 0.5 * enlarge * high
    return ops.concat((x - half_x, y - half_y, x + half_x, y + half_y), -1)


class AxisWeights(Float32Cell):
    """How much each pixel along one axis of the image counts in each pixel of the crops.

    Args:
        length (int): of the image's axis, px.
        crop_length (int): of the crop's, px.
        mirrors (tuple[bool]): for each of the N crops of an image, whether its pixels come in reverse order.
        max_samples (int): see `MAX_SAMPLES`.

    Inputs:
        - **low**, **high** (Tensor) - (B, N, 1), edges of the boxes, px of the image.

    Outputs:
        Tensor - (B * N, crop_length, length).
    """

    def __init__(self, length, crop_length, mirrors=(False,), max_samples=MAX_SAMPLES):
        super().__init__()
        self.length, self.crop_length, self.max_samples = length, crop_length, max_samples
        order = np.arange(crop_length)
        self.order = constant(np.stack([order[::-1] if mirror else order for mirror in mirrors])[..., None])
        self.middles = constant(np.arange(max_samples) + 0.5)
        # A sample more for each pixel that a cell exceeds: its size rounded up, without an operator that ONNX lacks.
        self.exceeded = constant([-1.0, *range(1, max_samples)])
        self.pixels = constant(np.arange(length))
        self.product, self.sum = ops.BatchMatMul(), ops.ReduceSum(keep_dims=True)

    def construct(self, low, high):
        low, high = ops.expand_dims(low, 3), ops.expand_dims(high, 3)
        cell = ops.maximum(high - low, 1.0) / self.crop_length
        present = ops.cast(cell > self.exceeded, low.dtype)
        count = self.sum(present, -1)
        # (B * N, crop_length, samples); all at once, as each copy of an expression is compiled once more.
        place = (low + cell * (self.order + self.middles / count)).reshape(-1, self.crop_length, self.max_samples)
        weight = (present / count).reshape(-1, 1, self.max_samples)
        # Which samples there are, up to a pixel outside of the image; those stand on its edge.
        counts = weight * ops.cast(place >= -1.0, low.dtype) * ops.cast(place <= float(self.length), low.dtype)
        place = ops.minimum(ops.maximum(place, 0.0), float(self.length - 1))
        near = ops.relu(1.0 - ops.abs(ops.expand_dims(place, -1) - self.pixels))
        return self.product(ops.expand_dims(counts, 2), near).reshape(-1, self.crop_length, self.length)


class RoICrop(Float32Cell):
    """Crops of images, N boxes each, resampled by averages of bilinear samples. No gradient passes.

    Args:
        image_shape, crop_shape (tuple): height and width, px.
        mirrors (tuple[bool]): for each of the N crops, whether left and right are exchanged.
        max_samples (int): see `MAX_SAMPLES`.

    Inputs:
        - **image** (Tensor) - (B, C, H, W).
        - **boxes** (Tensor) - (B, N, 4), left, upper, right, lower edge in pixels of the image; 0 is the middle of the
          first pixel.

    Outputs:
        Tensor - (B * N, C, h, w), the crops of an image one after the other.
    """

    def __init__(self, image_shape, crop_shape, mirrors=(False,), max_samples=MAX_SAMPLES):
        super().__init__()
        self.image_shape, self.crop_shape, self.count = tuple(image_shape), tuple(crop_shape), len(mirrors)
        self.along_y = AxisWeights(image_shape[0], crop_shape[0], (False,) * self.count, max_samples)
        self.along_x = AxisWeights(image_shape[1], crop_shape[1], mirrors, max_samples)
        self.product, self.product_turned = ops.BatchMatMul(), ops.BatchMatMul(transpose_b=True)

    def construct(self, image, boxes):
        image, boxes = ops.stop_gradient(as_float32(image)), ops.stop_gradient(as_float32(boxes))
        (height, width), (crop_height, crop_width) = self.image_shape, self.crop_shape
        channels = image.shape[1]
        left, upper, right, lower = ops.split(boxes, 1, 2)
        x_weights = self.along_x(left, right).reshape(-1, self.count * crop_width, width)
        rows = self.product_turned(image.reshape(-1, channels * height, width), x_weights)
        rows = rows.reshape(-1, channels, height, self.count, crop_width).transpose(0, 3, 2, 1, 4)
        crops = self.product(self.along_y(upper, lower), rows.reshape(-1, height, channels * crop_width))
        crops = crops.reshape(-1, crop_height, channels, crop_width).transpose(0, 2, 1, 3)
        return ops.stop_gradient(crops)
