"""Cases for tools/lab/benchmark.py: the network of pytorch_HMR at full size with the synthetic body.

As in train.py, our training step poses a body condensed to its joints; PyTorch's poses the whole mesh, as published.
"""
import numpy as np

from hmr.src.body import load_body
from hmr.src.config import read_settings
from hmr.src.conventions import find_convention
from hmr.src.dataset import CropAugmentation, DatasetPeople, PeopleSource
from hmr.src.network import build_network
from tools.lab.benchmark_cases import mesh_cases, photo_cases
from tools.lab.graphs.hmr import training_step
from tools.lab.torch_reference.hmr import build_discriminator, build_generator
from tools.lab.torch_reference.hmr import training_step as torch_training_step

BATCH, SIZE = 32, 224  # 16 people with 2D keypoints and 16 with 3D joints


def cases(torch):
    """Yield (name, MindSpore call, PyTorch call or None); each call does the work once and waits for the result."""
    config = read_settings([])
    body = load_body(config)
    network = build_network(config, body)
    yield from mesh_cases(torch, training_step(), network,
                          lambda: build_generator(torch, body, network.regressor.mean.asnumpy()),
                          lambda theirs, batch: torch_training_step(torch, theirs, build_discriminator(torch),
                                                                    batch[:-1]), (1, 8, 32))
    yield from photo_cases(torch, make_source, BATCH)


def make_source(folder):
    """Samples of people in the images of `write_photos`, with all labels and augmentation."""
    rng, count = np.random.default_rng(1), 640
    corners = np.concatenate([rng.uniform(80, 120, (count, 2)), rng.uniform(340, 420, (count, 2))], 1)
    kp2d = np.concatenate([rng.uniform(100, 340, (count, 19, 2)), np.ones((count, 19, 1))], -1)
    people = DatasetPeople([f"{folder}/{number % 64:04d}.jpg" for number in range(count)], corners.astype(np.float32),
                           kp2d.astype(np.float32), rng.standard_normal((count, 14, 3)).astype(np.float32),
                           rng.standard_normal((count, 85)).astype(np.float32))
    return PeopleSource(people, find_convention("pytorch_hmr"), SIZE, CropAugmentation())
