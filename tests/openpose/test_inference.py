"""What is done with people once found: drawing, units of the coordinates, sources of images."""
import json
import os
import signal

import cv2
import numpy as np
import pytest

from common.errors import UserError
from common.inference.sources import Frame as SourceFrame
from common.inference.sources import Source
from openpose.src.config import read_settings
from openpose.src.decode import DecodedPeople, Placement
from openpose.src.drawing import draw_maps, draw_people
from openpose.src.inference import (
    Detecting,
    coco_entries,
    number_images,
    parse_resolution,
    scale_joints,
    shorter_side,
    write_coco,
    write_keypoints,
    write_source,
)
from openpose.src.skeleton import COCO_18, parse_skeleton
from openpose.src.targets import make_targets


def person(x, y, size=100.0, seed=0):
    """Eighteen joints within a box of `size` px around (x, y)."""
    joints = np.random.default_rng(seed).uniform(-0.5, 0.5, (18, 3)) * size + (x, y, 0)
    joints[:, 2] = 0.9
    return joints


@pytest.mark.parametrize("scale, expected", [(0, (50, 25)), (2, (50, 25)), (1, (100.5, 50.5)), (3, (0.5, 0.5)),
                                             (4, (0, 0))])
def test_units_of_the_coordinates(scale, expected):
    joints = np.zeros((1, 2, 3))
    joints[0, 0] = 50, 25, 0.8
    out = scale_joints(joints, scale, Placement(image=(51, 101), inner=(102, 202)))
    assert out[0, 0] == pytest.approx((*expected, 0.8)) and (out[0, 1] == 0).all()


def test_keypoint_file_has_cmu_s_fields(tmp_path):
    write_keypoints(str(tmp_path / "a.json"), person(10, 10)[None], ids=[7])
    content = json.loads((tmp_path / "a.json").read_text())
    assert content["version"] == 1.3 and content["people"][0]["person_id"] == [7]
    parts = ("pose", "face", "hand_left", "hand_right")
    assert set(content["people"][0]) == {"person_id", *(f"{part}_keypoints_{d}d" for part in parts for d in (2, 3))}
    assert content["people"][0]["pose_keypoints_2d"][2::3] == [0.9] * 18


def test_coco_entries():
    people = DecodedPeople(person(10, 10)[None], np.array([0.5]))
    entry, = coco_entries(people, "42.jpg", COCO_18)
    assert entry["file_name"] == "42.jpg" and entry["score"] == 0.5 and "track_id" not in entry
    # COCO's left ankle is the last but one of its 17.
    assert entry["keypoints"][45:47] == np.round(people.joints[0, COCO_18.joints.index("left_ankle"), :2], 2).tolist()
    assert coco_entries(people, "cat", COCO_18, [5])[0]["track_id"] == 5
    own = parse_skeleton({"joints": ["a", "b", "middle"], "limbs": [["a", "middle"], ["middle", "b"]], "flip_pairs": [],
                          "means": {"middle": ["a", "b"]}}, "own")
    assert len(coco_entries(DecodedPeople(np.ones((1, 3, 3)), np.ones(1)), "cat", own)[0]["keypoints"]) == 6


@pytest.mark.parametrize("names, numbers", [
    (["COCO_val2014_000000000042", "a7"], [42, 7]), (["IMG_1", "photo_1"], [1, 2]), (["garden", "2"], [1, 2]),
    (["v_000000000000", "v_000000000001"], [0, 1]), (["1", "01"], [1, 2]), (["a2b", "b"], [1, 2]),
    (["\u0661", "3"], [1, 2]), ([f"{5:030d}"], [5]), ([], [])])
def test_images_get_numbers_of_their_own(names, numbers, tmp_path, caplog):
    with caplog.at_level("INFO", logger="mindhuman"):
        assert number_images(names) == numbers
    taken = len(names) == len(set(numbers)) and "counts the images" not in caplog.text
    assert taken or numbers == list(range(1, len(names) + 1))
    entries = [[{"image_id": None, "file_name": name}] * 2 for name in names]
    write_coco(str(tmp_path / "a.json"), entries, names)
    written = json.loads((tmp_path / "a.json").read_text())
    assert [(entry["image_id"], entry["file_name"]) for entry in written] == [
        pair for pair in zip(numbers, names) for _ in range(2)]


def test_drawing_colours_limbs_and_leaves_the_image_alone():
    image = np.full((200, 200, 3), 128, np.uint8)
    joints = np.zeros((1, 18, 3))
    joints[0, 2], joints[0, 3] = (50, 50, 1), (50, 150, 1)
    drawn = draw_people(image, joints, COCO_18)
    assert (image == 128).all() and (drawn[100, 50] != 128).any() and (drawn[100, 100] == 128).all()
    assert (draw_people(image, joints, COCO_18, [3])[20:50, 40:80] != 128).any()
    assert (draw_people(image, joints[:0], COCO_18) == 128).all()


def test_maps_lie_over_the_image():
    heat, paf = np.zeros((19, 16, 24), np.float32), np.zeros((38, 16, 24), np.float32)
    heat[0, 4, 6] = 1
    drawn = draw_maps(np.zeros((60, 80, 3), np.uint8), heat, paf, Placement((60, 80), (120, 160)))
    assert drawn.shape == (60, 160, 3)
    red = drawn[:, :80, 2].astype(int) - drawn[:, :80, 0]
    y, x = np.unravel_index(red.argmax(), red.shape)
    # Cell (4, 6) is network pixel (51.5, 35.5), half of it in the image.
    assert abs(x - 25.75) < 2.5 and abs(y - 17.75) < 2.5


@pytest.mark.parametrize("text, size, expected", [("-1x368", (480, 640), 368), ("656x-1", (480, 640), 492),
                                                  ("-1x368", (640, 480), 276), ("656x368", (400, 400), 368)])
def test_network_resolution_is_that_of_the_shorter_side(text, size, expected):
    assert shorter_side(parse_resolution(text), *size) == expected


class PerfectDetector:
    """Sees a person who walks to the right; at the frame `stop` the user presses Ctrl-C."""

    def __init__(self, stop=None):
        self.skeleton, self.config = COCO_18, read_settings([])
        self.frame, self.stop = 0, stop

    def maps(self, image):
        if self.frame == self.stop:
            os.kill(os.getpid(), signal.SIGINT)
        joints = person(60 + 4 * self.frame, 64, seed=5)[None]
        self.frame += 1
        return (*make_targets(joints, 16, 24), Placement(image.shape[:2], image.shape[:2]))


def _walk(count):
    return Source("walk", 10.0, lambda: (SourceFrame(f"walk_{number:012d}", np.zeros((128, 192, 3), np.uint8),
                                                     number / 10) for number in range(count)))


def test_a_film_gives_its_people_and_their_numbers(tmp_path):
    write_source(Detecting(PerfectDetector()), _walk(3), str(tmp_path))
    for frame in range(3):
        content = json.loads((tmp_path / f"walk_{frame:012d}_keypoints.json").read_text())
        assert content["time_s"] == frame / 10
        found = {tuple(one["person_id"]): np.reshape(one["pose_keypoints_2d"], (18, 3)) for one in content["people"]}
        truth = person(60 + 4 * frame, 64, seed=5)
        seen = found[(0,)][:, 2] > 0
        assert seen.sum() >= 10 and np.abs(found[(0,)][seen, :2] - truth[seen, :2]).max() < 1
    assert [entry["track_id"] for entry in json.loads((tmp_path / "coco_results.json").read_text())] == [0, 0, 0]


def test_formats_are_what_is_written(tmp_path):
    detecting = Detecting(PerfectDetector())
    photo = Source("image", 0, lambda: (SourceFrame("image", np.zeros((128, 192, 3), np.uint8)) for _ in range(1)))
    for number, (formats, source, files) in enumerate([
            (["json"], _walk(1), ["coco_results.json", "walk_000000000000_keypoints.json"]),
            (["png"], _walk(1), ["walk.mp4"]), (["png"], photo, ["image_rendered.png"]),
            (["csv"], _walk(2), ["keypoints.csv"]), (["csv"], photo, ["keypoints.csv"])]):
        write_source(detecting, source, str(tmp_path / str(number)), formats)
        assert sorted(os.listdir(tmp_path / str(number))) == files
    poses = Detecting(PerfectDetector())(np.zeros((128, 192, 3), np.uint8))
    assert [os.path.basename(path) for path in poses.save(str(tmp_path), ["csv"])] == ["image_keypoints.csv"]
    with pytest.raises(UserError, match="--formats obj: choose one of json, png, csv"):
        poses.save(str(tmp_path), ["obj"])


def test_the_table_of_joints_is_what_was_found(tmp_path):
    pandas = pytest.importorskip("pandas", reason="scripts/run_tests.sh installs it (requirements-test.txt)")
    write_source(Detecting(PerfectDetector()), _walk(2), str(tmp_path), ["csv", "json"], keypoint_scale=3)
    table = pandas.read_csv(tmp_path / "keypoints.csv")
    found = [poses.joints[0] for poses in Detecting(PerfectDetector())(_walk(2))]
    assert table.image.unique().tolist() == ["walk_000000000000", "walk_000000000001"]
    for number, (_, frame) in enumerate(table.groupby("image")):
        seen = found[number][:, 2] > 0
        assert frame.joint.tolist() == [name for name, there in zip(COCO_18.joints, seen) if there]
        np.testing.assert_allclose(frame[["x_px", "y_px", "confidence"]], found[number][seen], atol=5e-4)
        assert (frame.time_s == number / 10).all() and (frame.person == 0).all() and frame.score.nunique() == 1


def test_ctrl_c_ends_a_film_and_keeps_it(tmp_path):
    write_source(Detecting(PerfectDetector(stop=1)), _walk(100), str(tmp_path))
    assert cv2.VideoCapture(str(tmp_path / "walk.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 2
    assert len(list(tmp_path.glob("*_keypoints.json"))) == 2


def test_in_python_the_same_people_as_objects(tmp_path):
    photo = np.random.default_rng(0).integers(0, 256, (128, 192, 3), np.uint8)
    poses = Detecting(PerfectDetector())(photo)
    assert len(poses) == 1 and poses.ids is None and poses.joint_names == COCO_18.joints
    seen = poses.joints[0, :, 2] > 0
    assert np.abs(poses.joints[0, seen, :2] - person(60, 64, seed=5)[seen, :2]).max() < 1
    np.testing.assert_array_equal(poses.photo, photo)
    assert sorted(path.rpartition("/")[2] for path in poses.save(str(tmp_path), write_heatmaps=True)) == sorted(
        path.name for path in tmp_path.iterdir())
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "image_rendered.png"))[..., ::-1], poses.draw())
    walk = Detecting(PerfectDetector())(_walk(3))
    assert [frame.ids for frame in walk] == [[0]] * 3 and walk[2].time_s == 0.2
