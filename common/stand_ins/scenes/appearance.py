"""How the people of the sample scenes look: skin, hair, eyes, clothes and shoes as one colour per vertex."""
import colorsys
import functools

import numpy as np

from common.stand_ins.scenes.body import scene_body

# From light to dark, RGB 0..255.
_SKINS = np.array([(244, 208, 184), (232, 190, 160), (214, 164, 128), (190, 136, 98), (150, 102, 70), (108, 72, 50),
                   (80, 54, 40)], np.float32)
_HAIR = np.array([(30, 24, 22), (52, 36, 28), (84, 56, 36), (122, 86, 52), (176, 138, 84), (208, 182, 130),
                  (120, 56, 34), (150, 148, 146), (206, 204, 200)], np.float32)
_HEAD, _ARM, _LEG, _FOOT = ("head", "jaw", "eyeball"), ("shoulder", "elbow"), ("hip", "knee"), ("ankle", "foot")

# Lengths of garments in the rest pose, metres: how far out a sleeve reaches, how far down trousers.
_SLEEVES, _BOTTOMS = (0.20, 0.33, 0.42, 0.665), (-0.50, -0.58, -0.68, -1.075, -1.075)
_SEAT = -0.26  # the lower hem of a top


def vertex_colours(rng, body):
    """Colours of one person.

    Args:
        rng (numpy.random.Generator): source of the choices.
        body (SceneBody): whose vertices are coloured.

    Returns:
        numpy.ndarray: (V, 3) float32 RGB, 0..255.
    """
    return _paint(rng, body)[0]


def clothe(rng, body):
    """Colours as `vertex_colours` gives them, some printed, and how far clothes, shoes and hair stand off the skin.

    Args:
        rng (numpy.random.Generator): source of the choices.
        body (SceneBody): "smpl" or "smplx".

    Returns:
        tuple: colours (V, 3) float32 RGB, 0..255, and thickness (V,) float32 metres, 0 on bare skin.
    """
    colours, (top, bottom, shoes, hair) = _paint(rng, body)
    folds = sum(np.sin(body.rest @ rng.normal(0, wave, 3).astype(np.float32) + np.float32(rng.uniform(0, 6.3)))
                for wave in (6.0, 14.0, 30.0)) / np.float32(3.0)
    thickness = np.zeros(len(colours), np.float32)
    for region, least, most in ((bottom, 0.002, 0.025), (top, 0.002, 0.03), (shoes, 0.004, 0.015), (hair, 0.0, 0.035)):
        thickness[region] = rng.uniform(least, most) * (1.0 + rng.uniform(0.0, 0.8) * folds[region])
    if rng.random() < 0.3:  # a print, from large checks to fine grain
        first, second = np.sin(body.rest @ rng.normal(0, rng.uniform(10, 120), (3, 2)).astype(np.float32)).T
        colours = colours * (1.0 + np.float32(rng.uniform(0.05, 0.5)) * first * second * (thickness > 0))[:, None]
    return np.clip(colours, 0, 255), thickness


@functools.lru_cache(maxsize=2)
def _regions(kind):
    """Where head, arms, legs, feet and trunk of a body are: five masks (V,)."""
    body = scene_body(kind)
    owner = np.array(body.owner)
    x, y, _ = body.rest.T
    head, arm, leg = (np.isin(owner, names) for names in (_HEAD, _ARM, _LEG))
    foot = np.isin(owner, _FOOT) | (y < -1.09)
    hand = ~(head | arm | leg | foot) & (np.abs(x) > 0.6)
    return head, arm, leg, foot, ~(head | arm | leg | foot | hand)


def _paint(rng, body):
    """Colours (V, 3), and masks (V,) of what is covered by a top, by a bottom, by shoes and by hair."""
    skin = skin_colour(rng)
    colours = np.tile(skin, (len(body.rest), 1))
    if body.model.kind.startswith("mano"):
        return colours * rng.normal(1.0, 0.015, (len(colours), 1)).astype(np.float32), ()
    x, y, z = body.rest.T
    head, arm, leg, foot, trunk = _regions(body.model.kind)
    hair = _paint_head(rng, colours, body.rest, head, skin)

    top, bottom, end = garment_colour(rng), garment_colour(rng), float(rng.choice(_BOTTOMS))
    dress = rng.random() < 0.12
    if dress:
        bottom, end = top, float(rng.choice((-0.62, -0.80, -0.98)))
    seat = _SEAT + rng.uniform(-0.06, 0.04)
    collar = rng.uniform(0.225, 0.27) + 0.45 * np.abs(x) - 0.4 * np.maximum(z, 0)
    covered = (trunk & (y < collar)) | (arm & (np.abs(x) < rng.choice(_SLEEVES)))
    below = (trunk | leg) & (y < seat) & (y > end)
    colours[covered] = top
    _paint_pattern(rng, colours, covered, body.rest)
    colours[below] = bottom
    shod = rng.random() < 0.9
    if shod:
        colours[foot] = garment_colour(rng, dark=0.6)
        colours[foot & (y < -1.185)] = rng.uniform(20, 240)  # soles
    return colours, (covered, below, foot & shod, hair)


def skin_colour(rng):
    """One RGB colour (3,) float32, 20..250."""
    place = rng.uniform(0, len(_SKINS) - 1)
    low = min(int(place), len(_SKINS) - 2)
    tone = _SKINS[low] + (place - low) * (_SKINS[low + 1] - _SKINS[low])
    return np.clip(tone + rng.normal(0, 4, 3), 20, 250).astype(np.float32)


def garment_colour(rng, dark=0.35):
    """One RGB colour (3,) float32, 0..255, often muted; `dark` is the share of dark and grey ones."""
    if rng.random() < dark:
        grey = rng.uniform(20, 110)
        return np.clip(grey + rng.normal(0, 8, 3), 5, 250).astype(np.float32)
    rgb = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.0, 0.85), rng.uniform(0.35, 0.97))
    return 255.0 * np.array(rgb, np.float32)


def surface_colour(rng):
    """The colour of a wall, a floor or a piece of furniture: RGB (3,) float32, 0..255, seldom bright."""
    warm = rng.random() < 0.5  # wood, sand, brick
    hue, most = (rng.uniform(0.04, 0.14), 0.8) if warm else (rng.random(), 0.45)
    rgb = colorsys.hsv_to_rgb(hue, most * rng.beta(1.3, 3.0), rng.uniform(0.25, 0.9))
    return 255.0 * np.array(rgb, np.float32)


def _paint_head(rng, colours, rest, head, skin):
    """Hair, lips, brows and eyes; a bald head now and then. Returns where hair is, (V,)."""
    x, y, z = rest.T
    hair = _HAIR[rng.integers(len(_HAIR))] + rng.normal(0, 6, 3).astype(np.float32)
    ear = (np.abs(x) > 0.076) & (np.abs(y - 0.428) < 0.04)
    length = rng.choice((0.0, 0.0, 0.05, 0.10))  # how much further down at the back
    hairline = 0.405 - length * (z < 0.02) + rng.uniform(0.5, 0.8) * (z + 0.015) + 0.12 * np.maximum(z, 0)
    scalp = head & ~ear & (y > hairline)
    face = head & (z > 0.05)
    lips = face & ((x / 0.026) ** 2 + ((y - 0.366) / 0.009) ** 2 < 1)
    colours[lips] = 0.78 * skin + 0.22 * np.array((190, 50, 60), np.float32)
    eyes = face & (((np.abs(x) - 0.0325) / 0.014) ** 2 + ((y - 0.4345) / 0.007) ** 2 < 1)
    colours[eyes] = np.clip(_HAIR[rng.integers(3)] * 1.1, 15, 90)
    brows = face & (((np.abs(x) - 0.034) / 0.022) ** 2 + ((y - 0.455) / 0.005) ** 2 < 1)
    colours[brows] = 0.5 * skin + 0.5 * hair
    covered = scalp & (rng.random() < 0.92)
    colours[covered] = hair
    if rng.random() < 0.15:
        colours[face & ~lips & (y < 0.385 - 0.3 * np.maximum(0.09 - z, 0)) & (y > 0.30)] = 0.45 * skin + 0.55 * hair
    return covered


def _paint_pattern(rng, colours, covered, rest):
    """Stripes or a two-coloured shirt, on some tops."""
    choice = rng.random()
    other = garment_colour(rng)
    if choice < 0.18:
        period = rng.uniform(0.05, 0.14)
        colours[covered & (np.mod(rest[:, 1] + 0.35 * np.abs(rest[:, 0]), period) < 0.45 * period)] = other
    elif choice < 0.26:
        colours[covered & (np.abs(rest[:, 0]) > 0.16)] = other
    elif choice < 0.34:
        colours[covered & (rest[:, 1] < rng.uniform(-0.1, 0.12)) & (np.abs(rest[:, 0]) < 0.2)] = other
