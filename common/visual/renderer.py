"""Images of meshes without a display, OpenGL or a compiler on the user's machine: a z-buffered rasteriser.

Its loops are compiled by numba (`kernels`, loaded with the first image). Why no library for drawing: without the
system's libEGL Open3D cannot be imported and VTK crashes; pyrender and moderngl draw through it. embreex (rays) has no
wheel for aarch64, where Ascend cards live. Panda3D's software pipe (140 MB) gives no face index.

Axes and pixel coordinates are those of `common.visual.cameras`. Colours are RGB, 0..255. Faces wind counter-clockwise
seen from outside (as in SMPL) and are drawn from that side only.
"""
import dataclasses
import functools
import types
from collections.abc import Iterator, Sequence

import numpy as np

from common.visual.cameras import PerspectiveCamera

SKIN = (226, 190, 166)
WHITE = (255, 255, 255)

# One colour per person, far apart in hue and equally light.
PALETTE = ((226, 190, 166), (120, 170, 220), (236, 160, 110), (130, 200, 150),
           (214, 140, 190), (225, 205, 110), (150, 150, 215), (115, 200, 205))

SAMPLES = 8  # of a pixel, for outlines without steps
WINDOW = 200_000  # samples held at once: what fits the processor's cache, and bounds the memory of large images


@dataclasses.dataclass(frozen=True)
class Light:
    """Light on a scene, camera axes (x right, y down, z forward); a surface's brightness is about 1 at most.

    Args:
        ambient (float): from everywhere.
        sky (float): more from above: this much on what looks up, half on what looks sideways.
        lamps (array): (L, 3) unit vectors towards lamps that are far away.
        strengths (array): (L,), what each adds to a surface that looks at it.
    """

    ambient: float = 0.30
    sky: float = 0.20
    # One on the upper left and a weak one on the right.
    lamps: tuple = ((-0.58, -0.58, -0.58), (0.84, -0.11, -0.53))
    strengths: tuple = (0.58, 0.22)


@dataclasses.dataclass(frozen=True)
class Mesh:
    """Vertices (V, 3) metres, faces (F, 3) integer, colour: one RGB (3,) or one per vertex (V, 3), name for lists."""

    vertices: np.ndarray
    faces: np.ndarray
    colour: tuple[int, int, int] | np.ndarray = SKIN
    name: str = ""


@dataclasses.dataclass(frozen=True)
class Raster:
    """What each pixel sees.

    Attributes:
        face (numpy.ndarray): (H, W) int32 index of the nearest face, -1 where there is none.
        depth (numpy.ndarray): (H, W) float32 metres along z, infinite where there is none.
        pixels (numpy.ndarray): (K,) flat indices of the pixels that see a face; None where weights were not asked for.
        weights (numpy.ndarray): (K, 3) float32 barycentric weights there, on the face (corrected for perspective).
    """

    face: np.ndarray
    depth: np.ndarray
    pixels: np.ndarray | None
    weights: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class Rendering:
    """An image and what is known of its pixels.

    Attributes:
        image (numpy.ndarray): (H, W, 3) uint8 RGB.
        alpha (numpy.ndarray): (H, W) float32, the share of the pixel that meshes cover.
        depth (numpy.ndarray): (H, W) float32 metres along z, infinite where no mesh is seen; of the nearest sample.
        mesh (numpy.ndarray): (H, W) int32 index of the mesh of that sample, -1 where none is.
    """

    image: np.ndarray
    alpha: np.ndarray
    depth: np.ndarray
    mesh: np.ndarray

    @property
    def mask(self) -> np.ndarray:
        """(H, W) bool: pixels at least half covered."""
        return self.alpha >= 0.5


class Drawing:
    """Meshes as a camera sees them, projected once for images and rasters.

    Args:
        meshes (list[Mesh]): all in the space that `camera` looks at.
        camera (PerspectiveCamera): in pixels of the image.

    Raises:
        ValueError: a mesh has other shapes than stated, or faces with vertices that it has not.
    """

    def __init__(self, meshes: Sequence[Mesh], camera: PerspectiveCamera):
        self.camera = camera
        self.mesh, self.face_mesh = _merge(meshes)
        self._points = camera.to_camera(self.mesh.vertices)
        self._kept, self._table, self._box = _kernels().front_faces(
            *map(_plain, camera.project_from_camera(self._points)), self.mesh.faces)

    def image(self, size: tuple[int, int], background: np.ndarray | tuple[int, int, int] | None = None,
              samples: int = SAMPLES, opacity: float = 1.0, light: Light | None = None) -> Rendering:
        """The image of the meshes; see `render_scene`."""
        canvas = _canvas(background, size)
        normals = _kernels().vertex_normals(_plain(self._points), self.mesh.faces)
        attributes = np.concatenate([normals.astype(np.float32), self.mesh.colour], axis=1)
        light = light or Light()
        everywhere = np.array([light.ambient, light.sky], np.float32)
        lamps = np.column_stack([np.reshape(light.lamps, (-1, 3)), light.strengths]).astype(np.float32)
        alpha = np.zeros(size, np.float32)
        depth = np.full(size, np.inf, np.float32)
        mesh = np.full(size, -1, np.int32)
        offsets = sample_offsets(samples)
        for top, left, nearest, seen in _windows(self._box, size, samples):
            _kernels().fill(self._table, offsets, top, left, nearest, seen)
            _kernels().shade(self._table, self._kept, self.face_mesh, self.mesh.faces, attributes,
                             offsets, top, left, nearest, seen, everywhere, lamps, opacity, canvas, alpha, depth, mesh)
        return Rendering(canvas, alpha, depth, mesh)

    def raster(self, size: tuple[int, int], with_weights: bool = True) -> Raster:
        """What the centres of the pixels see, faces counted through all meshes; see `rasterise`."""
        nearest, seen = np.empty(size, np.float32), np.empty(size, np.int32)
        _kernels().fill(self._table, sample_offsets(1), 0, 0, nearest, seen)
        pixels = weights = None
        if with_weights:
            pixels = np.flatnonzero(seen >= 0)
            weights = _kernels().weights_at(self._table, seen, pixels)
        _kernels().name_faces(self._table, self._kept, nearest, seen)
        return Raster(seen, nearest, pixels, weights)


def render(vertices: np.ndarray, faces: np.ndarray, camera: PerspectiveCamera,
           size: tuple[int, int], colour: np.ndarray | tuple[int, int, int] = SKIN,
           background: np.ndarray | tuple[int, int, int] | None = None, samples: int = SAMPLES) -> Rendering:
    """Draw one mesh; arguments as in `Mesh` and `render_scene`."""
    return render_scene([Mesh(vertices, faces, colour)], camera, size, background, samples)


def render_scene(meshes: list[Mesh], camera: PerspectiveCamera, size: tuple[int, int],
                 background: np.ndarray | tuple[int, int, int] | None = None, samples: int = SAMPLES,
                 opacity: float = 1.0, light: Light | None = None) -> Rendering:
    """Draw meshes into one z-buffer, shaded with smooth normals, over a plain colour or a photo.

    Args:
        meshes, camera: as in `Drawing`.
        size: (H, W) of the image.
        background (numpy.ndarray or tuple): photo (H, W, 3) uint8 RGB or one RGB; None is white.
        samples: points of a pixel that are looked at: 1, 2, 4, 8 or 16; 1 is the centre, and outlines are jagged.
        opacity: of the meshes over the background, 0..1.
        light: None for the usual one.

    Raises:
        ValueError: the photo is not (H, W, 3) uint8, or what `Drawing` raises.
    """
    return Drawing(meshes, camera).image(size, background, samples, opacity, light)


def rasterise(vertices: np.ndarray, faces: np.ndarray, camera: PerspectiveCamera,
              size: tuple[int, int]) -> Raster:
    """Find the nearest front face and its depth at every pixel centre of an (H, W) image.

    Args:
        vertices: (V, 3), metres.
        faces: (F, 3) integer.
        camera (PerspectiveCamera): in pixels of the image.
        size: (H, W).

    Returns:
        Raster: centres on an edge count as inside; of two equally near faces the one with the lower index is seen.
    """
    return Drawing([Mesh(vertices, faces)], camera).raster(size)


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(V, 3), (F, 3) -> (V, 3) unit normals: the area-weighted mean of the faces around each vertex, 0 without one.

    Faces with numbers that are not finite are left out.
    """
    return _kernels().vertex_normals(_plain(vertices), _plain(faces, np.int64))


@functools.cache
def sample_offsets(samples: int) -> np.ndarray:
    """Where in a pixel its samples lie: (S,) pixels from its left border, sample s being (s + 0.5) / S below its top.

    No two share a row or a column, and they are spread evenly.

    Raises:
        ValueError: no such number of samples.
    """
    steps = {1: 1, 2: 1, 4: 3, 8: 3, 16: 7}
    if samples not in steps:
        raise ValueError(f"a pixel has 1, 2, 4, 8 or 16 samples, not {samples}")
    step = steps[samples]
    return (np.arange(samples) * step % samples + 0.5) / samples


def _kernels() -> types.ModuleType:
    from common.visual import kernels  # loads numba: only when something is drawn
    return kernels


def _canvas(background: np.ndarray | tuple[int, int, int] | None, size: tuple[int, int]) -> np.ndarray:
    """A new (H, W, 3) uint8 image to draw on."""
    background = np.asarray(WHITE if background is None else background)
    if background.ndim == 1:
        return np.full((*size, 3), np.full((size[1], 3), background, np.uint8))  # row by row: three times as fast
    if background.shape != (*size, 3) or background.dtype != np.uint8:
        raise ValueError(f"the photo must be {(*size, 3)} uint8, not {background.shape} {background.dtype}")
    return np.array(background, order="C")


def _merge(meshes: Sequence[Mesh]) -> tuple[Mesh, np.ndarray]:
    """Several meshes -> one Mesh with a colour per vertex, and the mesh index of every face."""
    vertices, faces, colours, face_mesh, offset = [], [], [], [], 0
    for index, mesh in enumerate(meshes):
        points, corners = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)
        if points.shape[1:] != (3,) or corners.shape[1:] != (3,):
            raise ValueError(f"mesh {index} must have vertices (V, 3) and faces (F, 3), "
                             f"not {points.shape} and {corners.shape}")
        if len(corners) and not 0 <= corners.min() <= corners.max() < len(points):  # compiled loops check no index
            raise ValueError(f"mesh {index}: faces name vertices {corners.min()} to {corners.max()}, "
                             f"and there are {len(points)}")
        vertices.append(points)
        faces.append(corners + offset)
        colours.append(np.broadcast_to(np.asarray(mesh.colour, np.float32), points.shape))
        face_mesh.append(np.full(len(corners), index, np.int32))
        offset += len(points)
    if not meshes:
        return Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int64), np.zeros((0, 3), np.float32)), np.zeros(0, np.int32)
    return Mesh(_plain(np.concatenate(vertices)), _plain(np.concatenate(faces), np.int64),
                _plain(np.concatenate(colours), np.float32)), np.concatenate(face_mesh)


def _plain(array: np.ndarray, dtype: type = np.float64) -> np.ndarray:
    """An array as compiled loops take it: row by row, writable, of one type; copied where it is not."""
    return np.require(array, dtype, ["C", "W"])


def _windows(box: np.ndarray, size: tuple[int, int], samples: int) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    """Bands of the image that hold `box` (x, y, x, y): (top, left, room for nearness and triangles of the samples)."""
    limit = np.array([size[1], size[0]])
    left, top = np.clip(np.floor(box[:2]), 0, limit).astype(int)
    right, bottom = np.clip(np.ceil(box[2:]), 0, limit).astype(int)
    if left >= right:
        return
    step = max(1, WINDOW // ((right - left) * samples))
    for row in range(top, bottom, step):
        shape = (min(step, bottom - row) * samples, right - left)
        yield row, left, np.empty(shape, np.float32), np.empty(shape, np.int32)
