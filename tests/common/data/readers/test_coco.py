"""COCO annotation files as other makers write them, and regions that are damaged."""
import json

import numpy as np
import pytest
from coco_content import content, person, read

from common.data.readers.coco import JOINTS, Annotations, find_coco, read_coco
from common.errors import UserError


def test_people_come_image_by_image(caplog):
    people = read()
    assert [image.id for image in people.images] == [1, 2] and people.images[0].size == (100, 80)
    assert people.ids == [1, 3, 2] and people.image_rows.tolist() == [0, 0, 1]
    assert [list(people.rows(image)) for image in (0, 1)] == [[0, 1], [2]]
    assert people.keypoints.shape == (3, 17, 3) and people.keypoints[2, 3].tolist() == [18, 25, 2]
    assert people.names == JOINTS == people.joints() and people.category == "person"
    assert not caplog.text


def test_learned_people_are_labelled_large_and_no_crowd():
    people = read(person(1, 1), person(2, 1, iscrowd=1), person(3, 1, num_keypoints=4), person(4, 1, area=600),
                  person(5, 1, area=601, num_keypoints=5))
    assert people.learned(5, 600).tolist() == [True, False, False, False, True]


def test_what_is_missing_is_derived_and_said_once(caplog):
    joints = [0, 0, 0] * 15 + [5, 6, 2, 25, 46, 1]
    bare = {"id": 1, "image_id": 1, "category_id": 1, "keypoints": joints}
    people = read(bare, {**bare, "id": 2, "bbox": [0, 0, 10, 20]})
    assert people.num_keypoints.tolist() == [2, 2] and not people.crowd.any()
    assert people.boxes.tolist() == [[5, 6, 20, 40], [0, 0, 10, 20]]
    assert people.areas == pytest.approx([0.53 * 800, 0.53 * 200])
    assert len(caplog.records) == 1 and "a.json: " in caplog.text
    for text in ("lack num_keypoints: labelled joints are counted (2)", "lack iscrowd: 0 (2)",
                 "lack bbox: the box around the labelled joints (1)", "lack area: 0.53 of the box (2)"):
        assert text in caplog.text


@pytest.mark.parametrize("odd", [None, "many", -3, float("nan"), [1, 2], {}, 10 ** 400])
def test_members_of_other_types_count_as_missing(odd):
    entry = person(1, 1)
    entry.update(num_keypoints=odd, area=odd, bbox=odd, iscrowd=odd)
    people = read(entry)
    assert people.num_keypoints.tolist() == [17] and people.boxes[0].tolist() == [10, 20, 16, 0]
    assert not people.crowd[0] and people.areas[0] == 0
    assert read(person(1, 1, area=0)).areas[0] == pytest.approx(0.53 * 30 * 40)  # as CVAT writes it


def test_numbers_written_as_text_and_truth_values_are_read():
    people = read(person(1, 1, area="700", iscrowd=False), person(2, 1, iscrowd=True, bbox=["1", "2", "3", "4"]))
    assert people.areas.tolist() == [700, 700] and people.crowd.tolist() == [False, True]
    assert people.boxes[1].tolist() == [1, 2, 3, 4]


def test_a_count_in_the_file_that_differs_holds_and_is_said(caplog):
    assert read(person(1, 1, num_keypoints=2)).num_keypoints.tolist() == [2]
    assert "another num_keypoints than labelled joints: the file's number holds (1)" in caplog.text


def test_joints_are_known_by_name():
    order = list(reversed(JOINTS))
    values = np.array(person(1, 1)["keypoints"]).reshape(17, 3)[::-1].ravel().tolist()
    other = {"id": 7, "name": "person", "keypoints": order}
    people = read(person(1, 1), person(2, 1, category_id=7, keypoints=values),
                  categories=[content()["categories"][0], other])
    assert (people.keypoints[0] == people.keypoints[1]).all() and people.names == JOINTS
    reversed_only = read(person(2, 1, category_id=7, keypoints=values), categories=[other])
    assert reversed_only.names == tuple(order) and reversed_only.keypoints[0, 0].tolist() == values[:3]


def test_spellings_of_joints():
    names = ["Right Shoulder", "LEye", "hip-left", "Head top"]
    people = read(person(1, 1, keypoints=[1, 2, 2] * 4), categories=[{"id": 1, "name": "person", "keypoints": names}])
    assert people.joints() == ("right_shoulder", "left_eye", "left_hip", "head_top") and people.names == tuple(names)


def test_other_categories_are_left_out_and_counted(caplog):
    dog = {"id": 2, "name": "dog", "keypoints": ["nose", "tail"]}
    people = read(person(1, 1), person(2, 1, category_id=2, keypoints=[1, 1, 1, 2, 2, 2]), person(3, 1, category_id=9),
                  categories=[dog, content()["categories"][0]])
    assert people.ids == [1] and "annotations of other categories are left out (2)" in caplog.text
    assert Annotations(content(person(1, 1, keypoints=[1, 1, 1, 2, 2, 2], category_id=2), categories=[dog]), "a"
                       ).names == ("nose", "tail")  # the only ones with keypoints
    with pytest.raises(UserError, match="a.json has no category person .there: dog, cat."):
        read(categories=[dog, {**dog, "name": "cat"}])
    with pytest.raises(UserError, match="has no category elk .there: dog."):
        read(categories=[dog], category="elk")


def test_a_category_without_keypoints_is_taken_as_coco_and_said(caplog):
    for categories in ([{"id": 1, "name": "person"}], [{"id": 1, "name": "person", "keypoints": []}]):
        assert read(categories=categories).names == JOINTS
        assert "taken in the order nose, left_eye" in caplog.text and "the category person lists none" in caplog.text
    everything = content()
    del everything["categories"]
    assert Annotations(everything, "a").names == JOINTS and "the file lists no categories (3)" in caplog.text
    with pytest.raises(UserError, match="annotation 1 has 6 keypoint numbers, expected 51"):
        read(person(1, 1, keypoints=[1, 1, 1, 2, 2, 2]), categories=[{"id": 1, "name": "person"}])


@pytest.mark.parametrize(("names", "text"), [
    (["nose", "nose"], "lists a keypoint twice"),
    ([["nose"], ["tail"]], "2 categories person with different keypoints")])
def test_categories_that_say_nothing_clear_are_refused(names, text):
    lists = names if isinstance(names[0], list) else [names]
    with pytest.raises(UserError, match=text):
        read(categories=[{"id": number, "name": "person", "keypoints": keypoints}
                         for number, keypoints in enumerate(lists, 1)])


@pytest.mark.parametrize("number", [34, 50, 52, 1, 68])
def test_another_number_of_keypoint_values_is_refused(number):
    with pytest.raises(UserError, match=f"a.json: annotation 4 has {number} keypoint numbers, expected 51"):
        read(person(1, 1), person(4, 1, keypoints=[1.0] * number))


def test_uneven_keypoints_and_categories_that_are_no_list():
    with pytest.raises(UserError, match="annotation 4 has uneven lists of keypoint numbers, expected 51"):
        read(person(1, 1), person(4, 1, keypoints=[[1.0, 2.0], *[[1.0, 2.0, 2]] * 16]))
    with pytest.raises(UserError, match="a.json has no category dog .there: none."):
        read(categories=5, category="dog")


def test_people_without_keypoints_and_nested_keypoints(caplog):
    nested = np.reshape(person(1, 1)["keypoints"], (17, 3)).tolist()
    people = read(person(1, 1, keypoints=nested), person(2, 1, keypoints=None, num_keypoints=0),
                  person(3, 1, keypoints=[], num_keypoints=0))
    assert people.num_keypoints.tolist() == [17, 0, 0] and not people.keypoints[1:].any()
    assert people.keypoints[0, 1].tolist() == [11, 20, 2] and "have no keypoints (2)" in caplog.text


def test_other_flags_and_joints_that_are_no_numbers(caplog):
    values = person(1, 1)["keypoints"]
    for joint, flag in enumerate((0.93, -1, 3, True, float("nan"), 2.0)):
        values[3 * joint + 2] = flag
    values[18:20], values[21:24] = [float("nan"), 4], [float("inf"), 1, 0]
    entry = person(1, 1, keypoints=values)
    people = read(entry)
    assert people.keypoints[0, :9, 2].tolist() == [1, 0, 2, 1, 0, 2, 0, 0, 1]
    assert not people.keypoints[0, 6:8].any() and np.isfinite(people.keypoints).all()
    assert "other flags than 0, 1 and 2" in caplog.text and "labelled but NaN" in caplog.text
    caplog.clear()
    values[:2], values[2] = [float("nan")] * 2, 0
    read(person(1, 1, keypoints=values[:3] + person(1, 1)["keypoints"][3:]))
    assert "labelled but NaN" not in caplog.text, "who is not labelled may be anywhere"
    values[0] = None  # what some programs write for NaN
    assert read(person(1, 1, keypoints=values)).keypoints[0, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("kind", [str, float, lambda number: f"{number}x", lambda number: f"a/b {number}"])
def test_identifiers_of_any_type(kind):
    images = [{"id": kind(number), "file_name": f"{number}.jpg", "width": 9, "height": 9} for number in (10, 9)]
    people = read(person(kind(1), kind(9)), person(kind(2), kind(10)), images=images)
    assert [image.file_name for image in people.images] == ["9.jpg", "10.jpg"]
    assert people.image_rows.tolist() == [0, 1] and people.ids == [kind(1), kind(2)]


def test_numbers_and_their_text_are_one_identifier():
    assert read(person(1, "1"), person(2, 2.0, category_id="1")).image_rows.tolist() == [0, 1]


def test_unknown_images_and_shared_identifiers_are_counted(caplog):
    people = read(person(1, 1), person(1, 2), person(2, 77), person(None, 1))
    assert people.ids == [1, None, 1]
    assert "of images that are not listed are left out (1)" in caplog.text
    assert "share an id with another one, each counts (1)" in caplog.text
    with pytest.raises(UserError, match="no annotation belongs to one of the 2 images"):
        read(person(1, 77))


def test_images_that_stand_there_twice(caplog):
    images = content()["images"] + [content()["images"][0], {"file_name": "z.jpg"}, "z"]
    assert len(read(images=images).images) == 2
    assert "stand there twice are taken once (1)" in caplog.text and "without an id are left out (2)" in caplog.text
    with pytest.raises(UserError, match="image 2 stands there twice, as 2.jpg and as z.jpg"):
        read(images=[*images, {"id": 2, "file_name": "z.jpg"}])


@pytest.mark.parametrize("size", [{}, {"width": 0, "height": 5}, {"width": None, "height": 5},
                                  {"width": "wide", "height": 5}, {"width": 1e12, "height": 5}])
def test_images_without_a_size(size):
    assert read(person(1, 1), images=[{"id": 1, "file_name": "a.jpg", **size}]).images[0].size is None


def test_videos_and_tracks():
    images = [{"id": 1, "file_name": "v/1.jpg"}, {"id": 2, "file_name": "2.jpg", "vid_id": "000007"},
              {"id": 3, "file_name": "3.jpg", "video_id": 4}, {"id": 4, "file_name": "4.jpg"}]
    people = read(person(1, 1, track_id=0), person(2, 2, track_id="a"), person(3, 3), images=images)
    assert [image.video for image in people.images] == ["v", "000007", "4", ""]
    assert people.track_ids == [0, "a", None]


@pytest.mark.parametrize(("broken", "text"), [
    ([], "it has no list of images"), (7, "it has no list of images"), ({"images": {}}, "it has no list of images"),
    ({"images": []}, "it has no list of annotations")])
def test_other_json_is_named(broken, text):
    with pytest.raises(UserError, match=f"a.json is no COCO annotation file: {text}"):
        Annotations(broken, "a.json")


def test_records_keep_the_joints_of_the_file(tmp_path):
    path = tmp_path / "a.json"
    names = ["Head top", "RShoulder", "Left Shoulder"]
    joints = [5, 1, 2, 9, 9, 1, 0, 0, 0]
    path.write_text(json.dumps(content(
        person(1, 1, keypoints=joints, num_keypoints=2), person(2, 2, keypoints=[0] * 9, num_keypoints=0),
        categories=[{"id": 1, "name": "person", "keypoints": names}])))
    record, = read_coco(str(path), "images")
    assert record.joints == ("head_top", "right_shoulder", "left_shoulder") and record.visibility.tolist() == [2, 1, 0]
    assert record.j2d[:2].tolist() == [[5, 1], [9, 9]] and record.image_path == "images/1.jpg" and record.key == "1"
    assert record.extras["size"] == (100, 80)


def test_file_names_stay_below_the_folder_and_may_lack_their_own(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "1.jpg").touch()
    (tmp_path / "2.jpg").touch()
    names = ("train/1.jpg", "train/2.jpg", "3.jpg", "../1.jpg", "/etc/passwd", None)
    images = [{"id": number, "file_name": name} for number, name in enumerate(names, 1)]
    people = read(images=images)
    paths = [people.image_path(str(tmp_path), image) for image in people.images[:3]]
    assert paths == [str(tmp_path / name) for name in ("train/1.jpg", "2.jpg", "3.jpg")]
    for image in people.images[3:]:
        with pytest.raises(UserError, match=f"image {image.id}"):
            people.image_path(str(tmp_path), image)


@pytest.mark.parametrize("name", ["/data/upload/1/a.jpg", "../images/a.jpg", "C:\\Users\\me\\a.jpg"])
def test_paths_of_another_machine_are_found_by_their_last_part(tmp_path, name):
    def find(*names):
        images = [{"id": number, "file_name": one} for number, one in enumerate(names, 1)]
        people = read(person(1, 1), images=images)
        return people.image_path(str(tmp_path), people.images[0])

    with pytest.raises(UserError, match="leads out of"):
        find(name)
    (tmp_path / "a.jpg").touch()
    assert find(name) == find(name, "b.jpg") == str(tmp_path / "a.jpg")
    # Which of two images of this name it is, nobody knows.
    with pytest.raises(UserError, match="leads out of"):
        find(name, "other/a.jpg")
    assert find("x/a.jpg") == str(tmp_path / "a.jpg")
    assert find("x/a.jpg", "y/a.jpg") == str(tmp_path / "x" / "a.jpg")
    with pytest.raises(UserError, match="leads out of"):
        find("/etc/..")


def test_the_category_s_name_in_other_capitals():
    person_, car = {**content()["categories"][0], "name": "Person"}, {"id": 2, "name": "car", "keypoints": ["wheel"]}
    assert read(person(1, 1), categories=[person_, car]).category == "Person"
    assert read(person(1, 1), categories=[person_, car], category="PERSON").category == "Person"
    # The exact one comes first.
    exact = {**person_, "id": 3, "name": "person"}
    people = read(person(1, 1), person(2, 1, category_id=3), categories=[person_, exact])
    assert people.category == "person" and people.ids == [2]


def test_boxes_that_look_like_corners_are_said(caplog):
    def told(*boxes):
        caplog.clear()
        people = read(*(person(number, 1, bbox=box) for number, box in enumerate(boxes)))
        assert people.boxes.tolist() == [list(box) for box in boxes]
        return "bboxes reach out of their images" in caplog.text

    # Images are 100 x 80.
    assert told([60, 30, 90, 70]) and told([60, 30, 90, 70], [10, 10, 20, 20])
    assert not told([60, 30, 90, 70], *[[10, 10, 20, 20]] * 2), "a third at most"
    assert not told([60, 30, 50, 20]), "corners in another order"
    assert not told([50, 10, 101, 70]), "corners out of the image"
    assert not told([50, 10, 60, 70]), "a tenth beyond"


def test_sizes_and_stems_of_images():
    images = [{"id": number, "file_name": "a.jpg", "width": side, "height": 1} for number, side in ((7, 1), ("v7", 0))]
    first, second = read(person(1, 7), images=images).images
    assert first.size == (1, 1) and second.size is None
    assert first.stem == "000000000007" and second.stem == "v7"


def test_annotations_without_a_category_belong_to_the_only_one():
    bare = [person(number, 1, category_id=None) for number in (1, 2)]
    one, dog = content()["categories"][0], {"id": 2, "name": "dog"}
    assert len(read(*bare, categories=[one])) == 2
    assert len(read(*bare, person(3, 1), categories=[one])) == 1  # the others are of another category
    assert len(read(*bare, person(3, 1), categories=[one, dog])) == 1


def test_joints_are_not_read_where_nobody_asks_for_them():
    people = Annotations(content(person(1, 1, num_keypoints="x")), "a.json", names=())
    assert people.keypoints.shape == (1, 0, 3) and people.names == () and people.boxes.tolist() == [[10, 20, 30, 40]]


def test_a_count_of_zero_in_the_file_holds_too():
    assert read(person(1, 1, num_keypoints=0), person(2, 1, num_keypoints=1)).num_keypoints.tolist() == [0, 1]
    assert read(person(1, 1, num_keypoints=99)).num_keypoints.tolist() == [17]


@pytest.mark.parametrize("box", [[1, 2, 3, 0], [1, 2, 0, 4], [1, 2, -3, 4], [1, 2, float("nan"), 4],
                                 [float("inf"), 2, 3, 4], [1, 2, 3], []])
def test_boxes_that_hold_nobody_are_derived(box, caplog):
    people = read(person(1, 1, bbox=box), person(2, 1, bbox=[1, 2, 0.5, 0.25]))
    assert people.boxes.tolist() == [[10, 20, 16, 0], [1, 2, 0.5, 0.25]]
    assert "lack bbox: the box around the labelled joints (1)" in caplog.text and "have no bbox" not in caplog.text


def test_people_without_box_and_joints_are_counted(caplog):
    nothing = [0] * 51
    people = read(person(1, 1, keypoints=nothing, bbox=None, area=None), person(2, 1, keypoints=nothing),
                  person(3, 1, bbox=None))
    assert people.boxes.tolist() == [[0] * 4, [10, 20, 30, 40], [10, 20, 16, 0]] and people.areas[0] == 0
    assert "annotations have no bbox, nor labelled joints that tell one (1)" in caplog.text
    assert "lack bbox: the box around the labelled joints (1)" in caplog.text


def test_joints_in_another_order_by_names(caplog):
    names = ["Right Shoulder", "tail", "nose"]
    people = read(person(1, 1, keypoints=[1, 2, 2, 3, 4, 1, 5, 6, 2]),
                  categories=[{"id": 1, "name": "person", "keypoints": names}])
    ordered = people.in_order(("nose", "left_shoulder", "right_shoulder"))
    assert ordered.tolist() == [[[5, 6, 2], [3, 4, 1], [1, 2, 2]]]
    # Who has a place that is free there, and a name that is nowhere else, is taken for it.
    caplog.clear()
    with caplog.at_level("INFO", "mindhuman"):
        assert people.in_order(("right_shoulder", "head_top"))[0].tolist() == [[1, 2, 2], [3, 4, 1]]
    assert "tail is taken as head_top, which has this place in the order" in caplog.text
    assert people.in_order(("right_shoulder", "nose", "left_hip"))[0].tolist() == [[1, 2, 2], [5, 6, 2], [0, 0, 0]]
    assert people.in_order(("nose", "tail", "a", "b"))[0].tolist() == [[5, 6, 2], [3, 4, 1], [0] * 3, [0] * 3]
    with pytest.raises(UserError, match="the joints are Right Shoulder, tail, nose, none of which is one of left_hip"):
        people.in_order(("left_hip",))


def test_images_of_some_rows_are_looked_for(tmp_path):
    people = read()
    (tmp_path / "2.jpg").touch()
    assert people.find_images(str(tmp_path), "--images", [1]) == [str(tmp_path / "2.jpg")]
    with pytest.raises(UserError, match="lacks 1 of 2 annotated images, such as 1.jpg .--images"):
        people.find_images(str(tmp_path), "--images")
    with pytest.raises(UserError, match="2.jpg does not exist or is no folder .--images"):
        people.find_images(str(tmp_path / "2.jpg"), "--images")


def test_things_are_no_people(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content(person(1, 1, keypoints=[1, 1, 2]), categories=[
        {"id": 1, "name": "car", "keypoints": ["wheel"]}])))
    with pytest.raises(UserError, match="the joints are wheel, none of which is one of COCO's: nose"):
        read_coco(str(path), "images")


@pytest.mark.parametrize("folder", ["val2017", "images/val2017", "images/train-valid2017"])
def test_where_the_files_of_a_split_lie(tmp_path, folder):
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "person_keypoints_val2017.json").touch()
    (tmp_path / folder).mkdir(parents=True)
    assert find_coco(str(tmp_path), "val2017") == (
        str(tmp_path / "annotations" / "person_keypoints_val2017.json"), str(tmp_path / folder))
