"""Meshes of the synthetic human with exactly the counts of SMPL (6890, 13776) and SMPL-X (10475, 20908).

The half x >= 0 is extracted, decimated to half the faces and mirrored. A closed body of genus 0 with 13776 faces has
6890 vertices (Euler). SMPL-X's numbers (V - F/2 = 21) belong to no closed surface, its skin is open at the eyes. Here
the skin has two eye openings of 17 edges each, filled by two closed eyeballs of 546 vertices; hands of 778 vertices and
1538 faces (MANO's; a disc with 16 edges round the wrist) and a head of 5023 vertices (FLAME's, with the eyeballs) are
parts of it.
"""
import dataclasses

import numpy as np

from common.stand_ins.body import remesh
from common.stand_ins.body.anatomy import EYE_RADIUS, body_parts, rest_joint
from common.stand_ins.body.field import Magnifier, field
from common.stand_ins.body.surface import extract_half, project

BODY, HAND, HEAD, EYE = range(4)  # regions
WRIST_LOOP = remesh.loop_number(BODY, HAND)
NECK_LOOP = remesh.loop_number(BODY, HEAD)
EYE_LOOP = remesh.loop_number(HEAD, EYE)
WRIST_EDGES, NECK_EDGES, EYE_EDGES = 16, 16, 17  # of the neck: one half
SMPL_FACES, SMPLX_FACES, HAND_FACES = 13776, 20908, 1538
EYEBALL_RINGS = (34, 16)  # points per ring, rings; with the two poles 546 vertices, 1088 faces
EYEBALL_FACES = 2 * 34 * 16
HEAD_VERTICES = 5023 - 2 * 546

# Grid steps to try, metres of the enlarged body.
STEPS = {"smpl": (0.0066, 0.0062, 0.0058), "smplx": (0.0055, 0.0052, 0.0049)}
IMPROVEMENTS = 15  # rounds of flips and smoothing

# Where triangles are smaller: centre, radii, wanted edge length relative to the plain body (left half, metres).
_SIZES = (
    ((0.0, 0.400, 0.110), (0.050, 0.065, 0.060), 0.48),  # face
    ((0.0, 0.366, 0.110), (0.032, 0.018, 0.030), 0.26),  # lips
    ((0.0, 0.396, 0.115), (0.020, 0.014, 0.030), 0.28),  # nose
    ((0.0325, 0.4345, 0.100), (0.022, 0.014, 0.030), 0.28),  # eye
    ((0.082, 0.425, 0.004), (0.022, 0.040, 0.030), 0.50),  # ear
    ((0.0, 0.440, 0.000), (0.110, 0.130, 0.140), 0.85),  # head
    ((0.740, 0.215, -0.040), (0.065, 0.070, 0.080), 0.42),  # palm
    ((0.830, 0.212, -0.035), (0.080, 0.060, 0.110), 0.27),  # fingers
    ((0.115, -1.160, 0.150), (0.080, 0.040, 0.055), 0.50),  # toes
    ((0.105, -1.140, 0.030), (0.080, 0.060, 0.140), 0.80),  # foot
)


@dataclasses.dataclass(frozen=True)
class BodyMesh:
    """vertices (V, 3) metres; faces (F, 3) int64; mirror (V,) the vertex on the other side; region (F,) int64, the
    right side like the left; eyeball (V,) int64: 0 skin, 1 left, 2 right eyeball."""

    vertices: np.ndarray
    faces: np.ndarray
    mirror: np.ndarray
    region: np.ndarray
    eyeball: np.ndarray


def build_mesh(kind):
    """Make the mesh of "smpl" or "smplx", in the body coordinates of `anatomy`.

    Raises:
        ValueError: the shape cannot be meshed at any resolution (a defect of the shape).
    """
    magnifier = Magnifier(head=2.2, hand=2.6, foot=1.8)
    parts = body_parts()

    def value(points):
        return field(magnifier.reduce(points), parts)

    def size(points):
        real = magnifier.reduce(points)
        return wanted_size(real) * magnifier.scale(real)

    half = _extract(value, magnifier, STEPS[kind])
    if kind == "smplx":
        half = _cut_regions(half, magnifier)
        # Euler for a half head: a disc with one hole, so F = 2 V - (its boundary edges); doubled without the seam.
        head = HEAD_VERTICES + 1 - EYE_EDGES - NECK_EDGES
        skin = (SMPLX_FACES - 2 * EYEBALL_FACES) // 2
        faces = {HAND: HAND_FACES, HEAD: head, EYE: EYE_EDGES, BODY: skin - HAND_FACES - head}
        loops = {WRIST_LOOP: WRIST_EDGES, EYE_LOOP: EYE_EDGES, NECK_LOOP: NECK_EDGES}
    else:
        faces, loops = {BODY: SMPL_FACES // 2}, {}
    half, _ = remesh.decimate(half, faces, loops, size)
    for _ in range(IMPROVEMENTS):
        half = remesh.smooth(remesh.flip_edges(half))
        half.vertices = project(half.vertices, value, 1, fixed_x=half.vertices[:, 0] == 0)
    half.vertices = project(half.vertices, value, 2, fixed_x=half.vertices[:, 0] == 0)
    half.vertices = magnifier.reduce(half.vertices)
    return _with_eyeballs(_mirrored(half)) if kind == "smplx" else _mirrored(half)


def wanted_size(points):
    """Wanted edge length at points (N, 3), x >= 0, relative to the plain body, (N,)."""
    size = np.ones(len(points))
    for centre, radii, factor in _SIZES:
        away = (((points - centre) / radii) ** 2).sum(1)
        size = np.minimum(size, factor + (1 - factor) * np.clip(away - 0.6, 0, 1))
    return size


def _extract(value, magnifier, steps):
    """The half body as a manifold disc, at the first grid step that gives one."""
    soles, fingers, crown = magnifier.enlarge(np.array([[0.0, -1.20, 0.0], [0.89, 0.22, -0.045], [0.0, 0.58, 0.0]]))
    low = np.array([0.0, soles[1], -0.35])
    high = np.array([fingers[0], crown[1], 0.40])
    for step in steps:
        vertices, faces = extract_half(value, low, high, step)
        mesh = remesh.HalfMesh(vertices, faces, np.zeros(len(faces), np.int64))
        if remesh.is_disc(mesh):
            return mesh
    raise ValueError(f"the body is no topological sphere at grid steps {steps}")


def _cut_regions(half, magnifier):
    """Mark hand, head and eye; the eye's faces go later, when its opening has its 17 edges."""
    wrist, eye = rest_joint("left_wrist"), rest_joint("left_eyeball")

    def beyond_wrist(points):
        return wrist[0] - 0.012 - magnifier.reduce(points)[:, 0]

    def above_collar(points):
        real = magnifier.reduce(points)
        return 0.318 - real[:, 1] - 0.5 * (real[:, 2] + 0.02)

    def inside_lids(points):
        real = magnifier.reduce(points)
        ellipse = ((real[:, 0] - eye[0]) / 0.0118) ** 2 + ((real[:, 1] - eye[1] + 0.0006) / 0.0048) ** 2 - 1
        return np.where(real[:, 2] > 0.06, ellipse, 1.0)

    for level, region in ((beyond_wrist, HAND), (above_collar, HEAD), (inside_lids, EYE)):
        half = remesh.cut(half, level, region)
    return half


def _mirrored(half):
    """Both halves of a half mesh; faces of the eye opening are dropped."""
    faces, region = half.faces[half.region != EYE], half.region[half.region != EYE]
    used = np.unique(faces)
    number = np.full(len(half.vertices), -1)
    number[used] = np.arange(len(used))
    vertices, faces = half.vertices[used], number[faces]
    seam = vertices[:, 0] == 0
    mirror = np.arange(len(vertices))
    mirror[~seam] = len(vertices) + np.arange((~seam).sum())
    back = np.concatenate([mirror, np.flatnonzero(~seam)])
    vertices = np.concatenate([vertices, vertices[~seam] * (-1, 1, 1)])
    faces = np.concatenate([faces, mirror[faces][:, ::-1]])
    return BodyMesh(vertices, faces, back, np.tile(region, 2), np.zeros(len(vertices), np.int64))


def _with_eyeballs(body):
    """Add the left, then the right eyeball; vertex 0 of each is the pole that looks forward."""
    around, rings = EYEBALL_RINGS
    polar = np.pi * np.arange(1, rings + 1) / (rings + 1)
    turn = 2 * np.pi * np.arange(around) / around
    ring = np.stack([np.sin(polar)[:, None] * np.cos(turn), np.sin(polar)[:, None] * np.sin(turn),
                     np.tile(np.cos(polar)[:, None], around)], -1).reshape(-1, 3)
    ball = rest_joint("left_eyeball") + EYE_RADIUS * np.concatenate([[[0, 0, 1]], ring, [[0, 0, -1]]])
    start = 1 + np.arange(rings)[:, None] * around + np.arange(around)
    following = np.roll(start, -1, 1)
    a, b, c, d = (grid.reshape(-1) for grid in (start[:-1], start[1:], following[1:], following[:-1]))
    last = np.full(around, len(ball) - 1)
    faces = np.concatenate([np.stack([0 * last, start[0], following[0]], 1), np.stack([a, b, c], 1),
                            np.stack([a, c, d], 1), np.stack([last, following[-1], start[-1]], 1)])
    skin, size = len(body.vertices), len(ball)
    left = skin + np.arange(size)
    return BodyMesh(np.concatenate([body.vertices, ball, ball * (-1, 1, 1)]),
                    np.concatenate([body.faces, faces + skin, faces[:, ::-1] + skin + size]),
                    np.concatenate([body.mirror, left + size, left]),
                    np.concatenate([body.region, np.full(2 * len(faces), HEAD)]),
                    np.concatenate([body.eyeball, np.full(size, 1), np.full(size, 2)]))
