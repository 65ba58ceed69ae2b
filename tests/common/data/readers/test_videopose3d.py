"""VideoPose3D's files of detections and poses: layouts of every kind, sizes of the images, cameras that saw nothing."""
import numpy as np
import pytest

from common.data.readers.videopose3d import (
    CAMERA_NAMES,
    PackedDetections,
    PackedPoses,
    camera_tracks,
    is_detectron,
    read_detections,
    read_detectron,
)
from common.errors import UserError

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
