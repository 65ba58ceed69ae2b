"""From supported limbs to people, and from parts of people to people where the neck between them is hidden."""
from dataclasses import dataclass

import numpy as np

from openpose.src.limbs import Connections

# Length of limbs relative to shoulder - hip.
LENGTHS = {("shoulder", "elbow"): 0.6, ("elbow", "wrist"): 0.55, ("hip", "knee"): 0.85, ("knee", "ankle"): 0.8}
CORNERS = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
_NEEDED = {"neck", *CORNERS, *(f"{side}_{kind}" for side in ("left", "right") for pair in LENGTHS for kind in pair)}
# Largest usual distance between corners of the trunk, relative to shoulder - hip.
_SHOULDERS, _HIPS, _LONG = 0.75, 0.45, 1.1
ACROSS = np.array([(_SHOULDERS, _SHOULDERS, _LONG, _LONG), (_SHOULDERS, _SHOULDERS, _LONG, _LONG),
                   (_LONG, _LONG, _HIPS, _HIPS), (_LONG, _LONG, _HIPS, _HIPS)])
LARGEST_STRETCH = 1.35  # of a distance above the usual one
LEAST_TRUNK = 0.4  # of the usual shoulder - hip distance: nearer parts belong to two people
LARGEST_RATIO = 1.7  # between the sizes of two parts
DOUBLE = 0.15  # of the trunk: joints of the same name and so near are one, found twice
WEAK = 0.5  # of the other's height: a peak that gives way


def one_to_one(connections):
    """Of every limb the best connections first, each candidate at most once; Connections sorted by limb and score."""
    order, taken, kept = np.lexsort((-connections.score, connections.limb)), set(), []
    for position, limb, first, second, _ in zip(order.tolist(), *(values[order].tolist() for values in connections)):
        if (limb, first) not in taken and (limb, ~second) not in taken:
            taken.update(((limb, first), (limb, ~second)))
            kept.append(position)
    return Connections(*(values[kept] for values in connections))


@dataclass(slots=True)
class PartialPerson:
    """Joints of one person while it grows: joint -> candidate, sum of the scores of joints and limbs."""

    joints: dict
    score: float


def join_in_order(connections, peaks, limbs, order, starters, fill_free):
    """To `PartialPerson`s the published decoders' way: limb by limb, each connection extends, merges or starts people.

    Unlike theirs, a connection may touch more than two people (three can share a candidate after overwriting): the
    two oldest ones count.

    Args:
        connections (Connections): of `one_to_one`.
        order (sequence): limb numbers in the order of joining.
        starters (set): limb numbers that may start a person.
        fill_free (bool): when the two people of a connection overlap, each gets the end that it lacks (the MindSpore
            1.x port); else the older one's second joint is overwritten (the classic decoder).
    """
    heights = peaks.score.tolist()
    rows, people, holders, born = [[] for _ in limbs], {}, {}, 0
    for limb, *row in zip(*(values.tolist() for values in connections)):
        rows[limb].append(row)

    def put(number, joint, candidate):
        person = people[number]
        old = person.joints.get(joint)
        if old is not None:
            holders[old].discard(number)
        person.joints[joint] = candidate
        holders.setdefault(candidate, set()).add(number)

    for limb in order:
        start, end = limbs[limb]
        for first, second, score in rows[limb]:
            owners = sorted(holders.get(first, set()) | holders.get(second, set()))[:2]
            if len(owners) == 2 and not people[owners[0]].joints.keys() & people[owners[1]].joints.keys():
                absorbed = people.pop(owners[1])
                for joint, candidate in absorbed.joints.items():
                    holders[candidate].discard(owners[1])
                    put(owners[0], joint, candidate)
                people[owners[0]].score += absorbed.score + score
            elif len(owners) == 2 and fill_free:
                for owner in owners:
                    joints = people[owner].joints
                    joint, candidate = (start, first) if start not in joints else (end, second)
                    if joint not in joints:
                        put(owner, joint, candidate)
                        people[owner].score += heights[candidate] + score
            elif owners:
                if people[owners[0]].joints.get(end) != second:
                    put(owners[0], end, second)
                    people[owners[0]].score += heights[second] + score
            elif limb in starters:
                people[born] = PartialPerson({}, heights[first] + heights[second] + score)
                put(born, start, first)
                put(born, end, second)
                born += 1
    return list(people.values())


def join_best_first(connections, peaks, limbs):
    """To `PartialPerson`s by all limbs together, the best supported first; nothing that was joined is overwritten.

    A connection is taken when its ends are free, or belong to people without a joint in common; it is left out when
    it contradicts what better ones have made. So a candidate never belongs to two people, and a limb that closes a
    loop (shoulder to ear) only adds to the score. Connections without a field (score 0) come last and start nobody.

    Args:
        connections (Connections): any number per candidate.
    """
    heights, owner, people = peaks.score.tolist(), {}, {}
    order = np.argsort(-connections.score, kind="stable")
    for limb, first, second, score in zip(*(values[order].tolist() for values in connections)):
        start, end = limbs[limb]
        one, other = owner.get(first), owner.get(second)
        if one is None and other is None:
            if score > 0:
                people[first] = PartialPerson({start: first, end: second}, heights[first] + heights[second] + score)
                owner[first] = owner[second] = first
        elif one == other:
            people[one].score += score
        elif one is None or other is None:
            number, joint, candidate = (other, start, first) if one is None else (one, end, second)
            if joint not in people[number].joints:
                people[number].joints[joint] = candidate
                people[number].score += heights[candidate] + score
                owner[candidate] = number
        elif not people[one].joints.keys() & people[other].joints.keys():
            absorbed = people.pop(other)
            people[one].joints.update(absorbed.joints)
            people[one].score += absorbed.score + score
            for candidate in absorbed.joints.values():
                owner[candidate] = one
    return list(people.values())


def join_doubles(people, peaks, skeleton):
    """Give parts that hang on a joint of somebody else, found twice a little aside, to this person.

    Where a joint's map has two peaks, or two joints lie upon each other as the hips of who is seen from the side, a
    leg may hang on one and the trunk on the other. The person with more joints takes what it lacks, and what of its own
    is weak in comparison; the rest of the part is dropped. Not part of any published decoder.

    Args: as `join_fragments`.
    """
    people = sorted(people, key=lambda person: -len(person.joints))
    count = np.array([len(person.joints) for person in people])
    whole, parts = np.nonzero(count[:, None] > 2 * count)
    if not len(parts) or not _NEEDED <= set(skeleton.joints):
        return people
    places = _places(people, peaks, skeleton)
    reach = DOUBLE * _sizes(places, skeleton.joints)[whole, None]
    # For each joint, what lies there in the other person: the same one or that of the other side.
    mirrored = places[:, [skeleton.joints.index(_other_side(joint)) for joint in skeleton.joints]]
    hang = np.any([(np.abs(places[whole] - other[parts]) <= reach).any(1) for other in (places, mirrored)], 0)
    gone = set()
    for kept, part in zip(whole[hang], parts[hang]):
        if not gone & {kept, part}:
            one, other = people[kept], people[part]
            new = {joint: candidate for joint, candidate in other.joints.items() if joint not in one.joints
                   or peaks.score[one.joints[joint]] < WEAK * peaks.score[candidate]}
            one.score += other.score * len(new.keys() - one.joints.keys()) / len(other.joints)
            one.joints.update(new)
            gone.add(part)
    return [person for number, person in enumerate(people) if number not in gone]


def _other_side(joint):
    swap = {"left": "right", "right": "left"}
    side, _, kind = joint.partition("_")
    return f"{swap[side]}_{kind}" if side in swap else joint


def join_fragments(people, peaks, skeleton):
    """Join parts without a neck that make one body, the best fitting first.

    In the table of limbs all four limbs of the trunk end at the neck. When it is hidden, the published decoders report
    head and arms, and each leg, as people of their own. Here such parts become one person when sizes and distances fit
    a body. Not part of any published decoder; proportions are those of an upright adult, relative to the trunk.

    Args:
        people (list[Person]): parts and whole people.
        peaks (Peaks): candidates that they refer to.
        skeleton (Skeleton): its joints are called as in COCO; without neck, shoulders and hips nothing is joined.
    """
    names = skeleton.joints
    if not _NEEDED <= set(names):
        return people
    neck = names.index("neck")
    whole = [person for person in people if neck in person.joints]
    parts = [person for person in people if neck not in person.joints]
    places = _places(parts, peaks, skeleton)
    while len(parts) > 1:
        misfit = _misfit(places, names)
        kept, absorbed = np.unravel_index(np.argmin(misfit), misfit.shape)
        if misfit[kept, absorbed] == np.inf:
            break
        places[kept] = np.where(np.isnan(places[kept]), places[absorbed], places[kept])
        places = np.delete(places, absorbed, 0)
        parts[kept].joints.update(parts[absorbed].joints)
        parts[kept].score += parts[absorbed].score
        del parts[absorbed]
    return whole + parts


def _places(people, peaks, skeleton):
    """(P, J) complex, x + iy in pixels, NaN where a joint is missing."""
    places = np.full((len(people), len(skeleton.joints)), np.nan, np.complex128)
    for row, person in zip(places, people):
        candidates = list(person.joints.values())
        row[list(person.joints)] = peaks.x[candidates] + 1j * peaks.y[candidates]
    return places


def _misfit(places, names):
    """How badly two parts fit as one body (F, F), infinite where they do not, and below the diagonal."""
    size = _sizes(places, names)
    larger, smaller = np.maximum.outer(size, size), np.minimum.outer(size, size)
    there = ~np.isnan(places)
    apart = ~(there[:, None] & there[None]).any(-1)
    possible = np.triu(apart & (larger > 0) & (larger <= np.where(smaller > 0, LARGEST_RATIO * smaller, np.inf)), 1)
    one, other = np.nonzero(possible)
    corners = places[:, [names.index(corner) for corner in CORNERS]]
    distance = np.abs(corners[one][:, :, None] - corners[other][:, None])
    stretch = distance / (larger[one, other, None, None] * ACROSS)
    measured = ~np.isnan(stretch)
    least = np.where(ACROSS == _LONG, LEAST_TRUNK, 0.0)
    fits = measured.any((1, 2)) & (~measured | ((stretch >= least) & (stretch <= LARGEST_STRETCH))).all((1, 2))
    misfit = np.full(possible.shape, np.inf)
    mean = np.where(measured, stretch, 0).sum((1, 2)) / np.maximum(measured.sum((1, 2)), 1)
    misfit[one[fits], other[fits]] = mean[fits]
    return misfit


def _sizes(places, names):
    """Length of the trunk in pixels that the limbs of each part tell; foreshortening only makes limbs shorter."""
    lengths = [np.abs(places[:, names.index(f"{side}_{one}")] - places[:, names.index(f"{side}_{other}")]) / share
               for (one, other), share in LENGTHS.items() for side in ("left", "right")]
    return np.nan_to_num(np.array(lengths)).max(0)
