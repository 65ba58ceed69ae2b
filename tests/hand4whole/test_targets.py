"""Targets against those of the published code, and their properties."""

import hand4whole_golden as reference
import numpy as np
import pytest

from common.body_models.lbs_numpy import pose_body, pose_smplx
from common.data.augment import NO_CHANGE, Change
from common.data.readers.human36m_images import camera_translation
from common.data.readers.smplx_params import POSE_SIZE, SMPLXFit
from common.data.records import Record
from common.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from common.joints import SKELETONS
from hand4whole.src import joint_sets, targets
from hand4whole.src.body import BodyFits, HandFits
from hand4whole.src.dataset import patch_of
from hand4whole.src.joint_sets import (
    H36M_PLACES,
    MPI_INF_3DHP_PLACES,
    MPII_PLACES,
    WHOLEBODY_134,
    WHOLEBODY_PLACES,
    merge_wholebody,
)

SPACE = targets.Space()
HAND_SPACE = targets.Space((256, 256), (8, 8, 8))
CASES = ("plain", "augmented")
FOCAL, PRINCIPAL = np.array([500.0, 510.0]), np.array([200.0, 200.0])


@pytest.fixture(scope="module")
def golden():
    return reference.load("preprocess")


@pytest.fixture(scope="module")
def body_fits():
    return BodyFits(reference.model("smplx"))


def cut_of(golden, case):
    change = NO_CHANGE if case == "plain" else Change(True, 25.0, 1.1, np.ones(3))
    return targets.Cut(golden[f"patch/{case}/trans"].astype(np.float64), change, 640)


def close(found, wanted, tolerance=1e-4):
    np.testing.assert_allclose(np.asarray(found).reshape(wanted.shape), wanted, atol=tolerance, rtol=1e-5)


def check_joints(found, golden, start, trunc_valid=1.0):
    close(found.img, golden[start + "joint_img"], 2e-4)
    close(found.cam, golden[start + "joint_cam"])
    close(found.trunc, golden[start + "joint_trunc"] * trunc_valid)


# Joint sets.

def test_parts_of_the_joints():
    ends = [(joint_sets.JOINTS[part][0], joint_sets.JOINTS[part][-1]) for part in
            (joint_sets.BODY, joint_sets.LEFT_HAND, joint_sets.RIGHT_HAND, joint_sets.FACE)]
    assert ends == [("pelvis", "nose"), ("left_thumb1", "left_pinky4"), ("right_thumb1", "right_pinky4"),
                    ("jaw", joint_sets.JOINTS[-1])]
    assert joint_sets.ROTATIONS[joint_sets.LEFT_HAND_ROTATIONS][0] == "left_index1"
    assert joint_sets.ROTATIONS[joint_sets.RIGHT_HAND_ROTATIONS][-1] == "right_thumb3"
    assert joint_sets.ROTATIONS[joint_sets.JAW_ROTATION] == ("jaw",)
    assert len(joint_sets.ROTATIONS) == 53 and len(targets.COLUMNS) == 25 and len(targets.HAND_COLUMNS) == 14


def test_hand_regressors_find_wrist_and_tips():
    model = reference.model("smplx")
    rows = joint_sets.body_hand_regressors(model)["left"]
    # Wrist 20; thumb 37, 38, 39 and its tip, then the index finger 25, ...
    np.testing.assert_array_equal(rows[[0, 1, 5, 17]], model.J_regressor[[20, 37, 25, 31]])
    assert [int(rows[tip].argmax()) for tip in (4, 8, 12, 16, 20)] == [5361, 4933, 5058, 5169, 5286]
    hand = joint_sets.hand_regressor(reference.model("mano_right"))
    assert [int(hand[tip].argmax()) for tip in (4, 8, 12, 16, 20)] == [745, 317, 445, 556, 673]


# Images.

@pytest.mark.parametrize("case,row", [("plain", 0), ("border", 3), ("augmented", 0)])
def test_published_patches(golden, case, row):
    change = Change(True, 25.0, 1.1, np.ones(3)) if case == "augmented" else NO_CHANGE
    photo = reference.seeded.image("hand4whole/photo", 480, 640, reference.SEED)
    patch, matrix = patch_of(photo, golden["bbox_out"][row], (384, 512), change)
    close(matrix, golden[f"patch/{case}/trans"])
    difference = np.abs(255 * patch.transpose(1, 2, 0)[::8, ::8] - golden[f"patch/{case}/img"])
    assert difference.mean() < 0.05 and np.quantile(difference, 0.999) < 2


def test_colours_are_scaled_and_cut():
    photo = np.full((40, 30, 3), (100, 200, 50), np.uint8)
    patch, _ = patch_of(photo, (10.0, 10.0, 6.0, 8.0), (12, 16), NO_CHANGE._replace(colour=np.array([1.2, 1.5, 0.5])))
    close(patch[:, 8, 6], np.array([120 / 255, 1.0, 25 / 255]))
    outside, _ = patch_of(photo, (300.0, 10.0, 6.0, 8.0), (12, 16), NO_CHANGE)
    assert outside.shape == (3, 16, 12) and not outside.any()


# Annotated joints.

@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("source", ["h36m", "coco"])
def test_published_targets_of_annotated_joints(golden, case, source):
    names, places = {"h36m": (SKELETONS["h36m_17"], H36M_PLACES), "coco": (WHOLEBODY_134, WHOLEBODY_PLACES)}[source]
    count = len(names)
    joint_img = np.concatenate([reference.numbers(f"prep/{source}_{axis}", (count, 1), low, high)
                                for axis, low, high in (("x", 60, 340), ("y", 20, 380), ("z", -1, 9))], 1)
    joint_cam = 0.4 * reference.numbers(f"prep/{source}_cam", (count, 3))
    valid = reference.numbers(f"prep/{source}_valid", (count, 1), 0, 1) < 0.8
    start = f"db_coord/{source}/{case}/"
    found = targets.place_joints(joint_img, joint_cam, valid, names, cut_of(golden, case), SPACE)
    found = targets.spread(found, places, 137)
    check_joints(found, golden, start)
    close(found.valid, golden[start + "joint_valid"])


def test_joints_of_other_sets_go_to_their_places():
    for name, places, number, neck in (("mpii_16", MPII_PLACES, 14, "upper_neck"),
                                       ("mpi_inf_3dhp_17", MPI_INF_3DHP_PLACES, 14, "neck"),
                                       ("h36m_17", H36M_PLACES, 14, "thorax")):
        found = {joint: joint_sets.JOINTS[place] for joint, place in zip(SKELETONS[name], places) if place >= 0}
        assert len(found) == number and found.pop(neck) == "neck"
        assert all(joint == target for joint, target in found.items()) and "pelvis" in found


def test_published_merge_of_wholebody_points(golden):
    rows = np.concatenate([reference.numbers(f"prep/merge_{part}", (count, 3), 0, 300) for part, count in
                           (("body", 17), ("feet", 6), ("lhand", 21), ("rhand", 21), ("face", 68))])
    labelled = np.floor(rows[:, 2] / 101) > 0
    nose = len(WHOLEBODY_134) - 68 + 30
    labelled[nose - 1] = True
    j2d, found = merge_wholebody(rows[:, :2], labelled)
    wanted = golden["coco_merge"]
    close(j2d, wanted[:, :2])
    others = np.arange(134) != nose
    assert (found == (wanted[:, 2] > 0))[others].all()
    labelled[nose - 1], labelled[0] = False, True
    j2d, found = merge_wholebody(rows[:, :2], labelled)
    assert found[nose] and (j2d[nose] == rows[0, :2]).all()
    labelled[0] = False
    assert not merge_wholebody(rows[:, :2], labelled)[1][nose]


# Boxes of hands and faces.

@pytest.mark.parametrize("case", CASES)
def test_published_boxes(golden, case):
    for name, (x1, y1, x2, y2) in {"a": (120, 80, 160, 130), "b": (210.5, 90.25, 260.5, 150)}.items():
        corners = targets.box_corners((x1, y1, x2 - x1, y2 - y1), cut_of(golden, case), SPACE)
        close(corners, golden[f"part_bbox/{case}/{name}"])


def test_boxes_without_extent_or_outside_are_no_targets():
    # The crop shows the image as it is: 64 px are one cell.
    cut = targets.Cut(np.eye(2, 3), NO_CHANGE, 640)
    center, size, valid = targets.place_box((64, 128, 32, 64), cut, SPACE)
    assert center.tolist() == [1.25, 2.5] and size.tolist() == [0.5, 1.0] and valid == 1
    assert targets.place_box((-20, 10, 40, 40), cut, SPACE)[2] == 1  # half of it is inside
    for box in (None, (64, 128, 0, 64), (64, 128, 10, -3), (400, 10, 40, 40), (-50, 10, 40, 40), (10, 520, 40, 40)):
        center, size, valid = targets.place_box(box, cut, SPACE)
        assert not center.any() and not size.any() and valid == 0


# Fits.

def seeded_fit(norhand):
    pose = np.zeros(POSE_SIZE)
    for name, part, size, factor in (("root_pose", slice(0, 3), 3, 0.5), ("body_pose", slice(3, 66), 63, 0.3),
                                     ("jaw_pose", slice(66, 69), 3, 0.2), ("lhand_pose", slice(75, 120), 45, 0.3),
                                     ("rhand_pose", slice(120, 165), 45, 0.3)):
        pose[part] = factor * reference.numbers(f"prep/{name}", (size,))
    return SMPLXFit(pose, 0.5 * reference.numbers("prep/shape", (10,)), 0.5 * reference.numbers("prep/expr", (10,)),
                    np.array([0.1, -0.2, 5.0]), {"lhand": True, "rhand": not norhand, "face": not norhand})


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("camera", ["nocam", "cam"])
@pytest.mark.parametrize("hands", ["all", "norhand"])
def test_published_targets_of_fitted_bodies(golden, body_fits, case, camera, hands):
    raw, pose, translation = seeded_fit(hands == "norhand"), None, None
    if camera == "cam":
        rotation = axis_angle_to_matrix(0.4 * reference.numbers("prep/cam_rot", (3,)))
        record = Record("", np.zeros(4), extras={"rotation": rotation, "offset": np.array([0.1, 0.2, 0.3]), "fit": raw})
        pose = raw.pose.copy()
        pose[:3] = matrix_to_axis_angle(rotation @ axis_angle_to_matrix(pose[:3]))
        expr = raw.expr if hands == "all" else np.zeros(10)
        translation = camera_translation(record, body_fits.root_rest(raw.beta, expr))
    fit = body_fits.fit(raw, pose, translation)
    start, cut = f"smplx_fit/{case}/{camera}/{hands}/", cut_of(golden, case)
    joint_img, joint_cam = targets.project_fit(fit.j3d, FOCAL, PRINCIPAL, joint_sets.DEPTH_GROUPS, SPACE)
    found = targets.place_joints(joint_img, joint_cam, fit.joint_valid, joint_sets.JOINTS, cut, SPACE)
    coord_valid = golden[start + "coord_valid"][:, None]
    check_joints(found, golden, start, coord_valid)
    close(found.valid, coord_valid)
    pose, pose_valid = targets.place_pose(fit.pose, fit.pose_valid, joint_sets.ROTATIONS, cut.change)
    close(pose, golden[start + "pose"])
    close(pose_valid[::3], golden[start + "rotation_valid"])
    close(targets.usual_shape(fit.shape), golden[start + "shape"])
    close(fit.expr, golden[start + "expr"])
    assert fit.expr_valid == golden[start + "expr_valid"]


def test_reduced_body_agrees_with_the_whole_one(body_fits):
    """The neck turns so far that another row of the face's outline counts."""
    model, raw = reference.model("smplx"), seeded_fit(False)
    pose = raw.pose.copy()
    pose[36:39] += (0.0, 0.5, 0.0)
    full = pose.copy()
    full[75:120] += model.extras["hands_meanl"]
    full[120:] += model.extras["hands_meanr"]
    _, joints = pose_smplx(model, axis_angle_to_matrix(full.reshape(1, -1, 3)), raw.beta[None], raw.expr[None],
                           raw.translation[None])
    found = body_fits.joints(pose, raw.beta, raw.expr, raw.translation)
    close(found, joints[0, joint_sets.FROM_SMPLX_144], 1e-9)


@pytest.mark.parametrize("case", CASES)
def test_published_targets_of_smpl(golden, case):
    """The same functions serve a body of another kind."""
    model, cut = reference.model("smpl"), cut_of(golden, case)
    pose = 0.3 * reference.numbers("prep/smpl_pose", (72,))
    vertices, _ = pose_body(model, axis_angle_to_matrix(pose.reshape(1, 24, 3)),
                            0.5 * reference.numbers("prep/smpl_shape", (1, 10)), np.array([[0.1, -0.2, 5.0]]))
    names, start = SKELETONS["smpl_24"], f"smpl_fit/{case}/"
    close(vertices[0, ::53], golden[start + "mesh_cam"])
    joint_img, joint_cam = targets.project_fit(model.J_regressor @ vertices[0], FOCAL, PRINCIPAL,
                                               ((slice(0, 24), 0, "body_size"),), SPACE)
    check_joints(targets.place_joints(joint_img, joint_cam, np.ones(24), names, cut, SPACE), golden, start)
    close(targets.place_pose(pose, np.ones(24), names, cut.change)[0], golden[start + "pose"])


def test_shapes_that_nobody_has_become_the_mean(golden):
    usual, beyond = np.full(10, -3.0), np.full(10, 0.5)
    beyond[4] = -3.01
    assert targets.usual_shape(usual) is usual
    close(targets.usual_shape(beyond), golden["shape_reset"])


# Hands.

@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("case", ["plain", "flip_rot"])
def test_published_targets_of_hands(side, case):
    golden, start = reference.load("hand_preprocess"), f"mano_{side}/{case}/"
    pose = 0.3 * reference.numbers(f"prep/mano_{side}_pose", (48,))
    beta, translation = 0.5 * reference.numbers(f"prep/mano_{side}_shape", (10,)), np.array([0.02, -0.03, 0.8])
    fits = HandFits(reference.model("mano_right"), reference.model("mano_left"))
    change = NO_CHANGE if case == "plain" else Change(True, 20.0, 1.0, np.ones(3))
    cut = targets.Cut(np.array([[1.2, 0.1, -5.0], [-0.1, 1.2, 8.0]]), change, 224)
    close(fits.vertices(side, pose, beta, translation)[::7], golden[start + "mesh_cam"])
    joint_img, joint_cam = targets.project_fit(fits.joints(side, pose, beta, translation), np.array([600.0, 610.0]),
                                               np.array([112.0, 110.0]), joint_sets.HAND_DEPTH_GROUPS, HAND_SPACE)
    found = targets.place_joints(joint_img, joint_cam, np.ones(21), joint_sets.HAND_JOINTS, cut, HAND_SPACE)
    check_joints(found, golden, start)
    close(targets.place_pose(pose, np.ones(16), joint_sets.HAND_ROTATIONS, cut.change)[0], golden[start + "pose"])
