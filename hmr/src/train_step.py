"""One adversarial update: generator and discriminator, each with its own optimizer, in one compiled graph.

Source: MandyMo/pytorch_HMR, Kanazawa et al., CVPR 2018. The discriminator learns from the bodies of all rounds of the
forward pass that the generator's update was made from, so that the encoder runs once per step.
"""
import logging

import mindspore as ms
from mindspore import nn, ops

from common.engine.amp import apply_amp, build_scaler
from common.engine.checkpoint import load_weights, read_checkpoint
from common.engine.continuation import require_model, say_unread
from common.engine.optimizers import TorchAdam
from common.engine.schedules import WarmUp
from common.engine.train_step import TrainStep
from common.errors import UserError
from common.geometry.rotation_ops import axis_angle_to_matrix
from hmr.src.conventions import convention_of, find_convention
from hmr.src.discriminator import build_discriminator
from hmr.src.loss import DiscriminatorLoss, GeneratorLoss, LossWeights
from hmr.src.network import build_network, side_of, split_theta

LOGGER = logging.getLogger("mindhuman")


class Adversaries(nn.Cell):
    """Generator and discriminator as one network, for loading, saving and broadcasting.

    Args:
        generator (HMR): its parameters are called `encoder...` and `regressor...`.
        discriminator (Discriminator): from `build_discriminator`, its parameters are called `critic...`.
    """

    def __init__(self, generator, discriminator):
        super().__init__(auto_prefix=False)
        self.generator, self.discriminator = generator, discriminator


class GeneratorWithLoss(nn.Cell):
    """The generator's loss without a discriminator: what `TrainStep` takes when there are no real poses to learn from.

    Args:
        generator (HMR): the network.
        weights (LossWeights): factors of the terms.
        keep_prob (float): probability with which dropout keeps a unit of the regressor.

    Inputs:
        - **image** (Tensor) - (B, 3, H, W).
        - **kp2d**, **kp3d**, **theta**, **has_kp3d**, **has_smpl** (Tensor) - as of `GeneratorLoss`.
        - **keep** (Tensor) - (B, 2 * iterations, hidden_size) uint8, 1 where a unit is kept; None for no dropout.

    Outputs:
        Tuple: loss (), and the weighted terms () by `term_names`.
    """

    term_names = GeneratorLoss.term_names[:-1]

    def __init__(self, generator, weights, keep_prob=0.5):
        super().__init__(auto_prefix=False)
        self.generator, self.loss, self.factor = generator, GeneratorLoss(weights), 1.0 / keep_prob

    def states(self, image, keep):
        """The regressor's states of all rounds."""
        if keep is not None:
            keep = keep.astype(ms.float32) * self.factor
        return self.generator.states(image, keep)

    def construct(self, image, kp2d, kp3d, theta, has_kp3d, has_smpl, keep=None):
        outputs = self.generator.body(self.states(image, keep)[-1])
        loss, terms = self.loss(outputs, None, kp2d, kp3d, theta, has_kp3d, has_smpl)
        return loss, terms[:-1]


class AdversarialLoss(GeneratorWithLoss):
    """The losses of both sides; arguments as of `GeneratorWithLoss`, and the discriminator."""

    term_names = (*GeneratorLoss.term_names, *DiscriminatorLoss.term_names)

    def __init__(self, generator, discriminator, weights, keep_prob=0.5):
        super().__init__(generator, weights, keep_prob)
        self.discriminator, self.discriminator_loss = discriminator, DiscriminatorLoss(weights.adversarial)

    def of_generator(self, image, kp2d, kp3d, theta, has_kp3d, has_smpl, keep=None):
        """The generator's loss, its terms, and the rotations and shapes of all rounds, (rounds * B, ...)."""
        states = self.states(image, keep)
        rounds = ops.concat(states)
        rotmat, (_, _, beta) = self.generator.body.rotmat(rounds), split_theta(rounds)
        scores = self.discriminator(rotmat, beta)
        loss, terms = self.loss(self.generator.body(states[-1]), scores, kp2d, kp3d, theta, has_kp3d, has_smpl)
        return loss, terms, rotmat, beta

    def of_discriminator(self, real, rotmat, beta):
        """The discriminator's loss and its terms. `real`: (..., 85), poses and shapes of real people."""
        _, real_pose, real_beta = split_theta(real.reshape(-1, real.shape[-1]))
        real_scores = self.discriminator(axis_angle_to_matrix(real_pose.reshape(-1, 24, 3)), real_beta)
        fake_scores = self.discriminator(ops.stop_gradient(rotmat), ops.stop_gradient(beta))
        return self.discriminator_loss(real_scores, fake_scores)


class OptimizerPair(nn.Cell):
    """Two optimizers as one: what a checkpoint keeps of both.

    Args:
        generator, discriminator (Optimizer): state of the discriminator's is renamed to `critic...`.

    Inputs:
        - **generator_gradients**, **discriminator_gradients** (tuples of Tensors).
    """

    def __init__(self, generator, discriminator):
        super().__init__(auto_prefix=False)
        own = {id(parameter) for parameter in discriminator.parameters}
        for parameter in discriminator.get_parameters():
            if id(parameter) not in own:
                parameter.name = f"critic.{parameter.name}"
        self.generator, self.discriminator = generator, discriminator
        self.parameters = ms.ParameterTuple((*generator.parameters, *discriminator.parameters))

    def construct(self, generator_gradients, discriminator_gradients):
        return self.generator(generator_gradients), self.discriminator(discriminator_gradients)


class AdversarialStep(TrainStep):
    """Gradients and updates of both sides in one Cell; `fit` takes it like a `TrainStep`.

    With a scaler, a step with gradients that are not finite on either side changes nothing but the scale.

    Args:
        network (AdversarialLoss): both sides.
        generator_optimizer, discriminator_optimizer (Optimizer): of the parameters of either side.
        scaler, rank_size: as of `TrainStep`.
        clip_norm (float): bound of the global norm of each side's gradients, 0 for none.

    Inputs:
        - **batch** (Tensors) - image, kp2d, kp3d, theta, has_kp3d, has_smpl, real, and keep with dropout; `real` is
          (..., 85), about as many rows as there are samples and rounds.

    Outputs:
        Tuple of Tensors: the generator's loss (), terms (K,), skipped ().
    """

    def __init__(self, network, generator_optimizer, discriminator_optimizer, scaler=None, clip_norm=0.0, rank_size=1):
        super().__init__(network, OptimizerPair(generator_optimizer, discriminator_optimizer), scaler, clip_norm, 1,
                         rank_size)
        self.num_generator = len(generator_optimizer.parameters)
        self.gradient = ms.value_and_grad(self._generator_loss, None, generator_optimizer.parameters, has_aux=True)
        self.discriminator_gradient = ms.value_and_grad(self._discriminator_loss, None,
                                                        discriminator_optimizer.parameters, has_aux=True)

    def _generator_loss(self, *batch):
        loss, terms, rotmat, beta = self.network.of_generator(*batch)
        return self._scaled(loss), ops.stack((loss, *terms)), rotmat, beta

    def _discriminator_loss(self, real, rotmat, beta):
        loss, terms = self.network.of_discriminator(real, rotmat, beta)
        return self._scaled(loss), ops.stack(terms)

    def construct(self, image, kp2d, kp3d, theta, has_kp3d, has_smpl, real, keep=None):
        (_, report, rotmat, beta), gradients = self.gradient(image, kp2d, kp3d, theta, has_kp3d, has_smpl, keep)
        (_, discriminator_terms), discriminator_gradients = self.discriminator_gradient(real, rotmat, beta)
        return self._finish(ops.concat((report, discriminator_terms)), gradients + discriminator_gradients)

    def _update(self, gradients):
        return self.optimizer(self._clipped(gradients[:self.num_generator]),
                              self._clipped(gradients[self.num_generator:]))


def build_start(config, body, with_discriminator, start):
    """Generator and discriminator (or None) at the beginning, with the weights that the settings name -> Adversaries.

    Args:
        body (BodyModel): of `load_body`.
        with_discriminator (bool): whether there are real poses to learn from.
        start (Checkpoint): to start from; None for random weights.
    """
    generator = build_network(config, body)
    discriminator = None
    if with_discriminator:
        discriminator = build_discriminator(find_convention(config.convention), config.discriminator_size, config.seed)
    if start is not None:
        say_unread(config, ("encoder_path",), start)
        load_weights(generator, side_of(start), config.allow_partial)
    elif config.encoder_path:
        load_weights(generator.encoder, _encoder(config.encoder_path), config.allow_partial)
    else:
        LOGGER.warning("--encoder_path is empty: the encoder starts from random weights")
    other = _discriminator(config) if config.discriminator_path else start
    if discriminator is not None and other is not None and side_of(other, critic=True).weights:
        load_weights(discriminator, side_of(other, critic=True), config.allow_partial)
    return Adversaries(generator, discriminator)


def _encoder(path):
    """ImageNet weights of an encoder."""
    checkpoint = require_model(read_checkpoint(path, "--encoder_path"), "hmr")
    if checkpoint.meta.get("config", {}).get("part") != "encoder":
        raise UserError(f"--encoder_path {path} holds no weights of an encoder: convert them with tools/pth2ckpt.py "
                        "--model hmr --variant imagenet; a whole network goes to --ckpt_file")
    return checkpoint


def _discriminator(config):
    """The checkpoint of a discriminator alone."""
    checkpoint = require_model(read_checkpoint(config.discriminator_path, "--discriminator_path"), "hmr")
    if not side_of(checkpoint, critic=True).weights:
        raise UserError(f"--discriminator_path {config.discriminator_path} holds no discriminator")
    if convention_of(checkpoint.meta.get("config", {}), config.discriminator_path).name != config.convention:
        raise UserError(f"--discriminator_path {config.discriminator_path} belongs to another convention than "
                        f"{config.convention}")
    return checkpoint


def build_step(config, rank_size, pair, total_steps):
    """The compiled update of the settings.

    Args:
        rank_size (int): number of workers.
        pair (Adversaries): of `build_start`; mixed precision is set in its generator.
        total_steps (int): of the whole run.

    Returns:
        tuple: TrainStep, which is an `AdversarialStep` where there is a discriminator; learning rate of the generator.
    """
    apply_amp(pair.generator, config.amp_level)
    three_d = config.e_3d_loss_weight
    weights = LossWeights(config.e_loss_weight, three_d * config.e_3d_kp_ratio, three_d * config.e_shape_ratio,
                          three_d * config.e_pose_ratio, config.d_loss_weight * config.d_disc_ratio)
    cosine_steps = total_steps if config.lr_type == "cosine" else 0
    rates = [WarmUp(rate, config.warmup_steps, cosine_steps) for rate in (config.e_lr, config.d_lr)]
    scaler = build_scaler(config.loss_scale)
    optimizer = TorchAdam(pair.generator.trainable_params(), rates[0], weight_decay=config.e_wd)
    if pair.discriminator is None:
        network = GeneratorWithLoss(pair.generator, weights, config.dropout)
        return TrainStep(network, optimizer, scaler, config.clip_norm, 1, rank_size), rates[0]
    network = AdversarialLoss(pair.generator, pair.discriminator, weights, config.dropout)
    discriminator_optimizer = TorchAdam(pair.discriminator.trainable_params(), rates[1], weight_decay=config.d_wd)
    return AdversarialStep(network, optimizer, discriminator_optimizer, scaler, config.clip_norm, rank_size), rates[0]
