"""The OpenPose network: VGG features, then stages that refine affinity fields and joint heat maps side by side.

Source: Cao et al., "Realtime multi-person 2D pose estimation using part affinity fields", CVPR 2017;
`pose_deploy_linevec.prototxt` of CMU-Perceptual-Computing-Lab/openpose. The last layer of every branch is linear.
Differs from it: channels and number of stages can be set, for small configurations, and there can be batch
normalisation in the backbone and behind it.
"""
import numpy as np
from mindspore import Tensor, nn, ops

from common.backbones.folding import fold_batch_norm
from common.backbones.vgg import VGG19Features, convolution, scaled
from common.config import Config
from common.engine.checkpoint import Checkpoint, find_checkpoint, load_weights
from common.engine.continuation import adopt_settings, require_model
from common.errors import UserError
from common.initial import generator, replaced_by_checkpoint
from openpose.src.config import NETWORK_KEYS, SUGGESTED_KEYS
from openpose.src.fast_convolution import FastTraining, is_wide
from openpose.src.skeleton import COCO_18, Skeleton, describe_skeleton, load_skeleton, parse_skeleton

# (channels, kernel) of the hidden convolutions of a branch.
FIRST_STAGE = ((128, 3), (128, 3), (128, 3), (512, 1))
LATER_STAGE = ((128, 7), (128, 7), (128, 7), (128, 7), (128, 7), (128, 1))
OUTPUT_DEVIATION = 0.01  # initial weights of the maps' layers, as in the original


def hidden_convolution(rng: np.random.Generator, in_channels: int, out_channels: int, kernel_size: int,
                       batch_norm: bool) -> nn.Cell:
    """A convolution that keeps the size, and batch normalisation behind it if wanted."""
    cell = convolution(rng, in_channels, out_channels, kernel_size)
    return nn.SequentialCell(cell, nn.BatchNorm2d(out_channels)) if batch_norm else cell


class Branch(nn.Cell):
    """Convolutions with ReLU between them, the last one without.

    Args:
        rng (numpy.random.Generator): source of the initial weights.
        in_channels (int): channels of the input.
        plan (tuple): (channels, kernel size) of the hidden convolutions at width 1.
        out_channels (int): number of maps.
        width (float): relative number of hidden channels.
        batch_norm (bool): batch normalisation after the hidden convolutions.
        first (int): number of the first convolution that `construct` applies.

    Inputs:
        - **x** (Tensor) - (B, channels that convolution `first` takes, h, w).

    Outputs:
        Tensor (B, out_channels, h, w).
    """

    def __init__(self, rng: np.random.Generator, in_channels: int, plan: tuple[tuple[int, int], ...], out_channels: int,
                 width: float, batch_norm: bool, first: int):
        super().__init__()
        cells = []
        for channels, kernel_size in plan:
            cells.append(hidden_convolution(rng, in_channels, scaled(channels, width), kernel_size, batch_norm))
            in_channels = scaled(channels, width)
        cells.append(convolution(rng, in_channels, out_channels, 1, OUTPUT_DEVIATION))
        self.convs = nn.CellList(cells)
        self.first, self.last = first, len(plan)
        self.fast = (False,) * len(cells)  # see `OpenPose.use_fast_training`
        self.convolve_fast = FastTraining(scaled(plan[0][0], width))
        self.relu = nn.ReLU()

    def construct(self, x: Tensor) -> Tensor:
        # By number: a slice of a CellList is a new one, which renames the parameters.
        for number in range(self.first, self.last):
            conv = self.convs[number]
            x = self.relu(self.convolve_fast(x, conv.weight, conv.bias) if self.fast[number] else conv(x))
        return self.convs[self.last](x)


class Stage(nn.Cell):
    """One estimate of the maps: a branch for the fields, one for the heat maps.

    The first convolutions of both read the same input and run as one, with their weights put together: about 7 per
    cent less time for a training step on CPU. With batch normalisation between them, every branch runs by itself.

    Inputs:
        - **x** (Tensor) - (B, in_channels, h, w).

    Outputs:
        Tuple of Tensors: fields (B, 2L, h, w), heat maps (B, J+1, h, w).
    """

    def __init__(self, rng: np.random.Generator, in_channels: int, plan: tuple[tuple[int, int], ...], num_fields: int,
                 num_heatmaps: int, width: float, batch_norm: bool = False):
        super().__init__()
        self.joined = not batch_norm
        self.paf = Branch(rng, in_channels, plan, num_fields, width, batch_norm, int(self.joined))
        self.heat = Branch(rng, in_channels, plan, num_heatmaps, width, batch_norm, int(self.joined))
        self.channels, kernel_size = scaled(plan[0][0], width), plan[0][1]
        # Tuples, as the ONNX converter wants them.
        self.convolve = ops.Conv2D(2 * self.channels, (kernel_size, kernel_size), pad_mode="pad",
                                   pad=(kernel_size // 2,) * 4, stride=(1, 1), dilation=(1, 1))
        self.add_bias = ops.BiasAdd()
        self.fast = False
        self.convolve_fast = FastTraining(2 * self.channels)
        self.relu = nn.ReLU()

    def separate(self) -> None:
        """Let every branch apply its first convolution itself, before the network first runs."""
        self.joined = False
        self.paf.first = self.heat.first = 0

    def construct(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if not self.joined:
            return self.paf(x), self.heat(x)
        weight = ops.concat((self.paf.convs[0].weight, self.heat.convs[0].weight)).astype(x.dtype)
        bias = ops.concat((self.paf.convs[0].bias, self.heat.convs[0].bias)).astype(x.dtype)
        if self.fast:
            x = self.relu(self.convolve_fast(x, weight, bias))
        else:
            x = self.relu(self.add_bias(self.convolve(x, weight), bias))
        return self.paf(x[:, :self.channels]), self.heat(x[:, self.channels:])


class OpenPose(nn.Cell):
    """Image to the maps of all stages.

    Args:
        num_limbs (int): L; two field channels (x, y) each.
        num_joints (int): J; one heat map each, and one more for the background.
        num_stages (int): estimates, 6 in the publication.
        width (float): hidden channels relative to the publication.
        vgg_with_bn (bool): batch normalisation in the backbone.
        seed (int): of the initial weights.
        backbone_width (float): channels of the backbone relative to the publication; 0 for `width`.
        stages_with_bn (bool): batch normalisation behind the backbone, but for the layers that give the maps.

    Inputs:
        - **image** (Tensor) - (B, 3, H, W), normalised as the weights want it; H and W multiples of 8.

    Outputs:
        Tuple of 2 * num_stages Tensors, for each stage in turn fields (B, 2L, H/8, W/8) and heat maps
        (B, J+1, H/8, W/8).
    """

    def __init__(self, num_limbs: int = 19, num_joints: int = 18, num_stages: int = 6, width: float = 1.0,
                 vgg_with_bn: bool = False, seed: int = 1, backbone_width: float = 0.0, stages_with_bn: bool = False):
        super().__init__()
        rng = generator(seed)
        self.backbone = VGG19Features(rng, vgg_with_bn, backbone_width or width)
        self.conv4_3 = hidden_convolution(rng, self.backbone.out_channels, scaled(256, width), 3, stages_with_bn)
        self.conv4_4 = hidden_convolution(rng, scaled(256, width), scaled(128, width), 3, stages_with_bn)
        self.relu = nn.ReLU()
        features, maps = scaled(128, width), 2 * num_limbs + num_joints + 1
        self.stages = nn.CellList([
            Stage(rng, features + (maps if number else 0), LATER_STAGE if number else FIRST_STAGE, 2 * num_limbs,
                  num_joints + 1, width, stages_with_bn)
            for number in range(num_stages)])

    def use_fast_training(self) -> None:
        """Train the wide 7 x 7 convolutions by `FastTraining`, which pays on CPU; before the network first runs."""
        for stage in self.stages:
            stage.fast = is_wide(stage.paf.convs[0])
            for branch in (stage.paf, stage.heat):
                branch.fast = tuple(is_wide(cell) for cell in branch.convs)

    def construct(self, image: Tensor) -> tuple[Tensor, ...]:
        features = self.relu(self.conv4_3(self.backbone(image)))
        features = self.relu(self.conv4_4(features))
        outputs, x = (), features
        for stage in self.stages:
            paf, heat = stage(x)
            outputs += (paf, heat)
            x = ops.concat((paf, heat, features), 1)
        return outputs


class LastStage(nn.Cell):
    """What inference and export need of a network: the last estimate.

    Inputs:
        - **image** (Tensor) - (B, 3, H, W).

    Outputs:
        Tuple of Tensors: fields (B, 2L, H/8, W/8), heat maps (B, J+1, H/8, W/8).
    """

    def __init__(self, network: nn.Cell):
        super().__init__(auto_prefix=False)
        self.network = network

    def construct(self, image: Tensor) -> tuple[Tensor, Tensor]:
        outputs = self.network(image)
        return outputs[-2], outputs[-1]


def build_network(config: Config, skeleton: Skeleton) -> OpenPose:
    """The network that the settings describe, with its initial values."""
    return OpenPose(len(skeleton.limbs), len(skeleton.joints), config.num_stages, config.width, config.vgg_with_bn,
                    config.seed, config.backbone_width, config.stages_with_bn)


def settings_of(checkpoint: Checkpoint, config: Config) -> tuple[Config, Skeleton]:
    """The settings with those of the checkpoint's network in place of the defaults and of --config_path, and its
    skeleton.

    A file of other makers says nothing about itself: then the settings hold as given.

    Raises:
        UserError: a flag was given that contradicts the checkpoint, or the file is a backbone only.
    """
    require_model(checkpoint, "openpose")
    saved = checkpoint.meta.get("config", {})
    if saved.get("backbone_only"):
        raise UserError(f"checkpoint {checkpoint.path} holds the backbone only: train with --vgg_path "
                        f"{checkpoint.path}")
    described = checkpoint.meta.get("skeleton")
    skeleton = parse_skeleton(described, checkpoint.path) if described else COCO_18
    given = load_skeleton(config.skeleton) if config.skeleton else skeleton
    if describe_skeleton(given) != describe_skeleton(skeleton):
        raise UserError(f"--skeleton {config.skeleton} is not the one of checkpoint {checkpoint.path}: leave the flag "
                        "out")
    return adopt_settings(checkpoint, config, NETWORK_KEYS, SUGGESTED_KEYS), skeleton


def load_trained(config: Config, flag: str = "--ckpt_file") -> tuple[OpenPose, Config, Skeleton, Checkpoint]:
    """Network, settings, skeleton and file of a checkpoint; batch norm is worked into the convolutions.

    Args:
        flag (str): what named the checkpoint, for error texts.

    Raises:
        UserError: no checkpoint, or weights that do not fit.
    """
    checkpoint = find_checkpoint(config.ckpt_file, config.save_model_path, "openpose", flag)
    config, skeleton = settings_of(checkpoint, config)
    with replaced_by_checkpoint(strictly=not config.allow_partial):
        network = build_network(config, skeleton)
    load_weights(network, checkpoint, config.allow_partial)
    return fold_batch_norm(network), config, skeleton, checkpoint
