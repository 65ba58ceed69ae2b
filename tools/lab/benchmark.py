"""Speed of a model against an equal PyTorch network, both measured alternately in one run.

    python tools/lab/benchmark.py pose_baseline

Prints medians and ratios (MindSpore / PyTorch, below 1 is faster), data loading, peak memory, import and compile time.
Without PyTorch (bash scripts/setup.sh --convert) only MindSpore's figures are shown. --output writes them as JSON.
"""
import importlib
import json
import os
import pkgutil
import platform
import statistics
import subprocess
import sys
import time

# The repository root, so that `common` and the models are found from any folder.
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

from common.arguments import Arguments  # noqa: E402
from common.errors import UserError, run  # noqa: E402
from common.files import atomic_write  # noqa: E402


def models():
    """Names of the models that bring benchmark cases."""
    return sorted(found.name for found in pkgutil.iter_modules([os.path.join(ROOT, "tools", "lab", "benchmarks")]))


def parse(argv):
    parser = Arguments(__doc__)
    parser.add_argument("model", help=f"one of {', '.join(models())}")
    parser.add_argument("--device_target", default="", help="CPU, GPU or Ascend; empty: the first usable")
    parser.add_argument("--seconds", type=float, default=20.0, help="time for each case [20]")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="PyTorch's threads [all cores]")
    parser.add_argument("--output", default="", help="JSON file for the figures")
    arguments = parser.parse_args(argv)
    if arguments.model not in models():
        raise UserError(f"model {arguments.model}: choose one of {', '.join(models())}")
    return arguments


def median_ms(functions, seconds, rounds=10):
    """Median milliseconds of each function; blocks of calls take turns.

    Blocks, because after a call the threads of either framework wait busily for a while and would take the cores from
    the other: each block begins with a pause and a call that does not count.
    """
    times = [[] for _ in functions]
    start = time.perf_counter()
    for function in functions:
        function()
    # Where one call takes seconds, fewer blocks do: each costs a call that does not count.
    rounds = min(rounds, max(3, int(seconds / (time.perf_counter() - start))))
    for _ in range(rounds):
        for function, record in zip(functions, times):
            time.sleep(0.1)
            function()
            stop, calls = time.perf_counter() + seconds / rounds / len(functions), 0
            while calls == 0 or time.perf_counter() < stop:
                start = time.perf_counter()
                function()
                record.append(time.perf_counter() - start)
                calls += 1
    return [1000.0 * statistics.median(record) for record in times]


def import_seconds(name):
    """Time in which a fresh process imports a package."""
    code = f"import time; start = time.perf_counter(); import common, {name}; print(time.perf_counter() - start)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def peak_memory_mb():
    """Largest resident memory of this process so far."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def load_torch(threads, device_target):
    """PyTorch on the same device.

    Returns:
        tuple: the module torch, or None where it is not installed or cannot use the device; what to say about it.
    """
    try:
        import torch
    except ImportError:
        return None, "not installed"
    if device_target == "Ascend" or (device_target == "GPU" and not torch.cuda.is_available()):
        return None, f"{torch.__version__} cannot use the {device_target}, so there is nothing to compare with"
    torch.set_num_threads(threads)
    torch.set_default_device("cuda" if device_target == "GPU" else "cpu")
    return torch, torch.__version__


def main(argv):
    arguments = parse(argv)
    from common.engine.runtime import init_runtime

    runtime = init_runtime(arguments.device_target)
    torch, remark = load_torch(arguments.threads, runtime.device_target)
    cases = importlib.import_module(f"tools.lab.benchmarks.{arguments.model}").cases(torch)
    rows = []
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {runtime.device_target}; "
          f"PyTorch {remark}")
    print(f"{'case':<40}{'MindSpore ms':>14}{'PyTorch ms':>14}{'ratio':>8}")
    for name, ours, theirs in cases:
        start = time.perf_counter()
        ours()
        first = time.perf_counter() - start
        figures = median_ms([ours] + ([theirs] if theirs else []), arguments.seconds)
        other = figures[1] if theirs else None
        rows.append({"case": name, "mindspore_ms": figures[0], "pytorch_ms": other, "first_call_s": first,
                     "ratio": figures[0] / other if other else None})
        print(f"{name:<40}{figures[0]:>14.2f}" + (f"{other:>14.2f}{figures[0] / other:>8.2f}" if other else ""),
              flush=True)
    summary = {"peak_memory_mb": peak_memory_mb(), "import_s": import_seconds("mindspore"),
               "compile_s": max(row["first_call_s"] for row in rows)}
    print(f"first call with compilation at most {summary['compile_s']:.1f} s; import of mindspore "
          f"{summary['import_s']:.1f} s; peak memory {summary['peak_memory_mb']:.0f} MB (both frameworks)")
    if arguments.output:
        atomic_write(arguments.output, (json.dumps({"rows": rows, **summary}, indent=1) + "\n").encode())


if __name__ == "__main__":
    run(main)
