"""Take the encoder out of a checkpoint of HMR, for a training of CMR to start from (its --pretrained_resnet_50).

    python tools/lab/encoder_of.py --ckpt_file weights/hmr_small.ckpt --output encoder.ckpt

Both networks look at crops of people through the same ResNet with the same normalisation, so what one has learned
serves the other, given equal `depth` and `width`.
"""
import os
import sys

# The repository root, so that `common` is found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from common.arguments import Arguments  # noqa: E402
from common.errors import UserError, run  # noqa: E402

PREFIX = "encoder."


def main(argv):
    parser = Arguments(__doc__)
    parser.add_argument("--ckpt_file", required=True, help="checkpoint of HMR")
    parser.add_argument("--output", required=True, help="file to write, .ckpt")
    arguments = parser.parse_args(argv)

    import numpy as np

    from common.engine.checkpoint import read_checkpoint, write_checkpoint
    from common.engine.continuation import require_model

    checkpoint = require_model(read_checkpoint(arguments.ckpt_file), "hmr")
    weights = {name.removeprefix(PREFIX): array.astype(np.float32) for name, array in checkpoint.weights.items()
               if name.startswith(PREFIX)}
    if not weights:
        raise UserError(f"--ckpt_file {arguments.ckpt_file} holds no encoder: name a checkpoint of hmr/train.py")
    write_checkpoint(arguments.output, weights, {}, {"model": "cmr"})
    print(f"{arguments.output}: {len(weights)} arrays")


if __name__ == "__main__":
    run(main)
