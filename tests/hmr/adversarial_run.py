"""A short adversarial training on synthetic batches: `adversarial_run.py OUTPUT.npz`, alone or as one of two workers.

Each batch has four samples; two workers take two each. Batch norm is frozen and every sample has every kind of truth,
so that the mean over workers is the mean over the whole batch.
"""
import sys
from pathlib import Path

import numpy as np

# Run as a file by the workers, the repository root has to come first on the module path.
TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS.parent), str(TESTS / "support")]

import hmr_golden as golden  # noqa: E402

from common.engine.runtime import broadcast_parameters, init_runtime  # noqa: E402

SIZE, STEPS = 4, 2


def batches(runtime):
    """Batches of this worker."""
    mine = slice(runtime.rank, SIZE, runtime.rank_size)
    for number in range(STEPS):
        rng = np.random.default_rng(number)
        kp2d = np.concatenate([rng.standard_normal((SIZE, 14, 2)), np.ones((SIZE, 14, 1))], -1)
        ones = np.ones(SIZE)
        batch = (rng.standard_normal((SIZE, 3, 32, 32)), kp2d, rng.standard_normal((SIZE, 14, 3)),
                 0.3 * rng.standard_normal((SIZE, 85)), ones, ones, 0.3 * rng.standard_normal((SIZE, 3, 85)))
        yield [values[mine].astype(np.float32) for values in batch]


def main(output):
    # Models are imported by the workers only, after the environment is prepared.
    from mindspore import Tensor, nn

    from common.body_models.companions import MeanParams
    from hmr.src.conventions import CONVENTIONS
    from hmr.src.discriminator import build_discriminator
    from hmr.src.loss import LossWeights
    from hmr.src.train_step import AdversarialLoss, AdversarialStep, Adversaries

    runtime = init_runtime("CPU")
    convention = CONVENTIONS["pytorch_hmr"]
    mean = MeanParams(pose=np.zeros(72), shape=np.zeros(10), cam=np.array([0.9, 0, 0]))
    # Another seed on each worker: only the broadcast makes the weights equal.
    seed = runtime.rank
    pair = Adversaries(golden.build_hmr(convention, golden.body_model(), mean, depth=18, width=0.125, hidden_size=8,
                                        frozen_norm=True, seed=seed), build_discriminator(convention, 8, seed))
    broadcast_parameters(pair.get_parameters(), runtime)
    step = AdversarialStep(AdversarialLoss(pair.generator, pair.discriminator, LossWeights()),
                           nn.SGD(pair.generator.trainable_params(), 1e-3),
                           nn.SGD(pair.discriminator.trainable_params(), 1e-3), rank_size=runtime.rank_size)
    before = {parameter.name: parameter.asnumpy().copy() for parameter in pair.get_parameters()}
    reports = [np.append(*[value.asnumpy() for value in step(*map(Tensor, batch))[:2]]) for batch in batches(runtime)]
    if runtime.is_main:
        np.savez(output, reports=reports, **{parameter.name: parameter.asnumpy() - before[parameter.name]
                                             for parameter in pair.get_parameters()})


if __name__ == "__main__":
    main(sys.argv[1])
