"""The network for MindSpore Hub."""
import os
import sys

# The repository root, so that `common` and `openpose` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from openpose.src.network import OpenPose  # noqa: E402


def create_network(name, *args, **kwargs):
    """The network `openposenet`, of the arguments of `OpenPose`."""
    if name == "openposenet":
        return OpenPose(*args, **kwargs)
    raise NotImplementedError(f"{name} is not implemented in the repository")
