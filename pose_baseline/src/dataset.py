"""Human3.6M as arrays: normalised 2D poses, normalised 3D poses, and where each row comes from.

    dataset = load_dataset(config)
    dataset.train.inputs, dataset.train.targets, dataset.test.sequences, dataset.statistics

The first load reads every file once and keeps unnormalised float32 arrays in a cache, a file for each split, which is
found again as long as files and settings are the same; normalising takes seconds, so one cache serves the statistics of
every checkpoint. The layout (downloaded CDF tree, VideoPose3D npz) is found from what lies in the folder.
Source: una-dinosauria/3d-pose-baseline `data_utils.py`. Differs from it: world coordinates work, subjects and
recordings may be missing, sequences are in a fixed order.
"""
import contextlib
import fcntl
import hashlib
import json
import logging
import os
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from common.config import Config
from common.data.readers import human36m
from common.data.readers.stacked_hourglass import FOLDERS, HourglassDetections
from common.data.readers.videopose3d import POSES_FILE, PackedDetections, PackedPoses
from common.data.restricted_pickle import load_npz
from common.errors import UserError
from common.files import atomic_path, cache_folder, make_folder
from common.geometry.camera import project, world_to_camera
from common.joints import index_map
from pose_baseline.src.normalisation import (
    INPUT_JOINTS,
    NUM_JOINTS,
    OUTPUT_JOINTS,
    WIDTH_2D,
    WIDTH_3D,
    ColumnMoments,
    Statistics,
)

CACHE_FORMAT = 2  # raise it when what the cached arrays mean changes
BLOCK = 65536  # rows that are normalised at a time: 40 MB in float64

log = logging.getLogger("mindhuman")


class Sequence(NamedTuple):
    """Rows start..stop-1 of a split: one recording (`name`: `<Action>[ <number>]`) seen by one camera."""

    subject: int
    action: str
    name: str
    camera: str
    start: int
    stop: int


@dataclass(frozen=True)
class Split:
    """inputs (N, 32) and targets (N, 48 or 42), normalised, float32.

    sequences: sorted by (subject, action, file name), then by camera; together they cover all rows in order.
    """

    inputs: np.ndarray
    targets: np.ndarray
    sequences: tuple


@dataclass(frozen=True)
class Dataset:
    """train, test: `Split`, None where not asked for; and what they are normalised with."""

    train: Split | None
    test: Split | None
    statistics: Statistics


def load_dataset(config: Config, splits: Iterable[str] = ("train", "test"),
                 statistics: Statistics | None = None) -> Dataset:
    """Load Human3.6M.

    Args:
        config (Config): where the files and the cache lie; which action; `detections`, the source of 2D;
            `camera_frame`, 3D in the axes of each camera, otherwise in world axes, repeated for each camera;
            `predict_14`, targets of 14 joints (42 columns) in place of 16 (48).
        splits (sequence of str): of `train`, `test`. With `statistics` only the subjects of these are needed.
        statistics (Statistics): to normalise with, from a checkpoint; None computes them from the training subjects.

    Raises:
        UserError: something is missing, damaged or of another shape; the text names it.
    """
    if statistics is not None and statistics.predict_14 != config.predict_14:
        raise UserError(f"the checkpoint's statistics are for {14 if statistics.predict_14 else 17} joints: "
                        f"{'add' if statistics.predict_14 else 'drop'} --predict_14")
    source, ready = _DataFolder(config), {}
    # The training subjects come first, since their statistics may be needed.
    for split, subjects in (("train", human36m.TRAIN_SUBJECTS), ("test", human36m.TEST_SUBJECTS)):
        if split not in splits and (split == "test" or statistics is not None):
            continue
        arrays = source.arrays(split, subjects)
        if statistics is None:
            mean, std = arrays["statistics"]
            statistics = Statistics(mean[:WIDTH_2D], std[:WIDTH_2D], mean[WIDTH_2D:], std[WIDTH_2D:],
                                    config.predict_14)
        if split in splits:
            ready[split] = _normalised(arrays, statistics)
    return Dataset(ready.get("train"), ready.get("test"), statistics)


def open_poses(data_dir: str) -> PackedPoses | human36m.CdfTree:
    """The reader of the 3D layout that lies in `data_dir`."""
    if not os.path.isdir(data_dir):
        raise UserError(f"the data folder {data_dir} does not exist or is no folder: name the one that holds S1, S5, "
                        "... with --data_dir")
    packed = os.path.isfile(os.path.join(data_dir, POSES_FILE))
    has_tree = any(human36m.cdf_files(data_dir, subject) for subject in human36m.SUBJECTS)
    return PackedPoses(data_dir) if packed and not has_tree else human36m.CdfTree(data_dir)


class _DataFolder:
    """The files of one data folder under one set of settings, as cached arrays."""

    def __init__(self, config: Config):
        self._data_dir, self._camera_frame, self._kind = config.data_dir, config.camera_frame, config.detections
        self._actions = human36m.resolve_actions(config.action)
        self._poses = open_poses(self._data_dir)
        self._cameras_path = config.cameras_path or os.path.join(self._data_dir, "metadata.xml")
        self._cameras = human36m.read_cameras(self._cameras_path)
        self._detections: HourglassDetections | PackedDetections | None = None if self._kind == "gt" else (
            HourglassDetections if self._kind in FOLDERS else PackedDetections)(self._data_dir, self._kind)
        self._folder = _writable_folder(config.cache_dir or os.path.join(self._data_dir, "cache"))

    def arrays(self, split: str, subjects: tuple[int, ...]) -> dict[str, np.ndarray]:
        """Unnormalised arrays of one split, and its sequences as text, from the cache or read and cached."""
        recordings = self._poses.recordings(subjects, self._actions)
        if not recordings:
            raise UserError(f"no recordings of subjects {', '.join(map(str, subjects))} for the {split} split: looked "
                            f"for {os.path.join(self._data_dir, self._poses.looked_for)}; python "
                            f"tools/check_data.py pose_baseline --data_path {self._data_dir} lists what is there")
        _note_missing(recordings, subjects, self._actions)
        settings = [os.path.relpath(self._data_dir, self._folder), split, subjects, self._actions, self._camera_frame,
                    self._kind]
        path = os.path.join(self._folder, f"{split}-{_digest(settings)}.npz")
        key = self._key(recordings)
        with _lock(path):
            arrays = _load(path, key)
            if arrays is None:
                log.info("reading %d recordings of the %s split from %s", len(recordings), split, self._data_dir)
                arrays = self._read(recordings)
                write_cache(path, key, arrays)
        return arrays

    def _key(self, recordings: list[human36m.Recording]) -> str:
        files = self._poses.files(recordings)
        if self._detections:
            files = files + self._detections.files(recordings)
        # Name, size and time of change of every file: what tells whether a tree has changed.
        return _digest([[os.path.relpath(path, self._data_dir), status.st_size, status.st_mtime_ns]
                        for path in dict.fromkeys([*files, self._cameras_path]) for status in [os.stat(path)]])

    def _read(self, recordings: list[human36m.Recording]) -> dict[str, np.ndarray]:
        """Read every recording once: the arrays of all its views, recording by recording."""
        poses = [self._poses.read(recording) for recording in tqdm(recordings, "reading 3D poses", disable=None)]
        sequences = self._sequences(recordings, [len(frames) for frames in poses])
        moments_2d, moments_3d = ColumnMoments(WIDTH_2D), ColumnMoments(WIDTH_3D)
        inputs, targets = (np.empty((sequences[-1].stop, width), np.float32)
                           for width in (len(INPUT_JOINTS) * 2, len(OUTPUT_JOINTS) * 3))
        by_recording = {(recording.subject, recording.name): index for index, recording in enumerate(recordings)}
        for sequence in tqdm(sequences, "projecting", disable=None):
            index = by_recording[sequence.subject, sequence.name]
            pixels, joints = self._view(recordings[index], poses[index], sequence.camera)
            moments_2d.update(pixels.reshape(-1, WIDTH_2D))
            offsets = joints - joints[:, :1]
            moments_3d.update(offsets.reshape(-1, WIDTH_3D))
            place = slice(sequence.start, sequence.stop)
            inputs[place] = pixels[:, _INPUT_ROWS].reshape(len(pixels), -1)
            targets[place] = offsets[:, _OUTPUT_ROWS].reshape(len(pixels), -1)
        return {"inputs": inputs, "targets": targets, "sequences": np.array(sequences),
                "statistics": np.concatenate([moments_2d.result(), moments_3d.result()], axis=1)}

    def _sequences(self, recordings: list[human36m.Recording], lengths: list[int]) -> list[Sequence]:
        sequences, start = [], 0
        for recording, length in zip(recordings, lengths):
            cameras = self._detections.views(recording) if self._detections else human36m.CAMERA_NAMES
            for camera in cameras:
                sequences.append(Sequence(recording.subject, recording.action, recording.name, camera, start,
                                          start + length))
                start += length
        if not sequences:
            raise UserError(f"--detections {self._kind} has none of the recordings in {self._data_dir}")
        return sequences

    def _view(self, recording: human36m.Recording, world: np.ndarray,
              camera_name: str) -> tuple[np.ndarray, np.ndarray]:
        """2D (T, 32, 2) in px and 3D (T, 32, 3) in mm of one recording seen by one camera; float64."""
        camera = self._cameras[recording.subject][human36m.CAMERA_NAMES.index(camera_name)]
        seen = world_to_camera(world, camera)
        joints = seen if self._camera_frame else world.astype(np.float64)
        if not self._detections:
            return project(seen, camera), joints
        detected = self._detections.read(recording, camera_name)
        if len(detected) < len(world):
            raise UserError(f"--detections {self._kind}: S{recording.subject} {recording.name}, camera {camera_name} "
                            f"has {len(detected)} frames, its 3D poses have {len(world)}; get the matching files")
        pixels = np.zeros((len(world), NUM_JOINTS, 2))
        # Videos run on after motion capture ends.
        pixels[:, _INPUT_ROWS] = detected[:len(world)]
        return pixels, joints


_INPUT_ROWS = index_map("h36m_32", INPUT_JOINTS)
_OUTPUT_ROWS = index_map("h36m_32", OUTPUT_JOINTS)


def _note_missing(recordings: list[human36m.Recording], subjects: tuple[int, ...], actions: tuple[str, ...]) -> None:
    """One line about what a complete Human3.6M has and this folder has not: two recordings per subject and action."""
    counts = Counter((recording.subject, recording.action) for recording in recordings)
    few = [f"S{subject} {action} ({counts[subject, action]})"
           for subject in subjects for action in actions if counts[subject, action] < 2]
    if few:
        more = f" and {len(few) - 6} more" if len(few) > 6 else ""
        log.warning("the data set is partial: fewer than two recordings of %s%s", ", ".join(few[:6]), more)


def _normalised(arrays: dict[str, np.ndarray], statistics: Statistics) -> Split:
    """The split of unnormalised arrays; block by block, as it is done in float64."""
    rows = len(arrays["inputs"])
    inputs = np.empty((rows, len(statistics.use_2d)), np.float32)
    targets = np.empty((rows, len(statistics.use_3d)), np.float32)
    columns = index_map(OUTPUT_JOINTS, statistics.output_joints)[:, None] * 3 + np.arange(3)
    for start in range(0, rows, BLOCK):
        block = slice(start, start + BLOCK)
        inputs[block] = statistics.normalise_2d(arrays["inputs"][block])
        targets[block] = statistics.normalise_3d(arrays["targets"][block][:, columns.ravel()])
    sequences = tuple(Sequence(int(subject), *names, int(start), int(stop))
                      for subject, *names, start, stop in arrays["sequences"].tolist())
    return Split(inputs, targets, sequences)


def _digest(value: object) -> str:
    """Sixteen letters that stand for a JSON-able value."""
    return hashlib.sha256(json.dumps([CACHE_FORMAT, value], sort_keys=True).encode()).hexdigest()[:16]


def _writable_folder(preferred: str) -> str:
    """`preferred`, made when missing, or the user's own cache folder where that cannot be written.

    Raises:
        UserError: neither can be written.
    """
    own = str(cache_folder() / "pose_baseline")
    for folder in (preferred, own):
        with contextlib.suppress(UserError):
            make_folder(folder)
            if folder == own:
                log.info("%s cannot be written: poses are cached in %s", preferred, own)
            return folder
    raise UserError(f"neither {preferred} nor {own} can be written: name a folder for cached poses with --cache_dir")


@contextlib.contextmanager
def _lock(path: str) -> Iterator[None]:
    """Hold a cache file while it is looked up and perhaps written, so that of several workers one reads the files.

    A process that ends, however it ends, lets go. File systems without locks are used without.
    """
    parent, name = os.path.split(path)
    with open(os.path.join(parent, f".{name}.lock"), "w", encoding="utf-8") as stream:
        with contextlib.suppress(OSError):
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _load(path: str, key: str) -> dict[str, np.ndarray] | None:
    """The cached arrays of a key: name -> array; zip archives tell whether a bit has changed.

    None when there is no such file, when it belongs to other files, or, with a warning, when it is damaged.
    """
    if not os.path.exists(path):
        return None
    try:
        arrays = load_npz(path, pickled=())
        if str(arrays.pop("key")) == key:
            return arrays
        log.info("the data have changed since %s was written: they are read again", path)
    except (UserError, KeyError) as error:
        log.warning("the cached poses in %s are damaged (%s): they are made again", path, error)
    return None


def write_cache(path: str, key: str, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays (name -> array) in place of those that may be there, under `_lock`."""
    try:
        with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for name, array in {"key": key, **arrays}.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                    np.lib.format.write_array(stream, np.asarray(array), allow_pickle=False)
    except UserError as error:
        raise UserError(f"cannot write cached poses ({error}): free some space, or name another folder with "
                        "--cache_dir") from error
