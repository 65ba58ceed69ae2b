"""What infer.py looks at: pictures one by one, or the frames of a film or camera."""
import contextlib
import glob
import logging
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2

from common.data.image import read_image
from common.errors import UserError

LOGGER = logging.getLogger("mindhuman")
PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
USUAL_FPS = 25.0  # of films and cameras that do not tell theirs


@dataclass(frozen=True)
class Source:
    """Where pictures come from.

    name (str): of all files written about a film. fps (float): of a film or camera, 0 for single pictures.
    frames: function without arguments that returns an iterator of (name, image (H, W, 3) uint8, blue first).
    count (int): how many there are, 0 when that is not known. files (dict): name -> path, of single pictures.
    """

    name: str
    fps: float
    frames: object
    count: int = 0
    files: Mapping = field(default_factory=dict)


def open_source(text, frame_max=0, flag="--input"):
    """The source that a flag names.

    Args:
        text (str): picture, folder, pattern, film, or the number of a camera.
        frame_max (int): frames of a film or camera, 0 for all.
        flag (str): its name, for error texts.

    Raises:
        UserError: nothing is there, or it cannot be opened.
    """
    if not text:
        raise UserError(f"{flag} is missing: name an image, a folder, a pattern such as 'photos/*.jpg', a video, or "
                        "the number of a camera")
    if frame_max < 0:
        raise UserError(f"--frame_max {frame_max}: it cannot be negative")
    said = f"{flag} {text}"
    if text.isdigit():
        return _film(int(text), f"camera_{text}", f"{said}: there is no camera of this number", frame_max)
    if os.path.isdir(text):
        return _pictures(text, sorted(os.path.join(text, name) for name in os.listdir(text)), said)
    if os.path.isfile(text):
        if text.lower().endswith(PICTURES):
            return _pictures(text, [text], said)
        return _film(text, os.path.splitext(os.path.basename(text))[0],
                     f"{said} is neither a picture ({', '.join(PICTURES)}) nor a video that can be opened", frame_max)
    if glob.has_magic(text):
        return _pictures(text, sorted(glob.glob(text, recursive=True)), said)
    raise UserError(f"{said} does not exist")


def _pictures(text, files, said):
    files = [path for path in files if os.path.isfile(path)]
    paths = [path for path in files if path.lower().endswith(PICTURES)]
    if not paths:
        raise UserError(f"{said}: no pictures there ({', '.join(PICTURES)})")
    stems = [os.path.splitext(os.path.basename(path))[0] for path in paths]
    # Where two files would share a name, theirs keep the ending; where that does not help either, they are numbered.
    names = [stem if stems.count(stem) == 1 else os.path.basename(path) for stem, path in zip(stems, paths)]
    names = [name if names.count(name) == 1 else f"{number:06d}_{name}" for number, name in enumerate(names)]

    def frames():
        damaged = 0
        if len(files) > len(paths):
            LOGGER.info("%s: %d files that are no pictures are left out", said, len(files) - len(paths))
        for name, path in zip(names, paths):
            try:
                image = read_image(path)
            except UserError as error:
                if len(paths) == 1:
                    raise
                damaged += 1
                LOGGER.warning("%s; it is left out (%d so far)", error, damaged)
                continue
            yield name, image[..., ::-1].copy()
        if damaged == len(paths):
            raise UserError(f"{said}: none of the {damaged} pictures can be read")

    return Source(os.path.basename(os.path.normpath(text)), 0.0, frames, len(paths), dict(zip(names, paths)))


def _film(path, name, refusal, frame_max):
    capture = cv2.VideoCapture(path)
    there, first = capture.read() if capture.isOpened() else (False, None)
    if not there:
        capture.release()
        raise UserError(refusal)
    fps = capture.get(cv2.CAP_PROP_FPS)
    count = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))  # a camera's is not known
    count = min(count or frame_max, frame_max or count)

    def frames():
        image, number = first, 0
        try:
            while image is not None and not (frame_max and number >= frame_max):
                yield f"{name}_{number:012d}", image
                number += 1
                image = capture.read()[1]
        finally:
            capture.release()

    return Source(name, fps if 0 < fps < 1000 else USUAL_FPS, frames, count)


@contextlib.contextmanager
def interrupt_noted():
    """Within the block the first Ctrl-C only fills the list that it yields, so that files are finished."""
    noted = []

    def note(*_):
        if noted:
            raise KeyboardInterrupt
        noted.append(True)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)
