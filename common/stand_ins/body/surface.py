"""Surface of a field as a triangle mesh: naive surface nets on a sparse grid, and cuts along level lines.

One vertex per grid cell that the surface crosses (Gibson, "Constrained elastic surface nets", 1998), one quad per
crossed grid edge. Only the half x >= 0 is built; the first layer of cells is centred on x = 0, so the seam of the two
halves lies in that plane exactly.
"""
import numpy as np

COARSE = 4  # grid steps between the points of the first, sparse pass


def extract_half(value, low, high, step):
    """Triangulate {value = 0} for x >= 0.

    Args:
        value (callable): points (N, 3) -> (N,), negative inside, about a distance near the surface.
        low, high: corners of the box, (3,); `low[0]` is taken as 0.
        step (float): edge of a grid cell.

    Returns:
        tuple: vertices (V, 3), x = 0 exactly on the seam; faces (F, 3) int64, counter-clockwise seen from outside.
    """
    origin = np.array([-step / 2, low[1], low[2]])

    def mirrored(points):
        return value(np.abs(points) * (1, 0, 0) + points * (0, 1, 1))

    count = np.ceil((np.asarray(high) - origin) / step / COARSE).astype(int) * COARSE + 1
    grid = _sparse_values(mirrored, origin, count, step)
    inside = grid < 0
    corners = [inside[_slices(offset)] for offset in np.ndindex(2, 2, 2)]
    mixed = np.logical_or.reduce(corners) & ~np.logical_and.reduce(corners)
    cells = np.argwhere(mixed)
    index = np.full(mixed.shape, -1, np.int32)
    index[mixed] = np.arange(len(cells))
    vertices = origin + step * (cells + _crossing_means(grid, cells))
    vertices[cells[:, 0] == 0, 0] = 0.0
    quads = np.concatenate([_quads(inside, index, axis) for axis in range(3)])
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return vertices, faces.astype(np.int64)


def _slices(offset):
    return tuple(slice(1, None) if o else slice(None, -1) for o in offset)


def _sparse_values(value, origin, count, step):
    """Field on all grid points; exact near the surface, elsewhere only its sign counts."""
    axes = [origin[axis] + step * np.arange(0, count[axis], COARSE) for axis in range(3)]
    coarse_points = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    coarse = value(coarse_points.reshape(-1, 3)).reshape(coarse_points.shape[:3])
    grid = np.repeat(np.repeat(np.repeat(coarse, COARSE, 0), COARSE, 1), COARSE, 2)[:count[0], :count[1], :count[2]]
    grid = grid.astype(np.float32)
    # A block can hold surface when one of its corners is nearer than its diagonal (with room for a steeper field).
    corners = np.stack([np.abs(coarse[_slices(offset)]) for offset in np.ndindex(2, 2, 2)]).min(0)
    blocks = np.argwhere(corners < 1.3 * np.sqrt(3) * COARSE * step) * COARSE
    local = np.array(list(np.ndindex(*(COARSE + 1,) * 3)))
    nodes = (blocks[:, None] + local).reshape(-1, 3)
    flat = np.unique(np.ravel_multi_index(nodes.T, count))
    points = origin + step * np.stack(np.unravel_index(flat, count), 1)
    grid.reshape(-1)[flat] = value(points)
    return grid


def _crossing_means(grid, cells):
    """Mean of the zero crossings on the twelve edges of each cell, in cell units (N, 3)."""
    total, number = np.zeros((len(cells), 3)), np.zeros(len(cells))
    for axis in range(3):
        for offset in np.ndindex(2, 2, 2):
            if offset[axis]:
                continue
            start = np.array(offset)
            end = start.copy()
            end[axis] = 1
            a, b = (grid[tuple((cells + corner).T)].astype(np.float64) for corner in (start, end))
            crossed = (a < 0) != (b < 0)
            where = np.tile(start.astype(np.float64), (len(cells), 1))
            where[:, axis] = a / np.where(crossed, a - b, 1.0)
            total[crossed] += where[crossed]
            number += crossed
    return total / number[:, None]


def _quads(inside, index, axis):
    """One quad round every grid edge along `axis` that the surface crosses, wound outwards, (Q, 4)."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    low, high = [slice(1, -1)] * 3, [slice(1, -1)] * 3
    low[axis], high[axis] = slice(None, -1), slice(1, None)
    start, end = inside[tuple(low)], inside[tuple(high)]
    quads = []
    for crossed, order in ((start & ~end, (0, 1, 2, 3)), (~start & end, (3, 2, 1, 0))):
        node = np.argwhere(crossed) + 1
        node[:, axis] -= 1
        ring = []
        for a, b in ((-1, -1), (0, -1), (0, 0), (-1, 0)):
            cell = node.copy()
            cell[:, first] += a
            cell[:, second] += b
            ring.append(index[tuple(cell.T)])
        quads.append(np.stack([ring[k] for k in order], 1))
    return np.concatenate(quads)


def project(points, value, steps, length=5e-4, fixed_x=None):
    """Move points (N, 3) to {value = 0} by Newton steps along the numerical gradient.

    Args:
        fixed_x (numpy.ndarray): (N,) bool, points that keep their x.
    """
    points = points.copy()
    shifts = length * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    for _ in range(steps):
        samples = value((points[None] + shifts[:, None]).reshape(-1, 3)).reshape(4, -1)
        gradient = ((samples[1:] - samples[0]) / length).T
        if fixed_x is not None:
            gradient[fixed_x, 0] = 0
        move = samples[0] / np.maximum((gradient * gradient).sum(1), 0.05)
        points -= np.clip(move, -0.01, 0.01)[:, None] * gradient
    return points
