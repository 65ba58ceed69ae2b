"""What export.py needs beside the network: example pictures, and the description of the file that it writes.

Programs that prepare pictures for an exported network, such as preprocess.py, read the description again.
"""
import json
import os

import numpy as np

from common.errors import UserError, brief
from common.files import atomic_write
from common.joints import SKELETONS
from common.text_files import read_json
from hmr.src.inference import CROPS, crop_kind
from hmr.src.network import JOINTS, NUM_BETAS, NUM_CAM, NUM_POSE, OUTPUTS
from hmr.src.predict import Viewer
from hmr.src.profiles import find_profile, network_input

COLOURS = {"rgb": "red, green, blue", "bgr": "blue, green, red"}


def example_inputs(profile, size):
    """Function batch size -> [array (B, 3, size, size)]: pictures of noise, as the network of a profile takes them."""
    def make(batch_size):
        pictures = np.random.default_rng(0).integers(0, 256, (batch_size, size, size, 3), np.uint8)
        return [np.stack([network_input(picture, profile) for picture in pictures])]
    return make


def write_description(path, batch_size, config, profile, checkpoint, body):
    """Write `<path without ending>.json`: what goes into an exported file and what comes out.

    Args:
        path (str): the exported file.
        batch_size (int): pictures per call, 0 for any number.
        config (Config): settings of the network.
        profile (Profile): its conventions.
        checkpoint (Checkpoint): its weights.
        body (dict): the body model inside, see `announce_embedded`.
    """
    batch, columns = batch_size or "B", np.cumsum([0, NUM_CAM, NUM_POSE, NUM_BETAS]).tolist()
    rotmat = "rotation of each joint relative to its parent, root first"
    if profile.rotate_base:
        rotmat += ("; the root's, here and in theta, lacks a half turn about x that the vertices have: "
                   "rotmat[0] @ diag(1, -1, -1)")
    meanings = {
        "theta": {"shape": [NUM_CAM + NUM_POSE + NUM_BETAS],
                  "columns": {"cam": columns[:2], "pose": columns[1:3], "beta": columns[2:]},
                  "meaning": "s, tx, ty of the camera: p = s * ((x, y) + (tx, ty)), the crop spans [-1, 1]; axis-angle "
                             "of each joint in radians; shape coefficients"},
        "vertices": {"shape": [6890, 3], "unit": "metres; x right, y down, z forward"},
        "joints2d": {"shape": [len(JOINTS), 2], "joints": list(JOINTS), "unit": "the crop spans [-1, 1]"},
        "joints3d": {"shape": [len(JOINTS), 3], "joints": list(JOINTS), "unit": "metres"},
        "rotmat": {"shape": [24, 3, 3], "joints": list(SKELETONS["smpl_24"]), "meaning": rotmat}}
    content = {
        "model": "hmr", "file": os.path.basename(path), "checkpoint": os.path.basename(checkpoint.path),
        "profile": profile.profile, "body_model": body,
        "input": {"shape": [batch, 3, config.crop_size, config.crop_size], "channels": COLOURS[profile.colour],
                  "value": "(pixel / 255 - mean) / std", "mean": list(profile.mean), "std": list(profile.std),
                  "crop_kind": crop_kind(checkpoint.meta["config"]), "crop_scale": config.crop_scale},
        "outputs": [{"name": name, **meanings[name], "shape": [batch, *meanings[name]["shape"]]} for name in OUTPUTS]}
    atomic_write(description_path(path), (json.dumps(content, indent=1) + "\n").encode())


def description_path(path):
    """Where the description of an exported file is; the file's ending may be missing."""
    stem, ending = os.path.splitext(path)
    return (stem if ending.lower() in (".mindir", ".onnx", ".air") else path) + ".json"


def read_view(path):
    """How the exported network sees people.

    Args:
        path (str): the exported file, with or without its ending.

    Returns:
        Viewer: without a network; `batch_size` is 0 where the batch is free.

    Raises:
        UserError: no description beside the file, or one of another model.
    """
    path = description_path(path)
    content = read_json(path, hint="export.py writes it beside the network, and it says how images are prepared; name "
                                   "the network with --file_name")
    try:
        batch, _, _, size = content["input"]["shape"]
        view = Viewer(None, find_profile(content["profile"]), content["input"]["crop_kind"], int(size),
                      float(content["input"]["crop_scale"]), 0 if batch == "B" else int(batch))
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise UserError(f"{path} describes no exported network of hmr ({error!r}): export it again") from None
    if not isinstance(view.kind, str) or view.kind not in CROPS:
        raise UserError(f"{path} names a crop {brief(view.kind)} that is not known here: export the network again")
    return view
