"""Training and inference graphs compile for GPU with a GPU kernel for each operator (without a GPU: nothing runs)."""
import platform
from pathlib import Path

import pytest

from tools import gpu_dry_compile

GRAPHS = Path(__file__).with_name("gpu_graphs.py")

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(
    bool(gpu_dry_compile.missing_tools()) or platform.machine() != "x86_64", reason="needs gcc and nm on x86-64")]


@pytest.fixture(scope="module")
def stubs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stubs") / "cuda"
    gpu_dry_compile.build_stubs(folder)
    return folder


@pytest.mark.parametrize("graph", ["train_step", "mixed_precision_step", "repeated_step", "inference"])
def test_graphs_compile_for_gpu(stubs, graph):
    result = gpu_dry_compile.dry_compile(f"{GRAPHS}:{graph}", stubs)
    assert result.passed, str(result)
