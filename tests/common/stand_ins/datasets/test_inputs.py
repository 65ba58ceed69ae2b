"""The photo, the video and the keypoints that stand in for a user's own."""
import av
import numpy as np
import pytest

from common.data.image import read_image
from common.data.readers.keypoint_json import read_frames
from common.joints import SKELETONS
from common.stand_ins.datasets import inputs
from tools.make_sample_data import main

FRAMES = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    main(["inputs", "--output_dir", str(folder), "--num", str(FRAMES)])
    return folder


@pytest.fixture(scope="module")
def joints(folder):
    """(T, 2, 18, 3): the walker, then the one who stands."""
    frames = read_frames(str(folder / "keypoints"))
    assert [frame.number for frame in frames] == list(range(FRAMES)) and {frame.video for frame in frames} == {"walk"}
    return np.array([[pose.joints for pose in frame.poses] for frame in frames])


def at(joints, person, name):
    """(T, 2) pixels."""
    return joints[:, person, SKELETONS["openpose_18"].index(name), :2]


def test_photo_and_video_can_be_read(folder):
    assert read_image(str(folder / "photo.jpg")).shape == (*inputs.PHOTO_SIZE, 3)
    with av.open(str(folder / "walk.mp4")) as video:
        assert video.streams.video[0].average_rate == inputs.FPS
        assert [frame.to_ndarray(format="rgb24").shape for frame in video.decode(video=0)] == \
            [(*inputs.VIDEO_SIZE, 3)] * FRAMES


def test_the_walker_crosses_the_image_at_the_stated_speed(joints):
    hip = at(joints, 0, "right_hip")[2:]  # the side that is seen; from then on wholly in the image
    seconds = (len(hip) - 1) / inputs.FPS
    # 5.05 m before the camera less 0.07 m a second, and on the way nearly to the right.
    pixels = inputs.SPEED * 1.94 * inputs.VIDEO_SIZE[0] / 5.0
    assert np.isclose(hip[-1, 0] - hip[0, 0], pixels * seconds, rtol=0.05)


def test_the_other_one_stands_still_and_raises_the_left_arm(joints):
    ankle, wrist = at(joints, 1, "right_ankle"), at(joints, 1, "left_wrist")
    assert np.ptp(ankle, axis=0).max() < 2.0
    assert wrist[0, 1] > at(joints, 1, "left_shoulder")[0, 1]
    assert wrist[-1, 1] < wrist[0, 1] - 50.0


def test_legs_swing_in_turns_and_knees_bend_backwards():
    times = np.linspace(0.0, 4.0 / inputs.STEPS_PER_SECOND, 41)
    pose = inputs._walk(times).reshape(len(times), 24, 3)
    names = SKELETONS["smpl_24"]
    left, right = (pose[:, names.index(f"{side}_hip"), 0] for side in ("left", "right"))
    assert np.corrcoef(left, right)[0, 1] < -0.99 and np.ptp(left) > np.radians(40.0)
    for side in ("left", "right"):
        assert (pose[:, names.index(f"{side}_knee"), 0] > 0.0).all()
