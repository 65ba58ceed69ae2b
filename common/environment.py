"""What has to stand before mindspore is imported: environment variables and, for GPUs, the CUDA libraries.

A value that the user set is kept.
"""
import ctypes
import importlib.util
import os
import pathlib
import sys
from collections.abc import Mapping, Sequence

DEFAULTS = {
    # On CPUs with AVX-512, oneDNN's dispatch sends MindSpore's 3x3 convolutions to a reference kernel
    # (100 times slower); with AVX2 every convolution finds a compiled kernel and matrix products lose nothing.
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    # Else the Python thread waits busily for each compiled call and takes one core from the computation.
    "MS_DEV_HOST_BLOCKING_RUN": "1",
    # Errors only: the framework's warnings are for its developers. Set GLOG_v=2 or 1 to see them.
    "GLOG_v": "3",
    # More pixels than any camera has: a file of a hundred bytes that claims more is refused before memory is taken.
    "OPENCV_IO_MAX_IMAGE_PIXELS": str(1 << 28),
}

# What MindSpore's GPU plugin links to, in the nvidia-*-cu11 packages as (folder, file name). Each library stands
# after the ones it needs itself.
CUDA_LIBRARIES = (
    ("cuda_runtime", "libcudart.so.11.0"),
    ("cuda_nvrtc", "libnvrtc.so.11.2"),
    ("cublas", "libcublasLt.so.11"),
    ("cublas", "libcublas.so.11"),
    ("curand", "libcurand.so.10"),
    ("cufft", "libcufft.so.10"),
    ("cusparse", "libcusparse.so.11"),
    ("cusolver", "libcusolver.so.11"),
    ("cudnn", "libcudnn.so.8"),
)
DRIVER_LIBRARY = "libcuda.so.1"
CUDA_HOME = pathlib.Path(__file__).resolve().parent / "engine" / "cuda_home"


def prepare() -> None:
    """Set `DEFAULTS` where the user did not, and make the CUDA packages ready unless this is a run without GPU."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    if wanted_target(sys.argv, os.environ) in ("", "AUTO", "GPU"):
        prepare_cuda()


def wanted_target(argv: Sequence[str], environment: Mapping[str, str]) -> str:
    """The device named on the command line or in DEVICE_TARGET, in capitals; empty where none is."""
    target = environment.get("DEVICE_TARGET", "")
    for word, following in zip(argv, [*argv[1:], ""]):
        if word == "--device_target":
            target = following
        elif word.startswith("--device_target="):
            target = word.partition("=")[2]
    return target.upper()


def prepare_cuda() -> bool:
    """Let MindSpore find the CUDA packages: a CUDA_HOME that names the release, and the libraries loaded in order.

    Nothing happens, at the cost of a look into site-packages, unless the packages and the driver are there and the
    user named no CUDA_HOME.

    Returns:
        bool: whether the libraries are loaded.
    """
    if os.environ.get("CUDA_HOME", str(CUDA_HOME)) != str(CUDA_HOME):
        return False
    paths = find_cuda_libraries()
    if not paths or not load_library(DRIVER_LIBRARY):
        return False
    os.environ["CUDA_HOME"] = str(CUDA_HOME)
    # Loading them here is what this process needs; the path is for ldd, which MindSpore asks as well, and for children.
    folders = list(dict.fromkeys(str(path.parent) for path in paths))
    known = [folder for folder in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if folder]
    os.environ["LD_LIBRARY_PATH"] = os.pathsep.join(known + [folder for folder in folders if folder not in known])
    return all(load_library(path) for path in paths)


def find_cuda_libraries() -> list[pathlib.Path]:
    """Paths of `CUDA_LIBRARIES` in the installed packages, in their order; empty unless all are there."""
    spec = importlib.util.find_spec("nvidia")
    roots = [pathlib.Path(root) for root in spec.submodule_search_locations or ()] if spec else []
    paths = []
    for folder, name in CUDA_LIBRARIES:
        path = next((root / folder / "lib" / name for root in roots if (root / folder / "lib" / name).is_file()), None)
        if path is None:
            return []
        paths.append(path)
    return paths


def load_library(name: str | os.PathLike) -> bool:
    """Load a shared library with its symbols visible to those loaded later; whether that worked."""
    try:
        ctypes.CDLL(str(name), mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True
