"""Cases for tools/lab/benchmark.py: the whole network at full size with the synthetic body.

As in train.py, our training step poses only what the joints need; PyTorch's poses the whole mesh, as published.
"""
import argparse
import os

from common.stand_ins.datasets import coco_wholebody
from hand4whole.src.body import load_body
from hand4whole.src.config import read_settings
from hand4whole.src.datasets import build_training_set
from hand4whole.src.network import build_network
from tools.lab.benchmark_cases import mesh_cases
from tools.lab.graphs.hand4whole import training_step
from tools.lab.torch_reference.hand4whole import build_whole
from tools.lab.torch_reference.hand4whole import training_step as torch_training_step


def cases(torch):
    """Yield (name, MindSpore call, PyTorch call or None); each call does the work once and waits for the result."""
    config = read_settings([])
    model = load_body(config)
    yield from mesh_cases(torch, training_step(flags=("--batch_size", "8", "--rotation_loss", "matrix")),
                          build_network(config, model), lambda: build_whole(torch, model),
                          lambda theirs, batch: torch_training_step(torch, theirs, batch), (1, 8))


def make_source(folder):
    """Samples of synthetic COCO-WholeBody, written to the folder, with augmentation and targets."""
    coco_wholebody.make(argparse.Namespace(output_dir=os.path.join(folder, "COCOWB"), num=16, seed=1, crops=0))
    config = read_settings(["--dataset_root", folder, "--trainset_3d", "[]", "--trainset_2d", "COCOWB"])
    return build_training_set(config, load_body(config))
