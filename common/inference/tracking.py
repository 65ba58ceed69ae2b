"""Who is who from frame to frame: numbers that stay with a person, by the similarity of keypoints (OKS) and colours."""
from collections.abc import Sequence

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

LEAST_SIMILARITY = 0.15  # below, two poses belong to two people
LONGEST_GAP = 30  # frames that a person may be out of sight
INERTIA = 0.5  # share of the motion so far in that of the next frame
DAMPING = 0.9  # of the motion of a person out of sight, for each frame
LOOSENESS = 2.0  # factor on the spreads: people move between two frames, annotators of one do not
SMALLEST_SIDE = 16.0  # pixels; least extent of a person, so that few joints close together still have a scale
JOINT_SPREAD = 0.07  # of any joint: between an eye (0.025) and a hip (0.107) in COCO's measure
PATCH = 0.03  # of a person's size: how far around a joint its colour is looked at
COLOUR_SPREAD = 30.0  # CIE Lab in 8 bits: spread of a joint's colour from frame to frame
COLOUR_UPDATE = 0.1  # share of a frame's colours in those that are remembered
FEWEST_COLOURS = 3  # joints; with fewer that two people share, colours say nothing


class Track:
    """A person who is followed: last joints (J, 3), frame, motion (2,) px per frame (None at first), joint colours."""

    def __init__(self, joints: np.ndarray, frame: int, colours: np.ndarray | None = None):
        self.joints, self.motion, self.frame = joints.copy(), None, frame
        self.colours = np.full((len(joints), 3), np.nan) if colours is None else colours

    def expected(self, frame: int) -> np.ndarray:
        """Joints (J, 3) where they are to be expected: a motion goes on, ever slower."""
        joints = self.joints.copy()
        if self.motion is not None:
            joints[..., :2] += self.motion * (DAMPING ** np.arange(frame - self.frame)).sum()
        return joints

    def move_to(self, joints: np.ndarray, frame: int, colours: np.ndarray | None = None) -> None:
        """Take over the joints of a frame; those not seen keep their colours and their place relative to the others."""
        both = (self.joints[:, 2] > 0) & (joints[:, 2] > 0)
        shift = (joints[both, :2] - self.joints[both, :2]).mean(0) if both.any() else np.zeros(2)
        motion = shift / (frame - self.frame)
        self.motion = motion if self.motion is None else INERTIA * self.motion + (1 - INERTIA) * motion
        self.joints[:, :2] += shift
        seen = joints[:, 2] > 0
        self.joints[seen] = joints[seen]
        self.frame = frame
        if colours is not None:
            change = np.where(np.isnan(self.colours), colours, self.colours + COLOUR_UPDATE * (colours - self.colours))
            self.colours = np.where(np.isnan(colours), self.colours, change)


class Tracker:
    """Numbers people over a video. Each one continues the most similar earlier person, nobody twice.

    Where two of them are near, as when one passes the other, the colours at their joints tell who is who.

    Args:
        sigmas (array): (J,), OKS spread of each joint, or one for all.
    """

    def __init__(self, sigmas: float | np.ndarray = JOINT_SPREAD):
        self.spread = LOOSENESS * np.asarray(sigmas, np.float64)
        self.tracks, self.frame, self.numbers = {}, -1, {}

    def update(self, poses: Sequence[np.ndarray] | np.ndarray, frame: int | None = None,
               identities: Sequence | None = None, image: np.ndarray | None = None) -> list[int]:
        """Numbers of the people of the next frame, from 0, in their order.

        Args:
            poses (array): (P, J, 3), x and y in pixels and a confidence, 0 where a joint is missing.
            frame (int): number of the frame, larger than that before; None for the next one.
            identities (sequence): who each person is by other knowledge (any text or number), None where that is not
                known. Such people keep one number throughout, their own where that is free; what two people of a frame
                share says nothing.
            image (array): (H, W, 3) uint8, blue first, that the people are seen in; None where there is none, or where
                the poses are no points on people's bodies.
        """
        self.frame = self.frame + 1 if frame is None else frame
        given = list(identities or [None] * len(poses))
        ids = [None if one is None or given.count(one) > 1 else self._number(one) for one in given]
        self.tracks = {number: track for number, track in self.tracks.items()
                       if self.frame - track.frame <= LONGEST_GAP}
        numbers = [number for number in self.tracks if number not in ids]
        free = [index for index, number in enumerate(ids) if number is None]
        colours = [None if image is None else joint_colours(image, np.asarray(pose)) for pose in poses]
        if numbers and free:
            expected = [self.tracks[number].expected(self.frame) for number in numbers]
            alike = np.array([[similarity(one, poses[index], self.spread) for index in free] for one in expected])
            # Pairs that are too different all count the same, so that they never push a good pair aside. A leg that
            # was taken for somebody resembles the whole person less than the whole person does.
            shared = np.array([[shared_joints(one, poses[index]) for index in free] for one in expected])
            coloured = np.array([[same_colours(self.tracks[number].colours, colours[index]) for index in free]
                                 for number in numbers])
            worth = np.where(alike < LEAST_SIMILARITY, 0, alike * np.sqrt(shared) * coloured)
            for row, column in zip(*linear_sum_assignment(-worth)):
                if alike[row, column] >= LEAST_SIMILARITY:
                    ids[free[column]] = numbers[row]
        for index, pose in enumerate(poses):
            ids[index] = self._number() if ids[index] is None else ids[index]
            track = self.tracks.get(ids[index])
            if track is not None and len(track.joints) == len(pose):
                track.move_to(pose, self.frame, colours[index])
            else:
                self.tracks[ids[index]] = Track(np.asarray(pose, np.float64), self.frame, colours[index])
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
    area = max(_area(before), _area(after))
    squares = ((before[both, :2] - after[both, :2]) ** 2).sum(1)
    return float(np.exp(-squares / (2 * area * (2 * np.broadcast_to(spread, len(both))[both]) ** 2)).mean())


def joint_colours(image: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Median colour around each joint of a pose (J, 3): (J, 3) CIE Lab in 8 bits; nan for joints missing or outside."""
    colours = np.full((len(pose), 3), np.nan)
    height, width = image.shape[:2]
    inside = (pose[:, 2] > 0) & (pose[:, :2] >= 0).all(1) & (pose[:, :2] <= (width - 1, height - 1)).all(1)
    if not inside.any():
        return colours
    reach = round(np.clip(PATCH * _area(pose) ** 0.5, 1, max(height, width)))
    for joint in np.flatnonzero(inside):
        x, y = np.round(pose[joint, :2]).astype(int)
        patch = image[max(0, y - reach):y + reach + 1, max(0, x - reach):x + reach + 1]
        colours[joint] = np.median(cv2.cvtColor(patch, cv2.COLOR_BGR2LAB).reshape(-1, 3), axis=0)
    return colours


def same_colours(before: np.ndarray, after: np.ndarray | None) -> float:
    """How well the colours of two people's joints (J, 3) agree, in [0, 1]; 1 where nothing can be said."""
    if after is None or len(before) != len(after):
        return 1.0
    distances = np.linalg.norm(before - after, axis=1)
    distances = distances[~np.isnan(distances)]
    if len(distances) < FEWEST_COLOURS:
        return 1.0
    return float(np.exp(-(np.median(distances) / COLOUR_SPREAD) ** 2 / 2))


def _area(pose: np.ndarray) -> float:
    """Of the box around the joints of a pose (J, 3) that are there, px^2."""
    return float(np.prod(np.maximum(np.ptp(pose[pose[:, 2] > 0, :2], axis=0), SMALLEST_SIDE)))
