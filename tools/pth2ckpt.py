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
from common.convert.pth import read_weights  # noqa: E402
from common.engine.checkpoint import read_checkpoint, write_checkpoint  # noqa: E402
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


def main(argv):
    arguments = parse(argv)
    if arguments.model not in models():
        raise UserError(f"--model {arguments.model}: choose one of {', '.join(models())}")
    if not arguments.ckpt_path.endswith(".ckpt"):
        raise UserError(f"--ckpt_path {arguments.ckpt_path}: the name must end with .ckpt")
    model = importlib.import_module(f"{arguments.model}.src.weights")
    if arguments.pth_path.endswith(".ckpt"):  # checkpoints of MindSpore ports
        arrays, others = read_checkpoint(arguments.pth_path).weights, {}
    else:
        arrays, others = read_weights(arguments.pth_path)
    conversion, settings, step = model.convert_weights(arrays, others, arguments.variant, arguments.pth_path)
    extra = model.extra_arrays(arguments.statistics) if arguments.statistics else {}
    meta = {"model": arguments.model, "config": settings, "step": step,
            "source": os.path.basename(arguments.pth_path)}
    write_checkpoint(arguments.ckpt_path, conversion.weights, extra, meta)
    if not arguments.quiet:
        print("\n".join([*conversion.report(), *(f"{name} left out: not a weight" for name in others)]))
    print(f"{len(conversion.mapped)} arrays mapped, {len(conversion.dropped)} left out, "
          f"{sum(array.size for array in conversion.weights.values()):,} numbers -> {arguments.ckpt_path}")


if __name__ == "__main__":
    run(main)
