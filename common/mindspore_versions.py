"""Which versions of MindSpore this project runs with, and what it takes from MindSpore that is not public.

scripts/setup.sh loads this file before anything is installed, so it needs Python's library alone.
docs/accelerators.md says how far each version of `TRIED` came in the core of the tests.
"""
import importlib
import re
from typing import NamedTuple

OLDEST, NEWEST = (2, 7), (2, 10)
TRIED = ("2.7.2", "2.8.0", "2.9.0", "2.10.0")


class Private(NamedTuple):
    """Something of MindSpore without promise: its name, the versions it was seen in, and what leans on it."""

    name: str
    seen: tuple
    use: str


# Names with a module in front are objects; the others are variables of the environment and files of the package.
PRIVATE = (
    Private("mindspore.train.mind_ir_pb2.ModelProto", TRIED,
            "tools/infer_mindir.py and the audit read the shapes of a MINDIR's inputs"),
    Private("mindspore.train.checkpoint_pb2.Checkpoint", TRIED, "damaged checkpoints of the fuzzer"),
    Private("mindspore.ops.operations._grad_ops", TRIED, "the audit reads the documentation of gradients"),
    Private("mindspore.ops.operations._inner_ops", TRIED, "the audit reads the documentation of inner operators"),
    Private("MS_DEV_HOST_BLOCKING_RUN", TRIED, "the Python thread sleeps while a compiled call runs; without it a call "
            "takes a core more"),
    Private("MS_DEV_SAVE_GRAPHS, MS_DEV_SAVE_GRAPHS_PATH, MS_DEV_DUMP_IR_PASSES", TRIED,
            "the audit reads the compiled graph"),
    Private("lib/plugin/libmindspore_ops_ascend.so, ops/_op_impl/aicpu", TRIED,
            "the audit looks for symbols of Ascend's kernels"),
    Private("lib/plugin/libmindspore_gpu.so.11.6, lib/plugin/gpu/libcuda_ops.so.11", TRIED,
            "the audit compiles for GPU over stub libraries"),
)


def numbers(version: str) -> tuple:
    """The numbers of a version: "2.8.0rc1" -> (2, 8, 0). Empty for other texts."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def refusal(version: str) -> str:
    """Why a version is not for this project, one sentence; empty for 2.7 to 2.10 and for versions after them."""
    found = numbers(version)
    if len(found) < 2:
        return f"MindSpore {version} is no version: write three numbers, such as {TRIED[-1]}"
    if found[:2] < OLDEST:
        return (f"MindSpore {version} is too old: this project runs with 2.7 to 2.10 (MINDSPORE={TRIED[0]} bash "
                "scripts/setup.sh installs the oldest that was tried)")
    return ""


def remark(version: str) -> str:
    """What is to say about a version that is not refused, one sentence; empty for those of `TRIED`."""
    if version in TRIED:
        return ""
    if numbers(version)[:2] > NEWEST:
        return (f"MindSpore {version} is newer than all that were tried (2.7 to 2.10): bash scripts/run_tests.sh "
                f"--mindspore {version} shows what works")
    return f"MindSpore {version} was not tried itself; tried were {', '.join(TRIED)}"


def find_private(name: str) -> object:
    """An object of `PRIVATE` that has a module in front of its name; None where this version lacks it."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            found = getattr(found, part, None)
        return found
    return None


def missing_private() -> list:
    """The objects of `PRIVATE` that the installed MindSpore lacks, with what leans on them, as sentences."""
    return [f"{entry.name} is missing: {entry.use}" for entry in PRIVATE
            if entry.name.startswith("mindspore.") and find_private(entry.name) is None]
