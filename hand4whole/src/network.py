"""Hand4Whole: an image of a person to one SMPL-X mesh with hands and face; and the hand-only network of its training.

Source: Moon, Choi, Lee, "Accurate 3D hand pose estimation for whole-body 3D human mesh estimation", CVPRW 2022;
mks0601/Hand4Whole_RELEASE `model.py`, `module.py`, branch Pose2Pose for the hand-only network. The body is posed by
rotation matrices where the original goes through axis-angles; hands stay axis-angles because their mean is added. Below
the Cells: building the network of the settings and loading a trained one.
"""
import math
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from mindspore import Tensor, nn, ops

from common.backbones.folding import fold_batch_norm
from common.backbones.resnet import ResNet, scaled
from common.body_models.embedded import warn_other_body
from common.body_models.files import BodyModel
from common.body_models.lbs import JointRegressor, constant
from common.body_models.mano import MANO
from common.body_models.smplx import SMPLX
from common.config import Config
from common.engine.checkpoint import Checkpoint, find_checkpoint, load_weights
from common.engine.continuation import adopt_settings
from common.errors import UserError
from common.geometry.rotation_ops import axis_angle_to_matrix, matrix_to_axis_angle, rot6d_to_matrix
from common.initial import generator, replaced_by_checkpoint
from common.precision import Float32Cell
from hand4whole.src.body import condense, load_body
from hand4whole.src.boxes import RoICrop, restore_boxes
from hand4whole.src.checkpoints import Snapshots
from hand4whole.src.config import NETWORK_KEYS, check_shapes
from hand4whole.src.heads import (
    BODY_ROTATIONS,
    FINGER_ROTATIONS,
    NUM_BODY,
    NUM_FINGERS,
    BodyRotationNet,
    BoxNet,
    CropNet,
    FaceRegressor,
    HandOnlyRotationNet,
    HandRotationNet,
    PositionNet,
    mirrored,
)
from hand4whole.src.joint_sets import (
    BODY,
    FROM_SMPLX_144,
    HAND_JOINTS,
    LEFT_HAND,
    RIGHT_HAND,
    hand_regressor,
)
from hand4whole.src.weights import read_trained

# Index, middle, ring and little finger: where they leave the palm, among the joints of a hand.
KNUCKLES = slice(4, 20, 4)
# How much larger than the predicted box a crop is.
HAND_ENLARGE, FACE_ENLARGE = 2.0, 1.5
# Keeps projections of points in the camera finite.
_TINY = 1e-4

OUTPUTS = ("root_pose", "body_pose", "lhand_pose", "rhand_pose", "jaw_pose", "shape", "expr", "cam_trans", "vertices",
           "joints", "joint_proj", "joint_img", "lhand_bbox", "rhand_bbox", "face_bbox")
HAND_OUTPUTS = ("mano_pose", "mano_shape", "cam_trans", "vertices", "joints", "joint_proj", "joint_img")


class Sizes(NamedTuple):
    """Sizes of inputs and maps: (H, W) in pixels, (D, H, W) in cells; focal (x, y) in pixels; metres.

    `body` is what the body's ResNet sees of `image`; `camera` and `hand_camera` are what the camera sees at its
    largest distance.
    """

    image: tuple = (512, 384)
    body: tuple = (256, 192)
    body_maps: tuple = (8, 8, 6)
    hand: tuple = (256, 256)
    hand_maps: tuple = (8, 8, 8)
    face: tuple = (192, 192)
    focal: tuple = (5000.0, 5000.0)
    camera: float = 2.5
    hand_camera: float = 0.4


class VirtualCamera(Float32Cell):
    """The camera in front of a crop: three numbers to a translation, points to cells of the heat maps.

    Args:
        focal (tuple): x and y, px of the input.
        input_shape (tuple): (H, W), px; the principal point is in its middle.
        maps (tuple): (D, H, W).
        size (float): what the camera sees at its largest distance, m.

    Inputs:
        - **points** (Tensor) - (B, N, 3), metres, in camera space.

    Outputs:
        Tensor - (B, N, 2), cells.
    """

    def __init__(self, focal: tuple, input_shape: tuple, maps: tuple, size: float):
        super().__init__()
        self.farthest = math.sqrt(focal[0] * focal[1] * size * size / (input_shape[0] * input_shape[1]))
        cells = np.array([maps[2] / input_shape[1], maps[1] / input_shape[0]])
        self.scale = constant(np.array(focal) * cells)
        self.middle = constant(np.array([maps[2], maps[1]]) / 2)

    def translation(self, cam: Tensor) -> Tensor:
        """(B, 3) numbers -> (B, 3), metres; the third number becomes a distance between 0 and the farthest."""
        return ops.concat((cam[:, :2], self.farthest * ops.sigmoid(cam[:, 2:])), 1)

    def construct(self, points: Tensor) -> Tensor:
        return points[..., :2] / (points[..., 2:] + _TINY) * self.scale + self.middle


def axis_angles(rot6d: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """(B, 6 * count) -> axis-angles (B, 3 * count), rotation matrices (B, count, 3, 3)."""
    rotmat = rot6d_to_matrix(rot6d.reshape(-1, count, 6))
    return matrix_to_axis_angle(rotmat).reshape(-1, 3 * count), rotmat


class WholeBody(Float32Cell):
    """Pose, shape and expression to SMPL-X's mesh and the 137 joints.

    Args:
        model (BodyModel): kind "smplx".
        joints_only (bool): the joints are wanted, the vertices are some that they need.

    Inputs:
        - **root**, **body**, **jaw** (Tensor) - (B, 1, 3, 3), (B, 21, 3, 3), (B, 1, 3, 3).
        - **lhand**, **rhand** (Tensor) - (B, 45), axis-angle relative to the mean hand.
        - **shape**, **expr** (Tensor) - (B, 10).

    Outputs:
        - **vertices** (Tensor) - (B, 10475, 3), metres, without translation.
        - **joints** (Tensor) - (B, 137, 3), likewise.
    """

    def __init__(self, model: BodyModel, joints_only: bool = False):
        super().__init__()
        if joints_only:
            condensed, skin = condense(model)
            self.smplx = SMPLX(condensed)
            self.smplx.vertex_ids = constant(skin, np.int32)
        else:
            self.smplx = SMPLX(model)
        self.chosen = constant(FROM_SMPLX_144, np.int32)

    def construct(self, root: Tensor, body: Tensor, lhand: Tensor, rhand: Tensor, jaw: Tensor, shape: Tensor,
                  expr: Tensor) -> tuple[Tensor, Tensor]:
        still = ops.zeros_like(expr[:, :6])  # eyes look ahead
        # All in one: each copy of the conversion is compiled once more.
        turns = ops.concat((self.smplx.lhand(lhand), self.smplx.rhand(rhand), still), 1)
        rotmat = axis_angle_to_matrix(turns.reshape(-1, 2 * FINGER_ROTATIONS + 2, 3))
        lhand, rhand, leye, reye = ops.split(rotmat, (FINGER_ROTATIONS, FINGER_ROTATIONS, 1, 1), 1)
        vertices, joints = self.smplx(root, body, lhand, rhand, jaw, leye, reye, shape, expr)
        return vertices, ops.gather(joints, self.chosen, 1)


class Hand4Whole(nn.Cell):
    """An image to the whole body.

    Args:
        sizes (Sizes): of inputs and maps.
        model (BodyModel): kind "smplx"; None where only the parameters matter.
        depth, hand_depth, face_depth (int): of the three ResNets, 18 or 50.
        width (float): channels relative to the publication.
        resnet_widths (list): channels of the three ResNets relative to `width`: body, hands, face.
        seed (int): of the initial weights.
        joints_only (bool): for training: the vertices are only some, see `condensed`.

    Inputs:
        - **image** (Tensor) - (B, 3, H, W), RGB, 0..1.

    Outputs:
        Tuple of Tensors by `OUTPUTS`: root_pose (B, 3), body_pose (B, 63), lhand_pose, rhand_pose (B, 45), jaw_pose
        (B, 3), axis-angle in radians, hands relative to the mean hand; shape, expr (B, 10); cam_trans (B, 3), metres;
        vertices (B, 10475, 3) and joints (B, 137, 3) in camera space, metres; joint_proj (B, 137, 2), the joints in
        cells of the body's heat map; joint_img (B, 65, 3), positions found in the heat maps, in the body's cells (z of
        hands: in the hands'); lhand_bbox, rhand_bbox, face_bbox (B, 4), left, upper, right, lower edge in pixels of
        the image.
    """

    def __init__(self, sizes: Sizes, model: BodyModel | None, depth: int = 50, hand_depth: int = 50,
                 face_depth: int = 18, width: float = 1.0, resnet_widths: Sequence[float] = (1.0, 1.0, 1.0),
                 seed: int = 0, joints_only: bool = False):
        super().__init__()
        rng = generator(seed)
        self.sizes = sizes
        # The body's ResNet sees every `step`-th pixel of the image.
        self.step = sizes.image[0] // sizes.body[0]
        body_width, hand_width, face_width = (width * factor for factor in resnet_widths)
        self.backbone = ResNet(rng, depth, False, body_width)
        self.hand_roi_net = CropNet(rng, hand_depth, hand_width)
        self.face_roi_net = CropNet(rng, face_depth, face_width)
        body, hand, face = (net.out_channels for net in
                            (self.backbone, self.hand_roi_net.backbone, self.face_roi_net.backbone))
        channels = scaled(512, width)
        self.body_position_net = PositionNet(rng, body, NUM_BODY, sizes.body_maps)
        self.body_rotation_net = BodyRotationNet(rng, body, hand, sizes.body_maps, sizes.hand_maps, channels)
        self.box_net = BoxNet(rng, body, sizes.body_maps, scaled(256, width))
        self.hand_position_net = PositionNet(rng, hand, NUM_FINGERS, sizes.hand_maps)
        self.hand_rotation_net = HandRotationNet(rng, hand, sizes.hand_maps, channels)
        self.face_regressor = FaceRegressor(rng, face)
        self.crop_hands = RoICrop(sizes.image, sizes.hand, mirrors=(True, False))
        self.crop_face = RoICrop(sizes.image, sizes.face)
        parts = ((sizes.hand, HAND_ENLARGE), (sizes.hand, HAND_ENLARGE), (sizes.face, FACE_ENLARGE))
        self.aspects = constant([[shape[1] / shape[0]] for shape, _ in parts])
        self.enlarge = constant([[enlarge] for _, enlarge in parts])
        self.camera = VirtualCamera(sizes.focal, sizes.body, sizes.body_maps, sizes.camera)
        self.body = WholeBody(model, joints_only) if model else None
        self.last_column = float(sizes.hand_maps[2] - 1)
        # A rotation seen in a mirror that exchanges left and right.
        self.to_left = constant([1.0, -1.0, -1.0])
        self.hand_features = (2, hand, *sizes.hand_maps[1:])

    def construct(self, image: Tensor) -> tuple[Tensor, ...]:
        pose, shape, expr, cam_trans, vertices, joints, joint_proj, joint_img, _, _, boxes = self.estimate(image)
        translation = ops.expand_dims(cam_trans, 1)
        root, body, lhand, rhand, jaw = ops.split(pose, (3, 63, 45, 45, 3), 1)
        joint_img = ops.concat((joint_img[:, BODY], self._in_body_maps(joint_img[:, LEFT_HAND], boxes[:, 0]),
                                self._in_body_maps(joint_img[:, RIGHT_HAND], boxes[:, 1])), 1)
        boxes = boxes * self.step
        return (root, body, lhand, rhand, jaw, shape, expr, cam_trans, vertices + translation, joints + translation,
                joint_proj, joint_img, boxes[:, 0], boxes[:, 1], boxes[:, 2])

    def estimate(self, image: Tensor) -> tuple[Tensor, ...]:
        """What the loss compares.

        Returns:
            tuple: pose (B, 159), axis-angle in the order of `joint_sets.ROTATIONS`; shape, expr (B, 10); cam_trans
            (B, 3); vertices (B, 10475, 3) and joints (B, 137, 3), metres, without the translation; joint_proj
            (B, 137, 2), cells of the body; joint_img (B, 65, 3), cells of the body and of the hands' own maps;
            box_center, box_size (B, 3, 2), cells of the body; boxes (B, 3, 4), edges of the crops, px of the body's
            input, without gradient. Boxes are those of left hand, right hand and face.
        """
        features = self.backbone(image[:, :, ::self.step, ::self.step])
        probabilities, body_img = self.body_position_net(features)
        center, size = self.box_net(features, ops.stop_gradient(probabilities))
        boxes = self._boxes(center, size)
        hands, lhand_img, rhand_img, fingers = self._hands(image, boxes)
        root_6d, body_6d, shape, cam = self.body_rotation_net(
            features, ops.stop_gradient(body_img), hands[:, 0], ops.stop_gradient(lhand_img[:, KNUCKLES]),
            hands[:, 1], ops.stop_gradient(rhand_img[:, KNUCKLES]))
        expr, jaw_6d = self.face_regressor(self.face_roi_net(self.crop_face(image, boxes[:, 2:] * self.step)))
        return self._pose(root_6d, body_6d, jaw_6d, fingers, shape, expr, cam) + (
            ops.concat((body_img, mirrored(lhand_img, self.last_column), rhand_img), 1), center, size, boxes)

    def _boxes(self, center: Tensor, size: Tensor) -> Tensor:
        return ops.stop_gradient(restore_boxes(center, size, self.sizes.body_maps[1:], self.sizes.body, self.aspects,
                                               self.enlarge))

    def _hands(self, image: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Both hands as right hands: features (B, 2, C, h, w), left and right positions (B, 20, 3), 6D (B, 2, 90)."""
        features = self.hand_roi_net(self.crop_hands(image, boxes[:, :2] * self.step))
        _, positions = self.hand_position_net(features)
        rot6d = self.hand_rotation_net(features, ops.stop_gradient(positions))
        positions = positions.reshape(-1, 2, NUM_FINGERS, 3)
        return (features.reshape(-1, *self.hand_features), positions[:, 0], positions[:, 1],
                rot6d.reshape(-1, 2, 6 * FINGER_ROTATIONS))

    def _pose(self, root_6d: Tensor, body_6d: Tensor, jaw_6d: Tensor, fingers: Tensor, shape: Tensor, expr: Tensor,
              cam: Tensor) -> tuple[Tensor, ...]:
        """Rotations in 6D to the posed body; see `estimate` for what is returned."""
        # All in one: each copy of the conversion is compiled once more.
        rot6d = ops.concat((root_6d, body_6d, jaw_6d, fingers.reshape(-1, 12 * FINGER_ROTATIONS)), 1)
        turns, rotmat = axis_angles(rot6d, BODY_ROTATIONS + 2 + 2 * FINGER_ROTATIONS)
        root, body, jaw, lhand, rhand = ops.split(turns, (3, 63, 3, 45, 45), 1)
        root_rotmat, body_rotmat, jaw_rotmat, _ = ops.split(rotmat, (1, BODY_ROTATIONS, 1, 2 * FINGER_ROTATIONS), 1)
        lhand = (lhand.reshape(-1, FINGER_ROTATIONS, 3) * self.to_left).reshape(-1, 3 * FINGER_ROTATIONS)
        cam_trans = self.camera.translation(cam)
        vertices, joints = self.body(root_rotmat, body_rotmat, lhand, rhand, jaw_rotmat, shape, expr)
        joint_proj = self.camera(joints + ops.expand_dims(cam_trans, 1))
        return (ops.concat((root, body, lhand, rhand, jaw), 1), shape, expr, cam_trans, vertices, joints, joint_proj)

    def _in_body_maps(self, positions: Tensor, box: Tensor) -> Tensor:
        """Positions (B, 20, 3) in a hand's map to the body's; box (B, 4) in pixels of the body's input; z stays."""
        (_, height, width), (body_height, body_width) = self.sizes.hand_maps, self.sizes.body
        box = ops.expand_dims(box, 1)
        x = box[..., 0:1] + positions[..., 0:1] * (box[..., 2:3] - box[..., 0:1]) / width
        y = box[..., 1:2] + positions[..., 1:2] * (box[..., 3:4] - box[..., 1:2]) / height
        maps = self.sizes.body_maps
        return ops.concat((x * (maps[2] / body_width), y * (maps[1] / body_height), positions[..., 2:]), -1)


class HandOnly(nn.Cell):
    """An image of a right hand to MANO's mesh: the network of `--parts hand`.

    Args:
        sizes (Sizes): `hand`, `hand_maps`, `focal` and `hand_camera` count.
        model (BodyModel): kind "mano_right"; None where only the parameters matter.
        depth, width, seed: see `Hand4Whole`.
        resnet_width (float): channels of the ResNet relative to `width`.

    Inputs:
        - **image** (Tensor) - (B, 3, h, w), RGB, 0..1.

    Outputs:
        Tuple of Tensors by `HAND_OUTPUTS`: mano_pose (B, 48), root first, fingers relative to the mean hand;
        mano_shape (B, 10); cam_trans (B, 3); vertices (B, 778, 3) and joints (B, 21, 3) in camera space, metres;
        joint_proj (B, 21, 2) and joint_img (B, 21, 3), cells.
    """

    def __init__(self, sizes: Sizes, model: BodyModel | None, depth: int = 50, width: float = 1.0, seed: int = 0,
                 resnet_width: float = 1.0):
        super().__init__()
        rng = generator(seed)
        self.sizes = sizes
        self.backbone = ResNet(rng, depth, False, width * resnet_width)
        channels = self.backbone.out_channels
        self.position_net = PositionNet(rng, channels, len(HAND_JOINTS), sizes.hand_maps)
        self.rotation_net = HandOnlyRotationNet(rng, channels, sizes.hand_maps, scaled(512, width))
        self.camera = VirtualCamera(sizes.focal, sizes.hand, sizes.hand_maps, sizes.hand_camera)
        self.mano = MANO(model) if model else None
        self.joints = JointRegressor(hand_regressor(model)) if model else None

    def construct(self, image: Tensor) -> tuple[Tensor, ...]:
        pose, shape, cam_trans, vertices, joints, joint_proj, joint_img = self.estimate(image)
        translation = ops.expand_dims(cam_trans, 1)
        return pose, shape, cam_trans, vertices + translation, joints + translation, joint_proj, joint_img

    def estimate(self, image: Tensor) -> tuple[Tensor, ...]:
        """As `construct`, vertices and joints without the translation."""
        features = self.backbone(image)
        _, positions = self.position_net(features)
        root_6d, fingers_6d, shape, cam = self.rotation_net(features, ops.stop_gradient(positions))
        pose, rotmat = axis_angles(ops.concat((root_6d, fingers_6d), 1), 1 + FINGER_ROTATIONS)
        cam_trans = self.camera.translation(cam)
        vertices, _ = self.mano(rotmat[:, :1], pose[:, 3:], shape)
        joints = self.joints(vertices)
        joint_proj = self.camera(joints + ops.expand_dims(cam_trans, 1))
        return pose, shape, cam_trans, vertices, joints, joint_proj, positions


# What an exported file gives, in this order.
EXPORTED = {"whole": OUTPUTS[:9], "hand": HAND_OUTPUTS[:4]}


class FirstOutputs(nn.Cell):
    """A network that gives only the first outputs.

    Args:
        network (Cell): image to a tuple of Tensors.
        count (int): how many.

    Inputs:
        - **image** (Tensor) - (B, 3, H, W), RGB, 0..1.

    Outputs:
        Tuple of `count` Tensors.
    """

    def __init__(self, network: nn.Cell, count: int):
        super().__init__(auto_prefix=False)
        self.network, self.count = network, count

    def construct(self, image: Tensor) -> tuple[Tensor, ...]:
        outputs = self.network(image)  # a slice of the call itself is taken for an assignment by MindSpore 2.7
        return outputs[:self.count]


def build_network(config: Config, model: BodyModel | None, joints_only: bool = False) -> Hand4Whole | HandOnly:
    """The network that the settings describe, with its initial values -> Hand4Whole or HandOnly.

    Args:
        model (BodyModel): see `load_body`.
        joints_only (bool): for training, which wants no mesh: see `Hand4Whole`.
    """
    sizes = Sizes(image=tuple(config.input_img_shape), body=tuple(config.input_body_shape),
                  body_maps=tuple(config.output_hm_shape), hand=tuple(config.input_hand_shape),
                  hand_maps=tuple(config.output_hand_hm_shape), face=tuple(config.input_face_shape),
                  focal=tuple(config.focal), camera=config.camera_3d_size, hand_camera=config.hand_camera_3d_size)
    if config.parts == "hand":
        return HandOnly(sizes, model, config.resnet_type, config.width, config.seed, config.resnet_widths[1])
    return Hand4Whole(sizes, model, config.resnet_type, config.hand_resnet_type, config.face_resnet_type,
                      config.width, config.resnet_widths, config.seed, joints_only)


def settings_of(checkpoint: Checkpoint, config: Config) -> Config:
    """The settings with those of the checkpoint's network in place of the defaults and of --config_path.

    Raises:
        UserError: a flag was given that contradicts the checkpoint, the file holds part of a network only, or sizes
            that make none.
    """
    if checkpoint.meta.get("config", {}).get("resnet_only"):
        raise UserError(f"checkpoint {checkpoint.path} holds a ResNet only: train with --resnet_path "
                        f"{checkpoint.path}")
    config = adopt_settings(checkpoint, config, NETWORK_KEYS)
    check_shapes(config, f"checkpoint {checkpoint.path}: ")
    return config


def load_trained(config: Config) -> tuple[Hand4Whole | HandOnly, Config, BodyModel, Checkpoint]:
    """Network, settings, body model and file of the checkpoint that the settings name.

    Returns:
        tuple: Hand4Whole or HandOnly in evaluation mode with batch norm worked into its convolutions, Config,
        BodyModel, Checkpoint.

    Raises:
        UserError: no checkpoint, one that is merged and not fine-tuned, or weights that do not fit.
    """
    snapshots = Snapshots(os.path.join(config.output_dir, "model_dump"), config.parts)
    checkpoint = find_checkpoint(config.ckpt_file, snapshots.folder, "hand4whole", read=read_trained,
                                 newest=snapshots.newest, small=config.parts == "whole",
                                 train=f"python train.py --parts {config.parts}")
    if checkpoint.meta.get("config", {}).get("merged") and not config.allow_partial:
        raise UserError(f"checkpoint {checkpoint.path} is a merged one, whose networks behind the hand's ResNet have "
                        "yet to learn: fine-tune it with train.py --continue, or name another with --ckpt_file")
    config = settings_of(checkpoint, config)
    model = load_body(config)
    warn_other_body(checkpoint, "smplx_path" if config.parts == "whole" else "mano_right_path", model.synthetic)
    with replaced_by_checkpoint(strictly=not config.allow_partial):
        network = build_network(config, model)
    load_weights(network, checkpoint, config.allow_partial)
    return fold_batch_norm(network), config, model, checkpoint
