"""Human3.6M as facebookresearch/VideoPose3D packs it.

    data_3d_h36m.npz            positions_3d: {S<n>: {action: (T, 32, 3) world, metres}}
    data_2d_h36m_<name>.npz     positions_2d: {S<n>: {action: [4 x (T, K, 2 or 3) px]}}, metadata

Both hold pickled dicts. Subject 11's `Directions` is missing, because one of its videos is damaged. 2D may have more
frames than 3D (video runs on after motion capture ends).
"""
import os

import numpy as np

from common.data.readers.human36m import CAMERA_NAMES, NUM_JOINTS, Recording, parse_name, recording_order
from common.data.restricted_pickle import load_npz
from common.errors import UserError
from common.joints import mixing_matrix

MM_PER_METRE = 1000.0
POSES_FILE = "data_3d_h36m.npz"


class PackedPoses:
    """`data_3d_h36m.npz`; read once, when it is first needed."""

    looked_for = POSES_FILE

    def __init__(self, data_dir):
        self._path = os.path.join(data_dir, POSES_FILE)
        self._positions = None

    def recordings(self, subjects, actions):
        """Recordings of the given subjects and actions that exist, in `recording_order`."""
        if self._positions is None:
            self._positions = _read_positions(self._path, "positions_3d")
        return sorted((Recording(subject, action, name, key)
                       for subject, action, name, key in _entries(self._positions)
                       if subject in subjects and action in actions), key=recording_order)

    def read(self, recording):
        """World joints (T, 32, 3), mm."""
        positions = np.asarray(self._positions[f"S{recording.subject}"][recording.source])
        if positions.dtype.kind != "f" or positions.ndim != 3 or positions.shape[1:] != (NUM_JOINTS, 3):
            raise UserError(f"{self._path}: S{recording.subject} {recording.source} has shape {positions.shape}; "
                            f"expected ({NUM_JOINTS} joints) (frames, {NUM_JOINTS}, 3)")
        return positions.astype(np.float64) * MM_PER_METRE

    def files(self, _recordings):
        """The one file that all recordings come from."""
        return [self._path]


class PackedDetections:
    """`data_2d_h36m_<name>.npz`: detected joints, brought into the order of `h36m_16`."""

    def __init__(self, data_dir, name):
        self.path = os.path.join(data_dir, f"data_2d_h36m_{name}.npz")
        if not os.path.isfile(self.path):
            raise UserError(f"{self.path} does not exist: --detections takes gt, sh, sh_ft, or the <name> of a file "
                            "data_2d_h36m_<name>.npz in the data folder")
        self._positions = None
        self._skeletons = {16: "hourglass_16", 17: "h36m_17"}

    def views(self, recording):
        """Names of the cameras that have detections of the recording."""
        tracks = self._tracks().get((recording.subject, recording.name), ())
        return [name for name, _ in zip(CAMERA_NAMES, tracks)]

    def read(self, recording, camera_name):
        """Joints (T, 16, 2) in pixels, order of `h36m_16`."""
        track = self._tracks()[recording.subject, recording.name][CAMERA_NAMES.index(camera_name)]
        joints = np.asarray(track, np.float64)
        skeleton = self._skeletons.get(joints.shape[1] if joints.ndim == 3 else None)
        if skeleton is None or joints.shape[2] < 2:
            raise UserError(f"{self.path}: S{recording.subject} {recording.name} has shape {joints.shape}; expected "
                            "(frames, 16 or 17 joints, 2)")
        return mixing_matrix(skeleton, "h36m_16") @ joints[..., :2]

    def files(self, _recordings):
        """The one file that all detections come from."""
        return [self.path]

    def _tracks(self):
        if self._positions is None:
            content = load_npz(self.path)
            positions = _positions_of(content, "positions_2d", self.path)
            self._positions = {(subject, name): positions[f"S{subject}"][key]
                               for subject, _, name, key in _entries(positions)}
            if _is_coco(content.get("metadata")):
                self._skeletons[17] = "coco_17"
        return self._positions


def _is_coco(metadata):
    """Whether 17 joints are COCO's: by the layout's name, or else by the left joints, of which the eye comes first."""
    if not isinstance(metadata, dict):
        return False
    if "layout_name" in metadata:
        return metadata["layout_name"] == "coco"
    symmetry = metadata.get("keypoints_symmetry")
    return symmetry is not None and sorted(symmetry[0]) == [1, 3, 5, 7, 9, 11, 13, 15]


def _read_positions(path, key):
    return _positions_of(load_npz(path), key, path)


def _positions_of(content, key, path):
    positions = content.get(key)
    if not isinstance(positions, dict) or not all(isinstance(value, dict) for value in positions.values()):
        raise UserError(f"{path} has no {key} of the form subject -> action -> array; make it with VideoPose3D's "
                        "prepare_data scripts")
    return positions


def _entries(positions):
    """(subject, action, name, key) of every entry whose names are Human3.6M's."""
    for subject, actions in positions.items():
        for key in actions:
            parsed = parse_name(key)
            if parsed and subject[:1] == "S" and subject[1:].isdigit():
                yield int(subject[1:]), *parsed, key
