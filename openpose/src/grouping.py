"""From supported limbs to people."""
import numpy as np

from openpose.src.limbs import Connections


def one_to_one(connections):
    """Of every limb the best connections first, each candidate at most once; Connections sorted by limb and score."""
    order = np.lexsort((-connections.score, connections.limb))
    limb, first, second = (values[order].tolist() for values in (connections.limb, connections.first,
                                                                 connections.second))
    taken, kept = set(), []
    for number, start, end, position in zip(limb, first, second, order.tolist()):
        if (number, start) not in taken and (number, ~end) not in taken:
            taken.update(((number, start), (number, ~end)))
            kept.append(position)
    return Connections(*(values[kept] for values in (connections.limb, connections.first, connections.second,
                                                     connections.score)))


class PartialPerson:
    """Joints of one person while it grows: joint -> candidate, sum of the scores of joints and limbs."""

    __slots__ = ("joints", "score")

    def __init__(self, joints, score):
        self.joints, self.score = joints, score


def join_in_order(connections, peaks, limbs, order, starters, fill_free):
    """The published decoders' way: limb by limb, each connection extends, merges or starts people.

    Unlike theirs, a connection may touch more than two people (three can share a candidate after overwriting): the
    two oldest ones count.

    Args:
        connections (Connections): of `one_to_one`.
        peaks (Peaks): candidates.
        limbs (sequence): (first, second) joint numbers.
        order (sequence): limb numbers in the order of joining.
        starters (set): limb numbers that may start a person.
        fill_free (bool): when the two people of a connection overlap, each gets the end that it lacks (the MindSpore
            1.x port); else the older one's second joint is overwritten (the classic decoder).

    Returns:
        list[PartialPerson]
    """
    heights = peaks.score.tolist()
    rows = _by_limb(connections, len(limbs))
    people, holders, born = {}, {}, 0

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


def _by_limb(connections, num_limbs):
    rows = [[] for _ in range(num_limbs)]
    for limb, *row in zip(connections.limb.tolist(), connections.first.tolist(), connections.second.tolist(),
                          connections.score.tolist()):
        rows[limb].append(row)
    return rows


def join_best_first(connections, peaks, limbs):
    """All limbs together, the best supported first; nothing that was joined is overwritten.

    A connection is taken when its ends are free, or belong to people without a joint in common; it is left out when
    it contradicts what better ones have made. So a candidate never belongs to two people, and a limb that closes a
    loop (shoulder to ear) only adds to the score. Connections without a field (score 0) come last and start nobody.

    Args:
        connections (Connections): any number per candidate.
        peaks (Peaks): candidates.
        limbs (sequence): (first, second) joint numbers.

    Returns:
        list[PartialPerson]
    """
    heights, owner, people = peaks.score.tolist(), {}, {}
    order = np.argsort(-connections.score, kind="stable")
    columns = (connections.limb, connections.first, connections.second, connections.score)
    for limb, first, second, score in zip(*(values[order].tolist() for values in columns)):
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
