"""Make a file of `weights/` from a training's checkpoint: weights alone, in half precision.

    python tools/lab/small_weights.py --ckpt_file run/checkpoint-9374.ckpt --output weights/pose_baseline_small.ckpt

Of several checkpoints, which trainings from one start have left, the mean of their weights is taken; one that is named
twice counts twice (Wortsman et al., "Model soups", ICML 2022).

Optimizer state and paths of the training's machine are left out. HMR's regressor has no activation between its three
layers where it follows SPIN, so it is one affine map: its layers are written anew, no wider than the map needs.
"""
import os
import sys

# The repository root, so that `common` is found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from common.arguments import Arguments  # noqa: E402
from common.errors import UserError, run  # noqa: E402

LARGEST_HALF = 65504.0
LAYERS = tuple(f"regressor.fc{number}" for number in (1, 2, 3))


def narrowed(weights, config):
    """The weights and settings of an HMR whose regressor is linear, with the smallest hidden layers that give the same.

    Args:
        weights (dict): name -> array; `regressor.fc1` to `fc3` with weight (out, in) and bias.
        config (dict): settings of the checkpoint.

    Returns:
        tuple: weights and settings; as they came where there is an activation, or nothing to gain.
    """
    import numpy as np

    if config.get("activation", True) or not all(f"{layer}.weight" in weights for layer in LAYERS):
        return weights, config
    (first, b1), (second, b2), (third, b3) = ((weights[f"{layer}.weight"].astype(np.float64),
                                               weights[f"{layer}.bias"].astype(np.float64)) for layer in LAYERS)
    hidden = len(third)  # the map's rank is at most the number of its outputs
    if hidden >= len(first):
        return weights, config
    left, strength, right = np.linalg.svd(third @ second @ first, full_matrices=False)
    root = np.sqrt(strength)
    new = ((root[:, None] * right, np.zeros(hidden)), (np.eye(hidden), np.zeros(hidden)),
           (left * root, third @ (second @ b1 + b2) + b3))
    changes = {f"{layer}.{kind}": array.astype(np.float32) for layer, pair in zip(LAYERS, new)
               for kind, array in zip(("weight", "bias"), pair)}
    return {**weights, **changes}, {**config, "hidden_size": hidden}


def mean_of(checkpoints):
    """The mean of the weights of checkpoints, name -> array; those of the last one where it is the only one.

    Raises:
        UserError: they are not of one network.
    """
    import numpy as np

    *others, last = checkpoints
    for other in others:
        if {name: array.shape for name, array in other.weights.items()} != {
                name: array.shape for name, array in last.weights.items()}:
            raise UserError(f"--ckpt_file: {other.path} and {last.path} are not of one network")
    if not others:
        return last.weights
    return {name: np.mean([one.weights[name].astype(np.float64) for one in checkpoints], axis=0).astype(array.dtype)
            for name, array in last.weights.items()}


def main(argv):
    parser = Arguments(__doc__)
    parser.add_argument("--ckpt_file", required=True, nargs="+", help="checkpoint of a training, or several")
    parser.add_argument("--output", required=True, help="file to write, .ckpt")
    arguments = parser.parse_args(argv)

    import numpy as np

    from common.engine.checkpoint import read_checkpoint, write_checkpoint

    checkpoints = [read_checkpoint(path) for path in arguments.ckpt_file]
    checkpoint, names = checkpoints[-1], " ".join(arguments.ckpt_file)
    if "model" not in checkpoint.meta:
        raise UserError(f"--ckpt_file {names} does not say of which model it is: name one of a training")
    weights, settings = mean_of(checkpoints), checkpoint.meta.get("config", {})
    if checkpoint.meta["model"] == "hmr":
        weights, settings = narrowed(weights, settings)
    large = [name for name, array in weights.items() if np.abs(array).max(initial=0.0) > LARGEST_HALF]
    if large:
        raise UserError(f"--ckpt_file {names}: {large[0]} is beyond half precision")
    weights = {name: array.astype(np.float16) if array.dtype == np.float32 else array
               for name, array in weights.items()}
    config = {key: value for key, value in settings.items()
              if not (isinstance(value, str) and os.sep in value)}
    kept = {key: checkpoint.meta[key] for key in ("body_model", "skeleton") if key in checkpoint.meta}
    meta = {"model": checkpoint.meta["model"], "config": config, "step": checkpoint.meta.get("step", 0), **kept}
    write_checkpoint(arguments.output, weights, checkpoint.extra, meta)
    print(f"{arguments.output}: {os.path.getsize(arguments.output) / 1e6:.1f} MB")


if __name__ == "__main__":
    run(main)
