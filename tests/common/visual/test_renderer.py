"""Rasteriser, shading and cameras against numbers worked out by hand and against analytic shapes."""
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import trimesh

from common.visual import renderer
from common.visual.cameras import NEAR, RAISED, VIEWS, Y_UP, PerspectiveCamera, turn
from common.visual.renderer import Light, Mesh, rasterise, render, render_scene, vertex_normals

ROOT = pathlib.Path(__file__).resolve().parents[3]

# Points (x, y, 0) lie four metres away, in pixels of an 8 x 8 image at 4 + 4 * (x, y).
UNIT = PerspectiveCamera(16.0, (4.0, 4.0), (0.0, 0.0, 4.0))
FRONT = np.array([[0, 2, 1]])  # (1, 1), (5, 1), (1, 5) in pixels, wound so that it looks at the camera


def in_pixels(*points, z=0.0):
    """Pixel coordinates -> the (N, 3) points that `UNIT` shows there."""
    points = (np.asarray(points, float) - 4.0) * (4.0 + z) / 16.0
    return np.column_stack([points, np.broadcast_to(z, len(points))])


def sphere(subdivisions=4, centre=(0, 0, 0), radius=1.0):
    ball = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)
    return np.asarray(ball.vertices) + centre, np.asarray(ball.faces)


def square(z, low=-0.5, high=0.5):
    """Two faces across [low, high]^2 with depth z (number, or one per corner), looking at the camera."""
    corners = np.array([[low, low], [high, low], [high, high], [low, high]])
    return np.column_stack([corners, np.broadcast_to(z, 4)]), np.array([[0, 2, 1], [0, 3, 2]])


def slow_raster(points, nearness, faces, size, shift=(0.5, 0.5)):
    """Face (H, W) and nearness (H, W) seen at `shift` in every pixel: each face is tested at every pixel in turn."""
    y, x = np.mgrid[:size[0], :size[1]].astype(float)
    x, y = x + shift[0], y + shift[1]
    seen, nearest = np.full(size, -1), np.full(size, -np.inf, np.float32)
    for index, corners in enumerate(faces):
        (x0, y0), (x1, y1), (x2, y2) = points[corners]
        area = (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)
        if not area < -1e-7:
            continue
        w1 = ((x - x0) * (y2 - y0) - (y - y0) * (x2 - x0)) / area
        w2 = ((y - y0) * (x1 - x0) - (x - x0) * (y1 - y0)) / area
        value = (nearness[corners] @ [1.0 - w1.ravel() - w2.ravel(), w1.ravel(), w2.ravel()]).reshape(size)
        wins = (np.minimum(np.minimum(w1, w2), 1.0 - w1 - w2) >= -1e-12) & (value.astype(np.float32) > nearest)
        seen[wins], nearest[wins] = index, value[wins]
    return seen, nearest


def lit(normals):
    """The usual light, worked out for unit normals (K, 3) in camera axes."""
    lamps, strengths = np.array([[-0.58, -0.58, -0.58], [0.84, -0.11, -0.53]]), (0.58, 0.22)
    return 0.3 + 0.1 * (1.0 - normals[:, 1]) + np.maximum(normals @ lamps.T, 0.0) @ strengths


@pytest.fixture(scope="module")
def soup():
    """300 triangles of all sizes that cross and overlap, a tenth of them behind the camera, in random colours."""
    rng = np.random.default_rng(7)
    corners = rng.normal(0, 1, (300, 1, 3)) + rng.normal(0, 1, (300, 3, 3)) * rng.uniform(0.05, 1.0, (300, 1, 1))
    corners[..., 2] += 4.0
    corners[:30, :, 2] -= 8.0
    return Mesh(corners.reshape(-1, 3), rng.permutation(900).reshape(300, 3), rng.uniform(0, 255, (900, 3)))


@pytest.mark.parametrize("camera", [PerspectiveCamera((55.0, 60.0), (31.3, 22.7)),
                                    PerspectiveCamera(60.0, (30.2, 24.9), (0.1, -0.1, 8.0), Y_UP)])
def test_every_pixel_agrees_with_a_slow_rasteriser(soup, camera):
    raster = rasterise(soup.vertices, soup.faces, camera, (48, 64))
    with np.errstate(invalid="ignore"):
        face, nearness = slow_raster(*camera.project(soup.vertices), soup.faces, (48, 64))
    assert len(np.unique(face)) > 40
    np.testing.assert_array_equal(raster.face, face)
    np.testing.assert_allclose(raster.depth[face >= 0], 1.0 / nearness[face >= 0], rtol=1e-6)


@pytest.mark.parametrize("samples", [1, 4, 8, 16])
def test_an_image_is_the_mean_of_slow_rasters_through_all_samples(soup, samples):
    """Each sample is a camera whose centre is moved; its colours are worked out here, at the sample itself."""
    size, camera = (24, 32), PerspectiveCamera(30.0, (16.0, 12.0))
    normals, cover, total, nearest = vertex_normals(soup.vertices, soup.faces), 0.0, 0.0, np.full(size, -np.inf)
    points, nearness = camera.project(soup.vertices)
    for index, offset in enumerate(renderer.sample_offsets(samples)):
        shift = (offset, (index + 0.5) / samples)
        with np.errstate(invalid="ignore"):
            face, value = slow_raster(points, nearness, soup.faces, size, shift)
        row, column = np.nonzero(face >= 0)
        corners = soup.faces[face[row, column]]
        rays = np.stack([(column + shift[0] - 16.0) / 30.0, (row + shift[1] - 12.0) / 30.0, np.ones(len(row))], -1)
        weights = np.linalg.solve(soup.vertices[corners].transpose(0, 2, 1), rays[..., None])
        weights = weights / weights.sum(1, keepdims=True)
        normal = (normals[corners] * weights).sum(1)
        colour = np.zeros((*size, 3))
        colour[row, column] = (soup.colour[corners] * weights).sum(1) * lit(
            normal / np.linalg.norm(normal, axis=1, keepdims=True))[:, None]
        cover, total, nearest = cover + (face >= 0) / samples, total + colour / samples, np.maximum(nearest, value)
    drawn = render_scene([soup], camera, size, (10, 20, 30), samples)
    np.testing.assert_allclose(drawn.alpha, cover, atol=1e-6)
    np.testing.assert_allclose(drawn.depth, np.where(cover > 0, 1.0 / nearest, np.inf), rtol=1e-6)
    error = np.abs(drawn.image - np.clip(total + (1.0 - cover)[..., None] * (10, 20, 30), 0, 255))
    # A face is lit once per pixel, in the middle of its samples; light bends little within a pixel.
    assert error.max() < (0.6 if samples == 1 else 12.0) and error.mean() < 0.6


def test_samples_of_a_pixel_share_no_row_and_no_column():
    for samples in (1, 2, 4, 8, 16):
        np.testing.assert_allclose(np.sort(renderer.sample_offsets(samples)), (np.arange(samples) + 0.5) / samples)
    with pytest.raises(ValueError, match="1, 2, 4, 8 or 16 samples, not 3"):
        renderer.sample_offsets(3)


def test_translucent_meshes_let_the_photo_through():
    camera, photo = PerspectiveCamera(100.0, (50.0, 50.0)), np.full((100, 100, 3), 40, np.uint8)
    solid, half = (render_scene([Mesh(*square(2.0))], camera, (100, 100), photo, opacity=opacity)
                   for opacity in (1.0, 0.5))
    np.testing.assert_allclose(half.image, 0.5 * solid.image + 20.0, atol=0.6)
    np.testing.assert_array_equal(half.alpha, solid.alpha)


def test_light_can_be_chosen():
    facing = Mesh(*square(0.0, -1.0, 1.0), (100, 200, 50))
    light = Light(ambient=0.2, sky=0.0, lamps=((0.0, 0.0, -1.0), (1.0, 0.0, 0.0)), strengths=(0.5, 0.9))
    np.testing.assert_array_equal(render_scene([facing], UNIT, (8, 8), light=light).image[4, 4], [70, 140, 35])
    dark = Light(ambient=0.1, sky=0.4, lamps=(), strengths=())  # a level surface has half of the sky's light
    np.testing.assert_array_equal(render_scene([facing], UNIT, (8, 8), light=dark).image[4, 4], [30, 60, 15])


def test_numba_is_loaded_with_the_first_image_alone():
    code = ("import sys, common.inference.outputs, common.visual.renderer as renderer\n"
            "assert 'numba' not in sys.modules\n"
            "renderer.vertex_normals([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])\n"
            "assert 'numba' in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_one_triangle_covers_exactly_the_pixels_whose_centres_it_holds():
    face = rasterise(in_pixels((1, 1), (5, 1), (1, 5)), FRONT, UNIT, (8, 8)).face
    # Centres (x + 0.5, y + 0.5) with x >= 1, y >= 1, x + y <= 5: those on the slanted edge belong to it.
    drawn = ["........", ".####...", ".###....", ".##.....", ".#......", "........", "........", "........"]
    assert ["".join("#" if seen == 0 else "." for seen in row) for row in face] == drawn


def test_a_triangle_that_leaves_the_image_is_cut_at_its_border():
    face = rasterise(in_pixels((-100, -100), (300, -100), (-100, 300)), FRONT, UNIT, (8, 8)).face
    assert (face == 0).all()
    assert (rasterise(in_pixels((20, 20), (30, 20), (20, 30)), FRONT, UNIT, (8, 8)).face == -1).all()


def test_faces_seen_from_behind_are_not_drawn():
    corners = in_pixels((1, 1), (5, 1), (1, 5))
    assert (rasterise(corners, FRONT[:, ::-1], UNIT, (8, 8)).face == -1).all()


def test_neighbours_leave_no_crack_and_lower_face_wins_on_shared_edges():
    rng = np.random.default_rng(0)
    steps = np.linspace(-1.2, 1.2, 25)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1)
    grid[1:-1, 1:-1] += rng.uniform(-0.03, 0.03, (23, 23, 2))
    index = np.arange(625).reshape(25, 25)
    quads = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], axis=-1).reshape(-1, 4)
    faces = np.concatenate([quads[:, [0, 2, 1]], quads[:, [0, 3, 2]]])
    vertices = np.column_stack([grid.reshape(-1, 2), np.zeros(625)])
    camera = PerspectiveCamera(400.0, (100.0, 100.0), (0.0, 0.0, 4.0))
    assert (rasterise(vertices, faces, camera, (200, 200)).face >= 0).all()
    corners, halves = square(0.0, -1.0, 1.0)
    on_diagonal = rasterise(corners, halves, UNIT, (8, 8)).face.diagonal()
    assert (on_diagonal == 0).all()


@pytest.mark.parametrize("distance", [2.0, 5.0])
def test_sphere_outline_has_the_analytic_area(distance):
    vertices, faces = sphere(5, centre=(0, 0, distance), radius=0.7)
    camera = PerspectiveCamera(200.0, (120.0, 120.0))
    area = (rasterise(vertices, faces, camera, (240, 240)).face >= 0).sum()
    radius = 200.0 * 0.7 / np.sqrt(distance**2 - 0.7**2)  # the cone that touches the sphere, cut by the image plane
    assert area == pytest.approx(np.pi * radius**2, rel=0.01)
    alpha = render(vertices, faces, camera, (240, 240)).alpha
    assert alpha.sum() == pytest.approx(np.pi * radius**2, rel=0.005)


def test_depth_of_a_slanted_plane_is_that_of_the_ray_through_each_pixel():
    # The plane z = 3 + x + y / 2, corners at -1 and 1. A ray (u, v, 1) * z meets it at z = 3 / (1 - u - v / 2).
    vertices, faces = square([1.5, 3.5, 4.5, 2.5], -1.0, 1.0)
    camera = PerspectiveCamera((80.0, 60.0), (50.0, 40.0))
    raster = rasterise(vertices, faces, camera, (80, 100))
    u, v = np.meshgrid((np.arange(100) + 0.5 - 50.0) / 80.0, (np.arange(80) + 0.5 - 40.0) / 60.0)
    seen = raster.face >= 0
    assert seen.sum() > 2000
    np.testing.assert_allclose(raster.depth[seen], (3.0 / (1.0 - u - 0.5 * v))[seen], rtol=1e-6)
    assert np.isinf(raster.depth[~seen]).all()
    # The weights give the point on the face: its projection is the centre of the pixel, its depth the depth.
    corners = vertices[faces[raster.face.reshape(-1)[raster.pixels]]]
    points = (corners * raster.weights[..., None]).sum(axis=1)
    centres = np.column_stack([raster.pixels % 100 + 0.5, raster.pixels // 100 + 0.5])
    np.testing.assert_allclose(camera.project(points)[0], centres, atol=1e-4)
    np.testing.assert_allclose(points[:, 2], raster.depth[seen], rtol=1e-6)


def test_depth_in_the_middle_of_a_sphere():
    vertices, faces = sphere(3, centre=(0, 0, 5))
    vertices[np.argmin(vertices[:, 2])] = (0, 0, 4)
    camera = PerspectiveCamera(300.0, (50.5, 50.5))  # the centre of pixel 50
    assert rasterise(vertices, faces, camera, (101, 101)).depth[50, 50] == pytest.approx(4.0, rel=1e-6)


def test_the_nearer_mesh_hides_the_other_in_any_order():
    camera = PerspectiveCamera(100.0, (50.0, 50.0))
    near, far = Mesh(*square(2.0, -0.2, 0.2), (255, 0, 0)), Mesh(*square(4.0, -1.0, 1.0), (0, 0, 255))
    for meshes, expected in (([near, far], 0), ([far, near], 1)):
        drawn = render_scene(meshes, camera, (100, 100))
        assert drawn.mesh[50, 50] == expected and drawn.mesh[30, 50] == 1 - expected
        assert drawn.mesh[5, 5] == -1
        assert drawn.image[50, 50, 0] > 100 and drawn.image[50, 50, 2] == 0
        assert drawn.image[30, 50, 2] > 100 and drawn.image[30, 50, 0] == 0
        np.testing.assert_array_equal(drawn.image[5, 5], 255)
        assert drawn.depth[50, 50] == pytest.approx(2.0) and drawn.depth[30, 50] == pytest.approx(4.0)


def test_crossing_planes_share_the_image_at_their_line_of_intersection():
    # z = 3 + x and z = 3 - x meet at x = 0, column 50: each hides the other on one side.
    rising, falling = square([2.0, 4.0, 4.0, 2.0], -1.0, 1.0), square([4.0, 2.0, 2.0, 4.0], -1.0, 1.0)
    drawn = render_scene([Mesh(*rising), Mesh(*falling)], PerspectiveCamera(60.0, (50.0, 50.0)), (100, 100))
    assert (drawn.mesh[50, 36:50] == 0).all() and (drawn.mesh[50, 50:64] == 1).all()


def test_world_axes_are_turned_into_camera_axes():
    # A camera at (0, 0, 5) above the floor of a z-up world that looks down: x stays, y' = -y, z' = 5 - z.
    rotation = Y_UP
    camera = PerspectiveCamera(100.0, (50.0, 40.0), (0.0, 0.0, 5.0), rotation)
    pixels, nearness = camera.project(np.array([[1.0, 2.0, 1.0]]))
    np.testing.assert_allclose(pixels, [[50.0 + 25.0, 40.0 - 50.0]])
    assert nearness[0] == pytest.approx(1 / 4.0)


def test_a_photo_is_kept_where_no_mesh_is_and_mixed_by_coverage():
    vertices, faces = sphere(3, centre=(0, 0, 4))
    camera = PerspectiveCamera(100.0, (60.0, 45.0))
    photo = np.random.default_rng(1).integers(0, 256, (90, 120, 3), np.uint8)
    before = photo.copy()
    drawn = render(vertices, faces, camera, (90, 120), background=photo)
    np.testing.assert_array_equal(photo, before)
    turned = [np.asfortranarray(array) for array in (vertices, faces, photo)]  # another order in memory
    for array in turned:
        array.flags.writeable = False
    np.testing.assert_array_equal(render(*turned[:2], camera, (90, 120), background=turned[2]).image, drawn.image)
    np.testing.assert_array_equal(vertex_normals(*turned[:2]), vertex_normals(vertices, faces))
    np.testing.assert_array_equal(drawn.image[drawn.alpha == 0], photo[drawn.alpha == 0])
    on_black = render(vertices, faces, camera, (90, 120), background=(0, 0, 0)).image.astype(float)
    on_white = render(vertices, faces, camera, (90, 120), background=(255, 255, 255)).image
    np.testing.assert_allclose(255.0 * (1.0 - drawn.alpha)[..., None] * np.ones(3), on_white - on_black, atol=1.0)
    assert set(np.unique(drawn.alpha)) == set(np.arange(9) / 8)
    np.testing.assert_array_equal(drawn.mask, drawn.alpha >= 0.5)
    np.testing.assert_array_equal(np.isfinite(drawn.depth), drawn.alpha > 0)
    jagged = render(vertices, faces, camera, (90, 120), samples=1)
    np.testing.assert_array_equal(jagged.alpha > 0, rasterise(vertices, faces, camera, (90, 120)).face >= 0)


def test_a_pixel_that_two_meshes_share_mixes_them_and_names_the_nearer():
    # The near square ends at x = 4.5: half of column 4 is red, half blue.
    red = Mesh(in_pixels((2, 2), (4.5, 2), (4.5, 6), (2, 6), z=-2.0), square(0.0)[1], (255, 0, 0))
    blue = Mesh(in_pixels((2, 2), (6, 2), (6, 6), (2, 6)), square(0.0)[1], (0, 0, 255))
    for meshes, near in (([red, blue], 0), ([blue, red], 1)):
        drawn = render_scene(meshes, UNIT, (8, 8))
        light = float(drawn.image[4, 3, 0])
        np.testing.assert_array_equal(drawn.image[4, 3], [light, 0, 0])
        np.testing.assert_allclose(drawn.image[4, 4], [light / 2, 0, light / 2], atol=1)
        np.testing.assert_array_equal(drawn.image[4, 5], [0, 0, light])
        assert drawn.mesh[4, 3:6].tolist() == [near, near, 1 - near]
        assert drawn.depth[4, 3:6].tolist() == [2.0, 2.0, 4.0]
        assert drawn.alpha[4, 3:6].tolist() == [1.0, 1.0, 1.0]


def test_light_comes_from_above_and_left_and_colours_blend_over_a_face():
    vertices, faces = sphere(4)
    camera = PerspectiveCamera(180.0, (50.0, 50.0), (0.0, 0.0, 4.0))
    image = render(vertices, faces, camera, (100, 100), (200, 200, 200)).image
    assert image[30, 30, 0] > image[50, 50, 0] > image[70, 70, 0] > 40
    corners, halves = square(0.0, -1.0, 1.0)
    colours = np.array([[255, 0, 0], [0, 0, 255], [0, 0, 255], [255, 0, 0]])
    red, blue = render(corners, halves, UNIT, (8, 8), colours).image[3, :, ::2].T.astype(int)
    assert (np.diff(red) < 0).all() and (np.diff(blue) > 0).all()
    np.testing.assert_allclose(red, blue[::-1], atol=1)


def test_faces_behind_the_camera_and_broken_numbers_are_left_out():
    camera = PerspectiveCamera(100.0, (50.0, 50.0))
    for z in (-3.0, 0.0, 0.5 * NEAR, [3.0, 3.0, -1.0, -1.0]):
        assert (render(*square(z), camera, (100, 100)).image == 255).all()
    vertices, faces = sphere(3, centre=(0, 0, 4))
    whole = rasterise(vertices, faces, camera, (100, 100)).face >= 0
    nearest = np.argsort(vertices[:, 2])
    vertices[nearest[0]], vertices[nearest[200]] = np.nan, np.inf
    with np.errstate(invalid="raise", divide="raise", over="raise"):
        drawn = render(vertices, faces, camera, (100, 100), samples=1)
    assert 0.9 * whole.sum() < (drawn.alpha > 0).sum() < whole.sum()
    assert drawn.image[drawn.alpha > 0].min() > 20  # their neighbours are lit as ever
    assert (render_scene([], camera, (10, 20)).image == 255).all()


def test_large_images_are_drawn_in_pieces(monkeypatch):
    vertices, faces = sphere(2, centre=(0, 0, 3))
    faces = np.concatenate([faces, faces])  # equally near ones fall into different pieces
    camera = PerspectiveCamera(100.0, (60.0, 60.0))
    drawn = render(vertices, faces, camera, (120, 120))
    monkeypatch.setattr(renderer, "WINDOW", 2000)
    again = render(vertices, faces, camera, (120, 120))
    np.testing.assert_array_equal(again.image, drawn.image)
    np.testing.assert_array_equal(again.depth, drawn.depth)


def test_normals_of_a_sphere_point_outwards():
    vertices, faces = sphere(3)
    np.testing.assert_allclose(vertex_normals(vertices, faces), vertices, atol=0.02)


def test_views_turn_a_body_by_a_quarter():
    assert all(np.linalg.det(rotation) == pytest.approx(1.0) for rotation in VIEWS.values())
    head, belly, left = [0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]  # of a body that faces the camera
    body, centre = np.array([head, belly, left]) + 3.0, np.full(3, 3.0)
    np.testing.assert_allclose(turn(body, "front", centre), body)
    np.testing.assert_allclose(turn(body, "side", centre) - 3.0,
                               [[0, -np.cos(RAISED), -np.sin(RAISED)], [-1, 0, 0],
                                [0, np.sin(RAISED), -np.cos(RAISED)]], atol=1e-12)
    np.testing.assert_allclose(turn(body, "top", centre) - 3.0, [[0, 0, -1], [0, 1, 0], [1, 0, 0]])
    # Without a centre the middle of the box stays.
    turned = turn(body, "top")
    np.testing.assert_allclose(turned.min(axis=0) + turned.max(axis=0), body.min(axis=0) + body.max(axis=0))


def test_wrong_inputs_are_named():
    camera = PerspectiveCamera(100.0, (50.0, 50.0))
    with pytest.raises(ValueError, match="photo must be .100, 100, 3. uint8"):
        render(*square(2.0), camera, (100, 100), background=np.zeros((100, 90, 3), np.uint8))
    with pytest.raises(ValueError, match="mesh 0: faces name vertices 0 to 4, and there are 4"):
        rasterise(square(2.0)[0], np.array([[0, 2, 1], [0, 3, 4]]), camera, (100, 100))
    with pytest.raises(ValueError, match="mesh 0 must have vertices"):
        render(np.zeros((4, 2)), np.zeros((1, 3), int), camera, (100, 100))
