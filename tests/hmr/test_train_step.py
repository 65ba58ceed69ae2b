"""The adversarial step: two updates from one forward pass, against separate ones, resumable, skipping overflows."""

import hmr_golden as golden
import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from common.body_models.companions import MeanParams
from common.engine.amp import apply_amp, build_scaler
from common.engine.checkpoint import read_checkpoint, restore_training, write_checkpoint
from common.engine.loop import Progress, fit
from common.engine.optimizers import TorchAdam
from common.engine.train_step import TrainStep
from hmr.src.conventions import CONVENTIONS
from hmr.src.discriminator import build_discriminator
from hmr.src.loss import LossWeights
from hmr.src.train_step import AdversarialLoss, AdversarialStep, Adversaries, GeneratorWithLoss

HIDDEN = 16
WEIGHTS = LossWeights()


def mean():
    arrays = golden.mean_arrays()
    return MeanParams(pose=arrays["pose"], shape=arrays["shape"], cam=np.array([0.9, 0, 0]))


def networks(seed=0, convention="pytorch_hmr"):
    convention = CONVENTIONS[convention]
    generator = golden.build_hmr(convention, golden.body_model(), mean(), depth=18, width=0.125, hidden_size=HIDDEN,
                                 seed=seed)
    return Adversaries(generator, build_discriminator(convention, HIDDEN, seed))


def adversarial_step(pair, **options):
    network = AdversarialLoss(pair.generator, pair.discriminator, WEIGHTS)
    return AdversarialStep(network, TorchAdam(pair.generator.trainable_params(), 1e-3),
                           TorchAdam(pair.discriminator.trainable_params(), 2e-3, weight_decay=1e-4), **options)


def batch(seed=0, dropout=True, size=4):
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    kp2d = np.concatenate([0.5 * normal(size, 19, 2), rng.integers(0, 2, (size, 19, 1)).astype(np.float32)], -1)
    arrays = [normal(size, 3, 64, 64), kp2d, normal(size, 14, 3), 0.3 * normal(size, 85),
              np.array([0, 1, 1, 0], np.float32), np.array([0, 0, 1, 1], np.float32), 0.3 * normal(size, 3, 85)]
    if dropout:
        arrays.append(rng.integers(0, 2, (size, 6, HIDDEN)).astype(np.uint8))
    return [Tensor(array) for array in arrays]


def values(cell):
    return {parameter.name: parameter.asnumpy().copy() for parameter in cell.get_parameters()}


def assert_equal(left, right):
    assert set(left) == set(right)
    assert not [name for name in left if not np.array_equal(left[name], right[name])]


@pytest.fixture(scope="module")
def compiled():
    """Both networks and their step, compiled once for the batches of this file, and what every parameter began with."""
    pair = networks()
    step = adversarial_step(pair)
    return pair, step, [(parameter, parameter.asnumpy().copy()) for cell in (pair, step)
                        for parameter in cell.get_parameters()]


@pytest.fixture
def restart(compiled):
    """Sets all parameters back, those of the optimizers too; returns both networks and their step."""
    pair, step, begin = compiled

    def back():
        for parameter, value in begin:
            parameter.set_data(Tensor(value))
        return pair, step

    return back


class Both(nn.Cell):
    def __init__(self, network, real_first):
        super().__init__(auto_prefix=False)
        self.network, self.real_first = network, real_first

    def construct(self, image, kp2d, kp3d, theta, has_kp3d, has_smpl, real, keep):
        loss, terms, rotmat, beta = self.network.of_generator(image, kp2d, kp3d, theta, has_kp3d, has_smpl, keep)
        return self.network.of_discriminator(real, rotmat, beta)[0] if self.real_first else loss


def test_equals_two_separate_updates(restart):
    """Each side's gradient from a graph of its own, taken before either update."""
    (pair, step), apart = restart(), networks()
    loss, terms, skipped = step(*batch())
    network = AdversarialLoss(apart.generator, apart.discriminator, WEIGHTS).set_train(True)
    before = values(apart)
    optimizers = [TorchAdam(apart.generator.trainable_params(), 1e-3),
                  TorchAdam(apart.discriminator.trainable_params(), 2e-3, weight_decay=1e-4)]
    gradients = []
    for side, optimizer in enumerate(optimizers):
        # The forward pass moves batch-norm statistics: each starts from the same.
        for parameter in apart.get_parameters():
            parameter.set_data(Tensor(before[parameter.name]))
        value, gradient = ms.value_and_grad(Both(network, side == 1), None, optimizer.parameters)(*batch())
        gradients.append(gradient)
        if side == 0:
            assert loss.asnumpy() == pytest.approx(float(value.asnumpy()), rel=1e-5)
        else:
            assert terms.asnumpy()[5:].sum() == pytest.approx(float(value.asnumpy()), rel=1e-5)
    for optimizer, gradient in zip(optimizers, gradients):
        optimizer(gradient)
    after = values(apart)
    for name, found in values(pair).items():
        assert np.abs(found - after[name]).max() < 1e-5, name
    assert loss.asnumpy() == pytest.approx(terms.asnumpy()[:5].sum(), rel=1e-5)
    assert skipped.asnumpy() == 0 and step.term_names[4:] == ("adversarial", "discriminator_real", "discriminator_fake")
    assert not np.array_equal(before["critic.joint1.weight"], after["critic.joint1.weight"])


@pytest.mark.parametrize("convention", ["pytorch_hmr", pytest.param("spin", marks=pytest.mark.full)])
def test_learns_one_batch(convention):
    pair = networks(convention=convention)
    step, data = adversarial_step(pair), batch(dropout=False)
    first = step(*data)
    for _ in range(10):
        last = step(*data)
    assert last[0].asnumpy() < 0.9 * first[0].asnumpy()
    # The discriminator has learnt to tell them apart, too.
    assert last[1].asnumpy()[5:].sum() < first[1].asnumpy()[5:].sum()


def test_dropout_follows_the_masks(restart):
    data = batch()
    losses = [float(restart()[1](*data[:-1], Tensor(keep))[0].asnumpy())
              for keep in (data[-1].asnumpy(), data[-1].asnumpy(), 1 - data[-1].asnumpy())]
    assert losses[0] == losses[1] != losses[2]


def test_resumes_both_sides_exactly(restart, tmp_path):
    pair, step = restart()
    step(*batch(0))
    path = str(tmp_path / "hmr.ckpt")
    write_checkpoint(path, pair, meta={"step": 1, "epoch": 0, "batch": 1}, step_cell=step)
    expected = [step(*batch(number)) for number in (1, 2)]
    other = networks(seed=5)
    resumed = adversarial_step(other)
    checkpoint = read_checkpoint(path)
    assert {"correction1", "critic.correction1", "moment1.encoder.conv1.weight"} <= set(checkpoint.optimizer)
    restore_training(other, resumed, checkpoint)
    for number, wanted in zip((1, 2), expected):
        found = resumed(*batch(number))
        assert np.array_equal(found[0].asnumpy(), wanted[0].asnumpy())
        assert np.array_equal(found[1].asnumpy(), wanted[1].asnumpy())
    assert_equal(values(pair), values(other))


def test_overflow_changes_nothing():
    pair = networks()
    step = adversarial_step(pair, scaler=build_scaler("1e38"))
    before = {name: value for name, value in values(pair).items() if "moving" not in name}
    assert step(*batch())[2].asnumpy() == 1
    after = values(pair)
    assert_equal(before, {name: after[name] for name in before})


def test_scale_and_clipping(restart):
    (plain, step), scaled, clipped = restart(), networks(), networks()
    step(*batch())
    assert adversarial_step(scaled, scaler=build_scaler("1024"))(*batch())[2].asnumpy() == 0
    for name, value in values(scaled).items():
        assert np.abs(value - values(plain)[name]).max() < 1e-4, name
    # One plain descent step of rate 1: as long as the clipped gradient of each side.
    before = values(clipped)
    network = AdversarialLoss(clipped.generator, clipped.discriminator, WEIGHTS)
    AdversarialStep(network, nn.SGD(clipped.generator.trainable_params(), 1.0),
                    nn.SGD(clipped.discriminator.trainable_params(), 1.0), clip_norm=0.01)(*batch())
    for side in (clipped.generator, clipped.discriminator):
        moved = sum(np.square(parameter.asnumpy().astype(np.float64) - before[parameter.name]).sum()
                    for parameter in side.trainable_params())
        assert np.sqrt(moved) == pytest.approx(0.01, rel=0.02)


def test_mixed_precision_of_the_encoder(restart):
    """Half precision where it pays, and only there: the same losses to its three digits."""
    plain, step = restart()
    losses = [step(*batch())[1].asnumpy()]
    pair = networks()
    apply_amp(pair.generator, "O2")
    halves = [[name for name, cell in each.generator.cells_and_names() if cell.get_flags().get("fp16")]
              for each in (plain, pair)]
    assert not halves[0] and halves[1] and all(name.split(".")[0] == "encoder" for name in halves[1])
    losses.append(adversarial_step(pair)(*batch())[1].asnumpy())
    assert np.abs(losses[0] - losses[1]).max() > 0
    assert np.allclose(losses[0], losses[1], rtol=0.01)


def test_without_discriminator():
    """Only 2D: the common step, no discriminator, terms for what is not known are zero."""
    generator = networks().generator
    network = GeneratorWithLoss(generator, WEIGHTS)
    step = TrainStep(network, TorchAdam(generator.trainable_params(), 1e-3))
    data = batch()
    image, kp2d, keep = data[0], data[1], data[-1]
    zeros = [Tensor(np.zeros(value.shape, np.float32)) for value in data[2:6]]
    loss, terms, _ = step(image, kp2d, *zeros, keep)
    assert network.term_names == ("kp2d", "kp3d", "shape", "pose")
    assert loss.asnumpy() == pytest.approx(terms.asnumpy()[0])
    assert not terms.asnumpy()[1:].any()


def test_fit_takes_it(restart):
    class Loader:
        steps_per_epoch = 2

        def batches(self, epoch, start=0):
            for number in range(start, 2):
                yield tuple(batch(10 * epoch + number))

    progress = Progress(2, 2)
    fit(restart()[1], Loader(), progress, [])
    assert progress.step == 4
    assert list(progress.terms) == ["loss", "kp2d", "kp3d", "shape", "pose", "adversarial", "discriminator_real",
                                    "discriminator_fake"]
