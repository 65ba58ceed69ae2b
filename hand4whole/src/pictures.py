"""Pictures of people and hands as the networks take them."""
import cv2
import numpy as np

from common.data.crops import crop_patch, patch_matrix
from common.data.image import invert_matrix, transform_points


def patch_of(image, box, size, change):
    """The input of a network and how it was cut out.

    Args:
        image (numpy.ndarray): (H, W, 3) uint8 RGB.
        box (array): (4,), of `person_box`.
        size (tuple): width and height of the patch, px.
        change (Change): of the sample.

    Returns:
        tuple: (3, height, width) float32 in 0..1; the matrix (2, 3) from the picture, mirrored if `change` says so, to
        the patch.
    """
    matrix = matrix_of(image.shape[1], box, size, change)
    if change.flip:
        image = image[:, ::-1]
    # Only the part that the patch shows is turned into floats, which would cost more than the crop itself.
    corners = transform_points([(0, 0), (size[0], 0), (0, size[1]), size], invert_matrix(matrix))
    left, top = np.clip(np.floor(corners.min(0)).astype(int) - 1, 0, None)
    right, bottom = np.maximum(np.ceil(corners.max(0)).astype(int) + 2, 0)
    part = np.ascontiguousarray(image[top:bottom, left:right])
    if not part.size:
        return np.zeros((3, size[1], size[0]), np.float32), matrix
    shifted = matrix.copy()
    shifted[:, 2] += matrix[:, :2] @ (left, top)
    patch = crop_patch(part, shifted, size)
    out = np.empty((3, size[1], size[0]), np.float32)
    for plane, channel, colour in zip(out, cv2.split(patch), change.colour):
        np.minimum(channel * np.float32(colour / 255.0), np.float32(1.0), out=plane)
    return out, matrix


def matrix_of(width, box, size, change):
    """The matrix (2, 3) of `patch_of`, for a picture that is `width` pixels wide."""
    box = np.array(box, np.float64)
    if change.flip:
        box[0] = width - 1.0 - box[0] - box[2]
    return patch_matrix(box, size, change.scale, change.rotation_deg)
