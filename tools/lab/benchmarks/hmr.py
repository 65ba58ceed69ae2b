"""Cases for tools/lab/benchmark.py: the network of pytorch_HMR at full size with the synthetic body.

As in train.py, our training step poses a body condensed to its joints; PyTorch's poses the whole mesh, as published.
"""
import tempfile

import numpy as np
from mindspore import Tensor

from common.backbones.folding import fold_batch_norm
from common.engine.optimizers import TorchAdam
from hmr.src.body import condense, load_body
from hmr.src.config import read_settings
from hmr.src.conventions import find_convention
from hmr.src.dataset import Augmentation, PeopleSource
from hmr.src.discriminator import build_critic
from hmr.src.loss import LossWeights
from hmr.src.network import build_network
from hmr.src.people import People
from hmr.src.train_step import AdversarialLoss, AdversarialStep
from tools.lab.benchmark_cases import inference_call, loading_case, write_pictures
from tools.lab.torch_reference.hmr import build_critic as build_torch_critic
from tools.lab.torch_reference.hmr import build_generator, training_step

BATCH, SIZE = 32, 224  # 16 people with 2D keypoints and 16 with 3D joints
INFERENCE = (1, 8, 32)


def cases(torch):
    """Yield (name, MindSpore call, PyTorch call or None); each call does the work once and waits for the result."""
    config = read_settings([])
    convention, body, batch = find_convention(config.convention), load_body(config), _batch(config)
    network = build_network(config, condense(body, "cocoplus_regressor"))
    theirs = build_generator(torch, body, network.regressor.mean.asnumpy()) if torch else None
    yield (f"train step, batch {BATCH // 2} + {BATCH // 2}", _training(network, convention, batch),
           training_step(torch, theirs, build_torch_critic(torch), batch[:-1]) if torch else None)
    network = fold_batch_norm(build_network(config, body))
    rng = np.random.default_rng(0)
    for size in INFERENCE:
        images = rng.standard_normal((size, 3, SIZE, SIZE)).astype(np.float32)
        yield (f"inference, batch {size}", lambda images=images: [out.asnumpy() for out in network(Tensor(images))],
               inference_call(torch, theirs, images) if torch else None)
    with tempfile.TemporaryDirectory() as folder:
        write_pictures(folder)
        with loading_case(torch, make_source, (folder,), BATCH) as calls:
            yield f"data loading, batch {BATCH}", *calls


def make_source(folder):
    """Samples of people in the images of `write_pictures`, with all labels and augmentation."""
    rng, count = np.random.default_rng(1), 640
    corners = np.concatenate([rng.uniform(80, 120, (count, 2)), rng.uniform(340, 420, (count, 2))], 1)
    kp2d = np.concatenate([rng.uniform(100, 340, (count, 19, 2)), np.ones((count, 19, 1))], -1)
    people = People([f"{folder}/{number % 64:04d}.jpg" for number in range(count)], corners.astype(np.float32),
                    kp2d.astype(np.float32), rng.standard_normal((count, 14, 3)).astype(np.float32),
                    rng.standard_normal((count, 85)).astype(np.float32))
    return PeopleSource(people, find_convention("pytorch_hmr"), SIZE, Augmentation())


def _batch(config):
    """The columns of an update as arrays, by `train_step.COLUMNS`."""
    rng = np.random.default_rng(0)
    shapes = (3, SIZE, SIZE), (19, 3), (14, 3), (85,)
    columns = [rng.standard_normal((BATCH, *shape)).astype(np.float32) for shape in shapes]
    columns[1][..., 2] = 1.0
    has = np.repeat(np.float32([0, 1]), BATCH // 2)
    real = rng.standard_normal((BATCH, config.iterations, 85)).astype(np.float32)
    keep = rng.integers(0, 2, (BATCH, 2 * config.iterations, config.hidden_size), np.uint8)
    return [*columns, has, has, real, keep]


def _training(network, convention, batch):
    critic = build_critic(convention)
    step = AdversarialStep(AdversarialLoss(network, critic, LossWeights()),
                           TorchAdam(network.trainable_params(), 1e-5, weight_decay=1e-4),
                           TorchAdam(critic.trainable_params(), 1e-4, weight_decay=1e-4))
    batch = [Tensor(array) for array in batch]
    return lambda: step(*batch)[0].asnumpy()
