"""Environment variables that have to stand before mindspore is imported; a value that the user set is kept."""
import os

DEFAULTS = {
    # On CPUs with AVX-512, oneDNN's dispatch sends MindSpore's 3x3 convolutions to a reference kernel
    # (100 times slower); with AVX2 every convolution finds a compiled kernel and matrix products lose nothing.
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    # Else the Python thread waits busily for each compiled call and takes one core from the computation.
    "MS_DEV_HOST_BLOCKING_RUN": "1",
    # Errors only: the framework's warnings are for its developers. Set GLOG_v=2 or 1 to see them.
    "GLOG_v": "3",
}


def prepare():
    """Set `DEFAULTS` where the user did not."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
