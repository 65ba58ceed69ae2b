"""Cases for tools/lab/benchmark.py: the network at full size with the synthetic body."""
import numpy as np

from cmr.src.config import read_settings
from cmr.src.dataset import CMRDataset, Crop
from cmr.src.mesh import load_body
from cmr.src.network import build_network
from common.data.augment import GRAPHCMR
from tools.lab.benchmark_cases import mesh_cases, photo_cases
from tools.lab.graphs.cmr import training_step
from tools.lab.torch_reference.cmr import build_loss, build_reference

BATCH, SIZE = 16, 224


def cases(torch):
    """Yield (name, MindSpore call, PyTorch call or None); each call does the work once and waits for the result."""
    config = read_settings([])
    body = load_body(config)
    yield from mesh_cases(torch, training_step(), build_network(config, body), lambda: build_reference(torch, body),
                          lambda theirs, batch: _torch_training(torch, theirs, body, batch[0], batch[1:5]), (1, 8, 32))
    yield from photo_cases(torch, make_source, BATCH)


def make_source(folder):
    """Samples of people in the images of `write_photos`, with all labels and augmentation."""
    rng, count = np.random.default_rng(1), 640
    fields = {"imgname": [f"{number % 64:04d}.jpg" for number in range(count)],
              "center": rng.uniform(200.0, 300.0, (count, 2)), "scale": rng.uniform(1.0, 2.0, count),
              "part": rng.uniform(100.0, 400.0, (count, 24, 3)), "S": rng.standard_normal((count, 24, 4)),
              "pose": rng.standard_normal((count, 72)), "shape": rng.standard_normal((count, 10))}
    return CMRDataset(fields, folder, Crop(SIZE), GRAPHCMR)


def _torch_training(torch, network, body, images, labels):
    optimizer = torch.optim.Adam(network.parameters(), 3e-4)
    loss_of = build_loss(torch, body, network.smpl)
    images, labels = torch.tensor(images), [torch.tensor(array) for array in labels]

    def step():
        network.train()
        optimizer.zero_grad()
        loss = loss_of(network(images), *labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
