"""What the tests of Hand4Whole's data share: reference cases and bodies made from seeds."""
import functools

import numpy as np
from golden_files import GOLDEN, load_case, seeded

from common.body_models.files import build_body_model

FOLDER = GOLDEN / "hand4whole"
SEED = 1
load = functools.partial(load_case, "hand4whole")


def numbers(name, shape, low=None, high=None):
    """Numbers made from a seed, float64: uniform from low to high, or normal without bounds."""
    return seeded.array(f"hand4whole/{name}", shape, SEED, low, high).astype(np.float64)


@functools.cache
def model(kind):
    """A body model made from a seed."""
    return build_body_model(kind, seeded.body_model(kind, SEED), "seeded")
