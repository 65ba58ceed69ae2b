"""Prepare HMR_DATA for training: annot.h5 from annots.npz, and the mean pose and shape where they are missing.

    python dataprocess.py --data_path HMR_DATA
"""
import os
import sys

# The repository root, so that `common` and `hmr` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.arguments import Arguments  # noqa: E402
from common.errors import run  # noqa: E402
from common.log import set_up_logging  # noqa: E402


def main(argv):
    parser = Arguments(__doc__)
    parser.add_argument("--data_path", required=True, help="HMR_DATA, the folder with all data sets")
    arguments = parser.parse_args(argv)
    set_up_logging()

    from hmr.src.dataprocess import process

    process(arguments.data_path)


if __name__ == "__main__":
    run(main)
