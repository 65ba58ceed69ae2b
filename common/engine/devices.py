"""Which of CPU, GPU and Ascend can be used here, and which one to take.

Files and libraries are asked first, so that a machine without accelerators is recognised in milliseconds and without
a word; only where a device seems to be there, a small computation in a process of its own has the last word, because
MindSpore calls a GPU available as soon as its plugin is loaded, whether or not the driver works.
"""
import ctypes
import functools
import os
import pathlib
import re
import subprocess
import sys
from typing import NamedTuple

from common.environment import CUDA_HOME, DRIVER_LIBRARY, find_cuda_libraries, prepare_cuda
from common.errors import UserError, counted

TARGETS = ("Ascend", "GPU", "CPU")
# A GPU newer than the plugin compiles every kernel on its first use.
TRIAL_SECONDS = 900
# CUDA 11.6 programs run on any driver of the 11 series and later ones.
OLDEST_DRIVER = 11000
ROOT = pathlib.Path(__file__).resolve().parents[2]

TRIAL = """
import sys
sys.path.insert(0, sys.argv[1])
import common
import numpy as np
import mindspore as ms
ms.set_device(sys.argv[2])
assert (ms.Tensor(np.arange(4, dtype=np.float32)) * 2 + 1).asnumpy().tolist() == [1, 3, 5, 7], "a wrong sum"
print("usable")
"""


class Probe(NamedTuple):
    """Whether a target can be used, why (not), and how many devices it has."""

    usable: bool
    reason: str
    count: int = 0


@functools.cache
def probe(target: str) -> Probe:
    """Whether `target` ("CPU", "GPU" or "Ascend") can be used by this process; asked once per process.

    Raises:
        UserError: there is no such target.
    """
    seen = look_for(target)
    if target == "CPU":
        return seen
    # A worker of a distributed job was started for this device: a trial beside each worker would only take memory.
    if not seen.usable or os.environ.get("MS_ROLE"):
        return seen
    failure = _try_out(target)
    return Probe(False, f"{seen.reason}, but a trial failed: {failure}") if failure else seen


def look_for(target: str) -> Probe:
    """Whether drivers, libraries and devices of `target` are there, without trying them.

    Raises:
        UserError: there is no such target.
    """
    if target not in TARGETS:
        raise UserError(f"device target {target!r} is unknown; use one of CPU, GPU, Ascend or auto")
    if target == "CPU":
        return Probe(True, "always there", 1)
    return _look_for_gpu() if target == "GPU" else _look_for_ascend()


def choose(requested: str = "", device_id: int = 0) -> tuple[str, str]:
    """The target to run on and, in words, why it was taken.

    Args:
        requested (str): "CPU", "GPU" or "Ascend"; empty or "auto" takes the first usable of Ascend, GPU, CPU.
        device_id (int): number of the device, from 0; the CPU has no numbers.

    Raises:
        UserError: the requested target is unknown or cannot be used, or has no device of this number.
    """
    if requested.lower() in ("", "auto"):
        target, reason = _first_usable()
    else:
        target = {name.lower(): name for name in TARGETS}.get(requested.lower(), requested)
        found = probe(target)
        if not found.usable:
            raise UserError(f"--device_target {target} cannot be used: {found.reason}; take another with "
                            "--device_target CPU, or DEVICE_TARGET=CPU in front of a launch script")
        reason = f"as requested; {found.reason}" if target != "CPU" else "as requested"
    if target == "CPU" and device_id:
        reason += f"; --device_id {device_id} is left aside"
    count = probe(target).count
    if target != "CPU" and not 0 <= device_id < count:
        raise UserError(f"--device_id {device_id}: this machine shows "
                        f"{counted(count, f'{target} device')}, numbered from 0")
    return target, reason


def _first_usable() -> tuple[str, str]:
    refused = []
    for target in TARGETS:
        found = probe(target)
        if found.usable:
            break
        refused.append(f"{target}: {found.reason}")
    return target, "; ".join(refused) or f"first usable: {found.reason}"


def _look_for_gpu() -> Probe:
    try:
        driver = ctypes.CDLL(DRIVER_LIBRARY)
    except OSError:
        return Probe(False, f"no NVIDIA driver ({DRIVER_LIBRARY} is not found)")
    version, count = ctypes.c_int(0), ctypes.c_int(0)
    status = driver.cuInit(0) or driver.cuDriverGetVersion(ctypes.byref(version)) or driver.cuDeviceGetCount(
        ctypes.byref(count))
    if status or count.value < 1:
        return Probe(False, f"the NVIDIA driver shows no GPU (CUDA driver status {status}); look at nvidia-smi "
                            "and CUDA_VISIBLE_DEVICES")
    if version.value < OLDEST_DRIVER:
        return Probe(False, f"the NVIDIA driver is for CUDA {_dotted(version.value)}; install one for CUDA 11 or newer")
    if os.environ.get("CUDA_HOME", str(CUDA_HOME)) == str(CUDA_HOME):
        if not find_cuda_libraries():
            return Probe(False, "the NVIDIA driver is here, the CUDA 11 libraries are not; install them with "
                                "`bash scripts/setup.sh --gpu`, or set CUDA_HOME to a CUDA 11 with cuDNN 8")
        if not prepare_cuda():
            return Probe(False, "the CUDA packages are here and do not load; repair them with "
                                "`.venv/bin/python -m pip install --force-reinstall -r requirements-gpu.txt`")
    return Probe(True, f"{count.value} GPU(s), driver for CUDA {_dotted(version.value)}", count.value)


def _dotted(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"


def _look_for_ascend() -> Probe:
    chips = [path for path in pathlib.Path("/dev").glob("davinci*") if re.fullmatch(r"davinci\d+", path.name)]
    if not chips:
        return Probe(False, "no Ascend chip (/dev/davinci0, ...)")
    try:
        ctypes.CDLL("libascendcl.so")
    except OSError:
        return Probe(False, "an Ascend chip is here, its CANN software is not on the library path (libascendcl.so); "
                            "source the set_env.sh of the CANN toolkit")
    visible = os.environ.get("ASCEND_RT_VISIBLE_DEVICES")
    count = len(visible.split(",")) if visible else len(chips)
    return Probe(True, counted(count, "Ascend chip"), count)


def _try_out(target: str) -> str:
    """Compute a small sum on the device, in a process of its own; what went wrong, or nothing."""
    try:
        done = subprocess.run([sys.executable, "-c", TRIAL, str(ROOT), target], capture_output=True, text=True,
                              timeout=TRIAL_SECONDS, env={**os.environ, "DEVICE_TARGET": target})
    except subprocess.TimeoutExpired:
        return f"no answer within {TRIAL_SECONDS // 60} minutes"
    if done.returncode == 0 and done.stdout.endswith("usable\n"):
        return ""
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"\w*Error: ", line)]
    # The first sentence says what happened; MindSpore's further ones are advice to its developers.
    return (errors or lines or [f"exit status {done.returncode}"])[-1].partition(". ")[0]
