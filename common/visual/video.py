"""Frames -> mp4 (H.264, plays everywhere) or gif, by the ending of the file's name; the file is whole or absent."""
import itertools
import os

import numpy as np
from PIL import Image

from common.errors import UserError
from common.files import atomic_path


def write_video(path, frames, fps):
    """Write a film.

    Args:
        path (str): .mp4 or .gif.
        frames (iterable): arrays (H, W, 3) uint8 RGB of one size; they are taken one by one.
        fps (float): frames per second. A gif rounds the time of a frame to hundredths of a second, at least two.

    Raises:
        UserError: another ending, a rate that is not positive, or no encoder for mp4 on this machine.
        ValueError: no frames, or frames of different sizes.
    """
    writers = {".mp4": _write_mp4, ".gif": _write_gif}
    ending = os.path.splitext(path)[1].lower()
    if ending not in writers:
        raise UserError(f"{path}: films are written as .mp4 or .gif")
    if not fps > 0.0:
        raise UserError(f"fps is {fps}; give a positive number of frames per second")
    with atomic_path(path) as temporary:
        writers[ending](temporary, _checked(frames), fps)


def _checked(frames):
    """Yield the frames as contiguous uint8; all have the first one's size."""
    shape = None
    for frame in frames:
        frame = np.ascontiguousarray(frame, np.uint8)
        shape = shape or frame.shape
        if frame.shape != shape or frame.ndim != 3 or frame.shape[2] != 3:
            raise ValueError(f"frames of shape {frame.shape} and {shape}; all need (H, W, 3)")
        yield frame
    if shape is None:
        raise ValueError("a film needs at least one frame")


def _write_mp4(path, frames, fps):
    import imageio_ffmpeg  # its wheel carries the encoder, for the usual platforms

    first = next(frames)
    # The pixel format that every player knows needs even sides.
    pad = [(0, side % 2) for side in first.shape[:2]] + [(0, 0)]
    height, width = (side + side % 2 for side in first.shape[:2])
    writer = imageio_ffmpeg.write_frames(path, (width, height), fps=fps, codec="libx264", pix_fmt_out="yuv420p",
                                         macro_block_size=1, quality=None, output_params=["-crf", "20"])
    try:
        writer.send(None)
        for frame in itertools.chain([first], frames):
            writer.send(np.pad(frame, pad, mode="edge"))
    except (RuntimeError, OSError) as error:
        raise UserError(f"the encoder for mp4 failed ({error}); use a name that ends in .gif") from error
    finally:
        writer.close()


def _write_gif(path, frames, fps):
    # Without dithering, flat colours stay flat although each frame has its own palette. Equal frames in a row are
    # stored once, with their times added up.
    images = (Image.fromarray(frame).quantize(colors=256, dither=Image.Dither.NONE) for frame in frames)
    next(images).save(path, save_all=True, append_images=images, duration=10 * max(2, round(100.0 / fps)), loop=0)
