"""Image files of the sample data."""
import cv2
import numpy as np

from common.files import atomic_write

JPEG_QUALITY = 92


def write_image(path, image):
    """Write (H, W, 3) RGB or (H, W) grey uint8 as jpg or png, by the ending; equal images give equal files."""
    image = image[..., ::-1] if image.ndim == 3 else image
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if path.endswith(".jpg") else []
    done, data = cv2.imencode(path[path.rindex("."):], np.ascontiguousarray(image), options)
    if not done:
        raise ValueError(f"an image of shape {image.shape} and type {image.dtype} cannot be written as {path}")
    atomic_write(path, data.tobytes())
