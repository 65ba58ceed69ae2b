"""Export a checkpoint for deployment: image in, affinity fields and heat maps of the last stage out.

    python export.py --ckpt_file output/checkpoint/ckpt_0/0-8_5304.ckpt --file_name openpose --file_format MINDIR
"""
import os
import sys

# The repository root, so that `common` and `openpose` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.config import EXPORT_ALIASES  # noqa: E402
from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import run  # noqa: E402
from openpose.src.config import read_settings  # noqa: E402

# Names in the exported file, in its order.
INPUT, OUTPUTS = "image", ("paf", "heatmap")


def main(argv):
    config = read_settings(argv, EXPORT_ALIASES)

    from common.engine.export import export_network, write_description
    from common.engine.runtime import init_runtime
    from openpose.src.network import LastStage, load_trained

    runtime = init_runtime(config.device_target, config.device_id, config.seed)
    with on_modelarts(config, config.data_path, os.path.dirname(os.path.abspath(config.file_name))):
        network, config, skeleton, checkpoint = load_trained(config)
        path, _ = export_network(LastStage(network), example_inputs(config.insize, config.normalisation),
                                 config.file_name, config.file_format, config.export_batch_size,
                                 runtime.device_target, names=([INPUT], OUTPUTS))
        write_description(path, "openpose", checkpoint, describe(config, skeleton))


def example_inputs(size, normalisation):
    """Function batch size -> [array (B, 3, size, size)]: images of noise, normalised as the network wants them."""
    import numpy as np

    from openpose.src.normalisation import normalise

    def make(batch_size):
        pixels = np.random.default_rng(0).integers(0, 256, (batch_size, size, size, 3), np.uint8)
        return [normalise(pixels, normalisation)]
    return make


def describe(config, skeleton):
    """What an exported file takes and gives, for its description."""
    from openpose.src.normalisation import PADDING, STRIDE, describe_normalisation

    batch, cells = config.export_batch_size or "B", config.insize // STRIDE
    names = skeleton.joints
    return {
        "input": {"name": INPUT, "shape": [batch, 3, config.insize, config.insize],
                  **describe_normalisation(config.normalisation),
                  "crop": f"the whole image, scaled to fit and padded right and below with {PADDING}"},
        "outputs": [
            {"name": OUTPUTS[0], "meaning": "affinity fields, x and y of each limb",
             "shape": [batch, 2 * len(skeleton.limbs), cells, cells],
             "limbs": [[names[first], names[second]] for first, second in skeleton.limbs]},
            {"name": OUTPUTS[1], "meaning": "heat maps of the joints and of the background",
             "shape": [batch, len(names) + 1, cells, cells],
             "joints": list(names)}],
        "cells": f"cell (row, column) is pixel ({STRIDE} column + {(STRIDE - 1) / 2}, {STRIDE} row + "
                 f"{(STRIDE - 1) / 2}) of the input"}


if __name__ == "__main__":
    run(main)
