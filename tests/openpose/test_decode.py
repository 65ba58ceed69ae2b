"""The decoders against the published ones, and by properties of their own."""
import subprocess
import sys
from pathlib import Path

import numpy as np
import openpose_golden as golden
import pytest
from scipy.optimize import linear_sum_assignment

from openpose.src import decode as decode_module
from openpose.src.decode import Placement, decode
from openpose.src.grouping import PartialPerson, join_best_first, join_doubles, join_in_order, one_to_one
from openpose.src.limbs import FIELD_THRESHOLD, Connections, LinearSampler, PixelSampler, supported, with_near_pairs
from openpose.src.peaks import Peaks, enlarging_matrix
from openpose.src.skeleton import COCO_18, Skeleton
from openpose.src.targets import make_targets

scenes = golden.scenes


def frame_of(name, seed=golden.SEED):
    height, width, _ = scenes.people_of(name, seed)
    _, inner_height, inner_width, _, _ = scenes.network_size(height, width)
    return Placement((height, width), (inner_height, inner_width))


def right_joints(joints, truth, tolerance=8.0):
    """Joints within 8 px of those of the true person that each found one is matched with."""
    if not len(joints) or not len(truth):
        return 0
    distance = np.linalg.norm(joints[:, None, :, :2] - truth[None, :, :, :2], axis=-1)
    both = (joints[:, None, :, 2] > 0) & (truth[None, :, :, 2] > 0)
    right = ((distance <= tolerance) & both).sum(-1)
    return int(right[linear_sum_assignment(-right)].sum())


# The published port has no result for the scene `wide`.
@pytest.mark.parametrize("name, decoder, column", [
    (name, *kind) for name in scenes.SCENES for kind in (("cmu", "a"), ("port", "c"))
    if (name, kind[1]) != ("wide", "c")])
def test_published_decoders_agree(name, decoder, column):
    case = golden.load("decode")
    expected = case[f"{name}.{column}.people"]
    heat, paf = scenes.maps(name, golden.SEED)
    people = decode(heat, paf, frame_of(name), decoder)
    assert people.joints.shape == expected.shape
    assert np.abs(people.joints[..., :2] - expected[..., :2]).max(initial=0) == 0
    assert np.allclose(people.joints[..., 2], expected[..., 2], atol=1e-5)
    assert np.allclose(people.scores, case[f"{name}.{column}.score"], atol=1e-3)
    assert ((people.joints[..., 2] > 0).sum(1) == case[f"{name}.{column}.parts"]).all()


def test_figures_of_the_decoders():
    """Those of the published programs, and what this project chose."""
    assert (FIELD_THRESHOLD, decode_module.NEAR, decode_module.NEAR_HEIGHT) == (0.05, 8, 0.3)
    assert decode_module.MOST_CANDIDATES == 127
    figures = {name: (kind.peak_threshold, kind.least, kind.prior, kind.prior_side, kind.min_joints, kind.min_score)
               for name, kind in decode_module.CONVENTIONS.items()}
    assert figures == {"default": (0.05, 8, 0.5, "height", 3, 0.2), "cmu": (0.1, 9, 0.5, "height", 4, 0.4),
                       "port": (0.05, 9, 1.0, "width", 3, 0.2)}
    np.testing.assert_allclose(sorted(decode_module.POSITIONS), np.arange(10) / 9)
    maps = {name: (kind.sigma, kind.cubic, kind.strict, kind.smooth_score)
            for name, kind in decode_module.CONVENTIONS.items() if name != "default"}
    assert maps == {"cmu": (3.0, True, False, False), "port": (2.5, False, True, True)}
    # Between the middle and the ends first.
    assert sorted(decode_module.POSITIONS[:4]) == pytest.approx(np.array([2, 3, 6, 7]) / 9)


@pytest.mark.parametrize("decoder, side", [("default", "height"), ("cmu", "height"), ("port", "width")])
def test_limbs_that_are_long_for_the_image_lose_score(decoder, side):
    """A field of 1 along limbs of 93 px each; half the height of 80 px is 40, the whole width of 320 px is 320."""
    skeleton = Skeleton(("a", "b", "c", "d"), ((0, 1), (1, 2), (2, 3)))
    joints = np.array([[(20.0 + 93 * number, 40.0, 1.0) for number in range(4)]])
    heat, paf = make_targets(joints, 10, 40, skeleton)
    paf[::2], paf[1::2] = 1, 0  # to the right everywhere
    people = decode(heat, paf, decoder=decoder, skeleton=skeleton)
    assert len(people) == 1 and (people.joints[0, :, 2] > 0).all()
    assert np.abs(people.joints[0, :, :2] - joints[0, :, :2]).max() < 4
    # Each joint has its height, each limb its field, less what it is too long: 40 / 93 - 1.
    score = people.scores[0] * (7 if decoder == "default" else 1) - people.joints[0, :, 2].sum()
    assert score == pytest.approx(3 if side == "width" else 3 * 40 / 93, abs=0.05)


@pytest.mark.parametrize("decoder", ["default", "cmu", "port"])
def test_images_that_are_no_squares_and_padded_inputs(decoder):
    heat, paf = scenes.maps("wide", golden.SEED)
    truth = scenes.people_of("wide", golden.SEED)[2]
    joints = decode(heat, paf, frame_of("wide"), decoder).joints
    found = (joints[..., 2] > 0).sum()
    assert right_joints(joints, truth) > 0.9 * (truth[..., 2] > 0).sum() and right_joints(joints, truth) > 0.95 * found


def test_the_default_decoder_finds_more_right_joints_than_the_published_ones():
    case = golden.load("decode")
    totals = dict.fromkeys(("default", "cmu", "port", "a", "b"), 0)
    wrong = 0
    for name in scenes.SCENES:
        heat, paf = scenes.maps(name, golden.SEED)
        truth = scenes.people_of(name, golden.SEED)[2]
        for decoder in ("default", "cmu", "port"):
            joints = decode(heat, paf, frame_of(name), decoder).joints
            totals[decoder] += right_joints(joints, truth)
            wrong += (joints[..., 2] > 0).sum() - right_joints(joints, truth) if decoder == "default" else 0
        for column in "ab":
            totals[column] += right_joints(case[f"{name}.{column}.people"], truth)
    assert (totals["a"], totals["b"], totals["cmu"]) == (656, 652, 656)
    assert totals["default"] >= max(totals[name] for name in ("a", "b", "port"))
    assert wrong <= 2


def test_other_scenes_too():
    for seed in (2, 3):
        found = dict.fromkeys(("default", "cmu", "port"), 0)
        for name in scenes.SCENES:
            heat, paf = scenes.maps(name, seed)
            for decoder in found:
                found[decoder] += right_joints(decode(heat, paf, frame_of(name, seed), decoder).joints,
                                               scenes.people_of(name, seed)[2])
        assert found["default"] >= max(found["cmu"], found["port"])


def test_the_parts_of_a_person_without_neck_become_one():
    heat, paf = scenes.maps("occluded", 1)
    truth = scenes.people_of("occluded", 1)[2]
    apart = decode(heat, paf, merge_halves=False)
    joined = decode(heat, paf)
    assert len(joined) <= len(apart)
    assert right_joints(joined.joints, truth) > right_joints(apart.joints, truth)
    whole = decode(*scenes.maps("crowd", 1), frame_of("crowd"))
    assert len(whole) == 20


def people_of(*poses):
    """PartialPersons and Peaks of poses {joint: (x, y, height)}; each one's score is its number of joints."""
    joints = [list(pose) for pose in poses]
    x, y, score = np.array([place for pose in poses for place in pose.values()], np.float64).T
    numbers = iter(range(len(x)))
    people = [PartialPerson({COCO_18.joints.index(joint): next(numbers) for joint in names}, len(names))
              for names in joints]
    return people, Peaks(x, y, score, None)


TRUNK = {"neck": (100, 50, 0.9), "right_shoulder": (80, 50, 0.9), "right_elbow": (80, 110, 0.9),
         "left_shoulder": (120, 50, 0.9), "left_elbow": (120, 110, 0.9), "right_hip": (85, 150, 0.6),
         "left_hip": (115, 150, 0.9), "left_knee": (115, 235, 0.9)}  # shoulder - hip is 100 px by its other limbs


@pytest.mark.parametrize("leg, right_hip, right_knee", [
    # A second peak 14 px from the right hip, within 0.15 of the trunk: the knee is taken, the hip stays.
    ({"right_hip": (99, 150, 0.7), "right_knee": (90, 230, 0.8)}, 85, 90),
    # 16 px are too many: two people.
    ({"right_hip": (85, 166, 0.7), "right_knee": (90, 230, 0.8)}, 85, None),
    # On the hip of the other side, as in a side view, and higher than twice the one of the trunk.
    ({"right_hip": (115, 152, 1.3), "right_knee": (90, 230, 0.8)}, 115, 90),
    # Half of the joints of the other one, or more, are somebody.
    ({"right_hip": (85, 150, 0.7), "right_knee": (90, 230, 0.8), "right_ankle": (90, 300, 0.8),
      "right_ear": (300, 0, 0.5)}, 85, None)])
def test_a_doubled_limb_goes_to_the_person_it_hangs_on(leg, right_hip, right_knee):
    people, peaks = people_of(leg, TRUNK)
    joined = join_doubles(people, peaks, COCO_18)
    assert len(joined) == (2 if right_knee is None else 1)
    whole = max(joined, key=lambda person: len(person.joints))
    places = {COCO_18.joints[joint]: peaks.x[candidate] for joint, candidate in whole.joints.items()}
    assert places["right_hip"] == right_hip and places.get("right_knee") == right_knee
    assert whole.score == (8 if right_knee is None else 9)  # half of the leg's two joints is new


def test_positions_are_finer_than_a_pixel():
    truth = scenes.people_of("people-5", 1)[2]
    heat, paf = make_targets(truth, 46, 46)
    people = decode(heat, paf)
    assert len(people) == 5
    distance = np.linalg.norm(people.joints[:, None, :, :2] - truth[None, :, :, :2], axis=-1)
    assert np.median(distance.mean(-1).min(1)) < 0.15


def test_image_coordinates_follow_the_frame():
    heat, paf = scenes.maps("single", 1)
    plain = decode(heat, paf)
    double = decode(heat, paf, Placement((736, 368), (368, 368)))
    there = plain.joints[..., 2] > 0
    assert np.allclose(double.joints[..., 1][there], (plain.joints[..., 1][there] + 0.5) * 2 - 0.5)
    assert np.allclose(double.joints[..., 0], plain.joints[..., 0])
    # A missing joint is zeros, and one that the fit puts beside the image lies on its border.
    skeleton = Skeleton(("a", "b", "c", "d"), ((0, 1), (1, 2), (2, 3)))
    heat, paf = make_targets(np.array([[(-0.4, -0.4, 1), (80, 60, 1), (159.4, 159.4, 1), (0, 0, 0)]]), 20, 20, skeleton)
    joints, = decode(heat, paf, Placement((320, 320), (160, 160)), skeleton=skeleton).joints
    assert joints[[0, 2, 3], :2].tolist() == [[0, 0], [319, 319], [0, 0]] and joints[3, 2] == 0
    np.testing.assert_allclose(joints[1, :2], [160.5, 120.5], atol=0.1)


def test_empty_maps_noise_and_wrong_shapes():
    zero = np.zeros((19, 46, 46), np.float32), np.zeros((38, 46, 46), np.float32)
    for decoder in ("default", "cmu", "port"):
        people = decode(*zero, decoder=decoder)
        assert people.joints.shape == (0, 18, 3) and people.scores.shape == (0,)
    rng = np.random.default_rng(1)
    noise = rng.uniform(0, 1, (19, 46, 46)), rng.uniform(-1, 1, (38, 46, 46))
    assert np.isfinite(decode(*noise).joints).all()
    with pytest.raises(ValueError, match="fields"):
        decode(zero[0], zero[1][:36])
    with pytest.raises(ValueError, match="heat maps"):
        decode(zero[0][:17], zero[1])


def test_decoding_needs_no_mindspore():
    code = "import sys, openpose.src.dataset, openpose.src.decode; sys.exit('mindspore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


def test_strongest_people():
    people = decode(*scenes.maps("scales", 1))
    assert len(people.strongest(2)) == 2 and len(people.strongest(0)) == 3
    assert people.strongest(1).scores[0] == people.scores.max()
    assert (np.diff(people.scores) <= 0).all() and (people.scores <= 1).all()


def test_fields_are_read_as_from_enlarged_maps():
    cv2 = pytest.importorskip("cv2")
    paf = scenes.maps("wide", 1)[1]
    rows, columns = enlarging_matrix(46, 368, 480, True), enlarging_matrix(62, 491, 640, True)
    large = cv2.resize(paf[6:8].transpose(1, 2, 0), None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)[:368, :491]
    large = cv2.resize(large, (640, 480), interpolation=cv2.INTER_CUBIC)
    x, y = np.array([[0.0, 331.4, 639.0]]), np.array([[479.0, 250.6, 0.0]])
    values = PixelSampler(paf, rows, columns)(np.array([3]), x, y)
    expected = large[[479, 251, 0], [0, 331, 639]]
    assert np.allclose(np.stack((values.real[0], values.imag[0]), 1), expected, atol=1e-5)
    sampler = LinearSampler(paf)
    values = sampler(np.array([3]), *sampler.place(np.array([[3.5, 7.5, -20.0]]), np.array([[11.5, 11.5, 3.5]])))
    expected = [paf[6, 1, 0], (paf[6, 1, 0] + paf[6, 1, 1]) / 2, paf[6, 0, 0]]
    assert np.allclose(values.real[0], expected, atol=1e-6)


@pytest.mark.parametrize("name", ["crowd", "faint", "people-20"])
def test_ruling_out_pairs_early_changes_nothing(name, monkeypatch):
    maps = scenes.maps(name, 1)
    quick = decode(*maps)
    monkeypatch.setattr(LinearSampler, "candidates", lambda self, limb, *rest: np.arange(len(limb)))
    slow = decode(*maps)
    assert (quick.joints == slow.joints).all() and (quick.scores == slow.scores).all()


def test_limbs_are_judged_by_hand():
    """A field to the right of strength 0.6 along half of a row: full support there, none across or against it."""
    paf = np.zeros((2, 10, 30), np.float32)
    paf[0, 4:7, :20] = 0.6
    # A start on the field, and ends on it 80 px on, beside it, and beyond its end 160 px on.
    x, y = np.array([43.5, 123.5, 83.5, 203.5]), np.array([43.5, 43.5, 3.5, 43.5])
    peaks = Peaks(x, y, np.ones(4), np.array([0, 1, 4]))
    sampler, positions = LinearSampler(paf), np.linspace(0, 1, 10)
    found = supported(sampler, peaks, ((0, 1),), positions, 8, 1000.0)
    assert found.first.tolist() == [0] and found.second.tolist() == [1] and np.isclose(found.score[0], 0.6)
    found = supported(sampler, peaks, ((0, 1),), positions, 8, 60.0)
    assert np.isclose(found.score[0], 0.6 + 60 / 80 - 1)  # 20 px longer than the limit
    assert not len(supported(sampler, peaks, ((1, 0),), positions, 8, 1000.0).limb)  # against the field
    # A limb whose prior takes away all of its support is none: 0.5 + 40 / 80 - 1 = 0.
    even = LinearSampler(np.stack([np.full((10, 30), 0.5), np.zeros((10, 30))]).astype(np.float32))
    two = Peaks(x[:2], y[:2], np.ones(2), np.array([0, 1, 2]))
    none = supported(even, two, ((0, 1),), positions, 8, 40.0)
    assert len(none.limb) == len(none.score) == 0
    assert len(supported(even, two, ((0, 1),), positions, 8, 41.0).limb) == 1
    # The field fades out at 163.5 px: 7 of the 10 positions, every 17.8 px, lie before that.
    assert 3 in supported(sampler, peaks, ((0, 1),), positions, 7, 1000.0).second


def test_small_fields_are_read_up_to_the_last_cell():
    paf = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    sampler = LinearSampler(paf)
    places = np.array([[0.0, 1.0, 1.0, 0.5]], np.float32), np.array([[0.0, 0.0, 1.0, 1.0]], np.float32)
    np.testing.assert_array_equal(sampler(np.array([0]), *places), [[4j, 1 + 5j, 3 + 7j, 2.5 + 6.5j]])
    uneven = LinearSampler(np.array([[[0, 1, 5]], [[0, 0, 0]]], np.float32))
    at = np.array([[0.5, 1.5, 2.0]], np.float32)
    np.testing.assert_array_equal(uneven(np.array([0]), at, 0 * at), [[0.5, 3, 5]])


CHAIN = Skeleton(("a", "b", "c", "d"), ((0, 1), (1, 2), (2, 3), (0, 3)))


def peaks_of(*joints):
    joints = np.array(joints)
    return Peaks(np.zeros(len(joints)), np.zeros(len(joints)), np.full(len(joints), 0.5),
                 np.searchsorted(joints, np.arange(5)))


def connections_of(*rows):
    limb, first, second, score = zip(*rows)
    return Connections(np.array(limb), np.array(first), np.array(second), np.array(score))


def test_best_connections_come_first_and_are_kept():
    peaks = peaks_of(0, 0, 1, 1, 2, 3)  # two a (0, 1), two b (2, 3), c (4), d (5)
    rows = connections_of((0, 0, 2, 0.9), (0, 1, 2, 0.95), (0, 1, 3, 0.4), (0, 0, 3, 0.3), (1, 2, 4, 0.8),
                          (2, 4, 5, 0.7), (3, 1, 5, 0.6), (3, 0, 5, 0.65))
    kept = one_to_one(rows)
    assert list(zip(kept.limb, kept.first, kept.second)) == [(0, 1, 2), (0, 0, 3), (1, 2, 4), (2, 4, 5), (3, 0, 5)]
    people = sorted(join_best_first(rows, peaks, CHAIN.limbs), key=lambda person: -len(person.joints))
    assert [person.joints for person in people] == [{0: 1, 1: 2, 2: 4, 3: 5}, {0: 0, 1: 3}]
    # 4 joints and the limbs 0.95, 0.8, 0.7 and the closing 0.6
    assert np.isclose(people[0].score, 4 * 0.5 + 0.95 + 0.8 + 0.7 + 0.6)


def test_people_who_overlap_both_get_the_joint_that_they_lack():
    """As in the port: the connection a-c of the one person ends at the c of the other, and each has both."""
    peaks = peaks_of(0, 0, 1, 1, 2)
    rows = connections_of((0, 0, 2, 0.9), (0, 1, 3, 0.8), (1, 3, 4, 0.7), (2, 0, 4, 0.6))
    people = join_in_order(rows, peaks, ((0, 1), (1, 2), (0, 2)), (0, 1, 2), {0, 1, 2}, True)
    assert [person.joints for person in people] == [{0: 0, 1: 2, 2: 4}, {0: 1, 1: 3, 2: 4}]
    # Three joints of 0.5 each, and 0.9 + 0.6 or 0.8 + 0.7.
    np.testing.assert_allclose([person.score for person in people], [3.0, 3.0])


def test_two_people_may_share_a_joint_in_the_port_only():
    """A whole person a-b-c-d, and a weaker a-b-c whose `a` has a limb to the d of the first."""
    first = [(20, 20, 1), (100, 20, 1), (100, 100, 1), (20, 100, 1)]
    second = [(60, 140, 1), (140, 140, 1), (140, 60, 1), (0, 0, 0)]
    across = [second[0], (0, 0, 0), (0, 0, 0), first[3]]
    heat, paf = make_targets(np.array([first, second], float), 20, 20, CHAIN)
    paf = make_targets(np.array([first], float), 20, 20, CHAIN)[1]
    paf += 0.8 * make_targets(np.array([second], float), 20, 20, CHAIN)[1]
    paf[6:] = make_targets(np.array([across], float), 20, 20, CHAIN)[1][6:]
    people = {decoder: decode(heat, paf, decoder=decoder, skeleton=CHAIN).joints for decoder in ("cmu", "port")}
    assert [len(joints) for joints in people.values()] == [1, 2]
    np.testing.assert_allclose(people["cmu"][0, :, :2], np.array(first)[:, :2], atol=4)
    np.testing.assert_allclose(people["port"][..., :2], np.array([first, second[:3] + first[3:]])[..., :2], atol=4)


def test_three_people_at_one_connection_are_no_error():
    """After overwriting, a candidate can belong to two people; a third one joins them."""
    peaks = peaks_of(0, 0, 0, 1, 1, 2)  # a: 0 1 2, b: 3 4, c: 5
    limbs = ((0, 1), (1, 2), (0, 2))
    rows = connections_of((0, 0, 3, 0.9), (0, 1, 4, 0.8), (1, 3, 5, 0.9), (1, 4, 5, 0.7), (2, 2, 5, 0.6),
                          (2, 0, 5, 0.5), (2, 1, 5, 0.5))
    for fill_free in (False, True):
        people = join_in_order(rows, peaks, limbs, (0, 1, 2), {0, 1, 2}, fill_free)
        assert all(isinstance(person, PartialPerson) for person in people) and len(people) >= 1


def test_own_skeleton():
    skeleton = Skeleton(("nose", "left_hand", "right_hand"), ((0, 1), (0, 2)))
    joints = np.array([[(60, 40, 1), (90, 90, 1), (30, 90, 1)], [(150, 50, 1), (180, 95, 1), (120, 95, 1)]], float)
    heat, paf = make_targets(joints, 24, 24, skeleton)
    for decoder in ("default", "cmu", "port"):
        people = decode(heat, paf, decoder=decoder, skeleton=skeleton)
        assert len(people) == (0 if decoder == "cmu" else 2)  # cmu wants four joints
    found = decode(heat, paf, skeleton=skeleton).joints
    found = found[np.argsort(found[:, 0, 0])]
    assert np.allclose(found[..., :2], joints[..., :2], atol=0.5)
    assert len(COCO_18.limbs) == 19


def side_view():
    """A person seen from the side on 46 x 46 cells: the shoulders lie 4 px beside the neck, between two cells."""
    joints = np.zeros((1, 18, 3))
    places = {0: (150, 90), 1: (100, 100), 2: (104, 100), 3: (104, 150), 4: (130, 180), 5: (96, 100), 8: (102, 220),
              9: (110, 280), 10: (90, 340)}
    for joint, place in places.items():
        joints[0, joint] = (*place, 1)
    return joints


def test_a_person_seen_from_the_side_stays_one():
    joints = side_view()
    heat, paf = make_targets(joints, 46, 46)
    # The columns of cells lie at 99.5 and 107.5: no cell between neck and right shoulder (100 to 104)
    assert not paf[12:14].any()
    people = decode(heat, paf)
    assert len(people) == 1 and right_joints(people.joints, joints) == 9
    assert (people.joints[0, :, 2] > 0).sum() == 9
    for decoder in ("cmu", "port"):  # the published ones need a field
        assert max((decode(heat, paf, decoder=decoder).joints[..., 2] > 0).sum(1)) < 9


def test_near_pairs_need_two_high_peaks_and_come_nearest_first():
    # Joint 0 at x = 0 and 20, joint 1 at 5, 23 and 27.9; the last but one is low
    peaks = Peaks(np.array([0.0, 20, 5, 23, 27.9]), np.zeros(5),
                  np.array([0.9, 0.9, 0.3, 0.29, 0.9]), np.array([0, 2, 5]))
    before = connections_of((0, 1, 3, 0.5))
    after = with_near_pairs(before, peaks, ((0, 1),), 8.0, 0.3)
    assert after.first.tolist() == [1, 0, 1] and after.second.tolist() == [3, 2, 4]
    assert after.score.tolist() == [0.5, 0, 0]
    assert len(with_near_pairs(before, peaks, ((0, 1),), 7.0, 0.3).limb) == 2


def test_near_pairs_extend_people_and_join_them_but_start_nobody():
    # A chain a - b - c - d, a pair of candidates for c and d alone
    limbs = ((0, 1), (1, 2), (2, 3))
    peaks = Peaks(np.zeros(6), np.zeros(6), np.full(6, 0.5), np.array([0, 1, 2, 4, 6]))
    rows = connections_of((0, 0, 1, 0.9), (2, 2, 4, 0.8), (1, 1, 2, 0.0), (1, 1, 3, 0.0), (2, 3, 5, 0.0))
    people = join_best_first(rows, peaks, limbs)
    assert [person.joints for person in people] == [{0: 0, 1: 1, 2: 2, 3: 4}]
    assert np.isclose(people[0].score, 4 * 0.5 + 0.9 + 0.8)
    people = join_best_first(connections_of((0, 0, 1, 0.9), (1, 1, 3, 0.0), (2, 3, 5, 0.0)), peaks, limbs)
    assert [person.joints for person in people] == [{0: 0, 1: 1, 2: 3, 3: 5}]
    assert join_best_first(connections_of((2, 3, 5, 0.0)), peaks, limbs) == []
