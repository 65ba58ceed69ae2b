"""Who is who from frame to frame; numbers worked out by hand."""
import numpy as np
import pytest

from common.inference.tracking import (
    DAMPING,
    INERTIA,
    JOINT_SPREAD,
    LEAST_SIMILARITY,
    LONGEST_GAP,
    LOOSENESS,
    SMALLEST_SIDE,
    Track,
    Tracker,
    shared_joints,
    similarity,
)


def person(x, y, size=100.0, seed=0):
    """Eighteen joints within a box of `size` px around (x, y)."""
    joints = np.random.default_rng(seed).uniform(-0.5, 0.5, (18, 3)) * size + (x, y, 0)
    joints[:, 2] = 0.9
    return joints


def bar(x, height=300.0):
    """Four joints above each other."""
    return np.column_stack([np.full(4, float(x)), np.linspace(0, height, 4), np.ones(4)])


def test_constants_are_what_was_measured():
    """30 frames are a second of video; 0.15 and 2 let a person go on who moves by half of their height in a frame."""
    assert (DAMPING, INERTIA) == (0.9, 0.5)
    assert (LEAST_SIMILARITY, LONGEST_GAP, LOOSENESS, SMALLEST_SIDE, JOINT_SPREAD) == (0.15, 30, 2.0, 16.0, 0.07)


def test_motion_is_a_mean_per_frame_and_goes_on_ever_slower():
    track = Track(bar(0), 3)
    np.testing.assert_array_equal(track.expected(4), bar(0))
    track.move_to(bar(10) + (0, 4, 0), 5)
    np.testing.assert_array_equal(track.motion, [5, 2])
    np.testing.assert_array_equal(track.expected(6), bar(15) + (0, 6, 0))
    np.testing.assert_allclose(track.expected(8), bar(10 + 5 * 2.71) + (0, 4 + 2 * 2.71, 0))
    assert track.frame == 5
    track.move_to(bar(11) + (0, 4, 0), 6)
    np.testing.assert_array_equal(track.motion, [3, 1])  # halfway between (5, 2) and (1, 0)


def test_a_track_keeps_its_first_joints_to_itself():
    joints = bar(0)
    Track(joints, 0).move_to(bar(10), 1)
    np.testing.assert_array_equal(joints, bar(0))


def test_joints_seen_for_the_first_time_or_hidden_do_not_enter_the_motion():
    first, second = bar(0), bar(10)
    first[3] = 0
    track = Track(first, 0)
    second[2] = 0
    track.move_to(second, 2)
    np.testing.assert_array_equal(track.motion, [5, 0])
    # The hidden one moved along, the new one stands where it was seen.
    np.testing.assert_array_equal(track.joints[2:, :2], [[10, 200], [10, 300]])
    assert track.joints[2, 2] == 1
    track.move_to(np.zeros((4, 3)), 3)
    np.testing.assert_array_equal(track.motion, [2.5, 0])
    np.testing.assert_array_equal(track.joints[2:, :2], [[10, 200], [10, 300]])


def test_the_whole_person_goes_on_where_a_part_was_taken_for_another_one():
    whole, leg = bar(0), bar(0)
    leg[:2] = 0
    assert shared_joints(whole, leg) == 0.5 and shared_joints(leg, bar(5)[:3]) == 0
    tracker = Tracker()
    assert tracker.update([leg, bar(400)]) == [0, 1]
    assert tracker.update([leg, whole, bar(400)]) == [0, 2, 1]
    assert tracker.update([whole, bar(400)]) == [2, 1]


def test_who_passes_behind_somebody_is_expected_on_the_other_side():
    """15 px per frame for ten frames, hidden for six, near somebody who stands."""
    tracker = Tracker()
    for frame in range(10):
        assert tracker.update([bar(220), bar(15 * frame + 60)]) == [0, 1]
    for _ in range(6):
        assert tracker.update([bar(220)]) == [0]
    assert tracker.update([bar(220), bar(275)]) == [0, 1]  # 195 + 15 (1 + 0.9 + ... + 0.9^6) = 273


def test_similarity_by_hand():
    one = np.zeros((2, 3))
    one[:, 2], one[1, :2] = 1, (50, 20)
    spread = np.array([0.1, 0.1])
    assert similarity(one, one, spread) == 1
    other = one + (0, 10, 0)
    # exp(-d^2 / (2 area (2 k)^2)) with d = 10, area = 1000, k = 0.1.
    expected = np.exp(-100 / (2 * 1000 * 0.04))
    assert similarity(one, other, spread) == pytest.approx(expected)
    assert similarity(one, np.zeros((2, 3)), spread) == 0
    # A missing joint changes nothing: neither what is compared nor the box.
    missing = [np.concatenate([pose, [[0, 0, 0]]]) for pose in (one + (100, 100, 0), other + (100, 100, 0))]
    assert similarity(*missing, np.full(3, 0.1)) == pytest.approx(expected)
    half = other.copy()
    half[1] = 0
    # Of the second pose only one joint is left, whose box is 16 x 16; the larger one counts.
    assert similarity(one, half, spread) == similarity(half, one, spread) == pytest.approx(expected)
    # The larger box counts: 60 x 20.
    wider = one.copy()
    wider[1, 0] = 60
    assert similarity(one, wider, spread) == pytest.approx((1 + np.exp(-100 / (2 * 1200 * 0.04))) / 2)
    assert similarity(wider, one, spread) == similarity(one, wider, spread)


def test_sides_are_at_least_16_px_and_each_joint_has_its_spread():
    one, other = bar(0), bar(8)
    area = 300 * 16
    assert similarity(one, other, 0.1) == pytest.approx(np.exp(-64 / (2 * area * 0.04)))
    far = np.array([0.1, 0.1, 0.2, 0.2])
    expected = (np.exp(-64 / (2 * area * 0.04)) + np.exp(-64 / (2 * area * 0.16))) / 2
    assert similarity(one, other, far) == pytest.approx(expected)


def test_skeletons_with_other_joints_are_other_people():
    assert similarity(bar(0), bar(0)[:3], 0.1) == 0
    tracker = Tracker()
    assert tracker.update([bar(0)]) == [0] and tracker.update([bar(0)[:3]]) == [1]
    # A number from elsewhere holds all the same.
    assert tracker.update([bar(0)], identities=["7"]) == [7] and tracker.update([bar(0)[:2]], identities=["7"]) == [7]


def test_the_least_similarity_is_a_bound():
    """At a distance d of all joints the similarity is exp(-d^2 / (2 * 4800 * 0.28^2))."""
    bound = np.sqrt(-np.log(LEAST_SIMILARITY) * 2 * 300 * 16 * (2 * LOOSENESS * JOINT_SPREAD) ** 2)
    for distance, expected in ((bound - 0.01, 0), (bound + 0.01, 1)):
        tracker = Tracker()
        tracker.update([bar(0)])
        assert tracker.update([bar(distance)]) == [expected]


def test_pairs_that_are_too_different_never_push_a_good_pair_aside():
    tracker = Tracker()
    tracker.update([bar(0), bar(60)])
    # Person 0 is gone; both would go to the second place if distances were added up.
    assert tracker.update([bar(62), bar(140)]) == [1, 2]


def test_two_people_who_pass_each_other_keep_their_numbers():
    tracker, seen = Tracker(), []
    for frame in range(21):
        people = np.stack([person(100 + 15 * frame, 200, seed=1), person(400 - 15 * frame, 200, seed=2)])
        order = [0, 1] if frame % 2 else [1, 0]
        ids = tracker.update(people[order])
        seen.append([ids[order.index(number)] for number in (0, 1)])
    assert all(ids == seen[0] for ids in seen) and sorted(seen[0]) == [0, 1]


def test_people_who_cross_or_leave():
    tracker = Tracker()
    assert tracker.update([bar(0), bar(1000)]) == [0, 1]
    assert tracker.update([bar(980), bar(20)]) == [1, 0]
    assert tracker.update([bar(40)]) == [0]
    assert tracker.update([bar(60), bar(960)]) == [0, 1]
    assert tracker.update([bar(5000)]) == [2]


def test_a_person_returns_after_a_gap_and_not_after_a_long_one():
    for gap, expected in ((LONGEST_GAP - 1, 0), (LONGEST_GAP, 1)):
        tracker = Tracker()
        assert tracker.update(person(100, 100)[None]) == [0]
        for _ in range(gap):
            assert tracker.update(np.zeros((0, 18, 3))) == []
        assert tracker.update(person(110, 100)[None]) == [expected]
        tracker = Tracker()
        assert tracker.update([bar(0)], frame=5) == [0]
        assert tracker.update([bar(0)], frame=5 + gap + 1) == [expected]


def test_a_new_person_gets_a_new_number_and_hidden_joints_do_not_matter():
    tracker = Tracker()
    tracker.update(person(100, 100)[None])
    half = person(105, 100)
    half[9:] = 0
    assert tracker.update(np.stack([person(500, 100, seed=3), half])) == [1, 0]
    # The joints that were out of sight moved along.
    assert tracker.update(person(110, 100)[None]) == [0]


def test_known_people_keep_their_numbers_however_they_move():
    tracker = Tracker()
    assert tracker.update([bar(0), bar(500)], identities=["0", "1"]) == [0, 1]
    assert tracker.update([bar(0), bar(500)], identities=["1", "0"]) == [1, 0]
    assert tracker.update([bar(0), bar(500)], identities=[4, "anna"]) == [4, 2]
    # Of those without a number one continues "1", who stands there no longer by number; "anna" is at 500.
    assert tracker.update([bar(500), bar(2)], identities=[None, "anna"])[1] == 2


def test_unknown_people_get_numbers_that_nobody_has():
    tracker = Tracker()
    assert tracker.update([bar(0), bar(1000)], identities=[None, "0"]) == [1, 0]
    # "1" is somebody else than the one who was given the number 1.
    assert tracker.update([bar(2000)], identities=["1"]) == [2]
    assert tracker.update([bar(2000), bar(1)], identities=["1", None]) == [2, 1]


def test_a_number_that_two_people_share_says_nothing():
    tracker = Tracker()
    assert tracker.update([bar(0), bar(500)], identities=["3", "4"]) == [3, 4]
    assert tracker.update([bar(500), bar(0)], identities=["3", "3"]) == [4, 3]


def test_a_huge_number_is_only_a_name():
    assert Tracker().update([bar(0)], identities=["1" * 5000]) == [0]
    assert Tracker().update([bar(0)], identities=["123456789"]) == [123456789]
    assert Tracker().update([bar(0)], identities=["1234567890"]) == [0]


def test_the_motion_of_somebody_who_is_followed_goes_on():
    """70 px is too far from 30 px, where the person was last, and near to 60 px, where they are to be expected."""
    tracker = Tracker()
    assert [tracker.update([bar(x)]) for x in (0, 30, 70)] == [[0]] * 3
    tracker = Tracker()
    assert [tracker.update([bar(x)]) for x in (30, 70)] == [[0], [1]]


def test_nobody_else_gets_the_number_of_somebody_known_who_moved_away():
    tracker = Tracker()
    assert tracker.update([bar(0)], 0, ["5"]) == [5]
    assert tracker.update([bar(900), bar(0)], 1, ["5", None]) == [5, 0]


def test_a_similarity_at_the_bound_is_enough(monkeypatch):
    monkeypatch.setattr("common.inference.tracking.LEAST_SIMILARITY", 1.0)
    tracker = Tracker()
    assert tracker.update([bar(0)]) == tracker.update([bar(0)]) == [0]
