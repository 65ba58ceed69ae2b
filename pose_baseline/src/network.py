"""The lifting network: 2D joints to 3D joints with fully connected residual stages.

Source: Martinez et al., "A simple yet effective baseline for 3d human pose estimation", ICCV 2017;
una-dinosauria/3d-pose-baseline `src/linear_model.py`. As there, max-norm divides each whole weight matrix by its
Frobenius norm where that exceeds 1, in training and at inference, and gradients flow through the division.
Two things differ: dropout masks come with the batch (so that a resumed run repeats them exactly), and batch norm is
written out, because the original's moving variance is the biased one and the framework's operator keeps the unbiased.
Below the Cells: building the network of the settings and loading a trained one.
"""
import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from common.config import Config
from common.engine.checkpoint import Checkpoint, find_checkpoint, load_weights
from common.engine.continuation import adopt_settings, require_model
from common.errors import UserError
from common.precision import Float32Cell
from pose_baseline.src.config import DATA_KEYS, NETWORK_KEYS
from pose_baseline.src.normalisation import Statistics

PART = 2048  # poses that the Lifter computes at a time

TF_EPSILON, TF_MOMENTUM = 1e-3, 0.99  # tf.layers.batch_normalization, the original
TORCH_EPSILON, TORCH_MOMENTUM = 1e-5, 0.9  # torch.nn.BatchNorm1d, the weigq port; momentum as share that is kept


def _truncated_normal(rng: np.random.Generator, shape: tuple[int, ...], deviation: float) -> np.ndarray:
    """Normal values, drawn again while they lie beyond two deviations, as TensorFlow's initialiser does."""
    values = rng.standard_normal(shape)
    while (outside := np.abs(values) > 2).any():
        values[outside] = rng.standard_normal(int(outside.sum()))
    return (values * deviation).astype(np.float32)


class Dense(nn.Cell):
    """Affine layer with optional whole-matrix norm clip: `x @ (weight / max(||weight||, 1)).T + bias`.

    Args:
        in_size (int): width of the input.
        out_size (int): width of the output.
        max_norm (bool): clip the Frobenius norm of the weight to 1. The stored weight is not clipped.
        rng (numpy.random.Generator): source of the initial values: truncated normal, deviation sqrt(2 / in_size) for
            weights and sqrt(2 / out_size) for biases, as in the original.

    Inputs:
        - **x** (Tensor) - (B, in_size).

    Outputs:
        Tensor (B, out_size).
    """

    def __init__(self, in_size: int, out_size: int, max_norm: bool, rng: np.random.Generator):
        super().__init__()
        weight = _truncated_normal(rng, (out_size, in_size), np.sqrt(2.0 / in_size))
        bias = _truncated_normal(rng, (out_size,), np.sqrt(2.0 / out_size))
        self.weight = Parameter(Tensor(weight), name="weight")
        self.bias = Parameter(Tensor(bias), name="bias")
        self.max_norm = max_norm
        self.matmul = ops.MatMul(transpose_b=True)

    def construct(self, x: Tensor) -> Tensor:
        y = self.matmul(x, self.weight)
        if self.max_norm:  # the factor is applied to the product: the batch is smaller than the matrix
            y = y * norm_clip_factor(self.weight).astype(y.dtype)
        return y + self.bias.astype(y.dtype)


def norm_clip_factor(weight: Tensor) -> Tensor:
    """1 / max(||weight||_F, 1), 1 for a zero matrix, with a finite gradient everywhere. Returns a float32 scalar."""
    squares = ops.square(weight).sum(1).sum()  # in two steps: a reduction to a scalar runs on one thread on CPU
    safe = ops.select(squares > 1.0, squares, ops.ones_like(squares))
    return ops.rsqrt(safe)


class BatchNorm(Float32Cell):
    """Batch normalisation over the first axis, in float32.

    Args:
        size (int): number of features.
        epsilon (float): added to the variance.
        momentum (float): share of the moving statistics that a training step keeps.
        unbiased (bool): whether the moving variance takes the unbiased batch variance (PyTorch) or the biased one
            (TensorFlow). The normalisation itself uses the biased one in both.

    Inputs:
        - **x** (Tensor) - (B, size).

    Outputs:
        Tensor (B, size).
    """

    def __init__(self, size: int, epsilon: float, momentum: float, unbiased: bool):
        super().__init__()
        self.gamma = Parameter(Tensor(np.ones(size, np.float32)), name="gamma")
        self.beta = Parameter(Tensor(np.zeros(size, np.float32)), name="beta")
        self.moving_mean = Parameter(Tensor(np.zeros(size, np.float32)), name="moving_mean", requires_grad=False)
        self.moving_variance = Parameter(Tensor(np.ones(size, np.float32)), name="moving_variance",
                                         requires_grad=False)
        self.epsilon, self.momentum, self.unbiased = epsilon, momentum, unbiased

    def construct(self, x: Tensor) -> Tensor:
        dtype = x.dtype
        x = x.astype(ms.float32)
        if self.training:
            mean = x.mean(0)
            centred = x - mean
            variance = ops.square(centred).mean(0)
            size = x.shape[0]
            measured = variance * (size / (size - 1)) if self.unbiased else variance
            keep = self.momentum
            ops.assign(self.moving_mean, keep * self.moving_mean + (1.0 - keep) * ops.stop_gradient(mean))
            ops.assign(self.moving_variance, keep * self.moving_variance + (1.0 - keep) * ops.stop_gradient(measured))
            y = centred * (self.gamma * ops.rsqrt(variance + self.epsilon)) + self.beta
        else:
            y = (x - self.moving_mean) * (self.gamma * ops.rsqrt(self.moving_variance + self.epsilon)) + self.beta
        return y.astype(dtype)


class HiddenLayer(nn.Cell):
    """Dense, batch norm, ReLU and, in training, dropout.

    Inputs:
        - **x** (Tensor) - (B, in_size).
        - **mask** (Tensor) - (B, out_size): what each unit is multiplied by, 0 or 1 / keep; None for none.

    Outputs:
        Tensor (B, out_size).
    """

    def __init__(self, in_size: int, out_size: int, settings: dict, rng: np.random.Generator):
        super().__init__()
        self.dense = Dense(in_size, out_size, settings["max_norm"], rng)
        self.has_norm = settings["batch_norm"]
        if self.has_norm:
            self.norm = BatchNorm(out_size, settings["epsilon"], settings["momentum"], settings["unbiased"])

    def construct(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        y = self.dense(x)
        if self.has_norm:
            y = self.norm(y)
        y = ops.relu(y)
        if mask is not None:
            y = y * mask
        return y


class ResidualBlock(nn.Cell):
    """Two hidden layers, with the input added to their output where `residual` is set."""

    def __init__(self, size: int, settings: dict, rng: np.random.Generator):
        super().__init__()
        self.first = HiddenLayer(size, size, settings, rng)
        self.second = HiddenLayer(size, size, settings, rng)
        self.residual = settings["residual"]

    def construct(self, x: Tensor, first_mask: Tensor | None = None, second_mask: Tensor | None = None) -> Tensor:
        y = self.second(self.first(x, first_mask), second_mask)
        return x + y if self.residual else y


class LinearModel(nn.Cell):
    """2D joints to 3D joints, both normalised.

    Args:
        linear_size (int): width of the hidden layers.
        num_layers (int): number of stages of two layers each.
        residual (bool): skip connection around each stage.
        batch_norm (bool): batch normalisation after every hidden Dense.
        max_norm (bool): whole-matrix norm clip of every weight, see `Dense`.
        predict_14 (bool): 14 output joints instead of 16.
        epsilon, momentum, unbiased: of the batch norm, see `BatchNorm`.
        seed (int): seed of the initial values.

    Inputs:
        - **x** (Tensor) - (B, 32), normalised 2D, x y of 16 joints.
        - **masks** (Tensors) - 1 + 2 * num_layers times (B, linear_size), dropout factors; none at inference.

    Outputs:
        Tensor (B, 48) or (B, 42): normalised 3D, x y z per joint.
    """

    input_size = 32

    def __init__(self, linear_size: int = 1024, num_layers: int = 2, residual: bool = True, batch_norm: bool = True,
                 max_norm: bool = True, predict_14: bool = False, epsilon: float = TF_EPSILON,
                 momentum: float = TF_MOMENTUM, unbiased: bool = False, seed: int = 0):
        super().__init__()
        settings = {"residual": residual, "batch_norm": batch_norm, "max_norm": max_norm, "epsilon": epsilon,
                    "momentum": momentum, "unbiased": unbiased}
        self.arguments = {**settings, "linear_size": linear_size, "num_layers": num_layers,
                          "predict_14": predict_14, "seed": seed}
        rng = np.random.default_rng(seed)
        self.first = HiddenLayer(self.input_size, linear_size, settings, rng)
        self.stages = nn.CellList([ResidualBlock(linear_size, settings, rng) for _ in range(num_layers)])
        self.output = Dense(linear_size, 42 if predict_14 else 48, max_norm, rng)

    def construct(self, x: Tensor, *masks: Tensor) -> Tensor:
        if len(masks) == 0:
            y = self.first(x)
            for stage in self.stages:
                y = stage(y)
        else:
            y = self.first(x, masks[0])
            for index, stage in enumerate(self.stages):
                y = stage(y, masks[1 + 2 * index], masks[2 + 2 * index])
        return self.output(y)


def fold(network: LinearModel, into: LinearModel | None = None) -> LinearModel:
    """The same function for inference only: norm clip and batch norm worked into weights and biases (in float64).

    Args:
        into (LinearModel): an earlier result, whose weights are replaced; None makes a new one.

    Returns:
        LinearModel without max-norm and batch norm whose outputs agree with those of `network` in evaluation mode.
    """
    folded = into or LinearModel(**{**network.arguments, "batch_norm": False, "max_norm": False})
    layers = [network.first, *(layer for stage in network.stages for layer in (stage.first, stage.second))]
    targets = [folded.first, *(layer for stage in folded.stages for layer in (stage.first, stage.second))]
    for layer, target in zip(layers, targets):
        _fold_dense(layer.dense, layer.norm if layer.has_norm else None, target.dense)
    _fold_dense(network.output, None, folded.output)
    return folded.set_train(False)


def _fold_dense(dense: Dense, norm: BatchNorm | None, target: Dense) -> None:
    weight, bias = dense.weight.asnumpy().astype(np.float64), dense.bias.asnumpy().astype(np.float64)
    if dense.max_norm:
        weight = weight / max(np.linalg.norm(weight), 1.0)
    if norm is not None:
        factor = norm.gamma.asnumpy() / np.sqrt(norm.moving_variance.asnumpy().astype(np.float64) + norm.epsilon)
        weight = weight * factor[:, None]
        bias = (bias - norm.moving_mean.asnumpy()) * factor + norm.beta.asnumpy()
    target.weight.set_data(Tensor(weight.astype(np.float32)))
    target.bias.set_data(Tensor(bias.astype(np.float32)))


class PixelLifter(nn.Cell):
    """The network between pixels and millimetres.

    Args:
        network (LinearModel): normalised 2D to normalised 3D.
        statistics (Statistics): of the data that it was trained on.

    Inputs:
        - **pixels** (Tensor) - (B, 32), x y of 16 joints in pixels.

    Outputs:
        Tensor (B, 48 or 42), x y z of the joints in mm, relative to the pelvis.
    """

    def __init__(self, network: LinearModel, statistics: Statistics):
        super().__init__(auto_prefix=False)
        self.network = network
        # The way of `Statistics.normalise_2d` and `restore_3d`, applied to the unit poses, as factors and offsets.
        offset_in, offset_out = statistics.normalise_2d(0.0), statistics.restore_3d(0.0)
        factor_in = statistics.normalise_2d(1.0) - offset_in
        factor_out = statistics.restore_3d(1.0) - offset_out
        self.factor_in, self.mean_in = _constant(factor_in), _constant(-offset_in / factor_in)
        self.factor_out, self.offset_out = _constant(factor_out), _constant(offset_out)

    def construct(self, pixels: Tensor) -> Tensor:
        # The mean is taken off first: pixels times factor plus offset would lose digits in float32.
        return self.network((pixels - self.mean_in) * self.factor_in) * self.factor_out + self.offset_out


def _constant(values: np.ndarray) -> Tensor:
    return Tensor(np.asarray(values, np.float32))


class Lifter:
    """A trained network ready for use: normalised numpy poses in, normalised numpy poses out.

    Norm clip and batch norm are worked into the weights, so a pose costs three matrix products less two passes each.

    Args:
        network (LinearModel): the network; call `refresh` after its weights have changed.
    """

    def __init__(self, network: LinearModel):
        self.network = network
        self.folded = fold(network)

    def refresh(self) -> None:
        """Take over the network's present weights."""
        fold(self.network, into=self.folded)

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """(n, 32) float32 to (n, 48 or 42) float32, in parts whose activations fit the processor's caches."""
        outputs = []
        for start in range(0, len(inputs), PART):
            part = inputs[start:start + PART]
            # Filled up to a power of two, so that few sizes are compiled.
            filled = np.zeros((min(PART, 1 << (len(part) - 1).bit_length()), part.shape[1]), np.float32)
            filled[:len(part)] = part
            outputs.append(self.folded(Tensor.from_numpy(filled)).asnumpy()[:len(part)])
        return np.concatenate(outputs)


def build_network(config: Config) -> LinearModel:
    """The network that the settings describe, with its initial values."""
    return LinearModel(*(config[key] for key in NETWORK_KEYS), config["seed"])


def _require_sizes(checkpoint: Checkpoint, config: Config) -> None:
    """Refuse settings that are not those of the weights beside them, before a network of many gigabytes is made."""
    bias = checkpoint.weights.get("first.dense.bias")
    stages = {name.split(".")[1] for name in checkpoint.weights if name.startswith("stages.")}
    if "config" in checkpoint.meta and bias is not None and (bias.shape, len(stages)) != (
            (config.linear_size,), config.num_layers):
        raise UserError(f"checkpoint {checkpoint.path} is damaged: it states linear_size {config.linear_size} and "
                        f"num_layers {config.num_layers}, its weights have {bias.size} and {len(stages)}")


def load_trained(config: Config,
                 need_statistics: bool = True) -> tuple[LinearModel, Config, Statistics | None, Checkpoint]:
    """Network, settings, statistics (None when the file has none) and file of the checkpoint that the settings name.

    Raises:
        UserError: no checkpoint, weights that do not fit, or no statistics where they are needed.
    """
    checkpoint = find_checkpoint(config.ckpt_file, config.train_dir, "pose_baseline")
    require_model(checkpoint, "pose_baseline")
    config = adopt_settings(checkpoint, config, (*NETWORK_KEYS, *DATA_KEYS))
    _require_sizes(checkpoint, config)
    network = build_network(config)
    load_weights(network, checkpoint, config.allow_partial)
    statistics = Statistics.from_arrays(checkpoint.extra) if checkpoint.extra else None
    if statistics is None and need_statistics:
        raise UserError(f"checkpoint {checkpoint.path} holds no pose statistics, so pixels cannot be turned into its "
                        "input: convert it again with tools/pth2ckpt.py --statistics FILE, or evaluate it on a tree "
                        "with training subjects")
    return network.set_train(False), config, statistics, checkpoint
