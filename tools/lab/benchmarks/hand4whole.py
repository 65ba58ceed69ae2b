"""Cases for tools/lab/benchmark.py: the whole network at full size with the synthetic body.

As in train.py, our training step poses only what the joints need; PyTorch's poses the whole mesh, as published.
"""
import argparse
import os

import numpy as np
from mindspore import Tensor

from common.backbones.folding import fold_batch_norm
from common.stand_ins.datasets import coco_wholebody
from hand4whole.src.body import build_body_model
from hand4whole.src.config import read_settings
from hand4whole.src.datasets import build_training_data
from hand4whole.src.network import build_network
from tools.lab.benchmark_cases import inference_call
from tools.lab.graphs.hand4whole import training_step
from tools.lab.torch_reference.hand4whole import build_whole
from tools.lab.torch_reference.hand4whole import training_step as torch_training_step

BATCH = 8
INFERENCE = (1, 8)


def cases(torch):
    """Yield (name, MindSpore call, PyTorch call or None); each call does the work once and waits for the result."""
    config = read_settings([])
    model = build_body_model(config)
    theirs = build_whole(torch, model) if torch else None
    step, batch, _ = training_step(flags=("--batch_size", str(BATCH), "--rotation_loss", "matrix"))
    arrays = [tensor.asnumpy() for tensor in batch]
    yield (f"train step, batch {BATCH}", lambda: step(*batch)[0].asnumpy(),
           torch_training_step(torch, theirs, arrays) if torch else None)
    network = fold_batch_norm(build_network(config, model))
    for size in INFERENCE:
        images = np.random.default_rng(0).random((size, 3, *config.input_img_shape), np.float32)
        yield (f"inference, batch {size}", lambda images=images: [out.asnumpy() for out in network(Tensor(images))],
               inference_call(torch, theirs, images) if torch else None)


def make_source(folder):
    """Samples of synthetic COCO-WholeBody, written to the folder, with augmentation and targets."""
    coco_wholebody.make(argparse.Namespace(output_dir=os.path.join(folder, "COCOWB"), num=16, seed=1))
    config = read_settings(["--dataset_root", folder, "--trainset_3d", "[]", "--trainset_2d", "COCOWB"])
    return build_training_data(config, build_body_model(config))
