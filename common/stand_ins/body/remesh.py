"""Exact face counts and well-shaped triangles: edge collapse, edge flips and smoothing on a half mesh, all vectorised.

A mesh here is one half of a symmetric body. Its boundary is the seam (x = 0); its faces belong to regions (hand, head,
...) that meet in loops of edges. Edges of the seam and of loops are feature edges: they may be shortened along
themselves, but no collapse or flip may move the line they form. Source of the rules: Dey et al., "Topology preserving
edge contraction" (1999), the link condition.
"""
import dataclasses

import numpy as np
from scipy import sparse

TURN = 0.2  # cosine: no face may turn further than this in one collapse
SHARE = 0.35  # of the edges, the shortest ones, may go in one round
ROUNDS = 500
FLAT = 0.15  # share of an edge's length in its cost when vertices are kept; the rest is the form that is lost
LOOPS_FIRST = 0.25  # loops have to reach their size before their regions do
PAIR = 16  # more than there are regions


@dataclasses.dataclass
class HalfMesh:
    """vertices (V, 3) float64; faces (F, 3) int64, outward; region (F,) int64."""

    vertices: np.ndarray
    faces: np.ndarray
    region: np.ndarray


@dataclasses.dataclass
class _Edges:
    """ends (E, 2); faces (E, 2) with -1 for none, opposite (E, 2) their third vertices; feature (E,) bool; loop (E,)
    is the number of a pair of regions, -1 inside a region or on the seam."""

    ends: np.ndarray
    faces: np.ndarray
    opposite: np.ndarray
    feature: np.ndarray
    loop: np.ndarray


def loop_number(a, b):
    """Number of the loop between regions a and b."""
    return PAIR * np.minimum(a, b) + np.maximum(a, b)


def unique_edges(mesh):
    """All edges of a half mesh with their faces."""
    corner = mesh.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    third = mesh.faces[:, [2, 0, 1]].reshape(-1)
    face = np.repeat(np.arange(len(mesh.faces)), 3)
    low, high = corner.min(1), corner.max(1)
    order = np.argsort(low * len(mesh.vertices) + high, kind="stable")
    first = np.concatenate([[True], (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)])
    number = np.cumsum(first) - 1
    start = np.flatnonzero(first)
    size = np.bincount(number)
    if size.max() > 2:
        raise ValueError(f"{(size > 2).sum()} edges have more than two faces")
    faces, opposite = np.full((len(start), 2), -1), np.full((len(start), 2), -1)
    for column in range(2):
        has = size > column
        at = order[start[has] + column]
        faces[has, column], opposite[has, column] = face[at], third[at]
    inner = faces[:, 1] >= 0
    region = mesh.region[faces]
    loop = np.where(inner & (region[:, 0] != region[:, 1]), loop_number(region[:, 0], region[:, 1]), -1)
    ends = np.stack([low[order][start], high[order][start]], 1)
    return _Edges(ends, faces, opposite, ~inner | (loop >= 0), loop)


def _feature_masks(mesh, edges):
    """One bit per feature line that a vertex lies on, (V,) int64: bit 0 the seam, then the loops."""
    masks = np.zeros(len(mesh.vertices), np.int64)
    lines = [edges.faces[:, 1] < 0] + [edges.loop == number for number in np.unique(edges.loop[edges.loop >= 0])]
    for bit, line in enumerate(lines):
        masks[edges.ends[line]] |= 1 << bit
    return masks


def _order(values):
    """Rising order in which rounding noise of the machine decides nothing: every machine makes the same mesh."""
    return np.argsort(np.round(values, 12), kind="stable")


def _common_neighbours(edges, chosen, number):
    """How many vertices are adjacent to both ends of each chosen edge."""
    a, b = edges.ends.T
    ones = np.ones(len(a), np.int32)
    adjacency = sparse.csr_matrix((np.r_[ones, ones], (np.r_[a, b], np.r_[b, a])), (number, number))
    a, b = edges.ends[chosen].T
    return np.asarray(adjacency[a].multiply(adjacency[b]).sum(1)).reshape(-1)


def _independent(ends, around, number):
    """Of edges sorted by preference, those whose neighbourhoods do not touch a better one's (mask)."""
    rank = np.arange(len(ends))
    best = np.full(number, len(ends))
    np.minimum.at(best, ends.reshape(-1), np.repeat(rank, 2))
    near = best.copy()
    np.minimum.at(near, around[:, 0], best[around[:, 1]])
    np.minimum.at(near, around[:, 1], best[around[:, 0]])
    return (near[ends] == rank[:, None]).all(1)


def _face_normals(vertices, faces):
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)


def decimate(mesh, face_counts, loop_sizes, size, keep_vertices=False):
    """Collapse edges, cheapest first, until every region has its number of faces.

    Args:
        mesh (HalfMesh): connected, manifold.
        face_counts (dict): region -> faces to end with.
        loop_sizes (dict): loop number -> edges to end with; other loops shrink with their surroundings.
        size (callable): points (N, 3) -> (N,) wanted relative edge length.
        keep_vertices (bool): an edge ends in one of its vertices instead of its middle, and vertices that shape the
            surface stay longer than those on flat skin.

    Returns:
        tuple: HalfMesh; kept (V,) int, the input vertex at which each vertex started.

    Raises:
        ValueError: the counts cannot be reached.
    """
    kept = np.arange(len(mesh.vertices))
    failures = np.zeros(len(mesh.vertices), np.int64)
    for _ in range(ROUNDS):
        need = {region: int((mesh.region == region).sum()) - count for region, count in face_counts.items()}
        if not any(need.values()):
            return mesh, kept
        if min(need.values()) < 0:
            raise ValueError(f"the mesh is too coarse: faces to remove by region are {need}")
        edges = unique_edges(mesh)
        masks = _feature_masks(mesh, edges)
        gone, stay = _roles(mesh, edges, masks, keep_vertices)
        cost = np.linalg.norm(mesh.vertices[gone] - mesh.vertices[stay], axis=1)
        if keep_vertices:
            cost = FLAT * cost + _bump_lost(mesh, gone, stay)
        # A collapse that failed gives way to its neighbours, else it would block them for ever.
        cost *= (1 + failures[edges.ends].max(1)) / size(mesh.vertices[edges.ends].mean(1))
        cost[np.isin(edges.loop, list(loop_sizes))] *= LOOPS_FIRST
        legal = ((masks[gone] & ~masks[stay]) == 0) & ((masks[gone] == 0) | edges.feature)
        legal &= (masks[gone] & (masks[gone] - 1)) == 0  # where two lines meet, a vertex stays
        chosen = _choose(mesh, edges, np.where(legal, cost, np.inf), _Budget(mesh, edges, need, loop_sizes))
        removed, target = gone[chosen], stay[chosen]
        where = mesh.vertices[edges.ends[chosen]].mean(1)
        fixed = (masks[removed] != masks[target]) | keep_vertices
        where[fixed] = mesh.vertices[target[fixed]]
        bad = _turns_faces(mesh, removed, target, where)
        failures[removed[bad]] += 1
        failures[target[bad]] += 1
        mesh, survivors = _apply(mesh, removed[~bad], target[~bad], where[~bad])
        kept, failures = kept[survivors], failures[survivors]
    raise ValueError(f"edge collapse does not reach its target; faces to remove by region are {need}")


def _roles(mesh, edges, masks, keep_vertices):
    """Which end of each edge goes and which stays: a vertex on a feature line stays, else the one that shows more."""
    a, b = edges.ends.T
    swap = (masks[a] & ~masks[b]) != 0
    if keep_vertices:
        swap |= (masks[a] == masks[b]) & (_bump_lost(mesh, b, a) < _bump_lost(mesh, a, b))
    return np.where(swap, b, a), np.where(swap, a, b)


def _bump_lost(mesh, gone, stay):
    """How far the faces round `gone` move out of their planes when it goes to `stay`, metres (root mean square)."""
    corners = mesh.vertices[mesh.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.maximum(np.linalg.norm(normals, axis=1), 1e-30)
    planes, total = np.zeros((len(mesh.vertices), 3, 3)), np.zeros(len(mesh.vertices))
    outer = normals[:, :, None] * normals[:, None] / area[:, None, None]
    for corner in range(3):
        np.add.at(planes, mesh.faces[:, corner], outer)
        np.add.at(total, mesh.faces[:, corner], area)
    move = (mesh.vertices[stay] - mesh.vertices[gone])[:, None]
    return np.sqrt(np.maximum((move @ planes[gone] @ move.transpose(0, 2, 1))[:, 0, 0], 0) / total[gone])


def _choose(mesh, edges, cost, budget):
    """Edges for one round: the cheapest ones (cost not infinite) that keep the topology and do not touch each other."""
    chosen = np.flatnonzero(np.isfinite(cost) & budget.allowed())
    chosen = chosen[_order(cost[chosen])]
    chosen = chosen[:max(200, int(SHARE * len(chosen)))]
    faces_of = 1 + (edges.faces[chosen, 1] >= 0)
    chosen = chosen[_common_neighbours(edges, chosen, len(mesh.vertices)) == faces_of]
    chosen = chosen[_independent(edges.ends[chosen], edges.ends, len(mesh.vertices))]
    return chosen[budget.spend(chosen)]


class _Budget:
    """Faces that may still go from each region and edges from each loop.

    Each edge that leaves a loop takes a face from both regions, so these faces are not for other collapses to spend.
    """

    def __init__(self, mesh, edges, need, loop_sizes):
        self.loop = edges.loop
        count = mesh.region.max() + 1
        self.need = np.array([need.get(region, 0) for region in range(count)])
        self.cost = np.zeros((len(edges.ends), count), np.int64)
        for column in range(2):
            has = edges.faces[:, column] >= 0
            self.cost[np.flatnonzero(has), mesh.region[edges.faces[has, column]]] += 1
        self.spare = {number: int((edges.loop == number).sum()) - size for number, size in loop_sizes.items()}
        self.free = self.need.copy()
        for number, spare in self.spare.items():
            self.free[list(divmod(number, PAIR))] -= spare
        self.free = np.maximum(self.free, 0)

    def allowed(self):
        """Mask of the edges that may go at all."""
        on_loop = self.loop >= 0
        fits = (self.cost <= np.where(on_loop[:, None], self.need, self.free)).all(1)
        for number, spare in self.spare.items():
            fits &= (self.loop != number) | (spare > 0)
        return fits

    def spend(self, chosen):
        """Mask of the chosen edges, in order, that the budget pays for."""
        on_loop = self.loop[chosen] >= 0
        free = (np.cumsum(self.cost[chosen] * ~on_loop[:, None], 0) <= self.free).all(1)
        paid = on_loop | free
        for number, spare in self.spare.items():
            on_this = self.loop[chosen] == number
            paid &= ~on_this | (np.cumsum(on_this) <= spare)
        return paid


def _turns_faces(mesh, removed, target, where):
    """Mask of the collapses that would turn a face too far."""
    moved, merged = mesh.vertices.copy(), np.arange(len(mesh.vertices))
    moved[target] = where
    merged[removed] = target
    faces = merged[mesh.faces]
    alive = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    owner = np.full(len(mesh.vertices), -1)
    owner[removed] = owner[target] = np.arange(len(removed))
    touched = alive & (owner[mesh.faces].max(1) >= 0)
    before = _face_normals(mesh.vertices, mesh.faces[touched])
    after = _face_normals(moved, faces[touched])
    bad = (before * after).sum(1) < TURN
    result = np.zeros(len(removed), bool)
    result[owner[mesh.faces[touched][bad]].max(1)] = True
    return result


def _apply(mesh, removed, target, where):
    """Carry out independent collapses; returns the mesh and the old index of each vertex."""
    vertices, merged = mesh.vertices.copy(), np.arange(len(mesh.vertices))
    vertices[target] = where
    merged[removed] = target
    faces = merged[mesh.faces]
    alive = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    survivors = np.setdiff1d(np.arange(len(vertices)), removed)
    number = np.full(len(vertices), -1)
    number[survivors] = np.arange(len(survivors))
    return HalfMesh(vertices[survivors], number[faces[alive]], mesh.region[alive]), survivors


def flip_edges(mesh):
    """One round of flips towards Delaunay triangles; feature edges stay."""
    edges = unique_edges(mesh)
    v = mesh.vertices
    a, b = edges.ends.T
    c, d = edges.opposite.T

    def angle(tip):
        p, q = v[a] - v[tip], v[b] - v[tip]
        cosine = (p * q).sum(1) / np.maximum(np.linalg.norm(p, axis=1) * np.linalg.norm(q, axis=1), 1e-30)
        return np.arccos(np.clip(cosine, -1, 1))

    excess = np.where(edges.feature, -1.0, angle(c) + angle(d) - np.pi)
    valence = np.bincount(edges.ends.reshape(-1), minlength=len(v))
    chosen = np.flatnonzero((excess > 0.02) & (valence[a] > 4) & (valence[b] > 4))
    chosen = chosen[_order(-excess[chosen])]
    known = np.sort(edges.ends[:, 0] * len(v) + edges.ends[:, 1])
    new = np.minimum(c, d)[chosen] * len(v) + np.maximum(c, d)[chosen]
    at = np.minimum(np.searchsorted(known, new), len(known) - 1)
    chosen = chosen[known[at] != new]
    quad = np.concatenate([edges.ends[chosen], edges.opposite[chosen]], 1)
    best = np.full(len(v), len(chosen))
    np.minimum.at(best, quad.reshape(-1), np.repeat(np.arange(len(chosen)), 4))
    chosen = chosen[(best[quad] == np.arange(len(chosen))[:, None]).all(1)]
    # Faces (a, b, c) and (b, a, d) become (c, d, b) and (d, c, a); which of the two holds a -> b decides the winding.
    first, second = edges.faces[chosen].T
    forward = _holds(mesh.faces[first], a[chosen], b[chosen])
    start, end = np.where(forward, a[chosen], b[chosen]), np.where(forward, b[chosen], a[chosen])
    one = np.stack([c[chosen], d[chosen], end], 1)
    other = np.stack([d[chosen], c[chosen], start], 1)
    old = _face_normals(v, mesh.faces[first]) + _face_normals(v, mesh.faces[second])
    old /= np.maximum(np.linalg.norm(old, axis=1, keepdims=True), 1e-30)
    fine = np.minimum((_face_normals(v, one) * old).sum(1), (_face_normals(v, other) * old).sum(1)) > 0.5
    faces = mesh.faces.copy()
    faces[first[fine]], faces[second[fine]] = one[fine], other[fine]
    return HalfMesh(v, faces, mesh.region)


def _holds(faces, a, b):
    """Whether each face runs a -> b."""
    return ((faces == a[:, None]) & (np.roll(faces, -1, 1) == b[:, None])).any(1)


def smooth(mesh, strength=0.5):
    """Move every vertex towards the mean of its neighbours within the surface, those on feature lines along them."""
    edges = unique_edges(mesh)
    masks = _feature_masks(mesh, edges)
    v = mesh.vertices
    ends = edges.ends
    # A free vertex listens to all neighbours; one on a line to its neighbours on the same line.
    counts = (masks[ends] == 0) | (edges.feature & ((masks[ends[:, 0]] & masks[ends[:, 1]]) != 0))[:, None]
    total, number = np.zeros_like(v), np.zeros(len(v))
    for one, other in ((0, 1), (1, 0)):
        heard = counts[:, one]
        np.add.at(total, ends[heard, one], v[ends[heard, other]])
        np.add.at(number, ends[heard, one], 1)
    move = total / np.maximum(number, 1)[:, None] - v
    normals = np.zeros_like(v)
    np.add.at(normals, mesh.faces.reshape(-1), np.repeat(_face_normals(v, mesh.faces), 3, 0))
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    move -= (move * normals).sum(1, keepdims=True) * normals
    move[masks & 1 == 1, 0] = 0
    move[masks & (masks - 1) != 0] = 0  # where two lines meet
    return HalfMesh(v + strength * move, mesh.faces, mesh.region)


def cut(mesh, level, region):
    """Cut triangles along {level = 0}; faces where level < 0 get `region`.

    Args:
        level (callable): vertices (V, 3) -> (V,).
    """
    value = level(mesh.vertices)
    value = np.where(np.abs(value) < 1e-9, 1e-9, value)
    low = value < 0
    corner = low[mesh.faces]
    alone = np.where(corner.sum(1) == 1, corner.argmax(1), (~corner).argmax(1))
    mixed = np.flatnonzero(corner.any(1) & ~corner.all(1))
    turned = np.take_along_axis(mesh.faces[mixed], (alone[mixed, None] + np.arange(3)) % 3, 1)
    pairs = np.concatenate([turned[:, [0, 1]], turned[:, [0, 2]]])
    ends, number = np.unique(np.sort(pairs, 1), axis=0, return_inverse=True)
    first, second = value[ends].T
    share = (first / (first - second))[:, None]
    points = mesh.vertices[ends[:, 0]] * (1 - share) + mesh.vertices[ends[:, 1]] * share
    p, q = (number.reshape(-1) + len(mesh.vertices)).reshape(2, -1)
    a, b, c = turned.T
    pieces = np.concatenate([np.stack(f, 1) for f in ((a, p, q), (p, b, c), (p, c, q))])
    below = np.concatenate([low[a], ~low[a], ~low[a]])
    whole = np.setdiff1d(np.arange(len(mesh.faces)), mixed)
    faces = np.concatenate([mesh.faces[whole], pieces])
    regions = np.concatenate([mesh.region[whole], np.tile(mesh.region[mixed], 3)])
    side = np.concatenate([low[mesh.faces[whole]].all(1), below])
    return HalfMesh(np.concatenate([mesh.vertices, points]), faces, np.where(side, region, regions))


def is_disc(mesh):
    """Whether the mesh is one manifold piece with the topology of a disc."""
    try:
        edges = unique_edges(mesh)
    except ValueError:
        return False
    euler = len(mesh.vertices) - len(edges.ends) + len(mesh.faces)
    pieces = sparse.csgraph.connected_components(
        sparse.coo_matrix((np.ones(len(edges.ends)), edges.ends.T), (len(mesh.vertices),) * 2))[0]
    # Two cones of faces that touch in one vertex leave more corners' groups than there are vertices.
    inner = edges.faces[:, 1] >= 0
    corner = {}
    for column in range(2):
        face = edges.faces[inner, column]
        for end in range(2):
            place = (mesh.faces[face] == edges.ends[inner, end][:, None]).argmax(1)
            corner[column, end] = 3 * face + place
    rows = np.concatenate([corner[0, 0], corner[0, 1]])
    columns = np.concatenate([corner[1, 0], corner[1, 1]])
    size = 3 * len(mesh.faces)
    joined = sparse.coo_matrix((np.ones(len(rows)), (rows, columns)), (size, size))
    fans = sparse.csgraph.connected_components(joined)[0]
    return euler == 1 and pieces == 1 and fans == len(mesh.vertices)
