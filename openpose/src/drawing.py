"""Drawing what was found: skeletons over an image, and the network's maps."""
import colorsys

import cv2
import numpy as np

from common.files import atomic_write
from common.visual.draw import draw_dot, draw_line

STRENGTH = 0.75  # of the skeletons over the image


def draw_people(image, joints, skeleton, ids=None):
    """Draw skeletons over an image; each limb has its colour around the hue circle.

    Args:
        image (array): (H, W, 3) uint8, blue first; it is not changed.
        joints (array): (P, J, 3), pixels and height of the peak, 0 where a joint is missing.
        ids (sequence): number written at each person, None for none.

    Returns:
        numpy.ndarray: (H, W, 3) uint8, blue first.
    """
    layer = image.copy()
    for person in joints:
        seen = person[:, 2] > 0
        # A fortieth of the person's extent.
        thickness = int(np.clip(round(float(np.ptp(person[seen, :2], axis=0).max()) / 40), 2, 12)) if seen.any() else 2
        for number, (first, second) in enumerate(skeleton.limbs):
            if number not in skeleton.bridges and seen[first] and seen[second]:
                draw_line(layer, person[first, :2], person[second, :2], _colour(number, len(skeleton.limbs)), thickness)
        for number in np.flatnonzero(seen):
            draw_dot(layer, person[number, :2], 0.8 * thickness, _colour(number, len(skeleton.joints)))
    drawn = cv2.addWeighted(layer, STRENGTH, image, 1 - STRENGTH, 0)
    for person, number in zip(joints, ids or ()):
        _write_number(drawn, person[person[:, 2] > 0], number)
    return drawn


def _colour(number, count):
    red, green, blue = colorsys.hsv_to_rgb(number / count, 0.85, 1.0)
    return 255 * blue, 255 * green, 255 * red


def _write_number(image, points, number):
    """The number of a person above the highest joint."""
    x, y = points[points[:, 1].argmin(), :2] if len(points) else (0, 0)
    place, scale = (int(x) + 4, max(int(y) - 8, 14)), max(0.5, image.shape[0] / 900.0)
    for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 1)):
        cv2.putText(image, str(number), place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thickness, cv2.LINE_AA)


def draw_maps(image, heat, paf, frame):
    """The greatest heat map and the strongest field of every cell over the image, side by side: (H, 2 W, 3) uint8.

    image (H, W, 3) uint8, blue first; heat (J+1, h, w), the background last; paf (2L, h, w); frame: their `Placement`.
    """
    fields = np.hypot(paf[0::2], paf[1::2])
    return np.hstack([_over(image, values.max(0), frame) for values in (heat[:-1], fields)])


def _over(image, values, frame):
    """Values (h, w) in [0, 1] as colours over the image."""
    height, width = values.shape
    large = cv2.resize(values, (width * 8, height * 8), interpolation=cv2.INTER_CUBIC)[:frame.inner[0], :frame.inner[1]]
    large = cv2.resize(large, frame.image[::-1])
    colours = cv2.applyColorMap(np.uint8(255 * np.clip(large, 0, 1)), cv2.COLORMAP_JET)
    return cv2.addWeighted(image, 0.4, colours, 0.6, 0)


def write_image(path, image):
    """Write an image (H, W, 3) uint8, blue first, as png."""
    atomic_write(path, cv2.imencode(".png", image)[1].tobytes())
