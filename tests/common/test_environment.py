"""The environment before mindspore: variables that the user did not set, and CUDA packages made ready (over stubs)."""
import os
import pathlib
import platform
import subprocess
import sys

import pytest

from common import environment
from tools.lab import gpu_dry_compile

ROOT = pathlib.Path(__file__).resolve().parents[2]
GPU_VARIABLES = ("CUDA_HOME", "LD_LIBRARY_PATH", "DEVICE_TARGET", "CUDA_VISIBLE_DEVICES", "MS_ROLE")

needs_compiler = pytest.mark.skipif(
    bool(gpu_dry_compile.missing_tools()) or platform.machine() != "x86_64", reason="needs gcc and nm on x86-64")


def test_defaults_give_way_to_the_user(monkeypatch):
    monkeypatch.setenv("GLOG_v", "2")
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    monkeypatch.setattr(environment, "prepare_cuda", lambda: False)
    environment.prepare()
    assert os.environ["GLOG_v"] == "2"
    assert os.environ["ONEDNN_MAX_CPU_ISA"] == "AVX2"


@pytest.mark.parametrize("argv, variables, target", [
    (["train.py"], {}, ""),
    (["train.py", "--device_target", "cpu"], {}, "CPU"),
    (["train.py", "--device_target=GPU", "--seed", "1"], {"DEVICE_TARGET": "CPU"}, "GPU"),
    (["train.py", "--device_target"], {}, ""),
    (["pytest"], {"DEVICE_TARGET": "Ascend"}, "ASCEND"),
])
def test_wanted_target(argv, variables, target):
    assert environment.wanted_target(argv, variables) == target


@pytest.mark.parametrize("target, asked", [
    ("", True), ("auto", True), ("GPU", True), ("CPU", False), ("Ascend", False)])
def test_cuda_is_prepared_only_for_runs_that_may_use_it(monkeypatch, target, asked):
    calls = []
    monkeypatch.setattr(environment, "prepare_cuda", lambda: calls.append(1))
    monkeypatch.setattr(sys, "argv", ["train.py"])
    monkeypatch.setenv("DEVICE_TARGET", target)
    environment.prepare()
    assert bool(calls) == asked


def test_own_cuda_home_is_left_alone(monkeypatch):
    monkeypatch.setenv("CUDA_HOME", "/usr/local/cuda-11.6")
    monkeypatch.setattr(environment, "find_cuda_libraries", lambda: pytest.fail("looked for the packages"))
    assert environment.prepare_cuda() is False


def test_version_script_answers_with_a_release():
    answer = subprocess.run([environment.CUDA_HOME / "bin" / "nvcc", "--version"], capture_output=True, text=True)
    assert answer.returncode == 0
    assert "release 11.6," in answer.stdout


@pytest.fixture(scope="module")
def stubs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stubs") / "cuda"
    gpu_dry_compile.build_stubs(folder)
    return folder / "lib64"


@pytest.fixture(scope="module")
def packages(stubs, tmp_path_factory):
    """A site-packages with the nvidia-*-cu11 layout."""
    site = tmp_path_factory.mktemp("site")
    for folder, name in environment.CUDA_LIBRARIES:
        (site / "nvidia" / folder / "lib").mkdir(parents=True, exist_ok=True)
        (site / "nvidia" / folder / "lib" / name).symlink_to(stubs / name)
    return site


@pytest.fixture(scope="module")
def driver(stubs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("driver")
    (folder / environment.DRIVER_LIBRARY).symlink_to(stubs / environment.DRIVER_LIBRARY)
    return folder


def python(code, **variables):
    """The output of a Python program in an environment without GPU settings, run at the repository root."""
    clean = {name: value for name, value in os.environ.items() if name not in GPU_VARIABLES}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT,
                          env={**clean, **{name: str(value) for name, value in variables.items()}})
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_compiler
def test_incomplete_packages_are_not_used(packages, driver, tmp_path):
    (tmp_path / "nvidia" / "cudnn" / "lib").mkdir(parents=True)
    (tmp_path / "nvidia" / "cudnn" / "lib" / "libcudnn.so.8").touch()
    code = "import os, common; print(os.environ.get('CUDA_HOME'))"
    assert python(code, PYTHONPATH=tmp_path, LD_LIBRARY_PATH=driver) == "None\n"
    assert python(code, PYTHONPATH=packages, LD_LIBRARY_PATH="") == "None\n", "without a driver"
    assert python(code, PYTHONPATH=packages, LD_LIBRARY_PATH=driver, DEVICE_TARGET="CPU") == "None\n"
    assert python(code, PYTHONPATH=packages, LD_LIBRARY_PATH=driver) == f"{environment.CUDA_HOME}\n"


@needs_compiler
@pytest.mark.gpu
def test_mindspore_loads_its_gpu_plugin_from_the_packages(packages, driver):
    code = ("import os, common, mindspore as ms\n"
            "ms.set_device('GPU')\n"
            "print(ms.get_context('device_target'), flush=True)\n"
            "os._exit(0)")
    assert python(code, PYTHONPATH=packages, LD_LIBRARY_PATH=driver) == "GPU\n"


@needs_compiler
@pytest.mark.gpu
def test_probe_is_not_deceived_by_a_gpu_that_computes_nothing(packages, driver):
    code = "from common.engine.devices import probe; found = probe('GPU'); print(found.usable, found.reason)"
    answer = python(code, PYTHONPATH=packages, LD_LIBRARY_PATH=driver)
    assert answer.startswith("False 1 GPU(s), driver for CUDA 11.8, but a trial failed: "), answer


@needs_compiler
def test_probe_names_what_is_missing(packages, driver):
    code = "from common.engine.devices import probe; print(probe('GPU').reason)"
    assert "scripts/setup.sh --gpu" in python(code, LD_LIBRARY_PATH=driver)
    assert "no NVIDIA driver (libcuda.so.1" in python(code, PYTHONPATH=packages)
