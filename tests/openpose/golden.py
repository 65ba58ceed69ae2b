"""The reference cases of this model: stand-in weights, scenes and inputs made from seeds."""
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[1] / "golden" / "openpose"


def _module(path):
    """Load a file of the golden folder under a name of its own."""
    name = f"golden_openpose_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


seeded = _module(FOLDER.parent / "seeded.py")
scenes = _module(FOLDER / "scenes.py")
SEED = 1


def load(name):
    """Arrays of a stored case."""
    with np.load(FOLDER / f"{name}.npz") as archive:
        return {key: archive[key] for key in archive.files}


def loss_figures():
    return json.loads((FOLDER / "loss.json").read_text())


def keys():
    """Names and shapes of the published weights."""
    return json.loads((FOLDER / "openpose.keys.json").read_text())


def published_weights():
    """Stand-in weights under the published names; sqrt(2) keeps the image visible in the last stage."""
    arrays = seeded.state_dict(keys(), SEED)
    return {name: array * np.float32(np.sqrt(2)) if array.ndim == 4 else array for name, array in arrays.items()}
