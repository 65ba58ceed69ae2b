"""Who is who from frame to frame: numbers that stay with a person, by the similarity of keypoints (OKS)."""
import numpy as np
from scipy.optimize import linear_sum_assignment

LEAST_SIMILARITY = 0.15  # below, two poses belong to two people
LONGEST_GAP = 30  # frames that a person may be out of sight
LOOSENESS = 2.0  # factor on the spreads: people move between two frames, annotators of one do not
SMALLEST_SIDE = 16.0  # pixels; least extent of a person, so that few joints close together still have a scale


class Track:
    """A person who is followed: last joints (J, 3), mean motion (2,) px per frame, frame of the last sight."""

    def __init__(self, joints, frame):
        self.joints, self.motion, self.frame = joints.copy(), np.zeros(2), frame

    def expected(self, frame):
        """Joints (J, 3) where they are to be expected; only the frame after the last sight is extrapolated."""
        joints = self.joints.copy()
        joints[..., :2] += self.motion * (frame - self.frame == 1)
        return joints

    def move_to(self, joints, frame):
        """Take over the joints of a frame; those not seen keep their place relative to the others."""
        both = (self.joints[:, 2] > 0) & (joints[:, 2] > 0)
        shift = (joints[both, :2] - self.joints[both, :2]).mean(0) if both.any() else np.zeros(2)
        self.motion = shift / (frame - self.frame)
        self.joints[:, :2] += shift
        seen = joints[:, 2] > 0
        self.joints[seen] = joints[seen]
        self.frame = frame


class Tracker:
    """Numbers people over a video. Each one continues the most similar earlier person, nobody twice.

    Args:
        sigmas (array): (J,), OKS spread of each joint.
    """

    def __init__(self, sigmas):
        self.spread = LOOSENESS * np.asarray(sigmas, np.float64)
        self.tracks, self.frame, self.count = {}, -1, 0

    def update(self, poses):
        """Numbers of the people of the next frame.

        Args:
            poses (array): (P, J, 3), x and y in pixels and a confidence, 0 where a joint is missing.

        Returns:
            list[int]: from 0, in the order of the people.
        """
        self.frame += 1
        self.tracks = {number: track for number, track in self.tracks.items()
                       if self.frame - track.frame <= LONGEST_GAP}
        numbers, ids = list(self.tracks), [None] * len(poses)
        if numbers and len(poses):
            expected = [self.tracks[number].expected(self.frame) for number in numbers]
            alike = np.array([[similarity(before, pose, self.spread) for pose in poses] for before in expected])
            # Pairs that are too different all count the same, so that they never push a good pair aside.
            for row, column in zip(*linear_sum_assignment(-np.where(alike < LEAST_SIMILARITY, 0, alike))):
                if alike[row, column] >= LEAST_SIMILARITY:
                    ids[column] = numbers[row]
                    self.tracks[numbers[row]].move_to(poses[column], self.frame)
        for column, pose in enumerate(poses):
            if ids[column] is None:
                ids[column] = self.count
                self.tracks[self.count] = Track(np.asarray(pose, np.float64), self.frame)
                self.count += 1
        return ids


def similarity(before, after, spread):
    """OKS of two poses (J, 3) in [0, 1], over the joints that both have; 0 without any.

    The scale of COCO's measure, the root of the person's area, is the root of the area of the box around all joints.
    """
    both = (before[:, 2] > 0) & (after[:, 2] > 0)
    if not both.any():
        return 0.0
    sides = [max(np.prod(np.maximum(np.ptp(pose[pose[:, 2] > 0, :2], axis=0), SMALLEST_SIDE)), 1.0)
             for pose in (before, after)]
    squares = ((before[both, :2] - after[both, :2]) ** 2).sum(1)
    return float(np.exp(-squares / (2 * max(sides) * (2 * spread[both]) ** 2)).mean())
