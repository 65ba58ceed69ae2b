"""Pictures of meshes without a display, OpenGL or a compiler: a z-buffered rasteriser in numpy.

Why not a library: without the system's libEGL Open3D cannot be imported and VTK crashes; pyrender and moderngl draw
through it. embreex (rays; a sphere of 20000 faces takes 27 ms at 224 px, 115 ms at 1000 px) has no wheel for aarch64,
where Ascend cards live. Panda3D's software pipe (140 MB) gives no face index.

Axes and pixel coordinates are those of `common.visual.cameras`. Colours are RGB, 0..255. Faces wind counter-clockwise
seen from outside (as in SMPL) and are drawn from that side only.
"""
import dataclasses

import numpy as np

SKIN = (226, 190, 166)
WHITE = (255, 255, 255)

# One colour per person, far apart in hue and equally light.
PALETTE = ((226, 190, 166), (120, 170, 220), (236, 160, 110), (130, 200, 150),
           (214, 140, 190), (225, 205, 110), (150, 150, 215), (115, 200, 205))

# Directions (camera axes) towards a lamp on the upper left and a weak one on the right, and how bright they are.
LAMPS = np.array([[-0.58, -0.58, -0.58], [0.84, -0.11, -0.53]], np.float32)
LAMP_STRENGTHS = np.array([0.58, 0.22], np.float32)
AMBIENT, SKY = 0.30, 0.20  # light from everywhere, and more of it from above

MIN_AREA = 1e-7  # square pixels; thinner faces cover no pixel centre and have no usable gradient
ON_EDGE = 1e-9  # pixels; a centre this near to an edge counts as inside, so that neighbours leave no crack
# These bound the memory that large pictures take.
SAMPLES = 2_000_000  # pixels drawn at once, counted in the enlarged picture
FRAGMENTS = 4_000_000  # pixels of faces tested against the z-buffer at once


@dataclasses.dataclass(frozen=True)
class Mesh:
    """Vertices (V, 3) metres, faces (F, 3) integer, colour: one RGB (3,) or one per vertex (V, 3), name for lists."""

    vertices: np.ndarray
    faces: np.ndarray
    colour: object = SKIN
    name: str = ""


@dataclasses.dataclass(frozen=True)
class Raster:
    """What each pixel sees.

    Attributes:
        face (numpy.ndarray): (H, W) int32 index of the nearest face, -1 where there is none.
        depth (numpy.ndarray): (H, W) float32 metres along z, infinite where there is none.
        pixels (numpy.ndarray): (K,) flat indices of the pixels that see a face.
        weights (numpy.ndarray): (K, 3) float32 barycentric weights there, on the face (corrected for perspective).
    """

    face: np.ndarray
    depth: np.ndarray
    pixels: np.ndarray
    weights: np.ndarray


@dataclasses.dataclass(frozen=True)
class _Samples:
    """The pixels that see a face: flat indices, face, depth, weights (K, 3)."""

    pixels: np.ndarray
    face: np.ndarray
    depth: np.ndarray
    weights: np.ndarray


@dataclasses.dataclass(frozen=True)
class Rendering:
    """A picture and what is known of its pixels.

    Attributes:
        image (numpy.ndarray): (H, W, 3) uint8 RGB.
        alpha (numpy.ndarray): (H, W) float32, the share of the pixel that meshes cover.
        depth (numpy.ndarray): (H, W) float32 metres along z, infinite where no mesh is seen.
        mesh (numpy.ndarray): (H, W) int32 index of the mesh seen, -1 where none is.
    """

    image: np.ndarray
    alpha: np.ndarray
    depth: np.ndarray
    mesh: np.ndarray

    @property
    def mask(self):
        """(H, W) bool: pixels at least half covered."""
        return self.alpha >= 0.5


def render(vertices, faces, camera, size, colour=SKIN, background=None, supersample=2):
    """Draw one mesh; arguments as in `Mesh` and `render_scene`."""
    return render_scene([Mesh(vertices, faces, colour)], camera, size, background, supersample)


def render_scene(meshes, camera, size, background=None, supersample=2):
    """Draw meshes into one z-buffer, shaded with smooth normals, over a plain colour or a photo.

    Args:
        meshes (list[Mesh]): all in the space that `camera` looks at.
        camera (PerspectiveCamera or WeakPerspectiveCamera): in pixels of the picture.
        size ((int, int)): (H, W) of the picture.
        background (numpy.ndarray or tuple): photo (H, W, 3) uint8 RGB or one RGB; None is white.
        supersample (int): draw this many times larger, then average; 1 is faster and its outlines are jagged.

    Raises:
        ValueError: the photo is not (H, W, 3) uint8, or a mesh has other shapes than stated.
    """
    canvas = _canvas(background, size)
    alpha = np.zeros(size, np.float32)
    depth = np.full(size, np.inf, np.float32)
    mesh = np.full(size, -1, np.int32)
    scene, face_mesh = _merge(meshes)
    points, nearness = camera.project(scene.vertices)
    normals = vertex_normals(camera.to_camera(scene.vertices), scene.faces)
    attributes = np.concatenate([normals.astype(np.float32), scene.colour], axis=1)
    flat = canvas.reshape(-1, 3)
    for rows, columns in _windows(points, size, supersample):
        part_size = ((rows.stop - rows.start) * supersample, (columns.stop - columns.start) * supersample)
        part_points = (points - (columns.start, rows.start)) * supersample
        samples = _rasterise(part_points, nearness, scene.faces, camera, part_size)
        colours = _shade(samples, scene.faces, attributes)
        (row, column), cover, colours, depths, faces = _average(samples, colours, part_size, supersample)
        target = (rows.start + row) * size[1] + columns.start + column
        blended = colours + (1.0 - cover)[:, None] * flat[target]
        flat[target] = np.rint(blended).clip(0, 255).astype(np.uint8)
        alpha.reshape(-1)[target] = cover
        depth.reshape(-1)[target] = depths
        mesh.reshape(-1)[target] = face_mesh[faces]
    return Rendering(canvas, alpha, depth, mesh)


def rasterise(vertices, faces, camera, size):
    """Find the nearest front face and its depth at every pixel centre of an (H, W) picture.

    Args:
        vertices (numpy.ndarray): (V, 3), metres.
        faces (numpy.ndarray): (F, 3) integer.
        camera (PerspectiveCamera or WeakPerspectiveCamera): in pixels of the picture.
        size ((int, int)): (H, W).

    Returns:
        Raster: centres on an edge count as inside; of two equally near faces the one with the lower index is seen.
    """
    points, nearness = camera.project(_marked(vertices))
    samples = _rasterise(points, nearness, np.asarray(faces), camera, size)
    face, depth = np.full(size, -1, np.int32), np.full(size, np.inf, np.float32)
    face.reshape(-1)[samples.pixels] = samples.face
    depth.reshape(-1)[samples.pixels] = samples.depth
    return Raster(face, depth, samples.pixels, samples.weights)


def render_parts(vertices, faces, face_parts, camera, size):
    """Draw part numbers: (F,) integer per face -> (H, W) of the same type, 0 where no face is seen."""
    face = rasterise(vertices, faces, camera, size).face
    face_parts = np.asarray(face_parts)
    return np.where(face < 0, face_parts.dtype.type(0), face_parts[face])


def vertex_normals(vertices, faces):
    """(V, 3), (F, 3) -> (V, 3) unit normals: the area-weighted mean of the faces around each vertex, 0 without one."""
    corners = vertices[faces]
    normals = np.nan_to_num(_cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))  # NaN: left out
    flat = faces.T.ravel()
    summed = np.stack([np.bincount(flat, np.tile(normals[:, axis], 3), len(vertices)) for axis in range(3)], axis=1)
    return summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-20)


def _cross(a, b):
    """Cross product of (N, 3) rows; np.cross takes four times as long."""
    return np.stack([a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1], a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2],
                     a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]], axis=1)


def _canvas(background, size):
    """A new (H, W, 3) uint8 picture to draw on."""
    background = np.asarray(WHITE if background is None else background)
    if background.ndim == 1:
        return np.full((*size, 3), background, np.uint8)
    if background.shape != (*size, 3) or background.dtype != np.uint8:
        raise ValueError(f"the photo must be {(*size, 3)} uint8, not {background.shape} {background.dtype}")
    return background.copy()


def _merge(meshes):
    """Several meshes -> one Mesh with a colour per vertex, and the mesh index of every face."""
    vertices, faces, colours, face_mesh, offset = [], [], [], [], 0
    for index, mesh in enumerate(meshes):
        points, corners = _marked(mesh.vertices), np.asarray(mesh.faces, np.int64)
        if points.shape[1:] != (3,) or corners.shape[1:] != (3,):
            raise ValueError(f"mesh {index} must have vertices (V, 3) and faces (F, 3), "
                             f"not {points.shape} and {corners.shape}")
        vertices.append(points)
        faces.append(corners + offset)
        colours.append(np.broadcast_to(np.asarray(mesh.colour, np.float32), points.shape))
        face_mesh.append(np.full(len(corners), index, np.int32))
        offset += len(points)
    if not meshes:
        return Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int64), np.zeros((0, 3), np.float32)), np.zeros(0, np.int32)
    return (Mesh(np.concatenate(vertices), np.concatenate(faces), np.concatenate(colours)),
            np.concatenate(face_mesh))


def _marked(vertices):
    """(V, 3) float64 in which vertices with any number that is not finite are NaN: their faces are left out."""
    vertices = np.asarray(vertices, np.float64)
    return np.where(np.isfinite(vertices).all(axis=1, keepdims=True), vertices, np.nan)


def _windows(points, size, supersample):
    """Ranges (rows, columns) that hold all projected points (N, 2) inside the picture, `SAMPLES` at a time."""
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return
    limit = np.array([size[1], size[0]])
    left, top = np.clip(np.floor(points.min(axis=0)), 0, limit).astype(int)
    right, bottom = np.clip(np.ceil(points.max(axis=0)), 0, limit).astype(int)
    if left >= right:
        return
    step = max(1, SAMPLES // ((right - left) * supersample**2))
    for row in range(top, bottom, step):
        yield range(row, min(row + step, bottom)), range(left, right)


def _rasterise(points, nearness, faces, camera, size):
    """`rasterise` for projected vertices: points (V, 2) pixels, nearness (V,) -> _Samples."""
    height, width = size
    kept = np.flatnonzero((np.isfinite(points).all(axis=1) & np.isfinite(nearness))[faces].all(axis=1))
    corners = points[faces[kept]]
    edge_1, edge_2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = edge_1[:, 0] * edge_2[:, 1] - edge_1[:, 1] * edge_2[:, 0]
    front = area < -MIN_AREA  # x right, y down: the normal of a face with negative area points to the camera
    kept, corners, edge_1, edge_2, area = kept[front], corners[front], edge_1[front], edge_2[front], area[front]
    near = nearness[faces[kept]]
    rise_1, rise_2 = near[:, 1] - near[:, 0], near[:, 2] - near[:, 0]
    slope_x = (rise_1 * edge_2[:, 1] - rise_2 * edge_1[:, 1]) / area
    slope_y = (rise_2 * edge_1[:, 0] - rise_1 * edge_2[:, 0]) / area

    nearest = np.full(height * width, -np.inf, np.float32)
    seen = np.full(height * width, -1, np.int32)
    for triangle, row, column in _fragments(corners, height, width):
        offset = np.stack([column + 0.5, row + 0.5], axis=1) - corners[triangle, 0]
        value = near[triangle, 0] + slope_x[triangle] * offset[:, 0] + slope_y[triangle] * offset[:, 1]
        value = value.astype(np.float32)
        pixel = row * width + column
        before = nearest[pixel]
        np.maximum.at(nearest, pixel, value)
        wins = np.flatnonzero((value > before) & (value == nearest[pixel]))[::-1]
        seen[pixel[wins]] = triangle[wins]  # the last assignment stays: the lowest face of equally near ones

    pixels = np.flatnonzero(seen >= 0)
    triangle = seen[pixels]
    offset = np.stack([pixels % width + 0.5, pixels // width + 0.5], axis=1) - corners[triangle, 0]
    weight_1 = (offset[:, 0] * edge_2[triangle, 1] - offset[:, 1] * edge_2[triangle, 0]) / area[triangle]
    weight_2 = (offset[:, 1] * edge_1[triangle, 0] - offset[:, 0] * edge_1[triangle, 1]) / area[triangle]
    weights = camera.perspective_weights(np.stack([1.0 - weight_1 - weight_2, weight_1, weight_2], axis=1),
                                         near[triangle])
    return _Samples(pixels, kept[triangle], camera.depth(nearest[pixels]), weights.astype(np.float32))


def _fragments(corners, height, width):
    """Yield (triangle, row, column) of every pixel centre in the triangles (F, 3, 2), `FRAGMENTS` or a row at a time.

    Triangles are cut into pixel rows; the edges bound each row from the left and from the right, which finds exactly
    the covered pixels, however large or thin a triangle is.
    """
    first = np.ceil(corners[..., 1].min(axis=1) - 0.5).clip(0, height).astype(np.int64)
    last = np.floor(corners[..., 1].max(axis=1) - 0.5).clip(-1, height - 1).astype(np.int64)
    triangle, row = _ranges(first, last - first + 1)
    left, right = np.zeros(len(row)), np.full(len(row), float(width))
    for start in range(3):
        origin = corners[:, start]
        step = corners[:, (start + 1) % 3] - origin
        level = step[:, 1] == 0.0
        slope = step[:, 0] / np.where(level, 1.0, step[:, 1])
        crossing = origin[triangle, 0] + slope[triangle] * (row + 0.5 - origin[triangle, 1])
        # Edges that run down the picture bound a front face from the left, upward ones from the right, level ones not.
        np.maximum(left, np.where(step[triangle, 1] > 0.0, crossing, -np.inf), out=left)
        np.minimum(right, np.where(step[triangle, 1] < 0.0, crossing, np.inf), out=right)
    begin = np.ceil(left - 0.5 - ON_EDGE).clip(0, width).astype(np.int64)
    end = np.floor(right - 0.5 + ON_EDGE).clip(-1, width - 1).astype(np.int64)
    counts = np.maximum(end - begin + 1, 0)
    blocks = np.cumsum(counts) // FRAGMENTS
    for part in np.split(np.arange(len(row)), np.flatnonzero(np.diff(blocks)) + 1):
        span, column = _ranges(begin[part], counts[part])
        yield triangle[part][span], row[part][span], column


def _ranges(starts, counts):
    """Lay ranges end to end: (owner, value), value being starts[owner], starts[owner] + 1, ... counts[owner] times."""
    counts = np.maximum(counts, 0)
    owner = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    return owner, starts[owner] + within


def _shade(samples, faces, attributes):
    """Colour of every sample in the light: (K, 3) float32, 0..255. Attributes (V, 6): normal, colour."""
    corners = faces[samples.face]
    values = sum(attributes[corners[:, i]] * samples.weights[:, i, None] for i in range(3))
    return values[:, 3:] * _brightness(values[:, :3])[:, None]


def _brightness(normals):
    """Light on surfaces with normals (K, 3) of any length, camera axes: (K,), about 1 where it is brightest."""
    x, y, z = normals.T
    length = np.maximum(np.sqrt(x * x + y * y + z * z), 1e-12)
    diffuse = np.maximum(normals @ LAMPS.T, 0.0) @ LAMP_STRENGTHS
    return AMBIENT + SKY * (0.5 - 0.5 * y / length) + diffuse / length


def _average(samples, colours, size, supersample):
    """Samples of an enlarged picture of `size` -> what each pixel that holds any of them shows.

    Returns:
        tuple: (rows, columns) of P pixels, coverage (P,), colour times coverage (P, 3), depth (P,) and face (P,) of the
        nearest sample.
    """
    width = size[1] // supersample
    row, column = np.divmod(samples.pixels, size[1])
    block = row // supersample * width + column // supersample
    counts = np.bincount(block)
    pixels = np.flatnonzero(counts)
    share = 1.0 / supersample**2
    cover = counts[pixels] * share
    colours = np.stack([np.bincount(block, colours[:, i])[pixels] for i in range(3)], axis=1) * share
    order = np.argsort(-samples.depth, kind="stable")  # the nearest of a block is assigned last
    nearest = np.zeros(len(counts), np.int64)
    nearest[block[order]] = order
    nearest = nearest[pixels]
    return np.divmod(pixels, width), cover, colours, samples.depth[nearest], samples.face[nearest]
