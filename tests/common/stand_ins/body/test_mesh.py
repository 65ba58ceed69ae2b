import numpy as np
import pytest
from scipy import sparse

from common.body_models.files import build_mesh_pyramid
from common.stand_ins.body import field, models, remesh, surface
from common.stand_ins.body.sampling import closest_on_mesh


def directed_edges(faces):
    faces = np.asarray(faces, np.int64)
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def open_edges(faces):
    """Directed edges without a counterpart; also asserts that no edge is used twice in one direction."""
    edges = directed_edges(faces)
    number = edges.max() + 1
    keys = edges[:, 0] * number + edges[:, 1]
    assert len(np.unique(keys)) == len(keys), "an edge has two faces on the same side"
    return edges[~np.isin(keys, edges[:, 1] * number + edges[:, 0])]


def test_mesh_pyramid_has_the_published_layout():
    content = models.load_extra("mesh_downsampling")
    build_mesh_pyramid(content, "synthetic")
    assert [matrix.shape for matrix in content["A"]] == [(6890, 6890), (1723, 1723), (431, 431)]
    assert [len(faces) for faces in content["F"]] == [13776, 3442, 858]
    vertices = models.load_synthetic("smpl")["v_template"]
    for level, matrix in enumerate(content["A"]):
        assert set(matrix.data.tolist()) == {2.0} and matrix.nnz == len(content["F"][level]) * 3
        assert abs(matrix - matrix.T).max() == 0 and matrix.diagonal().max() == 0
        assert len(open_edges(content["F"][level])) == 0
    for down, up, limit in zip(content["D"], content["U"], (0.0012, 0.004)):
        chosen = down.tocsr().indices
        assert (np.diff(chosen) > 0).all() and set(down.data.tolist()) == {1.0}
        assert np.diff(up.tocsr().indptr).max() == 3
        assert abs(down @ up - sparse.identity(down.shape[0])).max() < 2e-12
        np.testing.assert_allclose(np.asarray(up.sum(1)).ravel(), 1, atol=1e-12)
        coarse = down @ vertices
        assert np.linalg.norm(up @ coarse - vertices, axis=1).mean() < limit
        vertices = coarse


def test_closest_point_on_a_triangle():
    triangle, faces = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), np.array([[0, 1, 2]])
    points = np.array([[0.25, 0.25, 3.0], [-1, -1, 0], [0.5, -2, 0], [1, 1, 0]])
    _, weights = closest_on_mesh(points, triangle, faces)
    np.testing.assert_allclose(weights, [[0.5, 0.25, 0.25], [1, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5]], atol=1e-12)


def test_decimation_keeps_topology_and_reaches_the_count():
    """A flat square grid with its left side on the seam: 2 x 8 x 8 faces become 20, still a disc, still a square."""
    x, y = np.meshgrid(np.arange(9.0), np.arange(9.0), indexing="ij")
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(81)], 1)
    corner = (np.arange(8)[:, None] * 9 + np.arange(8)).ravel()
    faces = np.concatenate([np.stack([corner, corner + 9, corner + 10], 1),
                            np.stack([corner, corner + 10, corner + 1], 1)])
    mesh = remesh.HalfMesh(vertices, faces, np.zeros(len(faces), np.int64))
    assert remesh.is_disc(mesh)
    small, kept = remesh.decimate(mesh, {0: 40}, {}, lambda points: np.ones(len(points)), keep_vertices=True)
    assert len(small.faces) == 40 and remesh.is_disc(small)
    np.testing.assert_array_equal(small.vertices, vertices[kept])
    a, b, c = np.moveaxis(small.vertices[small.faces], 1, 0)
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()
    with pytest.raises(ValueError, match="too coarse"):
        remesh.decimate(small, {0: 50}, {}, lambda points: np.ones(len(points)))


def test_cutting_splits_faces_along_a_line():
    """A unit square of two triangles cut at x = 0.25: the faces on the small side have a quarter of the area."""
    mesh = remesh.HalfMesh(np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]),
                                     np.array([[0, 1, 2], [0, 2, 3]]), np.zeros(2, np.int64))
    cut = remesh.cut(mesh, lambda points: points[:, 0] - 0.25, 1)
    a, b, c = np.moveaxis(cut.vertices[cut.faces], 1, 0)
    area = np.cross(b - a, c - a)[:, 2] / 2
    assert (area > 0).all()
    assert area[cut.region == 1].sum() == pytest.approx(0.25) and area.sum() == pytest.approx(1)


def test_extracting_half_a_ball():
    """Radius 0.1 round the origin: a disc of half the sphere, wound outwards, its seam exactly in the plane x = 0."""
    ball = field.Ellipsoid((0.0, 0.0, 0.0), (0.1, 0.1, 0.1), 0.01)
    vertices, faces = surface.extract_half(ball.distance, (0, -0.15, -0.15), (0.15, 0.15, 0.15), 0.01)
    mesh = remesh.HalfMesh(vertices, faces, np.zeros(len(faces), np.int64))
    assert remesh.is_disc(mesh)
    rim = open_edges(faces)
    assert (vertices[rim, 0] == 0).all() and vertices[:, 0].min() == 0
    vertices = surface.project(vertices, ball.distance, 2, fixed_x=vertices[:, 0] == 0)
    np.testing.assert_allclose(np.linalg.norm(vertices, axis=1), 0.1, atol=1e-5)
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    volume = (np.cross(a, b) * c).sum() / 6
    assert volume == pytest.approx(2 / 3 * np.pi * 1e-3, rel=0.01)


def test_two_pieces_are_no_disc():
    triangle = np.array([[0, 1, 2], [3, 4, 5]])
    mesh = remesh.HalfMesh(np.random.default_rng(0).random((6, 3)), triangle, np.zeros(2, np.int64))
    assert not remesh.is_disc(mesh)
    touching = remesh.HalfMesh(mesh.vertices[:5], np.array([[0, 1, 2], [2, 3, 4]]), np.zeros(2, np.int64))
    assert not remesh.is_disc(touching), "two fans that share one vertex"


def test_distances_of_the_primitives():
    """Worked out by hand: a capsule of radius 0.1 to 0.2 along y, and an ellipsoid on its axes."""
    cone = field.Cone((0.0, 0.0, 0.0), (0.0, 1.0, 0.0), 0.1, 0.2, 0.01)
    np.testing.assert_allclose(cone.distance(np.array([[0.5, 0.5, 0], [0, -0.3, 0], [0, 1.5, 0]])), [0.35, 0.2, 0.3])
    ellipsoid = field.Ellipsoid((1.0, 0.0, 0.0), (0.1, 0.2, 0.3), 0.01)
    np.testing.assert_allclose(ellipsoid.distance(np.array([[1.15, 0, 0], [1, 0.2, 0], [1, 0, -0.2]])),
                               [0.05, 0, -0.1], atol=1e-12)
    loft = field.Loft(1, ((0.0, 0.0, 0.0, 0.1, 0.2, 0.3), (1.0, 0.0, 0.0, 0.1, 0.2, 0.3)), (0.1, 0.4), 0.01)
    points = np.array([[0.1, 0.5, 0], [0, 0.5, -0.2], [0, 0.5, 0.3], [0, -0.1, 0], [0, 1.4, 0]])
    np.testing.assert_allclose(loft.distance(points), 0, atol=1e-9)


def test_smooth_minimum():
    a, b = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
    np.testing.assert_allclose(field.smooth_min(a, b, 0.4), [-0.1, 0, 0])


def test_magnifier_is_inverted_by_reduce():
    magnifier = field.Magnifier(2.0, 2.5, 1.5)
    places = np.array([[0.05, 0.45, 0.1], [0.8, 0.2, 0.0], [0.1, -1.15, 0.12], [0.1, 0.0, 0.1]])
    np.testing.assert_allclose(magnifier.reduce(magnifier.enlarge(places)), places, atol=1e-9)
    np.testing.assert_allclose(magnifier.scale(places), [2.0, 2.5, 1.5, 1.0])
    near = places + (0, 0, 1e-3)
    grown = np.linalg.norm(magnifier.enlarge(near) - magnifier.enlarge(places), axis=1) / 1e-3
    np.testing.assert_allclose(grown, [2.0, 2.5, 1.5, 1.0], atol=1e-6)


def test_flips_and_smoothing_even_out_a_stretched_grid():
    """Seen from above: the worst angle of a randomly disturbed grid grows, its outline stays."""
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(np.arange(12.0), np.arange(12.0), indexing="ij")
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(144)], 1)
    inner = (x.ravel() % 11 != 0) & (y.ravel() % 11 != 0)
    vertices[inner, :2] += rng.uniform(-0.45, 0.45, (inner.sum(), 2))
    corner = (np.arange(11)[:, None] * 12 + np.arange(11)).ravel()
    faces = np.concatenate([np.stack([corner, corner + 12, corner + 13], 1),
                            np.stack([corner, corner + 13, corner + 1], 1)])
    mesh = remesh.HalfMesh(vertices, faces, np.zeros(len(faces), np.int64))

    def smallest_angle(mesh):
        corners = mesh.vertices[mesh.faces]
        one, other = np.roll(corners, -1, 1) - corners, np.roll(corners, 1, 1) - corners
        cosine = (one * other).sum(-1) / np.linalg.norm(one, axis=-1) / np.linalg.norm(other, axis=-1)
        return np.degrees(np.arccos(cosine)).min()

    before = smallest_angle(mesh)
    for _ in range(8):
        mesh = remesh.smooth(remesh.flip_edges(mesh))
    assert remesh.is_disc(mesh) and smallest_angle(mesh) > before + 10
    assert mesh.vertices[:, 0].min() == 0
