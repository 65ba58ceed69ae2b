"""VideoPose3D's files of detections and poses: layouts of every kind, sizes of the images, cameras that saw nothing."""
import numpy as np
import pytest

from common.data.readers.videopose3d import (
    CAMERA_NAMES,
    PackedDetections,
    PackedPoses,
    camera_tracks,
    detected_skeleton,
    is_detectron,
    read_detections,
    read_detectron,
)
from common.errors import UserError
from common.joints import SKELETONS

ONE = np.arange(2 * 17 * 2, dtype=np.float32).reshape(2, 17, 2)


def people(views, **metadata):
    content = {"positions_2d": {"me.mp4": {"walk": views}}, "metadata": {"layout_name": "coco", **metadata}}
    return read_detections(content, "a.npz")


def test_people_are_named_after_video_action_and_camera():
    (name, joints, skeleton, size), = people([ONE])
    assert (name, skeleton, size) == ("me.mp4 walk", "coco_17", None)
    np.testing.assert_array_equal(joints, ONE)
    assert [person[0] for person in people(ONE)] == ["me.mp4 walk"], "one camera without a list"
    found = people([None, ONE, ONE + 1])
    assert [person[0] for person in found] == ["me.mp4 walk camera 1", "me.mp4 walk camera 2"]
    np.testing.assert_array_equal(found[1][1], ONE + 1)
    assert not people(None) and not people([None, np.zeros((0, 17, 2))])


@pytest.mark.parametrize("sizes, size", [
    ({"me.mp4": {"w": 1280, "h": 720}}, (1280, 720)), ({"me.mp4": {"w": 1280, "h": 720, "fps": 25}}, (1280, 720)),
    ({"me.mp4": {"w": 1280}}, None), ({"me.mp4": [1280, 720]}, None), ({"other.mp4": {"w": 1, "h": 2}}, None),
    ("nothing", None)])
def test_sizes_of_videos_where_they_are_said(sizes, size):
    assert people([ONE], video_metadata=sizes)[0][3] == size


def test_without_metadata_joints_are_told_by_their_number():
    content = {"positions_2d": {"S1": {"Walking": [ONE]}}, "metadata": None}
    assert read_detections(content, "a.npz")[0][2:] == ("h36m_17", None)


def test_views_are_arrays_of_frames_joints_and_two_or_three_numbers():
    three = np.zeros((2, 17, 3))
    packed = np.empty(2, object)
    packed[:] = [ONE, three]
    assert [track.shape for track in camera_tracks(packed, "a")] == [(2, 17, 2), (2, 17, 3)]
    assert [track.shape for track in camera_tracks(np.stack([ONE, ONE]), "a")] == [(2, 17, 2)] * 2
    for bad in ([ONE[0]], [np.zeros((2, 17, 4))], [np.zeros((2, 17, 1))]):
        with pytest.raises(UserError, match="a has shape .*; expected \\(frames, joints, 2\\) for each camera"):
            camera_tracks(bad, "a")
    with pytest.raises(UserError, match="a is no list of arrays"):
        camera_tracks([["x"]], "a")


def detectron(*frames, metadata=None):
    keypoints = np.empty(len(frames), object)
    keypoints[:] = [[[], frame] for frame in frames]
    return {"boxes": 0, "keypoints": keypoints, "metadata": metadata}


def test_what_detectron_writes():
    person = np.arange(4 * 17.0).reshape(4, 17)
    content = detectron([person, person + 1], [], metadata={"w": 640, "h": 480, "fps": 30})
    assert is_detectron(content) and is_detectron({**content, "segments": 0})
    assert not is_detectron({**content, "keypoints": np.zeros((2, 17, 2))})
    assert not any(is_detectron({key: content[key] for key in content if key != left_out}) for left_out in content)
    frames, size = read_detectron(content, "a.npz")
    assert [len(frame) for frame in frames] == [2, 0] and size == (640, 480)
    np.testing.assert_array_equal(frames[0][1], (person[:2] + 1).T)
    for metadata, size in (({"w": 640, "h": 480}, (640, 480)), ({"w": 640}, None), (None, None), ([1], None)):
        assert read_detectron(detectron([person], metadata=metadata), "a.npz")[1] == size
    for bad in (detectron([person, person[:, 1:]]), detectron(["x"]), detectron([person[:1]])):
        with pytest.raises(UserError, match="a.npz is not what Detectron writes"):
            read_detectron(bad, "a.npz")


def test_one_number_that_is_none_is_enough_to_refuse(tmp_path):
    bad, poses = ONE.copy(), np.ones((2, 32, 3), np.float32)
    bad[0, 0, 0] = poses[0, 0, 0] = np.nan
    np.savez(tmp_path / "data_2d_h36m_my.npz", positions_2d={"S1": {"Walking": [bad, None, ONE]}},
             metadata={"layout_name": "h36m"})
    np.savez(tmp_path / "data_3d_h36m.npz", positions_3d={"S1": {"Walking": poses}})
    one, reader = PackedPoses(str(tmp_path)), PackedDetections(str(tmp_path), "my")
    recording, = one.recordings([1], ["Walking"])
    first, third = CAMERA_NAMES[0], CAMERA_NAMES[2]
    assert reader.views(recording) == [first, third]
    assert reader.files([]) == [str(tmp_path / "data_2d_h36m_my.npz")]
    assert one.files([]) == [str(tmp_path / "data_3d_h36m.npz")]
    with pytest.raises(UserError, match="data_2d_h36m_my.npz: S1 Walking holds NaN or infinity"):
        reader.read(recording, first)
    assert reader.read(recording, third).shape == (2, 16, 2)
    with pytest.raises(UserError, match="data_3d_h36m.npz: S1 Walking holds NaN or infinity"):
        one.read(recording)


def test_subjects_of_other_names_are_named(tmp_path, caplog):
    poses = {name: {"Walking": np.zeros((5, 32, 3), np.float32)} for name in ("S1", "S999", "S\u00b2")}
    np.savez(tmp_path / "data_3d_h36m.npz", positions_3d=np.array(poses, object))
    assert [found.subject for found in PackedPoses(str(tmp_path)).recordings((1, 5), ("Walking",))] == [1]
    assert "'S999', 'S\u00b2' are no subject of Human3.6M" in caplog.text and "'S1'" not in caplog.text


def packed(tmp_path, positions):
    np.savez(tmp_path / "data_3d_h36m.npz", positions_3d=np.array(positions, object))
    return PackedPoses(str(tmp_path))


def test_poses_come_in_millimetres_of_the_subjects_and_actions_asked_for(tmp_path):
    poses = np.arange(2 * 32 * 3, dtype=np.float32).reshape(2, 32, 3) / 8
    reader = packed(tmp_path, {"S1": {"Walking": poses, "Eating": poses}, "S5": {"Walking 1": poses + 1}})
    found = reader.recordings([1, 5], ["Walking"])
    assert [(one.subject, one.name) for one in found] == [(1, "Walking"), (5, "Walking 1")]
    assert [one.name for one in reader.recordings([1], ["Walking", "Eating"])] == ["Eating", "Walking"]
    np.testing.assert_array_equal(reader.read(found[0]), 1000.0 * poses)
    np.testing.assert_array_equal(reader.read(found[1]), 1000.0 * (poses + 1))


@pytest.mark.parametrize("array, text", [
    ("x", "no array of numbers"), (np.zeros((2, 32, 3), int), "no array of numbers"),
    (np.zeros((2, 17, 3)), "shape \\(2, 17, 3\\); expected \\(32 joints\\)"), (np.zeros((0, 32, 3)), "shape"),
    (np.zeros((2, 32, 2)), "shape"), (np.zeros((32, 3)), "shape")])
def test_poses_of_another_shape_are_refused(tmp_path, array, text):
    reader = packed(tmp_path, {"S1": {"Walking": array}})
    with pytest.raises(UserError, match=f"S1 Walking .*{text}"):
        reader.read(*reader.recordings([1], ["Walking"]))


@pytest.mark.parametrize("count, text", [(1, "'x0' is no subject of Human3.6M, which are called S1 to S11, and is not"),
                                         (5, "'x4' are no subject"), (6, "'x4' and more are no subject")])
def test_odd_subjects_are_counted(tmp_path, caplog, count, text):
    packed(tmp_path, {f"x{number}": {} for number in range(count)}).recordings([1], ["Walking"])
    assert text in caplog.text and caplog.text.count("and more") == (count > 5)


@pytest.mark.parametrize("positions", [{"S1": {}, "S5": 3}, {"S1": {}, 5: {}}, {"S1": {1: 2}}, [1], None])
def test_positions_of_another_form_are_refused(tmp_path, positions):
    with pytest.raises(UserError, match="has no positions_3d of the form subject -> action -> array"):
        packed(tmp_path, positions).recordings([1], ["Walking"])


def test_layouts_are_told_by_their_left_joints():
    for left, skeleton in (((1, 3, 5, 7, 9, 11, 13, 15), "coco_17"), ((4, 5, 6, 11, 12, 13), "h36m_17")):
        for layout in ({}, {"layout_name": "mine"}):
            content = {"positions_2d": {"me.mp4": {"walk": [ONE]}},
                       "metadata": {"keypoints_symmetry": [list(left), [2]], **layout}}
            assert read_detections(content, "a.npz")[0][2] == skeleton
        names = [SKELETONS[skeleton][joint] for joint in left]
        assert all(name.startswith("left") for name in names)
        assert len(names) == sum(name.startswith("left") for name in SKELETONS[skeleton])


def test_a_layout_that_nobody_knows_is_refused_and_none_is_human36m():
    joints = np.zeros((2, 17, 2))
    for metadata in (None, {}, {"keypoints_symmetry": [[1, 2], [3, 4]]}):
        assert detected_skeleton(joints, metadata, "a.npz") == "h36m_17"
    with pytest.raises(UserError, match="^a.npz has 17 joints of the layout mine; known are 16 or 17 joints of"):
        detected_skeleton(joints, {"layout_name": "mine"}, "a.npz")
