"""Frames -> mp4 (H.264, plays everywhere) or gif, by the ending of the file's name; the file is whole or absent."""
import os
from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
from PIL import Image

from common.errors import UserError
from common.files import atomic_path

CLOCK_HZ = 90000  # of the time stamps in mp4, the usual one
QUALITY = "20"  # x264's constant rate factor


def write_video(path: str, frames: Iterable[np.ndarray | tuple[np.ndarray, float | None]], fps: float) -> None:
    """Write a video.

    Args:
        path (str): .mp4 or .gif.
        frames (iterable): arrays (H, W, 3) uint8 RGB of one size, or pairs of such an array and the time in seconds at
            which it is shown; they are taken one by one.
        fps (float): frames per second of frames without a time, and how long the last one is shown. A gif rounds
            the time of a frame to hundredths of a second, at least two, and knows no times of frames.

    Raises:
        UserError: another ending, a rate that is not positive, or no encoder for mp4 on this machine.
        ValueError: no frames, or frames of different sizes.
    """
    writers = {".mp4": _write_mp4, ".gif": _write_gif}
    ending = os.path.splitext(path)[1].lower()
    if ending not in writers:
        raise UserError(f"{path}: videos are written as .mp4 or .gif")
    if not fps > 0.0:
        raise UserError(f"fps is {fps}; give a positive number of frames per second")
    with atomic_path(path) as temporary:
        writers[ending](temporary, _checked(frames), fps)


def _checked(
        frames: Iterable[np.ndarray | tuple[np.ndarray, float | None]]) -> Iterator[tuple[np.ndarray, float | None]]:
    """Yield the frames as contiguous uint8 and their times or None; all have the first one's size."""
    shape = None
    for frame in frames:
        frame, time = frame if isinstance(frame, tuple) else (frame, None)
        frame = np.ascontiguousarray(frame, np.uint8)
        shape = shape or frame.shape
        if frame.shape != shape or frame.ndim != 3 or frame.shape[2] != 3:
            raise ValueError(f"frames of shape {frame.shape} and {shape}; all need (H, W, 3)")
        yield frame, time
    if shape is None:
        raise ValueError("a video needs at least one frame")


def _write_mp4(path: str, frames: Iterable[tuple[np.ndarray, float | None]], fps: float) -> None:
    import av  # only where a video is written

    # Without B-frames the file's length is that of its time stamps; else players cut its end.
    rate = Fraction(fps).limit_denominator(1001)
    step = max(1, round(CLOCK_HZ / fps))
    with av.open(path, "w") as container:
        try:
            stream = container.add_stream("libx264", rate=rate, options={"crf": QUALITY, "bf": "0"})
        except (ValueError, av.error.FFmpegError) as error:
            raise UserError(f"this machine has no encoder for mp4 ({error}); use a name that ends in .gif") from error
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", Fraction(1, CLOCK_HZ)
        last = -1
        for number, (frame, time) in enumerate(frames):
            # The pixel format that every player knows needs even sides.
            frame = np.pad(frame, [(0, side % 2) for side in frame.shape[:2]] + [(0, 0)], mode="edge")
            if number == 0:
                stream.height, stream.width = frame.shape[:2]
            shown = av.VideoFrame.from_ndarray(frame, format="rgb24")
            shown.time_base = Fraction(1, CLOCK_HZ)
            last = max(last + 1, number * step if time is None else round(time * CLOCK_HZ))
            shown.pts, shown.duration = last, step
            container.mux(stream.encode(shown))
        container.mux(stream.encode())


def _write_gif(path: str, frames: Iterable[tuple[np.ndarray, float | None]], fps: float) -> None:
    # Without dithering, flat colours stay flat although each frame has its own palette. Equal frames in a row are
    # stored once, with their times added up.
    images = (Image.fromarray(frame).quantize(colors=256, dither=Image.Dither.NONE) for frame, _ in frames)
    next(images).save(path, save_all=True, append_images=images, duration=10 * max(2, round(100.0 / fps)), loop=0)
