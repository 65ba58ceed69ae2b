"""What export.py needs beside the network: example images, and a description of the file that it writes."""
import json
import os

import numpy as np

from common.files import atomic_write
from openpose.src.normalisation import STRIDE, normalise


def example_inputs(size, normalisation):
    """Function batch size -> [array (B, 3, size, size)]: images of noise, normalised as the network wants them."""
    def make(batch_size):
        pixels = np.random.default_rng(0).integers(0, 256, (batch_size, size, size, 3), np.uint8)
        return [normalise(pixels, normalisation)]
    return make


def write_description(path, config, skeleton, checkpoint):
    """Write `<path without ending>.json`: what goes into an exported file and what comes out."""
    batch, cells = config.export_batch_size or "B", config.insize // STRIDE
    names = skeleton.joints
    content = {
        "model": "openpose", "file": os.path.basename(path), "checkpoint": os.path.basename(checkpoint.path),
        "input": {"shape": [batch, 3, config.insize, config.insize], "normalisation": config.normalisation,
                  "channels": "red, green, blue" if config.normalisation == "imagenet" else "blue, green, red"},
        "outputs": [
            {"name": "affinity fields, x and y of each limb", "shape": [batch, 2 * len(skeleton.limbs), cells, cells],
             "limbs": [[names[first], names[second]] for first, second in skeleton.limbs]},
            {"name": "heat maps of the joints and of the background", "shape": [batch, len(names) + 1, cells, cells],
             "joints": list(names)}],
        "cells": f"cell (row, column) is pixel ({STRIDE} column + {(STRIDE - 1) / 2}, {STRIDE} row + "
                 f"{(STRIDE - 1) / 2}) of the input"}
    atomic_write(os.path.splitext(path)[0] + ".json", (json.dumps(content, indent=1) + "\n").encode())
