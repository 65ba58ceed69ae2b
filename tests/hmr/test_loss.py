"""Losses, their gradients and the discriminator's training steps against the published implementation."""

import hmr_golden as golden
import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from common.engine.optimizers import TorchAdam
from common.geometry.rotation_ops import axis_angle_to_matrix
from hmr.src.conventions import CONVENTIONS
from hmr.src.discriminator import build_discriminator
from hmr.src.loss import DiscriminatorLoss, GeneratorLoss, LossWeights, centred_on_hips, keypoint_loss, squared_loss
from hmr.src.network import split_theta
from hmr.src.weights import convert_weights

CASE = golden.load("losses")
THETAS = [Tensor(CASE[f"in_pred_theta{number}"]) for number in range(3)]


def discriminator():
    conversion, _, _ = convert_weights(golden.state("discriminator"), {}, "", "case")
    return golden.fill(build_discriminator(CONVENTIONS["pytorch_hmr"]), conversion.weights), conversion


def batch(has_smpl=None):
    """The 2D samples (no 3D truth) and then the 3D samples of the case, as one batch."""
    def padded(name):
        return np.concatenate([np.zeros((3, *CASE[name].shape[1:]), np.float32), CASE[name]])

    has_smpl = padded("in_w_smpl") if has_smpl is None else has_smpl
    arrays = (np.concatenate([CASE["in_kp2d_2d"], CASE["in_kp2d_3d"]]), padded("in_kp3d"), padded("in_theta"),
              padded("in_w_3d"), has_smpl)
    return [Tensor(array) for array in arrays]


def rotmat_of(theta):
    return axis_angle_to_matrix(split_theta(theta)[1].reshape(-1, 24, 3))


class Judged(nn.Cell):
    """The discriminator's values of thetas."""

    def __init__(self, network):
        super().__init__(auto_prefix=False)
        self.network = network

    def construct(self, theta):
        return self.network(rotmat_of(theta), split_theta(theta)[2])


class OfPredictions(nn.Cell):
    """The generator's loss as a function of its predictions."""

    def __init__(self, network):
        super().__init__(auto_prefix=False)
        self.judged, self.loss = Judged(network), GeneratorLoss(LossWeights())

    def construct(self, theta0, theta1, theta2, j2d, j3d, *labels):
        scores = self.judged(ops.concat((theta0, theta1, theta2)))
        return self.loss((theta2, None, j2d, j3d, rotmat_of(theta2)), scores, *labels)


class DiscriminatorStep(nn.Cell):
    def __init__(self, network):
        super().__init__(auto_prefix=False)
        self.judged, self.loss = Judged(network), DiscriminatorLoss()

    def construct(self, real, fake):
        return self.loss(self.judged(real), self.judged(fake))


PREDICTIONS = [*THETAS, Tensor(CASE["in_pred_j2d2"]), Tensor(CASE["in_pred_j3d2"])]


def test_values():
    loss, terms = OfPredictions(discriminator()[0])(*PREDICTIONS, *batch())
    for name, key, found in zip(LossWeights._fields, ("kp2d", "kp3d", "shape", "pose", "e_disc"), terms):
        assert found.asnumpy() == pytest.approx(CASE[key], rel=1e-5), name
    assert loss.asnumpy() == pytest.approx(CASE["e_loss"], rel=1e-5)


def test_gradients_of_the_generator():
    gradients = ms.grad(OfPredictions(discriminator()[0]), (0, 1, 2, 3, 4), has_aux=True)(*PREDICTIONS, *batch())[0]
    for key, found in zip(("theta0", "theta1", "theta2", "j2d2", "j3d2"), gradients):
        expected = CASE[f"grad_e_{key}"]
        assert np.abs(found.asnumpy() - expected).max() < 1e-3 * np.abs(expected).max(), key


def test_nothing_known_costs_nothing():
    network = OfPredictions(discriminator()[0])
    _, terms = network(*PREDICTIONS, *batch(has_smpl=np.zeros(7, np.float32)))
    assert terms[2].asnumpy() == CASE["no_smpl_shape"] == 0
    assert terms[3].asnumpy() == CASE["no_smpl_pose"] == 0
    unknown = [Tensor(np.zeros_like(value.asnumpy())) for value in batch()]
    gradients = ms.grad(network, (2, 3, 4), has_aux=True)(*PREDICTIONS, *unknown)[0]
    assert all(np.isfinite(gradient.asnumpy()).all() for gradient in gradients)
    assert not gradients[1].asnumpy().any() and not gradients[2].asnumpy().any()


def test_discriminator_values_gradients_and_steps():
    network, conversion = discriminator()
    step = DiscriminatorStep(network)
    real, fake = Tensor(CASE["in_mosh"]), Tensor(np.concatenate([theta.asnumpy() for theta in THETAS]))
    parameters = network.trainable_params()
    gradient = ms.value_and_grad(step, None, parameters, has_aux=True)
    ((loss, terms), gradients) = gradient(real, fake)
    assert loss.asnumpy() == pytest.approx(CASE["d_disc"], rel=1e-5)
    assert [float(term.asnumpy()) for term in terms] == pytest.approx(
        [float(CASE["d_real"]), float(CASE["d_fake"])], rel=1e-5)
    norms = dict(zip([name.removeprefix("module.") for name in CASE["grad_d_names"].tolist()], CASE["grad_d_norms"]))
    for parameter, found in zip(parameters, gradients):
        sources = [source for source, target, _ in conversion.mapped if target == parameter.name]
        if "head" in parameter.name:  # one array here, one for each joint there
            kind = parameter.name.removeprefix("critic.head_")
            sources = [f"pose_discriminator.fc_layer.{joint}.{kind}" for joint in range(23)]
        expected = np.sqrt(sum(norms[source] ** 2 for source in sources))
        assert np.linalg.norm(found.asnumpy()) == pytest.approx(expected, rel=1e-3), parameter.name
    optimizer = TorchAdam(parameters, 1e-4, weight_decay=1e-4)
    losses = [float(loss.asnumpy())]
    for _ in range(3):
        optimizer(gradient(real, fake)[1])
        losses.append(float(step(real, fake)[0].asnumpy()))
    assert losses == pytest.approx(CASE["d_loss_adam_steps"], rel=1e-4)
    assert losses[0] - losses[-1] == pytest.approx(CASE["d_loss_adam_steps"][0] - CASE["d_loss_adam_steps"][-1],
                                                   rel=1e-3)


def test_terms_by_hand():
    pred, gt = Tensor(np.array([[[1.0, 2.0], [5.0, 5.0]]], np.float32)), Tensor(np.zeros((1, 2, 2), np.float32))
    # Keypoint 0 with weight one half: 0.5 * (1 + 2) / (2 * 0.5); keypoint 1 is hidden.
    assert keypoint_loss(pred, gt, Tensor([[[0.5], [0.0]]], ms.float32)).asnumpy() == pytest.approx(1.5)
    # Sample 1 has no truth: half the mean of 1, 4, 25, 25.
    both = Tensor(np.concatenate([pred.asnumpy(), 9 * np.ones((1, 2, 2), np.float32)]))
    truth = Tensor(np.zeros((2, 2, 2), np.float32))
    assert squared_loss(both, truth, Tensor([1.0, 0.0], ms.float32)).asnumpy() == pytest.approx(55 / 8)
    joints = np.zeros((1, 4, 3), np.float32)
    joints[0, 2], joints[0, 3] = [1, 0, 2], [3, 0, 4]
    assert np.array_equal(centred_on_hips(Tensor(joints)).asnumpy()[0, [0, 2]], [[-2, 0, -3], [-1, 0, -1]])
