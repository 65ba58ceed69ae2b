"""Take the encoder out of a checkpoint of HMR, for a training of CMR or Hand4Whole to start from; or out of one of CMR
all but its parameter regressor, for one of CMR with another regressor (`--pretrained_checkpoint`, `--allow_partial`).

    python tools/lab/encoder_of.py --ckpt_file weights/hmr_small.ckpt --output encoder.ckpt
    python tools/lab/encoder_of.py --ckpt_file weights/hmr_small.ckpt --output body.ckpt --for hand4whole --width 0.375
    python tools/lab/encoder_of.py --ckpt_file weights/hmr_small.ckpt --output start.ckpt --into weights/cmr_small.ckpt

CMR takes it by `--pretrained_resnet_50`, Hand4Whole for its body by `--resnet_path`; `depth` and `width` must be equal.
With `--into` it takes the place of the encoder in a checkpoint of CMR, which `--pretrained_checkpoint` names then.
All look at crops of people through the same ResNet. HMR and CMR normalise the colours before it, Hand4Whole does not:
its first convolution gets the division by the standard deviation, and its batch norm finds the mean by itself.

With `--width` the ResNet becomes narrower: of each layer the channels with the largest scale in their batch norm stay
(Liu et al., "Learning efficient convolutional networks through network slimming", ICCV 2017), of the blocks that add to
each other the same ones. What it gives is no longer the same; training from there goes on faster than from random
weights.
"""
import os
import re
import sys

# The repository root, so that `common` is found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from common.arguments import Arguments  # noqa: E402
from common.errors import UserError, run  # noqa: E402

PREFIX = "encoder."
GRAPH = "graph_cnn."  # of CMR, its ResNet included
RESNET = GRAPH + "resnet."
LAYERS = ("layer1", "layer2", "layer3", "layer4")
BLOCK = re.compile(r"(layer\d)\.(\d+)\.(conv1|bn1|conv2|bn2|downsample\.0|downsample\.1)\.(\w+)")


def main(argv):
    parser = Arguments(__doc__)
    parser.add_argument("--ckpt_file", required=True, help="checkpoint of HMR or CMR")
    parser.add_argument("--output", required=True, help="file to write, .ckpt")
    parser.add_argument("--for", dest="model", choices=("cmr", "hand4whole"), default="cmr",
                        help="the model that starts from it (default: cmr)")
    parser.add_argument("--width", type=float, default=0.0, help="of the ResNet, of depth 18 (default: that of HMR)")
    parser.add_argument("--into", help="checkpoint of CMR whose encoder is replaced (`--pretrained_checkpoint`)")
    arguments = parser.parse_args(argv)
    if arguments.into and (arguments.model != "cmr" or arguments.width):
        parser.error("--into takes the encoder as it is, for cmr: leave out --for and --width")

    import numpy as np

    from common.engine.checkpoint import read_checkpoint, write_checkpoint
    from common.engine.continuation import require_model

    checkpoint = read_checkpoint(arguments.ckpt_file)
    if checkpoint.meta.get("model") == "cmr":
        weights = {name: array for name, array in checkpoint.weights.items() if name.startswith(GRAPH)}
        write_checkpoint(arguments.output, weights, {}, {"model": "cmr"})
        print(f"{arguments.output}: {len(weights)} arrays")
        return
    checkpoint = require_model(checkpoint, "hmr")
    weights = {name.removeprefix(PREFIX): array.astype(np.float32) for name, array in checkpoint.weights.items()
               if name.startswith(PREFIX)}
    if not weights:
        raise UserError(f"--ckpt_file {arguments.ckpt_file} holds no encoder: name a checkpoint of hmr/train.py")
    if arguments.width:
        weights = slimmed(weights, int(round(64 * arguments.width / 8)) * 8)
    config = checkpoint.meta.get("config", {})
    if arguments.model == "hand4whole" and config.get("std"):
        weights["conv1.weight"] /= np.float32(config["std"]).reshape(1, 3, 1, 1)
    meta = {"model": arguments.model}
    if arguments.into:
        whole = require_model(read_checkpoint(arguments.into, "--into"), "cmr")
        weights = {RESNET + name: array for name, array in weights.items()}
        if unknown := weights.keys() - whole.weights.keys():
            raise UserError(f"--into {arguments.into} has no {min(unknown)}: its encoder is another one")
        weights, meta = {**whole.weights, **weights}, whole.meta
    write_checkpoint(arguments.output, weights, {}, meta)
    print(f"{arguments.output}: {len(weights)} arrays")


def slimmed(weights, channels):
    """A ResNet-18 with fewer channels.

    Args:
        weights (dict): name -> array, of `common.backbones.resnet.ResNet`.
        channels (int): of the first layers; the others have 2, 4 and 8 times as many.

    Returns:
        dict: likewise.

    Raises:
        UserError: a ResNet of another depth, or one that has no more channels.
    """
    import numpy as np

    if any("conv3" in name for name in weights) or "layer1.2.conv1.weight" in weights:
        raise UserError("--width: only a ResNet of depth 18 can be made narrower")
    if not 0 < channels < len(weights["bn1.gamma"]):
        raise UserError(f"--width: {channels} channels are asked for, the encoder has {len(weights['bn1.gamma'])}")

    def strongest(names, count):
        scale = sum(np.abs(weights[name + ".gamma"]) for name in names)
        return np.sort(np.argsort(-scale, kind="stable")[:count])

    # By what adds up: the first layers and layer1 share their channels, each further layer has its own.
    kept = {}
    for number, layer in enumerate(LAYERS):
        names = [f"{layer}.{block}.bn2" for block in (0, 1)] + (
            [f"{layer}.0.downsample.1"] if number else ["bn1"])
        kept[layer] = strongest(names, channels << number)
    before = dict(zip(LAYERS, (LAYERS[0], *LAYERS)))
    out = {}
    for name, array in weights.items():
        match = BLOCK.fullmatch(name)
        if not match:  # conv1 and bn1
            out[name] = array[kept[LAYERS[0]]]
            continue
        layer, block, part, _ = match.groups()
        entered = kept[before[layer] if block == "0" else layer]
        inner = strongest([f"{layer}.{block}.bn1"], channels << LAYERS.index(layer))
        rows = inner if part in ("conv1", "bn1") else kept[layer]
        columns = {"conv1": entered, "conv2": inner, "downsample.0": entered}.get(part)
        out[name] = array[rows] if columns is None else array[rows][:, columns]
    return out


if __name__ == "__main__":
    run(main)
