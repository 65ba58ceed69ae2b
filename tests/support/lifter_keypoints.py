"""A person as files of 2D joints, and the lifter's joints that they stand for; numbers worked out by hand."""
import json

import numpy as np
import pytest

from common.joints import SKELETONS
from pose_baseline.src.keypoints import JOINTS

# A person in COCO's order; every mean below is a whole number.
COCO = {
    "nose": (500, 100), "left_eye": (510, 90), "right_eye": (490, 94), "left_ear": (524, 96), "right_ear": (476, 100),
    "left_shoulder": (560, 200), "right_shoulder": (440, 204), "left_elbow": (580, 300), "right_elbow": (420, 306),
    "left_wrist": (590, 400), "right_wrist": (410, 408), "left_hip": (530, 420), "right_hip": (470, 424),
    "left_knee": (535, 600), "right_knee": (465, 604), "left_ankle": (540, 780), "right_ankle": (460, 784),
}
# The same person as the lifter takes it.
EXPECTED = {
    "pelvis": (500, 422), "thorax": (500, 202), "spine": (500, 312), "head": (500, 92),
    **{name: place for name, place in COCO.items() if name in JOINTS},
}
BODY_25 = {**COCO, "neck": (502, 190), "pelvis": (498, 430), "left_big_toe": (560, 800), "left_small_toe": (570, 798),
           "left_heel": (530, 796), "right_big_toe": (440, 804), "right_small_toe": (430, 802),
           "right_heel": (470, 800)}


def triplets(points, skeleton, hidden=(), shift=(0, 0)):
    """Flat x, y, confidence; joints in `hidden` are 0, 0, 0."""
    rows = [(0, 0, 0) if name in hidden else (points[name][0] + shift[0], points[name][1] + shift[1], 0.9)
            for name in SKELETONS[skeleton]]
    return [value for row in rows for value in row]


def save(path, content):
    path.write_text(json.dumps(content))
    return str(path)


def place(track, joint, frame=0):
    return tuple(track.joints[frame, JOINTS.index(joint)].tolist())


def check(track, expected):
    for joint in JOINTS:
        assert place(track, joint) == pytest.approx(expected[joint]), joint


def openpose_folder(folder, frames, skeleton="openpose_25", scale=1.0, **person):
    """Writes {file stem: [(shift, hidden joints), ...]}."""
    folder.mkdir(exist_ok=True)
    for stem, people in frames.items():
        content = [{"pose_keypoints_2d": (np.array(triplets(BODY_25, skeleton, hidden, (shift, 0))).reshape(-1, 3)
                                          * (scale, scale, 1)).ravel().tolist(), **person} for shift, hidden in people]
        save(folder / f"{stem}_keypoints.json", {"version": 1.3, "people": content})
    return str(folder)
