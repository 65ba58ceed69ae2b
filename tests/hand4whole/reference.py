"""What the tests of Hand4Whole's data share: reference cases and bodies made from seeds."""
import functools
import importlib.util
import sys
from pathlib import Path

import numpy as np

from common.body_models.files import build_body_model

FOLDER = Path(__file__).parents[1] / "golden" / "hand4whole"
SEED = 1


def _seeded():
    """tests/golden/seeded.py under a name of its own."""
    name = "golden_seeded"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, FOLDER.parent / "seeded.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


seeded = _seeded()


def load(name):
    """Arrays of a stored case."""
    with np.load(FOLDER / f"{name}.npz") as archive:
        return {key: archive[key] for key in archive.files}


def numbers(name, shape, low=None, high=None):
    """Numbers made from a seed, float64: uniform from low to high, or normal without bounds."""
    return seeded.array(f"hand4whole/{name}", shape, SEED, low, high).astype(np.float64)


@functools.cache
def model(kind):
    """A body model made from a seed."""
    return build_body_model(kind, seeded.body_model(kind, SEED), "seeded")
