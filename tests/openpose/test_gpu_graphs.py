"""Every operator of OpenPose has a GPU kernel: shown without a GPU, by compiling over stub libraries."""
import pathlib
import platform

import pytest

from tools import gpu_dry_compile

GRAPHS = pathlib.Path(__file__).with_name("gpu_graphs.py")


@pytest.mark.gpu
@pytest.mark.slow
@pytest.mark.skipif(bool(gpu_dry_compile.missing_tools()) or platform.machine() != "x86_64",
                    reason="needs gcc and nm on x86-64")
def test_all_kernels_on_gpu(tmp_path):
    gpu_dry_compile.build_stubs(tmp_path / "cuda")
    for name in ("training", "mixed_precision_training", "inference"):
        result = gpu_dry_compile.dry_compile(f"{GRAPHS}:{name}", tmp_path / "cuda")
        assert result.passed, str(result)
