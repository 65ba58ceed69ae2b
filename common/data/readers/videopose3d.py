"""Human3.6M as facebookresearch/VideoPose3D packs it.

    data_3d_h36m.npz            positions_3d: {S<n>: {action: (T, 32, 3) world, metres}}
    data_2d_h36m_<name>.npz     positions_2d: {S<n>: {action: [4 x (T, K, 2 or 3) px]}}, metadata
    data_2d_custom_<name>.npz   positions_2d: {video: {"custom": [(T, 17, 2) px]}}, of somebody's own videos
    <video>.npz                 boxes, segments, keypoints, metadata: what Detectron found in a video

They hold pickled dicts. Subject 11's `Directions` is missing, because one of its videos is damaged. 2D may have more
frames than 3D (video runs on after motion capture ends).
"""
import logging
import os
import re
from collections.abc import Container, Iterable, Iterator

import numpy as np

from common.data.readers.human36m import CAMERA_NAMES, NUM_JOINTS, Recording, parse_name, recording_order
from common.data.restricted_pickle import load_npz
from common.errors import UserError, brief
from common.joints import SKELETONS, mixing_matrix

LOGGER = logging.getLogger("mindhuman")
MM_PER_METRE = 1000.0
POSES_FILE = "data_3d_h36m.npz"
# Skeletons of 17 joints by `layout_name`, and by the left joints of `keypoints_symmetry`; 16 are always Hourglass's.
_LAYOUTS = {"coco": "coco_17", "h36m": "h36m_17"}
_SUBJECT = re.compile("S[1-9][0-9]?")
_LEFT_JOINTS = {(1, 3, 5, 7, 9, 11, 13, 15): "coco_17", (4, 5, 6, 11, 12, 13): "h36m_17"}


class PackedPoses:
    """`data_3d_h36m.npz`; read once, when it is first needed."""

    looked_for = POSES_FILE

    def __init__(self, data_dir: str):
        self._path = os.path.join(data_dir, POSES_FILE)
        self._positions = None

    def recordings(self, subjects: Container[int], actions: Container[str]) -> list[Recording]:
        """Recordings of the given subjects and actions that exist, in `recording_order`."""
        if self._positions is None:
            self._positions = _read_positions(self._path, "positions_3d")
            odd = [name for name in self._positions if not _SUBJECT.fullmatch(name)]
            if odd:
                LOGGER.warning("%s: %s %s no subject of Human3.6M, which are called S1 to S11, and %s not read",
                               self._path, ", ".join(map(brief, odd[:5])) + (" and more" if len(odd) > 5 else ""),
                               *(("is", "is") if len(odd) == 1 else ("are", "are")))
        return sorted((Recording(subject, action, name, key)
                       for subject, action, name, key in _entries(self._positions)
                       if subject in subjects and action in actions), key=recording_order)

    def read(self, recording: Recording) -> np.ndarray:
        """World joints (T, 32, 3), mm."""
        where = f"{self._path}: S{recording.subject} {recording.source}"
        positions = self._positions[f"S{recording.subject}"][recording.source]
        if not isinstance(positions, np.ndarray) or positions.dtype.kind != "f":
            raise UserError(f"{where} is no array of numbers; expected (frames, {NUM_JOINTS}, 3)")
        if positions.ndim != 3 or not len(positions) or positions.shape[1:] != (NUM_JOINTS, 3):
            raise UserError(f"{where} has shape {positions.shape}; "
                            f"expected ({NUM_JOINTS} joints) (frames, {NUM_JOINTS}, 3)")
        if not np.isfinite(positions).all():
            raise UserError(f"{where} holds NaN or infinity")
        return positions.astype(np.float64) * MM_PER_METRE

    def files(self, _recordings: Iterable[Recording]) -> list[str]:
        """The one file that all recordings come from."""
        return [self._path]


class PackedDetections:
    """`data_2d_h36m_<name>.npz`: detected joints, brought into the order of `h36m_16`."""

    def __init__(self, data_dir: str, name: str):
        self.path = os.path.join(data_dir, f"data_2d_h36m_{name}.npz")
        if not os.path.isfile(self.path):
            raise UserError(f"{self.path} does not exist: --detections takes gt, sh, sh_ft, or the <name> of a file "
                            "data_2d_h36m_<name>.npz in the data folder")
        self._positions, self._metadata = None, None

    def views(self, recording: Recording) -> list[str]:
        """Names of the cameras that have detections of the recording."""
        tracks = self._tracks().get((recording.subject, recording.name), ())
        return [name for name, track in zip(CAMERA_NAMES, tracks) if track is not None]

    def read(self, recording: Recording, camera_name: str) -> np.ndarray:
        """Joints (T, 16, 2) in pixels, order of `h36m_16`."""
        joints = self._tracks()[recording.subject, recording.name][CAMERA_NAMES.index(camera_name)]
        where = f"{self.path}: S{recording.subject} {recording.name}"
        if not np.isfinite(joints).all():
            raise UserError(f"{where} holds NaN or infinity")
        skeleton = detected_skeleton(joints, self._metadata, where)
        return mixing_matrix(skeleton, "h36m_16") @ joints[..., :2]

    def files(self, _recordings: Iterable[Recording]) -> list[str]:
        """The one file that all detections come from."""
        return [self.path]

    def _tracks(self) -> dict[tuple[int, str], list[np.ndarray | None]]:
        if self._positions is None:
            content = load_npz(self.path)
            positions, self._metadata = _positions_of(content, "positions_2d", self.path), content.get("metadata")
            self._positions = {(subject, name): camera_tracks(positions[f"S{subject}"][key], f"{self.path}: {key}")
                               for subject, _, name, key in _entries(positions)}
        return self._positions


def read_detections(content: dict, path: str) -> list[tuple[str, np.ndarray, str, tuple[float, float] | None]]:
    """Everybody in a `data_2d_*.npz`, of Human3.6M or of somebody's own videos.

    Args:
        content (dict): of `load_npz`, with `positions_2d`.
        path (str): for error texts.

    Returns:
        list: of (name, joints (T, J, 2 or 3), px, name of their skeleton, (width, height) or None).

    Raises:
        UserError: laid out otherwise, or joints of a skeleton that is not known.
    """
    metadata, people = content.get("metadata"), []
    sizes = metadata.get("video_metadata") if isinstance(metadata, dict) else None
    for video, actions in _positions_of(content, "positions_2d", path).items():
        size = sizes.get(video) if isinstance(sizes, dict) else None
        size = (size["w"], size["h"]) if isinstance(size, dict) and {"w", "h"} <= set(size) else None
        for action, views in actions.items():
            tracks = camera_tracks(views, f"{path}: {video} {action}")
            for number, joints in enumerate(tracks):
                if joints is not None:
                    name = f"{video} {action}" + (f" camera {number}" if len(tracks) > 1 else "")
                    people.append((name, joints, detected_skeleton(joints, metadata, f"{path}: {name}"), size))
    return people


def is_detectron(content: dict) -> bool:
    """Whether a file is what VideoPose3D's `infer_video.py` and `infer_video_d2.py` write, before `prepare_data_2d`."""
    return {"boxes", "keypoints", "metadata"} <= set(content) and np.ndim(content["keypoints"]) == 1


def read_detectron(content: dict, path: str) -> tuple[list[list[np.ndarray]], tuple[float, float] | None]:
    """Everybody in a file of Detectron: frame by frame a list of COCO's 17 joints (17, 2), px; and (width, height).

    The file has x, y, a logit and a share of the heatmap for each joint; as in VideoPose3D only the places are used.

    Raises:
        UserError: laid out otherwise.
    """
    try:
        frames = [[np.asarray(person, np.float64)[:2].T for person in entry[-1]] for entry in content["keypoints"]]
        size = content["metadata"]
        size = (float(size["w"]), float(size["h"])) if isinstance(size, dict) and {"w", "h"} <= set(size) else None
    except (TypeError, ValueError, IndexError):
        frames = [[np.zeros(0)]]
    if any(person.shape != (len(SKELETONS["coco_17"]), 2) for people in frames for person in people):
        raise UserError(f"{path} is not what Detectron writes with VideoPose3D's infer_video.py: keypoints (people, 4, "
                        "17) of each frame")
    return frames, size


def camera_tracks(views: object, where: str) -> list[np.ndarray | None]:
    """The detections of one recording, camera by camera: arrays (T, J, 2 or 3) float64, None where there are none.

    Raises:
        UserError: something else.
    """
    if views is None or (isinstance(views, np.ndarray) and views.dtype.kind != "O" and views.ndim == 3):
        views = [views]  # of one camera only
    try:
        tracks = [np.zeros(0) if view is None else np.asarray(view, np.float64) for view in views]
    except (TypeError, ValueError):
        raise UserError(f"{where} is no list of arrays (frames, joints, 2), one for each camera") from None
    for track in tracks:
        if track.size and (track.ndim != 3 or track.shape[2] not in (2, 3)):
            raise UserError(f"{where} has shape {track.shape}; expected (frames, joints, 2) for each camera")
    return [track if track.size else None for track in tracks]


def detected_skeleton(joints: np.ndarray, metadata: object, where: str) -> str:
    """The skeleton of joints (T, J, 2 or 3) in such a file: by its layout, else by its left joints, else by number.

    Raises:
        UserError: a layout or a number of joints that is not known.
    """
    metadata, count = metadata if isinstance(metadata, dict) else {}, joints.shape[1]
    layout, symmetry = metadata.get("layout_name"), metadata.get("keypoints_symmetry")
    try:
        left = tuple(sorted(map(int, symmetry[0])))
    except (TypeError, ValueError, IndexError, KeyError):
        left = None
    skeleton = _LAYOUTS.get(str(layout)) if count == 17 else "hourglass_16"
    if skeleton is None:
        skeleton = _LEFT_JOINTS.get(left, "h36m_17" if layout is None else None)
    if skeleton is None or len(SKELETONS[skeleton]) != count:
        raise UserError(f"{where} has {count} joints{f' of the layout {layout}' if layout else ''}; known are 16 or 17 "
                        f"joints of {' and '.join(_LAYOUTS)}")
    return skeleton


def _read_positions(path: str, key: str) -> dict[str, dict]:
    return _positions_of(load_npz(path), key, path)


def _positions_of(content: dict, key: str, path: str) -> dict[str, dict]:
    positions = content.get(key)
    if not isinstance(positions, dict) or not all(
            isinstance(value, dict) and all(isinstance(name, str) for name in (subject, *value))
            for subject, value in positions.items()):
        raise UserError(f"{path} has no {key} of the form subject -> action -> array; make it with VideoPose3D's "
                        "prepare_data scripts")
    return positions


def _entries(positions: dict[str, dict]) -> Iterator[tuple[int, str, str, str]]:
    """(subject, action, name, key) of every entry whose names are Human3.6M's."""
    for subject, actions in positions.items():
        for key in actions:
            parsed = parse_name(key)
            if parsed and _SUBJECT.fullmatch(subject):
                yield int(subject[1:]), *parsed, key
