"""Parts of Hand4Whole: from features to positions, boxes, rotations, shape and camera, and their layers.

Source: mks0601/Hand4Whole_RELEASE `module.py`, `layer.py`, `transforms.py`; names of the layers are those of the
published weights. Positions are in cells of a map: x, y (and z), 0 is the middle of the first cell.
"""
import numpy as np
from mindspore import Tensor, nn, ops

from common.backbones.resnet import ResNet, normalization
from common.body_models.lbs import constant
from common.precision import Float32Cell, as_float32

NUM_BODY, NUM_FINGERS, NUM_BETAS = 25, 20, 10
# Rotations that the networks give, root of the body and of the hand apart.
BODY_ROTATIONS, FINGER_ROTATIONS = 21, 15
UPSAMPLINGS = 3
_mean = ops.ReduceMean()  # the primitive: a Tensor's `mean` takes several times as long to compile
# Standard deviations of the initial weights of convolutions and of dense layers.
CONVOLUTION_STD, DENSE_STD = 0.001, 0.01
# Two columns of a rotation matrix as six numbers, row by row: no rotation, and half a turn about x.
NO_TURN, HALF_TURN = (1, 0, 0, 1, 0, 0), (1, 0, 0, -1, 0, 0)


def _normal(rng, shape, deviation):
    return Tensor(rng.standard_normal(shape, np.float32) * np.float32(deviation))


def pointwise(rng, in_channels, out_channels):
    """A 1 x 1 convolution with bias."""
    weight = _normal(rng, (out_channels, in_channels, 1, 1), CONVOLUTION_STD)
    return nn.Conv2d(in_channels, out_channels, 1, has_bias=True, weight_init=weight, bias_init="zeros")


def pointwise_block(rng, in_channels, out_channels):
    """A 1 x 1 convolution, batch norm and ReLU."""
    return nn.SequentialCell(pointwise(rng, in_channels, out_channels), normalization(out_channels), nn.ReLU())


def upsampling(rng, in_channels, out_channels, count):
    """`count` transposed convolutions, each doubling height and width, with batch norm and ReLU."""
    layers = []
    for _ in range(count):
        weight = _normal(rng, (in_channels, out_channels, 4, 4), CONVOLUTION_STD)
        layers += [nn.Conv2dTranspose(in_channels, out_channels, 4, 2, pad_mode="pad", padding=1, weight_init=weight),
                   normalization(out_channels), nn.ReLU()]
        in_channels = out_channels
    return nn.SequentialCell(layers)


def dense(rng, in_size, out_size, bias=0.0):
    """An affine layer; `bias` is a number or (out_size,) numbers."""
    bias = np.broadcast_to(np.asarray(bias, np.float32), (out_size,))
    return nn.Dense(in_size, out_size, weight_init=_normal(rng, (out_size, in_size), DENSE_STD),
                    bias_init=Tensor(bias.copy()))


def rotations(rng, in_size, count, start=NO_TURN):
    """An affine layer to `count` rotations in 6D form.

    It begins at `start`. The original begins near zero, where the direction of the six numbers is chance.
    """
    return dense(rng, in_size, 6 * count, np.tile(start, count))


class SoftArgmax(Float32Cell):
    """Heat maps to probabilities and their expected positions.

    Args:
        shape (tuple): (D, H, W) or (H, W).
        num_joints (int): J.

    Inputs:
        - **maps** (Tensor) - (B, J * D, H, W), (B, J, D, H, W) or another shape with the numbers in this order.

    Outputs:
        - **probabilities** (Tensor) - (B, J, cells).
        - **positions** (Tensor) - (B, J, 3) as x, y, z or (B, J, 2) as x, y, in cells.
    """

    def __init__(self, shape, num_joints):
        super().__init__()
        self.num_joints, self.num_cells, self.axes = num_joints, int(np.prod(shape)), len(shape)
        table = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).reshape(self.num_cells, self.axes)
        self.table = constant(table[:, ::-1])
        self.softmax, self.matmul = ops.Softmax(-1), ops.MatMul()

    def construct(self, maps):
        probabilities = self.softmax(as_float32(maps).reshape(-1, self.num_cells))
        positions = self.matmul(probabilities, self.table).reshape(-1, self.num_joints, self.axes)
        return probabilities.reshape(-1, self.num_joints, self.num_cells), positions


class SampleFeatures(Float32Cell):
    """Features at places of a map: bilinear, zero outside. Gradients flow to the features alone.

    As a product with the bilinear weights of all cells, which every back end computes alike.

    Args:
        shape (tuple): (H, W).

    Inputs:
        - **features** (Tensor) - (B, C, H, W).
        - **places** (Tensor) - (B, J, 2 or more), x and y in cells.

    Outputs:
        Tensor - (B, J, C).
    """

    def __init__(self, shape):
        super().__init__()
        self.num_cells = shape[0] * shape[1]
        self.rows, self.columns = constant(np.arange(shape[0])), constant(np.arange(shape[1]))
        self.product = ops.BatchMatMul(transpose_b=True)

    def construct(self, features, places):
        places = ops.stop_gradient(as_float32(places))
        along_x = ops.relu(1.0 - ops.abs(places[..., 0:1] - self.columns))
        along_y = ops.relu(1.0 - ops.abs(places[..., 1:2] - self.rows))
        weights = ops.expand_dims(along_y, -1) * ops.expand_dims(along_x, -2)
        weights = weights.reshape(-1, places.shape[1], self.num_cells)
        return self.product(weights, as_float32(features).reshape(-1, features.shape[1], self.num_cells))


class PositionNet(nn.Cell):
    """Features to a 3D heat map for each joint.

    Args:
        rng (numpy.random.Generator): source of the initial weights.
        in_channels (int): of the features.
        num_joints (int): J.
        maps (tuple): (D, H, W).

    Inputs:
        - **features** (Tensor) - (B, in_channels, H, W).

    Outputs:
        - **probabilities** (Tensor) - (B, J, D * H * W).
        - **positions** (Tensor) - (B, J, 3), cells.
    """

    def __init__(self, rng, in_channels, num_joints, maps):
        super().__init__()
        self.conv = pointwise(rng, in_channels, num_joints * maps[0])
        self.soft_argmax = SoftArgmax(maps, num_joints)

    def construct(self, features):
        return self.soft_argmax(self.conv(features))


class BoxNet(nn.Cell):
    """Features and heat maps of the body to boxes of left hand, right hand and face.

    Args:
        rng, in_channels: see `PositionNet`.
        maps (tuple): (D, H, W) of the body's heat maps.
        channels (int): of the upsampled maps.

    Inputs:
        - **features** (Tensor) - (B, in_channels, H, W).
        - **probabilities** (Tensor) - (B, 25, D * H * W).

    Outputs:
        - **center** (Tensor) - (B, 3, 2), cells.
        - **size** (Tensor) - (B, 3, 2), cells.
    """

    def __init__(self, rng, in_channels, maps, channels):
        super().__init__()
        self.maps_shape = (NUM_BODY * maps[0], *maps[1:])
        self.deconv = upsampling(rng, in_channels + self.maps_shape[0], channels, UPSAMPLINGS)
        self.finer = 2 ** UPSAMPLINGS
        shape = (self.finer * maps[1], self.finer * maps[2])
        self.bbox_center = pointwise(rng, channels, 3)
        self.soft_argmax, self.sample = SoftArgmax(shape, 3), SampleFeatures(shape)
        self.lhand_size, self.rhand_size, self.face_size = (
            nn.SequentialCell(dense(rng, channels, channels), nn.ReLU(), dense(rng, channels, 2)) for _ in range(3))

    def construct(self, features, probabilities):
        maps = probabilities.reshape(-1, *self.maps_shape).astype(features.dtype)
        features = self.deconv(ops.concat((features, maps), 1))
        _, center = self.soft_argmax(self.bbox_center(features))
        sampled = self.sample(features, center)
        size = ops.stack((self.lhand_size(sampled[:, 0]), self.rhand_size(sampled[:, 1]),
                          self.face_size(sampled[:, 2])), 1)
        return center / self.finer, as_float32(size)


class BodyRotationNet(nn.Cell):
    """Features at the joints of the body and at the knuckles to rotations; features to shape and camera.

    Args:
        rng (numpy.random.Generator): source of the initial weights.
        in_channels, hand_channels (int): of the body's and the hands' features.
        maps, hand_maps (tuple): (D, H, W).
        channels (int): of the features at a joint.

    Inputs:
        - **features** (Tensor) - (B, in_channels, H, W).
        - **positions** (Tensor) - (B, 25, 3), cells.
        - **lhand**, **rhand** (Tensor) - (B, hand_channels, h, w), the left hand's mirrored as it was seen.
        - **lhand_positions**, **rhand_positions** (Tensor) - (B, 4, 3) of the knuckles in the hands' maps, the left
          hand's in the mirrored map.

    Outputs:
        Tensors: root_6d (B, 6), body_6d (B, 126), shape (B, 10), cam (B, 3).
    """

    def __init__(self, rng, in_channels, hand_channels, maps, hand_maps, channels):
        super().__init__()
        self.body_conv = pointwise_block(rng, in_channels, channels)
        self.lhand_conv = pointwise_block(rng, hand_channels, channels)
        self.rhand_conv = pointwise_block(rng, hand_channels, channels)
        self.sample, self.sample_hand = SampleFeatures(maps[1:]), SampleFeatures(hand_maps[1:])
        self.last_column = float(hand_maps[2] - 1)
        self.size = (NUM_BODY + 2 * 4) * (channels + 3)
        self.root_pose_out = rotations(rng, self.size, 1, HALF_TURN)
        self.body_pose_out = rotations(rng, self.size, BODY_ROTATIONS)
        self.shape_out = dense(rng, in_channels, NUM_BETAS)
        self.cam_out = dense(rng, in_channels, 3)

    def construct(self, features, positions, lhand, lhand_positions, rhand, rhand_positions):
        mean = _mean(features, (2, 3))
        positions, lhand_positions, rhand_positions = (as_float32(positions), as_float32(lhand_positions),
                                                       as_float32(rhand_positions))
        # Sampled where the mirrored hand was seen, told where it really is: the original turns the map back instead.
        lhand_sampled = self.sample_hand(self.lhand_conv(lhand), lhand_positions)
        at_joints = ops.concat((
            ops.concat((self.sample(self.body_conv(features), positions), positions), 2),
            ops.concat((lhand_sampled, mirrored(lhand_positions, self.last_column)), 2),
            ops.concat((self.sample_hand(self.rhand_conv(rhand), rhand_positions), rhand_positions), 2)), 1)
        at_joints = at_joints.reshape(-1, self.size).astype(features.dtype)
        return (as_float32(self.root_pose_out(at_joints)), as_float32(self.body_pose_out(at_joints)),
                as_float32(self.shape_out(mean)), as_float32(self.cam_out(mean)))


class HandRotationNet(nn.Cell):
    """Features at the 20 joints of a hand to the rotations of its fingers.

    Inputs:
        - **features** (Tensor) - (N, in_channels, h, w).
        - **positions** (Tensor) - (N, 20, 3), cells.

    Outputs:
        Tensor - (N, 90), 6D.
    """

    def __init__(self, rng, in_channels, maps, channels):
        super().__init__()
        self.hand_conv = pointwise_block(rng, in_channels, channels)
        self.sample = SampleFeatures(maps[1:])
        self.size = NUM_FINGERS * (channels + 3)
        self.hand_pose_out = rotations(rng, self.size, FINGER_ROTATIONS)

    def construct(self, features, positions):
        positions = as_float32(positions)
        at_joints = ops.concat((self.sample(self.hand_conv(features), positions), positions), 2)
        return as_float32(self.hand_pose_out(at_joints.reshape(-1, self.size).astype(features.dtype)))


class FaceRegressor(nn.Cell):
    """Features (B, in_channels, h, w) to expression (B, 10) and jaw (B, 6) in 6D."""

    def __init__(self, rng, in_channels):
        super().__init__()
        self.expr_out = dense(rng, in_channels, NUM_BETAS)
        self.jaw_pose_out = rotations(rng, in_channels, 1)

    def construct(self, features):
        mean = _mean(features, (2, 3))
        return as_float32(self.expr_out(mean)), as_float32(self.jaw_pose_out(mean))


class CropNet(nn.Cell):
    """A ResNet on crops of images; the name of its one part is that of the published weights."""

    def __init__(self, rng, depth, width):
        super().__init__()
        self.backbone = ResNet(rng, depth, False, width)

    def construct(self, crops):
        return self.backbone(crops)


class HandOnlyRotationNet(nn.Cell):
    """Features at the 21 joints of a hand to its rotations; features to shape and camera.

    Inputs:
        - **features** (Tensor) - (B, in_channels, h, w).
        - **positions** (Tensor) - (B, 21, 3), cells.

    Outputs:
        Tensors: root_6d (B, 6), fingers_6d (B, 90), shape (B, 10), cam (B, 3).
    """

    def __init__(self, rng, in_channels, maps, channels):
        super().__init__()
        self.conv = pointwise_block(rng, in_channels, channels)
        self.sample = SampleFeatures(maps[1:])
        self.size = (NUM_FINGERS + 1) * (channels + 3)
        self.root_pose_out = rotations(rng, self.size, 1)
        self.pose_out = rotations(rng, self.size, FINGER_ROTATIONS)
        self.shape_out = dense(rng, in_channels, NUM_BETAS)
        self.cam_out = dense(rng, in_channels, 3)

    def construct(self, features, positions):
        mean = _mean(features, (2, 3))
        positions = as_float32(positions)
        at_joints = ops.concat((self.sample(self.conv(features), positions), positions), 2)
        at_joints = at_joints.reshape(-1, self.size).astype(features.dtype)
        return (as_float32(self.root_pose_out(at_joints)), as_float32(self.pose_out(at_joints)),
                as_float32(self.shape_out(mean)), as_float32(self.cam_out(mean)))


def mirrored(positions, last_column):
    """Positions (..., 3) in a map with left and right exchanged; `last_column` is the largest x."""
    return ops.concat((last_column - positions[..., :1], positions[..., 1:]), -1)
