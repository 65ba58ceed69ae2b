"""Grids and videos: upright, in the right colours, of the right size."""
import cv2
import numpy as np
import pytest
from PIL import Image

from common.joints import SKELETONS
from common.visual.draw import COLOURS
from pose_baseline.src import drawing
from pose_baseline.src.drawing import Sample, animate, prediction_grid, sample_grid

# A standing person in camera axes (x right, y down), facing the camera: the left side is on the image's right.
POSE = {"pelvis": (0, 0), "right_hip": (-130, 0), "right_knee": (-140, 440), "right_ankle": (-150, 880),
        "left_hip": (130, 0), "left_knee": (140, 440), "left_ankle": (150, 880), "spine": (0, -240),
        "thorax": (0, -490), "neck_nose": (0, -600), "head": (0, -700),
        "left_shoulder": (160, -470), "left_elbow": (220, -200), "left_wrist": (250, 40),
        "right_shoulder": (-160, -470), "right_elbow": (-220, -200), "right_wrist": (-250, 40)}


def pose(skeleton="h36m_17"):
    return np.array([[*POSE[name], 0.0] for name in SKELETONS[skeleton]])


def pixels():
    return pose("h36m_16")[:, :2] * 0.3 + [500, 400]


def where(image, colour):
    """Mean (x, y) of the pixels of a colour."""
    rows, columns = np.nonzero((np.abs(image.astype(int) - colour) < 12).all(-1))
    assert len(rows) > 30
    return columns.mean(), rows.mean()


def read(path):
    return cv2.imread(str(path))[..., ::-1]


@pytest.mark.parametrize("skeleton", ["h36m_17", "h36m_14"])
def test_the_person_stands_upright_with_left_and_right_in_place(skeleton):
    joints = pose(skeleton)
    image = drawing._panel(joints, "camera", 1000.0)
    assert where(image, COLOURS["left"])[0] > image.shape[1] / 2 > where(image, COLOURS["right"])[0]
    assert where(image, COLOURS["middle"])[1] < where(image, COLOURS["left"])[1]
    turned = np.stack([joints[:, 0], joints[:, 2], -joints[:, 1]], -1)
    np.testing.assert_array_equal(drawing._panel(turned, "world", 1000.0), image)


def test_sample_grid_has_five_rows_of_three(tmp_path):
    samples = [Sample(pixels(), pose(), pose() + [30.0, 0.0, 40.0], f"S9 {number}") for number in range(15)]
    sample_grid(samples, str(tmp_path / "grid.png"))
    height, width = read(tmp_path / "grid.png").shape[:2]
    assert 1500 < width < 2200 and 1000 < height < 1500


def test_a_grid_of_one_and_of_twelve(tmp_path):
    track_2d, track_3d = np.stack([pixels()] * 40), np.stack([pose()] * 40)
    prediction_grid(track_2d, track_3d, track_3d + 20.0, str(tmp_path / "many.png"))
    prediction_grid(track_2d[:1], track_3d[:1], None, str(tmp_path / "one.png"), frame_names=["first"])
    many, one = read(tmp_path / "many.png"), read(tmp_path / "one.png")
    assert many.shape[0] > 3 * one.shape[0] / 1.6 and many.shape[1] > 2 * one.shape[1]


def test_the_scene_holds_a_raised_arm():
    joints = pose()
    joints[SKELETONS["h36m_17"].index("left_wrist")] = 200.0, -1300.0, 0.0
    # The wrist is 2180 mm above the ankles, so 1320 above the middle of the scene.
    assert drawing._radius("camera", joints) == pytest.approx(1.06 * (2180.0 - drawing._MIDDLE_MM))
    assert drawing._radius("camera", pose()) == drawing._RADIUS_MM


@pytest.mark.parametrize("ending", ["gif", "mp4"])
def test_animation(tmp_path, ending):
    path = tmp_path / f"film.{ending}"
    track_3d = np.stack([pose() * (1.0 + 0.01 * k) for k in range(5)])
    animate(np.stack([pixels()] * 5), track_3d, str(path), 10, truth_3d=track_3d + 30.0)
    if ending == "gif":
        with Image.open(path) as film:
            assert film.n_frames == 5 and film.size == (960, 480)
    else:
        film = cv2.VideoCapture(str(path))
        assert (film.get(cv2.CAP_PROP_FRAME_COUNT), film.get(cv2.CAP_PROP_FRAME_WIDTH)) == (5, 960)
