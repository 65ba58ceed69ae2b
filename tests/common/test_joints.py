"""Skeleton tables: orders as the originals' files have them, and what is derived from the names."""
import numpy as np
import pytest

from common import joints

SIZES = {"h36m_32": 32, "h36m_17": 17, "h36m_16": 16, "h36m_14": 14, "hourglass_16": 16, "mpii_16": 16, "coco_17": 17,
         "openpose_18": 18, "openpose_25": 25}


@pytest.mark.parametrize("name", joints.SKELETONS)
def test_every_skeleton_is_a_tree_of_unique_joints(name):
    names, parents = joints.SKELETONS[name], joints.parents(name)
    assert len(names) == len(set(names)) == len(parents)
    assert parents.count(-1) == 1
    for joint in range(len(names)):
        steps = 0
        while joint != -1:
            joint, steps = parents[joint], steps + 1
            assert steps <= len(names), "a loop among the parents"


def test_sizes():
    assert {name: len(joints.SKELETONS[name]) for name in SIZES} == SIZES


def test_human36m_rows_of_the_smaller_sets():
    moving = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
    assert joints.index_map("h36m_32", "h36m_17").tolist() == moving
    assert joints.index_map("h36m_32", "h36m_16").tolist() == [j for j in moving if j != 14]
    assert joints.index_map("h36m_32", "h36m_14").tolist() == [j for j in moving if j not in (0, 12, 14)]


def test_hourglass_order_is_the_original_permutation():
    expected = [6, 2, 1, 0, 3, 4, 5, 7, 8, 9, 13, 14, 15, 12, 11, 10]
    assert joints.index_map("hourglass_16", "h36m_16").tolist() == expected


def test_index_map_brings_points_into_target_order():
    points = np.arange(25)[None, :, None] * np.ones((2, 25, 3))
    body = points[:, joints.index_map("openpose_25", "openpose_18")]
    assert body[0, :, 0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]


def test_index_map_names_what_is_missing():
    with pytest.raises(ValueError, match="pelvis, spine"):
        joints.index_map("coco_17", ("nose", "pelvis", "spine"))


def test_mixing_takes_means_of_means():
    points = np.zeros((17, 2))
    points[[1, 2]] = [[10, 4], [14, 8]]        # eyes
    points[[5, 6]] = [[0, 100], [40, 100]]     # shoulders
    points[[11, 12]] = [[10, 300], [20, 320]]  # hips
    points[10] = [7, 9]                        # right wrist
    mixed = joints.mixing_matrix("coco_17", "h36m_16") @ points
    by_name = dict(zip(joints.SKELETONS["h36m_16"], mixed.tolist()))
    assert by_name["pelvis"] == [15, 310]
    assert by_name["thorax"] == [20, 100]
    assert by_name["spine"] == [17.5, 205]
    assert by_name["head"] == [12, 6]
    assert by_name["right_wrist"] == [7, 9]


def test_mixing_refuses_what_nothing_can_make():
    with pytest.raises(ValueError, match="left_big_toe cannot be made"):
        joints.mixing_matrix("coco_17", "openpose_25")


def test_flip_pairs():
    assert joints.flip_pairs("coco_17") == ((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16))
    assert joints.flip_pairs("mpii_16") == ((3, 2), (4, 1), (5, 0), (13, 12), (14, 11), (15, 10))
    assert joints.flip_pairs(("left_hip", "nose", "right_hip")) == ((0, 2),)


def test_limbs_skip_dropped_joints():
    limbs = joints.limbs("h36m_17")
    names = joints.SKELETONS["h36m_17"]
    drawn = {(names[a], names[b]) for a, b in limbs}
    assert len(limbs) == 16
    assert {("thorax", "left_shoulder"), ("pelvis", "spine"), ("neck_nose", "head")} <= drawn
    assert ("thorax", "head") in {tuple(joints.SKELETONS["h36m_16"][i] for i in limb)
                                  for limb in joints.limbs("h36m_16")}


def test_coco_has_its_nineteen_limbs():
    assert len(set(map(frozenset, joints.limbs("coco_17")))) == 19


def test_sides():
    assert [joints.side(joint) for joint in ("left_hip", "right_eye", "pelvis")] == ["left", "right", "middle"]
