"""Poses and shapes of people in motion, without images: what the pose prior of HMR is trained with.

Read are
* `mosh_annot.h5` of pytorch_HMR: `pose` (N, 72), `shape` (N, 10);
* AMASS: folders of `*_poses.npz` (SMPL-H: `poses` (T, 156), `betas` (16,)) and `*_stageii.npz` (SMPL-X: (T, 165));
* MoSh pickles of the first HMR release: `poses` or `new_poses` (T, 72), `betas` (10,).

SMPL-H and SMPL-X share SMPL's first 22 joints; SMPL's two hand joints become zero, and shapes keep ten numbers. Where
the axes of the room point differs between the sources, so the root's rotation has no common meaning.
Sources: MandyMo/pytorch_HMR `mosh_dataloader.py`, akanazawa/hmr `smpl_to_tfrecords.py`, the AMASS file layout.
"""
import os
from typing import NamedTuple

import numpy as np

from common.data.readers.annotation_files import existing, load_h5
from common.data.readers.checks import dictionary, member, numbers, read_npz
from common.data.restricted_pickle import load_pickle
from common.errors import UserError

# Pose values of one frame -> body model. All begin with root and 21 body joints.
_POSE_SIZES = {72: "SMPL", 156: "SMPL-H", 165: "SMPL-X"}
_BODY = 66  # values of root and body joints
FRAME_RATE_KEYS = ("mocap_framerate", "mocap_frame_rate")


class PosePrior(NamedTuple):
    """pose (N, 72) float32, axis-angle, radians, root first; beta (N, 10) float32."""

    pose: np.ndarray
    beta: np.ndarray


def read_mosh(path: str | os.PathLike, frames_per_second: float = 10.0) -> PosePrior:
    """Read one file or all files below a folder -> sequences in the order of their paths.

    Args:
        path (str): `.h5`, `.npz` or `.pkl`, or a folder of npz and pkl files (sub-folders included).
        frames_per_second (float): sequences that know their rate are thinned to about this; neighbouring frames of
            120 per second are nearly equal.

    Raises:
        UserError: nothing there, a damaged file, or arrays of other shapes.
    """
    path = str(path)
    if not os.path.isdir(path):
        parts = [_read_file(path, frames_per_second)]
    else:
        found = sorted(os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names
                       if name.endswith((".npz", ".pkl")))
        # AMASS keeps the shape of a person in a file of its own, without motion.
        parts = [_read_file(name, frames_per_second) for name in found if not name.endswith("shape.npz")]
        if os.path.exists(os.path.join(path, "mosh_annot.h5")):
            parts.insert(0, _read_file(os.path.join(path, "mosh_annot.h5"), frames_per_second))
    if not parts:
        raise UserError(f"{path} holds no mosh_annot.h5, npz or pkl files; unpack the motion capture data there")
    return PosePrior(*(np.concatenate(column) for column in zip(*parts)))


def _read_file(path: str, frames_per_second: float) -> PosePrior:
    if path.endswith((".h5", ".hdf5")):
        content = load_h5(path, ("pose", "shape"), hint="make it from motion capture data, or use AMASS")
        pose = numbers(content["pose"], (None, 72), f"{path}: pose")
        beta = numbers(content["shape"], (None, 10), f"{path}: shape")
        return PosePrior(pose.astype(np.float32), beta.astype(np.float32))
    if path.endswith(".npz"):
        content = read_npz(path)
    else:
        content = _read_pickle(path)
    return _sequence(content, path, frames_per_second)


def _read_pickle(path: str) -> dict:
    with open(existing(path, "name another file"), "rb") as stream:
        return dictionary(load_pickle(stream, path), path)


def _sequence(content: dict, path: str, frames_per_second: float) -> PosePrior:
    key = next((key for key in ("new_poses", "poses") if key in content), "poses")
    poses = np.asarray(member(content, key, path))
    if poses.ndim != 2 or poses.shape[1] not in _POSE_SIZES:
        known = ", ".join(f"{size} ({name})" for size, name in _POSE_SIZES.items())
        raise UserError(f"{path}: {key} has the shape {poses.shape}; rows of {known} values are read")
    poses = numbers(poses, (None, poses.shape[1]), f"{path}: {key}")
    betas = numbers(member(content, "betas", path), (None,), f"{path}: betas")
    if len(betas) < 10:
        raise UserError(f"{path}: betas holds {len(betas)} numbers; at least 10 are needed")
    rate = next((float(numbers(content[name], (), f"{path}: {name}")) for name in FRAME_RATE_KEYS if name in content),
                frames_per_second)
    poses = poses[::max(1, round(rate / frames_per_second))]
    pose = np.zeros((len(poses), 72), np.float32)
    kept = 72 if poses.shape[1] == 72 else _BODY
    pose[:, :kept] = poses[:, :kept]
    return PosePrior(pose, np.tile(betas[:10].astype(np.float32), (len(pose), 1)))
