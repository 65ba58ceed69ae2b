"""What export.py needs beside the network: example pictures, and a description of the file that it writes."""
import json
import os

import numpy as np

from cmr.src.mesh import NUM_VERTICES
from cmr.src.network import NUM_BETAS, NUM_JOINTS
from common.data.image import IMAGENET_MEAN, IMAGENET_STD
from common.files import atomic_write
from common.joints import SKELETONS


def example_inputs(size):
    """Function batch size -> [array (B, 3, size, size)]: pictures of noise, normalised."""
    def make(batch_size):
        return [np.random.default_rng(0).standard_normal((batch_size, 3, size, size)).astype(np.float32)]
    return make


def write_description(path, config, checkpoint, body):
    """Write `<path without ending>.json`: what goes into an exported file and what comes out.

    Args:
        path (str): the exported file.
        config (Config): settings of the network.
        checkpoint (Checkpoint): its weights.
        body (dict): the body model inside, see `announce_embedded`.
    """
    batch = config.export_batch_size or "B"
    mesh = {"shape": [batch, NUM_VERTICES, 3], "unit": "metres; x right, y down, z forward"}
    content = {
        "model": "cmr", "file": os.path.basename(path), "checkpoint": os.path.basename(checkpoint.path),
        "body_model": body,
        "input": {"shape": [batch, 3, config.img_res, config.img_res], "channels": "red, green, blue",
                  "value": "(pixel / 255 - mean) / std", "mean": list(IMAGENET_MEAN), "std": list(IMAGENET_STD),
                  "crop": "square around the person, 1.2 times the longer side of the box",
                  "crop_contrast_stretch": config.crop_contrast_stretch},
        "outputs": [
            {"name": "vertices", **mesh, "meaning": "free mesh of the graph network"},
            {"name": "camera", "shape": [batch, 3],
             "meaning": "s, tx, ty: p = s * ((x, y) + (tx, ty)), the crop spans [-1, 1]"},
            {"name": "smpl_vertices", **mesh, "meaning": "mesh of the SMPL body"},
            {"name": "rotmat", "shape": [batch, NUM_JOINTS, 3, 3], "joints": list(SKELETONS["smpl_24"]),
             "meaning": "rotation of each joint relative to its parent"},
            {"name": "betas", "shape": [batch, NUM_BETAS], "meaning": "shape coefficients of the SMPL body"}]}
    atomic_write(os.path.splitext(path)[0] + ".json", (json.dumps(content, indent=1) + "\n").encode())
