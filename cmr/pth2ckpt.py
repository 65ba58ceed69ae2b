"""Convert ImageNet weights of a ResNet, or a published CMR, to a MindSpore checkpoint.

    python pth2ckpt.py --pth-path resnet50-19c8e357.pth --ckpt-path pretrained_resnet50.ckpt

The names tell what a file holds. --dict-file is needed for a ResNet with names of its own only: a json file
{name in the pth file: name here}; what it does not list is left out.
"""
import os
import re
import sys

import numpy as np

# The repository root, so that `common` and `cmr` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.arguments import Arguments  # noqa: E402
from common.errors import UserError, run  # noqa: E402
from common.text_files import read_json  # noqa: E402


def parse(argv):
    parser = Arguments(__doc__)
    parser.add_argument("--pth-path", required=True, help="PyTorch file")
    parser.add_argument("--ckpt-path", required=True, help="checkpoint to write")
    parser.add_argument("--dict-file", default="", help="json file of names")
    return parser.parse_args(argv)


def read_table(path):
    """The names of a json file {name in the pth file: name here}.

    Raises:
        UserError: no such file, or it holds something else.
    """
    table = read_json(path, f"--dict-file {path}", "name a JSON file of names")
    if not isinstance(table, dict) or not all(isinstance(name, str) for name in table.values()):
        raise UserError(f"--dict-file {path} must hold one object of names: "
                        '{"conv1.weight": "conv1.weight", "bn1.weight": "bn1.gamma", ...}')
    return table


def convert_by_table(arrays, table, source):
    """A ResNet-50 whose names are given; returns as `convert_weights`.

    Raises:
        UserError: names or shapes that do not all fit the network.
    """
    from common.backbones.resnet import ResNet
    from common.convert.rules import Rule, convert, shapes_of

    rules = [Rule(re.escape(old), new.replace("\\", r"\\")) for old, new in table.items()]
    rules.append(Rule(".*", None, why="not in the table of names"))
    return convert(arrays, rules, shapes_of(ResNet(np.random.default_rng(0), 50)), source), {"depth": 50}, 0


def main(argv):
    """Convert one file."""
    arguments = parse(argv)
    if not arguments.ckpt_path.endswith(".ckpt"):
        raise UserError(f"--ckpt-path {arguments.ckpt_path}: the name must end with .ckpt")
    table = read_table(arguments.dict_file) if arguments.dict_file else None

    from cmr.src.weights import convert_weights
    from common.convert.pth import read_weights
    from common.engine.checkpoint import write_checkpoint

    arrays, others = read_weights(arguments.pth_path, "--pth-path")
    conversion, settings, step = convert_weights(arrays, others, "", arguments.pth_path) if table is None else \
        convert_by_table(arrays, table, arguments.pth_path)
    write_checkpoint(arguments.ckpt_path, conversion.weights,
                     meta={"model": "cmr", "config": settings, "step": step,
                           "source": os.path.basename(arguments.pth_path)})
    print(f"{len(conversion.mapped)} arrays mapped, {len(conversion.dropped)} left out -> {arguments.ckpt_path}")


if __name__ == "__main__":
    run(main)
