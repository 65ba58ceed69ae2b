"""Skeleton tables: orders as the originals' files have them, and what is derived from the names."""
from pathlib import Path

import numpy as np
import pytest

from common import joints

SIZES = {"h36m_32": 32, "h36m_17": 17, "h36m_16": 16, "h36m_14": 14, "hourglass_16": 16, "mpii_16": 16, "coco_17": 17,
         "openpose_18": 18, "openpose_25": 25, "lsp_14": 14, "cocoplus_19": 19, "graphcmr_24": 24,
         "mpi_inf_3dhp_28": 28, "mpi_inf_3dhp_17": 17, "coco_wholebody_133": 133, "smpl_24": 24, "smpl_45": 45,
         "smplx_55": 55, "smplx_144": 144, "hand4whole_137": 137, "mano_left_16": 16, "mano_right_21": 21,
         "left_hand_21": 21}
GOLDEN = Path(__file__).resolve().parents[1] / "golden"
WITH_FACE = {"coco_wholebody_133", "face_68", "smplx_144", "hand4whole_137"}


@pytest.mark.parametrize("name", joints.SKELETONS)
def test_every_skeleton_is_a_tree_of_unique_joints(name):
    names, parents = joints.SKELETONS[name], joints.parents(name)
    assert len(names) == len(set(names)) == len(parents)
    # The face consists of nine lines, which hang on nothing.
    assert parents.count(-1) == (0 if name == "face_68" else 1) + (9 if name in WITH_FACE else 0)
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


def test_tables_to_lsp_as_hmr_has_them():
    """Rows of the datasets that make LSP's 14 joints, from the published loaders."""
    train = [25, 24, 23, 18, 19, 20, 16, 15, 14, 9, 10, 11, 5, 7]
    assert joints.index_map("mpi_inf_3dhp_28", "lsp_14").tolist() == train
    assert joints.index_map("mpi_inf_3dhp_17", "lsp_14").tolist() == [10, 9, 8, 11, 12, 13, 4, 3, 2, 5, 6, 7, 1, 0]
    limbs = joints.SKELETONS["lsp_14"][:12]
    assert joints.index_map("coco_17", limbs).tolist() == [16, 14, 12, 11, 13, 15, 10, 8, 6, 5, 7, 9]
    assert joints.index_map("mpii_16", limbs).tolist() == [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]
    assert joints.index_map("coco_17", joints.SKELETONS["cocoplus_19"][14:]).tolist() == [0, 1, 2, 3, 4]


def swapped(name):
    order = list(range(len(joints.SKELETONS[name])))
    for left, right in joints.flip_pairs(name):
        order[left], order[right] = right, left
    return order


def test_flips_as_published():
    lsp = [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13]
    assert swapped("lsp_14") == lsp
    assert swapped("cocoplus_19") == lsp + [14, 16, 15, 18, 17]
    assert swapped("graphcmr_24") == lsp + [14, 15, 16, 17, 18, 19, 21, 20, 23, 22]
    smpl = [0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22]
    assert swapped("smpl_24") == smpl
    assert swapped("smplx_55") == smpl[:22] + [22, 24, 23, *range(40, 55), *range(25, 40)]
    outline_and_brows = [*range(16, -1, -1), *range(26, 16, -1)]
    assert swapped("face_68")[:36] == outline_and_brows + [27, 28, 29, 30, 35, 34, 33, 32, 31]


def test_smpl_tree_is_the_published_one():
    body = joints.parents("smpl_24")
    assert body == (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
    hand = [None, 0, 1, None, 3, 4, None, 6, 7, None, 9, 10, None, 12, 13]
    fingers = [[wrist if up is None else first + up for up in hand] for wrist, first in ((20, 25), (21, 40))]
    assert joints.parents("smplx_55") == body[:22] + (15, 15, 15, *fingers[0], *fingers[1])
    assert joints.SKELETONS["smplx_55"][25:40:3] == tuple(
        f"left_{finger}1" for finger in ("index", "middle", "pinky", "ring", "thumb"))
    assert joints.parents("mano_right_16") == (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14)


def test_hand4whole_order_selects_from_smplx():
    with np.load(GOLDEN / "hand4whole" / "smplx.npz") as case:
        mixed = joints.mixing_matrix("smplx_144", "hand4whole_137") @ case["joints"]
        np.testing.assert_array_equal(mixed, case["joints_137"])


def test_wholebody_parts():
    names = joints.SKELETONS["coco_wholebody_133"]
    assert names[:17] == joints.SKELETONS["coco_17"]
    assert names[17:20] == ("left_big_toe", "left_small_toe", "left_heel") and names[20] == "right_big_toe"
    assert names[-68:] == joints.SKELETONS["face_68"]
    assert names[23:27] == ("left_hand_wrist", "left_hand_thumb1", "left_hand_thumb2", "left_hand_thumb3")
    assert names[44] == "right_hand_wrist" and names[64] == "right_hand_pinky4"
