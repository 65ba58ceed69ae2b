"""What export.py needs beside the network: the outputs that go into a file, example pictures, and a description."""
import json
import os

import numpy as np
from mindspore import nn

from common.files import atomic_write
from hand4whole.src.network import HAND_OUTPUTS, OUTPUTS

# What an exported file gives, in this order.
EXPORTED = {"whole": OUTPUTS[:9], "hand": HAND_OUTPUTS[:4]}
MEANINGS = {
    "root_pose": "rotation of the body, axis-angle in radians, camera axes x right, y down, z forward",
    "body_pose": "21 joints of SMPL-X, axis-angle in radians", "jaw_pose": "axis-angle in radians",
    "lhand_pose": "15 joints of the left hand, axis-angle in radians, relative to the mean hand",
    "rhand_pose": "15 joints of the right hand, likewise",
    "shape": "shape coefficients of SMPL-X", "expr": "expression coefficients of SMPL-X",
    "cam_trans": "translation into camera space, metres", "vertices": "mesh in camera space, metres",
    "mano_pose": "root and 15 joints of MANO, axis-angle in radians, relative to the mean hand",
    "mano_shape": "shape coefficients of MANO"}


class FirstOutputs(nn.Cell):
    """A network that gives only the first outputs.

    Args:
        network (Cell): picture to a tuple of Tensors.
        count (int): how many.

    Inputs:
        - **image** (Tensor) - (B, 3, H, W), RGB, 0..1.

    Outputs:
        Tuple of `count` Tensors.
    """

    def __init__(self, network, count):
        super().__init__(auto_prefix=False)
        self.network, self.count = network, count

    def construct(self, image):
        return self.network(image)[:self.count]


def input_shape(config):
    """Height and width of the network's input."""
    return tuple(config.input_hand_shape if config.parts == "hand" else config.input_img_shape)


def example_inputs(shape):
    """Function batch size -> [array (B, 3, H, W)]: pictures of noise."""
    def make(batch_size):
        pixels = np.random.default_rng(0).random((batch_size, 3, *shape), np.float32)
        return [pixels]
    return make


def write_description(path, config, model, checkpoint, outputs):
    """Write `<path without ending>.json`: what goes into an exported file and what comes out.

    Args:
        path (str): of the exported file.
        config (Config): settings.
        model (BodyModel): whose arrays the file holds.
        checkpoint (Checkpoint): what was exported.
        outputs (list): shapes of the outputs for one picture, without the batch.
    """
    height, width = input_shape(config)
    body = config.input_hand_shape if config.parts == "hand" else config.input_body_shape
    names = EXPORTED[config.parts]
    content = {
        "model": "hand4whole", "parts": config.parts, "file": os.path.basename(path),
        "checkpoint": os.path.basename(checkpoint.path),
        "body_model": "synthetic" if model.synthetic else os.path.basename(model.source),
        "embedded": "the file holds arrays of the body model: its licence counts for the file too",
        "input": {"shape": [config.export_batch_size or "B", 3, height, width], "channels": "red, green, blue",
                  "values": "0 to 1"},
        "outputs": [{"name": name, "shape": [config.export_batch_size or "B", *shape], "meaning": MEANINGS[name]}
                    for name, shape in zip(names, outputs)],
        "camera": {"focal_px": [focal * size / part for focal, size, part in
                                zip(config.focal, (width, height), (body[1], body[0]))],
                   "principal_px": [width / 2, height / 2],
                   "projection": "pixel of the input = focal_px * (x, y) / z + principal_px"}}
    atomic_write(os.path.splitext(path)[0] + ".json", (json.dumps(content, indent=1) + "\n").encode())
