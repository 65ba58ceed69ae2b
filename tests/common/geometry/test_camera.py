"""Cameras against numbers worked out by hand and the reference cases of Human3.6M's model."""
from pathlib import Path

import numpy as np
import pytest
from golden_files import seeded

from common.geometry.camera import Camera, project, world_to_camera

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
SUBJECTS = (1, 5, 11)


def golden_cameras(case, subject):
    rows = {key: case[key][subject - 1]
            for key in ("rotation", "translation", "focal_length", "centre", "radial", "tangential")}
    return [Camera(*(value[camera] for value in rows.values()), name=str(camera)) for camera in range(4)]


@pytest.fixture(scope="module")
def case():
    return np.load(GOLDEN / "pose_baseline" / "geometry.npz")


def test_reference_projections(case):
    points = seeded.array("pose_baseline.points", (64, 3), 1, -900, 900).astype(np.float64) + [0, 0, 900]
    for row, subject in enumerate(SUBJECTS):
        for column, camera in enumerate(golden_cameras(case, subject)):
            camera_points = world_to_camera(points, camera)
            np.testing.assert_allclose(camera_points, case["camera_points"][row, column], atol=1e-6, rtol=0)
            np.testing.assert_allclose(project(camera_points, camera), case["pixels"][row, column], atol=1e-6, rtol=0)


def plain_camera(**changes):
    camera = Camera(np.eye(3), np.zeros(3), np.array([1000.0, 500.0]), np.array([512.0, 500.0]), np.zeros(3),
                    np.zeros(2), "plain")
    return camera._replace(**changes)


def test_projection_by_hand():
    # x = 0.5, y = -1, r2 = 1.25; radial = 1 + 0.1 * 1.25 + 0.2 * 1.5625 + 0.3 * 1.953125 = 2.0234375;
    # tangential = 0.01 * -1 + 0.02 * 0.5 = 0.
    camera = plain_camera(radial=np.array([0.1, 0.2, 0.3]), tangential=np.array([0.01, 0.02]))
    expected = [1000 * (0.5 * 2.0234375 + 0.02 * 1.25) + 512, 500 * (-2.0234375 + 0.01 * 1.25) + 500]
    np.testing.assert_allclose(project([1.0, -2.0, 2.0], camera), expected, rtol=1e-12)


def test_a_point_on_the_axis_meets_the_principal_point():
    camera = plain_camera(radial=np.array([0.3, 0.2, 0.1]), tangential=np.array([0.1, 0.2]))
    assert project([0.0, 0.0, 7.0], camera).tolist() == [512.0, 500.0]


def test_from_the_world_for_any_number_of_axes():
    turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    camera = plain_camera(rotation=turn, translation=np.array([10.0, 20.0, 30.0]))
    assert world_to_camera([11.0, 20.0, 30.0], camera).tolist() == [0.0, 1.0, 0.0]
    points = np.random.default_rng(0).uniform(-1e3, 1e3, (2, 5, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(world_to_camera(points, camera) @ turn + [10, 20, 30], points, atol=1e-9)


def test_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"\(4, 2\)"):
        project(np.zeros((4, 2)), plain_camera())
