"""What models work through: images one by one, or the frames of a video or camera; files, or arrays in Python.

The first bytes of a file decide what it is, not its name. An animation (gif, png, webp) that is named by itself is a
video; within a folder its first frame is an image.
"""
import collections
import contextlib
import glob
import logging
import os
import re
import signal
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from common.data.image import read_image
from common.data.image_kinds import HEAD, image_kind
from common.errors import UserError, counted
from common.inference.video_reader import USUAL_FPS, Video
from common.names import safe_name

LOGGER = logging.getLogger("mindhuman")
# A file with such a name is taken for an image even where its first bytes are damaged.
IMAGE_ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".avif", ".heic",
                 ".heif")
ANIMATIONS = ("gif", "png", "webp")
STILL_S = 0.1  # how long browsers show the frame of an animation that gives no time


class Frame(NamedTuple):
    """An image, or a frame of a video: stem of its files, (H, W, 3) uint8 with blue first, seconds since the start."""

    name: str
    image: np.ndarray
    time_s: float | None = None


@dataclass(frozen=True)
class Source:
    """Where frames come from.

    Args:
        name (str): of all files written about a video.
        fps (float): of a video or camera, its mean where the rate varies; 0 for single images.
        frames (callable): without arguments, returns an iterator of Frame.
        count (int): how many there are, 0 when that is not known.
        files (dict): name -> path, of images that are read one by one.
        single (bool): it stands for one image, so that in Python one result is expected and not a list.
    """

    name: str
    fps: float
    frames: Callable[[], Iterator[Frame]]
    count: int = 0
    files: Mapping = field(default_factory=dict)
    single: bool = False


def source_of(value: object, frame_max: int = 0) -> Source:
    """The source that a value stands for in Python.

    Args:
        value: path or pattern of images, a folder, a video, an array (H, W, 3) uint8 RGB, a list of paths and arrays,
            or a `Source`.
        frame_max: frames of a video, 0 for all.

    Raises:
        UserError: nothing is there, or an array is no image.
    """
    if isinstance(value, Source):
        return value
    if isinstance(value, str | os.PathLike):
        source = open_source(os.fspath(value), frame_max, "input")
        return replace(source, single=not source.fps and source.count == 1 and os.path.isfile(value))
    single = isinstance(value, np.ndarray) and value.ndim != 4
    images = [value] if single else list(value)
    names = [_stem(os.fspath(one)) if isinstance(one, str | os.PathLike)
             else f"image_{number}" if len(images) > 1 else "image" for number, one in enumerate(images)]
    names = [name if names.count(name) == 1 else f"{name}_{number}" for number, name in enumerate(names)]
    return _image_source(names[0] if names else "images", names, images, "input", single=single)


def open_source(text: str, frame_max: int = 0, flag: str = "--input") -> Source:
    """The source that a flag names.

    Args:
        text: image, folder, pattern, video, or the number of a camera. What exists comes before patterns and numbers.
        frame_max: frames of a video or camera, 0 for all.
        flag: its name, for error texts.

    Raises:
        UserError: nothing is there, or it cannot be opened.
    """
    if not text:
        raise UserError(f"{flag} is missing: name an image, a folder, a pattern such as 'photos/*.jpg', a video, or "
                        "the number of a camera")
    if frame_max < 0:
        raise UserError(f"--frame_max {frame_max}: it cannot be negative")
    said = f"{flag} {text}"
    if os.path.isdir(text):
        # Hidden files are skipped, among them the `._*` of macOS.
        entries = [os.path.join(text, name) for name in sorted(os.listdir(text)) if not name.startswith(".")]
        return _images(os.path.basename(os.path.abspath(text)), entries, said)
    if os.path.isfile(text):
        return _file(text, frame_max, said)
    if os.path.exists(text):
        camera = re.fullmatch(r"/dev/video(\d+)", os.path.realpath(text))
        if camera and stat.S_ISCHR(os.stat(text).st_mode):
            return _camera(int(camera[1]), frame_max, said)
        raise UserError(f"{said} is a pipe or device: write what comes from it to a file, and name that")
    if os.path.islink(text):
        raise UserError(f"{said} is a link to a file that does not exist")
    if text.isascii() and text.isdigit() and len(text) < 10:
        return _camera(int(text), frame_max, said)
    if glob.has_magic(text):
        matches = _matches(text)
        if len(matches) == 1 and os.path.isfile(matches[0]):
            return _file(matches[0], frame_max, said)
        return _images(os.path.basename(os.path.abspath(text)), matches, said)
    if re.match(r"[A-Za-z][\w+.-]*://", text):
        raise UserError(f"{said} is an address, only files and cameras of this machine are read: download it and name "
                        "the file")
    raise UserError(f"{said} does not exist")


def _matches(pattern: str) -> list[str]:
    """Paths that a pattern names; the part of it that is an existing folder is no pattern."""
    head, rest = pattern, []
    while glob.has_magic(head) and not os.path.isdir(head):
        head, tail = os.path.split(head)
        rest.insert(0, tail)
    return sorted(glob.glob(os.path.join(glob.escape(head), *rest), recursive=True))


def _kind(path: str) -> tuple[str, int]:
    """(`image_kind` or "", size) of a regular file."""
    try:
        with open(path, "rb") as stream:
            return image_kind(path, stream.read(HEAD)), os.fstat(stream.fileno()).st_size
    except OSError:
        return "", -1


def _file(path: str, frame_max: int, said: str) -> Source:
    kind, size = _kind(path)
    if size == 0:
        raise UserError(f"{said} is empty (0 bytes): copy or download it again")
    if kind in ANIMATIONS:
        animation = _animation(path, frame_max)
        if animation:
            return animation
    if not kind and not path.lower().endswith(IMAGE_ENDINGS):
        return _video(path, frame_max, said)
    if not kind:
        with contextlib.suppress(UserError):
            return _video(path, frame_max, said)  # a video whose name says that it is an image
    return _images(os.path.basename(path), [path], said)


def _images(name: str, entries: list[str], said: str) -> Source:
    """Single images out of the entries of a folder or the matches of a pattern."""
    paths, others = [], collections.Counter()
    for path in entries:
        base = os.path.basename(path)
        if os.path.isdir(path):
            others["folder", "folders"] += 1
        elif not os.path.isfile(path):
            others["link to nothing, pipe or device", "links to nothing, pipes or devices"] += 1
        elif _kind(path)[0] or base.lower().endswith(IMAGE_ENDINGS):
            paths.append(path)
        else:
            others["file that is no image", "files that are no images"] += 1
    rest = ", ".join(counted(count, *what) for what, count in others.items())
    within = others["folder", "folders"]
    hint = "images in folders within are named by a pattern such as 'folder/**/*.jpg'" if within else ""
    if not paths:
        raise UserError(f"{said}: no images there{', only ' * bool(rest)}{rest}; "
                        f"{hint or 'a video is named by itself'}")
    left_out = f"{said}: left out: {rest}{f'; {hint}' if hint else ''}" if rest else ""
    return _image_source(name, _names(paths), paths, said, left_out)


def _image_source(name: str, names: list[str], images: list, said: str, note: str = "", single: bool = False) -> Source:
    """The source of images, which are paths or arrays; one of several that cannot be used is left out."""
    def frames() -> Iterator[Frame]:
        damaged = 0
        if note:
            LOGGER.info(note)
        for name, image in zip(names, images):
            try:
                pixels = _pixels(image, name)
            except UserError as error:
                if len(images) == 1:
                    raise
                damaged += 1
                LOGGER.warning("%s; it is left out (%d so far)", error, damaged)
                continue
            yield Frame(name, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        if damaged and damaged == len(images):
            raise UserError(f"{said}: none of the {damaged} images can be read")

    files = {name: os.fspath(image) for name, image in zip(names, images) if isinstance(image, str | os.PathLike)}
    return Source(name, 0.0, frames, len(images), files, single)


def _pixels(image: object, name: str) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a path or an array."""
    if isinstance(image, str | os.PathLike):
        return read_image(os.fspath(image))
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3:
        return np.ascontiguousarray(image)
    kind = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
    raise UserError(f"{name}: an image in Python is an array (H, W, 3) of uint8, red first, not {kind}")


def _names(paths: list[str]) -> list[str]:
    """A name for the files about each image: its stem.

    Where two images would share one, theirs keep the ending; where that does not help either, they are numbered. Many
    disks make no difference between small letters and capitals.
    """
    names = [_stem(path) for path in paths]
    for other in (lambda number, path: safe_name(os.path.basename(path)),
                  lambda number, path: safe_name(f"{number:06d}_{os.path.basename(path)}")):
        counts = collections.Counter(name.casefold() for name in names)
        names = [name if counts[name.casefold()] == 1 else other(number, path)
                 for number, (name, path) in enumerate(zip(names, paths))]
    return names


def _stem(path: str) -> str:
    """The name of a file without its ending, fit for the names of other files."""
    return safe_name(os.path.splitext(os.path.basename(path))[0])


def _video_source(name: str, fps: float, count: int, open_images: Callable[[], Iterator[tuple[np.ndarray, float]]],
                  frame_max: int) -> Source:
    """The source of (image, time) pairs, at most `frame_max`."""
    def frames() -> Iterator[Frame]:
        with contextlib.closing(open_images()) as images:
            for number, (image, seconds) in enumerate(images, 1):
                yield Frame(f"{name}_{number - 1:012d}", image, seconds)
                if number == frame_max:
                    return

    return Source(name, fps, frames, min(count or frame_max, frame_max or count))


def _video(path: str, frame_max: int, said: str) -> Source:
    try:
        video = Video(path)
    except UserError as error:
        raise UserError(f"{said.partition(' ')[0]} {error}") from None
    return _video_source(_stem(path), video.fps, video.count, video.frames, frame_max)


def _animation(path: str, frame_max: int) -> Source | None:
    """The source of an animation, None for a single image."""
    try:
        with Image.open(path, formats=[kind.upper() for kind in ANIMATIONS]) as file:
            count = getattr(file, "n_frames", 1)
            if count < 2:
                return None
            seconds = sum(_shown_s(file, number) for number in range(count))
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        return None  # damaged: `read_image` says so

    def images() -> Iterator[tuple[np.ndarray, float]]:
        start = 0.0
        with Image.open(path) as file:
            for number in range(count):
                try:
                    step = _shown_s(file, number)
                    image = cv2.cvtColor(np.array(file.convert("RGB")), cv2.COLOR_RGB2BGR)
                except (OSError, ValueError, SyntaxError, EOFError):
                    LOGGER.warning("%s: %d frames came of %d that the file promises; it is damaged: copy or download "
                                   "it again", path, number, count)
                    return
                yield image, round(start, 6)
                start += step

    return _video_source(_stem(path), count / seconds, count, images, frame_max)


def _shown_s(file: Image.Image, number: int) -> float:
    file.seek(number)
    file.load()  # of WebP the time comes with the pixels
    return float(file.info.get("duration") or 1000 * STILL_S) / 1000


def _camera(number: int, frame_max: int, said: str) -> Source:
    capture = cv2.VideoCapture(number)
    there, first = capture.read() if capture.isOpened() else (False, None)
    if not there:
        capture.release()
        raise UserError(f"{said}: there is no file or folder of this name and no camera of this number")
    fps = capture.get(cv2.CAP_PROP_FPS)

    def images() -> Iterator[tuple[np.ndarray, float]]:
        image, start = first, time.monotonic()
        try:
            while image is not None:
                yield image, round(time.monotonic() - start, 6)
                image = capture.read()[1]
        finally:
            capture.release()

    return _video_source(f"camera_{number}", fps if 0 < fps < 1000 else USUAL_FPS, 0, images, frame_max)


@contextlib.contextmanager
def interrupt_noted() -> Iterator[list]:
    """Within the block the first Ctrl-C only fills the list that it yields, so that files are finished."""
    noted = []

    def note(*_: object) -> None:
        if noted:
            raise KeyboardInterrupt
        noted.append(True)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)
