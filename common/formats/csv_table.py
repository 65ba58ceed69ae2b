"""CSV: a row for every frame and joint, with the names and units in the columns; pandas and spreadsheets read it."""
import csv
import io
from collections.abc import Iterable, Sequence

import numpy as np

from common.errors import printable
from common.formats.motion import Motion

KEYPOINT_COLUMNS = ("image", "person", "time_s", "score", "joint", "x_px", "y_px", "confidence")
COLUMNS = ("source", "model", "person", "frame", "time_s", "score", "joint", "x_px", "y_px", "x_right_m", "y_up_m",
           "z_backward_m")


def csv_bytes(motion: Motion) -> bytes:
    """The bytes of a CSV file of a `Motion`, only of frames in which the person is seen; what is unknown is empty."""
    rows = []
    count, joints = motion.j3d.shape[:2]
    pixels = np.full((count, joints, 2), np.nan) if motion.j2d_px is None else motion.j2d_px
    scores = np.full(count, np.nan) if motion.score is None else motion.score
    for row in range(count):
        who = [_text(motion.source), motion.model, _text(str(motion.person)), int(motion.frames[row]),
               f"{motion.time_s[row]:.6f}", _number(scores[row], 6)]
        for joint, pixel, point in zip(motion.joint_names, pixels[row], motion.j3d[row]):
            rows.append([*who, joint, *(_number(value, 3) for value in pixel), *(_number(value, 6) for value in point)])
    return _table(COLUMNS, rows)


def keypoints_csv(found: Iterable[tuple], joint_names: Sequence[str]) -> bytes:
    """The bytes of a CSV file of 2D joints: a row for each that was seen.

    Args:
        found: of each image or frame its name, seconds since the start of the video or None, joints (P, J, 3) as x, y
            in pixels and confidence (0: not seen), scores (P,), and numbers of the people or None.
        joint_names: J names.
    """
    rows = []
    for name, time_s, joints, scores, ids in found:
        time = "" if time_s is None else f"{time_s:.6f}"
        for number, (pose, score) in enumerate(zip(joints, scores)):
            who = [_text(name), number if ids is None else int(ids[number]), time, _number(score, 6)]
            rows += [[*who, _text(joint), _number(x, 3), _number(y, 3), _number(sure, 6)]
                     for joint, (x, y, sure) in zip(joint_names, pose) if sure > 0]
    return _table(KEYPOINT_COLUMNS, rows)


def _table(columns: Sequence[str], rows: Iterable[Sequence]) -> bytes:
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(columns)
    table.writerows(rows)
    return stream.getvalue().encode()


def _number(value: float, digits: int) -> str:
    return f"{value + 0.0:.{digits}f}" if np.isfinite(value) else ""


def _text(text: str) -> str:
    """A name that comes from outside: spreadsheets would take one that begins like a formula for a formula."""
    text = printable(text)
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
