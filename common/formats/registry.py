"""The files of other programs that a person's motion can be written as: one module each, one table."""
import logging
import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

from common.errors import UserError
from common.files import atomic_write
from common.formats.amass import amass_bytes
from common.formats.bvh import bvh_bytes
from common.formats.csv_table import csv_bytes
from common.formats.motion import Motion
from common.formats.rigged_glb import glb_bytes
from common.formats.trc import trc_bytes

LOGGER = logging.getLogger("mindhuman")


class MotionFormat(NamedTuple):
    """Ending of the file, what makes its bytes of a `Motion`, the field that must be known, frames of one length."""

    ending: str
    make: Callable
    field: str
    even: bool


MOTION_FORMATS = {
    "amass": MotionFormat("_amass.npz", amass_bytes, "body", True),
    "bvh": MotionFormat(".bvh", bvh_bytes, "skeleton", True),
    "rig": MotionFormat("_rig.glb", glb_bytes, "skin", False),
    "trc": MotionFormat(".trc", trc_bytes, "j3d", True),
    "csv": MotionFormat(".csv", csv_bytes, "j3d", False),
}
_NEEDS = {"body": "parameters of a body model", "skin": "body model", "skeleton": "whole skeleton"}


def write_motion(folder: str, motion: Motion, formats: Iterable[str]) -> list:
    """Write a person's motion -> the paths, `<motion.name><ending>` of each format.

    Args:
        folder: made when missing.
        motion: the person.
        formats: names; those that are not in `MOTION_FORMATS` are not looked at.

    Raises:
        UserError: a format needs what people of this model lack.
    """
    wanted = [(name, MOTION_FORMATS[name]) for name in formats if name in MOTION_FORMATS]
    for name, format_ in wanted:
        if getattr(motion, format_.field) is None:
            raise UserError(f"--formats {name}: {motion.model} gives no {_NEEDS[format_.field]}, which such a file "
                            "holds; leave it out")
    even = motion.evenly() if any(format_.even for _, format_ in wanted) else motion
    added = len(even.time_s) - len(motion.time_s)
    if added > 0:
        LOGGER.info("%s: not seen in %d frames, which are interpolated in %s", motion.name, added,
                    ", ".join(name for name, format_ in wanted if format_.even))
    paths = []
    for _, format_ in wanted:
        paths.append(os.path.join(folder, motion.name + format_.ending))
        atomic_write(paths[-1], format_.make(even if format_.even else motion))
    return paths
