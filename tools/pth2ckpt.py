"""Convert published weights to a MindSpore checkpoint.

    python tools/pth2ckpt.py --model pose_baseline --pth_path ckpt_best.pth.tar --ckpt_path pose_baseline.ckpt

Every name of the source file is mapped or reported as left out; any doubt is an error and nothing is written.
"""
import importlib
import os
import sys

# The repository root, so that `common` and the models are found from any folder.
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from common.arguments import Arguments  # noqa: E402
from common.errors import UserError, run  # noqa: E402


def models():
    """Names of the models that have published weights."""
    return sorted(name for name in os.listdir(ROOT) if os.path.isfile(os.path.join(ROOT, name, "src", "weights.py")))


def parse(argv):
    parser = Arguments(__doc__)
    parser.add_argument("--model", required=True, help=f"one of {', '.join(models())}")
    parser.add_argument("--pth_path", required=True, help="PyTorch file, npz of TensorFlow variables, or ckpt of "
                                                          "a MindSpore port")
    parser.add_argument("--ckpt_path", required=True, help="checkpoint to write")
    parser.add_argument("--variant", default="", help="kind of weights, where the names do not tell; see the model's "
                                                      "README")
    parser.add_argument("--statistics", default="", help="npz or checkpoint with the statistics that inputs are "
                                                         "normalised with, for models that need them")
    parser.add_argument("--quiet", action="store_true", help="do not list the mapped names")
    return parser.parse_args(argv)


def statistics_of(model, path):
    """The arrays of a file with the statistics of inputs.

    Raises:
        UserError: the model needs none, or the file does not hold them.
    """
    weights = importlib.import_module(f"{model}.src.weights")
    if not hasattr(weights, "extra_arrays"):
        raise UserError(f"--statistics {path}: {model} needs none, leave the flag out")
    return weights.extra_arrays(path)


def convert_file(model, source, target, variant="", statistics=""):
    """Published weights of a model to a checkpoint of it: Conversion, dict of the other entries of the file.

    Args:
        model (str): folder of the model.
        source (str): PyTorch file, npz, or checkpoint of a MindSpore port.
        target (str): checkpoint to write.
        variant (str): kind of weights where the names do not tell.
        statistics (str): file with the statistics of inputs, for models that need them.

    Raises:
        UserError: the file cannot be read, or does not hold weights of this model.
    """
    from common.convert.pth import read_weights
    from common.engine.checkpoint import read_checkpoint, write_checkpoint

    weights = importlib.import_module(f"{model}.src.weights")
    extra = statistics_of(model, statistics) if statistics else {}
    if source.endswith(".ckpt"):  # checkpoints of MindSpore ports
        arrays, others = read_checkpoint(source, "--pth_path").weights, {}
    else:
        arrays, others = read_weights(source)
    conversion, settings, step = weights.convert_weights(arrays, others, variant, source)
    meta = {"model": model, "config": settings, "step": step, "source": os.path.basename(source)}
    write_checkpoint(target, conversion.weights, extra, meta)
    return conversion, others


def main(argv):
    arguments = parse(argv)
    if arguments.model not in models():
        raise UserError(f"--model {arguments.model}: choose one of {', '.join(models())}")
    if not arguments.ckpt_path.endswith(".ckpt"):
        raise UserError(f"--ckpt_path {arguments.ckpt_path}: the name must end with .ckpt")
    conversion, others = convert_file(arguments.model, arguments.pth_path, arguments.ckpt_path, arguments.variant,
                                      arguments.statistics)
    if not arguments.quiet:
        print("\n".join([*conversion.report(), *(f"{name} left out: not a weight" for name in others)]))
    print(f"{len(conversion.mapped)} arrays mapped, {len(conversion.dropped)} left out, "
          f"{sum(array.size for array in conversion.weights.values()):,} numbers -> {arguments.ckpt_path}")


if __name__ == "__main__":
    run(main)
