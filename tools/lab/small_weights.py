"""Make a file of `weights/` from a training's checkpoint: weights alone, in half precision.

    python tools/lab/small_weights.py --ckpt_file run/checkpoint-9374.ckpt --output weights/pose_baseline_small.ckpt

Optimizer state and paths of the training's machine are left out.
"""
import os
import sys

# The repository root, so that `common` is found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from common.arguments import Arguments  # noqa: E402
from common.errors import UserError, run  # noqa: E402

LARGEST_HALF = 65504.0


def main(argv):
    parser = Arguments(__doc__)
    parser.add_argument("--ckpt_file", required=True, help="checkpoint of a training")
    parser.add_argument("--output", required=True, help="file to write, .ckpt")
    arguments = parser.parse_args(argv)

    import numpy as np

    from common.engine.checkpoint import read_checkpoint, write_checkpoint

    checkpoint = read_checkpoint(arguments.ckpt_file)
    if "model" not in checkpoint.meta:
        raise UserError(f"--ckpt_file {arguments.ckpt_file} does not say of which model it is: name one of a training")
    large = [name for name, array in checkpoint.weights.items() if np.abs(array).max(initial=0.0) > LARGEST_HALF]
    if large:
        raise UserError(f"--ckpt_file {arguments.ckpt_file}: {large[0]} is beyond half precision")
    weights = {name: array.astype(np.float16) if array.dtype == np.float32 else array
               for name, array in checkpoint.weights.items()}
    config = {key: value for key, value in checkpoint.meta.get("config", {}).items()
              if not (isinstance(value, str) and os.sep in value)}
    kept = {key: checkpoint.meta[key] for key in ("body_model", "skeleton") if key in checkpoint.meta}
    meta = {"model": checkpoint.meta["model"], "config": config, "step": checkpoint.meta.get("step", 0), **kept}
    write_checkpoint(arguments.output, weights, checkpoint.extra, meta)
    print(f"{arguments.output}: {os.path.getsize(arguments.output) / 1e6:.1f} MB")


if __name__ == "__main__":
    run(main)
