"""The reference cases of this model: stand-in weights and inputs made from seeds."""
import functools
import json

from golden_files import GOLDEN, load_case, load_module, seeded

FOLDER = GOLDEN / "pose_baseline"
metadata = load_module(FOLDER / "metadata.py")
variables = load_module(FOLDER / "variables.py")
load = functools.partial(load_case, "pose_baseline")


def torch_state(width=1024, stages=2):
    """Weights under the names of the PyTorch port."""
    keys = _resize(json.loads((FOLDER / "pose_baseline.keys.json").read_text()), width, stages, "linear_stages.{}.")
    return seeded.state_dict(keys, 1)


def tensorflow_variables(width=1024, stages=2, max_norm=True, batch_norm=True, predict_14=False):
    """Variables under the names of the TensorFlow original."""
    keys = json.loads((FOLDER / "tensorflow.keys.json").read_text())
    out = {}
    for name, shape in keys.items():
        if "two_linear_1" in name:
            continue
        copies = range(stages) if "two_linear_0" in name else (None,)
        for number in copies:
            new = name
            if number is not None:
                new = (name.replace("two_linear_0", f"two_linear_{number}").replace("w2_0", f"w2_{number}")
                       .replace("b2_0", f"b2_{number}").replace("w3_0", f"w3_{number}")
                       .replace("b3_0", f"b3_{number}").replace("normalization10", f"normalization1{number}")
                       .replace("normalization20", f"normalization2{number}"))
            if not batch_norm and "normalization" in name:
                continue
            out[new] = [width if size == 1024 else 42 if size == 48 and predict_14 else size for size in shape]
    return variables.variables(out, 1, max_norm)


def _resize(keys, width, stages, pattern):
    out = {}
    for name, shape in keys.items():
        if name.startswith(pattern.format(1)):
            continue
        copies = range(stages) if name.startswith(pattern.format(0)) else (None,)
        for number in copies:
            new = name if number is None else name.replace(pattern.format(0), pattern.format(number))
            out[new] = [width if size == 1024 else size for size in shape]
    return out
