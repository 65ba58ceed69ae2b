"""A mesh model in Python: what it may be called with, and that it says what infer.py writes."""
import dataclasses
import json
import os
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import trimesh

from common.errors import UserError
from common.geometry.rotation import axis_angle_to_matrix
from common.inference.meshes import Body, MeshModel, Region
from common.inference.predictor import MeshPredictor
from common.inference.sources import source_of
from common.visual.video import write_video

EGG = trimesh.creation.icosphere(subdivisions=1)


class Eggs(MeshModel):
    """Sees the mean red of the crop: it is the shape of an egg that fills the crop."""

    name, body_model, faces, joint_names = "eggs", "synthetic", np.asarray(EGG.faces), ("bottom", "top")

    def crop(self, image, found):
        left, top, width, height = found.box.astype(int)
        part = image[max(top, 0):top + height, max(left, 0):left + width]
        side = float(max(width, height))
        return np.full((3, 8, 8), part[..., 0].mean(), np.float32), Region(found.box[:2], side)

    def predict(self, batch):
        return [self.pose(Body(np.array([1.0, 0, 0]), axis_angle_to_matrix(np.zeros((1, 3))), shape, None, None))
                for shape in batch[:, :1, 0, 0]]

    def pose(self, body):
        return dataclasses.replace(body, vertices=np.asarray(EGG.vertices), j3d=np.array([[0, 1.0, 0], [0, -1.0, 0]]))

    def parameters(self, body):
        return {"beta": body.shape}


@pytest.fixture
def eggs():
    return MeshPredictor(Eggs(), batch_size=4)


def image(red, size=(60, 80)):
    return np.full((*size, 3), (red, 100, 200), np.uint8)


def beta(person):
    return float(person.parameters["beta"][0])


def detections(name, x, score=0.9, ids=None):
    """Somebody whose joints span 20 px, as openpose gives them."""
    joints = np.concatenate([np.random.default_rng(0).uniform(0, 20, (18, 2)) + (x, 10), np.full((18, 1), score)], 1)
    return SimpleNamespace(name=name, joints=joints[None], scores=np.array([score]), ids=ids)


def test_an_array_is_red_first_and_one_person(eggs):
    people = eggs(image(70))
    assert len(people) == 1 and beta(people[0]) == 70 and people.name == "image"
    assert people.record.size == (60, 80) and people.record.model == "eggs"
    assert people[0].joint_names == ["bottom", "top"] == list(eggs.joint_names)
    assert [person.number for person in people] == [0]
    np.testing.assert_array_equal(people.photo, image(70))


def test_files_folders_and_lists(eggs, tmp_path):
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"p{number}.png"), image(10 * number)[..., ::-1])
    assert beta(eggs(tmp_path / "p1.png")[0]) == 10
    assert [beta(people[0]) for people in eggs(str(tmp_path))] == [0, 10, 20]
    mixed = eggs([image(50), tmp_path / "p2.png", str(tmp_path / "p2.png")])
    assert [beta(people[0]) for people in mixed] == [50, 20, 20]
    assert len({people.name for people in mixed}) == 3
    assert isinstance(eggs([image(3)]), list) and next(eggs.stream(image(3))).record.image == "image"


def test_people_are_told_by_boxes_detections_or_a_detector(eggs):
    photo = image(0)
    photo[:, 40:] = (200, 0, 0)
    boxes = [[0, 0, 30, 40], [45, 5, 30, 40]]
    assert [beta(person) for person in eggs(photo, boxes=boxes)] == [0, 200]
    assert [beta(person) for person in eggs(photo, boxes=np.array(boxes[1]))] == [200]
    assert beta(eggs(photo, detections=detections("anything", 50))[0]) == 200

    def detector(seen):
        assert seen[0, 79].tolist() == [0, 0, 200]  # blue first
        return detections("", 50, 0.7)

    person, = eggs(photo, detector=detector)
    assert beta(person) == 200 and person.score == 0.7
    assert beta(MeshPredictor(Eggs(), detector)(photo)[0]) == 200
    with pytest.raises(UserError, match="boxes and detections both say where people are"):
        eggs(photo, boxes=boxes, detections=detections("a", 0))


def test_detections_belong_to_images_by_their_names(eggs, caplog):
    photo = image(0)
    photo[:, 40:] = (200, 0, 0)
    first, second = eggs([photo, photo], detections=[detections("image_1", 50), detections("image_0", 5)])
    assert beta(first[0]) == 0 and beta(second[0]) == 200
    first, second = eggs([photo, photo], detections=[detections("image_1", 50), detections("other", 5)])
    assert len(first) == 0 and len(second) == 1 and "no detections of image_0" in caplog.text


def test_a_video_is_followed(eggs, tmp_path):
    write_video(str(tmp_path / "v.mp4"), ((image(100), number / 10) for number in range(4)), 10.0)
    frames = eggs(tmp_path / "v.mp4", detections=[detections(f"v_{number:012d}", 3 * number, ids=[7])
                                                  for number in range(4)])
    assert [people[0].number for people in frames] == [7] * 4
    np.testing.assert_allclose([people.time_s for people in frames], [0, 0.1, 0.2, 0.3], atol=1e-6)
    assert len(eggs(tmp_path / "v.mp4", frame_max=2)) == 2


def test_what_is_saved_is_what_infer_writes(eggs, tmp_path):
    path = str(tmp_path / "a.png")
    cv2.imwrite(path, image(70)[..., ::-1])
    people = eggs(path)
    paths = people.save(str(tmp_path / "one"), ["json", "png", "csv"])
    eggs.run(path, str(tmp_path / "two"), ["json", "png", "csv"])
    assert sorted(os.listdir(tmp_path / "one")) == sorted(os.listdir(tmp_path / "two")) == sorted(
        os.path.basename(path) for path in paths)
    for name in os.listdir(tmp_path / "one"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert json.loads((tmp_path / "one" / "a_0.json").read_text())["parameters"]["beta"] == [70]
    drawn = cv2.imread(str(tmp_path / "one" / "a_side.png"))[..., ::-1]
    np.testing.assert_array_equal(people.draw("side"), drawn)
    assert people.draw().shape == (60, 80, 3)


@pytest.mark.parametrize("value", [np.zeros((4, 4)), np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8), 7])
def test_what_is_no_image(eggs, value):
    with pytest.raises((UserError, TypeError)):
        eggs(value)


def test_missing_and_damaged_files_are_named(eggs, tmp_path, caplog):
    with pytest.raises(UserError, match="nothing.jpg does not exist"):
        eggs(tmp_path / "nothing.jpg")
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    with pytest.raises(UserError, match="bad.jpg"):
        eggs(tmp_path / "bad.jpg")
    alone, = eggs([image(7), tmp_path / "bad.jpg"])
    assert beta(alone[0]) == 7 and "bad.jpg" in caplog.text and "left out" in caplog.text
    assert source_of(image(3)).single and not source_of([image(3)]).single
    assert source_of(source_of(image(3))).count == 1
