"""Sample data in the format of MPI-INF-3DHP: eight people, two sequences each, fourteen cameras, and a test set.

Written are the published tree (see `common.data.readers.mpi_inf_3dhp`) and beside it `annot.h5` of pytorch_HMR and
`annots.npz` with the same images once more below `image`.
"""
import os
import shutil

import numpy as np
from tqdm import tqdm

from common.data.readers.mpi_inf_3dhp import JOINTS, SEQUENCES, SUBJECTS, TEST_JOINTS, TEST_SEQUENCES
from common.files import atomic_path, atomic_write
from common.joints import index_map
from common.stand_ins.datasets.annotations import write_h5, write_mat
from common.stand_ins.datasets.capture import gather, image_side, project, ring_of_views
from common.stand_ins.datasets.image_files import write_image
from common.stand_ins.scenes.scene import photograph
from common.stand_ins.scenes.stage import furnish, make_stage

DEFAULT_NUM = 32
NUM_CAMERAS = 14
# Cameras whose images are written; annotations have all of them.
SHOWN = (0, 5)
TEST_SHARE = 4  # one test frame for so many training moments
FOCAL = 0.731  # of the image's width, as the original's 1497 of 2048 px
UNIVERSAL_MM = 920.0  # from knee to neck

_ROWS = {
    "spine3": ("smpl_24", "spine3"), "spine4": ("extra_14", "mpii_thorax"), "spine2": ("smpl_24", "spine2"),
    "spine": ("h36m_17", "spine"), "pelvis": ("h36m_17", "pelvis"), "head": ("extra_14", "head"),
    "clavicle": ("smpl_24", "collar"), "hand": ("smpl_24", "hand"), "foot": ("smpl_24", "foot"),
    "toe": ("landmarks_21", "big_toe"),
}


def add_arguments(group):
    """Options beside --output_dir, --seed and --num (here: moments; each is seen by two cameras)."""
    group.add_argument("--size", type=image_side, default=512,
                       help="side of the images in pixels (default: 512; the original: 2048)")


def make(args):
    """Write the data set; returns a line that says what was written."""
    num = args.num or DEFAULT_NUM
    places = [(subject, sequence) for sequence in SEQUENCES for subject in SUBJECTS]
    derived = _Derived(args.output_dir)
    for number, (subject, sequence) in enumerate(tqdm(places, desc="sequences", disable=None)):
        frames = len(range(number, num, len(places)))
        if frames:
            _write_sequence(args, subject, sequence, frames, derived)
    derived.close()
    tested = max(1, num // TEST_SHARE)
    for number, sequence in enumerate(TEST_SEQUENCES):
        frames = len(range(number, tested, len(TEST_SEQUENCES)))
        if frames:
            _write_test_sequence(args, sequence, frames)
    return f"{args.output_dir}: {num * len(SHOWN)} training and {tested} test images"


def _write_sequence(args, subject, sequence, frames, derived):
    rng = np.random.default_rng([args.seed, subject, sequence])
    size = (args.size, args.size)
    views = ring_of_views(rng, NUM_CAMERAS, size, FOCAL * args.size)
    home = os.path.join(args.output_dir, f"S{subject}", f"Seq{sequence}")
    atomic_write(os.path.join(home, "camera.calibration"), _calibration(views, args.size).encode())
    j3d = np.zeros((NUM_CAMERAS, frames, len(JOINTS), 3))
    for frame in range(frames):
        stage = furnish(rng, make_stage(rng, 1), views[0], size, 0.2)
        world = gather(stage.actors[0], [_row(name) for name in JOINTS])
        for camera, view in enumerate(views):
            j3d[camera, frame] = view.to_camera(world)
        for camera in SHOWN:
            name = f"S{subject}/Seq{sequence}/imageFrames/video_{camera}/frame_{frame + 1:06d}.jpg"
            write_image(os.path.join(args.output_dir, name), photograph(rng, stage, views[camera], size).image)
            derived.add(name, project(views[camera], j3d[camera, frame]), j3d[camera, frame])
    j2d = np.stack([project(view, points) for view, points in zip(views, j3d)])
    write_mat(os.path.join(home, "annot.mat"), {
        "annot2": _cells(j2d), "annot3": _cells(1e3 * j3d), "univ_annot3": _cells(_universal(1e3 * j3d)),
        "cameras": np.arange(NUM_CAMERAS)[None], "frames": np.arange(1, frames + 1)[:, None]})


def _row(joint):
    """Where the body model has a joint of the data set."""
    side, _, rest = joint.partition("_")
    if side in ("left", "right") and rest in _ROWS:
        point_set, name = _ROWS[rest]
        return point_set, f"{side}_{name}"
    return _ROWS.get(joint, ("lsp_14", joint))


def _cells(values):
    """(cameras, frames, J, D) as a cell array of (frames, J D) matrices."""
    cells = np.empty((len(values), 1), object)
    for camera, rows in enumerate(values):
        cells[camera, 0] = rows.reshape(len(rows), -1)
    return cells


def _universal(j3d_mm, joints=JOINTS):
    """The people scaled about the camera, so that neck and right knee are as far apart as in all others."""
    neck, knee = joints.index("neck"), joints.index("right_knee")
    length = np.linalg.norm(j3d_mm[..., neck, :] - j3d_mm[..., knee, :], axis=-1)
    return j3d_mm * (UNIVERSAL_MM / length)[..., None, None]


def _calibration(views, side):
    lines = ["Skeletool Camera Calibration File V1.0"]
    for number, view in enumerate(views):
        intrinsic, extrinsic = np.eye(4), np.eye(4)
        intrinsic[[0, 1], [0, 1]], intrinsic[:2, 2] = view.focal, view.principal
        extrinsic[:3, :3], extrinsic[:3, 3] = view.rotation, -1e3 * view.rotation @ view.centre
        lines += [f"name          {number}", "  sensor      10 10", f"  size        {side} {side}", "  animated    0"]
        for key, matrix in (("intrinsic", intrinsic), ("extrinsic", extrinsic)):
            lines.append(f"  {key}   " + " ".join(f"{value:.12g}" for value in matrix.reshape(-1)) + " ")
        lines.append("  radial      0")
    return "\n".join(lines) + "\n"


class _Derived:
    """The two files in which others keep this data set; small, so they are kept until the end."""

    def __init__(self, folder):
        self._folder, self._names, self._j2d, self._j3d = folder, [], [], []

    def add(self, name, j2d, j3d):
        copy = os.path.join(self._folder, "image", name)
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        shutil.copyfile(os.path.join(self._folder, name), copy)
        self._names.append(name)
        self._j2d.append(j2d.astype(np.float32))
        self._j3d.append(j3d.astype(np.float32))

    def close(self):
        order = index_map(JOINTS, "lsp_14")
        j2d, j3d = np.stack(self._j2d), np.stack(self._j3d)
        seen = np.ones((*j2d.shape[:2], 1), np.float32)
        write_h5(os.path.join(self._folder, "annot.h5"), {
            "gt2d": np.concatenate([j2d, seen], 2)[:, order].reshape(len(j2d), -1),
            "gt3d": j3d[:, order].reshape(len(j3d), -1),
            "imagename": np.array([f"/{name}".encode() for name in self._names])})
        content = {name: {"kp2d": flat, "kp3d": 1e3 * solid} for name, flat, solid in zip(self._names, j2d, j3d)}
        with atomic_path(os.path.join(self._folder, "annots.npz")) as temporary:
            np.savez_compressed(temporary, annots=content)  # a pickle is what this layout consists of


def _write_test_sequence(args, sequence, frames):
    rng = np.random.default_rng([args.seed, 100, sequence])
    size = (args.size, args.size)
    view = ring_of_views(rng, 1, size, FOCAL * args.size)[0]
    home = os.path.join(args.output_dir, "mpi_inf_3dhp_test_set", f"TS{sequence}")
    j3d = np.zeros((frames + 1, 1, len(TEST_JOINTS), 3))
    for frame in range(frames):
        stage = furnish(rng, make_stage(rng, 1), view, size, 0.2)
        j3d[frame, 0] = view.to_camera(gather(stage.actors[0], [_row(name) for name in TEST_JOINTS]))
        write_image(os.path.join(home, "imageSequence", f"img_{frame + 1:06d}.jpg"),
                      photograph(rng, stage, view, size).image)
    j3d[frames] = j3d[0]  # a frame that counts as invalid, as every sequence of the original has some
    write_h5(os.path.join(home, "annot_data.mat"), {
        "annot2": project(view, j3d), "annot3": 1e3 * j3d, "univ_annot3": _universal(1e3 * j3d, TEST_JOINTS),
        "activity_annotation": np.ones((frames + 1, 1)),
        "valid_frame": (np.arange(frames + 1) < frames).astype(np.float64)[:, None]})
