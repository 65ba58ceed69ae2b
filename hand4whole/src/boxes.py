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
        aspect (float): width / height.
        enlarge (float): factor on both sides.

    Returns:
        Tensor: (..., 4), left, upper, right, lower edge in pixels of the body's input.
    """
    cell_x, cell_y = input_shape[1] / maps_shape[1], input_shape[0] / maps_shape[0]
    width, height = cell_x * size[..., 0:1], cell_y * size[..., 1:2]
    wide = ops.maximum(width, aspect * height)
    high = ops.maximum(height, width / aspect)
    x, y = cell_x * center[..., 0:1], cell_y * center[..., 1:2]
    half_x, half_y = 0.5 * enlarge * wide, 0.5 * enlarge * high
    return ops.concat((x - half_x, y - half_y, x + half_x, y + half_y), -1)


class AxisWeights(Float32Cell):
    """How much each pixel along one axis of the image counts in each pixel of the crop.

    Args:
        length (int): of the image's axis, px.
        crop_length (int): of the crop's, px.
        mirror (bool): the crop's pixels in reverse order.
        max_samples (int): see `MAX_SAMPLES`.

    Inputs:
        - **low**, **high** (Tensor) - (B, 1), edges of the box, px of the image.

    Outputs:
        Tensor - (B, crop_length, length).
    """

    def __init__(self, length, crop_length, mirror=False, max_samples=MAX_SAMPLES):
        super().__init__()
        self.length, self.crop_length, self.max_samples = length, crop_length, max_samples
        order = np.arange(crop_length)
        self.order = constant((order[::-1] if mirror else order)[:, None])
        self.middles = constant(np.arange(max_samples) + 0.5)
        # A sample more for each pixel that a cell exceeds: its size rounded up, without an operator that ONNX lacks.
        self.exceeded = constant([-1.0, *range(1, max_samples)])
        self.pixels = constant(np.arange(length))
        self.product, self.sum = ops.BatchMatMul(), ops.ReduceSum(keep_dims=True)

    def construct(self, low, high):
        low, high = ops.expand_dims(low, 2), ops.expand_dims(high, 2)
        cell = ops.maximum(high - low, 1.0) / self.crop_length
        present = ops.cast(cell > self.exceeded, low.dtype)
        count = self.sum(present, -1)
        # (B, crop_length, samples); all at once, as a loop over them is compiled once for each.
        place = low + cell * (self.order + self.middles / count)
        # Which samples there are, up to a pixel outside of the image; those stand on its edge.
        counts = present * ops.cast(place >= -1.0, low.dtype) * ops.cast(place <= float(self.length), low.dtype) / count
        place = ops.minimum(ops.maximum(place, 0.0), float(self.length - 1))
        near = ops.relu(1.0 - ops.abs(ops.expand_dims(place, -1) - self.pixels))
        return self.product(ops.expand_dims(counts, 2), near).reshape(-1, self.crop_length, self.length)


class RoICrop(Float32Cell):
    """Crops of images, one box each, resampled by averages of bilinear samples. No gradient passes.

    Args:
        image_shape, crop_shape (tuple): height and width, px.
        mirror (bool): exchange left and right of the crop.
        max_samples (int): see `MAX_SAMPLES`.

    Inputs:
        - **image** (Tensor) - (B, C, H, W).
        - **boxes** (Tensor) - (B, 4), left, upper, right, lower edge in pixels of the image; 0 is the middle of the
          first pixel.

    Outputs:
        Tensor - (B, C, h, w).
    """

    def __init__(self, image_shape, crop_shape, mirror=False, max_samples=MAX_SAMPLES):
        super().__init__()
        self.image_shape, self.crop_shape = tuple(image_shape), tuple(crop_shape)
        self.along_y = AxisWeights(image_shape[0], crop_shape[0], max_samples=max_samples)
        self.along_x = AxisWeights(image_shape[1], crop_shape[1], mirror, max_samples)
        self.product, self.product_turned = ops.BatchMatMul(), ops.BatchMatMul(transpose_b=True)

    def construct(self, image, boxes):
        image, boxes = ops.stop_gradient(as_float32(image)), ops.stop_gradient(as_float32(boxes))
        (height, width), (crop_height, crop_width) = self.image_shape, self.crop_shape
        channels = image.shape[1]
        x_weights = self.along_x(boxes[:, 0:1], boxes[:, 2:3])
        y_weights = self.along_y(boxes[:, 1:2], boxes[:, 3:4])
        rows = self.product_turned(image.reshape(-1, channels * height, width), x_weights)
        rows = rows.reshape(-1, channels, height, crop_width).transpose(0, 2, 1, 3)
        crops = self.product(y_weights, rows.reshape(-1, height, channels * crop_width))
        crops = crops.reshape(-1, crop_height, channels, crop_width).transpose(0, 2, 1, 3)
        return ops.stop_gradient(crops)
