"""The dry compile accepts a graph that a GPU can run as a whole and refuses the others, without a GPU."""
import pathlib
import platform

import pytest

from common.errors import UserError
from tools.lab import gpu_dry_compile

GRAPHS = pathlib.Path(__file__).with_name("gpu_graphs.py")

needs_compiler = pytest.mark.skipif(
    bool(gpu_dry_compile.missing_tools()) or platform.machine() != "x86_64", reason="needs gcc and nm on x86-64")


@pytest.fixture(scope="module")
def stubs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stubs") / "cuda"
    gpu_dry_compile.build_stubs(folder)
    return folder


@needs_compiler
@pytest.mark.gpu
def test_training_graph_passes(stubs):
    result = gpu_dry_compile.dry_compile(f"{GRAPHS}:good_training", stubs)
    assert result.passed and not result.error
    assert str(result).startswith("ok")


@needs_compiler
@pytest.mark.gpu
def test_silent_back_off_is_refused(stubs):
    result = gpu_dry_compile.dry_compile(f"{GRAPHS}:backs_off", stubs)
    assert result.compiled and not result.passed
    assert result.backed_off == ("Cross",)


@needs_compiler
@pytest.mark.gpu
def test_operator_without_kernel_is_refused(stubs):
    result = gpu_dry_compile.dry_compile(f"{GRAPHS}:unsupported", stubs)
    assert not result.compiled and not result.passed
    assert "FFT" in result.error


@needs_compiler
@pytest.mark.gpu
def test_time_limit(stubs):
    result = gpu_dry_compile.dry_compile(f"{GRAPHS}:good", stubs, timeout=0.1)
    assert not result.passed
    assert "not finished" in result.error


def test_command_line_wants_factories():
    with pytest.raises(UserError, match="usage"):
        gpu_dry_compile.main(["module_without_function"])


def test_missing_compiler_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="gcc and nm"):
        gpu_dry_compile.build_stubs(tmp_path / "cuda")
