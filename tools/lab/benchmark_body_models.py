"""Time the body models against PyTorch on this machine's CPU, alternating in one run.

    python tools/lab/benchmark_body_models.py [--batch_size 32] [--kinds smpl smplx] [--repeats 5]

Compared are the forward pass (axis-angle and shape to vertices and joints) and forward plus gradients with respect to
pose and shape. The PyTorch side is the `lbs` function of the smplx package where that is installed
(`pip install smplx`), else the same computation written from the formula, `plain_lbs` in benchmark_sides.py. Arrays are
random with the sizes of the real models, so no model file is needed. Prints a table in Markdown: medians in
milliseconds, their ratio and the ratio of the shortest times, which other programs on the machine disturb less. A ratio
below 1.0 means that MindSpore is faster.
"""
import statistics
import sys
from pathlib import Path

# The repository root comes first, so that `common` is found from every directory.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.arguments import Arguments  # noqa: E402
from common.errors import UserError, run  # noqa: E402

KINDS = ("smpl", "smplx", "mano_right")


def main(argv):
    parser = Arguments(__doc__)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["smpl", "smplx"])
    parser.add_argument("--repeats", type=int, default=5, help="rounds of timed runs")
    parser.add_argument("--threads", type=int, default=2, help="threads of the PyTorch side")
    args = parser.parse_args(argv)
    try:
        import torch
    except ImportError:
        raise UserError("PyTorch is not installed; run `bash scripts/setup.sh --convert` first") from None
    import mindspore as ms

    from common.engine.runtime import init_runtime
    from tools.lab.benchmark_sides import RUNS, compare, torch_lbs

    torch.set_num_threads(args.threads)
    init_runtime("CPU")

    reference, name = torch_lbs()
    print(f"batch {args.batch_size}, {args.repeats} alternating rounds of {RUNS}; MindSpore {ms.__version__}, "
          f"PyTorch {torch.__version__} ({name})\n")
    print("| body model | pass | MindSpore ms | PyTorch ms | ratio of medians | of minima | largest difference |")
    print("|---|---|---|---|---|---|---|")
    for kind in args.kinds:
        for label, (ours, theirs, difference) in compare(kind, args.batch_size, args.repeats, reference).items():
            medians, minima = ([function(times) for times in (ours, theirs)] for function in (statistics.median, min))
            print(f"| {kind} | {label} | {medians[0]:.1f} | {medians[1]:.1f} | {medians[0] / medians[1]:.2f} | "
                  f"{minima[0] / minima[1]:.2f} | {difference:.1e} |", flush=True)


if __name__ == "__main__":
    run(main)
