"""Where people are: boxes, OpenPose's files, a detector, or the whole image."""
import json
import logging
from types import SimpleNamespace

import numpy as np
import pytest

from common.arguments import join_boxes
from common.errors import UserError
from common.inference.people import (
    KeypointFiles,
    check_box,
    choose_people,
    read_boxes,
    square_around,
    whole_image,
)
from common.joints import SKELETONS

IMAGE = np.zeros((120, 160, 3), np.uint8)


def joints(x=40.0, y=20.0):
    """Joints down a line from (x, y) to (x + 30, y + 60)."""
    share = np.linspace(0, 1, 18)
    return np.stack([x + 30 * share, y + 60 * share, np.full(18, 0.5)], 1)


def write_people(path, people, key="pose_keypoints_2d", **fields):
    path.write_text(json.dumps({"people": [{key: person.ravel().tolist(), **fields} for person in people]}))
    return str(path)


def test_boxes_as_text_and_as_the_published_file(tmp_path):
    np.testing.assert_array_equal(read_boxes("10,20.5,30,40; -5,0,8,9;"), [[10, 20.5, 30, 40], [-5, 0, 8, 9]])
    for content, expected in (([1, 2, 30, 4], [[1, 2, 30, 4]]), ([[1, 2, 30, 4], [5, 6, 7, 80]],
                                                                 [[1, 2, 30, 4], [5, 6, 7, 80]])):
        (tmp_path / "box.json").write_text(json.dumps({"bbox": content}))
        np.testing.assert_array_equal(read_boxes(str(tmp_path / "box.json")), expected)
    assert read_boxes("1,2,1,40")[0].tolist() == [1, 2, 1, 40] and len(read_boxes("1,2,8,1")) == 1
    for text in ("1,2,0,40", "1,2,40,0", "1,2,7.9,1", "1,2,3", "a,b,c,d", "1,2,nan,4", "1,2,-30,40", "1,2,3,4", ";"):
        with pytest.raises(UserError, match="write left,top,width,height in px"):
            read_boxes(text)
    (tmp_path / "box.json").write_text("[1, 2]")
    with pytest.raises(UserError, match="box.json: write left,top"):
        read_boxes(str(tmp_path / "box.json"))
    with pytest.raises(UserError, match="none.json does not exist"):
        read_boxes("none.json")
    np.testing.assert_array_equal(read_boxes([1, 2, 30, 4]), [[1, 2, 30, 4]])
    np.testing.assert_array_equal(read_boxes(np.array([[1, 2, 30, 4], [5, 6, 7, 80]])), [[1, 2, 30, 4], [5, 6, 7, 80]])
    for boxes in ([], [[1, 2, 30, 4], [5]], {"bbox": 1}, 7, np.zeros((0, 4))):
        with pytest.raises(UserError, match="write left,top,width,height in px"):
            read_boxes(boxes)


def test_boxes_may_be_given_one_by_one():
    assert join_boxes(["--bbox", "-1,2,3,4", "--image", "a.jpg", "--bbox=5,6,7,8"]) == [
        "--image", "a.jpg", "--bbox=-1,2,3,4;5,6,7,8"]
    assert join_boxes(["--image", "a.jpg"]) == ["--image", "a.jpg"]
    with pytest.raises(UserError, match="--bbox needs a value"):
        join_boxes(["--bbox"])


def test_boxes_beside_the_image_and_huge_ones_are_refused():
    people = choose_people(boxes="-20,100,40,40;150,10,40,40;-700,-700,1600,1600")("a", IMAGE)
    assert [person.number for person in people] == [0, 1, 2]
    for person in people:
        check_box(person, "a", IMAGE)
    for text in ("160,0,10,10", "0,120,10,10", "-10,0,10,10", "0,-10,10,10"):
        with pytest.raises(UserError, match="lies beside photo, which is 160 x 120 px"):
            check_box(choose_people(boxes=text)("photo", IMAGE)[0], "photo", IMAGE)
    with pytest.raises(UserError, match="-700,-700,1601,1600 is far larger than photo"):
        check_box(choose_people(boxes="-700,-700,1601,1600")("photo", IMAGE)[0], "photo", IMAGE)


def people_of(path, name="a", **settings):
    return KeypointFiles(str(path), **settings)(name, IMAGE)


def test_people_of_openpose_files_have_boxes_scores_and_numbers(tmp_path):
    unsure = joints()
    unsure[7:, 2] = 0.2
    unsure[0] = 500, 500, 0.0
    few = unsure * np.where(np.arange(18) < 6, 1, 0)[:, None]
    path = write_people(tmp_path / "a_keypoints.json", [joints(), unsure, few, np.zeros((18, 3))])
    first, second = people_of(path)
    np.testing.assert_allclose(first.box, [40, 20, 30, 60])
    assert first.score == pytest.approx(0.5) and first.number is None
    # The sure joints of the second are numbers 1 to 6 of 17 steps; the others have no score any more.
    np.testing.assert_allclose(second.box, [40 + 30 / 17, 20 + 60 / 17, 150 / 17, 300 / 17])
    np.testing.assert_array_equal(second.joints[:, 2], [0, *[0.5] * 6, *[0] * 11])
    assert len(people_of(path, min_confidence=0.19)) == 2
    np.testing.assert_allclose(people_of(path, min_confidence=0.19)[1].box[2:], [30 * 16 / 17, 60 * 16 / 17])
    assert people_of(path, min_confidence=0.5) == []
    for number in ([7], 7, "7", ["7"]):
        assert people_of(write_people(tmp_path / "a.json", [joints()], person_id=number))[0].number == "7"
    assert people_of(write_people(tmp_path / "a.json", [joints()], person_id=[0]))[0].number == "0"


def test_pairs_without_scores_are_read_as_pairs(tmp_path):
    path = write_people(tmp_path / "a.json", [joints()[:, :2]])
    person, = people_of(path)
    np.testing.assert_allclose(person.box, [40, 20, 30, 60])
    assert person.score == 1


def test_shares_of_the_image_are_refused(tmp_path):
    for count, points in ((18, joints() / (160, 120, 1)), (6, np.concatenate([np.ones((6, 3)), np.zeros((12, 3))])),
                          (18, joints() / (160, 120, 1) * (1, 1, 2.1))):
        points[count - 1, 0] = 1.0  # up to exactly 1
        with pytest.raises(UserError, match="a.json: coordinates are shares of the image"):
            people_of(write_people(tmp_path / "a.json", [points]))
    # Somebody left of the image has pixels; fewer than six joints tell nothing, nor does a speck of 1.5 px.
    person, = people_of(write_people(tmp_path / "a.json", [joints() * (-1, 1, 1)]))
    np.testing.assert_allclose(person.box, [-70, 20, 30, 60])
    five = np.concatenate([np.full((5, 3), 0.5), np.zeros((13, 3))])
    assert people_of(write_people(tmp_path / "a.json", [five])) == []
    assert people_of(write_people(tmp_path / "a.json", [joints() / (100, 60, 1) + (0.8, 0, 0)])) == []


def test_narrow_people_and_specks(tmp_path):
    narrow = joints() * (1 / 6, 1, 1)  # 5 x 60 px
    np.testing.assert_allclose(people_of(write_people(tmp_path / "a.json", [narrow]))[0].box[2:], [5, 60])
    for height, expected in ((8.0, 1), (7.9, 0)):
        assert len(people_of(write_people(tmp_path / "a.json", [joints() * (0.1, height / 60, 1)]))) == expected


def test_nobody_and_damaged_files(tmp_path):
    assert people_of(write_people(tmp_path / "a.json", [np.zeros((18, 3))])) == []
    assert people_of(write_people(tmp_path / "a.json", [])) == []
    for text in ("{", '{"a": 1}', "[1]", '{"people": [{"pose_keypoints_2d": [1]}]}', '{"people": 3}'):
        (tmp_path / "b.json").write_text(text)
        with pytest.raises(UserError, match="b.json"):
            people_of(tmp_path / "b.json")


def test_a_folder_has_a_file_for_each_image_and_a_file_is_for_one(tmp_path, caplog):
    with pytest.raises(UserError, match="holds no .json file"):
        KeypointFiles(str(tmp_path))
    write_people(tmp_path / "a_keypoints.json", [joints()])
    (tmp_path / "bad_keypoints.json").write_text("")
    find = KeypointFiles(str(tmp_path))
    # Of a.png and a.jpg in one folder OpenPose knows one name only.
    assert len(find("a", IMAGE)) == len(find("a.png", IMAGE)) == 1
    with caplog.at_level(logging.WARNING, "mindhuman"):
        assert find("b", IMAGE) == []
    assert "nothing about b" in caplog.text
    with pytest.raises(UserError, match="bad_keypoints.json is not readable JSON"):
        find("bad", IMAGE)
    find = KeypointFiles(str(tmp_path / "a_keypoints.json"))
    assert len(find("photo", IMAGE)) == len(find("photo", IMAGE)) == 1
    find.check_count(1)
    with pytest.raises(UserError, match="is one file for several images"):
        find.check_count(2)
    KeypointFiles(str(tmp_path)).check_count(2)
    with pytest.raises(UserError, match="does not exist"):
        KeypointFiles(str(tmp_path / "none"))


def test_a_file_about_many_images_is_asked_by_their_names_or_numbers(tmp_path):
    results = [{"image_id": f"{number}.jpg", "idx": 3, "keypoints": joints(number).ravel().tolist()}
               for number in (9, 10)]
    (tmp_path / "alphapose-results.json").write_text(json.dumps(results))
    find = KeypointFiles(str(tmp_path / "alphapose-results.json"))
    for name in ("10", "10.jpg", "video_000000000010"):
        person, = find(name, IMAGE)
        assert person.box[0] == 10 and person.number == "3"
    assert find("video_11", IMAGE) == []


def test_a_detector_s_people_keep_their_scores_and_specks_are_left_out():
    found = np.stack([joints(), 0.1 * joints(), joints() * (1, 1, 0)])
    people = choose_people(detector=lambda image: SimpleNamespace(joints=found, scores=[0.9, 0.8, 0.7]))("a", IMAGE)
    assert [person.score for person in people] == [0.9]
    sure = choose_people(None, None, lambda image: SimpleNamespace(joints=found, scores=np.ones(3)), 0.5)
    assert sure("a", IMAGE) == []
    np.testing.assert_array_equal(people[0].joints, joints())


def test_the_whole_image_is_said_to_be_one_person(caplog):
    with caplog.at_level(logging.INFO, "mindhuman"):
        person, = choose_people()("a", IMAGE)
    assert "Each image is taken as one person" in caplog.text
    assert person.whole and person.joints is None and person.box.tolist() == [0, 0, 160, 120]
    with pytest.raises(UserError, match="dot is 7 x 2 px, too small"):
        whole_image("dot", np.zeros((2, 7, 3), np.uint8))


def test_one_way_of_finding_at_a_time():
    with pytest.raises(UserError, match="--bbox and --openpose_ckpt both say where people are"):
        choose_people(boxes="1,2,30,40", detector=len)


def test_squares_by_hand():
    person, = choose_people(boxes="10,20,30,61")("a", IMAGE)
    center, scale = square_around(person)
    assert center.tolist() == [25, 50.5] and scale == 61 / 200
    person, = whole_image("a", np.zeros((121, 161, 3), np.uint8))
    center, scale = square_around(person)
    assert center.tolist() == [80, 60] and scale == 161 / 200
    person = read_person(joints())
    center, scale = square_around(person, 1.5)
    # The middle of joints is their mean; the longer side of their box is 60 px.
    np.testing.assert_allclose(center, [55, 50])
    assert scale == pytest.approx(1.5 * 60 / 200)


def read_person(points):
    return choose_people(detector=lambda image: SimpleNamespace(joints=points[None], scores=[1.0]))("a", IMAGE)[0]


def test_keypoint_files_are_asked_for_by_their_path(tmp_path):
    files = choose_people(None, write_people(tmp_path / "a_keypoints.json", [joints()]), None, 0.25)
    assert isinstance(files, KeypointFiles) and files.min_confidence == 0.25


def test_bounds_of_what_can_show_somebody(tmp_path):
    person, = whole_image("a.jpg", np.zeros((3, 8, 3), np.uint8))
    assert person.box.tolist() == [0, 0, 8, 3]
    with pytest.raises(UserError, match="a.jpg is 7 x 7 px"):
        whole_image("a.jpg", np.zeros((7, 7, 3), np.uint8))
    for box in ("-10,0,11,20", "0,-10,20,11"):  # one pixel of the image
        check_box(choose_people(box, None, None, 0.1)("a", IMAGE)[0], "a", IMAGE)
    for text in ("1,2,30,40;1,2,30", "inf,2,30,40", "1,2,30,40;1,2,0,40"):
        with pytest.raises(UserError, match="--bbox .*: write left,top,width,height"):
            read_boxes(text)
    (tmp_path / "box.json").write_text('{"bbox": [[1, 2, 30, 4]]}')
    assert read_boxes(str(tmp_path / "box.json"))[0].tolist() == [1, 2, 30, 4]


def test_joints_have_a_margin_of_a_fifth(tmp_path):
    """60 px high from y 20 to 80: a square of 72 px."""
    person, = KeypointFiles(write_people(tmp_path / "a_keypoints.json", [joints()]))("a", IMAGE)
    centre, scale = square_around(person)
    np.testing.assert_allclose(centre, [55, 50])
    assert scale == pytest.approx(1.2 * 60 / 200)


def test_keypoints_that_are_not_there():
    with pytest.raises(UserError, match="^--keypoints_json nowhere.json does not exist"):
        KeypointFiles("nowhere.json")


def test_people_of_coco_annotations(tmp_path):
    points = [[100 + 10 * number, 50 + 20 * number, 2] for number in range(17)]
    hidden = [[x, y, 0] for x, y, _ in points]
    (tmp_path / "persons.json").write_text(json.dumps({
        "images": [{"id": 7, "file_name": "train/a_0002.jpg", "width": 400, "height": 500},
                   {"id": 9, "file_name": "b.jpg", "width": 400, "height": 500}],
        "categories": [{"id": 1, "name": "person", "keypoints": list(SKELETONS["coco_17"])}],
        "annotations": [{"id": 31, "image_id": 7, "category_id": 1, "keypoints": sum(points, [])},
                        {"id": 32, "image_id": 7, "category_id": 1, "keypoints": sum(hidden, [])}]}))
    files = KeypointFiles(str(tmp_path / "persons.json"))
    person, = files("a_0002", None)
    np.testing.assert_array_equal(person.box, [100, 50, 160, 320])
    assert person.number == "31" and files("b", None) == []
