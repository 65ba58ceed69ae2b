"""Small changes to the code: which of them do the tests of a module notice?

    python tools/lab/mutate.py --modules common/metrics.py --tests tests/common/test_metrics.py --sample 60

One change at a time (a comparison turned, a constant changed, plus and minus swapped, `not` or a branch taken away, a
return value or a statement dropped) is written to a temporary copy of the tree, and the named tests run there: first
those that execute the changed lines, and where these pass, the others. Printed are each change that no test noticed
and a table of the modules. Some of the missed change nothing that could be seen; to tell them is left to the reader.

cosmic-ray starts a new process for each change, which imports MindSpore anew. mutmut 3 leaves out constants of modules
and decorated functions, renames functions that MindSpore and numba compile from their source, and keeps its copy inside
the tree. Here the packages that the tests need are imported once, and each change runs in a fork of that process.
"""

import ast
import collections
import contextlib
import importlib
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
# The repository root comes first, so that `common` is found from every directory.
sys.path.insert(0, str(ROOT))

from common.arguments import Arguments  # noqa: E402
from common.errors import UserError, run  # noqa: E402

NOT_COPIED = (".git", ".venv", "__pycache__", ".*_cache", "*.pyc", "output", "logs", "experiments", "kernel_meta")
MEMORY_BYTES = 6 << 30
PASSED, NONE_CHOSEN = 0, 5  # pytest's exit codes
TURNED = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
}
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "floor": "ceil", "ceil": "floor"}
# Only words for people: what stands in messages is not counted.
MESSAGES = ("log", "logger", "print", "warnings")


class Mutation(NamedTuple):
    """A field of a node of the tree that gets another value."""

    node: ast.AST
    field: str
    value: object
    line: int
    last_line: int
    said: str


def changes(tree):
    """Every single change of a module, in the order of its lines.

    Args:
        tree (ast.Module): the module; is left as it is.

    Returns:
        list: of Mutation.
    """
    found = []
    for node in _nodes(tree):
        for field, value, place, after in _variants(node):
            before = ast.unparse(place)
            if after is None:
                with _set(node, field, value):
                    after = ast.unparse(node)
            said = f"{_shortened(before)} -> {_shortened(after)}"
            found.append(Mutation(node, field, value, place.lineno, place.end_lineno, said))
    return sorted(found, key=lambda change: change.line)


def changed(tree, change):
    """The text of the module with one change."""
    with _set(change.node, change.field, change.value):
        return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


@contextlib.contextmanager
def _set(node, field, value):
    before = getattr(node, field)
    setattr(node, field, value)
    yield
    setattr(node, field, before)


def _nodes(node):
    """The nodes that do something: no annotations, decorators, docstrings, messages or the call of an entry script."""
    yield node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list") or (field == "exc" and isinstance(node, ast.Raise)):
            continue
        for child in value if isinstance(value, list) else [value]:
            if (
                isinstance(child, ast.AST)
                and not isinstance(child, (ast.JoinedStr, ast.expr_context))
                and not (
                    isinstance(child, ast.Expr)
                    and (isinstance(child.value, ast.Constant) or _is_message(child.value))
                    or isinstance(child, ast.If)
                    and "__name__" in ast.unparse(child.test)
                )
            ):
                yield from _nodes(child)


def _is_message(node):
    return isinstance(node, ast.Call) and ast.unparse(node.func).partition(".")[0] in MESSAGES


def _variants(node):
    """(field, its other value, the node to show, what it becomes or None) of each change of one node."""
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            for other in TURNED[type(operator)]:
                yield "ops", _with(node.ops, index, other()), node, None
        for index, operand in enumerate(node.comparators):
            if _is_text(operand):
                yield "comparators", _with(node.comparators, index, ast.Constant(operand.value + "x")), node, None
    elif isinstance(node, (ast.BinOp, ast.BoolOp, ast.AugAssign)):
        for other in TURNED.get(type(node.op), ()):
            yield "op", other(), node, None
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        yield "operand", ast.UnaryOp(node.op, node.operand), node, None
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield "value", not node.value, node, None
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        yield "value", node.value + 1 if isinstance(node.value, int) else node.value * 1.5 or 0.5, node, None
    elif isinstance(node, ast.Subscript) and _is_text(node.slice):
        yield "slice", ast.Constant(node.slice.value + "x"), node, None
    elif isinstance(node, (ast.If, ast.IfExp)):
        yield "test", ast.Constant(True), node.test, "True"
        yield "test", ast.Constant(False), node.test, "False"
    elif isinstance(node, ast.comprehension):
        for index, test in enumerate(node.ifs):
            yield "ifs", _with(node.ifs, index, ast.Constant(True)), test, "True"
    elif isinstance(node, ast.Return) and node.value is not None and ast.unparse(node.value) != "None":
        yield "value", ast.Constant(None), node, None
    elif isinstance(node, ast.Name) and node.id in NAMES:
        yield "id", NAMES[node.id], node, None
    elif isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield "attr", NAMES[node.attr], node, None
    for field in ("body", "orelse", "finalbody"):
        lines = getattr(node, field, None)
        for index, line in enumerate(lines if isinstance(lines, list) else ()):
            # What makes a whole branch is counted there.
            alone = isinstance(node, ast.If) and field == "body" and len(lines) == 1
            called = isinstance(line, ast.Expr) and isinstance(line.value, (ast.Call, ast.Yield, ast.YieldFrom))
            if called or isinstance(line, (ast.AugAssign, ast.Continue, ast.Break, ast.Raise, ast.Delete)):
                if not alone:
                    yield field, _with(lines, index, ast.Pass()), line, "left out"


def _with(values, index, value):
    return [*values[:index], value, *values[index + 1 :]]


def _is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _shortened(text, most=70):
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 3]}..."


class Copy:
    """A copy of the tree in which tests run, each time in a fork of this process.

    Args:
        root (Path): the tree.
        folder (Path): where the copy is made.
        modules (list): paths of the modules that will be changed, relative to the root.
        tests (list): the tests, as pytest takes them.

    Raises:
        UserError: a module or test is not there, or the tests fail as the code is.
    """

    def __init__(self, root, folder, modules, tests):
        for name in (*modules, *(test.partition("::")[0] for test in tests)):
            if not (root / name).exists():
                raise UserError(f"{name} is not in {root}")
        self.root, self.folder, self.tests = root, folder / "tree", tests
        shutil.copytree(root, self.folder, symlinks=True, ignore=shutil.ignore_patterns(*NOT_COPIED))
        start = time.monotonic()
        status, (names, self.lines) = self._fork(self._watched, {str(self.folder / name): name for name in modules})
        if status:
            raise UserError(f"{' '.join(tests)}: the tests fail as the code is")
        self.seconds = 10.0 + 5.0 * (time.monotonic() - start)
        for name in names:
            with contextlib.suppress(Exception):  # a part of a package that is not meant to be imported alone
                importlib.import_module(name)

    def outcome(self, module, text, first, last):
        """`noticed`, `missed` or `timed out` for another text of a module, changed from line `first` to `last`."""
        path = self.folder / module
        before = path.read_text(encoding="utf-8")
        path.write_text(text, encoding="utf-8")
        try:
            near = {test for line in range(first, last + 1) for test in self.lines.get((module, line), ())} - {None}
            for chosen in ([near] if near else []) + [None]:
                status, _ = self._fork(self._quiet, chosen)
                if status is TimeoutError:
                    return "timed out"
                if os.waitstatus_to_exitcode(status) not in (PASSED, NONE_CHOSEN):
                    return "noticed"
            return "missed"
        finally:
            path.write_text(before, encoding="utf-8")

    def _fork(self, function, argument):
        """(pytest's status or the class TimeoutError, what the function sent) of a forked process."""
        here, there = multiprocessing.Pipe(duplex=False)
        sys.stdout.flush()
        process = os.fork()
        if process == 0:
            status = 70
            with contextlib.suppress(BaseException):
                self._enter()
                status, answer = function(argument)
                there.send(answer)
            os._exit(status)
        there.close()
        # The first run imports everything, and says how long the others may take.
        in_time = here.poll(getattr(self, "seconds", None))
        answer = None
        with contextlib.suppress(EOFError):
            answer = here.recv() if in_time else None
        here.close()
        if not in_time:
            os.kill(process, signal.SIGKILL)
        status = os.waitpid(process, 0)[1]
        with contextlib.suppress(ProcessLookupError):  # what a test has started and not ended
            os.killpg(process, signal.SIGKILL)
        return status if in_time else TimeoutError, answer or (None, None)

    def _enter(self):
        """Make the forked process one that has never imported anything of the tree."""
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nowhere, number)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.chdir(self.folder)
        sys.dont_write_bytecode = True
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        sys.path[:] = [str(self.folder), *(path for path in sys.path if path != str(ROOT))]
        for name in list(sys.modules):
            top = self.folder / name.partition(".")[0]
            if top.is_dir() or top.with_suffix(".py").is_file():
                del sys.modules[name]

    def _quiet(self, chosen, *plugins):
        """Run the tests, all or those with the chosen names; (status, None)."""
        import pytest

        options = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", f"--basetemp={self.folder.parent / 'tests'}"]
        return int(pytest.main([*options, *self.tests], plugins=[_Chosen(chosen), *plugins])), None

    def _watched(self, modules):
        """Run all tests; (status, (names of the imported packages, (module, line) -> tests that execute it))."""
        before, watch = set(sys.modules), _Watch(modules)
        status, _ = self._quiet(None, watch)
        names = [
            name
            for name, module in sys.modules.items()
            if name not in before and str(self.folder) not in (getattr(module, "__file__", None) or str(self.folder))
        ]
        return status, (names, dict(watch.lines))


class _Chosen:
    """A pytest plugin that leaves out all tests but those with the chosen names; None chooses all."""

    def __init__(self, names):
        self.names = names

    def pytest_collection_modifyitems(self, items):
        if self.names is not None:
            items[:] = [item for item in items if item.nodeid in self.names]


class _Watch:
    """A pytest plugin that records which lines of the modules each test executes."""

    def __init__(self, modules):
        self.modules, self.test, self.lines = modules, None, collections.defaultdict(set)

    def pytest_collection_finish(self):
        sys.settrace(self._call)
        threading.settrace(self._call)

    def pytest_runtest_logstart(self, nodeid):
        self.test = nodeid

    def _call(self, frame, event, argument):
        module = self.modules.get(frame.f_code.co_filename)
        if module is None:
            return None

        def line(frame, event, argument):
            self.lines[module, frame.f_lineno].add(self.test)
            return line

        return line(frame, event, argument)


def mutate(root, modules, tests, sample=0, seed=0, lines=None):
    """Try changes of modules.

    Args:
        root (Path): the tree; stays as it is.
        modules (list): paths relative to the root.
        tests (list): as pytest takes them, relative to the root.
        sample (int): changes of each module, chosen at random; 0 for all.
        seed (int): of the choice.
        lines (list): only changes in these lines; None for all.

    Yields:
        tuple: module, `noticed`, `missed` or `timed out`, and a line that says what was changed.
    """
    with tempfile.TemporaryDirectory(prefix="mutate_") as folder:
        copy = Copy(root, Path(folder), modules, tests)
        for module in modules:
            text = (root / module).read_text(encoding="utf-8")
            tree = ast.parse(text)
            found = [one for one in changes(tree) if lines is None or set(range(one.line, one.last_line + 1)) & lines]
            if 0 < sample < len(found):
                kept = sorted(random.Random(seed).sample(range(len(found)), sample))
                found = [found[index] for index in kept]
            for change in found:
                outcome = copy.outcome(module, changed(tree, change), change.line, change.last_line)
                yield module, outcome, f"{module}:{change.line}: {change.said}"


def table(counts):
    """The counts as lines of a Markdown table."""
    rows = ["| module | changes | noticed | timed out | missed | noticed in time or not |", "|" + "---|" * 6]
    for module, found in counts.items():
        total = found.total()
        share = 100 * (total - found["missed"]) / max(total, 1)
        rows.append(
            f"| {module} | {total} | {found['noticed']} | {found['timed out']} | {found['missed']} | {share:.1f} % |"
        )
    return rows


def main(argv):
    parser = Arguments(__doc__)
    parser.add_argument("--modules", nargs="+", required=True, help="files to change, relative to the root")
    parser.add_argument("--tests", nargs="+", required=True, help="the tests that should notice, as pytest takes them")
    parser.add_argument("--sample", type=int, default=0, help="changes of each module, at random (default: 0, all)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice (default: 0)")
    parser.add_argument("--lines", type=int, nargs="+", help="only changes in these lines")
    parser.add_argument("--root", default=str(ROOT), help="another tree (default: this one)")
    options = parser.parse_args(argv)
    counts = {module: collections.Counter() for module in options.modules}
    lines = set(options.lines) if options.lines else None
    for module, outcome, said in mutate(
        Path(options.root).resolve(), options.modules, options.tests, options.sample, options.seed, lines
    ):
        counts[module][outcome] += 1
        if outcome != "noticed":
            print(f"{outcome}: {said}", flush=True)
    print("\n".join(table(counts)))


if __name__ == "__main__":
    run(main)
