"""`mindspore_hub_conf.py` by the name that the original's README gives it."""
from openpose.mindspore_hub_conf import create_network

__all__ = ["create_network"]
