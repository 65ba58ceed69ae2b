"""Confidence, shares of the image, gaps, sizes and identities of 2D joints; numbers worked out by hand."""
import json
import logging

import numpy as np
import pytest
from lifter_keypoints import BODY_25, COCO, EXPECTED, check, openpose_folder, place, save, triplets

from common.errors import UserError
from common.joints import SKELETONS
from pose_baseline.src.keypoint_files import read_raw
from pose_baseline.src.keypoints import (
    JOINTS,
    KeypointTrack,
    fill_gaps,
    fit_to_camera,
    parse_image_size,
    read_keypoints,
)


def test_low_confidence_does_not_count(tmp_path):
    """A joint of confidence 0.02 at 5000 px, which neither drags the person nor those who follow them."""
    path = openpose_folder(tmp_path / "a", {f"v_{frame}": [(0, ())] for frame in range(3)})
    content = json.loads((tmp_path / "a" / "v_1_keypoints.json").read_text())
    content["people"][0]["pose_keypoints_2d"][12:15] = 5000, 5000, 0.02
    save(tmp_path / "a" / "v_1_keypoints.json", content)
    track, = read_keypoints(path)
    wrist = JOINTS.index("right_wrist")
    assert place(track, "right_wrist", 1) == (410, 408) and track.observed[:, wrist].tolist() == [True, False, True]
    assert place(read_keypoints(path, min_confidence=0.01)[0], "right_wrist", 1) == (5000, 5000)
    with pytest.raises(UserError, match="holds no people with joints of a confidence above --min_confidence 0.95"):
        read_keypoints(path, min_confidence=0.95)


def test_shares_of_the_image_are_refused_or_scaled(tmp_path, caplog):
    path = openpose_folder(tmp_path / "a", {"v_0": [(0, ())]}, scale=0.001)
    with pytest.raises(UserError, match="coordinates are shares of the image.*--image_size WIDTH,HEIGHT"):
        read_keypoints(path)
    with caplog.at_level(logging.INFO, "mindhuman"):
        track, = read_keypoints(path, image_size=(2001, 1001))
    assert place(track, "left_hip") == (1060, 420) and "from 0 to 1 are scaled" in caplog.text
    items = [{"image_id": 1, "keypoints": (np.reshape(triplets(COCO, "coco_17"), (17, 3)) * (0.002, 0.002, 1)
                                           - (1, 1, 0)).ravel().tolist()}]
    with caplog.at_level(logging.INFO, "mindhuman"):
        track, = read_keypoints(save(tmp_path / "b.json", items), image_size=(1001, 1001))
    assert place(track, "left_hip") == pytest.approx((530, 420)) and "from -1 to 1 are scaled" in caplog.text
    # A little beside the image is no reason to take the middle for the corner.
    items = [{"image_id": 1, "keypoints": (np.reshape(triplets(COCO, "coco_17"), (17, 3)) * (0.001, 0.001, 1)
                                           - (0.5, 0, 0)).ravel().tolist()}]
    track, = read_keypoints(save(tmp_path / "b.json", items), image_size=(1001, 1001))
    assert place(track, "left_hip") == pytest.approx((30, 420))
    np.savez(tmp_path / "c.npz", keypoints=np.array([[EXPECTED[name] for name in JOINTS]]) / 1000.0,
             image_size=[1001, 1001])
    assert place(read_keypoints(str(tmp_path / "c.npz"))[0], "left_hip") == pytest.approx((530, 420))


def test_coordinates_that_are_neither_pixels_nor_shares(tmp_path):
    small = (np.reshape(triplets(COCO, "coco_17"), (17, 3)) * (0.01, 0.01, 1)).ravel().tolist()
    with pytest.raises(UserError, match="person 0 is nowhere larger than 8 px"):
        read_keypoints(save(tmp_path / "a.json", [{"image_id": 1, "keypoints": small}]))
    np.save(tmp_path / "a.npy", np.dstack([np.reshape(triplets(COCO, "coco_17"), (17, 3))[None, :, :2],
                                           np.full((1, 17, 1), 4000.0)]))
    with pytest.raises(UserError, match="third number of a joint reaches from 4000 to 4000, so that it is no"):
        read_keypoints(str(tmp_path / "a.npy"))


def test_names_of_a_category_decide(tmp_path, caplog):
    names = ["Hip", *SKELETONS["h36m_17"][1:]]
    points = {**EXPECTED, "neck_nose": (500, 150)}
    content = {"images": [{"id": 1, "file_name": "a.jpg"}], "categories": [
        {"id": 1, "name": "person", "keypoints": names}, {"id": 2, "name": "dog", "keypoints": ["nose"]}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "keypoints": triplets(points, "h36m_17")},
                        {"id": 1, "image_id": 1, "category_id": 1, "keypoints": triplets(points, "h36m_17")},
                        {"id": 2, "image_id": 1, "category_id": 2, "keypoints": [1, 2, 2]}]}
    with caplog.at_level(logging.INFO, "mindhuman"):
        first, second = read_keypoints(save(tmp_path / "a.json", content))
    check(first, EXPECTED)
    assert (first.person, second.person) == ("1", "1 (2)"), "two people of one number are two"
    assert "17 joints by the names in the file" in caplog.text


def test_posetrack_has_a_track_for_each_video(tmp_path, caplog):
    names = [{"upper_neck": "head_bottom"}.get(name, name) for name in SKELETONS["posetrack_17"]]
    points = {**COCO, "upper_neck": (500, 170), "head_top": (500, 50)}
    images = [{"id": 10 * video + frame, "vid_id": video, "file_name": f"images/{video}/{frame:06d}.jpg"}
              for video in (1, 2) for frame in (4, 5)]
    content = {"images": images, "categories": [{"id": 1, "name": "person", "keypoints": names}], "annotations": [
        {"id": number, "image_id": image["id"], "track_id": 0, "category_id": 1,
         "keypoints": triplets(points, "posetrack_17", shift=(image["id"], 0))} for number, image in enumerate(images)]}
    with caplog.at_level(logging.INFO, "mindhuman"):
        tracks = read_keypoints(save(tmp_path / "a.json", content))
    assert [(track.person, track.frames.tolist()) for track in tracks] == [("1 0", [4, 5]), ("2 0", [4, 5])]
    check(tracks[0], {**{name: (x + 14, y) for name, (x, y) in EXPECTED.items()}, "head": (514, 50)})
    assert "pelvis, spine, thorax, head are made from the joints beside them" in caplog.text


def test_orders_that_do_not_fit_are_refused(tmp_path):
    shape = {**BODY_25, "left_elbow": (590, 280), "left_wrist": (520, 330), "right_knee": (440, 590)}
    np.save(tmp_path / "a.npy", np.array([[shape[name] for name in SKELETONS["coco_17"]]] * 3, float))
    with pytest.raises(UserError, match="17 joints would be h36m_17, but these look like coco_17: say --joint_order "
                                        "coco_17, or h36m_17 if they are that"):
        read_keypoints(str(tmp_path / "a.npy"))
    assert read_raw(str(tmp_path / "a.npy"), "h36m_17")[0].joint_names == SKELETONS["h36m_17"]
    body = {**shape, "upper_neck": (500, 170), "head_top": (500, 50)}
    flat = triplets(body, "openpose_25b")
    with pytest.raises(UserError, match="would be openpose_25, but these look like openpose_25b"):
        read_keypoints(save(tmp_path / "b.json", {"people": [{"pose_keypoints_2d": flat}]}))
    # BODY_135: hands and face follow.
    path = save(tmp_path / "c.json", {"people": [{"pose_keypoints_2d": flat + [1, 1, 0.5] * 110}]})
    for order in (None, "openpose_25b"):
        track, = read_keypoints(path, order)
        assert place(track, "left_hip") == (530, 420)
        assert read_raw(path, order)[0].joint_names == SKELETONS["openpose_25b"]


def test_people_with_other_joints_are_left_out(tmp_path, caplog):
    people = [{"pose_keypoints_2d": triplets(BODY_25, name)} for name in ("openpose_18", "openpose_25", "openpose_25")]
    with caplog.at_level(logging.WARNING, "mindhuman"):
        tracks = read_raw(save(tmp_path / "a.json", {"people": people}))
    assert [track.joint_names for track in tracks] == [SKELETONS["openpose_25"]] * 2
    assert "people have 18 or 25 joints; only those with 25 are taken" in caplog.text


def test_what_detectron_writes_for_videopose3d(tmp_path, caplog):
    one = np.array(triplets(COCO, "coco_17")).reshape(17, 3)
    found = np.stack([one[:, 0], one[:, 1], one[:, 2] * 9, one[:, 2] * 0.01])
    right = [[1], [0], [0], [0]]
    frames = [np.zeros((0, 4, 17)), found[None], np.stack([found + 600 * np.array(right), found + 5 * np.array(right)])]
    keypoints = np.empty(3, object)
    keypoints[:] = [[[], people] for people in frames]
    np.savez(tmp_path / "v.mp4.npz", boxes=np.empty(3, object), segments=np.empty(3, object), keypoints=keypoints,
             metadata={"w": 1280, "h": 720})
    with caplog.at_level(logging.INFO, "mindhuman"):
        first, second = read_keypoints(str(tmp_path / "v.mp4.npz"))
    assert "written by Detectron" in caplog.text
    assert first.frames.tolist() == [1, 2] and second.frames.tolist() == [2] and first.image_size == (1280, 720)
    assert [place(first, "left_hip", frame)[0] for frame in (0, 1)] == [530, 535]
    keypoints[1] = [[], np.zeros((1, 3, 5))]
    np.savez(tmp_path / "w.npz", boxes=keypoints, keypoints=keypoints, metadata={})
    with pytest.raises(UserError, match="w.npz is not what Detectron writes"):
        read_keypoints(str(tmp_path / "w.npz"))


def test_videopose3d_with_cameras_that_saw_nothing(tmp_path):
    joints = np.array(triplets(COCO, "coco_17"), float).reshape(1, 17, 3)[..., :2]
    np.savez(tmp_path / "a.npz", positions_2d={"me": {"walk": [None, joints], "none": None, "one": joints[0:1]}},
             metadata={"keypoints_symmetry": [[1, 3, 5, 7, 9, 11, 13, 15], []]})
    tracks = read_raw(str(tmp_path / "a.npz"))
    assert [(track.person, track.joint_names) for track in tracks] == [("me walk camera 1", SKELETONS["coco_17"]),
                                                                       ("me one", SKELETONS["coco_17"])]


def test_fill_gaps():
    points = np.array([[0.0, 0.0], [2.0, 10.0], [0.0, 0.0], [6.0, 30.0], [0.0, 0.0]])
    seen = np.array([False, True, False, True, False])
    filled = fill_gaps(points, seen, np.array([0.0, 1.0, 2.0, 5.0, 6.0]))
    np.testing.assert_allclose(filled, [[2, 10], [2, 10], [3, 15], [6, 30], [6, 30]])


def track_of(joints):
    joints = np.asarray(joints, np.float32)
    observed = np.ones(joints.shape[:2], bool)
    return KeypointTrack("0", np.arange(len(joints)), tuple("ab"[:len(joints)]), joints, observed)


def test_fit_image_scales_the_longer_side_to_1000_px():
    joints = np.zeros((1, 16, 2))
    joints[0, 0], joints[0, 1] = (960, 540), (1920, 1080)
    fitted, = fit_to_camera([track_of(joints)], "image", (1920, 1080))
    np.testing.assert_allclose(fitted.joints[0, :3], [[500, 500], [1000, 781.25], [0, 218.75]], atol=1e-4)
    with pytest.raises(UserError, match="--image_size"):
        fit_to_camera([track_of(joints)], "image")


def test_fit_body_matches_torso_and_pelvis():
    thorax = JOINTS.index("thorax")
    joints = np.zeros((2, 16, 2))
    joints[:, 0] = (100, 100), (120, 100)
    joints[:, thorax] = joints[:, 0] - [0, 50]
    mean_pose = np.zeros((16, 2))
    mean_pose[0], mean_pose[thorax] = (510, 480), (510, 330)
    fitted, = fit_to_camera([track_of(joints)], "body", mean_pose_px=mean_pose)
    # A torso of 50 px becomes 150 px long, so 20 px between the frames become 60.
    np.testing.assert_allclose(fitted.joints[:, 0], [[480, 480], [540, 480]], rtol=1e-6)
    np.testing.assert_allclose(fitted.joints[:, thorax], [[480, 330], [540, 330]], rtol=1e-6)


def test_fit_none_and_unknown():
    track = track_of(np.ones((1, 16, 2)))
    assert fit_to_camera([track], "none") == [track]
    with pytest.raises(UserError, match="--rescale big is unknown"):
        fit_to_camera([track], "big")


def test_an_image_size_as_it_is_typed():
    assert [parse_image_size(text) for text in ("1920,1080", "640x480", "1X1", "", None)] == [
        (1920, 1080), (640, 480), (1, 1), None, None]
    for text in ("0,5", "5,0", "a,b", "5", "1,2,3"):
        with pytest.raises(UserError, match=f"--image_size {text}: write width,height"):
            parse_image_size(text)


def shares(tmp_path, shift, *hidden):
    """Where the left hip is, 530 px of 1000, in an image of 1001 px: shares moved to the left, other joints hidden."""
    rows = np.reshape(triplets(COCO, "coco_17"), (17, 3)) * (0.001, 0.001, 1) - (shift, 0, 0)
    for joint in hidden:
        rows[SKELETONS["coco_17"].index(joint)] = -0.9, -0.9, 0.02
    right = rows + (0.3, 0, 0)
    path = save(tmp_path / "a.json", [{"image_id": 1, "keypoints": one.ravel().tolist()} for one in (rows, right)])
    return place(read_keypoints(path, image_size=(1001, 1001))[0], "left_hip")[0]


def test_shares_from_minus_one_are_told_by_joints_far_beside_the_image(tmp_path):
    """The leftmost joint is the right wrist, at 0.41."""
    assert shares(tmp_path, 0.505) == pytest.approx(25)
    assert shares(tmp_path, 0.53) == pytest.approx(500)
    assert shares(tmp_path, 0.0) == pytest.approx(530)
    assert shares(tmp_path, 0.505, "nose") == pytest.approx(25), "a joint that hardly counts decides nothing"


def test_a_confidence_at_the_bound_is_missing_and_eight_pixels_are_a_person(tmp_path):
    joints = np.zeros((2, 16, 3))
    joints[..., 0] = 20 + 3 * (np.arange(16) % 2)
    joints[..., 1] = 20 + 8 * np.linspace(0, 1, 16)
    joints[..., 2] = 0.75
    joints[0, 15, 2] = 0.25
    np.save(tmp_path / "a.npy", joints)
    track, = read_keypoints(str(tmp_path / "a.npy"), "h36m_16", 0.25)
    assert track.observed.sum() == 31 and not track.observed[0, 15]
    joints[..., 1] = 20 + 7.9 * np.linspace(0, 1, 16)
    np.save(tmp_path / "a.npy", joints)
    with pytest.raises(UserError, match="nowhere larger than 8 px"):
        read_keypoints(str(tmp_path / "a.npy"), "h36m_16", 0.25)


def test_without_hips_there_is_no_pelvis(tmp_path):
    rows = triplets(COCO, "coco_17", ("left_hip", "right_hip"))
    path = save(tmp_path / "a.json", [{"image_id": 1, "keypoints": rows}])
    with pytest.raises(UserError, match="pelvis, right_hip, left_hip, spine of person 0 is never seen"):
        read_keypoints(path)


def test_frame_numbers_that_do_not_increase_are_no_times(tmp_path):
    joints = np.array([[EXPECTED[name] for name in JOINTS]] * 3, float)
    joints[2] += 40
    joints[1, 1:] = 0
    joints[1, 0] = joints[0, 0] + 20
    for frames, share in (([7, 7, 9], 0.5), ([7, 8, 11], 0.25)):
        joints[1, 0] = joints[0, 0] + 40 * share
        np.savez(tmp_path / "a.npz", keypoints=joints, frames=frames)
        assert place(read_keypoints(str(tmp_path / "a.npz"))[0], "head", 1) == pytest.approx((500 + 40 * share,
                                                                                               92 + 40 * share))


def test_a_joint_is_made_from_what_is_seen_in_half_of_the_frames_or_most(tmp_path):
    """The head is at y 92 by the eyes and at y 98 by the ears."""
    eyes, ears = ("left_eye", "right_eye"), ("left_ear", "right_ear")
    path = openpose_folder(tmp_path / "half", {"v_0": [(0, eyes)], "v_1": [(0, ())]})
    assert place(read_keypoints(path)[0], "head") == (500, 92)
    hidden = (eyes, eyes + ears, ears, eyes, eyes + ears)
    path = openpose_folder(tmp_path / "most", {f"v_{frame}": [(0, ("nose", *names))]
                                               for frame, names in enumerate(hidden)})
    assert place(read_keypoints(path)[0], "head") == (500, 98)


@pytest.mark.parametrize(("count", "skeleton"), [
    (16, "h36m_16"), (17, "h36m_17"), (18, "openpose_18"), (25, "openpose_25"), (26, "halpe_26"), (32, "h36m_32")])
def test_the_number_of_joints_of_an_array_says_their_order(tmp_path, caplog, count, skeleton):
    np.save(tmp_path / "a.npy", np.arange(2 * count * 2, dtype=np.float64).reshape(2, count, 2) + 1.0)
    with caplog.at_level(logging.INFO, "mindhuman"):
        assert read_raw(str(tmp_path / "a.npy"))[0].joint_names == SKELETONS[skeleton]
    assert caplog.text.count(f"{count} joints are taken as {skeleton}; --joint_order says otherwise") == 1
    caplog.clear()
    with caplog.at_level(logging.INFO, "mindhuman"):
        read_raw(str(tmp_path / "a.npy"), skeleton)
    assert "taken as" not in caplog.text


def test_names_in_a_file_may_be_those_of_a_known_order(tmp_path):
    for names in (SKELETONS["coco_17"], SKELETONS["coco_17"][::-1]):
        path = save(tmp_path / "a.json", {"joint_names": names, "keypoints": [[[*COCO[name]] for name in names]]})
        assert read_raw(path)[0].joint_names == names


def test_a_json_list_of_rows_is_an_array(tmp_path):
    path = save(tmp_path / "a.json", [[[*EXPECTED[name]] for name in JOINTS]])
    check(read_keypoints(path)[0], EXPECTED)


def test_rows_of_several_people_are_told_apart_by_their_column(tmp_path):
    joints = np.array([[EXPECTED[name] for name in JOINTS]] * 3, float) + np.array([0, 300, 5])[:, None, None]
    content = {"keypoints": joints, "person": [3, 7, 3], "frames": [0, 0, 1], "image_size": [640, 480]}
    np.savez(tmp_path / "a.npz", **content)
    first, second = read_keypoints(str(tmp_path / "a.npz"))
    assert (first.person, first.frames.tolist(), second.person, second.frames.tolist()) == ("3", [0, 1], "7", [0])
    assert place(first, "left_hip", 1) == (535, 425) and place(second, "left_hip") == (830, 720)
    np.savez(tmp_path / "a.npz", **{**content, "person": [3, 7]})
    with pytest.raises(UserError, match="3 poses, but 2 entries in person"):
        read_keypoints(str(tmp_path / "a.npz"))


def test_everybody_of_one_name_has_another_number(tmp_path):
    labels = [{"id": 1, "image_id": 1, "keypoints": triplets(COCO, "coco_17")}] * 4
    path = save(tmp_path / "a.json", {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": labels})
    assert [track.person for track in read_keypoints(path)] == ["1", "1 (2)", "1 (3)", "1 (4)"]


def test_frames_of_one_number_follow_each_other_as_they_are_listed(tmp_path):
    path = openpose_folder(tmp_path / "a", {f"{name}": [(10 * number, ())] for number, name in enumerate(("7", "07"))})
    track, = read_keypoints(path)
    assert track.frames.tolist() == [0, 1]


def test_one_image_says_nothing_of_frames_and_a_name_stays(tmp_path, caplog):
    items = [{"image_id": frame, "idx": "anna", "keypoints": triplets(COCO, "coco_17")} for frame in range(3)]
    with caplog.at_level(logging.INFO, "mindhuman"):
        assert read_keypoints(save(tmp_path / "a.json", items[:1]))[0].person == "anna"
    assert "frames, told by" not in caplog.text and "people have" not in caplog.text
    with caplog.at_level(logging.INFO, "mindhuman"):
        assert read_keypoints(save(tmp_path / "a.json", items[:2]))[0].person == "anna"
    assert "2 frames, told by their numbers, of 1 video," in caplog.text


def test_labels_of_tracks_are_followed_only_where_all_have_one(tmp_path, caplog):
    images = [{"id": number, "file_name": f"{name}_{frame}.jpg"} for number, (name, frame) in enumerate(
        (name, frame) for name in "ab" for frame in (1, 2))]
    labels = [{"id": 10 + number, "image_id": number, "track_id": 5,
               "keypoints": triplets(COCO, "coco_17", ("left_ear",))} for number in range(4)]
    path = save(tmp_path / "a.json", {"images": images, "annotations": labels})
    followed = [(track.person, track.frames.tolist()) for track in read_keypoints(path)]
    assert followed == [("a 5", [1, 2]), ("b 5", [1, 2])]
    del labels[2]["track_id"]
    caplog.clear()
    with caplog.at_level(logging.INFO, "mindhuman"):
        tracks = read_keypoints(save(tmp_path / "a.json", {"images": images, "annotations": labels}))
    assert [track.person for track in tracks] == ["10", "11", "12", "13"]
    assert caplog.text.count("17 joints by the names in the file") == 1, "what is assumed is said once"


def test_scores_beside_joints_come_before_those_within(tmp_path):
    rows = np.array([[(*EXPECTED[name], 0.9) for name in JOINTS]] * 2)
    scores = np.full((2, 16), 0.9)
    scores[1, 3] = 0.1
    np.savez(tmp_path / "a.npz", keypoints=rows, scores=scores, image_size=[1, 1])
    track, = read_keypoints(str(tmp_path / "a.npz"), "h36m_16")
    assert track.observed.sum() == 31 and not track.observed[1, 3] and track.image_size == (1, 1)
