"""What the sample scenes show, before a camera looks: people on the ground, things, and the views of them.

World axes are those of a level camera: x right, y down, z forward, metres, the ground is y = 0; pixels are continuous,
the first pixel's centre is at 0.5.
"""
import dataclasses

import numpy as np

from common.body_models.lbs_numpy import pose_body
from common.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from common.stand_ins.body.prior import sample_poses, sample_shapes
from common.stand_ins.scenes.appearance import clothe, garment_colour, surface_colour, vertex_colours
from common.stand_ins.scenes.body import scene_body
from common.stand_ins.scenes.places import Place, box_mesh, make_place
from common.visual.cameras import PerspectiveCamera
from common.visual.renderer import vertex_normals

Y_FLIP = np.diag([1.0, -1.0, -1.0])  # body models look along +z with y up; so they look at the camera
APART = 0.6  # metres between two people at least
FACING = 0.6  # share of the people who turn more or less towards the camera


@dataclasses.dataclass(frozen=True)
class PinholeCamera:
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
        """The same as a PerspectiveCamera for world points, for an image `scale` times as large."""
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
    and skeleton (J, 3) metres, root_rest (3,) where the root rests before any translation, colours (V, 3) RGB; surface
    (V, 3) what is drawn (clothes and hair are thicker than skin), None for the vertices themselves.
    """

    kind: str
    pose: np.ndarray
    beta: np.ndarray
    expression: np.ndarray
    vertices: np.ndarray
    skeleton: np.ndarray
    root_rest: np.ndarray
    colours: np.ndarray
    surface: np.ndarray = None

    def moved(self, offset):
        """The same person elsewhere: `offset` (3,) metres."""
        return dataclasses.replace(self, vertices=self.vertices + offset, skeleton=self.skeleton + offset,
                                   surface=None if self.surface is None else self.surface + offset)


@dataclasses.dataclass(frozen=True)
class StagedScene:
    """People, things (vertices, faces, colours) and surroundings at one moment, in world axes."""

    actors: tuple
    things: tuple
    place: Place


def make_stage(rng, num_people, kind="smpl", facing=FACING, thick=False):
    """People at the world's origin, the first in the middle and the others around, without things; see `StagedScene`.

    `facing` is the share of them who turn more or less against the z axis, which is towards the usual camera. With
    `thick`, clothes and hair stand off the body (`Actor.surface`), else they are painted on it.
    """
    body = scene_body(kind)
    pose = sample_poses(rng, num_people, kind).astype(np.float64)
    beta = sample_shapes(rng, num_people).astype(np.float64)
    expression = np.clip(rng.standard_normal((num_people, 10)), -2, 2) if kind == "smplx" else None
    turns = np.stack([_heading(rng, kind, facing) for _ in range(num_people)])
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
              skeleton[i] + shift[i], root_rest[i], *_look(rng, body, vertices[i] + shift[i], thick))
        for i in range(num_people))
    return StagedScene(actors, (), make_place(rng, 6.0))


def _look(rng, body, vertices, thick):
    """Colours and surface of an actor with these vertices."""
    if not thick:
        return vertex_colours(rng, body), None
    colours, thickness = clothe(rng, body)
    normals = vertex_normals(vertices, body.model.faces).astype(np.float32)
    return colours, vertices + thickness[:, None] * normals


def _smplx_directions(model):
    return np.concatenate([model.shapedirs[..., :10], model.shapedirs[..., 300:310]], -1)


def _heading(rng, kind, facing):
    """How a body is turned in the world: people upright and often towards the camera, hands in every way."""
    if kind.startswith("mano"):
        axis = rng.standard_normal(3)
        return axis_angle_to_matrix(axis / np.linalg.norm(axis) * rng.uniform(0, np.pi))
    turn = rng.normal(0, np.radians(50)) if rng.random() < facing else rng.uniform(-np.pi, np.pi)
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
    """A view in which an actor fills `share` of the image's height (or width, when it is wide)."""
    height, width = size
    focal = 0.5 * height / np.tan(np.radians(rng.uniform(17, 30)))
    low, high = actor.vertices.min(0), actor.vertices.max(0)
    extent = max(high[1] - low[1], (high[0] - low[0]) * height / width)
    middle = 0.5 * (low + high)
    level = rng.uniform(-0.15, 0.15) * extent + middle[1]
    if actor.kind in ("smpl", "smplx"):
        level = min(-rng.uniform(0.7, 1.9), -0.2)
    target = middle + rng.normal(0, 0.02, 3) * extent
    roll = rng.normal(0, np.radians(1.5))
    distance = focal * extent / (share * height) + 0.5 * (high[2] - low[2])
    some = actor.vertices[::7]
    for _ in range(3):  # from above, or with an arm towards the camera, the size differs from the first guess
        centre = np.array([middle[0], level, middle[2] - distance])
        view = look_at(centre, target, focal, (0.5 * width, 0.5 * height), roll)
        filled = (np.ptp(view.project(view.to_camera(some)), axis=0) / (width, height)).max()
        distance = max(distance * filled / share, 0.5 * (high[2] - low[2]) + 0.3)
    return view


def look_at(centre, target, focal, principal, roll=0.0):
    """A `PinholeCamera` from `centre` towards `target` (world, metres), upright but for `roll` radians; focal and
    principal in pixels."""
    forward = (target - centre) / np.linalg.norm(target - centre)
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    level = np.stack([right, np.cross(forward, right), forward])
    turn = axis_angle_to_matrix(np.array([0.0, 0.0, roll]))
    return PinholeCamera(np.full(2, focal) if np.isscalar(focal) else np.asarray(focal, float),
                         np.asarray(principal, float), turn @ level, np.asarray(centre, float))


def spread(rng, stage, view, size):
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
        moved.append(actor.moved(offset))
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
            things.append(box_mesh(place, box, rng.uniform(0, np.pi), surface_colour(rng)))
    things += _hangings(rng, stage.place, view, size)
    if rng.random() < occluder:
        chosen = places[rng.integers(len(places))]
        to_camera = view.centre[[0, 2]] - chosen
        place = chosen + to_camera * rng.uniform(0.12, 0.35) + rng.normal(0, 0.35, 2) * (1, 0)
        box = rng.uniform((0.2, 0.25, 0.2), (0.8, 0.95, 0.5))
        if all(np.hypot(*(place - other)) > 0.5 for other in places):
            things.append(box_mesh(place, box, rng.uniform(0, np.pi), surface_colour(rng)))
    return dataclasses.replace(stage, things=stage.things + tuple(things))


def _hangings(rng, place, view, size):
    """Images and doors on the wall, frames included; none outdoors."""
    out = []
    for _ in range(rng.integers(0, 4) if np.isfinite(place.wall) else 0):
        ahead = place.wall - view.centre[2]
        middle = view.centre[0] + rng.uniform(-0.6, 0.6) * size[1] / view.focal[0] * ahead
        width, height, lift = rng.uniform((0.4, 0.4, 0.9), (1.6, 1.2, 1.7))
        if rng.random() < 0.3:
            width, height, lift = 0.9, 2.05, 0.0
        out.append(box_mesh((middle, place.wall), (width, height, 0.04), 0.0, surface_colour(rng), lift))
        out.append(box_mesh((middle, place.wall), (0.86 * width, 0.86 * height, 0.06), 0.0, garment_colour(rng),
                            lift + 0.07 * height))
    return out


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
    return [box_mesh(hips[[0, 2]] + 0.06 * away, (rng.uniform(0.38, 0.55), top, 0.36), turn, surface_colour(rng))]
