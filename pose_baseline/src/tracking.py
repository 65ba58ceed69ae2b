"""Following several people through the frames of a video by the positions of their joints."""
import numpy as np
from scipy.optimize import linear_sum_assignment

# A person is the one of an earlier frame when the joints moved by less than this part of the body's extent, and was
# seen at most so many frames ago.
MAX_MOVE, MAX_GAP = 0.6, 30


def follow(poses):
    """Who is who over time: the poses of a frame continue the nearest earlier people, nobody twice.

    Args:
        poses (list): per frame, an array (J, 3) of each person: x, y in px and a confidence, 0 where unseen.

    Returns:
        dict: person number, from 0 -> {frame: index of the person in that frame}.
    """
    people, last = {}, {}
    for frame, found in enumerate(poses):
        alive = [person for person in people if frame - max(people[person]) <= MAX_GAP]
        taken = {}
        if alive and found:
            moves = np.array([[_move(last[person], pose) for pose in found] for person in alive])
            # Pairs too far apart all cost the same, so that they never push a good pair aside.
            for row, column in zip(*linear_sum_assignment(np.minimum(moves, 2.0 * MAX_MOVE))):
                if moves[row, column] <= MAX_MOVE:
                    taken[int(column)] = alive[row]
        for index, pose in enumerate(found):
            person = taken.get(index, len(people))
            people.setdefault(person, {})[frame] = index
            last[person] = pose
    return people


def _move(before, after):
    """Mean distance of the joints that both poses have, in parts of the body's extent; infinite without any."""
    known = (before[:, 2] > 0) & np.isfinite(before).all(-1)
    seen = known & (after[:, 2] > 0) & np.isfinite(after).all(-1)
    if not seen.any():
        return np.inf
    extent = max(float(np.ptp(before[known, :2], axis=0).max()), 1.0)
    return float(np.linalg.norm(before[seen, :2] - after[seen, :2], axis=1).mean()) / extent
