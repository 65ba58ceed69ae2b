"""Sample data in the format of Human3.6M: seven people, fifteen actions twice, four cameras.

Written are `metadata.xml` (cameras) and either `S<n>/MyPoseFeatures/D3_Positions/<Action>[ 1].cdf` (variable `Pose`,
(1, frames, 96) float32, world mm, z up) or VideoPose3D's `data_3d_h36m.npz` and `data_2d_h36m_gt.npz` (metres, pixels).
On demand noisy 2D detections in Stacked Hourglass form come beside them.
Sources of the formats: una-dinosauria/3d-pose-baseline `data_utils.py` and `cameras.py`, facebookresearch/VideoPose3D
`data/`.
"""
import argparse
import os

import numpy as np
from tqdm import tqdm

from common.data.readers.human36m import CAMERA_NAMES, SUBJECTS, TEST_SUBJECTS
from common.errors import UserError
from common.files import atomic_path, atomic_write
from common.geometry.camera import Camera, project, world_to_camera
from common.joints import index_map
from common.stand_ins.datasets.actions import ACTIONS
from common.stand_ins.datasets.figure import make_body, pose_body, unit
from common.stand_ins.datasets.perform import perform
from common.stand_ins.datasets.varied import varied_poses

# Stature in mm before a random centimetre or two.
STATURES = {1: 1680.0, 5: 1630.0, 6: 1790.0, 7: 1840.0, 8: 1750.0, 9: 1710.0, 11: 1780.0}
# Frames per sequence: with four cameras 150 training sequences then give 72,000 poses.
DEFAULT_FRAMES = 120
# Frames of all training and all test sequences of the real dataset.
REAL_FRAMES = {"train": 389938, "test": 135836}
# A detector's error per coordinate.
DETECTION_NOISE_PX = 6.0


def add_arguments(group):
    """Options beside --output_dir, --seed and --num (here: frames per sequence)."""
    group.add_argument("--subjects", type=_subjects, default=SUBJECTS,
                       help="people to write, of 1,5,6,7,8,9,11 (default: all)")
    group.add_argument("--fps", type=float, default=10.0, help="frames per second of the motion (default: 10)")
    group.add_argument("--layout", choices=("cdf", "npz"), default="cdf",
                       help="cdf: the dataset's own tree; npz: the two files of VideoPose3D (default: cdf)")
    group.add_argument("--varied", action="store_true",
                       help="every few frames of the training subjects show another person in another pose, for "
                            "training that has to carry over to real people; no motion to watch")
    group.add_argument("--detections", action="store_true",
                       help=f"also write 2D detections: the truth with a noise of {DETECTION_NOISE_PX:g} px")
    group.add_argument("--full_size", action="store_true",
                       help="as many frames as the real dataset (1,559,752 training and 543,344 test poses), at 50 per "
                            f"second; otherwise --num frames per sequence (default: {DEFAULT_FRAMES})")


def make(args):
    """Write the dataset that parsed arguments describe; returns a line that says what was written."""
    if args.full_size and (args.num is not None or args.subjects != SUBJECTS):
        raise UserError("--full_size sets the number of frames of all subjects; drop --num and --subjects")
    if not 0.0 < args.fps <= 200.0:
        raise UserError(f"--fps is {args.fps:g}; give a rate between 0 and 200")
    if args.full_size:
        counts, fps = full_size_counts(args.seed), 50.0
    else:
        counts, fps = dict.fromkeys(_sequences(args.subjects), args.num or DEFAULT_FRAMES), args.fps
    writer = {"cdf": _CdfWriter, "npz": _NpzWriter}[args.layout](args.output_dir, args.seed, args.detections)
    atomic_write(os.path.join(args.output_dir, "metadata.xml"), metadata(args.seed).encode())
    for key, frames in tqdm(counts.items(), desc="sequences", disable=None):
        writer.add(*key, (varied_sequence(*key, args.seed, frames)
                          if args.varied and key[0] not in TEST_SUBJECTS else sequence(*key, args.seed, frames, fps)))
    writer.close()
    frames = {split: sum(count for (subject, _, _), count in counts.items()
                         if (subject in TEST_SUBJECTS) == (split == "test")) for split in ("train", "test")}
    return (f"{args.output_dir}: {len(counts)} sequences of {len(args.subjects)} people; with 4 cameras "
            f"{4 * frames['train']:,} training and {4 * frames['test']:,} test poses")


def full_size_counts(seed):
    """Frames per (subject, action, take) that add up to the real dataset's numbers, `REAL_FRAMES`."""
    counts = {}
    for split, total in REAL_FRAMES.items():
        keys = [key for key in _sequences(SUBJECTS) if (key[0] in TEST_SUBJECTS) == (split == "test")]
        weights = np.random.default_rng([seed, len(keys)]).uniform(0.5, 1.5, len(keys))
        ends = np.rint(np.cumsum(weights) / weights.sum() * total).astype(int)
        counts.update(zip(keys, np.diff(ends, prepend=0).tolist()))
    return counts


def sequence(subject, action, take, seed, frames, fps):
    """One performance.

    Args:
        subject (int): one of `SUBJECTS`: who performs.
        action (str): one of `actions.ACTIONS`.
        take (int): 0 or 1.
        seed (int): of the dataset.
        frames (int): how many; a longer sequence may differ from the first frame on.
        fps (float): frames per second.

    Returns:
        numpy.ndarray: (frames, 32, 3) float32, world mm, z up.
    """
    rng = np.random.default_rng([seed, subject, ACTIONS.index(action), take])
    posture = perform(rng, person(subject, seed), action, take, np.arange(frames) / fps)
    return pose_body(person(subject, seed), posture).astype(np.float32)


def varied_sequence(subject, action, take, seed, frames):
    """Poses (frames, 32, 3) float32, world mm, z up, of many people; the action is a name only."""
    return varied_poses(np.random.default_rng([seed, subject, ACTIONS.index(action), take, 2]), frames)


def person(subject, seed):
    """The `BoneLengths` of a subject: the same in all of its sequences."""
    rng = np.random.default_rng([seed, subject])
    return make_body(rng, STATURES[subject] + rng.uniform(-15.0, 15.0))


def cameras(subject, seed):
    """The four `Camera`s around a subject: near the corners of the room, 1000 x 1000 px, with distortion.

    Intrinsics are the same for all subjects; extrinsics differ a little, as if the rig had been set up again.
    """
    lens_rng, rng = np.random.default_rng([seed, 100]), np.random.default_rng([seed, 101, subject])
    rig = []
    for name, azimuth in zip(CAMERA_NAMES, np.deg2rad([70.0, -70.0, 110.0, -110.0])):
        focal = lens_rng.normal(1146.5, 1.5, 2)
        centre = np.array([512.0, 508.0]) + lens_rng.uniform(-4.0, 4.0, 2)
        radial = np.array([-0.207, 0.246, -0.0015]) + lens_rng.uniform(-1.0, 1.0, 3) * [0.008, 0.008, 0.002]
        tangential = np.array([-0.0009, -0.0014]) + lens_rng.uniform(-0.0006, 0.0006, 2)
        azimuth += rng.normal(0.0, 0.05)
        distance = rng.uniform(5200.0, 5600.0)
        place = np.array([distance * np.cos(azimuth), distance * np.sin(azimuth), rng.uniform(1450.0, 1650.0)])
        forward = unit(np.array([*rng.uniform(-120.0, 120.0, 2), 900.0]) - place)
        right = unit(np.cross(forward, [0.0, 0.0, 1.0]))
        roll = rng.normal(0.0, 0.012)
        down = np.cross(forward, right)
        rolled = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]]) @ np.stack([right, down])
        rig.append(Camera(np.vstack([rolled, forward]), place, focal, centre, radial, tangential, name))
    return rig


def _angles(rotation):
    """The three angles a with rotation = Rx(a0) Ry(a1) Rz(a2), radians."""
    return np.array([np.arctan2(-rotation[1, 2], rotation[2, 2]), np.arcsin(rotation[0, 2]),
                     np.arctan2(-rotation[0, 1], rotation[0, 0])])


def metadata(seed):
    """Text of `metadata.xml`: element `w0` holds the extrinsics of 4 cameras x 11 subjects, then 4 intrinsics."""
    rigs = [cameras(subject, seed) for subject in range(1, 12)]
    numbers = [np.concatenate([_angles(rig[camera].rotation), rig[camera].translation])
               for camera in range(4) for rig in rigs]
    numbers += [np.concatenate([camera.focal, camera.centre_px, camera.radial, camera.tangential])
                for camera in rigs[0]]
    rows = [["", "", *(f"S{subject}" for subject in range(1, 12))]]
    rows += [[str(number + 2), str(take + 1), *[f"{action} {take}" if take else action] * 11]
             for number, action in enumerate(ACTIONS) for take in (0, 1)]
    mapping = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    names = "".join(f"<name>{action}</name>" for action in ACTIONS)
    ids = "".join(f"<camera>{name}</camera>" for name in CAMERA_NAMES)
    values = " ".join(f"{number:.12g}" for number in np.concatenate(numbers))
    return (f'<?xml version="1.0" encoding="utf-8"?>\n<metadata>\n<mapping>\n{mapping}\n</mapping>\n'
            f"<actionnames>{names}</actionnames>\n<dbcameras><index2id>{ids}</index2id></dbcameras>\n"
            f"<w0>[{values}]</w0>\n</metadata>\n")


class _CdfWriter:
    """The dataset's own tree, file by file."""

    def __init__(self, folder, seed, detections):
        self._folder, self._seed, self._detections = folder, seed, detections

    def add(self, subject, action, take, poses):
        home = os.path.join(self._folder, f"S{subject}")
        name = f"{action} {take}" if take else action
        _write_cdf(os.path.join(home, "MyPoseFeatures", "D3_Positions", f"{name}.cdf"), poses)
        if not self._detections:
            return
        for camera, points in _detections(subject, action, take, poses, self._seed):
            # One video of the original is damaged, so nobody has detections for it.
            if (subject, action, take, camera.name) != (11, "Directions", 0, CAMERA_NAMES[0]):
                path = os.path.join(home, "StackedHourglass", f"{name.replace(' ', '_')}.{camera.name}.h5")
                _write_h5(path, points)

    def close(self):
        pass


class _NpzWriter:
    """VideoPose3D's files: everything in dictionaries, written at the end; S11 Directions is left out as there."""

    # Left and right joints of Human3.6M's 17 and of Stacked Hourglass' 16 joints.
    _TRUTH = {"layout_name": "h36m", "num_joints": 17,
              "keypoints_symmetry": [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]}
    _HOURGLASS = {"num_joints": 16, "keypoints_symmetry": [[3, 4, 5, 13, 14, 15], [0, 1, 2, 10, 11, 12]]}

    def __init__(self, folder, seed, detections):
        self._folder, self._seed, self._with_detections = folder, seed, detections
        self._poses, self._truth, self._detections = {}, {}, {}

    def add(self, subject, action, take, poses):
        person, name = f"S{subject}", f"{action} {take}" if take else action
        if (person, name) == ("S11", "Directions"):
            return
        self._poses.setdefault(person, {})[name] = poses / np.float32(1000.0)
        joints = poses[:, index_map("h36m_32", "h36m_17")]
        self._truth.setdefault(person, {})[name] = [
            project(world_to_camera(joints, camera), camera).astype(np.float32)
            for camera in cameras(subject, self._seed)]
        if self._with_detections:
            self._detections.setdefault(person, {})[name] = [
                points for _, points in _detections(subject, action, take, poses, self._seed)]

    def close(self):
        _write_npz(os.path.join(self._folder, "data_3d_h36m.npz"), positions_3d=self._poses)
        _write_npz(os.path.join(self._folder, "data_2d_h36m_gt.npz"), positions_2d=self._truth, metadata=self._TRUTH)
        if self._with_detections:
            _write_npz(os.path.join(self._folder, "data_2d_h36m_sh_pt_mpii.npz"), positions_2d=self._detections,
                       metadata=self._HOURGLASS)


def _detections(subject, action, take, poses, seed):
    """(camera, (T, 16, 2) float32 pixels) for each camera: the projection with noise, in Stacked Hourglass' order."""
    rng = np.random.default_rng([seed, subject, ACTIONS.index(action), take, 1])
    joints = poses[:, index_map("h36m_32", "hourglass_16")]
    for camera in cameras(subject, seed):
        pixels = project(world_to_camera(joints, camera), camera)
        yield camera, (pixels + rng.normal(0.0, DETECTION_NOISE_PX, pixels.shape)).astype(np.float32)


def _write_cdf(path, poses):
    from cdflib.cdfwrite import CDF  # here, so that the other layouts do not need it

    with atomic_path(path) as temporary:
        # Uncompressed, as gzip would put the time of day into the file.
        writer = CDF(temporary, cdf_spec={"Majority": "row_major", "Compressed": 0}, delete=True)
        writer.write_var({"Variable": "Pose", "Data_Type": CDF.CDF_FLOAT, "Num_Elements": 1, "Rec_Vary": True,
                          "Dim_Sizes": [len(poses), 96], "Var_Type": "zVariable", "Compress": 0},
                         var_data=poses.reshape(1, -1, 96))
        writer.close()


def _write_h5(path, points):
    import h5py

    with atomic_path(path) as temporary, h5py.File(temporary, "w") as stream:
        stream["poses"] = points


def _write_npz(path, **arrays):
    # Object arrays (pickles) are what this layout consists of.
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def _sequences(subjects):
    return [(subject, action, take) for subject in subjects for action in ACTIONS for take in (0, 1)]


def _subjects(text):
    try:
        subjects = tuple(int(part) for part in text.split(","))
    except ValueError:
        subjects = ()
    if not subjects or len(set(subjects)) < len(subjects) or not set(subjects) <= set(SUBJECTS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of some of {','.join(map(str, SUBJECTS))}")
    return subjects
