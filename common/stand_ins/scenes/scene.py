"""Images of synthetic people with exact ground truth, from a seed alone.

`make_scene` draws a whole image. `make_stage` and `photograph` are its two halves, for datasets that show the same
moment from several calibrated cameras. World axes are those of a level camera: x right, y down, z forward, metres, the
ground is y = 0; pixels are continuous, the first pixel's centre is at 0.5.
"""
import dataclasses

import cv2
import numpy as np

from common.data.records import HIDDEN, NOT_LABELLED, VISIBLE
from common.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from common.stand_ins.scenes.body import scene_body
from common.stand_ins.scenes.hard_images import clutter, developed, leaves, lit
from common.stand_ins.scenes.places import background
from common.stand_ins.scenes.stage import FACING, PinholeCamera, aim, furnish, make_stage, spread
from common.visual.renderer import Drawing, Light, Mesh

# How far inside the body a joint lies, metres: it is hidden when a surface is further in front of it than this.
_DEPTHS = {"hip": 0.17, "pelvis": 0.20, "spine": 0.18, "thorax": 0.18, "shoulder": 0.12, "neck": 0.11, "head": 0.13,
           "collar": 0.12, "knee": 0.09, "elbow": 0.07, "ankle": 0.07, "wrist": 0.05, "jaw": 0.09, "hand": 0.04,
           "foot": 0.06}
_SHALLOW = 0.03  # everything else lies on the skin or in a finger
_CLOTHES = 0.05  # metres; so much more where clothes stand off the body (`Actor.surface`)


@dataclasses.dataclass(frozen=True)
class Points:
    """Named points of a person: j3d (P, 3) metres, camera axes; j2d (P, 2) px; visibility (P,) uint8, 0 outside the
    image or behind the camera, 1 hidden by something or by the body itself, 2 visible."""

    names: tuple
    j3d: np.ndarray
    j2d: np.ndarray
    visibility: np.ndarray


@dataclasses.dataclass(frozen=True)
class ScenePerson:
    """A person in an image; metres and camera axes.

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
    """An image and everything about it.

    Attributes:
        image (numpy.ndarray): (H, W, 3) uint8 RGB.
        view (PinholeCamera): the camera.
        people (tuple[ScenePerson]): all whose body is at least partly in the image's direction, in the stage's order.
        depth (numpy.ndarray): (H, W) float32 metres along z, infinite where there is neither person nor thing.
        owner (numpy.ndarray): (H, W) int16, index of the person seen, -1 for anything else.
        labels (numpy.ndarray): (H, W) uint8, body part seen (1.. in the order of `BODY_PARTS`), 0 for none.
        clothed (bool): whether clothes stand off the bodies, so that joints lie deeper below what is seen.
    """

    image: np.ndarray
    view: PinholeCamera
    people: tuple
    depth: np.ndarray
    owner: np.ndarray
    labels: np.ndarray
    clothed: bool = False

    def points(self, index, point_set):
        """`Points` of person `index`; for the sets see `body.scene_body`."""
        person = self.people[index]
        named = scene_body(person.kind).point_sets[point_set]
        j3d = named.matrix @ np.concatenate([person.skeleton, person.vertices])
        return Points(named.names, j3d, self.view.project(j3d), self.visibility(named.names, j3d))

    def visibility(self, names, j3d):
        """Visibility (P,) of points (P, 3) in camera axes, see `Points`; names tell how deep they lie."""
        height, width = self.depth.shape
        pixels = np.nan_to_num(self.view.project(j3d), nan=-1.0)
        inside = (pixels >= 0).all(1) & (pixels[:, 0] < width) & (pixels[:, 1] < height)
        column, row = np.clip(pixels, 0, (width - 1, height - 1)).astype(int).T
        below = np.array([_joint_depth(name) for name in names]) + (_CLOTHES if self.clothed else 0.0)
        hidden = self.depth[row, column] < j3d[:, 2] - below
        return np.where(inside, np.where(hidden, HIDDEN, VISIBLE), NOT_LABELLED).astype(np.uint8)

    def mask(self, index):
        """(H, W) bool: pixels that show person `index`."""
        return self.owner == index

    def box(self, index):
        """(left, top, width, height) in pixels of the whole person, clipped to the image, hidden parts included."""
        height, width = self.owner.shape
        pixels = self.view.project(self.people[index].vertices)
        low = np.clip(np.nanmin(pixels, axis=0), 0, (width, height))
        return np.concatenate([low, np.clip(np.nanmax(pixels, axis=0), 0, (width, height)) - low])


def _joint_depth(name):
    return next((depth for key, depth in _DEPTHS.items() if key in name), _SHALLOW)


def make_scene(rng, size=(480, 640), num_people=1, kind="smpl", fill=(0.45, 0.9), occluder=0.3, facing=FACING,
               hard=False):
    """Draw an image.

    Args:
        rng (numpy.random.Generator): the only source of randomness.
        size ((int, int)): (H, W).
        num_people (int): people, or hands, on the stage (1 to 8 look well).
        kind (str): "smpl", "smplx", "mano_right" or "mano_left".
        fill ((float, float)): the first person's size as a share of the image's; others stand where there is room.
        occluder (float): probability of a thing in front of the people.
        facing (float): share of the people who turn more or less towards the camera; the others turn anywhere.
        hard (bool): clothes that stand off the bodies, light of any side and strength, often clutter in place of the
            surroundings, faults of cameras and files.

    Returns:
        Scene: its people are in front of the camera, the first one wholly in the image unless a thing hides it.
    """
    stage = make_stage(rng, num_people, kind, facing, thick=hard)
    view = aim(rng, stage.actors[0], size, rng.uniform(*fill))
    stage = spread(rng, stage, view, size)
    if not kind.startswith("mano"):
        stage = furnish(rng, stage, view, size, occluder)
    if not hard:
        return photograph(rng, stage, view, size)
    stage = dataclasses.replace(stage, place=lit(rng, stage.place))
    behind = clutter(rng, size) if rng.random() < 0.6 else None
    if behind is not None and rng.random() < 0.6:
        leaves(rng, behind)
    return photograph(rng, stage, view, size, behind, developed)


def photograph(rng, stage, view, size, behind=None, develop=None):
    """Take an image of a stage.

    Args:
        rng (numpy.random.Generator): of the camera's noise alone; the same stage looks the same from every side.
        stage (StagedScene): people and things in the world.
        view (PinholeCamera): the camera.
        size ((int, int)): (H, W).
        behind (numpy.ndarray): (H, W, 3) uint8 RGB, what is behind people and things; None draws the stage's place.
        develop (function): rng, image -> image of the same shape and type; None for exposure, a little blur and noise.

    Returns:
        Scene
    """
    actors = [actor for actor in stage.actors if view.to_camera(actor.skeleton)[:, 2].min() > 0.1]
    casters = [actor.vertices[::23] for actor in actors if not actor.kind.startswith("mano")]
    if behind is None:
        behind = background(stage.place, view, size, np.concatenate(casters) if casters else np.zeros((0, 3)))
    meshes = [(actor.vertices if actor.surface is None else actor.surface, scene_body(actor.kind).model.faces,
               actor.colours) for actor in actors]
    meshes += [_forearm(actor) for actor in actors if actor.kind.startswith("mano")] + list(stage.things)
    image, depth, face = _draw(meshes, view, size, behind, stage.place)
    owners, parts = [np.full(1, -1)], [np.zeros(1)]  # of no face, then of each face
    for index, (_, faces, _) in enumerate(meshes):
        body = scene_body(actors[index].kind) if index < len(actors) else None
        owners.append(np.full(len(faces), -1 if body is None else index))
        parts.append(np.zeros(len(faces)) if body is None else body.parts[faces[:, 0]])
    owner = np.concatenate(owners).astype(np.int16)[face + 1]
    labels = np.concatenate(parts).astype(np.uint8)[face + 1]
    return Scene((develop or _developed)(rng, image), view, tuple(_in_camera(actor, view) for actor in actors), depth,
                 owner, labels, any(actor.surface is not None for actor in actors))


def _in_camera(actor, view):
    """An actor as the camera sees it: the root's rotation and the translation take the camera's place in."""
    pose = actor.pose.copy()
    pose[:3] = matrix_to_axis_angle(view.rotation @ axis_angle_to_matrix(actor.pose[:3]))
    skeleton = view.to_camera(actor.skeleton.astype(np.float64))
    return ScenePerson(actor.kind, pose, actor.beta, actor.expression, skeleton[0] - actor.root_rest,
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


def _draw(meshes, view, size, background, place):
    """Draw the meshes over the image: image (H, W, 3) uint8, and what the pixels' centres see: depth (H, W) and face
    (H, W), counted through all meshes, -1 for none."""
    camera = view.camera()
    # A weak lamp at the camera keeps what is in the shadow readable.
    light = Light(ambient=place.ambient, sky=0.0, lamps=(view.rotation @ place.sun, (0.0, 0.0, -1.0)),
                  strengths=(1.0 - place.ambient, 0.25 * place.ambient))
    drawing = Drawing([Mesh(vertices, faces, colours * place.light) for vertices, faces, colours in meshes], camera)
    raster = drawing.raster(size, with_weights=False)
    return drawing.image(size, background, light=light).image, raster.depth, raster.face


def _developed(rng, image):
    """What a camera adds: exposure, a little blur and noise; (H, W, 3) uint8 -> uint8."""
    image = image.astype(np.float32)
    if rng.random() < 0.4:
        image = cv2.GaussianBlur(image, (3, 3), rng.uniform(0.3, 0.8))
    image = image * np.float32(rng.uniform(0.85, 1.12))
    noise = rng.standard_normal(image.shape[:2], np.float32) * np.float32(rng.uniform(0.5, 4.0))
    return np.clip(image + noise[..., None], 0, 255, out=image).astype(np.uint8)
