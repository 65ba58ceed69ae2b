"""Videos and images of which every turn and mirror image is another one."""
import fractions

import av
import numpy as np

# Four corners of different colours: every turn and mirror image of it is another image.
CORNERS = np.zeros((48, 64, 3), np.uint8)
CORNERS[:24, :32], CORNERS[:24, 32:], CORNERS[24:, :32], CORNERS[24:, 32:] = (250, 0, 0), (0, 250, 0), (0, 0, 250), 250


def encode(path, images, times=None, rotation=None, codec="libx264", pix_fmt="yuv420p", aspect=None, **stream_options):
    """Write a test video; times in seconds, rotation as (degrees counter-clockwise, mirrored)."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, **stream_options)
        stream.height, stream.width, stream.pix_fmt = *images[0].shape[:2], pix_fmt
        stream.codec_context.time_base = fractions.Fraction(1, 1000)
        if codec == "libx264":
            stream.options = {"bf": "0", "crf": "10"}
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation[0], hflip=rotation[1])
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = round(1000 * (number / 10 if times is None else times[number]))
            frame.time_base = fractions.Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return str(path)


def grey(count, size=(48, 64)):
    """Frames that differ, so that the encoder cannot leave any out."""
    return [np.full((*size, 3), 5 * number, np.uint8) for number in range(count)]


def rgb(frame):
    return frame.image[..., ::-1].astype(int)
