"""How long networks of full size are compiled, and how long their kept graphs take: one table for all models.

    python tools/lab/benchmark_compile.py [--rounds 3] [--models hmr cmr]

Each figure is the processor time of `common.engine.graph_cache.compile_kept` in a process of its own, medians over the
rounds: "compiled" without kept graphs, "kept" with the graph that the same program has left before. The training steps
are those of the default settings.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile

# The repository root, so that `common` is found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from common.arguments import Arguments  # noqa: E402
from common.errors import run  # noqa: E402

MODELS = ("pose_baseline", "openpose", "hmr", "cmr", "hand4whole")
GRAPHS = ("inference", "training_step")


def main(argv):
    parser = Arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--here", nargs=2, metavar=("MODEL", "GRAPH"), help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.here:
        print(seconds(*args.here))
        return
    print("| graph | compiled, s | kept, s |\n|---|---|---|")
    for model in args.models:
        for graph in GRAPHS:
            with tempfile.TemporaryDirectory() as cache:
                measure(model, graph, cache, "1")  # bodies and graphs are made
                compiled, kept = zip(*((measure(model, graph, cache, "0"), measure(model, graph, cache, "1"))
                                       for _ in range(args.rounds)))
            name = f"{model}, {graph.replace('_', ' ')}"
            print(f"| {name} | {statistics.median(compiled):.1f} | {statistics.median(kept):.1f} |", flush=True)


def measure(model, graph, cache, kept):
    """Seconds in another process."""
    environment = {**os.environ, "MINDHUMAN_CACHE": cache, "MINDHUMAN_GRAPHS": kept}
    said = subprocess.run([sys.executable, __file__, "--here", model, graph], env=environment, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return float(said.stdout.split()[-1])


def seconds(model, graph):
    """Processor seconds until a graph is ready."""
    import importlib
    import time

    from common.engine.runtime import init_runtime

    init_runtime("CPU")
    from common.engine.graph_cache import compile_kept

    cell, inputs, *_ = getattr(importlib.import_module(f"tools.lab.graphs.{model}"), graph)()
    begin = time.process_time()
    compile_kept(cell, *inputs)
    return time.process_time() - begin


if __name__ == "__main__":
    run(main)
