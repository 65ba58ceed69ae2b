"""The reference cases of this model: stand-in weights, scenes and inputs made from seeds."""
import functools
import json

import numpy as np
from golden_files import GOLDEN, load_case, load_module, seeded

FOLDER = GOLDEN / "openpose"
scenes = load_module(FOLDER / "scenes.py")
SEED = 1
load = functools.partial(load_case, "openpose")


def loss_figures():
    return json.loads((FOLDER / "loss.json").read_text())


def keys():
    """Names and shapes of the published weights."""
    return json.loads((FOLDER / "openpose.keys.json").read_text())


def published_weights():
    """Stand-in weights under the published names; sqrt(2) keeps the image visible in the last stage."""
    arrays = seeded.state_dict(keys(), SEED)
    return {name: array * np.float32(np.sqrt(2)) if array.ndim == 4 else array for name, array in arrays.items()}
