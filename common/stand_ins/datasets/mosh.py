"""Sample poses and shapes in the layouts of MoSh and AMASS: what the pose prior of HMR is trained with.

Written are `mosh_annot.h5` (`pose` (N, 72), `shape` (N, 10), float32) and a few sequences of AMASS's SMPL-H layout,
`amass/SyntheticMotion/subject<n>/<n>_poses.npz`: `poses` (T, 156), `betas` (16,), `trans` (T, 3), `dmpls` (T, 8),
`gender`, `mocap_framerate`, z up.
"""
import os

import numpy as np

from common.files import atomic_path
from common.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from common.stand_ins.body.prior import sample_poses, sample_shapes
from common.stand_ins.datasets.annotations import write_h5

DEFAULT_NUM = 2000
FRAME_RATE = 120.0
SECONDS_PER_MOVE = 1.5
# AMASS's z axis points up, SMPL's y axis does.
_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def add_arguments(group):
    """Options beside --output_dir, --seed and --num (here: poses of mosh_annot.h5)."""
    group.add_argument("--sequences", type=int, default=4, help="AMASS sequences of 6 seconds (default: 4)")


def make(args):
    """Write both layouts; returns a line that says what was written."""
    num = args.num or DEFAULT_NUM
    rng = np.random.default_rng([args.seed, 0])
    write_h5(os.path.join(args.output_dir, "mosh_annot.h5"),
             {"pose": sample_poses(rng, num, "smpl"), "shape": sample_shapes(rng, num)})
    for number in range(args.sequences):
        _save_sequence(os.path.join(args.output_dir, "amass", "SyntheticMotion", f"subject{number + 1}",
                                    f"{number + 1:02d}_poses.npz"), np.random.default_rng([args.seed, 1, number]))
    return f"{args.output_dir}: {num:,} poses and {args.sequences} AMASS sequences"


def _save_sequence(path, rng):
    keys = sample_poses(rng, 5, "smplx")
    # SMPL-H: root and body, left hand, right hand; SMPL-X has jaw and eyes in between.
    keys = np.concatenate([keys[:, :66], keys[:, 75:]], 1).astype(np.float64)
    frames = int((len(keys) - 1) * SECONDS_PER_MOVE * FRAME_RATE)
    poses = _smooth(keys, frames)
    poses[:, :3] = matrix_to_axis_angle(_Z_UP @ axis_angle_to_matrix(poses[:, :3]))
    trans = _smooth(rng.normal(0.0, 0.3, (len(keys), 3)) * (1.0, 1.0, 0.05), frames)
    betas = np.concatenate([sample_shapes(rng, 1)[0], np.zeros(6)])
    with atomic_path(path) as temporary:
        np.savez(temporary, poses=poses, betas=betas, trans=trans, dmpls=np.zeros((frames, 8)), gender="neutral",
                 mocap_framerate=FRAME_RATE)


def _smooth(keys, frames):
    """Rows (K, D) with eased moves between them, (frames, D)."""
    place = np.linspace(0.0, len(keys) - 1.0, frames, endpoint=False)
    first = place.astype(int)
    part = place - first
    eased = (part * part * (3.0 - 2.0 * part))[:, None]
    return (1.0 - eased) * keys[first] + eased * keys[first + 1]
