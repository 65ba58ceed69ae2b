"""Frames of a video file as players show them, with their times; read with PyAV (FFmpeg).

Frames are turned upright by the display matrix of phones and cameras (rotations and mirror images), and pixels that
are not square are made square. All frames get the size of the first one. Where fewer frames come than the file
promises, or their size changes, a warning says so. Sound is not read.
"""
from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import cv2
import numpy as np

from common.errors import UserError

if TYPE_CHECKING:
    import av

LOGGER = logging.getLogger("mindhuman")
# FFmpeg would also open playlists, which lead to other files and hosts, and text files as pages of a terminal.
CONTAINERS = ("mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,mpegvideo_ps,flv,asf,ogg,ivf,dv,mxf,"
              "gxf,nut,rm,wtv,yuv4mpegpipe,mjpeg,h264,hevc,m4v,av1,obu,vc1,swf,nsv,roq,amv")
USUAL_FPS = 25.0  # of videos and cameras that do not tell theirs
WIDEST_PIXEL = 8.0  # aspect ratio; anything beyond is no camera's
ENDLESS = 1000  # pieces of damaged data in a row that end a video
HDR_TRANSFERS = (16, 18)  # PQ and HLG in ITU-T H.273


class Video:
    """A video file whose first frame can be decoded.

    Args:
        path (str): a regular file.

    Attributes:
        fps (float): mean frame rate. count (int): frames that the file promises, 0 when it does not say.

    Raises:
        UserError: no video stream, or no frame that can be decoded.
    """

    def __init__(self, path: str):
        self.path = path
        with self._open() as container:
            stream = _stream(container, path)
            self.fps = _mean_rate(stream)
            self.seconds = _promised_seconds(container, stream)
            self.count = stream.frames or round(self.seconds * self.fps)
            # In other containers the number is estimated, or empty frames are counted that keep the pace.
            self.exact = bool(stream.frames) and "mp4" in container.format.name
            if next((frame for frame in _Decoder(container, stream).frames()), None) is None:
                raise UserError(f"{path}: no frame of the video can be decoded; copy or download it again")

    def frames(self) -> Iterator[tuple[np.ndarray, float]]:
        """Yield (image (H, W, 3) uint8 with blue first, time in seconds since the first frame)."""
        with self._open() as container:
            stream = _stream(container, self.path)
            decoder, shaper, clock = _Decoder(container, stream), _Shaper(self.path, stream), _Clock(self.fps)
            for frame in decoder.frames():
                yield shaper(frame), clock(frame.time)
        self._report(shaper.number, clock.now, decoder)

    def _report(self, number: int, last: float, decoder: _Decoder) -> None:
        """Say when frames are missing."""
        promised = self.count - decoder.discarded
        missing = promised > number if self.exact else self.seconds - last - 1.0 / self.fps > max(
            0.5, 0.02 * self.seconds)
        if missing or decoder.damaged:
            reason = f", {decoder.damaged} pieces of data are damaged" if decoder.damaged else ""
            LOGGER.warning("%s: %d frames came of %s%d that the file promises%s; it may be cut off: copy or download "
                           "it again", self.path, number, "" if self.exact else "about ", max(promised, number),
                           reason)

    def _open(self) -> av.container.InputContainer:
        import av  # only where a video is opened

        try:
            # With `file:` no name is taken for a protocol or a pattern.
            return av.open("file:" + os.path.abspath(self.path), metadata_errors="replace", container_options={
                "format_whitelist": CONTAINERS, "protocol_whitelist": "file"})
        except (av.error.FFmpegError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"{self.path} is neither an image nor a video that can be read ({reason})") from None


def _stream(container: av.container.InputContainer, path: str) -> av.VideoStream:
    """The video stream that is decoded; a cover image is none."""
    from av.stream import Disposition

    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    best = container.streams.best("video")
    stream = best if best in streams else next(iter(streams), None)
    if stream is None:
        raise UserError(f"{path} holds no video" + (", only sound" if container.streams.audio else ""))
    if stream.codec_context is None:
        raise UserError(f"{path}: its video codec cannot be read here; convert it to H.264")
    stream.thread_type = "SLICE"  # with threads for whole frames a damaged one takes its neighbours along
    return stream


def _mean_rate(stream: av.VideoStream) -> float:
    """Frames per second; `USUAL_FPS` where the stream does not say or says nonsense."""
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    return rate if 0 < rate < 1000 else USUAL_FPS


def _promised_seconds(container: av.container.InputContainer, stream: av.VideoStream) -> float:
    """How long the video stream says that it is, 0 when that is not known."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    hours, _, rest = stream.metadata.get("DURATION", "").partition(":")  # of Matroska
    minutes, _, seconds = rest.partition(":")
    try:
        return 3600.0 * int(hours) + 60.0 * int(minutes) + float(seconds)
    except ValueError:
        alone = container.duration and len(container.streams) == 1
        return container.duration / 1e6 if alone else 0.0


class _Decoder:
    """Decodes as much as can be decoded, and counts what cannot."""

    def __init__(self, container: av.container.InputContainer, stream: av.VideoStream):
        self.container, self.stream = container, stream
        self.damaged = self.discarded = 0

    def frames(self) -> Iterator[av.VideoFrame]:
        from av.error import FFmpegError

        packets, packet, failures = self.container.demux(self.stream), None, 0
        while failures < ENDLESS:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                # What an edit list cuts away is in the file and never shown.
                self.discarded += packet.is_discard
                decoded = packet.decode()
            except FFmpegError:
                self.damaged += 1
                failures += 1
                continue
            failures = 0
            yield from decoded


class _Clock:
    """Times since the first frame; they always grow, whatever the file says."""

    def __init__(self, fps: float):
        self.step, self.before, self.now = 1.0 / fps, None, 0.0

    def __call__(self, time: float | None) -> float:
        if self.before is not None:
            step = time - self.before if time is not None else self.step
            self.now += step if step > 0 else self.step
        self.before = time if time is not None else (self.before or 0.0) + self.step
        return round(self.now, 6)


class _Shaper:
    """Turns decoded frames upright and brings them to the size of the first one."""

    def __init__(self, path: str, stream: av.VideoStream):
        self.path, self.stream, self.number = path, stream, 0
        self.size = self.incoming = None
        aspect = float(stream.sample_aspect_ratio or 1)
        self.aspect = aspect if 1 / WIDEST_PIXEL <= aspect <= WIDEST_PIXEL else 1.0

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        image = frame.to_ndarray(format="bgr24")
        if self.aspect != 1.0:
            height, width = image.shape[:2]
            image = cv2.resize(image, (max(1, round(width * self.aspect)), height))
        matrix = frame.side_data.get("DISPLAYMATRIX")
        if matrix is not None:
            image = upright(image, np.frombuffer(bytes(matrix), np.int32).reshape(3, 3))
        if self.size is None:
            self.size = self.incoming = image.shape[:2]
            self._remark(frame)
        elif image.shape[:2] != self.incoming:
            self.incoming = image.shape[:2]
            LOGGER.warning("%s: from frame %d on frames have %d x %d px in place of %d x %d; they are fitted into the "
                           "size of the first one, and pixels in all files are of that size", self.path, self.number,
                           *self.incoming[::-1], *self.size[::-1])
        self.number += 1
        return fit(image, self.size)

    def _remark(self, frame: av.VideoFrame) -> None:
        """Say what of the first frame is not as a player shows it."""
        if frame.interlaced_frame:
            LOGGER.warning("%s is interlaced: every second row of a frame shows another moment; deinterlace it first "
                           "(ffmpeg -i IN -vf yadif OUT) for better results", self.path)
        if int(frame.color_trc or 0) in HDR_TRANSFERS:
            LOGGER.info("%s is an HDR video; its colours are taken without tone mapping, paler than players show them",
                        self.path)


def upright(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """An image as a player shows it, (H, W, 3) or (W, H, 3), contiguous.

    Args:
        image (numpy.ndarray): (H, W, 3).
        matrix (numpy.ndarray): (3, 3), the display matrix of ISO 14496-12: its first row is where the image's x axis
            points to on the screen, its second row the y axis. Angles between are taken for the nearest right angle.
    """
    (a, b), (c, d) = np.asarray(matrix, np.float64)[:2, :2]
    if abs(a) + abs(d) >= abs(b) + abs(c):
        across, down = a, d
    else:
        image, across, down = image.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(image[::-1 if down < 0 else 1, ::-1 if across < 0 else 1])


def fit(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image scaled into (height, width), its proportions kept, with black bars where these differ."""
    if image.shape[:2] == tuple(size):
        return image
    scale = min(new / old for new, old in zip(size, image.shape))
    height, width = (min(new, max(1, round(scale * old))) for new, old in zip(size, image.shape))
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return cv2.copyMakeBorder(image, top, size[0] - height - top, left, size[1] - width - left, cv2.BORDER_CONSTANT)
