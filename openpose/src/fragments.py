"""Join parts of a person that no limb connects, because the neck between them is hidden.

In the table of limbs all four limbs of the trunk end at the neck. When it is hidden, the published decoders report
head and arms, and each leg, as people of their own. Here such parts become one person when sizes and distances fit a
body. Not part of any published decoder; proportions are those of an upright adult, relative to the trunk.
"""
from itertools import combinations

import numpy as np

# Length of limbs, and largest usual distance between corners of the trunk, relative to shoulder - hip.
LENGTHS = {("shoulder", "elbow"): 0.6, ("elbow", "wrist"): 0.55, ("hip", "knee"): 0.85, ("knee", "ankle"): 0.8}
ACROSS = {("shoulder", "shoulder"): 0.75, ("hip", "hip"): 0.45, ("hip", "shoulder"): 1.1}
LARGEST_STRETCH = 1.35  # of a distance above the usual one
LEAST_TRUNK = 0.4  # of the usual shoulder - hip distance: nearer parts belong to two people
LARGEST_RATIO = 1.7  # between the sizes of two parts


def join_fragments(people, peaks, skeleton):
    """Join parts without a neck that make one body, the best fitting first.

    Args:
        people (list[Person]): parts and whole people.
        peaks (Peaks): candidates that they refer to.
        skeleton (Skeleton): its joints are called as in COCO; without a neck among them nothing is joined.

    Returns:
        list[Person]: fewer, or as many.
    """
    names = skeleton.joints
    if "neck" not in names:
        return people
    neck = names.index("neck")
    whole = [person for person in people if neck in person.joints]
    parts = [person for person in people if neck not in person.joints]
    while len(parts) > 1:
        bodies = [_places(person, peaks, names) for person in parts]
        sizes = [_size(body) for body in bodies]
        costs = {(i, j): _misfit(bodies[i], bodies[j], sizes[i], sizes[j])
                 for i, j in combinations(range(len(parts)), 2)
                 if not parts[i].joints.keys() & parts[j].joints.keys()}
        best = min(costs, key=costs.get, default=None)
        if best is None or costs[best] == np.inf:
            break
        absorbed = parts.pop(best[1])
        parts[best[0]].joints.update(absorbed.joints)
        parts[best[0]].score += absorbed.score
    return whole + parts


def _places(person, peaks, names):
    """(side, joint) -> position; side is left or right."""
    places = {}
    for joint, candidate in person.joints.items():
        side, _, kind = names[joint].partition("_")
        places[side, kind] = np.array((peaks.x[candidate], peaks.y[candidate]))
    return places


def _size(places):
    """Length of the trunk in pixels that the limbs of a part tell; foreshortening only makes limbs shorter."""
    lengths = [np.linalg.norm(places[side, one] - places[side, other]) / share
               for (one, other), share in LENGTHS.items() for side in ("left", "right")
               if (side, one) in places and (side, other) in places]
    return max(lengths, default=0.0)


def _misfit(one, other, one_size, other_size):
    """How badly two parts fit as one body, infinite when they do not."""
    size = max(one_size, other_size)
    smaller = min(one_size, other_size)
    if size == 0 or (smaller > 0 and size > LARGEST_RATIO * smaller):
        return np.inf
    costs = []
    for (_, kind), place in one.items():
        for (_, other_kind), other_place in other.items():
            usual = ACROSS.get(tuple(sorted((kind, other_kind))))
            if usual is None:
                continue
            stretch = np.linalg.norm(place - other_place) / (size * usual)
            if stretch > LARGEST_STRETCH or (kind != other_kind and stretch < LEAST_TRUNK):
                return np.inf
            costs.append(stretch)
    return float(np.mean(costs)) if costs else np.inf
