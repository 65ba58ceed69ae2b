"""CSV: a row for every frame and joint, with the names and units in the columns; pandas and spreadsheets read it."""
import csv
import io

import numpy as np

from common.errors import printable
from common.formats.motion import Motion

COLUMNS = ("source", "model", "person", "frame", "time_s", "score", "joint", "x_px", "y_px", "x_right_m", "y_up_m",
           "z_backward_m")


def csv_bytes(motion: Motion) -> bytes:
    """The bytes of a CSV file of a `Motion`, only of frames in which the person is seen; what is unknown is empty."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(COLUMNS)
    count, joints = motion.j3d.shape[:2]
    pixels = np.full((count, joints, 2), np.nan) if motion.j2d_px is None else motion.j2d_px
    scores = np.full(count, np.nan) if motion.score is None else motion.score
    for row in range(count):
        who = [_text(motion.source), motion.model, _text(str(motion.person)), int(motion.frames[row]),
               f"{motion.time_s[row]:.6f}", _number(scores[row], 6)]
        for joint, pixel, point in zip(motion.joint_names, pixels[row], motion.j3d[row]):
            table.writerow([*who, joint, *(_number(value, 3) for value in pixel),
                            *(_number(value, 6) for value in point)])
    return stream.getvalue().encode()


def _number(value: float, digits: int) -> str:
    return f"{value + 0.0:.{digits}f}" if np.isfinite(value) else ""


def _text(text: str) -> str:
    """A name that comes from outside: spreadsheets would take one that begins like a formula for a formula."""
    text = printable(text)
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
