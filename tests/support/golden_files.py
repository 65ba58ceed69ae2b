"""The files of tests/golden: numbers made from seeds, stored cases, and the scripts beside them."""
import importlib.util
import sys
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def load_module(path):
    """A Python file as a module under a name of its own; loaded once."""
    name = f"tests_{path.parent.name}_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def load_case(model, name):
    """Arrays of a stored case."""
    with np.load(GOLDEN / model / f"{name}.npz") as archive:
        return {key: archive[key] for key in archive.files}


seeded = load_module(GOLDEN / "seeded.py")
