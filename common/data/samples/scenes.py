"""Pictures of synthetic people with exact ground truth, from a seed alone.

`make_scene` draws a whole picture. `make_stage` and `photograph` are its two halves, for datasets that show the same
moment from several calibrated cameras. World axes are those of a level camera: x right, y down, z forward, metres, the
ground is y = 0; pixels are continuous, the first pixel's centre is at 0.5.
"""
import dataclasses

import cv2
import numpy as np

from common.body_models.lbs_numpy import pose_body
from common.body_models.prior import sample_poses, sample_shapes
from common.data.records import HIDDEN, NOT_LABELLED, VISIBLE
from common.data.samples.scenes_body import scene_body
from common.data.samples.scenes_looks import garment_colour, vertex_colours
from common.data.samples.scenes_places import Place, background, box_mesh, make_place
from common.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from common.visual.cameras import PerspectiveCamera
from common.visual.renderer import rasterise, vertex_normals

Y_FLIP = np.diag([1.0, -1.0, -1.0])  # body models look along +z with y up; so they look at the camera
APART = 0.6  # metres between two people at least
SUPERSAMPLE = 2
# How far inside the body a joint lies, metres: it is hidden when a surface is further in front of it than this.
_DEPTHS = {"hip": 0.17, "pelvis": 0.20, "spine": 0.18, "thorax": 0.18, "shoulder": 0.12, "neck": 0.11, "head": 0.13,
           "collar": 0.12, "knee": 0.09, "elbow": 0.07, "ankle": 0.07, "wrist": 0.05, "jaw": 0.09, "hand": 0.04,
           "foot": 0.06}
_SHALLOW = 0.03  # everything else lies on the skin or in a finger


@dataclasses.dataclass(frozen=True)
class View:
    """A camera without distortion: pixel = focal * (x, y) / z + principal, (x, y, z) = rotation (p - centre).

    Attributes:
        focal, principal (numpy.ndarray): (2,) pixels.
        rotation (numpy.ndarray): (3, 3), world to camera.
        centre (numpy.ndarray): (3,) where the camera stands in the world, metres.
    """

    focal: np.ndarray
    principal: np.ndarray
    rotation: np.ndarray
    centre: np.ndarray

    def camera(self, scale=1.0):
        """The same as a PerspectiveCamera for world points, for a picture `scale` times as large."""
        return PerspectiveCamera(self.focal * scale, tuple(self.principal * scale),
                                 tuple(-self.rotation @ self.centre), self.rotation)

    def to_camera(self, points):
        """World points (N, 3) in camera axes."""
        return (points - self.centre) @ self.rotation.T

    def project(self, points):
        """Points (N, 3) in camera axes -> pixels (N, 2); those behind the camera come as NaN."""
        depth = np.where(points[:, 2:] > 1e-6, points[:, 2:], np.nan)
        return self.focal * points[:, :2] / depth + self.principal


@dataclasses.dataclass(frozen=True)
class Actor:
    """One person (or hand) on a stage, in world axes.

    pose (3 J,) axis-angle with the root's rotation in world axes, beta (10,), expression (10,) or None; vertices (V, 3)
    and skeleton (J, 3) metres, root_rest (3,) where the root rests before any translation, colours (V, 3) RGB.
    """

    kind: str
    pose: np.ndarray
    beta: np.ndarray
    expression: np.ndarray
    vertices: np.ndarray
    skeleton: np.ndarray
    root_rest: np.ndarray
    colours: np.ndarray


@dataclasses.dataclass(frozen=True)
class Stage:
    """People, things (vertices, faces, colours) and surroundings at one moment, in world axes."""

    actors: tuple
    things: tuple
    place: Place


@dataclasses.dataclass(frozen=True)
class Points:
    """Named points of a person: j3d (P, 3) metres, camera axes; j2d (P, 2) px; visibility (P,) uint8, 0 outside the
    picture or behind the camera, 1 hidden by something or by the body itself, 2 visible."""

    names: tuple
    j3d: np.ndarray
    j2d: np.ndarray
    visibility: np.ndarray


@dataclasses.dataclass(frozen=True)
class Person:
    """A person in a picture; metres and camera axes.

    Attributes:
        kind (str): "smpl", "smplx", "mano_right" or "mano_left".
        pose (numpy.ndarray): (3 J,) axis-angle, radians, root first; with `beta`, `expression` (SMPL-X, else None) and
            `translation` (3,) the body model gives `vertices`.
        vertices (numpy.ndarray): (V, 3) float64.
        skeleton (numpy.ndarray): (J, 3) float64, joints of the body model.
    """

    kind: str
    pose: np.ndarray
    beta: np.ndarray
    expression: np.ndarray
    translation: np.ndarray
    vertices: np.ndarray
    skeleton: np.ndarray


@dataclasses.dataclass(frozen=True)
class Scene:
    """A picture and everything about it.

    Attributes:
        image (numpy.ndarray): (H, W, 3) uint8 RGB.
        view (View): the camera.
        people (tuple[Person]): all whose body is at least partly in the picture's direction, in the stage's order.
        depth (numpy.ndarray): (H, W) float32 metres along z, infinite where there is neither person nor thing.
        owner (numpy.ndarray): (H, W) int16, index of the person seen, -1 for anything else.
        labels (numpy.ndarray): (H, W) uint8, body part seen (1.. in the order of `scenes_body.PARTS`), 0 for none.
    """

    image: np.ndarray
    view: View
    people: tuple
    depth: np.ndarray
    owner: np.ndarray
    labels: np.ndarray

    def points(self, index, point_set):
        """`Points` of person `index`; for the sets see `scenes_body.scene_body`."""
        person = self.people[index]
        named = scene_body(person.kind).point_sets[point_set]
        j3d = named.matrix @ np.concatenate([person.skeleton, person.vertices])
        return Points(named.names, j3d, self.view.project(j3d), self.visibility(named.names, j3d))

    def visibility(self, names, j3d):
        """Visibility (P,) of points (P, 3) in camera axes, see `Points`; the names say how deep they lie in the body."""
        height, width = self.depth.shape
        pixels = np.nan_to_num(self.view.project(j3d), nan=-1.0)
        inside = (pixels >= 0).all(1) & (pixels[:, 0] < width) & (pixels[:, 1] < height)
        column, row = np.clip(pixels, 0, (width - 1, height - 1)).astype(int).T
        hidden = self.depth[row, column] < j3d[:, 2] - np.array([_joint_depth(name) for name in names])
        return np.where(inside, np.where(hidden, HIDDEN, VISIBLE), NOT_LABELLED).astype(np.uint8)

    def mask(self, index):
        """(H, W) bool: pixels that show person `index`."""
        return self.owner == index

    def box(self, index):
        """(left, top, width, height) in pixels of the whole person, clipped to the picture, hidden parts included."""
        height, width = self.owner.shape
        pixels = self.view.project(self.people[index].vertices)
        low = np.clip(np.nanmin(pixels, axis=0), 0, (width, height))
        return np.concatenate([low, np.clip(np.nanmax(pixels, axis=0), 0, (width, height)) - low])


def _joint_depth(name):
    return next((depth for key, depth in _DEPTHS.items() if key in name and "top" not in name), _SHALLOW)


def make_scene(rng, size=(480, 640), num_people=1, kind="smpl", fill=(0.45, 0.9), occluder=0.3):
    """Draw a picture.

    Args:
        rng (numpy.random.Generator): the only source of randomness.
        size ((int, int)): (H, W).
        num_people (int): people, or hands, on the stage (1 to 8 look well).
        kind (str): "smpl", "smplx", "mano_right" or "mano_left".
        fill ((float, float)): the first person's size as a share of the picture's; the others stand where there is room.
        occluder (float): probability of a thing in front of the people.

    Returns:
        Scene: its people are in front of the camera, the first one wholly in the picture unless a thing hides it.
    """
    stage = make_stage(rng, num_people, kind)
    view = aim(rng, stage.actors[0], size, rng.uniform(*fill))
    stage = _spread(rng, stage, view, size)
    if not kind.startswith("mano"):
        stage = furnish(rng, stage, view, size, occluder)
    return photograph(rng, stage, view, size)


def make_stage(rng, num_people, kind="smpl"):
    """People at the world's origin, the first in the middle and the others around, without things; see `Stage`."""
    body = scene_body(kind)
    pose = sample_poses(rng, num_people, kind).astype(np.float64)
    beta = sample_shapes(rng, num_people).astype(np.float64)
    expression = np.clip(rng.standard_normal((num_people, 10)), -2, 2) if kind == "smplx" else None
    turns = np.stack([_heading(rng, kind) for _ in range(num_people)])
    root = turns @ axis_angle_to_matrix(pose[:, :3])
    pose[:, :3] = matrix_to_axis_angle(root)
    rotmat = axis_angle_to_matrix(pose.reshape(num_people, -1, 3)).astype(np.float32)
    model, directions = body.model, None
    shape = beta
    if expression is not None:
        shape, directions = np.concatenate([beta, expression], 1), _smplx_directions(model)
    vertices, skeleton = pose_body(model, rotmat, shape.astype(np.float32), shapedirs=directions)
    root_rest = skeleton[:, 0].astype(np.float64)  # the root joint stays where it rests, whatever the pose
    shift = _on_ground(rng, vertices, skeleton, kind)
    actors = tuple(
        Actor(kind, pose[i], beta[i], None if expression is None else expression[i], vertices[i] + shift[i],
              skeleton[i] + shift[i], root_rest[i], vertex_colours(rng, body)) for i in range(num_people))
    return Stage(actors, (), make_place(rng, 6.0))


def _smplx_directions(model):
    return np.concatenate([model.shapedirs[..., :10], model.shapedirs[..., 300:310]], -1)


def _heading(rng, kind):
    """How a body is turned in the world: people upright and often towards the camera, hands in every way."""
    if kind.startswith("mano"):
        axis = rng.standard_normal(3)
        return axis_angle_to_matrix(axis / np.linalg.norm(axis) * rng.uniform(0, np.pi))
    turn = rng.normal(0, np.radians(50)) if rng.random() < 0.6 else rng.uniform(-np.pi, np.pi)
    upright = axis_angle_to_matrix(np.array([0.0, turn, 0.0])) @ Y_FLIP
    if rng.random() < 0.04:  # lying on the back or on the belly
        return upright @ axis_angle_to_matrix(np.array([rng.choice((-1, 1)) * np.pi / 2, 0.0, 0.0]))
    return upright


def _on_ground(rng, vertices, skeleton, kind):
    """Shifts (B, 3) that put the lowest vertex on the ground (hands: in front of the chest) and the root above the
    origin, the others in a ring around the first."""
    count = len(vertices)
    shift = -skeleton[:, 0].astype(np.float64)
    shift[:, 1] = np.full(count, -1.3) - skeleton[:, 0, 1] if kind.startswith("mano") else -vertices[..., 1].max(1)
    angle = rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(count) / max(count - 1, 1)
    ring = rng.uniform(0.9, 1.8, count) * (np.arange(count) > 0)
    shift[:, 0] += ring * np.cos(angle)
    shift[:, 2] += ring * np.sin(angle)
    return shift


def aim(rng, actor, size, share):
    """A view in which an actor fills `share` of the picture's height (or width, when it is wide)."""
    height, width = size
    focal = 0.5 * height / np.tan(np.radians(rng.uniform(17, 30)))
    low, high = actor.vertices.min(0), actor.vertices.max(0)
    extent = max(high[1] - low[1], (high[0] - low[0]) * height / width)
    distance = focal * extent / (share * height) + 0.5 * (high[2] - low[2])
    middle = 0.5 * (low + high)
    level = rng.uniform(-0.15, 0.15) * extent + middle[1]
    if actor.kind in ("smpl", "smplx"):
        level = min(-rng.uniform(0.7, 1.9), -0.2)
    target = middle + rng.normal(0, 0.04, 3) * extent
    centre = np.array([middle[0], level, middle[2] - distance])
    return look_at(centre, target, focal, (0.5 * width, 0.5 * height), rng.normal(0, np.radians(1.5)))


def look_at(centre, target, focal, principal, roll=0.0):
    """A `View` from `centre` towards `target` (world, metres), upright but for `roll` radians; focal and principal in
    pixels."""
    forward = (target - centre) / np.linalg.norm(target - centre)
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    level = np.stack([right, np.cross(forward, right), forward])
    turn = axis_angle_to_matrix(np.array([0.0, 0.0, roll]))
    return View(np.full(2, focal) if np.isscalar(focal) else np.asarray(focal, float), np.asarray(principal, float),
                turn @ level, np.asarray(centre, float))


def _spread(rng, stage, view, size):
    """Put all actors but the first where the camera sees them and where nobody stands."""
    first = stage.actors[0]
    places, moved = [_ground_place(first)], [first]
    near = _ground_place(first)[1] - view.centre[2]
    for actor in stage.actors[1:]:
        for _ in range(20):
            ahead = near * rng.uniform(0.75, 2.6)
            side = (rng.uniform(0.08, 0.92) * size[1] - view.principal[0]) / view.focal[0] * ahead
            place = view.centre[[0, 2]] + (side, ahead)
            if all(np.hypot(*(place - other)) > APART for other in places):
                break
        places.append(place)
        offset = np.insert(place - _ground_place(actor), 1, 0.0)
        moved.append(dataclasses.replace(actor, vertices=actor.vertices + offset, skeleton=actor.skeleton + offset))
    behind = max(place[1] for place in places)
    return dataclasses.replace(stage, actors=tuple(moved), place=make_place(rng, behind))


def _ground_place(actor):
    return actor.skeleton[0, [0, 2]].astype(np.float64)


def furnish(rng, stage, view, size, occluder):
    """Add seats under those who sit, boxes behind and beside the people and, sometimes, a thing in front of them."""
    things = [thing for actor in stage.actors for thing in _seat(rng, actor)]
    places = [_ground_place(actor) for actor in stage.actors]
    deepest = max(place[1] for place in places)
    for _ in range(rng.integers(0, 5)):
        ahead = rng.uniform(0.8, 1.0) * (deepest + 2.0 - view.centre[2])
        place = view.centre[[0, 2]] + (rng.uniform(-0.6, 0.6) * size[1] / view.focal[0] * ahead, ahead)
        if all(np.hypot(*(place - other)) > 1.1 for other in places):
            box = rng.uniform((0.3, 0.3, 0.3), (1.2, 1.9, 0.8))
            things.append(box_mesh(place, box, rng.uniform(0, np.pi), garment_colour(rng)))
    if rng.random() < occluder:
        chosen = places[rng.integers(len(places))]
        to_camera = view.centre[[0, 2]] - chosen
        place = chosen + to_camera * rng.uniform(0.12, 0.35) + rng.normal(0, 0.35, 2) * (1, 0)
        box = rng.uniform((0.2, 0.25, 0.2), (0.8, 0.95, 0.5))
        if all(np.hypot(*(place - other)) > 0.5 for other in places):
            things.append(box_mesh(place, box, rng.uniform(0, np.pi), garment_colour(rng)))
    return dataclasses.replace(stage, things=stage.things + tuple(things))


def _seat(rng, actor):
    """A box under an actor who sits: hips low, and not above the feet."""
    body = scene_body(actor.kind)
    names = body.joint_names
    hips = 0.5 * (actor.skeleton[names.index("left_hip")] + actor.skeleton[names.index("right_hip")])
    feet = 0.5 * (actor.skeleton[names.index("left_ankle")] + actor.skeleton[names.index("right_ankle")])
    if not (0.25 < -hips[1] < 0.75 and np.hypot(*(hips - feet)[[0, 2]]) > 0.22):
        return []
    near = (np.hypot(*(actor.vertices - hips)[:, [0, 2]].T) < 0.16) & (actor.vertices[:, 1] < feet[1] - 0.1)
    if not near.any():
        return []  # lying
    top = -actor.vertices[near, 1].max() + 0.02
    away = (hips - feet)[[0, 2]] / np.hypot(*(hips - feet)[[0, 2]])
    turn = np.arctan2(away[0], away[1])
    return [box_mesh(hips[[0, 2]] + 0.06 * away, (rng.uniform(0.38, 0.55), top, 0.36), turn, garment_colour(rng))]


def photograph(rng, stage, view, size):
    """Take a picture of a stage.

    Args:
        rng (numpy.random.Generator): of the camera's noise alone; the same stage looks the same from every side.
        stage (Stage): people and things in the world.
        view (View): the camera.
        size ((int, int)): (H, W).

    Returns:
        Scene
    """
    actors = [actor for actor in stage.actors if view.to_camera(actor.skeleton)[:, 2].min() > 0.1]
    casters = [actor.vertices[::23] for actor in actors if not actor.kind.startswith("mano")]
    picture = background(stage.place, view, size, np.concatenate(casters) if casters else np.zeros((0, 3)))
    meshes = [(actor.vertices, scene_body(actor.kind).model.faces, actor.colours) for actor in actors]
    meshes += [_forearm(actor) for actor in actors if actor.kind.startswith("mano")] + list(stage.things)
    image, depth, mesh, corner = _draw(meshes, view, size, picture, stage.place)
    owner = np.where(mesh < len(actors), mesh, -1).astype(np.int16)
    labels = np.zeros(size, np.uint8)
    for index, actor in enumerate(actors):
        seen = owner == index
        labels[seen] = scene_body(actor.kind).parts[corner[seen]]
    return Scene(_developed(rng, image), view, tuple(_in_camera(actor, view) for actor in actors), depth, owner, labels)


def _in_camera(actor, view):
    """An actor as the camera sees it: the root's rotation and the translation take the camera's place in."""
    pose = actor.pose.copy()
    pose[:3] = matrix_to_axis_angle(view.rotation @ axis_angle_to_matrix(actor.pose[:3]))
    skeleton = view.to_camera(actor.skeleton.astype(np.float64))
    return Person(actor.kind, pose, actor.beta, actor.expression, skeleton[0] - actor.root_rest,
                  view.to_camera(actor.vertices.astype(np.float64)), skeleton)


def _forearm(actor):
    """A tapered tube behind the wrist, so that a hand does not float."""
    wrist, knuckle = actor.skeleton[0], actor.skeleton[1:].mean(0)
    along = (wrist - knuckle) / np.linalg.norm(wrist - knuckle)
    side = np.cross(along, [0.3, 0.9, 0.2])
    side /= np.linalg.norm(side)
    other = np.cross(along, side)
    angle = np.linspace(0, 2 * np.pi, 25)[:-1]
    ring = np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * other
    start = wrist + 0.012 * along
    vertices = np.concatenate([start + 0.026 * ring, start + 0.25 * along + 0.042 * ring])
    first, following = np.arange(24), np.roll(np.arange(24), -1)
    faces = np.concatenate([np.stack([first, following, following + 24], 1),
                            np.stack([first, following + 24, first + 24], 1)])
    return vertices, faces, np.tile(actor.colours.mean(0), (48, 1))


def _draw(meshes, view, size, picture, place):
    """Shade the meshes over the picture: image, depth, index of the mesh and of the nearest vertex per pixel."""
    height, width = size
    offsets = np.cumsum([0] + [len(vertices) for vertices, _, _ in meshes])
    vertices = np.concatenate([vertices for vertices, _, _ in meshes])
    faces = np.concatenate([faces + offset for (_, faces, _), offset in zip(meshes, offsets)])
    colours = np.concatenate([colours for _, _, colours in meshes]).astype(np.float32)
    normals = vertex_normals(vertices, faces).astype(np.float32)
    lit = np.clip(normals @ place.sun.astype(np.float32), 0, None)
    # A weak lamp at the camera keeps what is in the shadow readable.
    to_camera = np.clip(-(normals @ view.rotation[2].astype(np.float32)), 0, None)
    brightness = place.ambient + (1.0 - place.ambient) * lit + 0.25 * to_camera * place.ambient
    shaded = colours * brightness[:, None] * place.light.astype(np.float32)

    large = (height * SUPERSAMPLE, width * SUPERSAMPLE)
    raster = rasterise(vertices, faces, view.camera(SUPERSAMPLE), large)
    corners = faces[raster.face.reshape(-1)[raster.pixels]]
    layer = np.zeros((large[0] * large[1], 4), np.float32)
    layer[raster.pixels, :3] = (shaded[corners] * raster.weights[..., None]).sum(1)
    layer[raster.pixels, 3] = 1.0
    layer = cv2.resize(layer.reshape(*large, 4), (width, height), interpolation=cv2.INTER_AREA)
    image = layer[..., :3] + (1.0 - layer[..., 3:]) * picture
    nearest = np.full(large, -1, np.int64)
    nearest.reshape(-1)[raster.pixels] = corners[np.arange(len(corners)), raster.weights.argmax(1)]
    nearest = nearest[::SUPERSAMPLE, ::SUPERSAMPLE]
    mesh = np.where(nearest < 0, len(meshes), np.searchsorted(offsets, nearest, side="right") - 1)
    corner = nearest - offsets[np.clip(mesh, 0, len(meshes) - 1)]
    return image, raster.depth[::SUPERSAMPLE, ::SUPERSAMPLE].copy(), mesh, corner


def _developed(rng, image):
    """What a camera adds: exposure, a little blur and noise; (H, W, 3) float32 -> uint8."""
    if rng.random() < 0.4:
        image = cv2.GaussianBlur(image, (3, 3), rng.uniform(0.3, 0.8))
    image = image * np.float32(rng.uniform(0.85, 1.12))
    noise = rng.standard_normal((image.shape[0], image.shape[1], 1), np.float32) * np.float32(rng.uniform(0.5, 4.0))
    return np.clip(image + noise, 0, 255).astype(np.uint8)
