"""Cases for tools/lab/benchmark.py: the network at full size with the synthetic body."""
import tempfile

import numpy as np
from mindspore import Tensor, nn

from cmr.src.config import read_settings
from cmr.src.dataset import Crop, People
from cmr.src.loss import CMRLoss, NetworkWithLoss
from cmr.src.mesh import load_body
from cmr.src.network import build_network
from common.backbones.folding import fold_batch_norm
from common.body_models.smpl import SMPL
from common.data.augment import GRAPHCMR
from common.engine.train_step import TrainStep
from tools.lab.benchmark_cases import inference_call, loading_case, write_pictures
from tools.lab.torch_reference.cmr import build_loss, build_reference

BATCH, SIZE = 16, 224
INFERENCE = (1, 8, 32)
LABELS = ((24, 3), (24, 4), (72,), (10,))  # j2d, j3d, pose, betas


def cases(torch):
    """Yield (name, MindSpore call, PyTorch call or None); each call does the work once and waits for the result."""
    rng = np.random.default_rng(0)
    config = read_settings([])
    body = load_body(config)
    images, *labels = [rng.standard_normal((BATCH, *shape)).astype(np.float32) for shape in ((3, SIZE, SIZE), *LABELS)]
    theirs = build_reference(torch, body) if torch else None
    yield (f"train step, batch {BATCH}", _training(build_network(config, body), body, images, labels),
           _torch_training(torch, theirs, body, images, labels) if torch else None)
    network = fold_batch_norm(build_network(config, body))
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
    fields = {"imgname": [f"{number % 64:04d}.jpg" for number in range(count)],
              "center": rng.uniform(200.0, 300.0, (count, 2)), "scale": rng.uniform(1.0, 2.0, count),
              "part": rng.uniform(100.0, 400.0, (count, 24, 3)), "S": rng.standard_normal((count, 24, 4)),
              "pose": rng.standard_normal((count, 72)), "shape": rng.standard_normal((count, 10))}
    return People(fields, folder, Crop(SIZE), GRAPHCMR)


def _training(network, body, images, labels):
    loss = CMRLoss(SMPL(body.model), body.regressor)
    step = TrainStep(NetworkWithLoss(network, loss), nn.Adam(network.trainable_params(), 3e-4))
    everybody = np.ones(len(images), np.float32)
    batch = [Tensor(array) for array in (images, *labels, everybody, everybody)]
    return lambda: step(*batch)[0].asnumpy()


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
