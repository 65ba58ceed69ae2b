"""Random changes of a training image: size, rotation, place, mirror and colour.

Source: the MindSpore 1.x implementation. Differs from it: all geometry is one affine map in floating point, so joints
are not rounded and the image is interpolated once; all random numbers come from one generator; hue wraps around.
"""
import cv2
import numpy as np

from openpose.src.normalisation import PADDING

LEAST_SCALE = 0.75  # interpolation between four pixels skips some below this
FLIP_PROB, COLOUR_PROB = 0.5, 0.5  # how often an image is mirrored, and how often its colours change


def random_matrix(joints, config, rng):
    """An affine map from the image to the square that is trained on.

    Args:
        joints (array): (P, J, 3) of at least one person, pixels, flag positive for joints that are there.
        config (Config): `insize`, the side of the square in px, and the bounds of the augmentation.
        rng (numpy.random.Generator): source of all randomness.

    Returns:
        tuple: (2, 3) float64 map of pixels (x, y, 1) to pixels; whether it mirrors.
    """
    there = joints[..., 2:] > 0
    lower = np.where(there, joints[..., :2], np.inf).min(1)
    upper = np.where(there, joints[..., :2], -np.inf).max(1)
    diagonals = np.hypot(*(upper - lower + 1).T)
    smallest = min(max(config.min_box_size / diagonals.min(), config.min_scale), 1.0)
    largest = min(max(config.max_box_size / diagonals.max(), 1.0), config.max_scale)
    scale = rng.uniform(min(smallest, largest), largest)
    angle = np.deg2rad(rng.standard_normal() / 3 * config.max_rotate_degree)
    person = rng.integers(len(joints))
    shift = rng.uniform(-config.center_perterb_max, config.center_perterb_max, 2)
    flip = bool(rng.random() < FLIP_PROB)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if flip:
        linear[0] *= -1
    centre = (lower[person] + upper[person]) / 2
    return np.column_stack((linear, (config.insize - 1) / 2 + shift - linear @ centre)), flip


def warp_image(image, matrix, size, border=PADDING):
    """Apply a map to an image (H, W) or (H, W, 3), result `size` x `size`; reduced ones are averaged first."""
    scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    matrix = np.array(matrix, np.float64)
    if scale < LEAST_SCALE:
        height, width = image.shape[:2]
        smaller = tuple(max(1, round(side * scale / LEAST_SCALE)) for side in (width, height))
        image = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA)
        ratio = np.array((width / smaller[0], height / smaller[1]))
        # Pixel centres: old = ratio * (new + 0.5) - 0.5.
        matrix = np.column_stack((matrix[:, :2] * ratio, matrix[:, 2] + matrix[:, :2] @ (ratio / 2 - 0.5)))
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT,
                          borderValue=(border, border, border))


def warp_joints(joints, matrix, flip, mirrored_joints):
    """Apply a map to joints (P, J, 3); in the mirror left and right change places."""
    out = np.array(joints, np.float64)
    out[..., :2] = out[..., :2] @ matrix[:, :2].T + matrix[:, 2]
    return out[:, mirrored_joints] if flip else out


def change_colours(image, rng):
    """Shift hue by up to 10 (of 180), saturation by 40 and value by 30 (of 255). Image (H, W, 3) uint8, blue first."""
    hue, saturation, value = (rng.integers(-limit, limit + 1) for limit in (10, 40, 30))
    old = np.arange(256)
    table = np.stack(((old + hue) % 180, np.clip(old + saturation, 0, 255), np.clip(old + value, 0, 255)), -1)
    hsv = cv2.LUT(cv2.cvtColor(image, cv2.COLOR_BGR2HSV), table[None].astype(np.uint8))
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
