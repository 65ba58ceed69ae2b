"""Write sample data of a dataset in its real on-disk format, from procedural humans: nothing is downloaded.

    python tools/make_sample_data.py pose_baseline --output_dir data/h36m

`python tools/make_sample_data.py DATASET --help` lists the options of one dataset; `all` writes every dataset with its
defaults, each into a folder of its name.
"""
import argparse
import os
import sys
from pathlib import Path

# The repository root comes first, so that `common` is found from every directory.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arguments import Arguments  # noqa: E402
from common.errors import UserError, run  # noqa: E402
from common.stand_ins.datasets import registry  # noqa: E402

EVERYTHING = "all"


def main(argv):
    """Parse the options and make the data."""
    parser = Arguments(__doc__)
    parser.add_argument("dataset", choices=(*sorted(registry.DATASETS), EVERYTHING), metavar="DATASET",
                        help=", ".join((*sorted(registry.DATASETS), EVERYTHING)))
    parser.add_argument("--output_dir", required=True, help="folder to write into; files of equal names are replaced")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same files (default: 1)")
    parser.add_argument("--num", type=int, help="how many of the dataset's items (its own --help says which)")
    # Before numpy is loaded: its products are small here, and further threads of BLAS keep cores busy with waiting.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    chosen = next((word for word in argv if word in registry.DATASETS), None)
    module = registry.find(chosen) if chosen else None
    if module:
        module.add_arguments(parser.add_argument_group(f"options of {chosen}"))
    args = parser.parse_args(argv)
    if args.num is not None and args.num < 1:
        raise UserError(f"--num is {args.num}; give a number of at least 1")
    if args.seed < 0:
        raise UserError(f"--seed is {args.seed}; give 0 or more")
    print(module.make(args) if module else make_everything(args))


def make_everything(args):
    """Make every dataset with its own defaults; returns one line for each."""
    lines = []
    for dataset in registry.NAMES:
        module = registry.find(dataset)
        parser = Arguments()
        module.add_arguments(parser)
        defaults = vars(parser.parse_args([]))
        folder = str(Path(args.output_dir) / dataset)
        lines.append(module.make(argparse.Namespace(**{**defaults, **vars(args), "output_dir": folder})))
    return "\n".join(lines)


if __name__ == "__main__":
    run(main)
