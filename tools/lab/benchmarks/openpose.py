"""Cases for tools/lab/benchmark.py: the published network (VGG-19, six stages, no batch norm) at 368 x 368."""
import os
import tempfile
from argparse import Namespace

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from common.data.pipeline import Pipeline
from common.engine.train_step import TrainStep
from common.stand_ins.datasets import coco
from openpose.src.config import read_settings
from openpose.src.dataset import KeypointSource
from openpose.src.fast_convolution import use_fast_convolutions
from openpose.src.loss import NetworkWithLoss
from openpose.src.network import LastStage, OpenPose
from openpose.src.skeleton import COCO_18
from tools.lab.benchmark_cases import endless, inference_call

SIDE, CELLS = 368, 46
INFERENCE = (1, 8)
TRAIN_BATCH = 2  # one update on two cores takes seconds; the ratio hardly changes with the batch
LOADED_BATCH = 10  # of default_config.yaml
SCENES = 25  # a fifth of them is for validation
RATE = 1e-6  # small: the images are noise


def cases(torch):
    """Yield (name, MindSpore call, PyTorch call or None); each call does the work once and waits for the result."""
    rng = np.random.default_rng(0)
    network, trained = OpenPose(), OpenPose()
    other = torch_network(torch, network) if torch else None
    if ms.get_context("device_target") == "CPU":  # as `build_detector` and `build_step` do
        use_fast_convolutions(network)
        trained.use_fast_training()
    last = LastStage(network).set_train(False)
    for size in INFERENCE:
        images = rng.standard_normal((size, 3, SIDE, SIDE)).astype(np.float32)
        tensor = Tensor(images)
        yield (f"inference {SIDE} x {SIDE}, batch {size}", lambda tensor=tensor: last(tensor)[1].asnumpy(),
               inference_call(torch, other, images) if torch else None)
    shapes = ((3, SIDE, SIDE), (38, CELLS, CELLS), (19, CELLS, CELLS), (CELLS, CELLS))
    batch = [rng.random((TRAIN_BATCH, *shape), np.float32) for shape in shapes]
    tensors = [Tensor(values) for values in batch]
    step = TrainStep(NetworkWithLoss(trained, len(trained.stages)), nn.Adam(trained.trainable_params(), RATE))
    yield (f"train step {SIDE} x {SIDE}, batch {TRAIN_BATCH}", lambda: step(*tensors)[0].asnumpy(),
           _torch_training(torch, other, batch) if torch else None)
    with tempfile.TemporaryDirectory() as folder:
        batches = endless(_loader(folder).batches)
        yield f"data loading with targets, batch {LOADED_BATCH}", lambda: next(batches), None


def make_source(folder):
    """Sample scenes in jpg files that it writes, changed at random as for training."""
    coco.make(Namespace(output_dir=folder, seed=1, num=SCENES, years=(2017,), easy=False, varied=False))
    return KeypointSource(read_settings(["--data_dir", folder, "--insize", str(SIDE)]), COCO_18)


def _loader(folder):
    return Pipeline(make_source(folder), LOADED_BATCH, seed=1, num_workers=os.cpu_count())


def torch_network(torch, network):
    """The layers of an `OpenPose` without batch norm in PyTorch, with the same weights.

    Returns:
        torch.nn.Module: image (B, 3, H, W) to a list of fields and heat maps of each stage in turn.
    """
    def convolution(cell):
        layer = torch.nn.Conv2d(cell.in_channels, cell.out_channels, cell.kernel_size, padding=cell.kernel_size[0] // 2)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(cell.weight.asnumpy()))
            layer.bias.copy_(torch.tensor(cell.bias.asnumpy()))
        return layer

    def branch(cell):
        layers = [module for conv in cell.convs for module in (convolution(conv), torch.nn.ReLU())]
        return torch.nn.Sequential(*layers[:-1])

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            kinds = {nn.Conv2d: convolution, nn.ReLU: lambda _: torch.nn.ReLU(),
                     nn.MaxPool2d: lambda _: torch.nn.MaxPool2d(2)}
            self.features = torch.nn.Sequential(
                *[kinds[type(cell)](cell) for cell in network.backbone.layers],
                convolution(network.conv4_3), torch.nn.ReLU(), convolution(network.conv4_4), torch.nn.ReLU())
            self.stages = torch.nn.ModuleList([torch.nn.ModuleList([branch(stage.paf), branch(stage.heat)])
                                               for stage in network.stages])

        def forward(self, image):
            x = features = self.features(image)
            outputs = []
            for paf, heat in self.stages:
                outputs += [paf(x), heat(x)]
                x = torch.cat((*outputs[-2:], features), 1)
            return outputs

    return Network()


def _torch_training(torch, network, batch):
    image, paf, heat, mask = (torch.tensor(values) for values in batch)
    optimizer = torch.optim.Adam(network.parameters(), RATE)

    def step():
        network.train()
        optimizer.zero_grad()
        outputs = network(image)
        loss = sum(((output - (heat if number % 2 else paf)) ** 2 * mask[:, None]).mean()
                   for number, output in enumerate(outputs))
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
