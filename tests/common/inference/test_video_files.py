"""Files about each person of a video: what they hold, worked out by hand."""
import json
import logging

import numpy as np

from common.inference.outputs import People
from common.inference.person import ImageRecord, Person
from common.inference.video_files import VideoRecord, video_frame


def person(number, place, score=None):
    place = np.float64(place)
    return Person(vertices=np.zeros((3, 3)), faces=np.zeros((1, 3), int), number=number, score=score,
                  j2d_px=np.full((2, 2), place), j3d=np.full((2, 3), place), translation=np.full(3, place),
                  cam=np.full(3, place), box_centre_px=np.full(2, place), box_size_px=place,
                  boxes_px={"left_hand": np.full(4, place)}, joint_names=("a", "b"),
                  parameters={"betas": np.full(10, place)})


def recorded():
    record = ImageRecord("v", "v", (48, 64), 500.0, np.array([32.0, 24.0]), "m", "b", {"pose": "radians"})
    video = VideoRecord(25.0, True)
    video.add(People(record, [person(3, 1)], None, 0.0))
    video.add(People(record, [], None, 0.04))
    video.add(People(record, [person(1, 2, 0.25), person(3, 3, 0.5)], None, 0.08))
    return video


def test_each_person_has_all_frames_in_which_they_are_seen(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    paths = recorded().write(str(tmp_path), "v", ("json", "npz", "obj"))
    assert [path.rpartition("/")[2] for path in paths] == ["v_1.json", "v_1.npz", "v_3.json", "v_3.npz"]
    assert [record.getMessage() for record in caplog.records] == ["v_1: seen in one frame only, perhaps by mistake"]
    third = json.loads((tmp_path / "v_3.json").read_text())
    assert (third["frames"], third["time_s"], third["score"]) == ([0, 2], [0.0, 0.08], [None, 0.5])
    assert (third["video"], third["fps"], third["num_frames"], third["smoothed"]) == ("v", 25.0, 3, True)
    assert (third["image_size_px"], third["person"], third["joint_names"]) == ([64, 48], 3, ["a", "b"])
    assert third["joints_2d_px"] == [[[1, 1], [1, 1]], [[3, 3], [3, 3]]] and third["betas"][1] == [3] * 10
    assert third["left_hand_box_px"] == [[1] * 4, [3] * 4] and third["focal_px"] == 500
    assert third["conventions"]["pose"] == "radians" and "first frame" in third["conventions"]["time_s"]
    with np.load(tmp_path / "v_3.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["frames"], [0, 2])
        np.testing.assert_array_equal(arrays["score"], [np.nan, 0.5])
        np.testing.assert_array_equal(arrays["joints_3d_m"][1], np.full((2, 3), 3))
        assert json.loads(str(arrays["conventions"]))["pose"] == "radians"
    assert json.loads((tmp_path / "v_1.json").read_text())["score"] == [0.25]


def test_only_the_formats_that_were_asked_for(tmp_path):
    assert [path.rpartition(".")[2] for path in recorded().write(str(tmp_path), "v", ("npz",))] == ["npz", "npz"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["v_1.npz", "v_3.npz"]


def test_motion_of_the_frames_in_which_somebody_is_seen(tmp_path):
    """Person 3: (1, 1, 1) + (1, 1, 1) m in frame 0, three times that in frame 2, and nothing in frame 1."""
    paths = recorded().write(str(tmp_path), "v", ("csv", "trc"))
    assert [path.rpartition("/")[2] for path in paths] == ["v_1.csv", "v_1.trc", "v_3.csv", "v_3.trc"]
    rows = (tmp_path / "v_3.csv").read_text().splitlines()
    assert rows[1] == "v,m,3,0,0.000000,,a,1.000,1.000,2.000000,-2.000000,-2.000000"
    assert rows[3] == "v,m,3,2,0.080000,0.500000,a,3.000,3.000,6.000000,-6.000000,-6.000000"
    middle = (tmp_path / "v_3.trc").read_text().splitlines()[7].split("\t")
    assert middle == ["2", "0.040000"] + 2 * ["4.000000", "-4.000000", "-4.000000"]


def test_a_drawn_frame_has_a_row_for_each_kind_of_mesh(monkeypatch):
    images = {name: np.full((4, 6, 3), number, np.uint8) for number, name in enumerate("abcd")}
    monkeypatch.setattr(People, "draw_views", lambda *_: images)
    drawn = video_frame(People(None, [], None))
    assert drawn.shape == (8, 12, 3) and drawn[::4, ::6, 0].tolist() == [[0, 1], [2, 3]]
