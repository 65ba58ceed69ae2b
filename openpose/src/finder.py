"""A trained people finder for other programs: one call from a checkpoint to a function of images."""
from openpose.src.build import build_finder, load_trained
from openpose.src.config import read_settings


def load_finder(ckpt_file):
    """The people finder of a checkpoint, with the settings that it suggests.

    Args:
        ckpt_file (str): checkpoint of openpose.

    Returns:
        PeopleFinder

    Raises:
        UserError: no such file, or no weights of openpose.
    """
    network, config, skeleton, _ = load_trained(read_settings(["--ckpt_file", ckpt_file]), "--openpose_ckpt")
    return build_finder(network, config, skeleton)
