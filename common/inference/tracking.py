"""Who is who from frame to frame: numbers that stay with a person, by the similarity of keypoints (OKS)."""
from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

LEAST_SIMILARITY = 0.15  # below, two poses belong to two people
LONGEST_GAP = 30  # frames that a person may be out of sight
INERTIA = 0.5  # share of the motion so far in that of the next frame
DAMPING = 0.9  # of the motion of a person out of sight, for each frame
LOOSENESS = 2.0  # factor on the spreads: people move between two frames, annotators of one do not
SMALLEST_SIDE = 16.0  # pixels; least extent of a person, so that few joints close together still have a scale
JOINT_SPREAD = 0.07  # of any joint: between an eye (0.025) and a hip (0.107) in COCO's measure


class Track:
    """A person who is followed: last joints (J, 3), motion (2,) px per frame (None at first), last frame."""

    def __init__(self, joints: np.ndarray, frame: int):
        self.joints, self.motion, self.frame = joints.copy(), None, frame

    def expected(self, frame: int) -> np.ndarray:
        """Joints (J, 3) where they are to be expected: a motion goes on, ever slower."""
        joints = self.joints.copy()
        if self.motion is not None:
            joints[..., :2] += self.motion * (DAMPING ** np.arange(frame - self.frame)).sum()
        return joints

    def move_to(self, joints: np.ndarray, frame: int) -> None:
        """Take over the joints of a frame; those not seen keep their place relative to the others."""
        both = (self.joints[:, 2] > 0) & (joints[:, 2] > 0)
        shift = (joints[both, :2] - self.joints[both, :2]).mean(0) if both.any() else np.zeros(2)
        motion = shift / (frame - self.frame)
        self.motion = motion if self.motion is None else INERTIA * self.motion + (1 - INERTIA) * motion
        self.joints[:, :2] += shift
        seen = joints[:, 2] > 0
        self.joints[seen] = joints[seen]
        self.frame = frame


class Tracker:
    """Numbers people over a video. Each one continues the most similar earlier person, nobody twice.

    Args:
        sigmas (array): (J,), OKS spread of each joint, or one for all.
    """

    def __init__(self, sigmas: float | np.ndarray = JOINT_SPREAD):
        self.spread = LOOSENESS * np.asarray(sigmas, np.float64)
        self.tracks, self.frame, self.numbers = {}, -1, {}

    def update(self, poses: Sequence[np.ndarray] | np.ndarray, frame: int | None = None,
               identities: Sequence | None = None) -> list[int]:
        """Numbers of the people of the next frame, from 0, in their order.

        Args:
            poses (array): (P, J, 3), x and y in pixels and a confidence, 0 where a joint is missing.
            frame (int): number of the frame, larger than that before; None for the next one.
            identities (sequence): who each person is by other knowledge (any text or number), None where that is not
                known. Such people keep one number throughout, their own where that is free; what two people of a frame
                share says nothing.
        """
        self.frame = self.frame + 1 if frame is None else frame
        given = list(identities or [None] * len(poses))
        ids = [None if one is None or given.count(one) > 1 else self._number(one) for one in given]
        self.tracks = {number: track for number, track in self.tracks.items()
                       if self.frame - track.frame <= LONGEST_GAP}
        numbers = [number for number in self.tracks if number not in ids]
        free = [index for index, number in enumerate(ids) if number is None]
        if numbers and free:
            expected = [self.tracks[number].expected(self.frame) for number in numbers]
            alike = np.array([[similarity(one, poses[index], self.spread) for index in free] for one in expected])
            # Pairs that are too different all count the same, so that they never push a good pair aside. A leg that
            # was taken for somebody resembles the whole person less than the whole person does.
            shared = np.array([[shared_joints(one, poses[index]) for index in free] for one in expected])
            worth = np.where(alike < LEAST_SIMILARITY, 0, alike * np.sqrt(shared))
            for row, column in zip(*linear_sum_assignment(-worth)):
                if alike[row, column] >= LEAST_SIMILARITY:
                    ids[free[column]] = numbers[row]
        for index, pose in enumerate(poses):
            ids[index] = self._number() if ids[index] is None else ids[index]
            track = self.tracks.get(ids[index])
            if track is not None and len(track.joints) == len(pose):
                track.move_to(pose, self.frame)
            else:
                self.tracks[ids[index]] = Track(np.asarray(pose, np.float64), self.frame)
        return ids

    def _number(self, identity: object = None) -> int:
        """The number of an identity, or a new one."""
        if identity is None:
            identity = object()  # of somebody whom nothing but the positions tells from others
        if identity not in self.numbers:
            taken = set(self.numbers.values())
            own = int(identity) if str(identity).isdecimal() and len(str(identity)) < 10 else None
            self.numbers[identity] = own if own is not None and own not in taken else next(
                number for number in range(len(taken) + 1) if number not in taken)
        return self.numbers[identity]


def shared_joints(before: np.ndarray, after: np.ndarray) -> float:
    """Joints that two poses (J, 3) both have, as a share of those that one of them has; 0 for two skeletons."""
    if len(before) != len(after):
        return 0.0
    either = ((before[:, 2] > 0) | (after[:, 2] > 0)).sum()
    return float(((before[:, 2] > 0) & (after[:, 2] > 0)).sum() / max(either, 1))


def similarity(before: np.ndarray, after: np.ndarray, spread: float | np.ndarray) -> float:
    """OKS of two poses (J, 3) in [0, 1], over the joints that both have; 0 without any, and for two skeletons.

    The scale of COCO's measure, the root of the person's area, is the root of the area of the box around all joints.
    """
    both = (before[:, 2] > 0) & (after[:, 2] > 0) if len(before) == len(after) else np.zeros(1, bool)
    if not both.any():
        return 0.0
    areas = [np.prod(np.maximum(np.ptp(pose[pose[:, 2] > 0, :2], axis=0), SMALLEST_SIDE)) for pose in (before, after)]
    squares = ((before[both, :2] - after[both, :2]) ** 2).sum(1)
    return float(np.exp(-squares / (2 * max(areas) * (2 * np.broadcast_to(spread, len(both))[both]) ** 2)).mean())
