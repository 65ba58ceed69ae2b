"""Where the people of the sample scenes are: floor, wall or sky, things of boxes, shadows; as seen by a camera.

World axes are those of a level camera: x right, y down, z forward, metres, the ground is y = 0.
"""
import dataclasses

import cv2
import numpy as np

from common.stand_ins.scenes.appearance import surface_colour


@dataclasses.dataclass(frozen=True)
class Place:
    """Surroundings of one scene.

    Attributes:
        wall (float): distance of the wall along z in metres, infinite outdoors.
        floor, wall_colour, second (numpy.ndarray): RGB 0..255; `second` alternates with the floor's colour.
        pattern (str): of the floor: "plain", "tiles" or "planks".
        rough (float): strength of the noise on floor and wall.
        tile (float): size of the pattern, metres.
        sun (numpy.ndarray): (3,) unit vector towards the light, world axes.
        light (numpy.ndarray): (3,) colour of the light, about 1.
        ambient (float): share of the light that comes from everywhere.
        texture (int): seed of noise on floor and wall.
    """

    wall: float
    floor: np.ndarray
    wall_colour: np.ndarray
    second: np.ndarray
    pattern: str
    rough: float
    tile: float
    sun: np.ndarray
    light: np.ndarray
    ambient: float
    texture: int


def make_place(rng, behind):
    """Draw surroundings; an indoor wall stands further away than `behind` metres."""
    indoors = rng.random() < 0.6
    azimuth, height = rng.uniform(-np.pi, np.pi), rng.uniform(np.radians(35), np.radians(80))
    sun = np.array([np.cos(height) * np.sin(azimuth), -np.sin(height), -np.cos(height) * np.cos(azimuth)])
    sky = np.array([rng.uniform(120, 190), rng.uniform(165, 215), rng.uniform(205, 250)])
    ground = 0.8 * surface_colour(rng) + 20
    if not indoors and rng.random() < 0.5:
        ground = np.array([rng.uniform(60, 120), rng.uniform(95, 140), rng.uniform(45, 80)])  # grass
    return Place(
        wall=behind + rng.uniform(0.6, 5.0) if indoors else np.inf, floor=ground,
        wall_colour=0.75 * surface_colour(rng) + 55 if indoors else sky,
        second=np.clip(ground * rng.uniform(0.6, 1.3), 0, 255),
        pattern=str(rng.choice(("plain", "tiles", "planks"), p=(0.5, 0.25, 0.25))),
        rough=rng.uniform(0.2, 1.3), tile=rng.uniform(0.25, 1.2), sun=sun,
        light=1.0 + rng.normal(0, 0.05, 3), ambient=rng.uniform(0.35, 0.6), texture=int(rng.integers(2**31)))


def background(place, view, size, casters):
    """The image without people and things.

    Args:
        place (Place): the surroundings.
        view (View): the camera.
        size ((int, int)): (H, W).
        casters (numpy.ndarray): (N, 3) points in the world that throw a shadow on the ground.

    Returns:
        numpy.ndarray: (H, W, 3) uint8 RGB.
    """
    height, width = size
    half = (max(height // 2, 1), max(width // 2, 1))  # soft surfaces: half the resolution is enough
    column, row = np.meshgrid((np.arange(half[1], dtype=np.float32) + 0.5) * width / half[1],
                              (np.arange(half[0], dtype=np.float32) + 0.5) * height / half[0])
    rays = np.stack([(column - view.principal[0]) / view.focal[0], (row - view.principal[1]) / view.focal[1],
                     np.ones_like(column)], -1) @ view.rotation.astype(np.float32)
    centre = view.centre.astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.where(rays[..., 1] > 1e-4, -centre[1] / rays[..., 1], np.inf)
        to_wall = np.where(rays[..., 2] > 1e-4, (place.wall - centre[2]) / rays[..., 2], np.inf)
    on_floor = (far < to_wall) & (far < 200.0)
    far = np.where(on_floor, far, 0.0)
    ground_x, ground_z = centre[0] + far * rays[..., 0], centre[2] + far * rays[..., 2]
    noise = place.rough * _noise(place.texture, half)
    image = np.empty((*half, 3), np.float32)
    image[:] = _upper(place, rays, noise, row / height)
    image[on_floor] = _floor(place, ground_x[on_floor], ground_z[on_floor], far[on_floor], noise[on_floor])
    shadow = _shadow(place, view, casters, half, (half[1] / width, half[0] / height))
    image *= np.where(on_floor, 1.0 - (1.0 - place.ambient) * 0.8 * shadow, 1.0)[..., None]
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(image * place.light.astype(np.float32), 0, 255).astype(np.uint8)


def _upper(place, rays, noise, down):
    """Wall, or sky above a line of hills and trees."""
    if np.isfinite(place.wall):
        return place.wall_colour.astype(np.float32) * (0.85 + 0.15 * down + 0.10 * noise)[..., None]
    up = np.clip(-rays[..., 1:2] * 2.0, 0, 1)
    hazy = 0.5 * place.wall_colour + 110
    sky = (hazy * (1 - up) + place.wall_colour * up).astype(np.float32) * (1 + 0.04 * noise[..., None])
    rng = np.random.default_rng(place.texture)
    azimuth = np.arctan2(rays[..., 0], rays[..., 2])
    ridge = rng.uniform(0.0, 0.16) + sum(rng.uniform(0, 0.12) / wave * np.sin(wave * azimuth + rng.uniform(0, 6.3))
                                         for wave in (2, 5, 11, 23, 47))
    trees = np.array([rng.uniform(40, 110), rng.uniform(60, 120), rng.uniform(40, 110)], np.float32)
    below = -rays[..., 1] < ridge * np.hypot(rays[..., 0], rays[..., 2])
    return np.where(below[..., None], trees * (0.9 + 0.25 * noise[..., None]), sky)


def _floor(place, x, z, far, noise):
    """Colours (N, 3) of points of the ground; the pattern fades where it becomes finer than the pixels."""
    if place.pattern == "tiles":
        pattern = (np.floor(x / place.tile) + np.floor(z / place.tile)) % 2
    elif place.pattern == "planks":
        pattern = np.modf(np.abs(x) / place.tile)[0] < 0.06
    else:
        pattern = np.zeros_like(x)
    share = (pattern * np.exp(-far / 12.0))[:, None]
    colour = place.floor * (1 - share) + place.second * share
    return (colour * (0.9 + 0.12 * noise)[:, None]).astype(np.float32)


def _noise(seed, size):
    """(H, W) float32 noise of several sizes, about -1..1."""
    rng = np.random.default_rng(seed)
    total = np.zeros(size, np.float32)
    for cells, strength in ((4, 0.5), (16, 0.3), (64, 0.25), (160, 0.2)):
        grid = rng.standard_normal((cells * 3 // 4 + 1, cells)).astype(np.float32)
        total += strength * cv2.resize(grid, size[::-1], interpolation=cv2.INTER_LINEAR)
    return total


def _shadow(place, view, casters, size, shrink):
    """(H, W) float32, 1 where the ground is in the shadow of the points (N, 3)."""
    mask = np.zeros(size, np.uint8)
    along = casters[:, 1:2] / place.sun[1]  # both are negative above the ground
    points, nearness = view.camera().project(casters - along * place.sun)
    radii = np.clip(0.045 * view.focal[0] * nearness * shrink[0], 1, 40)
    seen = np.isfinite(nearness) & (np.abs(points) < 4 * max(size) / shrink[0]).all(1)
    for point, radius in zip(points[seen] * shrink, radii[seen]):
        cv2.circle(mask, (int(point[0]), int(point[1])), int(radius + 0.5), 255, -1)
    blur = max(3, size[1] // 64) | 1
    return cv2.GaussianBlur(mask, (blur, blur), 0).astype(np.float32) / 255.0


def box_mesh(centre, size, turn, colour, lift=0.0):
    """A box on the ground, or `lift` metres above it.

    Args:
        centre ((float, float)): (x, z) on the ground, metres.
        size ((float, float, float)): width, height, depth.
        turn (float): radians about the vertical.
        colour (numpy.ndarray): RGB 0..255.

    Returns:
        tuple: vertices (24, 3) in the world (each corner three times, so that edges stay sharp), faces (12, 3),
        colours (24, 3).
    """
    half = 0.5 * np.asarray(size, np.float64)
    vertices, faces = [], []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            normal, u = np.zeros(3), np.zeros(3)
            normal[axis], u[(axis + 1) % 3] = sign, 1.0
            v = np.cross(normal, u)
            first = len(vertices)
            vertices += [(normal + a * u + b * v) * half for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
            faces += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
    cos, sin = np.cos(turn), np.sin(turn)
    vertices = np.array(vertices) @ np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]).T
    vertices += (centre[0], -half[1] - lift, centre[1])
    return vertices, np.array(faces), np.tile(np.asarray(colour, np.float32), (24, 1))
