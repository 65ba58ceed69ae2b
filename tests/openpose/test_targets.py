"""Targets against the published ones, and the skeleton they are made for."""

import json

import numpy as np
import openpose_golden as golden
import pytest

from common.errors import UserError
from common.joints import SKELETONS
from openpose.src.skeleton import COCO_18, describe_skeleton, load_skeleton, parse_skeleton
from openpose.src.targets import make_targets, mask_target


@pytest.mark.parametrize("name", ["scales", "overlap", "truncated"])
def test_published_targets(name):
    case = golden.load("targets")
    keypoints = golden.scenes.annotations(name, golden.SEED)
    assert np.allclose(keypoints.reshape(-1, 3).sum(0), case[f"{name}.check"])
    joints = COCO_18.from_annotations(keypoints, SKELETONS["coco_17"])
    expected = case[f"{name}.a.joints"]
    others = [joint for joint in range(18) if joint != 1]
    assert (joints[:, others] == expected[:, others]).all()
    assert (np.trunc(joints[:, 1]) == expected[:, 1]).all()  # published: the neck cut to whole pixels
    heat, paf = make_targets(expected, 46, 46)
    assert np.abs(heat - case[f"{name}.a.heat"]).max() < 1e-6
    assert np.abs(paf - case[f"{name}.a.paf"]).max() < 1e-6
    assert heat.dtype == paf.dtype == np.float32


def test_mask():
    case = golden.load("targets")
    ignore = golden.scenes.ignore_mask(golden.SEED)
    assert ignore.sum() == case["mask.check"]
    assert np.abs(mask_target(ignore, 46, 46) - case["mask"]).max() < 1e-6
    assert (mask_target(np.zeros((80, 64)), 10, 8) == 1).all()


def test_two_people_on_a_cell_by_hand():
    """Limbs to the right and downwards cross at a cell: its field is the mean, its heat the greater one."""
    joints = np.zeros((2, 18, 3))
    joints[0, [8, 9]] = (19.5, 35.5, 1), (51.5, 35.5, 1)
    joints[1, [8, 9]] = (35.5, 19.5, 1), (35.5, 51.5, 1)
    heat, paf = make_targets(joints, 9, 9)
    limb = COCO_18.limbs.index((8, 9))
    assert np.allclose(paf[2 * limb:2 * limb + 2, 4, 4], 0.5)
    assert np.allclose(paf[2 * limb:2 * limb + 2, 4, 6], (1, 0))
    assert np.allclose(paf[2 * limb:2 * limb + 2, 6, 4], (0, 1))
    assert heat[8, 4, 2] == 1 and np.isclose(heat[8, 2, 2], np.exp(-16 ** 2 / 98))
    assert np.allclose(heat[18], 1 - heat[:18].max(0))


def test_nobody_and_limbs_without_length():
    heat, paf = make_targets(np.zeros((0, 18, 3)), 5, 6)
    assert heat.shape == (19, 5, 6) and not heat[:18].any() and (heat[18] == 1).all() and not paf.any()
    same = np.zeros((1, 18, 3))
    same[0, :] = 20, 20, 1
    assert not make_targets(same, 5, 6)[1].any()


def test_the_neck_needs_both_shoulders():
    keypoints = np.zeros((2, 17, 3))
    keypoints[:, 5], keypoints[0, 6] = (10, 21, 2), (21, 20, 1)
    joints = COCO_18.from_annotations(keypoints, SKELETONS["coco_17"])
    assert joints[0, 1].tolist() == [15.5, 20.5, 2] and not joints[1, 1].any()
    assert joints[1, COCO_18.joints.index("left_shoulder")].tolist() == [10, 21, 2]
    assert COCO_18.annotation_order(SKELETONS["coco_17"]).tolist() == golden.scenes.COCO_TO_18


def test_the_mirror_of_the_maps_is_the_map_of_the_mirror():
    truth = golden.scenes.people_of("overlap", 1)[2]
    order, (limbs, signs) = COCO_18.mirrored_joints(), COCO_18.mirrored_limbs()
    mirrored = truth[:, order].copy()
    mirrored[..., 0] = 367 - mirrored[..., 0]
    heat, paf = make_targets(truth, 46, 46)
    other_heat, other_paf = make_targets(mirrored, 46, 46)
    assert np.allclose(heat[[*order, 18]][..., ::-1], other_heat, atol=1e-6)
    turned = signs[:, None, None, None] * np.array([-1, 1])[:, None, None]
    fields = paf.reshape(19, 2, 46, 46)[limbs][..., ::-1] * turned
    assert np.mean(np.abs(fields.reshape(38, 46, 46) - other_paf) > 1e-6) < 1e-4  # single cells at the rim of a limb


GOOD = {"joints": ["nose", "middle", "left_hand", "right_hand"], "means": {"middle": ["left_hand", "right_hand"]},
        "limbs": [["nose", "left_hand"], ["nose", "right_hand"], ["nose", "middle"]], "sigmas": {"nose": 0.02}}


def test_own_skeleton(tmp_path):
    assert load_skeleton("") is COCO_18
    path = tmp_path / "own.yaml"
    path.write_text("joints: [nose, left_hand, right_hand]\nlimbs:\n- [nose, left_hand]\n- [nose, right_hand]\n")
    skeleton = load_skeleton(str(path))
    assert skeleton.limbs == ((0, 1), (0, 2)) and skeleton.growth == ()
    assert skeleton.mirrored_limbs()[0].tolist() == [1, 0]
    skeleton = parse_skeleton(GOOD, "own.yaml")
    assert skeleton.sigma_array(("nose", "middle")).tolist() == [0.02, 0.05]
    joints = skeleton.from_annotations([[(1, 2, 2), (4, 4, 1), (8, 8, 1)]], ("nose", "left_hand", "right_hand"))
    assert joints[0, 1].tolist() == [6, 6, 2]
    skeleton.check_names(("nose", "left_hand", "right_hand"), "a.json")
    with pytest.raises(UserError, match="a.json has no keypoints for middle, right_hand"):
        skeleton.check_names(("nose", "left_hand"), "a.json")
    with pytest.raises(UserError, match="tail, which the skeleton lacks"):
        skeleton.check_names(("nose", "left_hand", "right_hand", "tail"), "a.json")


@pytest.mark.parametrize("change, text", [
    ({"joints": None}, "needs the lists"), ({"colour": 1}, "unknown entry colour"),
    ({"limbs": [["nose", "tail"]]}, "no pair of two joints"),
    ({"joints": ["nose", "left_hand"], "limbs": [["nose", "left_hand"]]}, "left_hand has no right counterpart"),
    ({"joints": ["nose", "RHand"], "limbs": [["nose", "RHand"]]}, "RHand has no left counterpart"),
    ({"joints": ["a", "b"], "limbs": [["a", "b"]]}, "no joint is called left or right: list .* `flip_pairs`"),
    ({"joints": ["nose", "nose", "left_hand", "right_hand"]}, "twice"), ({"sigmas": {"nose": -1}}, "`sigmas`"),
    ({"limbs": [["nose", "left_hand"], ["left_hand", "right_hand"], ["nose", "middle"]]}, "no counterpart"),
    ({"limbs": [["nose", "left_hand"], ["middle", "right_hand"]]}, "do not connect middle, right_hand with nose"),
    ({"flip_pairs": [["nose", "middle", "left_hand"]]}, "list of pairs"), ({"flip_pairs": 3}, "list of pairs"),
    ({"flip_pairs": [["nose", "tail"]]}, "each joint .* once"), ({"means": [1]}, "`means`"),
    ({"flip_pairs": [["nose", "middle"], ["middle", "left_hand"]]}, "each joint .* once")])
def test_bad_skeletons_are_refused(change, text):
    with pytest.raises(UserError, match=text):
        parse_skeleton({**GOOD, **change}, "own.yaml")
    with pytest.raises(UserError, match="does not exist"):
        load_skeleton("nowhere.yaml")


def chain(joints, **others):
    return {"joints": joints, "limbs": [["nose", joint] for joint in joints if joint != "nose"], **others}


@pytest.mark.parametrize("right, left", [
    ("Right Shoulder", "Left Shoulder"), ("Right-ankle", "Left-ankle"), ("R_Eye", "L_Eye"), ("RShoulder", "LShoulder"),
    ("r_knee", "l_knee"), ("shoulder_right", "shoulder_left"), ("eyeR", "eyeL"), ("forelegR1", "forelegL1"),
    ("RIGHT_HIP", "LEFT_HIP"), ("hip.R", "hip.L"), ("rightwrist", "leftwrist"), ("Rsho", "lsho"),
    ("right_elbow", "LElbow")])
def test_sides_are_known_in_any_usual_spelling(right, left, tmp_path, caplog):
    skeleton = parse_skeleton(chain(["nose", right, left]), "own.yaml")
    assert skeleton.mirrored_joints().tolist() == [0, 2, 1] and skeleton.mirrored_limbs()[0].tolist() == [1, 0]
    path = tmp_path / "own.yaml"
    path.write_text(json.dumps(chain(["nose", right, left])))
    with caplog.at_level("INFO", logger="mindhuman"):
        assert load_skeleton(str(path)) == skeleton
    assert f"{right} with {left} change places in mirrored images" in caplog.text


def test_pairs_that_the_names_do_not_tell_are_given():
    skeleton = parse_skeleton(chain(["nose", "paw 1", "paw 2", "left_ear", "right_ear"], flip_pairs=[["paw 1", "paw 2"]]
                                    ), "own.yaml")
    assert skeleton.mirrored_joints().tolist() == [0, 2, 1, 3, 4]  # what is given holds, not the names
    assert parse_skeleton(describe_skeleton(skeleton), "a.ckpt") == skeleton
    assert parse_skeleton(chain(["nose", "tail"], flip_pairs=[]), "own.yaml").mirrored_joints().tolist() == [0, 1]


def test_annotations_are_found_by_the_joints_names_in_another_spelling():
    skeleton = parse_skeleton({**GOOD, "sigmas": {"left_hand": 0.3}}, "own.yaml")
    names = ("RHand", "Nose", "Left Hand")
    joints = skeleton.from_annotations([[(1, 2, 2), (4, 4, 1), (9, 8, 1)]], names)
    assert joints[0].tolist() == [[4, 4, 1], [5, 5, 2], [9, 8, 1], [1, 2, 2]]
    assert skeleton.annotation_order(names).tolist() == [3, 0, 2]
    assert skeleton.sigma_array(names).tolist() == [0.05, 0.05, 0.3]
    skeleton.check_names(names, "a.json")
    with pytest.raises(UserError, match="has no keypoints for middle, left_hand"):
        skeleton.check_names(names[:2], "a.json")


def test_the_field_of_a_limb_ends_eight_pixels_beside_it():
    """A limb along cells, from the middle of a cell: of the rows beside it those 8 px away belong to it."""
    joints = np.zeros((1, 18, 3))
    start, end = COCO_18.limbs[0]
    joints[0, start], joints[0, end] = (19.5, 35.5, 1), (51.5, 35.5, 1)
    _, paf = make_targets(joints, 9, 9)
    covered = np.zeros((9, 9), bool)
    covered[3:6, 2:7] = True  # rows 27.5 to 43.5, columns 19.5 to 51.5
    assert (paf[0] == covered).all() and not paf[1].any()
    assert (make_targets(joints, 9, 9, paf_width=7.99)[1][0] != 0).any(1).tolist() == [row == 4 for row in range(9)]
