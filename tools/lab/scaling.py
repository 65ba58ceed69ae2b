"""What would bound the training of each model on many cards: loading, or the exchange of gradients.

    python tools/lab/scaling.py --cards 8 64 --cores_per_card 8 --link_gbyte_s 12.5

Only what a CPU can tell is measured: processor time to load one sample, bytes of the gradients and of a checkpoint. How
fast a card computes is not; so the table says from which speed on (images per second and card) it would have to wait.

    loading:      cores per card / processor seconds per sample
    all-reduce:   batch / (2 (n - 1) / n * gradient bytes / bandwidth), the ring algorithm, not hidden behind computing
"""
import importlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

# The repository root comes first, so that `common` is found from every folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.arguments import Arguments  # noqa: E402
from common.errors import UserError, run  # noqa: E402
from common.files import atomic_write  # noqa: E402

MODELS = ("pose_baseline", "openpose", "hmr", "cmr", "hand4whole")


class Measured(NamedTuple):
    """Of one model: samples of an update and card; trained numbers, and numbers of a checkpoint, in bytes; processor
    seconds to load a sample, None where nothing has to be decoded or it was not measured."""

    batch: int
    gradient_bytes: int
    checkpoint_bytes: int
    loading_s: float | None


def all_reduce_seconds(gradient_bytes: int, cards: int, bytes_per_second: float) -> float:
    """Time of a ring all-reduce: every card sends and receives 2 (n - 1) / n of the gradients."""
    return 2.0 * (cards - 1) / cards * gradient_bytes / bytes_per_second


def bounds(measured: Measured, cards: int, cores_per_card: int, bytes_per_second: float) -> tuple:
    """Samples per second and card that loading and the all-reduce allow; None where there is no such bound."""
    loading = cores_per_card / measured.loading_s if measured.loading_s else None
    seconds = all_reduce_seconds(measured.gradient_bytes, cards, bytes_per_second)
    return loading, measured.batch / seconds if seconds else None


def measure(model, samples):
    """`Measured` of a model at its full size and with its default settings."""
    step, _, batch = importlib.import_module(f"tools.lab.graphs.{model}").training_step()
    gradients = sum(4 * parameter.size for parameter in step.optimizer.parameters)
    # Weights, running means of batch norm and the optimizer's state; poses that lie on the device are no part of it.
    kept = {parameter.name: 4 * parameter.size for cell in (step.network, step.optimizer)
            for parameter in cell.get_parameters()
            if cell is step.optimizer or parameter.requires_grad or ".moving_" in parameter.name}
    return Measured(batch, gradients, sum(kept.values()), loading_seconds(model, samples))


def loading_seconds(model, samples):
    """Processor seconds for one sample of 640 x 480 px, mean over `samples`; None where there is nothing to decode."""
    from common.data.order import sample_rng
    from tools.lab.benchmark_cases import write_photos

    cases = importlib.import_module(f"tools.lab.benchmarks.{model}")
    if not hasattr(cases, "make_source"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        if model != "openpose":  # whose source needs people in its images and writes them
            write_photos(folder)
        source = cases.make_source(folder)
        rows = len(source)
        source.sample(0, sample_rng(1, 0, 0))
        begin = time.process_time()
        for index in range(samples):
            source.sample(index % rows, sample_rng(1, 0, index))
        return (time.process_time() - begin) / samples


def table(measured, cards, cores_per_card, bytes_per_second):
    """Rows of a Markdown table: one for each model and number of cards."""
    lines = ["| model | batch | gradients MB | checkpoint MB | loading ms | cards | loading allows | all-reduce allows "
             "| bound first |", "|---|---|---|---|---|---|---|---|---|"]
    for model, numbers in measured.items():
        for count in cards:
            found = bounds(numbers, count, cores_per_card, bytes_per_second)
            known = {name: value for name, value in zip(("loading", "all-reduce"), found) if value}
            first = min(known, key=known.get) if known else "-"
            said = ["-" if value is None else f"{value:.0f}/s" for value in found]
            loading = "-" if numbers.loading_s is None else f"{1e3 * numbers.loading_s:.2f}"
            lines.append(f"| {model} | {numbers.batch} | {numbers.gradient_bytes / 1e6:.1f} | "
                         f"{numbers.checkpoint_bytes / 1e6:.1f} | {loading} | {count} | {' | '.join(said)} | {first} |")
    return lines


def main(argv):
    parser = Arguments(__doc__)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--cards", type=int, nargs="+", default=[8, 64])
    parser.add_argument("--cores_per_card", type=int, default=8, help="processor cores that load for one card [8]")
    parser.add_argument("--link_gbyte_s", type=float, default=12.5, help="GB/s of a card's slowest link [12.5]")
    parser.add_argument("--samples", type=int, default=128, help="samples to load for the measurement [128]")
    parser.add_argument("--json", default="", help="also write what was measured to this file")
    options = parser.parse_args(argv)
    for name in ("cores_per_card", "link_gbyte_s", "samples"):
        if not getattr(options, name) > 0:
            raise UserError(f"--{name} {getattr(options, name)}: write a positive number")
    if min(options.cards) < 1:
        raise UserError(f"--cards {' '.join(map(str, options.cards))}: write positive numbers")
    measured = {}
    for model in options.models:
        measured[model] = measure(model, options.samples)
        print(f"{model}: {measured[model]}", flush=True)
    print("\n".join(table(measured, options.cards, options.cores_per_card, 1e9 * options.link_gbyte_s)))
    if options.json:
        content = {model: numbers._asdict() for model, numbers in measured.items()}
        atomic_write(options.json, (json.dumps(content, indent=1) + "\n").encode())


if __name__ == "__main__":
    run(main)
