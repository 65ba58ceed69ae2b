"""`mindspore_hub_conf.py` by the name that the original's README gives it."""
import os
import sys

# The repository root, so that `common` and `openpose` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from openpose.mindspore_hub_conf import create_network  # noqa: E402

__all__ = ["create_network"]
