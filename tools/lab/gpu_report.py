"""One report about all models on this machine's accelerator; see tools/gpu_report.sh.

    python tools/lab/gpu_report.py [--models a,b] [--small] [--steps 50] [--device_target GPU] [--output_dir DIR]

Every model runs in a process of its own, so that one that fails or runs out of memory leaves the others alone.
"""
import argparse
import importlib
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Run as a file from anywhere, the repository root has to come first on the module path.
sys.path.insert(0, str(ROOT))

from common.arguments import Arguments  # noqa: E402
from common.errors import UserError, run  # noqa: E402
from common.files import atomic_write  # noqa: E402
from common.text_files import read_json  # noqa: E402

MODELS = ("pose_baseline", "openpose", "hmr", "cmr", "hand4whole")
LAST = 5  # losses whose means are compared
ACCEPTED = 0.01  # largest difference of the losses in mixed precision, as a share
INFERENCE_CALLS = 20


def parse(argv):
    """The command line."""
    parser = Arguments(__doc__)
    parser.add_argument("--models", default=",".join(MODELS), help="which ones, separated by commas")
    parser.add_argument("--device_target", default=os.environ.get("DEVICE_TARGET", ""), help="empty: the first usable")
    parser.add_argument("--small", action="store_true", help="narrow networks: to try the report itself")
    parser.add_argument("--steps", type=int, default=50, help="updates per precision [50]")
    parser.add_argument("--minutes", type=float, default=10, help="time limit of the whole [10]")
    parser.add_argument("--model_seconds", type=float, default=300, help="time limit per model and part [300]")
    parser.add_argument("--torch_seconds", type=float, default=4, help="time per case beside PyTorch, 0 for none [4]")
    parser.add_argument("--output_dir", default=str(ROOT / "output" / "gpu_report"))
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    options.models = options.models.split(",")
    unknown = [name for name in options.models if name not in MODELS]
    if unknown:
        raise UserError(f"--models {unknown[0]}: choose from {', '.join(MODELS)}")
    if options.steps < 2 * LAST:
        raise UserError(f"--steps {options.steps}: write at least {2 * LAST}")
    return options


def train(graphs, level, options):
    """Some updates on one batch of noise.

    Returns:
        dict: seconds of the first call (which compiles), milliseconds per update, images per second, the losses, and
        how many updates were skipped.
    """
    step, batch, images = graphs.training_step(level, options.small)
    begin = time.perf_counter()
    results = [step(*batch)]
    results[0][0].asnumpy()
    first = time.perf_counter() - begin
    begin = time.perf_counter()
    # Nothing is fetched in between: an accelerator works on while Python queues the next update.
    results += [step(*batch) for _ in range(options.steps - 1)]
    losses = [float(result[0].asnumpy()) for result in results]
    seconds = (time.perf_counter() - begin) / (options.steps - 1)
    return {"first_call_s": first, "ms_per_step": 1000 * seconds, "images_per_s": images / seconds, "batch": images,
            "losses": losses, "skipped": sum(int(result[2].asnumpy()) for result in results)}


def infer(graphs, options):
    """Milliseconds per call and images per second of the network in evaluation mode."""
    import mindspore as ms

    network, inputs, images = graphs.inference(options.small)

    def call():
        outputs = network(*inputs)
        for output in outputs if isinstance(outputs, (tuple, list)) else (outputs,):
            if isinstance(output, ms.Tensor):
                output.asnumpy()

    call()
    begin = time.perf_counter()
    for _ in range(INFERENCE_CALLS):
        call()
    seconds = (time.perf_counter() - begin) / INFERENCE_CALLS
    return {"batch": images, "ms": 1000 * seconds, "images_per_s": images / seconds}


def export(graphs, options, target):
    """Write the network as MINDIR; the largest difference after loading it again."""
    import numpy as np

    from common.engine.export import export_network

    network, inputs, _ = graphs.inference(options.small)
    rng = np.random.default_rng(0)

    def arrays(size):
        return [rng.random((size, *value.shape[1:]), np.float32) for value in inputs]

    path, difference = export_network(network, FixedArrays(arrays), os.path.join(options.output_dir, options.one),
                                      "MINDIR", inputs[0].shape[0], target)
    return {"megabytes": os.path.getsize(path) / 1e6, "difference": difference}


class FixedArrays:
    """Inputs that are the same at every call with the same batch size."""

    def __init__(self, make):
        self.make, self.made = make, {}

    def __call__(self, size):
        if size not in self.made:
            self.made[size] = self.make(size)
        return self.made[size]


def measure(options):
    """All figures of one model; a part that fails leaves its error."""
    import mindspore as ms

    from common.engine.runtime import init_runtime

    runtime = init_runtime(options.device_target)
    graphs = importlib.import_module(f"tools.lab.graphs.{options.one}")
    figures = {"target": runtime.device_target}
    parts = {"O0": lambda: train(graphs, "O0", options), "O2": lambda: train(graphs, "O2", options),
             "inference": lambda: infer(graphs, options), "export": lambda: export(graphs, options,
                                                                                   runtime.device_target)}
    for name, part in parts.items():
        try:
            figures[name] = part()
        except Exception as error:  # the report says so, and the other parts go on
            figures[name] = {"error": str(error).strip().splitlines()[0] if str(error).strip() else repr(error)}
        if name == "O0" and runtime.device_target != "CPU":
            figures["memory_gb"] = ms.runtime.max_memory_allocated() / 2**30
        print(f"{options.one} {name}: {_short(figures[name])}", flush=True)
    return figures


def _short(figures):
    return ", ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
                     for key, value in figures.items() if not isinstance(value, list))


def difference_of_losses(plain, mixed):
    """Mean of the last losses in mixed precision against single precision, as a share.

    Args:
        plain, mixed (list[float]): losses of all updates.
    """
    expected = sum(plain[-LAST:]) / LAST
    return abs(sum(mixed[-LAST:]) / LAST - expected) / abs(expected)


def collect(options):
    """Run every model, then where PyTorch is there their comparisons; returns name -> figures.

    What would take longer than `options.minutes` together is ended or not begun, and says so.
    """
    report, end = {}, time.monotonic() + 60 * options.minutes
    for name in options.models:
        own = ["--one", name, "--output_dir", options.output_dir, "--steps", str(options.steps),
               "--device_target", options.device_target, *(["--small"] if options.small else [])]
        report[name] = _child([str(ROOT / "tools" / "lab" / "gpu_report.py"), *own], f"{name}.json", options, end)
    if options.torch_seconds and not options.small and importlib.util.find_spec("torch"):
        for name in options.models:
            path = os.path.join(options.output_dir, f"{name}_torch.json")
            command = [str(ROOT / "tools" / "lab" / "benchmark.py"), name, "--device_target", options.device_target,
                       "--seconds", str(options.torch_seconds), "--output", path]
            report[name]["torch"] = _child(command, f"{name}_torch.json", options, end)
    return report


def _child(command, result, options, end):
    """Run a Python program with its log beside the result file, and read that; or say what went wrong.

    Args:
        end (float): when all has to be over, of time.monotonic.
    """
    seconds = min(options.model_seconds, end - time.monotonic())
    if seconds <= 0:
        return {"error": f"not begun: the {options.minutes:g} minutes were over (--minutes)"}
    path = pathlib.Path(options.output_dir) / result
    path.unlink(missing_ok=True)
    log = path.with_suffix(".log")
    with open(log, "w", encoding="utf-8") as stream:
        try:
            subprocess.run([sys.executable, *command], stdout=stream, stderr=subprocess.STDOUT,
                           timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            return {"error": f"not finished after {seconds:.0f} s"}
    if path.is_file():
        return read_json(path)
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return {"error": lines[-1] if lines else "the process ended without a word"}


def failures(report):
    """What went wrong, one line each."""
    lines = []
    for name, figures in report.items():
        for part, found in (("", figures), *figures.items()):
            if isinstance(found, dict) and "error" in found:
                lines.append(f"{name} {part}: {found['error']}".replace(" :", ":"))
        plain, mixed = figures.get("O0", {}), figures.get("O2", {})
        if "losses" in plain and "losses" in mixed:
            share = difference_of_losses(plain["losses"], mixed["losses"])
            if not share <= ACCEPTED:
                lines.append(f"{name}: losses in mixed precision differ by {share:.1%}")
    return lines


def table(report):
    """The report as a Markdown table."""
    head = ("model", "batch", "O0 ms/step", "O0 images/s", "O2 ms/step", "O2 images/s", "losses O2 - O0", "memory GB",
            "inference ms (batch)", "export difference", "train step / PyTorch", "inference / PyTorch")
    rows = [head, ["---"] * len(head)]
    for name, figures in report.items():
        plain, mixed, inference = (figures.get(key, {}) for key in ("O0", "O2", "inference"))
        both = "losses" in plain and "losses" in mixed
        ratios = {kind: [row["ratio"] for row in figures.get("torch", {}).get("rows", ())
                         if row["case"].startswith(kind) and row["ratio"]] for kind in ("train step", "inference")}
        rows.append([name, _cell(plain, "batch", "d"), _cell(plain, "ms_per_step", ".1f"),
                     _cell(plain, "images_per_s", ".1f"), _cell(mixed, "ms_per_step", ".1f"),
                     _cell(mixed, "images_per_s", ".1f"),
                     f"{difference_of_losses(plain['losses'], mixed['losses']):.2%}" if both else "-",
                     _cell(figures, "memory_gb", ".2f"),
                     f"{inference['ms']:.1f} ({inference['batch']})" if "ms" in inference else "-",
                     _cell(figures.get("export", {}), "difference", ".1e"),
                     *[", ".join(f"{ratio:.2f}" for ratio in ratios[kind]) or "-" for kind in ratios]])
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)


def _cell(figures, key, form):
    return format(figures[key], form) if figures.get(key) is not None else "-"


def main(argv):
    options = parse(argv)
    os.makedirs(options.output_dir, exist_ok=True)
    if options.one:
        figures = measure(options)
        atomic_write(os.path.join(options.output_dir, f"{options.one}.json"), json.dumps(figures, indent=1).encode())
        return 0
    from tools.doctor import examine
    from tools.doctor import report as machine_report

    machine = examine()
    print("\n".join(machine_report(machine)), flush=True)
    report = collect(options)
    wrong = failures(report)
    text = "\n".join(["# What this machine does", "", "```", *machine_report(machine), "```", "", table(report), "",
                      *(f"- {line}" for line in wrong), ""])
    atomic_write(os.path.join(options.output_dir, "report.md"), text.encode())
    atomic_write(os.path.join(options.output_dir, "report.json"),
                 (json.dumps({"machine": machine, "models": report}, indent=1) + "\n").encode())
    print(f"\n{table(report)}\n")
    print("\n".join(wrong))
    print(f"Written to {os.path.join(options.output_dir, 'report.md')}")
    return int(bool(wrong))


if __name__ == "__main__":
    run(main)
