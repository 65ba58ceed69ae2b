import numpy as np
import pytest

from common.body_models.files import build_body_model
from common.body_models.lbs_numpy import pose_body
from common.geometry.rotation import axis_angle_to_matrix
from common.stand_ins.body import prior
from common.stand_ins.body.anatomy import joint_tree
from common.stand_ins.body.models import load_synthetic

NAMES = joint_tree("smpl")[0]


def poses(n=400, seed=0, kind="smpl"):
    return prior.sample_poses(np.random.default_rng(seed), n, kind)


def posed_joints(pose):
    """(n, J, 3) joints of the synthetic body."""
    model = build_body_model("smpl", load_synthetic("smpl"), "synthetic")
    n = len(pose)
    rest = model.J_regressor @ model.v_template
    rotmat = axis_angle_to_matrix(pose.reshape(n, 24, 3).astype(np.float64))
    rotation, joints = np.empty_like(rotmat), np.empty((n, 24, 3))
    for joint, parent in enumerate(model.parents):
        if parent < 0:
            rotation[:, joint], joints[:, joint] = rotmat[:, joint], rest[joint]
        else:
            rotation[:, joint] = rotation[:, parent] @ rotmat[:, joint]
            joints[:, joint] = joints[:, parent] + rotation[:, parent] @ (rest[joint] - rest[parent])
    return rotation, joints


def test_joints_agree_with_the_body_model():
    pose = poses(3)
    model = build_body_model("smpl", load_synthetic("smpl"), "synthetic")
    _, expected = pose_body(model, axis_angle_to_matrix(pose.reshape(3, 24, 3).astype(np.float64)), np.zeros((3, 10)))
    np.testing.assert_allclose(posed_joints(pose)[1], expected, atol=1e-9)


@pytest.mark.parametrize(("kind", "joints"), [("smpl", 24), ("smplx", 55), ("mano_left", 16), ("mano_right", 16)])
def test_shapes_and_seeds(kind, joints):
    first = poses(20, 3, kind)
    assert first.shape == (20, 3 * joints) and first.dtype == np.float32
    np.testing.assert_array_equal(first, poses(20, 3, kind))
    assert np.abs(first - poses(20, 4, kind)).max() > 0.1
    np.testing.assert_array_equal(first[:, 1:3], 0, err_msg="the root leans and does not turn")


def test_every_angle_stays_within_its_limits():
    angles = prior.sample_angles(np.random.default_rng(0), 3000)
    assert len(angles) == 7 + 2 * (len(prior.LIMITS) - 7)
    for joint, by_angle in angles.items():
        limits = prior.LIMITS.get(joint) or prior.LIMITS[joint.partition("_")[2]]
        assert by_angle.keys() == limits.keys()
        for angle, values in by_angle.items():
            assert limits[angle][0] <= values.min() and values.max() <= limits[angle][1], (joint, angle)


@pytest.mark.parametrize("side", ["left", "right"])
def test_knees_never_bend_backwards(side):
    """With the thigh put back upright, the ankle is never in front of the straight leg."""
    rotation, joints = posed_joints(poses())
    hip, knee, ankle = (NAMES.index(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
    shin = np.einsum("nji,nj->ni", rotation[:, hip], joints[:, ankle] - joints[:, knee])
    straight = posed_joints(np.zeros((1, 72)))[1][0]
    rest = straight[ankle] - straight[knee]
    assert (shin[:, 2] <= rest[2] + 1e-6).all()
    assert (shin[:, 2] < -0.2).any(), "and some are bent"
    assert np.abs(shin[:, 0] - rest[0]).max() < 1e-6, "a knee is a hinge"


@pytest.mark.parametrize("side", ["left", "right"])
def test_elbows_close_forwards_only(side):
    """With the upper arm put back into the T-pose, the wrist is never behind the straight arm."""
    rotation, joints = posed_joints(poses())
    shoulder, elbow, wrist = (NAMES.index(f"{side}_{name}") for name in ("shoulder", "elbow", "wrist"))
    forearm = np.einsum("nji,nj->ni", rotation[:, shoulder], joints[:, wrist] - joints[:, elbow])
    straight = posed_joints(np.zeros((1, 72)))[1][0]
    assert (forearm[:, 2] >= (straight[wrist] - straight[elbow])[2] - 1e-6).all()
    assert (forearm[:, 2] > 0.2).any()


def test_angles_turn_the_way_they_are_named():
    def moved(child, rotations):
        pose = np.zeros((1, 24, 3))
        for joint, degrees in rotations.items():
            limits = prior.LIMITS[joint.partition("_")[2]]
            full = {angle: np.array([degrees.get(angle, 0.0)]) for angle in limits}
            pose[0, NAMES.index(joint)] = prior.joint_rotations({joint: full}, 1)[0, 0]
        return posed_joints(pose.reshape(1, 72))[1][0, NAMES.index(child)] \
            - posed_joints(np.zeros((1, 72)))[1][0, NAMES.index(child)]

    for side, outward in (("left", 1), ("right", -1)):
        assert moved(f"{side}_wrist", {f"{side}_shoulder": {"raise": -60}})[1] < -0.3
        assert moved(f"{side}_wrist", {f"{side}_shoulder": {"forward": 60}})[2] > 0.3
        assert moved(f"{side}_ankle", {f"{side}_hip": {"flex": 60}})[2] > 0.3
        assert moved(f"{side}_ankle", {f"{side}_hip": {"abduct": 30}})[0] * outward > 0.2
        assert moved(f"{side}_foot", {f"{side}_ankle": {"flex": 30}})[1] < -0.03, "toes down"


def test_postures_differ():
    """Some bodies sit, some stand; arms hang in most, are raised in some."""
    _, joints = posed_joints(poses(600))
    hip, knee = NAMES.index("left_hip"), NAMES.index("left_knee")
    thigh = joints[:, knee] - joints[:, hip]
    assert 0.1 < (thigh[:, 2] > 0.25).mean() < 0.5
    wrist, shoulder = NAMES.index("left_wrist"), NAMES.index("left_shoulder")
    height = joints[:, wrist, 1] - joints[:, shoulder, 1]
    assert 0.04 < (height > 0.1).mean() < 0.4 and (height < -0.2).mean() > 0.4


def test_left_and_right_are_treated_alike():
    angles = prior.sample_angles(np.random.default_rng(1), 6000)
    for joint in ("hip", "knee", "shoulder", "elbow"):
        for angle in prior.LIMITS[joint]:
            left, right = angles[f"left_{joint}"][angle], angles[f"right_{joint}"][angle]
            assert abs(left.mean() - right.mean()) < 2.5, (joint, angle)


def test_hands_are_mirrored_and_close():
    left = prior.sample_hands(np.random.default_rng(2), 5, "left")
    right = prior.sample_hands(np.random.default_rng(2), 5, "right")
    np.testing.assert_array_equal(right, left * np.tile(np.float32([1, -1, -1]), 15))


def test_shapes_are_normal_and_bounded():
    shapes = prior.sample_shapes(np.random.default_rng(0), 4000)
    assert shapes.shape == (4000, 10) and np.abs(shapes).max() == np.float32(2.5)
    assert abs(shapes.mean()) < 0.02 and shapes.std() == pytest.approx(1, abs=0.03)


def test_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="flame"):
        poses(1, 0, "flame")
