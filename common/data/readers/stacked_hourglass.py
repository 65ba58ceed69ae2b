"""Stacked Hourglass detections on Human3.6M, as una-dinosauria/3d-pose-baseline published them.

    <data_dir>/S<n>/StackedHourglass/<Action>[_<number>].<camera>.h5    dataset `poses` (T, 16, 2) px, MPII order

The detector fine-tuned on Human3.6M lies in `StackedHourglassFineTuned240`. Subject 11's `Directions` lacks one camera.
"""
import os
from collections.abc import Iterable

import numpy as np

from common.data.hdf5_files import open_hdf5, read_dataset
from common.data.readers.human36m import CAMERA_NAMES, SUBJECTS, Recording, parse_name
from common.errors import UserError
from common.joints import SKELETONS, index_map

FOLDERS = {"sh": "StackedHourglass", "sh_ft": "StackedHourglassFineTuned240"}


class HourglassDetections:
    """The h5 files of one detector below `data_dir`."""

    def __init__(self, data_dir: str, kind: str):
        self._paths = find_detections(data_dir, kind)
        if not self._paths:
            looked_for = os.path.join(data_dir, "S<subject>", FOLDERS[kind], "<Action>.<camera>.h5")
            raise UserError(f"no detections found: looked for {looked_for}; copy them there or use --detections gt")

    def views(self, recording: Recording) -> list[str]:
        """Names of the cameras that have detections of the recording."""
        return [name for name in CAMERA_NAMES if (recording.subject, recording.name, name) in self._paths]

    def read(self, recording: Recording, camera_name: str) -> np.ndarray:
        """Joints (T, 16, 2) in pixels, order of `h36m_16`."""
        return read_detections(self._paths[recording.subject, recording.name, camera_name])

    def files(self, recordings: Iterable[Recording]) -> list[str]:
        """The files with detections of `recordings`."""
        wanted = {(recording.subject, recording.name) for recording in recordings}
        return sorted(path for key, path in self._paths.items() if key[:2] in wanted)


def find_detections(data_dir: str, kind: str) -> dict[tuple[int, str, str], str]:
    """Paths by (subject, recording name, camera name); `kind` is a key of `FOLDERS`."""
    paths = {}
    for subject in SUBJECTS:
        folder = os.path.join(data_dir, f"S{subject}", FOLDERS[kind])
        for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            stem, _, camera = file.removesuffix(".h5").rpartition(".")
            parsed = parse_name(stem)
            if file.endswith(".h5") and parsed and camera in CAMERA_NAMES:
                paths[subject, parsed[1], camera] = os.path.join(folder, file)
    return paths


def read_detections(path: str) -> np.ndarray:
    """Joints (T, 16, 2) float64 of one h5 file, pixels, order of `h36m_16`.

    Raises:
        UserError: the file is damaged or has another shape.
    """
    with open_hdf5(path, "copy it again") as file:
        poses = np.asarray(read_dataset(file, "poses"), np.float64)
    expected = (len(SKELETONS["hourglass_16"]), 2)
    if poses.ndim != 3 or poses.shape[1:] != expected:
        raise UserError(f"{path}: dataset poses has shape {poses.shape}; expected (frames, 16 joints, 2)")
    return poses[:, index_map("hourglass_16", "h36m_16")]
