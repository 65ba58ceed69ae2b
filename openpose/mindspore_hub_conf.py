"""The network for MindSpore Hub."""
from openpose.src.network import OpenPose


def create_network(name, *args, **kwargs):
    """The network `openposenet`.

    Args:
        name (str): openposenet.
        args, kwargs: of `OpenPose`.

    Raises:
        NotImplementedError: another name.
    """
    if name == "openposenet":
        return OpenPose(*args, **kwargs)
    raise NotImplementedError(f"{name} is not implemented in the repository")
