"""Regions of people: outlines, run lengths, and boxes where there is no outline."""
import copy
import json
import re

import numpy as np
import pytest
from coco_content import content, person, read
from pycocotools import mask as coco_mask

from common.data.readers.coco import Annotations, read_annotations
from common.data.readers.coco_masks import decode_outline, unpack_counts
from common.stand_ins.datasets.annotations import encode_mask


def test_a_region_is_the_outline_or_else_the_box(caplog):
    runs = encode_mask(np.arange(80 * 100).reshape(80, 100) < 50)
    people = read(person(1, 1), person(2, 1, segmentation=None), person(3, 1, segmentation={**runs, "size": [40, 50]}),
                  person(4, 1, segmentation=runs, iscrowd=1), person(5, 1, segmentation=[], bbox=[-5, 70, 10, 50]),
                  members=("segmentation",))
    regions = [people.region(row, (100, 80)) for row in range(5)]
    box = np.zeros((80, 100), bool)
    box[20:60, 10:40] = True
    assert (regions[0][0] == box).mean() > 0.98 and not regions[0][1]
    assert (regions[1][0] == box).all() and regions[1][1] == "it has none"
    assert (regions[2][0] == box).all() and "[40, 50] (height, width), not [80, 100]" in regions[2][1]
    assert regions[3][0].sum() == 50 and regions[3][0][0, :50].all()
    assert regions[4][0].sum() == 10 * 5


def test_the_box_of_a_person_without_an_outline_is_cut_at_the_rims():
    people = read(person(1, 1, segmentation=None, bbox=[90.4, -3, 30, 5.6]),
                  person(2, 1, segmentation=None, bbox=[1.6, 78, 2, 9]), members=("segmentation",))
    expected = np.zeros((2, 80, 100), bool)
    expected[0, 0:3, 90:] = expected[1, 78:, 2:4] = True
    for row in (0, 1):
        np.testing.assert_array_equal(people.region(row, (100, 80))[0], expected[row])


SQUARE = [1, 1, 4, 1, 4, 3, 1, 3]


@pytest.mark.parametrize("segmentation", [
    [SQUARE], SQUARE, [[1, 1], [4, 1], [4, 3], [1, 3]], [[float(value) for value in SQUARE]], [SQUARE, SQUARE],
    encode_mask(np.pad(np.ones((2, 3), bool), ((1, 2), (1, 2)))),
    [encode_mask(np.pad(np.ones((2, 3), bool), ((1, 2), (1, 2))))]])
def test_forms_of_a_region(segmentation):
    mask, fault = decode_outline(segmentation, 5, 6)
    assert mask.sum() == 6 and mask[1:3, 1:4].all() and not fault


@pytest.mark.parametrize(("part", "text"), [
    (SQUARE[:-1], "7 numbers instead of x and y"), ([1, 1, 2, 2], "4 numbers instead of"), ([], "0 numbers"),
    ([1, 1, 4, 1, 4, float("nan")], "far outside"), ([1, 1, 4, 1, 4, 1e9], "far outside"),
    ([1, 1, 4, 1, 4, "b"], "not made of numbers"), ([1, 1, 4, 1, 4, None], "far outside"),
    ({"counts": [3, 27], "size": [6, 5]}, "of an image of"), ({"counts": [30]}, "of an image of None"),
    ({"counts": [3, 26], "size": [5, 6]}, "do not add up"), ({"counts": [31, -1], "size": [5, 6]}, "do not add up"),
    ({"counts": [0.5, 29.5], "size": [5, 6]}, "do not add up"), ({"counts": [3, "x"], "size": [5, 6]}, "not numbers"),
    ({"counts": None, "size": [5, 6]}, "do not add up"), ({"size": [5, 6]}, "do not add up"),
    ({"counts": "PPPPPPP", "size": [5, 6]}, "cut off"), ({"counts": "\u20ac", "size": [5, 6]}, "damaged|do not add"),
    ({"counts": b"!", "size": [5, 6]}, "damaged"), ({"counts": "o" * 40, "size": [5, 6]}, "damaged"),
    ({"counts": [10 ** 30], "size": [5, 6]}, "do not add up")])
def test_each_part_of_a_region_is_checked(part, text):
    mask, fault = decode_outline([part], 5, 6)
    assert mask is None and re.search(text, fault)
    mask, fault = decode_outline([SQUARE, part], 5, 6)
    assert mask.sum() == 6 and fault  # what can be used is


def test_packed_run_lengths_are_those_of_pycocotools():
    rng = np.random.default_rng(1)
    for _ in range(50):
        size = rng.integers(1, 70, 2)
        mask = rng.random(size) < rng.random()
        packed = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
        assert unpack_counts(packed["counts"]) == encode_mask(mask)["counts"]
        for counts in (packed["counts"], packed["counts"].decode()):
            assert (decode_outline({**packed, "counts": counts}, *size)[0] == mask).all()


def test_reading_a_file_changes_nothing_in_its_content(tmp_path):
    before = content()
    after = copy.deepcopy(before)
    Annotations(after, "a", members=("segmentation",))
    assert before == after
    (tmp_path / "a.json").write_text(json.dumps(before))
    assert len(read_annotations(str(tmp_path / "a.json"))) == 3


def test_parts_of_a_region_are_joined_and_bad_ones_told():
    left, right = [0, 0, 2, 0, 2, 5, 0, 5], [4, 0, 6, 0, 6, 5, 4, 5]
    both = np.zeros((5, 6), bool)
    both[:, [0, 1, 4, 5]] = True
    np.testing.assert_array_equal(decode_outline([left, right], 5, 6)[0], both)
    mask, fault = decode_outline([right, [1, 2]], 5, 6)
    assert mask.sum() == 10 and mask[:, 4:].all() and fault.startswith("a polygon has 2 numbers")
    for nothing in ([], None, 5, "x", {}):
        mask, fault = decode_outline(nothing, 5, 6)
        assert mask is None and fault


def test_corners_lie_at_most_sixteen_longer_sides_away():
    assert decode_outline([[0, 0, 96, 0, 0, 5]], 5, 6)[1] == ""
    assert decode_outline([[0, 0, 97, 0, 0, 5]], 5, 6)[1] == "a polygon has corners far outside the image"


def test_bounds_of_run_lengths():
    assert decode_outline({"counts": [0.5, 0.5, 29], "size": [5, 6]}, 5, 6)[1].startswith("the run lengths do not add")
    # Six bits from the character 0 on; the sixth says that the number goes on, for at most thirteen characters.
    assert unpack_counts("P" * 12 + "0") == [0]
    for text in ("p", "/", "P" * 13 + "0"):
        with pytest.raises(ValueError, match="packed run lengths are damaged"):
            unpack_counts(text)
    with pytest.raises(ValueError, match="cut off"):
        unpack_counts("o")
    assert encode_mask(np.zeros((0, 3), bool)) == {"counts": [0], "size": [0, 3]}
