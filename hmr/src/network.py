"""The generator of HMR: image -> features -> camera, pose and shape in a few rounds -> body and its joints.

Source: Kanazawa et al., "End-to-end recovery of human shape and pose", CVPR 2018. The conventions of the published
weights differ; see `conventions`. Below the Cells: building the network of the settings and loading a trained one.
"""
import dataclasses

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from common.backbones.folding import fold_batch_norm
from common.backbones.resnet import ResNet
from common.backbones.resnet_v2 import ResNetV2
from common.body_models.companions import MeanParams, load_mean_params
from common.body_models.embedded import warn_other_body
from common.body_models.files import BodyModel
from common.body_models.lbs import JointRegressor
from common.body_models.smpl import SMPL
from common.config import Config
from common.engine.checkpoint import Checkpoint, find_checkpoint, load_weights
from common.engine.continuation import adopt_settings, require_model
from common.errors import UserError
from common.geometry import rotation
from common.geometry.projection import weak_perspective_projection
from common.geometry.rotation_ops import axis_angle_to_matrix, matrix_to_axis_angle, rot6d_to_matrix
from common.initial import dense, generator, replaced_by_checkpoint
from common.joints import SKELETONS
from common.precision import Float32Cell, as_float32
from hmr.src.config import HMR_MEAN, NETWORK_KEYS, SUGGESTED_KEYS, in_data
from hmr.src.conventions import Convention, convention_of, find_convention

NUM_CAM, NUM_POSE, NUM_BETAS = 3, 72, 10
THETA_SIZE = NUM_CAM + NUM_POSE + NUM_BETAS
HALF_TURN = np.diag([1.0, -1.0, -1.0])
# Numbers per joint in the regressor's state.
ROTATION_SIZES = {"axis_angle": 3, "rot6d": 6}
# "cocoplus": the 14 joints of LSP, then the face.
JOINTS = SKELETONS["cocoplus_19"]
OUTPUTS = ("theta", "vertices", "joints2d", "joints3d", "rotmat")


def split_theta(
        theta: Tensor | np.ndarray) -> tuple[Tensor, Tensor, Tensor] | tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(B, 85) -> cam (B, 3), pose (B, 72) in radians, beta (B, 10); for Tensors and arrays.

    Also splits a state of the 6D regressor, (B, 157), whose pose has 144 numbers.
    """
    return theta[:, :NUM_CAM], theta[:, NUM_CAM:-NUM_BETAS], theta[:, -NUM_BETAS:]


def mean_state(mean: MeanParams, rotations: str, rotate_base: bool = False) -> np.ndarray:
    """The state that the regressor starts from: (85,) or (157,) float32.

    From an axis-angle mean the root's rotation is dropped, as in the original: the body starts with half a turn about
    x, upright in front of a camera whose y axis points down. Where the body makes that half turn itself, none is left;
    pytorch_HMR starts with both, head down, and its weights carry that start with them.

    Args:
        mean (MeanParams): mean pose, shape and camera.
        rotations (str): "axis_angle" or "rot6d".
        rotate_base (bool): see `Convention`.
    """
    pose = np.asarray(mean.pose, np.float64)
    if pose.size == NUM_POSE and rotations == "axis_angle":
        pose = np.concatenate([[0.0 if rotate_base else np.pi, 0.0, 0.0], pose[3:]])
    elif pose.size == NUM_POSE or rotations == "axis_angle" or rotate_base:
        if pose.size == NUM_POSE:
            rotmat = rotation.axis_angle_to_matrix(pose.reshape(24, 3))
            rotmat[0] = HALF_TURN
        else:
            rotmat = rotation.rot6d_to_matrix(pose.reshape(24, 6))
        rotmat = posed_rotmat(rotmat, rotate_base)
        pose = rotation.matrix_to_rot6d(rotmat) if rotations == "rot6d" else rotation.matrix_to_axis_angle(rotmat)
    return np.concatenate([mean.cam, pose.reshape(-1), mean.shape]).astype(np.float32)


def posed_rotmat(rotmat: np.ndarray, rotate_base: bool) -> np.ndarray:
    """Rotations as any SMPL program takes them for the same body: with the half turn that `rotate_base` leaves out.

    Args:
        rotmat (array): (..., 24, 3, 3), as predicted.
        rotate_base (bool): see `Convention`.

    Returns:
        array: (..., 24, 3, 3); the same the other way round.
    """
    rotmat = np.array(rotmat)
    if rotate_base:
        rotmat[..., 0, :, :] = rotmat[..., 0, :, :] @ HALF_TURN.astype(rotmat.dtype)
    return rotmat


class IterativeRegressor(nn.Cell):
    """Features and a state to a better state, some times over: each round adds a correction.

    Args:
        rng (numpy.random.Generator): source of the initial weights.
        num_features (int): width of the features.
        mean (array): (85,) or (157,), the first state, see `mean_state`.
        hidden_size (int): width of the two hidden layers.
        iterations (int): rounds.
        activation (bool): ReLU after the hidden layers.
        train_mean (bool): the first state learns too.

    Inputs:
        - **features** (Tensor) - (B, num_features).
        - **keep** (Tensor) - (B, 2 * iterations, hidden_size), what each hidden unit is multiplied by: 0 or
          1 / probability of keeping it; None for no dropout.

    Outputs:
        Tuple of `iterations` Tensors (B, 85) or (B, 157): cam, pose, beta after each round.
    """

    def __init__(self, rng: np.random.Generator, num_features: int, mean: np.ndarray, hidden_size: int = 1024,
                 iterations: int = 3, activation: bool = True, train_mean: bool = False):
        super().__init__()
        self.mean = Parameter(Tensor(np.asarray(mean, np.float32)), name="mean", requires_grad=train_mean)
        size = self.mean.size
        self.fc1 = dense(rng, num_features + size, hidden_size)
        self.fc2 = dense(rng, hidden_size, hidden_size)
        self.fc3 = dense(rng, hidden_size, size, gain=0.01)
        self.iterations, self.activation = iterations, activation

    def construct(self, features: Tensor, keep: Tensor | None = None) -> tuple[Tensor, ...]:
        # Repeated through the features: reading the batch size would fix it in an exported file.
        state = ops.zeros_like(features[:, :1]) * self.mean.astype(features.dtype) + self.mean.astype(features.dtype)
        states = ()
        for index in range(self.iterations):
            x = self._hidden(self.fc1, ops.concat((features, state), 1), keep, 2 * index)
            x = self._hidden(self.fc2, x, keep, 2 * index + 1)
            state = state + self.fc3(x)
            states += (state,)
        return states

    def _hidden(self, layer: nn.Dense, x: Tensor, keep: Tensor | None, row: int) -> Tensor:
        x = layer(x)
        if self.activation:
            x = ops.relu(x)
        return x if keep is None else x * keep[:, row]


class BodyLayer(Float32Cell):
    """A state of the regressor to the body that it describes.

    Args:
        model (BodyModel): kind "smpl", with `cocoplus_regressor` among its extras.
        rotations (str): "axis_angle" or "rot6d".
        rotate_base (bool): see `Convention`.

    Inputs:
        - **state** (Tensor) - (B, 85) or (B, 157).

    Outputs:
        Tuple of Tensors: theta (B, 85); vertices (B, 6890, 3), metres; joints2d (B, 19, 2), the crop spans [-1, 1];
        joints3d (B, 19, 3), metres; rotmat (B, 24, 3, 3), without the half turn of `rotate_base`.
    """

    def __init__(self, model: BodyModel, rotations: str = "axis_angle", rotate_base: bool = False):
        super().__init__()
        self.smpl = SMPL(model, NUM_BETAS, rotate_base)
        self.joints = JointRegressor(model.extra("cocoplus_regressor", (len(JOINTS), len(model.v_template))))
        self.axis_angle = rotations == "axis_angle"
        self.rotation_size = ROTATION_SIZES[rotations]

    def rotmat(self, state: Tensor) -> Tensor:
        """(B, 85 or 157) -> (B, 24, 3, 3)."""
        _, pose, _ = split_theta(as_float32(state))
        pose = pose.reshape(-1, 24, self.rotation_size)
        return axis_angle_to_matrix(pose) if self.axis_angle else rot6d_to_matrix(pose)

    def construct(self, state: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        state = as_float32(state)
        cam, _, beta = split_theta(state)
        rotmat = self.rotmat(state)
        vertices, _ = self.smpl(rotmat, beta)
        joints3d = self.joints(vertices)
        joints2d = weak_perspective_projection(joints3d, cam)
        if self.axis_angle:
            theta = state
        else:
            theta = ops.concat((cam, matrix_to_axis_angle(rotmat).reshape(-1, NUM_POSE), beta), 1)
        return theta, vertices, joints2d, joints3d, rotmat


class HMR(nn.Cell):
    """Image to body.

    Args:
        encoder (Cell): image to features (B, encoder.out_channels).
        regressor (IterativeRegressor): features to states.
        body (BodyLayer): state to body.

    Inputs:
        - **image** (Tensor) - (B, 3, H, W), normalised as the convention says.

    Outputs:
        Tuple of Tensors by `OUTPUTS`, of the last round; see `BodyLayer`.
    """

    def __init__(self, encoder: nn.Cell, regressor: IterativeRegressor, body: BodyLayer):
        super().__init__()
        self.encoder, self.regressor, self.body = encoder, regressor, body

    def states(self, image: Tensor, keep: Tensor | None = None) -> tuple[Tensor, ...]:
        """The regressor's states of all rounds; `keep` as of `IterativeRegressor`."""
        return self.regressor(self.encoder(image).astype(ms.float32), keep)

    def construct(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        return self.body(self.states(image)[-1])


def build_parts(convention: Convention, mean: MeanParams, depth: int = 50, width: float = 1.0, hidden_size: int = 1024,
                iterations: int = 3, frozen_norm: bool = False,
                seed: int = 0) -> tuple[ResNet | ResNetV2, IterativeRegressor]:
    """Encoder and regressor with initial weights: encoder, IterativeRegressor.

    Args:
        convention (Convention): conventions.
        mean (MeanParams): where the regressor starts; replaced when weights are loaded.
        depth (int): of the ResNet: 18, 34 or 50; conventions with encoder "resnet_v2" know 50 only.
        width (float): channels of the encoder relative to the published network.
        hidden_size, iterations (int): of the regressor.
        frozen_norm (bool): see `ResNet`.
        seed (int): of the initial weights.

    Raises:
        UserError: settings that the convention's encoder does not have.
    """
    rng, start = generator(seed), mean_state(mean, convention.rotations, convention.rotate_base)
    if convention.encoder == "resnet_v2":
        if depth != 50 or frozen_norm:
            raise UserError(f"convention {convention.name} has a ResNet-50 without frozen batch norm: leave "
                            "--depth and --frozen_norm out, or choose another convention")
        encoder = ResNetV2(rng, width)
    else:
        encoder = ResNet(rng, depth, True, width, frozen_norm)
    return encoder, IterativeRegressor(rng, encoder.out_channels, start, hidden_size, iterations, convention.activation,
                                       convention.train_mean)


def build_network(config: Config, body: BodyModel) -> HMR:
    """The generator that the settings describe, with its initial values; body (BodyModel): of `load_body`."""
    convention = find_convention(config.convention)
    mean = load_mean_params(config.smpl_mean_params_path or in_data(config, HMR_MEAN))
    parts = build_parts(convention, mean, config.depth, config.width, config.hidden_size, config.iterations,
                        config.frozen_norm, config.seed)
    return HMR(*parts, BodyLayer(body, convention.rotations, convention.rotate_base))


def settings_of(checkpoint: Checkpoint, config: Config) -> Config:
    """The settings with those of the checkpoint's network in place of the defaults and of --config_path.

    Raises:
        UserError: a flag was given that contradicts the checkpoint, or it holds no generator.
    """
    require_model(checkpoint, "hmr")
    saved = checkpoint.meta.get("config", {})
    if saved.get("part", "generator") != "generator":
        part = {"critic": "discriminator"}.get(str(saved["part"]), saved["part"])  # what files call it
        raise UserError(f"checkpoint {checkpoint.path} holds the {part} only" + (
            f": train with --{part}_path {checkpoint.path}" if part in ("discriminator", "encoder") else
            ", which is no part of hmr"))
    convention_of(saved, checkpoint.path)
    return adopt_settings(checkpoint, config, NETWORK_KEYS, SUGGESTED_KEYS)


def side_of(checkpoint: Checkpoint, critic: bool = False) -> Checkpoint:
    """The checkpoint with the weights of one side only: of the discriminator (`critic`), or else of the generator."""
    weights = {name: value for name, value in checkpoint.weights.items() if name.startswith("critic.") == critic}
    return dataclasses.replace(checkpoint, weights=weights)


def load_trained(config: Config, body: BodyModel) -> tuple[HMR, Config, Convention, Checkpoint]:
    """Network, settings, conventions and file of the checkpoint that the settings name.

    Args:
        body (BodyModel): of `load_body`.

    Returns:
        tuple: HMR in evaluation mode with batch norm worked into its convolutions, Config, Convention, Checkpoint.

    Raises:
        UserError: no checkpoint, or weights that do not fit.
    """
    checkpoint = find_checkpoint(config.ckpt_file, config.model_save, "hmr")
    config = settings_of(checkpoint, config)
    warn_other_body(checkpoint, "smpl_path", body.synthetic)
    with replaced_by_checkpoint(strictly=not config.allow_partial):
        network = build_network(config, body)
    load_weights(network, side_of(checkpoint), config.allow_partial)
    return fold_batch_norm(network), config, find_convention(config.convention), checkpoint
