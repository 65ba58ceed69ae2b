"""GPU and Ascend have a kernel for every operator of a model, as far as that can be known without them."""
import platform

import pytest

from tools.lab.audit_operators import TARGETS, examine, graphs_of, judge
from tools.lab.gpu_dry_compile import build_stubs, missing_tools


def missing_kernels(model, stubs):
    """What is missing on either target, for the tests: one compilation per graph serves both.

    Args:
        model (str): as on the command line.
        stubs (str): stub CUDA libraries; None leaves GPU out.

    Returns:
        list[str]: one line per missing kernel; empty when all is well.
    """
    lines = []
    for source in graphs_of(model):
        primitives, result = examine(source, stubs)
        for target in TARGETS if stubs else ("Ascend",):
            lines += [f"{source} on {target}: {found.primitive}: {found.evidence}"
                      for found in judge(primitives, result, target) if not found.supported]
    return lines


@pytest.mark.gpu
@pytest.mark.full
@pytest.mark.parametrize("model", ("pose_baseline", "openpose", "hmr", "cmr", "hand4whole"))
def test_no_kernel_is_missing(model, tmp_path):
    stubs = None
    if not missing_tools() and platform.machine() == "x86_64":
        stubs = tmp_path / "cuda"
        build_stubs(stubs)
    assert missing_kernels(model, stubs) == []
