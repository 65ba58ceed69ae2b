"""Keypoints as other programs write them: layouts, names of frames, scores, orders. Numbers by hand."""
import json
import logging

import numpy as np
import pytest

from common.data.readers import keypoint_json
from common.data.readers.keypoint_json import (
    are_shares,
    as_joints,
    better_order,
    frames_of,
    identity_of,
    json_files,
    read_frames,
    split_name,
    sure,
    with_scores,
)
from common.errors import UserError
from common.joints import SKELETONS

# Somebody who walks to the left, as the image shows it; the arms differ, the legs too.
BODY = {
    "nose": (500, 100), "left_eye": (510, 90), "right_eye": (492, 94), "left_ear": (524, 96), "right_ear": (480, 99),
    "left_shoulder": (560, 200), "right_shoulder": (440, 204), "left_elbow": (580, 300), "right_elbow": (410, 300),
    "left_wrist": (520, 390), "right_wrist": (400, 408), "left_hip": (530, 420), "right_hip": (470, 424),
    "left_knee": (545, 600), "right_knee": (445, 590), "left_ankle": (540, 780), "right_ankle": (480, 760),
    "neck": (502, 190), "pelvis": (498, 430), "upper_neck": (501, 170), "head_top": (500, 40), "spine": (500, 312),
    "thorax": (500, 195), "mpii_thorax": (500, 195), "head": (500, 60), "neck_nose": (500, 140),
    "left_big_toe": (560, 800), "left_small_toe": (570, 798), "left_heel": (530, 796),
    "right_big_toe": (500, 784), "right_small_toe": (505, 782), "right_heel": (470, 780),
}


def rows(skeleton, shift=0.0, score=0.9):
    return [[BODY[name][0] + shift, BODY[name][1], score] for name in SKELETONS[skeleton]]


def flat(skeleton, **kwargs):
    return [value for row in rows(skeleton, **kwargs) for value in row]


COCO = np.array(rows("coco_17"))


def summary(frames):
    """(video, number, name, [(x of the first joint, who)]) of each frame."""
    return [(frame.video, frame.number, frame.name, [(pose.joints[0, 0], pose.identity) for pose in frame.poses])
            for frame in frames]


@pytest.mark.parametrize(("content", "joints"), [
    ({"version": 1.3, "people": [{"person_id": [-1], "pose_keypoints_2d": flat("openpose_25")}]}, 25),
    ({"version": 1.0, "people": [{"pose_keypoints": flat("openpose_18"), "face_keypoints": []}]}, 18),
    ({"version": 0.1, "people": [{"body_parts": flat("openpose_15")}]}, 15),
    ({"version": "AlphaPose v0.3", "bodies": [{"joints": flat("openpose_18")}]}, 18),
    ([{"keypoints": flat("coco_17"), "bbox": [1, 2, 3, 4], "score": 0.9}], 17),  # OpenPifPaf
    ([{"keypoints": {"x": COCO[:, 0].tolist(), "y": COCO[:, 1].tolist(), "visible": COCO[:, 2].tolist()}}], 17),
    ([{"keypoints": COCO[:, :2].tolist(), "keypoint_scores": [0.9] * 17, "bbox": [[1, 2, 3, 4]]}], 17),  # MMPose
    ({"meta_info": {}, "instance_info": [{"keypoints": COCO[:, :2].tolist(), "keypoint_scores": [0.9] * 17}]}, 17),
])
def test_files_about_one_image(content, joints):
    frame, = frames_of(content, "folder/a_07_keypoints.json")
    assert summary([frame]) == [("a", 7, "a_07", [(500.0, None)])]
    assert frame.poses[0].joints.shape == (joints, 3) and (frame.poses[0].joints[:, 2] == 0.9).all()


@pytest.mark.parametrize("content", [
    [{"image_id": f"{n}.jpg", "keypoints": flat("coco_17", shift=n), "idx": 4} for n in (10, 9)],
    [{"image_id": n, "keypoints": flat("coco_17", shift=n), "track_id": 4} for n in (10, 9)],
    [{"frame_id": n, "instances": [{"keypoints": rows("coco_17", shift=n), "track_id": 4}]} for n in (10, 9)],
    [{"frame": n, "predictions": [{"keypoints": rows("coco_17", shift=n), "idx": [[4.0]]}]} for n in (10, 9)],
    {"meta_info": {}, "instance_info": [
        {"frame_index": n, "instances": [{"keypoints": rows("coco_17", shift=n), "person_id": "4"}]} for n in (10, 9)]},
    {f"{n}.jpg": {"version": "AlphaPose v0.3", "people": [
        {"pose_keypoints_2d": flat("openpose_18", shift=n), "idx": 4}]} for n in (10, 9)},
    {f"{n}.jpg": {"bodies": [{"joints": flat("openpose_18", shift=n), "tracking_id": 4}]} for n in (10, 9)},
])
def test_files_about_many_images_sort_by_numbers(tmp_path, content):
    (tmp_path / "all.json").write_text(json.dumps(content))
    frames = read_frames(str(tmp_path / "all.json"))
    assert [(frame.video, frame.number) for frame in frames] == [("", 9), ("", 10)]
    assert [pose.identity for frame in frames for pose in frame.poses] == ["4", "4"]
    assert [frame.poses[0].joints[0, 0] for frame in frames] == [509, 510]


def test_frames_without_numbers_are_counted_and_empty_ones_stay():
    frames = frames_of([{"instances": []}, {"instances": [{"keypoints": rows("coco_17")}]}], "a.json")
    assert summary(frames) == [("", 0, "0", []), ("", 1, "1", [(500, None)])]
    assert summary(frames_of([], "a_3.json")) == [("a", 3, "a_3", [])]
    assert summary(frames_of({"people": []}, "a_3.json")) == [("a", 3, "a_3", [])]
    frames = frames_of([{"image_id": 1, "keypoints": []}, {"image_id": 1, "keypoints": flat("coco_17")}], "a.json")
    assert summary(frames) == [("", 1, "1", [(500, None)])]


def test_joint_names_of_mmpose():
    names = {str(number): name for number, name in enumerate(SKELETONS["coco_17"])}
    content = {"meta_info": {"keypoint_id2name": names}, "instance_info": [{"keypoints": rows("coco_17")}]}
    frame, = frames_of(content, "a")
    assert frame.joint_names == SKELETONS["coco_17"]
    assert frames_of({"people": []}, "a")[0].joint_names is None


@pytest.mark.parametrize("content", [{"something": 1}, {}, [1, 2], [{"image_id": 1, "bbox": [1, 2, 3, 4]}], 3,
                                     {"a": {"b": 1}, "b": {"people": []}}, {"annolist": []}, {"a": {"people": 3}},
                                     {"meta_info": 3, "instance_info": 4},
                                     {"instances": [{"pred_keypoints": [[1, 2, 0.5]]}]}, {"people": [3]}])
def test_other_layouts_are_refused(content):
    with pytest.raises(UserError, match="a.json is none of the accepted kinds of JSON"):
        frames_of(content, "a.json")


def test_one_person_who_cannot_be_read_is_left_out(caplog):
    good = {"pose_keypoints_2d": flat("coco_17")}
    for bad in ([1, 2, 3, 4, 5], "text", [[1, 2, 3, 4]] * 17, {"x": [1]}):
        with caplog.at_level(logging.WARNING, "mindhuman"):
            frame, = frames_of({"people": [{"pose_keypoints_2d": bad}, good]}, "a.json")
        assert len(frame.poses) == 1 and "a.json: " in caplog.text and "left out (1)" in caplog.text
        caplog.clear()
        with pytest.raises(UserError, match="a.json: "):
            frames_of({"people": [{"pose_keypoints_2d": bad}]}, "a.json")
    frames_of({"people": [good, {}]}, "a.json")  # a face alone has no joints, which is no fault
    assert not caplog.text


@pytest.mark.parametrize(("name", "expected"), [
    ("a_000012_keypoints.json", ("a", 12, "a_000012")), ("000000000007_keypoints.json", ("", 7, "000000000007")),
    ("frame-3.JSON", ("frame", 3, "frame-3")), ("12.jpg", ("", 12, "12")), (12, ("", 12, "12")),
    ("cat.png", ("cat", None, "cat")), ("v2_0007.jpg.predictions.json", ("v2", 7, "v2_0007")),
    ("b 3rd.json", ("b rd", 3, "b 3rd")), ("000000000001_keypoints_3.json", (" camera 3", 1, "000000000001")),
    ("images/val/0001_x/000004.jpg", ("images/val/0001_x", 4, "000004")), ("d\\e_5.bmp", ("d/e", 5, "e_5")),
    ("a.b_1.webp", ("a.b", 1, "a.b_1")),
])
def test_names_of_frames(name, expected):
    assert split_name(name) == expected


def test_folders_only_keypoint_files_where_there_are_any(tmp_path, caplog):
    with pytest.raises(UserError, match="holds no .json file; give the folder"):
        json_files(str(tmp_path))
    for name in ("b.json", "a.JSON", "._a_keypoints.json", "notes.txt"):
        (tmp_path / name).write_text("[]")
    assert [path.rpartition("/")[2] for path in json_files(str(tmp_path))] == ["a.JSON", "b.json"]
    for name in ("b_2_keypoints.json", "b_1_keypoints_1.json"):
        (tmp_path / name).write_text("[]")
    with caplog.at_level(logging.INFO, "mindhuman"):
        assert [path.rpartition("/")[2] for path in json_files(str(tmp_path))] == ["b_1_keypoints_1.json",
                                                                                   "b_2_keypoints.json"]
    assert "2 json files that do not end in _keypoints.json are left out" in caplog.text


def test_a_folder_keeps_videos_apart_and_bears_with_a_damaged_file(tmp_path, caplog):
    for name, shift in (("a_10", 10), ("b_1", 1), ("a_9", 9)):
        (tmp_path / f"{name}_keypoints.json").write_text(
            json.dumps({"people": [{"pose_keypoints_2d": flat("openpose_25", shift=shift)}]}))
    (tmp_path / "a_11_keypoints.json").write_text("{")
    with caplog.at_level(logging.WARNING, "mindhuman"):
        frames = read_frames(str(tmp_path))
    assert summary(frames) == [("a", 9, "a_9", [(509, None)]), ("a", 10, "a_10", [(510, None)]), ("a", 11, "a_11", []),
                               ("b", 1, "b_1", [(501, None)])]
    assert "a_11_keypoints.json is not readable JSON" in caplog.text and "(1 of 4 files)" in caplog.text
    for name in ("a_9", "a_10", "b_1"):
        (tmp_path / f"{name}_keypoints.json").write_text("")
    with pytest.raises(UserError, match="a_10_keypoints.json is not readable JSON"):
        read_frames(str(tmp_path))


def test_files_about_whole_videos_in_a_folder_name_them(tmp_path):
    for name in ("left", "right"):
        (tmp_path / f"{name}.json").write_text(json.dumps([{"image_id": "1.jpg", "keypoints": flat("coco_17")}]))
    assert [(frame.video, frame.number, frame.name) for frame in read_frames(str(tmp_path))] == [
        ("left", 1, "1.jpg"), ("right", 1, "1.jpg")]
    (tmp_path / "right.json").unlink()
    assert [frame.video for frame in read_frames(str(tmp_path))] == [""]


@pytest.mark.parametrize(("value", "expected"), [
    (3, "3"), ("3", "3"), ([3], "3"), ([[3.0]], "3"), (3.0, "3"), ("anna", "anna"), (0, "0"), ([-1], None), (-1, None),
    ("-1", None), ("", None), (None, None), ([], None), (float("nan"), None), (2.5, None), (True, None), ({}, None)])
def test_who_somebody_is(value, expected):
    assert identity_of(value) == expected


@pytest.mark.parametrize("skeleton", ["coco_17", "openpose_18", "openpose_25", "openpose_15", "halpe_26"])
def test_scores_and_pairs_are_told_apart(skeleton):
    """Also by numbers of values that both fit: 36 are twelve joints with or eighteen without scores."""
    expected = np.array(rows(skeleton))
    np.testing.assert_array_equal(as_joints(flat(skeleton)), expected)
    expected[:, 2] = 1
    np.testing.assert_array_equal(as_joints(expected[:, :2].ravel()), expected)
    np.testing.assert_array_equal(as_joints(expected[:, :2]), expected)
    shares = expected[:, :2] / 1000
    np.testing.assert_array_equal(as_joints(shares.ravel())[:, :2], shares)


def test_scores_of_other_joints_by_their_values_or_names():
    own = np.array(rows("lsp_14")[:12])  # 36 numbers
    np.testing.assert_array_equal(as_joints(own.ravel()), own)
    for score in (-1, 10):
        own[3, 2] = score
        np.testing.assert_array_equal(as_joints(own.ravel()), own)
    own[3, 2] = 10.1
    assert len(as_joints(own.ravel())) == 18
    own[3, 2] = 0.5
    assert as_joints(own.ravel(), names=["a"] * 12).shape == (12, 3)
    assert as_joints(own.ravel(), names=["a"] * 18).shape == (18, 3)
    with pytest.raises(ValueError, match="36 keypoint numbers; expected x, y, score for every joint of 17"):
        as_joints(own.ravel(), names=["a"] * 17)
    with pytest.raises(ValueError, match="35 keypoint numbers; expected x, y, score for every joint$"):
        as_joints(own.ravel()[:35])
    np.testing.assert_array_equal(as_joints(own[:, :2], scores=own[:, 2]), own)
    np.testing.assert_array_equal(as_joints(own[:, :2], scores=own[:, 2:]), own)
    assert as_joints([]) is None
    with pytest.raises(ValueError, match="three coordinates and scores beside them"):
        as_joints(own, scores=own[:, 2])
    with pytest.raises(ValueError, match="shape \\(3, 4\\)"):
        as_joints(own.reshape(-1, 4)[:3])


def test_joints_that_are_points_with_names():
    """As MoveNet and others in browsers write them."""
    points = [{"x": x, "y": y, "score": score, "name": name} for name, (x, y, score) in
              zip(SKELETONS["coco_17"], rows("coco_17"))]
    frame, = frames_of([{"keypoints": points, "score": 0.5}], "a.json")
    np.testing.assert_array_equal(frame.poses[0].joints, rows("coco_17"))
    assert frame.joint_names == SKELETONS["coco_17"]
    frame, = frames_of({"people": [{"keypoints": points}, {"keypoints": points[::-1]}]}, "a.json")
    assert frame.joint_names is None and len(frame.poses) == 2, "of two orders none is that of all"
    frame, = frames_of([{"keypoints": [{"x": 1, "y": 2, "visibility": 0.3}, {"x": 3, "y": 4}]}], "a.json")
    assert frame.poses[0].joints.tolist() == [[1, 2, 0.3], [3, 4, 1]] and frame.joint_names is None


@pytest.mark.parametrize("odd", ["1,2,3", [{"a": 1}], [[1, 2, 3], [4, 5]], {"x": [1]}])
def test_keypoints_that_are_no_numbers_are_said_to_be(odd):
    with pytest.raises(UserError, match="^a.json: .*"):
        frames_of({"people": [{"keypoints": odd}]}, "a.json")
    if isinstance(odd, str) or isinstance(odd[0] if isinstance(odd, list) else None, list):
        with pytest.raises(ValueError, match="no list of numbers x, y, score for every joint"):
            as_joints(odd)


@pytest.mark.parametrize("key", ["people", "bodies", "instance_info"])
def test_null_is_nobody(key):
    assert [frame.poses for frame in frames_of({key: None}, "a.json")] == [[]]


def test_pairs_whose_third_numbers_are_small_but_negative():
    values = np.zeros(36)
    values[[0, 2]] = 500, -5
    assert len(as_joints(values)) == 18
    values[2] = 5
    assert len(as_joints(values)) == 12


def test_what_is_no_joint_has_no_score():
    joints = np.array([[1, 2, 0.5], [np.nan, 2, 0.5], [1, np.inf, 0.5], [1, 2, np.nan], [0, 0, 0.9], [1e6, 2, 0.5],
                       [-999999, 0, 0.5], [0, 3, 0.5]])
    expected = np.where(np.isin(np.arange(8), (0, 6, 7))[:, None], joints, 0)
    np.testing.assert_array_equal(with_scores(joints), expected)
    np.testing.assert_array_equal(with_scores(joints[:, :2])[:, 2], [1, 0, 0, 1, 0, 0, 1, 1])
    for value in (-1.1, 101):
        with pytest.raises(ValueError, match="so that it is no confidence"):
            with_scores(np.array([[1, 2, 0.5], [1, 2, value]]))
    for value in (-1, 100):
        with_scores(np.array([[1, 2, 0.5], [1, 2, value]]))


def test_sure_joints():
    joints = np.array([[1.0, 2, 0.2], [3, 4, 0.3]])
    np.testing.assert_array_equal(sure(joints), [[1, 2, 0], [3, 4, 0.3]])
    np.testing.assert_array_equal(sure(joints, 0.1), joints)
    assert keypoint_json.MIN_CONFIDENCE == 0.2


def test_shares_of_the_image():
    six = np.array([[1.0, -1, 0.5]] * 6 + [[0, 0, 0]])
    assert are_shares(six) and not are_shares(six[1:]) and not are_shares(six + (0.001, 0, 0))
    assert are_shares(np.concatenate([six, [[500, 500, 0]]])), "joints without a score say nothing"


@pytest.mark.parametrize(("own", "other"), [("coco_17", "h36m_17"), ("h36m_17", "coco_17"), ("h36m_16", "hourglass_16"),
                                            ("openpose_25", "openpose_25b"), ("openpose_25b", "openpose_25")])
def test_an_order_that_clearly_does_not_fit(own, other):
    joints = np.array(rows(own))
    assert better_order(joints, (own, other)) is None and better_order(joints, (own,)) is None
    assert better_order(joints, (other, own)) == own
    assert better_order(np.stack([joints, joints]), (other, own)) == own
    for down in (joints[:, 0], 700 - joints[:, 0], np.full_like(joints[:, 0], 250)):
        line = np.column_stack([joints[:, 0], down, joints[:, 2]])
        assert better_order(line, (other, own)) is None, "what lies on a line is no body"
    assert better_order(joints * (1, 1, 0), (other, own)) is None


@pytest.mark.parametrize(("seed", "refused"), [(0, False), (1, False), (9, False), (89, True)])
def test_an_order_is_refused_for_asymmetry_and_length_together(seed, refused):
    """Points at random: the other order is neither, only shorter, only more symmetric, or both."""
    joints = np.column_stack([np.random.default_rng(seed).uniform(0, 500, (16, 2)), np.ones(16)])
    assert better_order(joints, ("h36m_16", "hourglass_16")) == ("hourglass_16" if refused else None)


def test_hardly_any_joint_looks_like_nothing():
    joints = np.zeros((17, 3))
    assert better_order(joints, ("coco_17", "h36m_17")) is None
    joints[0] = 5, 7, 1
    assert better_order(joints, ("coco_17", "h36m_17")) is None


def test_hands_and_face_follow_the_body():
    assert keypoint_json.BODY_OF == {133: "coco_17", 135: "openpose_25b", 136: "halpe_26"}
    assert SKELETONS["coco_wholebody_133"][:17] == SKELETONS["coco_17"]
    assert {count: len(SKELETONS[order]) for count, orders in keypoint_json.ORDERS.items() for order in orders} == {
        count: count for count in (15, 17, 18, 25, 26)}


def test_limbs_by_hand():
    """lsp_14: 13 limbs; of the six pairs five are as long on both sides, and one is three times as long."""
    names = SKELETONS["lsp_14"]
    joints = np.zeros((14, 3))
    joints[:, 2] = 1
    places = {"neck": (0, 0), "head_top": (0, -20), "left_hip": (10, 50), "right_hip": (-10, 50), "left_knee": (10, 90),
              "right_knee": (-10, 90), "left_ankle": (10, 130), "right_ankle": (-10, 130), "left_shoulder": (20, 0),
              "right_shoulder": (-20, 0), "left_elbow": (20, 30), "right_elbow": (-20, 30), "left_wrist": (20, 60),
              "right_wrist": (-20, 40)}
    for name, place in places.items():
        joints[names.index(name), :2] = place
    margin = 0.02 * 150  # of the pose's larger side, -20 to 130
    asymmetry, length = keypoint_json._limbs(joints, "lsp_14")
    # Limbs: 20, twice hypot(10, 50), 40, 40, 20 and 30, then 30 and 10, a pair that counts from both sides.
    assert length == pytest.approx((20 + 2 * (np.hypot(10, 50) + 40 + 40 + 20 + 30) + 30 + 10) / 13)
    assert asymmetry == pytest.approx(2 * np.log((30 + margin) / (10 + margin)) / 13)
    joints[names.index("right_wrist"), 2] = 0
    asymmetry, length = keypoint_json._limbs(joints, "lsp_14")
    assert asymmetry == 0 and length == pytest.approx((20 + 2 * (np.hypot(10, 50) + 40 + 40 + 20 + 30) + 30) / 12)
    assert keypoint_json._limbs(joints * (1, 1, 0), "lsp_14") == (np.inf, np.inf)


def test_bounds_are_what_they_are_said_to_be():
    assert (keypoint_json.LEAST_JOINTS, keypoint_json.LEAST_EXTENT_PX, keypoint_json.CLEARLY) == (6, 8.0, 0.6)


def test_frames_without_a_number_come_before_those_with_one():
    frames = [keypoint_json.FramePoses("v", number, name, []) for number, name in ((0, "a"), (None, "z"))]
    assert [frame.name for frame in sorted(frames, key=keypoint_json.frame_order)] == ["z", "a"]


def test_a_frame_in_which_nobody_can_be_read_stays_beside_others(caplog):
    content = [{"image_id": 1, "keypoints": flat("coco_17")}, {"image_id": 2, "keypoints": ["x"]}]
    with caplog.at_level(logging.WARNING, "mindhuman"):
        assert [len(frame.poses) for frame in frames_of(content, "a.json")] == [1, 0]
    assert "such people are left out (1)" in caplog.text


def test_only_keypoint_files_need_no_word(tmp_path, caplog):
    for name in ("a_keypoints.json", "b_keypoints.json"):
        (tmp_path / name).write_text("{}")
    with caplog.at_level(logging.INFO, "mindhuman"):
        assert len(json_files(str(tmp_path))) == 2
    assert not caplog.records


def test_missing_joints_of_many_poses():
    poses = np.array([[[3.0, 4, 0.5], [np.nan, 4, 0.5]], [[0, 0, 0.5], [np.inf, 1, 0.5]], [[0, 7, 0.5], [2e6, 1, 0.5]],
                      [[-5, 0, 0.5], [1, 1, np.nan]]])
    np.testing.assert_array_equal(with_scores(poses)[..., 2] > 0, [[1, 0], [0, 0], [1, 0], [1, 0]])
    np.testing.assert_array_equal(with_scores(poses)[1:3, 1], 0)
    assert with_scores(poses[..., :2]).shape == (4, 2, 3)
