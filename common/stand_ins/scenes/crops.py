"""Training samples made on the fly: an image of one synthetic person, cut out as a detector's box would be.

Sample `index` of epoch `epoch` is a function of (seed, epoch, index) and of nothing else, so samples can be made in any
order by any number of workers, and a continued training sees the same ones. The image is drawn at the network's own
size; nothing larger is made first.

What differs between samples, because networks trained on them shall find people in photos: pose, shape, heading,
clothes that stand off the body, hair, skin, light, surroundings or mere clutter behind, further people, things and
shapes in front, the camera's height, distance, angle of view and tilt, the place of the person in the photo and of the
box around the person, cut-off bodies, and what cameras, files and small photos do to an image.

    crop = make_crop(seed=0, epoch=3, index=17, size=128)
    crop.image, crop.person.pose, crop.cam, crop.points("lsp_14").j2d
"""
import dataclasses

import numpy as np

from common.stand_ins.scenes.appearance import garment_colour, surface_colour
from common.stand_ins.scenes.hard_images import clutter, developed, lit, shape
from common.stand_ins.scenes.places import box_mesh, make_place
from common.stand_ins.scenes.scene import Points, Scene, ScenePerson, photograph
from common.stand_ins.scenes.stage import PinholeCamera, StagedScene, look_at, make_stage

PLAIN = 0.5  # share of the crops as good photos show people: alone, in full light, nothing in front, sharp
FILL = 0.72, 1.0  # the size of the person's box of joints, as a share of the crop
CUT = 0.2  # share of the crops that show a part of the person
CUT_FILL = 1.15, 2.4  # their `FILL`
SHIFT = 0.10  # of the crop against the middle of the box, at most, as a share of the crop
COMPANY = 0.3  # share of the crops with a second person near the first
THING = 0.25  # share of the crops with a box in front of the person
COVERED = 0.25  # share of the crops over which flat shapes are laid
CLUTTER = 0.5  # share of the crops with clutter behind the person instead of a place
LEAST_SEEN = 0.35  # of the person's pixels at least this share stays in view of shapes that are laid over it
LEAST_AREA = 0.03  # share of the crop that the person covers at least
ATTEMPTS = 5  # further scenes of the same random numbers for crops that show less of the person
LEAST_JOINTS = 8  # of the body's joints at least as many lie inside the crop
NEAREST = 0.35  # metres between the camera and any part of the person


@dataclasses.dataclass(frozen=True)
class PersonCrop:
    """An image of a person and the truth: metres, camera axes (x right, y down, z forward), pixels of the crop.

    Attributes:
        image (numpy.ndarray): (S, S, 3) uint8 RGB; three equal channels where it is grey.
        cam (numpy.ndarray): (3,) float32, the weak-perspective camera (s, tx, ty) that fits best: s * (x + tx, y + ty)
            of the joints relative to the root joint, [-1, 1] across the crop.
        scene (Scene): the camera and the truth of each pixel (depth, people and parts seen).
    """

    image: np.ndarray
    cam: np.ndarray
    scene: Scene

    @property
    def person(self) -> ScenePerson:
        """The person: pose (72,) axis-angle with the root's rotation in camera axes, beta (10,), translation (3,),
        vertices (V, 3) and skeleton (24, 3); SMPL-X has 55 joints and an expression (10,)."""
        return self.scene.people[0]

    @property
    def mask(self) -> np.ndarray:
        """(S, S) bool: pixels that show the person."""
        return self.scene.mask(0)

    def points(self, point_set: str) -> Points:
        """Named joints: j3d (P, 3), j2d (P, 2), visibility (P,); for the sets see `body.scene_body`."""
        return self.scene.points(0, point_set)


def make_crop(seed: int, epoch: int, index: int, size: int = 128, kind: str = "smpl") -> PersonCrop:
    """Make sample `index` of an epoch.

    Args:
        seed, epoch, index: whole numbers from 0; equal ones give equal samples.
        size: side of the image in pixels.
        kind: "smpl" or "smplx".
    """
    rng = np.random.default_rng([seed, epoch, index])
    plain = rng.random() < PLAIN
    for _ in range(ATTEMPTS):
        scene = _scene(rng, size, kind, plain)
        if scene.mask(0).mean() >= LEAST_AREA:
            break
    return PersonCrop(scene.image if plain else developed(rng, scene.image), _weak_camera(scene, size), scene)


def _scene(rng, size, kind, plain):
    """A crop before the camera adds its faults; a plain one with the usual little ones."""
    stage = make_stage(rng, 2 if not plain and rng.random() < COMPANY else 1, kind, facing=0.5, thick=True)
    first, *others = stage.actors
    view = _crop(rng, _aim(rng, first), first, size, 0.0 if plain else CUT)
    actors = (first, *(_beside(rng, first, other, view) for other in others))
    place = make_place(rng, first.skeleton[0, 2])
    place = place if plain else lit(rng, place)
    things = tuple(_things(rng, first, view, 0.0 if plain else THING))
    behind = clutter(rng, (size, size)) if not plain and rng.random() < CLUTTER else None
    scene = photograph(rng, StagedScene(actors, things, place), view, (size, size), behind,
                       None if plain else lambda _, image: image)
    return _covered(rng, scene) if not plain and rng.random() < COVERED else scene


def _aim(rng, actor):
    """A camera before the person, for a photo of height 1 whose middle is at (0, 0)."""
    low, high = actor.vertices.min(0), actor.vertices.max(0)
    middle, extent = 0.5 * (low + high), np.ptp(actor.vertices, axis=0).max()
    focal = 0.5 / np.tan(0.5 * np.radians(rng.uniform(18, 75)))
    half = 0.5 * np.hypot(*(high - low)[[0, 2]])
    distance = max(focal * extent / rng.uniform(0.25, 0.95), half + NEAREST + 0.4)
    pitch = rng.uniform(-25, 60) if rng.random() < 0.25 else rng.normal(4, 8)  # degrees, from above
    pitch = np.radians(pitch)
    centre = middle + distance * np.array([0.0, -np.sin(pitch), -np.cos(pitch)])
    centre[1] = min(centre[1], -0.15)  # above the ground
    # The photo's middle is beside the person, more so where the person is small.
    room = distance / focal
    target = middle + rng.uniform(-0.3, 0.3, 3) * (room, 0.4 * room, 0.0)
    roll = rng.uniform(-45, 45) if rng.random() < 0.08 else rng.normal(0, 3)
    return look_at(centre, target, focal, (0.0, 0.0), np.radians(roll))


def _crop(rng, view, actor, size, cut):
    """The view that shows the square around the person alone, or with probability `cut` a part of it, in `size`
    pixels."""
    joints = view.project(view.to_camera(np.concatenate([actor.skeleton, actor.vertices[::50]])))
    low, high = joints.min(0), joints.max(0)
    middle, extent = 0.5 * (low + high), (high - low).max()
    for attempt in range(6):
        part = rng.random() < cut if attempt == 0 else attempt < 5
        side = extent / rng.uniform(*(CUT_FILL if part else FILL))
        corner = middle - side * (0.5 + rng.uniform(-SHIFT, SHIFT, 2))
        if part:
            # More often the upper part of the image, where heads are.
            corner = corner + rng.uniform((-0.5, -0.5), (0.5, 0.25)) * np.maximum(high - low - 0.7 * side, 0.0)
        inside = ((joints[:24] > corner) & (joints[:24] < corner + side)).all(1)
        if not part or inside.sum() >= LEAST_JOINTS:
            break
    scale = size / side
    return PinholeCamera(view.focal * scale, (view.principal - corner) * scale, view.rotation, view.centre)


def _beside(rng, first, other, view):
    """Another person near the first: at the side or behind, seldom in front."""
    offset = np.array([rng.choice((-1, 1)) * rng.uniform(0.25, 1.0), 0.0, rng.normal(0.5, 0.6)])
    moved = other.moved(first.skeleton[0] - other.skeleton[0] + offset)
    moved = moved.moved((0.0, -moved.vertices[:, 1].max(), 0.0))
    near = view.to_camera(moved.vertices)[:, 2].min() < NEAREST
    return moved.moved(view.rotation[2] * 2.0) if near else moved


def _things(rng, first, view, before):
    """Boxes behind and beside the person and, with probability `before`, one in front."""
    root = first.skeleton[0, [0, 2]]
    to_camera = view.centre[[0, 2]] - root
    away = np.hypot(*to_camera)
    to_camera /= max(away, 1e-6)
    across = np.array([to_camera[1], -to_camera[0]])
    for _ in range(rng.integers(0, 4)):
        place = root - to_camera * rng.uniform(0.7, 3.0) + across * rng.uniform(-2.0, 2.0)
        yield box_mesh(place, rng.uniform((0.2, 0.2, 0.2), (1.5, 2.2, 0.8)), rng.uniform(0, np.pi), surface_colour(rng))
    if rng.random() < before:
        place = root + to_camera * min(rng.uniform(0.45, 0.9), 0.5 * away) + across * rng.normal(0, 0.35)
        lift = rng.uniform(0.0, 1.2) if rng.random() < 0.3 else 0.0
        yield box_mesh(place, rng.uniform((0.1, 0.1, 0.05), (0.8, 0.95, 0.3)), rng.uniform(0, np.pi),
                       garment_colour(rng), lift)


def _covered(rng, scene):
    """A scene with shapes, or the edge of the photo, before everything; what they cover is hidden."""
    size = len(scene.image)
    mask = np.zeros((size, size), np.uint8)
    if rng.random() < 0.25:  # the photo ends here
        mask[:int(rng.uniform(0.05, 0.3) * size)] = 255
        mask = np.rot90(mask, rng.integers(4)).copy()
        image = np.zeros_like(scene.image)
    else:
        for _ in range(rng.integers(1, 4)):
            shape(rng, mask, rng.uniform(0.1, 0.45) * size, rng.uniform(0.1, 0.9, 2) * size)
        image = clutter(rng, (size, size))
    own = scene.owner == 0
    covered = mask >= 128
    if (own & ~covered).sum() < LEAST_SEEN * own.sum():
        return scene
    share = mask[..., None].astype(np.float32) / 255.0
    image = np.rint(scene.image + share * (image.astype(np.float32) - scene.image)).astype(np.uint8)
    return dataclasses.replace(scene, image=image, depth=np.where(covered, np.float32(0.0), scene.depth),
                               owner=np.where(covered, np.int16(-1), scene.owner),
                               labels=np.where(covered, np.uint8(0), scene.labels))


def _weak_camera(scene, size):
    """The (s, tx, ty) that projects the joints, relative to the root, nearest to where they are; least squares."""
    skeleton = scene.people[0].skeleton
    points = (skeleton - skeleton[0])[:, :2]
    target = scene.view.project(skeleton) * (2.0 / size) - 1.0
    points_mean, target_mean = points.mean(0), target.mean(0)
    scale = ((points - points_mean) * (target - target_mean)).sum() / ((points - points_mean) ** 2).sum()
    return np.append(scale, target_mean / scale - points_mean).astype(np.float32)
