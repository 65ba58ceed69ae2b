"""Who is who from frame to frame; numbers worked out by hand."""
import cv2
import numpy as np
import pytest

from common.inference.tracking import (
    COLOUR_SPREAD,
    COLOUR_UPDATE,
    DAMPING,
    FEWEST_COLOURS,
    INERTIA,
    JOINT_SPREAD,
    LEAST_SIMILARITY,
    LONGEST_GAP,
    LOOSENESS,
    PATCH,
    SMALLEST_SIDE,
    Track,
    Tracker,
    joint_colours,
    same_colours,
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
    assert (PATCH, COLOUR_SPREAD, COLOUR_UPDATE, FEWEST_COLOURS) == (0.03, 30.0, 0.1, 3)


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


def test_colours_tell_who_is_who_where_two_people_meet():
    """Both stand 20 px apart, and in the next frame on one spot, where nothing but their clothes differs."""
    red, blue = np.zeros((310, 300, 3), np.uint8), np.zeros((310, 300, 3), np.uint8)
    red[..., 2], blue[..., 0] = 200, 200

    def clothes(middle, left, right):
        return np.concatenate([left[:, :middle], right[:, middle:]], 1)

    apart = [bar(100), bar(120)]
    for first, second, numbers in ((red, blue, [0, 1]), (blue, red, [1, 0])):
        tracker = Tracker()
        assert tracker.update(apart, image=clothes(110, red, blue)) == [0, 1]
        # The two now stand at 112 and 108: by position alone the first one is 1.
        assert tracker.update([bar(112), bar(108)], image=clothes(110, second, first)) == numbers
        tracker = Tracker()
        tracker.update(apart)
        assert tracker.update([bar(112), bar(108)]) == [1, 0]


def test_the_colour_of_a_joint_is_the_median_around_it():
    """A box of 100 x 100 px reaches 3 px around a joint: 7 x 7 pixels, fewer at the border."""
    image = np.zeros((101, 101, 3), np.uint8)
    image[47:54, 47:54] = (10, 20, 200)
    image[48:52, 48:52] = (255, 255, 255)  # 16 of 49
    image[:, 98:] = (0, 255, 0)
    image[97, 97] = (255, 0, 0)
    pose = np.array([[50, 50, 0.5], [0, 0, 1.0], [100, 100, 1.0], [20, 20, 0], [50.4, 49.6, 1.0], [60, 120, 1.0]])
    colours = joint_colours(image, pose[:5])
    lab = cv2.cvtColor(np.array([[(10, 20, 200), (0, 0, 0), (0, 255, 0)]], np.uint8), cv2.COLOR_BGR2LAB)[0]
    np.testing.assert_array_equal(colours[[0, 1, 2, 4]], lab[[0, 1, 2, 0]])
    assert np.isnan(colours[3]).all()
    pose[5] = (-1e30, 1e30, 1)
    assert np.isnan(joint_colours(image, pose)[5]).all()
    pose[5] = (60, 120, 1)
    assert np.isnan(joint_colours(image, pose)[5]).all() and np.isnan(joint_colours(image, 0 * pose)).all()


def test_how_colours_agree_by_hand():
    before = np.zeros((5, 3))
    after = before + (0, 0, 1)
    assert same_colours(before, before) == 1
    after[:3] = [(0, 30, 0), (18, 24, 0), (0, 0, 90)]  # distances 30, 30, 90, 1, 1: the median is 30
    assert same_colours(before, after) == pytest.approx(np.exp(-0.5))
    before[3:] = np.nan
    assert same_colours(before, after) == same_colours(after, before) == pytest.approx(np.exp(-0.5))
    after[2] = np.nan  # two joints are left
    assert same_colours(before, after) == 1
    assert same_colours(before, None) == same_colours(before, after[:4]) == 1


def test_colours_are_remembered_slowly():
    track = Track(bar(0), 0, np.array([(50.0, 0, 0), (50, 0, 0), (np.nan,) * 3, (np.nan,) * 3]))
    track.move_to(bar(0), 1, np.array([(60.0, 10, 0), (np.nan,) * 3, (70, 0, 0), (np.nan,) * 3]))
    np.testing.assert_allclose(track.colours, [(51, 1, 0), (50, 0, 0), (70, 0, 0), (np.nan,) * 3])
    track.move_to(bar(0), 2)
    np.testing.assert_allclose(track.colours[0], (51, 1, 0))


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
