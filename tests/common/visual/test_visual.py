"""Skeleton drawing, videos and curves."""
import subprocess
import sys

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from common.joints import SKELETONS
from common.visual.curves import _panels, _read, _running_mean, plot_curves
from common.visual.draw import COLOURS, PAPER, View, blank, draw_skeleton, fit_points, panel_2d, panel_3d, upright
from common.visual.video import write_video


def spread(skeleton):
    """Joints on a circle of 100 px, so that no two coincide."""
    angle = np.linspace(0.0, 2.0 * np.pi, len(SKELETONS[skeleton]), endpoint=False)
    return 150.0 + 100.0 * np.stack([np.cos(angle), np.sin(angle)], -1)


@pytest.mark.parametrize("skeleton", sorted(SKELETONS))
def test_every_skeleton_can_be_drawn(skeleton):
    points = spread(skeleton)
    image = draw_skeleton(blank(300, 300), points, skeleton)
    for name, (x, y) in zip(SKELETONS[skeleton], points.round().astype(int)):
        assert tuple(image[y, x]) != PAPER, name


def test_sides_have_their_colours():
    points = spread("h36m_17")
    image = draw_skeleton(blank(300, 300), points, "h36m_17")
    for name, colour in (("left_wrist", "left"), ("right_ankle", "right"), ("head", "middle")):
        x, y = points[SKELETONS["h36m_17"].index(name)].round().astype(int)
        assert tuple(image[y, x]) == COLOURS[colour], name


def test_missing_joints_are_left_out():
    points = spread("h36m_17")
    head, wrist = (SKELETONS["h36m_17"].index(name) for name in ("head", "left_wrist"))
    broken = points.copy()
    broken[[head, wrist]] = np.nan
    image = draw_skeleton(blank(300, 300), broken, "h36m_17")
    for joint in (head, wrist):
        x, y = points[joint].round().astype(int)
        assert tuple(image[y, x]) == PAPER


def test_nearer_limbs_cover_further_ones():
    points = np.full((17, 2), 20.0)
    names = SKELETONS["h36m_17"]
    for name, place in (("left_elbow", (50, 150)), ("left_wrist", (250, 150)), ("right_elbow", (150, 50)),
                        ("right_wrist", (150, 250))):
        points[names.index(name)] = place
    for near, colour in (("left", "left"), ("right", "right")):
        depth = np.array([0.0 if near in name else 100.0 for name in names])
        image = draw_skeleton(blank(300, 300), points, "h36m_17", depth=depth)
        assert tuple(image[150, 150]) == COLOURS[colour]


def test_wrong_number_of_joints():
    with pytest.raises(ValueError, match="coco_17 has 17 joints"):
        draw_skeleton(blank(50, 50), np.zeros((16, 2)), "coco_17")


def test_points_far_outside_do_no_harm():
    draw_skeleton(blank(50, 50), spread("coco_17") * 1e9, "coco_17")


def test_upright_turns_the_camera_frame():
    # Right stays right, down becomes the negative of up, forward is away.
    np.testing.assert_array_equal(upright([1.0, 2.0, 3.0], "camera"), [1.0, 3.0, -2.0])
    np.testing.assert_array_equal(upright([1.0, 2.0, 3.0], "world"), [1.0, 2.0, 3.0])


def test_views():
    plane, away = View(0.0, 0.0).project(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose([*plane, away], [1, 3, 2])
    plane, away = View(90.0, 0.0).project(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose([*plane, away], [2, 3, -1], atol=1e-12)
    plane, away = View(0.0, 90.0).project(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose([*plane, away], [1, 2, -3], atol=1e-12)


def test_fit_points_keeps_the_aspect():
    scale, shift = fit_points([[0.0, 0.0], [10.0, 40.0], [np.nan, 1.0]], 200, 100, margin=0.1)
    assert scale == 2.0
    np.testing.assert_allclose(shift + scale * np.array([5.0, 20.0]), [100.0, 50.0])


def test_panels_are_filled():
    joints = np.column_stack([spread("h36m_17") * 5.0 - 750.0, np.zeros(17)])[:, [0, 2, 1]]
    for image in (panel_2d(spread("h36m_17"), "h36m_17", 120, 90), panel_3d(joints, "h36m_17", 120, 90, 900.0, -500.0)):
        assert image.shape == (90, 120, 3) and (image != PAPER).any(-1).mean() > 0.02


def frames(count, height=40, width=60):
    for number in range(count):
        image = np.full((height, width, 3), 255, np.uint8)
        image[:, :10 * number] = 200, 30, 30
        yield image


def test_mp4_of_an_odd_size(tmp_path):
    path = tmp_path / "a.mp4"
    write_video(str(path), frames(6, 41, 63), 12)
    film = cv2.VideoCapture(str(path))
    assert (film.get(cv2.CAP_PROP_FRAME_COUNT), film.get(cv2.CAP_PROP_FPS)) == (6, 12)
    assert (film.get(cv2.CAP_PROP_FRAME_WIDTH), film.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (64, 42)
    first, second = film.read()[1], film.read()[1]
    assert first[20, 5].min() > 235 and second[20, 5, 2] - int(second[20, 5, 0]) > 100


def test_mp4_with_times_of_its_frames(tmp_path):
    path, times = str(tmp_path / "a.mp4"), [0.0, 0.1, 0.15, 0.9, 2.0]
    write_video(path, zip(frames(5), times), 4)
    with av.open(path) as container:
        stream = container.streams.video[0]
        assert [frame.time for frame in container.decode(stream)] == pytest.approx(times)
        # The last frame is shown for a quarter of a second.
        assert float(stream.duration * stream.time_base) == pytest.approx(2.25)


def test_gif(tmp_path):
    path = tmp_path / "a.gif"
    write_video(str(path), frames(4), 20)
    with Image.open(path) as film:
        assert film.n_frames == 4 and film.info["duration"] == 50 and film.info["loop"] == 0
        film.seek(2)
        pixels = np.asarray(film.convert("RGB")).astype(int)
        assert abs(pixels[20, 10] - [200, 30, 30]).max() < 12 and pixels[20, 40].min() > 235


def test_bad_films(tmp_path):
    with pytest.raises(UserError, match="written as .mp4 or .gif"):
        write_video(str(tmp_path / "a.avi"), frames(1), 10)
    with pytest.raises(UserError, match="positive"):
        write_video(str(tmp_path / "a.gif"), frames(1), 0)
    with pytest.raises(ValueError, match="at least one frame"):
        write_video(str(tmp_path / "a.gif"), [], 10)
    with pytest.raises(ValueError, match="need \\(H, W, 3\\)"):
        write_video(str(tmp_path / "a.mp4"), [*frames(1), *frames(1, 50)], 10)
    assert list(tmp_path.iterdir()) == []


def test_a_machine_without_encoder_is_told_to_use_gif(tmp_path, monkeypatch):
    def none(*_, **__):
        raise av.codec.codec.UnknownCodecError("libx264")

    monkeypatch.setattr(av.container.OutputContainer, "add_stream", none, raising=False)
    with pytest.raises(UserError, match="use a name that ends in .gif"):
        write_video(str(tmp_path / "a.mp4"), frames(2), 10)


METRICS = """step,epoch,learning_rate,loss,keypoint_l2,error_mm,overlap
1,1,0.001,2.0,1.5,,
2,1,0.0009,1.0,nan,,
2,1,,,,80.5,0.25
3,2,0.0008,0.5,0.25,,
"""


def test_curves_sort_columns_into_panels(tmp_path):
    (tmp_path / "metrics.csv").write_text(METRICS)
    steps, columns = _read(str(tmp_path / "metrics.csv"))
    np.testing.assert_array_equal(steps, [1, 2, 2, 3])
    np.testing.assert_array_equal(columns["keypoint_l2"], [1.5, np.nan, np.nan, 0.25])
    assert _panels(columns) == [("losses", "", ["loss", "keypoint_l2"]), ("evaluation", "mm", ["error_mm"]),
                                ("evaluation", "", ["overlap"]), ("learning rate", "", ["learning_rate"])]


def test_curves_are_written(tmp_path):
    (tmp_path / "metrics.csv").write_text(METRICS)
    plot_curves(str(tmp_path / "metrics.csv"), str(tmp_path / "metrics.png"))
    few = cv2.imread(str(tmp_path / "metrics.png"))
    assert few.shape[1] == 900 and few.shape[0] > 900
    rows = "".join(f"{step},1,{1000.0 / (step + 1)}\n" for step in range(1000))
    (tmp_path / "long.csv").write_text("step,epoch,loss\n" + rows)
    plot_curves(str(tmp_path / "long.csv"), str(tmp_path / "long.png"))
    assert cv2.imread(str(tmp_path / "long.png")).shape[0] < few.shape[0]


def test_running_mean():
    x, y = _running_mean(np.arange(180.0), np.arange(180.0) * 2.0)
    np.testing.assert_allclose(x[:2], [1.0, 2.0])
    np.testing.assert_allclose(y, 2.0 * x)


@pytest.mark.parametrize(("text", "message"), [
    ("step,epoch,loss\n", "no numbers"), ("a,b\n1,2\n", "no column named step"), ("", "no column named step")])
def test_bad_metrics(tmp_path, text, message):
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        plot_curves(str(tmp_path / "m.csv"), str(tmp_path / "m.png"))
    with pytest.raises(UserError, match="cannot be read"):
        plot_curves(str(tmp_path / "none.csv"), str(tmp_path / "m.png"))


def test_matplotlib_keeps_no_global_state():
    code = "import sys, common.visual.curves, pose_baseline.src.drawing; print('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
