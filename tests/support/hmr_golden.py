"""The reference cases of this model: stand-in weights, inputs and body made from seeds."""
import functools
import json

import numpy as np
from golden_files import GOLDEN, load_case, seeded
from mindspore import Tensor

FOLDER = GOLDEN / "hmr"
SEED = 1
load = functools.partial(load_case, "hmr")


def state(name):
    """Weights under their published names, without `module.`; the means are those of the case."""
    arrays = seeded.state_dict(json.loads((FOLDER / f"{name}.keys.json").read_text()), SEED)
    if name == "generator":
        arrays["module.regressor.mean_theta"] = np.tile(mean_theta(), (400, 1))
    elif name == "spin":
        arrays.update({key: value for key, value in load("spin").items() if key.startswith("init_")})
    return {key.removeprefix("module."): value for key, value in arrays.items()}


def mean_arrays():
    """Contents of `neutral_smpl_mean_params.h5`."""
    return {key: 0.2 * seeded.array(f"hmr/mean_{key}", (size,), SEED) for key, size in (("pose", 72), ("shape", 10))}


def mean_theta():
    mean = mean_arrays()
    return np.concatenate([[0.9, 0, 0, np.pi, 0, 0], mean["pose"][3:], mean["shape"]]).astype(np.float32)


@functools.cache
def body_model():
    """The SMPL stand-in with its 19 joints."""
    from common.body_models.files import build_body_model

    content = seeded.body_model("smpl", SEED)
    content["cocoplus_regressor"] = seeded.joint_regressor("cocoplus_regressor", 19, 6890, SEED)
    return build_body_model("smpl", content, "seeded")


def build_hmr(convention, model, mean, **sizes):
    """A generator with initial weights; for the sizes see `build_parts`."""
    from hmr.src.network import HMR, BodyLayer, build_parts

    return HMR(*build_parts(convention, mean, **sizes), BodyLayer(model, convention.rotations, convention.rotate_base))


def squares():
    """(2, 224, 224, 3) RGB."""
    return np.stack([seeded.image(f"hmr/square{number}", 224, 224, SEED) for number in range(2)])


def fill(network, weights):
    """Put all weights of a conversion into a network, in evaluation mode."""
    for parameter in network.get_parameters():
        parameter.set_data(Tensor(weights[parameter.name]))
    return network.set_train(False)
