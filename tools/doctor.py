"""Say what this machine can do: for each of CPU, GPU and Ascend whether it can be used and, if not, why; and versions.

    python tools/doctor.py [--json FILE] [--quick]

The text is what a bug report needs. A GPU or Ascend chip that seems to be there is tried with a small sum in a process
of its own; --quick leaves that out. The exit status is 0 unless a package that MindHuman needs is missing.
"""
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import platform
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
# Run as a file from anywhere, the repository root has to come first on the module path.
sys.path.insert(0, str(ROOT))

from common.arguments import Arguments  # noqa: E402
from common.engine.devices import TARGETS, look_for, probe  # noqa: E402
from common.environment import CUDA_LIBRARIES, DEFAULTS, find_cuda_libraries  # noqa: E402
from common.errors import counted, run  # noqa: E402
from common.files import atomic_write  # noqa: E402
from common.mindspore_versions import TRIED, missing_private, refusal, remark  # noqa: E402

# Variables that change what MindSpore does or which devices it sees.
VARIABLES = (*DEFAULTS, "OMP_NUM_THREADS", "DEVICE_TARGET", "CUDA_HOME", "CUDA_VISIBLE_DEVICES",
             "ASCEND_RT_VISIBLE_DEVICES", "ASCEND_HOME_PATH", "RANK_TABLE_FILE", "MS_ROLE")
REQUIREMENT = re.compile(r"^([A-Za-z0-9_-]+)==(\S+)(?:\s*;\s*python_version\s*(<|>=)\s*\"3\.(\d+)\")?", re.MULTILINE)


def required_packages(path=ROOT / "requirements.txt"):
    """Package -> version that this project was tested with, for the running Python."""
    wanted = {}
    for name, version, relation, minor in REQUIREMENT.findall(path.read_text(encoding="utf-8")):
        older = relation == "<"
        if not relation or (sys.version_info.minor < int(minor)) == older:
            wanted[name] = version
    return wanted


def package_findings():
    """(name, installed version or None, tested version) of each package that MindHuman needs."""
    findings = []
    for name, wanted in required_packages().items():
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            installed = None
        if name == "mindspore" and installed in TRIED:
            wanted = installed
        findings.append((name, installed, wanted))
    return findings


def mindspore_findings():
    """What is to say about the installed version of MindSpore, as sentences."""
    try:
        version = importlib.metadata.version("mindspore")
    except importlib.metadata.PackageNotFoundError:
        return []
    said = refusal(version) or remark(version)
    return ([said] if said else []) + missing_private()


def describe_cpu():
    """Name, number of cores this process may use, and the vector instructions that matter to MindSpore."""
    name, flags = platform.processor() or platform.machine(), set()
    info = pathlib.Path("/proc/cpuinfo")
    if info.is_file():
        text = info.read_text(encoding="utf-8", errors="replace")
        match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
        name = match.group(1) if match else name
        match = re.search(r"^flags\s*:\s*(.+)$", text, re.MULTILINE)
        flags = set(match.group(1).split()) if match else flags
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    vectors = [label for flag, label in (("avx2", "AVX2"), ("avx512f", "AVX-512")) if flag in flags]
    return f"{name}, {counted(cores, 'core')}, {' and '.join(vectors) or 'no AVX2'}"


def describe_memory():
    """Memory of the machine in GiB, as text; empty where it is not known."""
    match = None
    if pathlib.Path("/proc/meminfo").is_file():
        text = pathlib.Path("/proc/meminfo").read_text(encoding="ascii", errors="replace")
        match = re.search(r"^MemTotal:\s*(\d+) kB.*?^MemAvailable:\s*(\d+) kB", text, re.MULTILINE | re.DOTALL)
    return f"{int(match[1]) / 2**20:.1f} GiB, {int(match[2]) / 2**20:.1f} GiB free" if match else ""


def describe_revision():
    """The commit of this copy, or its version where it is no git repository."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True,
                              text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return done.stdout.strip() if done.returncode == 0 else "no git repository"


def describe_cuda_packages():
    """Which of the CUDA 11 packages are installed."""
    names = sorted({folder for folder, _ in CUDA_LIBRARIES})
    versions = []
    for name in names:
        try:
            version = importlib.metadata.version("nvidia-" + name.replace("_", "-") + "-cu11")
        except importlib.metadata.PackageNotFoundError:
            continue
        versions.append(f"{name} {version}")
    if not versions:
        return "none (bash scripts/setup.sh --gpu installs them)"
    return ", ".join(versions) + ("" if find_cuda_libraries() else "; incomplete")


def describe_nvidia():
    """Names, memory and driver of the GPUs as nvidia-smi tells them; empty without it."""
    return _first_lines("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader")


def describe_cann():
    """Version of the CANN toolkit whose set_env.sh was sourced; empty without one."""
    home = os.environ.get("ASCEND_HOME_PATH", "")
    for path in (pathlib.Path(home) / "version.cfg", pathlib.Path(home) / "compiler" / "version.info"):
        if home and path.is_file():
            match = re.search(r"\d+\.\d+[\w.]*", path.read_text(encoding="utf-8", errors="replace"))
            return match.group(0) if match else str(path)
    return ""


def _first_lines(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "; ".join(line.strip() for line in done.stdout.splitlines()[:8]) if done.returncode == 0 else ""


def examine(quick=False):
    """Everything the report says.

    Args:
        quick (bool): ask files and libraries only, without a trial on devices that seem to be there.

    Returns:
        dict: `targets` {target: {usable, reason, count}}, `machine`, `packages` and `environment` with texts.
    """
    targets = {target: (look_for if quick else probe)(target)._asdict() for target in TARGETS}
    machine = {"MindHuman": describe_revision(), "Python": platform.python_version(), "system": platform.platform(),
               "CPU": describe_cpu(), "memory": describe_memory(), "NVIDIA": describe_nvidia(),
               "CUDA packages": describe_cuda_packages(), "CANN": describe_cann()}
    packages = {name: {"installed": installed, "tested": wanted} for name, installed, wanted in package_findings()}
    environment = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    return {"targets": targets, "machine": {key: text for key, text in machine.items() if text},
            "packages": packages, "mindspore": mindspore_findings(), "environment": environment}


def report(findings):
    """The findings as lines of text."""
    lines = ["Devices"]
    for target in ("CPU", "GPU", "Ascend"):
        found = findings["targets"][target]
        lines.append(f"  {target:8s}{'usable' if found['usable'] else 'not usable'}: {found['reason']}")
    lines.append("Machine")
    lines += [f"  {key:15s}{text}" for key, text in findings["machine"].items()]
    lines.append("Packages")
    for name, found in findings["packages"].items():
        if found["installed"] is None:
            said = f"MISSING (tested with {found['tested']}); bash scripts/setup.sh installs it"
        elif found["installed"] != found["tested"]:
            said = f"{found['installed']} (tested with {found['tested']})"
        else:
            said = found["installed"]
        lines.append(f"  {name:25s}{said}")
    lines += [f"  {text}" for text in findings["mindspore"]]
    lines.append("Environment")
    lines += [f"  {name}={text}" for name, text in findings["environment"].items()]
    return lines


def main(argv):
    parser = Arguments(__doc__)
    parser.add_argument("--json", default="", help="also write the findings to this file")
    parser.add_argument("--quick", action="store_true", help="no trial on devices that seem to be there")
    options = parser.parse_args(argv)
    findings = examine(options.quick)
    print("\n".join(report(findings)))
    if options.json:
        atomic_write(options.json, (json.dumps(findings, indent=2) + "\n").encode())
    return int(any(found["installed"] is None for found in findings["packages"].values()))


if __name__ == "__main__":
    run(main)
