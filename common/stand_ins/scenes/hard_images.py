"""What makes images of people hard: light of any kind, clutter, and what small photos, lenses and files do to them."""
import dataclasses

import cv2
import numpy as np

from common.stand_ins.scenes.appearance import garment_colour, skin_colour, surface_colour

GREY = 0.08  # share of the grey images


def lit(rng, place):
    """Surroundings in light of any strength, colour and side."""
    azimuth, height = rng.uniform(-np.pi, np.pi), np.radians(rng.uniform(10, 85))
    sun = np.array([np.cos(height) * np.sin(azimuth), -np.sin(height), -np.cos(height) * np.cos(azimuth)])
    return dataclasses.replace(place, sun=sun, ambient=rng.uniform(0.25, 0.85), light=1.0 + rng.normal(0, 0.08, 3))


def clutter(rng, size):
    """A random gradient with noise of all sizes and random shapes: (H, W, 3) uint8 for `size` (H, W)."""
    height, width = size
    corners = np.stack([surface_colour(rng) for _ in range(4)]).reshape(2, 2, 3)
    image = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
    for cells, most in (((3, 3), 40), ((8, 8), 30), ((24, 24), 20), ((height // 2, width // 2), 12)):
        grid = rng.normal(0, rng.uniform(0, most), (*cells, 1 if rng.random() < 0.5 else 3)).astype(np.float32)
        noise = cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)
        image += noise if noise.ndim == 3 else noise[..., None]
    image = np.clip(image, 0, 255).astype(np.uint8)
    for _ in range(rng.integers(0, 22)):
        shape(rng, image, rng.uniform(0.03, 0.5) * min(size))
    if rng.random() < 0.5:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 0.03 * min(size)))
    return image


def leaves(rng, image):
    """Lay many shapes of all sizes and a few colours over an image, in place: foliage, crowds, full shelves."""
    colours = [skin_colour(rng) if rng.random() < 0.2 else garment_colour(rng) for _ in range(rng.integers(2, 9))]
    for extent in min(image.shape[:2]) * 10 ** rng.uniform(-2.2, -0.4, int(10 ** rng.uniform(1.3, 2.7))):
        colour = colours[rng.integers(len(colours))] * rng.uniform(0.5, 1.3)
        shape(rng, image, extent, colour=np.clip(colour, 0, 255).tolist())


def shape(rng, image, extent, middle=None, colour=None):
    """Draw an ellipse, a polygon or a line of about `extent` pixels into an image or a mask, in place."""
    middle = rng.uniform(0, image.shape[1::-1]) if middle is None else middle
    if colour is None:
        colour = 255 if image.ndim == 2 else garment_colour(rng).tolist()
    kind = rng.integers(3)
    if kind == 0:
        axes = np.maximum(0.5 * extent * rng.uniform(0.3, 1.0, 2), 1).astype(int).tolist()
        cv2.ellipse(image, middle.astype(int).tolist(), axes, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
    elif kind == 1:
        angle = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 8)))
        points = middle + 0.5 * extent * rng.uniform(0.4, 1.2, (len(angle), 1)) * np.stack(
            [np.cos(angle), np.sin(angle)], 1)
        cv2.fillPoly(image, [points.astype(np.int32)], colour, cv2.LINE_AA)
    else:
        way = rng.normal(0, extent, 2)
        cv2.line(image, (middle - way).astype(int).tolist(), (middle + way).astype(int).tolist(), colour,
                 int(rng.integers(1, max(2, int(0.25 * extent) + 1))), cv2.LINE_AA)


def developed(rng, image):
    """What light, lenses, small photos and files do to an image; (H, W, 3) uint8 -> the same."""
    height, width = image.shape[:2]
    size = min(height, width)
    image = image.astype(np.float32)
    if rng.random() < 0.3:  # a soft shadow, or a light spot
        grid = rng.uniform(0.45, 1.35, (rng.integers(2, 4), rng.integers(2, 4))).astype(np.float32)
        image *= cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
    if rng.random() < 0.25:  # enlarged from a small photo
        factor = rng.uniform(1.2, 3.0)
        small = max(16, int(width / factor)), max(16, int(height / factor))
        image = cv2.resize(cv2.resize(image, small, interpolation=cv2.INTER_AREA), (width, height),
                           interpolation=cv2.INTER_LINEAR)
    choice = rng.random()
    if choice < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 0.011 * size))
    elif choice < 0.4:
        image = _shaken(rng, image)
    image = image * (rng.uniform(0.6, 1.3) * np.exp(rng.normal(0, 0.06, 3))).astype(np.float32)
    level = image.mean()
    image = level + np.float32(rng.uniform(0.6, 1.25)) * (image - level) + np.float32(rng.normal(0, 10))  # contrast
    grey = (image @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    image = grey + np.float32(0.0 if rng.random() < GREY else rng.uniform(0.4, 1.25)) * (image - grey)
    flat = np.array_equal(image[0, 0], image[0, 0, :1].repeat(3))
    noise = rng.standard_normal((height, width, 1 if flat or rng.random() < 0.5 else 3), np.float32)
    image = np.clip(image + rng.gamma(1.2, 4.0) * noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 96))]
        image = cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR)
    return image


def _shaken(rng, image):
    """Blur of a moved camera: the mean along a short line."""
    length = int(rng.integers(2, max(4, len(image) // 16)))
    kernel = np.zeros((length | 1, length | 1), np.float32)
    middle = length // 2
    way = middle * np.array([np.cos(angle := rng.uniform(0, np.pi)), np.sin(angle)])
    cv2.line(kernel, np.rint(middle - way).astype(int).tolist(), np.rint(middle + way).astype(int).tolist(), 1.0)
    return cv2.filter2D(image, -1, kernel / kernel.sum())
