"""2D joints from every accepted file, mapped by name; numbers worked out by hand."""
import logging

import numpy as np
import pytest
from lifter_keypoints import BODY_25, COCO, EXPECTED, check, openpose_folder, place, save, triplets

from common.errors import UserError
from common.joints import SKELETONS, index_map
from pose_baseline.src.keypoint_files import read_raw
from pose_baseline.src.keypoints import JOINTS, follow_others, read_keypoints


def test_coco_results_follow_the_rule(tmp_path):
    path = save(tmp_path / "a.json", [{"image_id": 7, "category_id": 1, "score": 0.8,
                                       "keypoints": triplets(COCO, "coco_17")}])
    track, = read_keypoints(path)
    check(track, EXPECTED)
    assert read_raw(path)[0].joint_names == SKELETONS["coco_17"]
    assert track.observed.all() and track.frames.tolist() == [7]


def test_coco_results_sort_images_and_follow_people(tmp_path):
    left, right = triplets(COCO, "coco_17"), triplets(COCO, "coco_17", shift=(400, 0))
    items = [{"image_id": 10, "keypoints": triplets(COCO, "coco_17", shift=(8, 0))},
             {"image_id": 10, "keypoints": triplets(COCO, "coco_17", shift=(390, 0))},
             {"image_id": 9, "keypoints": right}, {"image_id": 9, "keypoints": left}]
    first, second = read_keypoints(save(tmp_path / "a.json", items))
    assert first.frames.tolist() == second.frames.tolist() == [9, 10]
    assert [place(first, "left_hip", frame) for frame in (0, 1)] == [(930, 420), (920, 420)]
    assert [place(second, "left_hip", frame) for frame in (0, 1)] == [(530, 420), (538, 420)]


def test_names_of_images_sort_by_their_numbers(tmp_path):
    items = [{"image_id": f"{number}.jpg", "idx": 3, "keypoints": triplets(COCO, "coco_17", shift=(number, 0))}
             for number in (10, 9)]
    track, = read_keypoints(save(tmp_path / "alphapose.json", items))
    assert track.frame_names == ("9.jpg", "10.jpg") and track.person == "3"
    assert place(track, "left_hip", 1) == (540, 420)


def test_coco_annotations_stand_alone(tmp_path):
    content = {"images": [{"id": 1, "file_name": "one.jpg", "width": 640, "height": 480}],
               "annotations": [{"id": 5, "image_id": 1, "keypoints": triplets(COCO, "coco_17")},
                               {"id": 6, "image_id": 1, "keypoints": triplets(COCO, "coco_17", shift=(3, 0))},
                               {"id": 8, "image_id": 1, "keypoints": [0] * 51}]}
    tracks = read_keypoints(save(tmp_path / "a.json", content))
    assert [(track.person, track.frame_names, track.image_size) for track in tracks] == [
        ("5", ("one.jpg",), (640, 480)), ("6", ("one.jpg",), (640, 480))]


def test_openpose_uses_its_own_neck_and_mid_hip(tmp_path):
    path = save(tmp_path / "a_keypoints.json", {"version": 1.3, "people": [
        {"person_id": [-1], "pose_keypoints_2d": triplets(BODY_25, "openpose_25")}]})
    track, = read_keypoints(path)
    check(track, {**EXPECTED, "pelvis": (498, 430), "thorax": (502, 190), "spine": (500, 310)})
    assert read_raw(path)[0].joint_names == SKELETONS["openpose_25"] and track.frame_names == ("a",)


def test_openpose_with_18_joints(tmp_path):
    path = save(tmp_path / "a.json", {"people": [{"pose_keypoints": triplets(BODY_25, "openpose_18")}]})
    track, = read_keypoints(path)
    check(track, {**EXPECTED, "thorax": (502, 190), "spine": (501, 306)})


def test_openpose_folder_interpolates_over_time(tmp_path):
    hidden = {0: ("left_wrist",), 2: ("left_wrist", "right_knee"), 3: ("right_knee",)}
    for frame in (0, 1, 2, 3, 10):
        people = [] if frame == 3 else [{"pose_keypoints_2d": triplets(
            BODY_25, "openpose_25", hidden.get(frame, ()), shift=(10 * frame, 0))}]
        save(tmp_path / f"video_{frame:012d}_keypoints.json", {"people": people})
    track, = read_keypoints(str(tmp_path))
    assert track.frames.tolist() == [0, 1, 2, 3, 10]
    wrist, knee = JOINTS.index("left_wrist"), JOINTS.index("right_knee")
    assert track.observed[:, wrist].tolist() == [False, True, False, False, True]
    # In frame 0 the wrist is where it is in frame 1, seen from the pelvis, which moves by 10 px.
    assert track.joints[:, wrist, 0] == pytest.approx([590, 600, 610, 620, 690])
    assert track.joints[:, knee, 0] == pytest.approx([465, 475, 485, 495, 565])
    assert track.observed[:, knee].tolist() == [True, True, False, False, True]


def test_head_comes_from_ears_or_nose_when_eyes_are_hidden(tmp_path):
    eyes, ears = ("left_eye", "right_eye"), ("left_ear",)
    path = save(tmp_path / "a.json", [{"image_id": 1, "keypoints": triplets(COCO, "coco_17", eyes)}])
    assert place(read_keypoints(path)[0], "head") == (500, 98)
    path = save(tmp_path / "b.json", [{"image_id": 1, "keypoints": triplets(COCO, "coco_17", eyes + ears)}])
    assert place(read_keypoints(path)[0], "head") == (500, 100)


def test_a_joint_that_is_never_seen_is_named(tmp_path, caplog):
    hidden = triplets(COCO, "coco_17", ("left_ankle", "left_knee"))
    path = save(tmp_path / "a.json", [{"image_id": 1, "keypoints": hidden}])
    with pytest.raises(UserError, match="left_knee, left_ankle of person 0 is never seen"):
        read_keypoints(path)
    whole = triplets(COCO, "coco_17", shift=(600, 0))
    path = save(tmp_path / "b.json", [{"image_id": 1, "keypoints": hidden}, {"image_id": 1, "keypoints": whole}])
    with caplog.at_level(logging.WARNING, "mindhuman"):
        assert len(read_keypoints(path)) == 1
    assert "1 of 2 people are left out" in caplog.text


def test_low_confidence_is_missing(tmp_path):
    keypoints = np.array(triplets(COCO, "coco_17"), float).reshape(-1, 3)
    frames = np.stack([keypoints] * 3)
    ankle = SKELETONS["coco_17"].index("left_ankle")
    frames[1, ankle] = 0, 700, 0.2
    np.save(tmp_path / "a.npy", frames)
    track, = read_keypoints(str(tmp_path / "a.npy"), joint_order="coco_17", min_confidence=0.3)
    assert place(track, "left_ankle", 1) == (540, 780)
    track, = read_keypoints(str(tmp_path / "a.npy"), joint_order="coco_17", min_confidence=0.19)
    assert place(track, "left_ankle", 1) == (0, 700)


@pytest.mark.parametrize(("count", "skeleton"), [(16, "h36m_16"), (17, "h36m_17"), (32, "h36m_32")])
def test_arrays_are_in_the_order_of_human36m(tmp_path, count, skeleton):
    joints = np.arange(2 * count * 2, dtype=np.float64).reshape(2, count, 2) + 1.0
    np.save(tmp_path / "a.npy", joints)
    track, = read_keypoints(str(tmp_path / "a.npy"))
    np.testing.assert_array_equal(track.joints, joints[:, index_map(skeleton, "h36m_16")])


def test_npz_with_names_scores_and_frames(tmp_path):
    names = list(reversed(SKELETONS["h36m_16"]))
    joints = np.arange(64.0).reshape(2, 16, 2) + 1.0
    scores = np.ones((2, 16))
    scores[0, 3] = 0.0
    np.savez(tmp_path / "a.npz", keypoints=joints, joint_names=[name.replace("_", " ").title() for name in names],
             scores=scores, frames=[4, 6], image_size=[1920, 1080])
    track, = read_keypoints(str(tmp_path / "a.npz"))
    expected = joints[:, ::-1].copy()
    expected[0, 12] = expected[1, 12] + expected[0, 0] - expected[1, 0]  # where it is seen from the pelvis later
    np.testing.assert_array_equal(track.joints, expected)
    assert track.frames.tolist() == [4, 6] and track.image_size == (1920, 1080)
    assert not track.observed[0, 12] and track.observed.sum() == 31


def test_videopose3d_of_ones_own_video(tmp_path):
    joints = np.array(triplets(COCO, "coco_17"), float).reshape(1, 17, 3)[..., :2].astype(np.float32)
    np.savez_compressed(tmp_path / "data_2d_custom_me.npz", positions_2d={"me.mp4": {"custom": [joints]}}, metadata={
        "layout_name": "coco", "num_joints": 17, "video_metadata": {"me.mp4": {"w": 1280, "h": 720}}})
    track, = read_keypoints(str(tmp_path / "data_2d_custom_me.npz"))
    check(track, EXPECTED)
    assert track.person == "me.mp4 custom" and track.image_size == (1280, 720)


def test_videopose3d_detections_of_16_joints_are_stacked_hourglass(tmp_path):
    joints = np.arange(32, dtype=np.float32).reshape(1, 16, 2) + 1
    np.savez_compressed(tmp_path / "data_2d.npz", positions_2d={"S1": {"Eating": [joints, joints + 100]}})
    first, second = read_keypoints(str(tmp_path / "data_2d.npz"))
    np.testing.assert_array_equal(first.joints, joints[:, [6, 2, 1, 0, 3, 4, 5, 7, 8, 9, 13, 14, 15, 12, 11, 10]])
    assert second.person == "S1 Eating camera 1" and second.joints.min() == 101


def test_own_json(tmp_path):
    joints = [[[EXPECTED[name][0], EXPECTED[name][1]] for name in JOINTS]]
    path = save(tmp_path / "a.json", {"joint_names": list(JOINTS), "keypoints": joints})
    check(read_keypoints(path)[0], EXPECTED)
    path = save(tmp_path / "b.json", {"joint_names_2d": list(JOINTS), "people": [
        {"person": "anna", "frames": [5], "frame_names": ["five"], "joints_2d": joints}]})
    track, = read_keypoints(path)
    check(track, EXPECTED)
    assert (track.person, track.frames.tolist(), track.frame_names) == ("anna", [5], ("five",))


@pytest.mark.parametrize(("content", "text"), [
    ([{"image_id": 1, "keypoints": [1.0] * 12}], "has 4 joints; accepted are 17 \\(coco_17\\), 18"),
    ([{"image_id": 1, "keypoints": [1.0] * 13}], "13 keypoint numbers"),
    ({"people": []}, "nobody was found"),
    ({"something": 1}, "none of the accepted kinds"),
    ({"joint_names": ["nose"], "keypoints": [[[1, 2], [3, 4]]]}, "has 2 joints, but 1 joint_names"),
    ({"keypoints": [[[1, 2]], [[1, 2], [3, 4]]]}, "not an array of numbers with equal rows"),
    ({"joint_names": ["nose", "nose"], "keypoints": [[[1, 2], [3, 4]]]}, "has 2 joints, but 1 joint_names"),
    ({"keypoints": [[[1, 2]] * 16], "scores": [1] * 15}, "confidence has shape \\(15,\\); expected \\(1, 1, 16\\)"),
    ({"keypoints": [[[1, 2]] * 16], "frames": [1, 2]}, "1 poses, but 2 frames and 2 frame_names"),
    ({"keypoints": [[[1, 2]] * 16], "frame_names": ["a", "b"]}, "1 poses, but 1 frames and 2 frame_names"),
    *(({"keypoints": [[[1, 2]] * 16], "image_size": size}, "image_size is .*; give width and height in pixels")
      for size in ([5], [0, 5], [5, 0], [5, -1], [1, 2, 3])),
    ({"joint_names": ["nose"], "people": [{"x": 1}]}, "person 0 has no joints_2d"),
    ({"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"id": 1, "image_id": 1, "keypoints": [0] * 51}]},
     "has no annotation with keypoints"),
    ({"keypoints": [[[1, 2]] * 16], "frames": ["one"]}, "not laid out as its format says"),
    ({"joint_names": ["nose"], "people": []}, "holds no people"),
    ({"annotations": [{"id": 1, "keypoints": 5}]}, "is no COCO annotation file: it has no list of images"),
])
def test_bad_json_is_explained(tmp_path, content, text):
    with pytest.raises(UserError, match=text):
        read_keypoints(save(tmp_path / "a.json", content))


def test_bad_files_are_explained(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 15, 2)))
    with pytest.raises(UserError, match="has 15 joints; accepted are 16 \\(h36m_16\\), 17 \\(h36m_17\\)"):
        read_keypoints(str(tmp_path / "a.npy"))
    np.save(tmp_path / "b.npy", np.zeros((3, 17, 4)))
    with pytest.raises(UserError, match="shape \\(1, 3, 17, 4\\); expected"):
        read_keypoints(str(tmp_path / "b.npy"))
    with pytest.raises(UserError, match="--joint_order coco_17 has 17"):
        read_keypoints(str(tmp_path / "a.npy"), joint_order="coco_17")
    with pytest.raises(UserError, match="--joint_order coco is unknown"):
        read_keypoints(str(tmp_path / "a.npy"), joint_order="coco")
    with pytest.raises(UserError, match="does not exist; give a .npz"):
        read_keypoints(str(tmp_path / "c.npy"))
    np.savez(tmp_path / "d.npz", other=np.zeros(3))
    with pytest.raises(UserError, match="no array of 2D joints.*found: other"):
        read_keypoints(str(tmp_path / "d.npz"))
    (tmp_path / "e.json").write_text("{")
    with pytest.raises(UserError, match="not readable JSON"):
        read_keypoints(str(tmp_path / "e.json"))
    (tmp_path / "f.txt").write_text("")
    with pytest.raises(UserError, match="unknown format .txt"):
        read_keypoints(str(tmp_path / "f.txt"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no .json file"):
        read_keypoints(str(tmp_path / "empty"))


def test_numbers_that_are_no_pixels_are_missing(tmp_path):
    frames = np.array([triplets(COCO, "coco_17")] * 3).reshape(3, 17, 3)
    frames[1, :2] = np.nan
    frames[1, 15, 0] = 1e30
    items = [{"image_id": number, "keypoints": frame.ravel().tolist()} for number, frame in enumerate(frames)]
    track, = read_keypoints(save(tmp_path / "a.json", items))
    check(track, EXPECTED)
    assert place(track, "left_ankle", 1) == (540, 780)


def test_pickles_in_npy_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object))
    with pytest.raises(UserError, match="holds Python objects instead of numbers"):
        read_keypoints(str(tmp_path / "a.npy"))


def test_a_track_for_each_video_and_identity(tmp_path):
    path = openpose_folder(tmp_path / "two", {f"{video}_{number}": [(10 * number, ())] for video in "ab"
                                              for number in (9, 10)})
    tracks = read_keypoints(path)
    assert [(track.person, track.frames.tolist(), track.frame_names) for track in tracks] == [
        ("a 0", [9, 10], ("a_9", "a_10")), ("b 0", [9, 10], ("b_9", "b_10"))]
    assert place(tracks[1], "left_hip", 1) == (630, 420)


@pytest.mark.parametrize("identity", [int, str, lambda number: [number], lambda number: [[float(number)]],
                                      lambda number: "ab"[number]])
def test_people_who_change_places_between_two_frames_are_known_by_their_numbers(tmp_path, identity):
    items = [{"image_id": f"{frame}.jpg", "idx": identity(number),
              "keypoints": triplets(COCO, "coco_17", shift=(400 * ((frame + number) % 2), 0))}
             for frame in range(3) for number in (0, 1)]
    first, second = read_keypoints(save(tmp_path / "a.json", items))
    assert (first.person, second.person) in (("0", "1"), ("a", "b"))
    assert [place(first, "left_hip", frame)[0] for frame in range(3)] == [530, 930, 530]
    assert [place(second, "left_hip", frame)[0] for frame in range(3)] == [930, 530, 930]


def test_a_number_that_two_people_share_is_said_and_tells_nothing(tmp_path, caplog):
    """AlphaPose without tracking: everybody is number 0; in the last frame only the second person is there."""
    items = [{"image_id": frame, "idx": 0, "keypoints": triplets(COCO, "coco_17", shift=(400 * number, 0))}
             for frame, numbers in enumerate(((0, 1), (0, 1), (1,))) for number in numbers]
    with caplog.at_level(logging.INFO, "mindhuman"):
        tracks = read_keypoints(save(tmp_path / "a.json", items))
    assert [(track.person, len(track.frames)) for track in tracks] == [("0", 2), ("1", 3)]
    assert caplog.text.count("and 0 other numbers are given to several people of a frame") == 1
    caplog.clear()
    for item, number in zip(items, (1, None, 1, None, None)):
        item["idx"] = number
    assert [track.person for track in read_keypoints(save(tmp_path / "a.json", items))] == ["1", "0"]
    assert "other numbers" not in caplog.text


def test_frames_are_followed_by_their_numbers(tmp_path):
    """Every tenth frame is a step; somebody who is away for longer than 30 steps is somebody else."""
    for numbers, people in (((0, 10, 310), 1), ((0, 10, 320), 2), ((0, 1, 31), 1), ((0, 1, 32), 2)):
        path = openpose_folder(tmp_path / str(numbers), {f"v_{number}": [(0, ())] for number in numbers})
        assert len(read_keypoints(path)) == people


def test_frames_in_which_somebody_is_not_seen_for_long_are_left_out(tmp_path):
    for gap, frames in ((30, 32), (31, 2)):
        found = {f"v_{number}": [] for number in range(gap + 1)}
        path = openpose_folder(tmp_path / str(gap), found, person_id=[5])
        for number, shift in ((0, 0), (gap, 30)):
            openpose_folder(tmp_path / str(gap), {f"v_{number}": [(shift, ())]}, person_id=[5])
        track, = read_keypoints(path)
        assert len(track.frames) == (gap + 1 if gap == 30 else 2) and track.frames[-1] == gap and frames
        assert track.observed[:, 0].sum() == 2


def test_missing_at_the_ends_is_held_relative_to_the_pelvis(tmp_path):
    """The person walks by 20 px per frame; the wrist is seen in the middle, the hips not in the first frame."""
    hidden = {0: ("left_wrist", "left_hip", "right_hip", "pelvis"), 1: ("left_wrist",), 4: ("left_wrist",)}
    path = openpose_folder(tmp_path / "walk", {f"v_{frame}": [(20 * frame, hidden.get(frame, ()))]
                                               for frame in range(5)})
    track, = read_keypoints(path)
    for joint, expected in (("left_wrist", 590), ("pelvis", 498), ("left_hip", 530)):
        np.testing.assert_allclose(track.joints[:, JOINTS.index(joint), 0], expected + 20 * np.arange(5))
        np.testing.assert_allclose(track.joints[:, JOINTS.index(joint), 1], track.joints[0, JOINTS.index(joint), 1])
    assert track.observed[:, JOINTS.index("pelvis")].tolist() == [False, True, True, True, True]


def test_ends_follow_the_joints_that_are_seen():
    points = np.array([[0.0, 0], [5, 5], [0, 0], [0, 0]])
    others = np.array([[[1.0, 1], [9, 9]], [[2, 3], [0, 0]], [[4, 7], [50, 50]], [[0, 0], [8, 8]]])
    seen = np.array([[True, True], [True, False], [True, True], [False, True]])
    filled = follow_others(points, np.array([False, True, False, False]), others, seen, np.arange(4.0))
    # Only the first other joint is seen at the edge: it moves by (-1, -2) and (2, 4); then nothing is known.
    np.testing.assert_array_equal(filled, [[4, 3], [5, 5], [7, 9], [5, 5]])


def test_hips_that_are_never_seen_together_make_a_pelvis(tmp_path):
    hidden = {0: ("left_hip", "pelvis"), 1: ("right_hip", "pelvis")}
    path = openpose_folder(tmp_path / "a", {f"v_{frame}": [(10 * frame, hidden[frame])] for frame in (0, 1)})
    track, = read_keypoints(path)
    assert place(track, "pelvis") == (500, 422) and place(track, "pelvis", 1) == (510, 422)
    assert not track.observed[:, 0].any()
