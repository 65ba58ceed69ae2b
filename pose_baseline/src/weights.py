"""Published weights: the PyTorch port (weigq/3d_pose_baseline_pytorch) and variables of the TensorFlow original.

They differ in more than names. The original uses whole-matrix norm clip and a batch-norm epsilon of 1e-3; the port
clips nothing in the graph and uses 1e-5. These settings are written into the checkpoint together with the weights.
TensorFlow variables come as an npz with one array per variable name:

    reader = tf.train.load_checkpoint("checkpoint-4874200")
    np.savez("tf.npz", **{name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()})
"""
import os
import re

from common.convert.rules import COUNTER, Rule, convert, norm_rules, transpose
from common.errors import UserError
from pose_baseline.src.network import TF_EPSILON, TF_MOMENTUM, TORCH_EPSILON, TORCH_MOMENTUM, LinearModel
from pose_baseline.src.normalisation import Statistics

VARIANTS = ("weigq", "tensorflow", "no_max_norm", "max_norm", "not_residual", "world_frame")


def _torch_rules():
    layers = (("w1", "batch_norm1", "first"),
              (r"linear_stages\.(\d+)\.w1", r"linear_stages\.(\d+)\.batch_norm1", r"stages.\1.first"),
              (r"linear_stages\.(\d+)\.w2", r"linear_stages\.(\d+)\.batch_norm2", r"stages.\1.second"))
    rules = [Rule(r"w2\.(weight|bias)", r"output.\1"), COUNTER]
    for dense, norm, target in layers:
        rules += [Rule(rf"{dense}\.{kind}", f"{target}.dense.{kind}") for kind in ("weight", "bias")]
        rules += norm_rules(norm, f"{target}.norm")
    return rules


def _tensorflow_rules():
    top, stage = "linear_model/", r"linear_model/two_linear_(\d+)/"
    rules = [Rule(r".*/Adam(_1)?", None, why="state of the optimizer"),
             Rule(r"(.*/)?(beta1_power|beta2_power|learning_rate|global_step)", None, why="state of the optimizer"),
             Rule(top + "w4", "output.weight", transpose), Rule(top + "b4", "output.bias")]
    layers = ((top + "w1", top + "b1", top + "batch_normalization", "first"),
              (stage + r"w2_\1", stage + r"b2_\1", stage + r"batch_normalization1\1", r"stages.\1.first"),
              (stage + r"w3_\1", stage + r"b3_\1", stage + r"batch_normalization2\1", r"stages.\1.second"))
    for weight, bias, norm, target in layers:
        rules += [Rule(weight, f"{target}.dense.weight", transpose), Rule(bias, f"{target}.dense.bias")]
        rules += [Rule(f"{norm}/{name}", f"{target}.norm.{name}")
                  for name in ("gamma", "beta", "moving_mean", "moving_variance")]
    return rules


def convert_weights(arrays, others, variant, source):
    """Published weights to the weights and settings of `LinearModel`.

    Args:
        arrays (dict): name -> array as published.
        others (dict): what else the file held; `step` is kept.
        variant (str): empty (found from the names) or a comma-separated choice of `VARIANTS`.
        source (str): file name for error texts.

    Returns:
        tuple: Conversion, dict of settings for the checkpoint's `config`, step.

    Raises:
        UserError: unknown variant, or names and shapes that do not all fit.
    """
    chosen = {part.strip() for part in variant.split(",") if part.strip()}
    if chosen - set(VARIANTS):
        raise UserError(f"--variant {variant}: choose from {', '.join(VARIANTS)}, several with commas")
    if {"weigq", "tensorflow"} <= chosen or {"max_norm", "no_max_norm"} <= chosen:
        raise UserError(f"--variant {variant}: these contradict each other")
    from_tensorflow = "tensorflow" in chosen or ("weigq" not in chosen
                                                 and any(name.startswith("linear_model/") for name in arrays))
    rules = _tensorflow_rules() if from_tensorflow else _torch_rules()
    arguments = _arguments(arrays, from_tensorflow, source)
    arguments["residual"] = "not_residual" not in chosen
    arguments["max_norm"] = "max_norm" in chosen or (from_tensorflow and "no_max_norm" not in chosen)
    network = LinearModel(**arguments)
    wanted = {parameter.name: parameter.shape for parameter in network.get_parameters()}
    conversion = convert(arrays, rules, wanted, source)
    epsilon, momentum = (TF_EPSILON, TF_MOMENTUM) if from_tensorflow else (TORCH_EPSILON, TORCH_MOMENTUM)
    # Both programs were published with weights that predict in the camera's frame; names do not tell.
    settings = {**arguments, "camera_frame": "world_frame" not in chosen, "bn_epsilon": epsilon,
                "bn_momentum": momentum, "bn_unbiased": not from_tensorflow}
    step = arrays.get("global_step", others.get("step", 0))
    try:
        return conversion, settings, int(step)
    except (TypeError, ValueError):
        raise UserError(f"{source}: its step is {step!r}, not a number") from None


def _arguments(arrays, from_tensorflow, source):
    """Sizes and batch norm as the arrays tell them."""
    first, last = ("linear_model/w1", "linear_model/w4") if from_tensorflow else ("w1.weight", "w2.weight")
    for name in (first, last):
        if name not in arrays or arrays[name].ndim != 2:
            raise UserError(f"{source} holds no matrix {name}: these are no weights of 3d-pose-baseline")
    stage = r"linear_model/two_linear_(\d+)/.*" if from_tensorflow else r"linear_stages\.(\d+)\..*"
    numbers = {int(match[1]) for match in (re.fullmatch(stage, name) for name in arrays) if match}
    if numbers != set(range(len(numbers))):
        raise UserError(f"{source}: its stages are numbered {sorted(numbers)}, not 0, 1, ... without gaps")
    out_axis = 1 if from_tensorflow else 0
    return {"linear_size": int(arrays[first].shape[out_axis]), "num_layers": len(numbers),
            "batch_norm": any("norm" in name for name in arrays), "predict_14": arrays[last].shape[out_axis] == 42}


def extra_arrays(statistics_file):
    """Pose statistics for the checkpoint, from an npz with mean_2d, std_2d, mean_3d, std_3d, predict_14 or from
    another checkpoint of pose_baseline.

    Raises:
        UserError: there is no such file, or they are not in it.
    """
    if not os.path.isfile(statistics_file):
        raise UserError(f"--statistics {statistics_file} does not exist")
    if statistics_file.endswith(".ckpt"):
        from common.engine.checkpoint import read_checkpoint
        from common.engine.continuation import require_model

        arrays = require_model(read_checkpoint(statistics_file, "--statistics"), "pose_baseline").extra
    else:
        from common.convert.pth import read_weights

        arrays, _ = read_weights(statistics_file)
    return Statistics.from_arrays(arrays).to_arrays()
