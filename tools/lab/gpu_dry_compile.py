"""Compile graphs for GPU on a machine without one, to see that MindSpore has a GPU kernel for every operator.

    python tools/lab/gpu_dry_compile.py MODULE:FUNCTION [MODULE:FUNCTION ...]

FUNCTION takes no arguments and returns `(cell, inputs)`; MODULE is a module of the project or a path to a .py file.
One line is printed per graph; the status is 1 when any fails or backs off.

MindSpore's GPU plugin is loaded over stub CUDA libraries: gpu_stubs.c holds the functions whose results matter, and
for every other function that the plugin wants a stub is generated. Compilation selects the kernels; nothing is run.
MindSpore gives an operator without GPU kernel to the CPU without a word, which on a GPU costs two transfers and a
wait per step, so that counts as failure here. What this cannot show: results, memory, launch limits, and PyNative
mode, which chooses its kernels on another way.

Needs gcc and nm; Linux on x86-64.
"""
import functools
import importlib
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from typing import NamedTuple

# Run as a file from anywhere, the repository root has to come first on the module path.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from common.environment import CUDA_HOME, CUDA_LIBRARIES, DRIVER_LIBRARY  # noqa: E402
from common.errors import UserError, run  # noqa: E402

STUBS = pathlib.Path(__file__).with_name("gpu_stubs.c")
PLUGINS = ("libmindspore_gpu.so.11.6", "gpu/libcuda_ops.so.11")
# The names that the CUDA libraries define, as they appear in nm's list of undefined symbols.
CUDA_SYMBOL = re.compile(r" U ((?:cu[A-Z]|cuda[A-Z]|cudnn|cublas|curand|cusolver|cufft|cusparse|nvrtc)\w*)")
BACK_OFF = re.compile(r"GPU doesn't support the kernel (\S+?)[\s,.]* and will try to backoff on CPU")
ERROR = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception):")
IN_CHILD = "--compile-here"


class DryCompileResult(NamedTuple):
    """How the compilation of one graph ended; `backed_off` names the operators that would run on the CPU."""

    factory: str
    compiled: bool
    backed_off: tuple
    error: str
    seconds: float

    @property
    def passed(self):
        """Whether every operator of the graph got a GPU kernel."""
        return self.compiled and not self.backed_off

    def __str__(self):
        verdict = "ok" if self.passed else "FAILED"
        why = self.error or (f"on the CPU: {', '.join(self.backed_off)}" if self.backed_off else "all kernels on GPU")
        return f"{verdict:6s} {self.factory}: {why} ({self.seconds:.1f} s)"


def missing_tools():
    """Names of the programs that this needs and that are not on PATH."""
    return [tool for tool in ("gcc", "nm") if shutil.which(tool) is None]


def build_stubs(folder):
    """Build the stub libraries in `folder`/lib64 and a compiler that names its release in `folder`/bin.

    Raises:
        UserError: gcc or nm is missing or fails, or this MindSpore has no GPU plugin.
    """
    if missing_tools():
        raise UserError(f"{' and '.join(missing_tools())} not found; install gcc and binutils (apt-get install gcc)")
    folder = pathlib.Path(folder)
    libraries = folder / "lib64"
    libraries.mkdir(parents=True)
    generated, compiled = folder / "generated.c", folder / "stubs.o"
    # Weak, so that the functions of gpu_stubs.c take the place of their generated namesakes.
    generated.write_text("".join(f"__attribute__((weak)) long {name}(void) {{ return 0; }}\n"
                                 for name in _wanted_symbols()), encoding="utf-8")
    _call("gcc", "-w", "-fPIC", "-O1", "-r", "-nostdlib", "-o", compiled, STUBS, generated)
    # The whole set under every name: whichever library is searched first has the function.
    for name in [DRIVER_LIBRARY, *(name for _, name in CUDA_LIBRARIES)]:
        _call("gcc", "-shared", f"-Wl,-soname,{name}", "-o", libraries / name, compiled)
    (folder / "bin").symlink_to(CUDA_HOME / "bin")


def _wanted_symbols():
    """The CUDA functions that MindSpore's GPU plugin leaves to the CUDA libraries."""
    spec = importlib.util.find_spec("mindspore")
    folder = pathlib.Path(spec.origin).parent / "lib" / "plugin" if spec else pathlib.Path()
    plugins = [folder / name for name in PLUGINS]
    for plugin in plugins:
        if not plugin.is_file():
            raise UserError(f"{plugin} is missing: this MindSpore has no GPU plugin for CUDA 11.6")
    return sorted(set(CUDA_SYMBOL.findall(_call("nm", "-D", "--undefined-only", *plugins))))


def _call(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"{command[0]} failed: {done.stderr.strip()[-500:]}")
    return done.stdout


def dry_compile(factory, stubs, timeout=600, graphs=""):
    """Compile one graph for GPU in a process of its own; without stubs, for CPU.

    Args:
        factory (str): "module:function" or "path/to/file.py:function", where the function returns a Cell and the
            tuple of its inputs; or the path of a .mindir file.
        stubs (str): folder that `build_stubs` filled; None compiles for CPU.
        timeout (float): seconds after which the compilation counts as failed.
        graphs (str): folder where MindSpore leaves its graphs as text (.ir); empty for none.

    Returns:
        DryCompileResult.
    """
    environment = {**os.environ, "DEVICE_TARGET": "CPU"}
    if stubs is not None:
        environment.update(CUDA_HOME=str(stubs), LD_LIBRARY_PATH=os.path.join(stubs, "lib64"), DEVICE_TARGET="GPU",
                           GLOG_v="1", GLOG_logtostderr="1")
        environment.pop("CUDA_VISIBLE_DEVICES", None)
    if graphs:
        # Only the pass that is read: all of them take three times as long as the compilation, and a gigabyte.
        environment.update(MS_DEV_SAVE_GRAPHS="1", MS_DEV_SAVE_GRAPHS_PATH=str(graphs),
                           MS_DEV_DUMP_IR_PASSES="validate")
    begin = time.perf_counter()
    with tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace") as log:
        try:
            status = subprocess.run([sys.executable, __file__, IN_CHILD, factory], stdout=log, stderr=log,
                                    env=environment, timeout=timeout).returncode
        except subprocess.TimeoutExpired:
            status = None
        seconds = time.perf_counter() - begin
        log.seek(0)
        backed_off, error = _read_log(log)
    if status == 0:
        error = ""
    elif status is None:
        error = f"not finished after {timeout:.0f} s"
    elif status and not error:
        error = f"the process ended with status {status}"
    return DryCompileResult(factory, status == 0, backed_off, error, seconds)


def _read_log(lines):
    """The operators that backed off to the CPU, and the message of the last exception (empty without one)."""
    backed_off, error = set(), ""
    for line in lines:
        backed_off.update(BACK_OFF.findall(line))
        line = line.strip()
        if ERROR.match(line):
            error = line
        # MindSpore often puts a ruler after the exception's name, and then the message.
        elif error.endswith(":") and line.strip("-"):
            error = f"{error} {line}"
    return tuple(sorted(backed_off)), error


def _load(factory):
    if factory.endswith(".mindir"):
        return functools.partial(_load_mindir, factory)
    place, _, name = factory.rpartition(":")
    if place.endswith(".py"):
        spec = importlib.util.spec_from_file_location(pathlib.Path(place).stem, place)
        module = importlib.util.module_from_spec(spec)
        # MindSpore looks the module of a Cell up by its name to read the source.
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(place)
    return getattr(module, name)


def _load_mindir(path):
    """The graph of a MINDIR file, with inputs of the shapes that the file names (2 for a free axis)."""
    import mindspore as ms
    import numpy as np
    from mindspore.train.mind_ir_pb2 import ModelProto

    from common.engine.export import load_mindir

    model = ModelProto()
    with open(path, "rb") as stream:
        model.ParseFromString(stream.read())
    shapes = [[size if size > 0 else 2 for size in value.tensor[0].dims] for value in model.graph.input]
    free = any(size < 0 for value in model.graph.input for size in value.tensor[0].dims)
    cell = load_mindir(path, shapes if free else None)
    return cell, tuple(ms.Tensor(np.zeros(shape, np.float32)) for shape in shapes)


def _compile_here(factory):
    """The child's part. The runtime cannot be taken down in order over stubs, so the process just ends."""
    import mindspore as ms

    status = 1
    try:
        ms.set_context(mode=ms.GRAPH_MODE)
        ms.set_device(os.environ["DEVICE_TARGET"])
        cell, inputs = _load(factory)()
        cell.compile(*inputs)
        status = 0
    except Exception:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def main(argv):
    """Compile the graphs named in `argv`; status 1 when one of them fails or backs off to the CPU."""
    if argv[:1] == [IN_CHILD]:
        _compile_here(argv[1])
    if not argv or any(":" not in factory for factory in argv):
        raise UserError("usage: python tools/lab/gpu_dry_compile.py MODULE:FUNCTION [MODULE:FUNCTION ...]")
    passed = True
    with tempfile.TemporaryDirectory() as folder:
        stubs = os.path.join(folder, "cuda")
        build_stubs(stubs)
        for factory in argv:
            result = dry_compile(factory, stubs)
            print(result, flush=True)
            passed &= result.passed
    return 0 if passed else 1


if __name__ == "__main__":
    run(main)
