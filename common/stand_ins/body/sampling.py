"""Points on a mesh, and the down- and up-sampling matrices of the SMPL-shaped body.

Layout of GraphCMR's `mesh_downsampling.npz`: adjacency A (3 levels: 6890, 1723, 431 vertices), upsampling U (3 entries
per row), downsampling D (one 1.0 per row, columns rising), faces F. Stored adjacency values are 2.0: every edge counts
once for each of its two faces.
"""
import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from common.stand_ins.body import remesh

LEVEL_FACES = (3442, 858)  # of 1723 and 431 vertices
CANDIDATES = 24  # faces tried per point


def closest_on_mesh(points, vertices, faces):
    """Nearest point of a mesh for each point.

    Args:
        points (numpy.ndarray): (N, 3). vertices: (V, 3). faces: (F, 3).

    Returns:
        tuple: face (N,) int64; weights (N, 3) of its corners, not negative, rows sum to one.
    """
    corners = vertices[faces]
    count = min(CANDIDATES, len(faces))
    tried = cKDTree(corners.mean(1)).query(points, count)[1].reshape(len(points), count)
    a, b, c = np.moveaxis(corners[tried], 2, 0)
    weights = _triangle_weights(points[:, None], a, b, c)
    nearest = weights[..., :1] * a + weights[..., 1:2] * b + weights[..., 2:] * c
    best = np.linalg.norm(nearest - points[:, None], axis=-1).argmin(1)
    rows = np.arange(len(points))
    return tried[rows, best], weights[rows, best]


def _triangle_weights(p, a, b, c):
    """Barycentric weights (..., 3) of the point of triangle abc nearest to p."""
    u, v, w = b - a, c - a, p - a
    uu, uv, vv = (u * u).sum(-1), (u * v).sum(-1), (v * v).sum(-1)
    wu, wv = (w * u).sum(-1), (w * v).sum(-1)
    area = np.maximum(uu * vv - uv * uv, 1e-30)
    inner = np.stack([np.zeros_like(uu), (vv * wu - uv * wv) / area, (uu * wv - uv * wu) / area], -1)
    inner[..., 0] = 1 - inner[..., 1] - inner[..., 2]

    def on_edge(start, end, first, second):
        edge = end - start
        t = np.clip(((p - start) * edge).sum(-1) / np.maximum((edge * edge).sum(-1), 1e-30), 0, 1)
        out = np.zeros_like(inner)
        out[..., first], out[..., second] = 1 - t, t
        return out

    options = np.stack([on_edge(a, b, 0, 1), on_edge(b, c, 1, 2), on_edge(c, a, 2, 0)])
    places = options[..., :1] * a + options[..., 1:2] * b + options[..., 2:] * c
    best = np.linalg.norm(places - p, axis=-1).argmin(0)
    outer = np.take_along_axis(options, best[None, ..., None], 0)[0]
    return np.where((inner >= 0).all(-1, keepdims=True), inner, outer)


def mesh_pyramid(vertices, faces, mirror, size):
    """Levels of the mesh as `mesh_downsampling.npz` holds them.

    Args:
        vertices (numpy.ndarray): (6890, 3), symmetric. faces: (13776, 3). mirror: (6890,).
        size (callable): points (N, 3) -> (N,) wanted relative edge length.

    Returns:
        dict: "A", "U", "D" lists of scipy csc matrices, "F" list of (F, 3) uint32.
    """
    out = {"A": [_adjacency(faces, len(vertices))], "U": [], "D": [], "F": [faces.astype(np.uint32)]}
    for count in LEVEL_FACES:
        kept, coarse_faces = _coarsen(vertices, faces, mirror, count, size)
        face, weights = closest_on_mesh(vertices, vertices[kept], coarse_faces)
        own = np.searchsorted(kept, np.arange(len(vertices)))
        own = np.where((own < len(kept)) & (kept[np.minimum(own, len(kept) - 1)] == np.arange(len(vertices))), own, -1)
        is_kept = own >= 0
        # A kept vertex is a corner of the face that was found; its weights are exactly one and zero.
        weights[is_kept] = coarse_faces[face[is_kept]] == own[is_kept, None]
        rows = np.repeat(np.arange(len(vertices)), 3)
        out["U"].append(sparse.csc_matrix((weights.reshape(-1), (rows, coarse_faces[face].reshape(-1))),
                                          (len(vertices), len(kept))))
        out["D"].append(sparse.csc_matrix((np.ones(len(kept)), (np.arange(len(kept)), kept)),
                                          (len(kept), len(vertices))))
        number = np.full(len(vertices), -1)
        number[kept] = np.arange(len(kept))
        vertices, faces, mirror = vertices[kept], coarse_faces, number[mirror[kept]]
        out["A"].append(_adjacency(faces, len(vertices)))
        out["F"].append(faces.astype(np.uint32))
    return out


def _adjacency(faces, number):
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    both = np.concatenate([edges, edges[:, ::-1]])
    return sparse.csc_matrix((np.ones(len(both)), both.T), (number, number))


def _coarsen(vertices, faces, mirror, count, size):
    """A symmetric choice of vertices: kept (K,) rising, faces (count, 3) in the numbering of the kept."""
    half_vertices = np.flatnonzero(vertices[:, 0] >= 0)
    number = np.full(len(vertices), -1)
    number[half_vertices] = np.arange(len(half_vertices))
    half_faces = number[faces[(vertices[faces, 0] >= 0).all(1)]]
    half = remesh.HalfMesh(vertices[half_vertices], half_faces, np.zeros(len(half_faces), np.int64))
    half, survivors = remesh.decimate(half, {0: count // 2}, {}, size, keep_vertices=True)
    left_faces = half_vertices[survivors][half.faces]
    both = np.concatenate([left_faces, mirror[left_faces][:, ::-1]])
    kept = np.unique(both)
    return kept, np.searchsorted(kept, both)
