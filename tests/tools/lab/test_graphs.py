"""GPU and Ascend have a kernel for every operator of a model, as far as that can be known without them."""
import platform

import pytest

from tools.audit_operators import missing_kernels
from tools.lab.gpu_dry_compile import build_stubs, missing_tools


@pytest.mark.gpu
@pytest.mark.full
@pytest.mark.parametrize("model", ("pose_baseline", "openpose", "hmr", "cmr", "hand4whole"))
def test_no_kernel_is_missing(model, tmp_path):
    stubs = None
    if not missing_tools() and platform.machine() == "x86_64":
        stubs = tmp_path / "cuda"
        build_stubs(stubs)
    assert missing_kernels(model, stubs) == []
