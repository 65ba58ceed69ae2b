"""Image files of the sample data."""
import cv2
import numpy as np

from common.errors import UserError
from common.files import atomic_write

JPEG_QUALITY = 92
LEAST_CROP, LARGEST_CROP = 48, 1024  # sides, px


def write_image(path, image):
    """Write (H, W, 3) RGB or (H, W) grey uint8 as jpg or png, by the ending; equal images give equal files."""
    image = image[..., ::-1] if image.ndim == 3 else image
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if path.endswith(".jpg") else []
    done, data = cv2.imencode(path[path.rindex("."):], np.ascontiguousarray(image), options)
    if not done:
        raise ValueError(f"an image of shape {image.shape} and type {image.dtype} cannot be written as {path}")
    atomic_write(path, data.tobytes())


def add_crops(group):
    """The option of data sets that can be made of crops of single people (`scenes.crops`)."""
    group.add_argument("--crops", type=int, default=0, metavar="PX",
                       help="images of this side, of one person each, that differ as much as they can "
                            "(light, clutter, covered and cut-off people, blur, noise), for training")


def check_crops(args):
    """Raises UserError for a side that no crop can have."""
    if args.crops and not LEAST_CROP <= args.crops <= LARGEST_CROP:
        raise UserError(f"--crops is {args.crops}; give a number of pixels from {LEAST_CROP} to {LARGEST_CROP}")
