"""Compiled graphs of networks are kept from one process to the next.

MindSpore can keep what its front end makes of a network (8 of the 13 seconds before the first image of Hand4Whole), but
its own key leaves out the numbers and arrays that a Cell holds, and it counts graphs instead of naming them: it would
answer with the constants of another run. Here everything that can change a graph is the key: versions, settings of the
framework, our source files, the network's structure and every constant in it, shapes of parameters and inputs. Values
of parameters are none of it, they are given to the graph. A network that holds something this module does not know is
compiled as ever.

MindSpore reads `graph_cache/compile_cache_<n>.mindir` for the n-th graph that a process compiles, in a folder that is
fixed with the first one. So the process has a folder of its own, in which at any time nothing lies but the one graph
that belongs to the key. What lies in the user's cache folder is checked against its digest before it is used.
"""
import atexit
import functools
import hashlib
import logging
import os
import pathlib
import platform
import shutil
import sys
import tempfile
import threading
import time
import types
from collections.abc import Iterator

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn
from mindspore.ops import Primitive

from common.engine.runtime import keep_graphs
from common.files import cache_folder
from common.mindspore_versions import numbers

LOGGER = logging.getLogger("mindhuman")
# Tried with these; other versions compile anew each time.
VERSIONS = ((2, 10),)
DIGESTS = "digests.txt"  # beside each graph; its time is that of the last use
FORGOTTEN = 86400  # seconds after which the folder of a process is one of a process that was killed
LIMIT = 1 << 30  # bytes of kept graphs; the ones that were not used for longest go
ROOT = pathlib.Path(__file__).resolve().parents[2]
# Of the attributes that every Cell has, those that a graph depends on.
_OF_CELLS = ("_params", "_cells", "_buffers", "_primitives", "_params_list", "training", "requires_grad",
             "mixed_precision_type", "_amp_level", "_jit_config_dict")
# What MindSpore writes into a Cell that it compiles.
_OF_COMPILING = frozenset(("__compile_cell_hook__", "__parse_method__", "current_phase", "sequence_modified"))
_WRAPPED_AT = "hash_obj"  # the time at which `ms.jit` has wrapped a function, in the function that it gives
_BUSY = threading.Lock()


class Compiled:
    """A network whose graphs are kept. Called with Tensors it gives what the network gives, and has its attributes.

    Args:
        network (nn.Cell): must not change any more, except for the values of its parameters.
    """

    def __init__(self, network: nn.Cell):
        self.network, self.seen = network, set()

    def __getattr__(self, name: str) -> object:
        return getattr(self.network, name)

    def __call__(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        shapes = tuple((value.shape, str(value.dtype)) for value in inputs)
        if shapes not in self.seen:
            compile_kept(self.network, *inputs)
            self.seen.add(shapes)
        return self.network(*inputs)


def compile_kept(network: nn.Cell, *inputs: Tensor) -> None:
    """Compile a network for inputs of these shapes, or take the graph from the user's cache folder."""
    key = key_of(network, inputs) if _can() else None
    if key is None:
        network.compile(*inputs)
        return
    with _BUSY:
        _process().compile(network, inputs, cache_folder() / "graphs" / key)


def key_of(network: nn.Cell, inputs: tuple[Tensor, ...]) -> str | None:
    """The digest of all that the graph depends on; None where something in the network is unknown."""
    digest = hashlib.sha256()
    try:
        for part in (*_surroundings(), *_sources(network)):
            digest.update(part.encode() + b"\0")
        for value in inputs:
            digest.update(f"{value.shape} {value.dtype}\0".encode())
        for part in _contents(network, {}):
            digest.update(part)
            digest.update(b"\0")
    except _UnknownError as error:
        LOGGER.debug("The graph of %s is not kept: it holds %s", type(network).__name__, error)
        return None
    return digest.hexdigest()


class _UnknownError(Exception):
    """Something that cannot be told apart by its contents."""


def _can() -> bool:
    wanted = os.environ.get("MINDHUMAN_GRAPHS") != "0" and not os.environ.get("MS_COMPILER_CACHE_ENABLE")
    alone_on_cpu = ms.get_context("device_target") == "CPU" and not os.environ.get("MS_ROLE")
    return wanted and alone_on_cpu and numbers(ms.__version__)[:2] in VERSIONS and os.path.isfile(_script())


def _script() -> str:
    """The script that was started, as MindSpore knows it: it reads this file itself, and `python -c` has none."""
    return getattr(sys.modules.get("mindspore.graph.api"), "entry_script_path", None) or ""


def _surroundings() -> Iterator[str]:
    yield f"1 {ms.__version__} {platform.machine()} {sys.version} {np.__version__}"
    yield f"{ms.get_context('mode')} {ms.get_context('device_target')} {ms.get_seed()}"
    yield from (f"{name}={value}" for name, value in sorted(os.environ.items())
                if name.startswith(("MS_", "ONEDNN_", "DNNL_")))
    yield f"{_script()} {_digest(pathlib.Path(_script())) if os.path.isfile(_script()) else ''}"


def _sources(network: nn.Cell) -> Iterator[str]:
    """Digests of the source files that the network's Cells can have their lines from.

    Those are all of `common` and of the packages of its classes; for classes of other programs all files that this
    process has loaded, libraries apart.
    """
    files = set((ROOT / "common").rglob("*.py"))
    for name in {type(cell).__module__ for cell in (network, *(cell for _, cell in network.cells_and_names()))}:
        path = pathlib.Path(getattr(sys.modules[name], "__file__", None) or "")
        package = ROOT / path.relative_to(ROOT).parts[0] if ROOT in path.parents else path
        if (package / "src").is_dir():
            files.update((*package.glob("*.py"), *(package / "src").rglob("*.py")))
        elif package.name != "common" and not name.startswith("mindspore."):
            if not path.is_file():
                raise _UnknownError(f"a class without a file, in {name}")
            files.update(_own_files())
    yield from (f"{path} {_digest(path)}" for path in sorted(files))


def _own_files() -> Iterator[pathlib.Path]:
    """Files of loaded modules that belong neither to Python nor to an installed package."""
    for module in list(sys.modules.values()):
        path = pathlib.Path(getattr(module, "__file__", None) or "")
        if path.suffix == ".py" and path.is_file() and "site-packages" not in path.parts and \
                pathlib.Path(os.__file__).parent not in path.parents:
            yield path


def _digest(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _contents(value: object, seen: dict) -> Iterator[bytes]:
    """Bytes that differ where two things differ in something that a graph can depend on."""
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, type(...), np.generic, slice)):
        yield f"{type(value).__name__} {value!r}".encode()
    elif isinstance(value, (list, tuple, set, frozenset)):
        values = sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value
        yield f"{type(value).__qualname__} {len(values)}".encode()
        for item in values:
            yield from _contents(item, seen)
    elif isinstance(value, dict):
        yield f"{type(value).__qualname__} {len(value)}".encode()
        for name, item in value.items():
            yield from _contents(name, seen)
            yield from _contents(item, seen)
    elif isinstance(value, Parameter):
        yield f"Parameter {value.name} {value.shape} {value.dtype} {value.requires_grad}".encode()
    elif isinstance(value, (Tensor, np.ndarray)):
        array = value.asnumpy() if isinstance(value, Tensor) else value
        if array.dtype.hasobject:
            raise _UnknownError("an array of objects")
        yield f"{type(value).__name__} {array.dtype} {array.shape}".encode()
        yield np.ascontiguousarray(array).tobytes() if array.ndim == 0 else np.ascontiguousarray(array).data.cast("B")
    elif isinstance(value, type):
        yield f"{value!r}".encode()
    else:
        # The same thing at two places, and circles: by where it was met first.
        if id(value) in seen:
            yield f"again {seen[id(value)][0]}".encode()
            return
        seen[id(value)] = len(seen), value
        yield from _parts(value, seen)


def _parts(value: object, seen: dict) -> Iterator[bytes]:
    """`_contents` of what has parts of its own."""
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, nn.Cell):
        own = {name: item for name, item in vars(value).items() if name in _OF_CELLS or name not in _every_cell()}
    elif isinstance(value, Primitive):
        own = {"attrs": value.attrs, **vars(value)}
    elif isinstance(value, types.FunctionType):
        kind = f"function {value.__module__}.{value.__qualname__}"
        own = {"defaults": value.__defaults__, "keywords": value.__kwdefaults__,
               "closure": {name: cell.cell_contents
                           for name, cell in zip(value.__code__.co_freevars, value.__closure__ or ())
                           if name != _WRAPPED_AT}}
    elif isinstance(value, types.MethodType):
        kind, own = f"method {value.__func__.__qualname__}", {"self": value.__self__}
    elif isinstance(value, functools.partial):
        own = {"function": value.func, "values": value.args, "keywords": value.keywords}
    elif isinstance(value, (types.BuiltinFunctionType, types.ModuleType)):
        kind, own = f"{kind} {value.__name__}", {}
    elif type(value).__module__.startswith("mindspore._c_expression"):
        kind, own = f"{kind} {value!r}", {}
    elif hasattr(value, "__dict__"):
        own = vars(value)
    else:
        raise _UnknownError(f"a {kind}")
    yield kind.encode()
    yield from _contents(dict(own), seen)


@functools.cache
def _every_cell() -> frozenset[str]:
    return frozenset(vars(nn.Cell())) | _OF_COMPILING


@functools.cache
def _process() -> "_Process":
    return _Process()


class _Process:
    """MindSpore's folder of this process, and the number that it gives to the next graph."""

    def __init__(self):
        self.count, self.folder = 0, None

    def compile(self, network: nn.Cell, inputs: tuple[Tensor, ...], kept: pathlib.Path) -> None:
        """Compile with `kept`, or keep what is compiled there."""
        place = self._place()
        if place is None:
            network.compile(*inputs)
            return
        graph, dependency = place / f"compile_cache_{self.count}.mindir", place / "compile_dependency.hash"
        found = _take(kept, graph, dependency)
        keep_graphs(str(self.folder))
        try:
            network.compile(*inputs)
        finally:
            keep_graphs(None)
            complete = graph.is_file() and dependency.is_file()
            if complete:
                self.count += 1
            else:
                self.folder = False  # it has counted otherwise than we did
        if complete and not found:
            _keep(graph, dependency, kept)
        graph.unlink(missing_ok=True)

    def _place(self) -> pathlib.Path | None:
        if self.folder is None:
            try:
                graphs = cache_folder() / "graphs"
                graphs.mkdir(parents=True, exist_ok=True)
                self.folder = pathlib.Path(tempfile.mkdtemp(prefix=".process-", dir=graphs))
            except OSError as error:
                LOGGER.warning("Compiled graphs are not kept for the next time: %s (MINDHUMAN_CACHE names the folder)",
                               error)
                self.folder = False
                return None
            atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        if not self.folder:
            return None
        place = self.folder / "rank_0" / "graph_cache"
        place.mkdir(parents=True, exist_ok=True)
        return place


def _take(kept: pathlib.Path, graph: pathlib.Path, dependency: pathlib.Path) -> bool:
    """Bring a kept graph to where MindSpore looks for it; False where there is none that is whole."""
    try:
        digests = (kept / DIGESTS).read_text(encoding="ascii")
        for name, target in (("graph.mindir", graph), ("dependency.hash", dependency)):
            shutil.copyfile(kept / name, target)
            if f"{_digest(target)} {name}\n" not in digests:
                raise ValueError(name)
        os.utime(kept / DIGESTS)
    except (OSError, ValueError):
        graph.unlink(missing_ok=True)
        return False
    return True


def _keep(graph: pathlib.Path, dependency: pathlib.Path, kept: pathlib.Path) -> None:
    """Move a graph into the user's cache folder, whole or not at all."""
    try:
        with tempfile.TemporaryDirectory(prefix=".new-", dir=kept.parent, ignore_cleanup_errors=True) as temporary:
            new, digests = pathlib.Path(temporary) / "new", ""
            new.mkdir()
            for name, source in (("graph.mindir", graph), ("dependency.hash", dependency)):
                shutil.copyfile(source, new / name)
                digests += f"{_digest(source)} {name}\n"
            (new / DIGESTS).write_text(digests, encoding="ascii")
            shutil.rmtree(kept, ignore_errors=True)  # a damaged one
            os.replace(new, kept)
        _tidy(kept.parent)
    except OSError as error:
        if not kept.is_dir():  # else another process was faster
            LOGGER.warning("The compiled graph is not kept for the next time: %s", error)


def _tidy(folder: pathlib.Path) -> None:
    """Remove the graphs that were not used for longest until the others stay below `LIMIT`, and what killed processes
    have left."""
    sizes = {}
    for kept in folder.iterdir():
        if kept.name.startswith("."):
            if kept.stat().st_mtime < time.time() - FORGOTTEN:
                shutil.rmtree(kept, ignore_errors=True)
            continue
        if (kept / DIGESTS).is_file():
            sizes[kept] = (kept / "graph.mindir").stat().st_size
    total = sum(sizes.values())
    for kept in sorted(sizes, key=lambda path: (path / DIGESTS).stat().st_mtime):
        if total <= LIMIT:
            break
        shutil.rmtree(kept, ignore_errors=True)
        total -= sizes[kept]
