"""Which primitives a graph uses, and whether GPU or Ascend has a kernel for each.

    python tools/lab/audit_operators.py MODEL|FILE.mindir|MODULE:FUNCTION --target GPU|Ascend [--json FILE]

MODEL is one of the five folders: its inference and training graphs (tools/lab/graphs) are compiled. The status is 1
when a kernel is missing.

GPU: the graph is compiled for GPU over stub CUDA libraries (tools/lab/gpu_dry_compile.py); a primitive that MindSpore
gives to the CPU counts as missing. Needs gcc and nm on x86-64, no GPU.

Ascend: nothing can be compiled without the chip's software, so three kinds of evidence are collected for each
primitive: MindSpore's documentation names Ascend among the supported platforms of the primitive or of the function
that it belongs to; the Ascend plug-in in the MindSpore wheel has a symbol of its kernel; or the list
tools/lab/ascend_primitives.yaml, which was reviewed by hand, gives a reason. A primitive without evidence counts as
missing.
What this cannot show: data types and shapes that a chip refuses, results, memory. Primitives that only some chips have
are named in the list with their work-around.
"""
import collections
import functools
import importlib
import importlib.util
import json
import mmap
import pathlib
import pkgutil
import re
import sys
import tempfile
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Run as a file from anywhere, the repository root has to come first on the module path.
sys.path.insert(0, str(ROOT))


from common.arguments import Arguments  # noqa: E402
from common.errors import UserError, run  # noqa: E402
from common.files import atomic_write  # noqa: E402
from common.text_files import read_yaml  # noqa: E402
from tools.lab.gpu_dry_compile import build_stubs, dry_compile  # noqa: E402

TARGETS = ("GPU", "Ascend")
REVIEWED = ROOT / "tools" / "lab" / "ascend_primitives.yaml"
ASCEND_PLUGIN = ("lib", "plugin", "libmindspore_ops_ascend.so")
# Bookkeeping of the graph itself: no kernel runs for these.
FRAMEWORK = {"Depend", "Load", "MakeTuple", "Partial", "Return", "Switch", "TupleGetItem", "UpdateState", "call",
             "make_list", "stop_gradient"}
NODE = re.compile(r"^\s*%\d+\([^)]*\) = (?:PrimFunc_|DoSignaturePrimitive_)?([A-Za-z]\w*)\(")
TYPES = re.compile(r"^\s*: \((.*)\) -> \(")
DTYPE = re.compile(r"Tensor\[(\w+)\]")
PLATFORMS = re.compile(r"Supported Platforms:\s*\n\s*(.+)")
REFERENCE = re.compile(r":(?:func|class):`(?:mindspore\.)?([\w.]+)`")


class PrimitiveUse(NamedTuple):
    """One primitive of a graph: how often it occurs, types of its tensors, and whether and why it can run."""

    primitive: str
    count: int
    dtypes: tuple
    supported: bool
    evidence: str


def read_graph(text):
    """The primitives in MindSpore's text form of a graph.

    Args:
        text (str): of an .ir file.

    Returns:
        dict: primitive -> (number of calls, sorted tuple of the element types of its tensor inputs).
    """
    counts, types, last = collections.Counter(), collections.defaultdict(set), None
    for line in text.splitlines():
        node = NODE.match(line)
        if node:
            last = node.group(1)
            counts[last] += 1
        elif last is not None:
            signature = TYPES.match(line)
            if signature:
                types[last].update(DTYPE.findall(signature.group(1)))
            last = None
    return {name: (counts[name], tuple(sorted(types[name]))) for name in sorted(counts) if name not in FRAMEWORK}


def examine(source, stubs=None):
    """Compile one graph and read its primitives.

    Args:
        source (str): "module:function", "file.py:function" or the path of a .mindir file, as `dry_compile` takes it.
        stubs (str): stub CUDA libraries (`build_stubs`), to compile for GPU; None compiles for CPU.

    Returns:
        tuple: dict as of `read_graph`, DryCompileResult.

    Raises:
        UserError: the graph fails before its primitives are known.
    """
    with tempfile.TemporaryDirectory(prefix="graphs-") as folder:
        result = dry_compile(source, stubs, graphs=folder)
        graphs = sorted(pathlib.Path(folder).glob("*_validate_*.ir"))
        if not graphs:
            raise UserError(f"{source} does not compile: {result.error}")
        return read_graph("\n".join(path.read_text(encoding="utf-8") for path in graphs)), result


def judge(primitives, result, target):
    """Whether a target can run each primitive.

    Args:
        primitives (dict): as of `read_graph`.
        result (DryCompileResult): of the compilation for GPU where that is the target.
        target (str): GPU or Ascend.

    Returns:
        list[PrimitiveUse]: in alphabetical order.
    """
    if target == "GPU":
        return _judge_gpu(primitives, result)
    return [PrimitiveUse(name, count, dtypes, bool(reason := ascend_evidence(name)), reason or "no evidence")
            for name, (count, dtypes) in primitives.items()]


def _judge_gpu(primitives, result):
    """The compiler's verdict; an operator that it names and that the graph does not show (an expanded one) is added."""
    findings = [PrimitiveUse(name, count, dtypes, name not in result.backed_off,
                             "would run on the CPU" if name in result.backed_off else "kernel selected")
                for name, (count, dtypes) in primitives.items()]
    findings += [PrimitiveUse(name, 1, (), False, "would run on the CPU")
                 for name in result.backed_off if name not in primitives]
    if not result.compiled:
        findings.append(PrimitiveUse("(graph)", 1, (), False, result.error))
    return findings


@functools.cache
def ascend_evidence(primitive):
    """Why Ascend has a kernel for a primitive, in words; empty without evidence."""
    reviewed = _reviewed().get(primitive)
    if reviewed:
        return f"reviewed: {reviewed}"
    documented = _documented(primitive)
    if documented:
        return f"documented: {documented}"
    return _kernel_symbol(primitive)


@functools.cache
def _reviewed():
    return read_yaml(REVIEWED)


def _documented(primitive):
    """Name of the class or function in MindSpore's documentation that names Ascend; empty without one."""
    from mindspore import ops
    from mindspore.ops import auto_generate, operations
    from mindspore.ops.operations import _grad_ops, _inner_ops

    for module in (ops, operations, auto_generate, _inner_ops, _grad_ops):
        text = getattr(getattr(module, primitive, None), "__doc__", None) or ""
        platforms = PLATFORMS.search(text)
        if platforms and "Ascend" in platforms.group(1):
            return f"ops.{primitive}"
        for name in REFERENCE.findall(text) if not platforms else ():
            platforms = PLATFORMS.search(getattr(_find(name), "__doc__", None) or "")
            if platforms and "Ascend" in platforms.group(1):
                return name
    return ""


def _find(name):
    """The object of a documented name such as ops.gather, or None."""
    import mindspore

    found = mindspore
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


@functools.cache
def _kernel_symbol(primitive):
    """The sign of a kernel in the Ascend plug-in or its list of AI CPU kernels; its absence proves nothing."""
    folder = pathlib.Path(importlib.util.find_spec("mindspore").origin).parent
    plugin = folder.joinpath(*ASCEND_PLUGIN)
    if plugin.is_file():
        with open(plugin, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            for name in (f"aclnn{primitive}", f"{primitive}Ascend"):
                if re.search(rb"(?<![a-z])" + name.encode() + rb"(?![a-z])", content):
                    return f"symbol {name} in {plugin.name}"
    return "AI CPU kernel" if primitive in _aicpu_kernels(folder) else ""


@functools.cache
def _aicpu_kernels(folder):
    """Primitives with a registered kernel on the CPU cores of the chip."""
    found = set()
    for path in (folder / "ops" / "_op_impl" / "aicpu").glob("*.py"):
        found.update(re.findall(r'AiCPURegOp\("(\w+)"', path.read_text(encoding="utf-8")))
    return frozenset(found)


def graphs_of(name):
    """The graphs that a command-line word stands for.

    Raises:
        UserError: no such model or file.
    """
    if name.endswith(".mindir"):
        if not pathlib.Path(name).is_file():
            raise UserError(f"{name} does not exist: write it with export.py --file_format MINDIR")
        return [name]
    if ":" in name:
        return [name]
    models = sorted(found.name for found in pkgutil.iter_modules([str(ROOT / "tools" / "lab" / "graphs")]))
    if name not in models:
        raise UserError(f"{name} is neither a .mindir file nor a model; the models are {', '.join(models)}")
    module = f"tools.lab.graphs.{name}"
    return [f"{module}:{graph}" for graph in importlib.import_module(module).GRAPHS]


def table(findings):
    """Findings as lines of text."""
    width = max(len(finding.primitive) for finding in findings)
    return [f"  {'ok     ' if found.supported else 'MISSING'} {found.primitive:{width}s} {found.count:5d} x "
            f"{','.join(found.dtypes) or '-':24s} {found.evidence}" for found in findings]


def main(argv):
    parser = Arguments(__doc__)
    parser.add_argument("source", metavar="MODEL|FILE.mindir|MODULE:FUNCTION")
    parser.add_argument("--target", required=True, choices=TARGETS)
    parser.add_argument("--json", default="", help="also write the findings to this file")
    options = parser.parse_args(argv)
    report = {}
    with tempfile.TemporaryDirectory(prefix="stubs-") as folder:
        stubs = None
        if options.target == "GPU":
            stubs = pathlib.Path(folder) / "cuda"
            build_stubs(stubs)
        for source in graphs_of(options.source):
            findings = judge(*examine(source, stubs), options.target)
            missing = [found.primitive for found in findings if not found.supported]
            print(f"{source} on {options.target}: {len(findings)} primitives, "
                  f"{'missing: ' + ', '.join(missing) if missing else 'none missing'}")
            print("\n".join(table(findings)), flush=True)
            report[source] = [found._asdict() for found in findings]
    if options.json:
        atomic_write(options.json, (json.dumps({"target": options.target, "graphs": report}, indent=2) + "\n").encode())
    return int(any(not found["supported"] for findings in report.values() for found in findings))


if __name__ == "__main__":
    run(main)
