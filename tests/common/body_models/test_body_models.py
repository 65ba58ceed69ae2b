"""SMPL, SMPL-X and MANO against the reference cases, an independent numpy version and their own symmetries."""
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from golden_files import seeded
from mindspore import Tensor, nn, ops

from common.body_models.files import build_body_model
from common.body_models.landmarks import VERTEX_JOINTS
from common.body_models.lbs import JointRegressor, ancestor_tables
from common.body_models.lbs_numpy import pose_body, pose_smplx
from common.body_models.mano import MANO, HandPose
from common.body_models.smpl import SMPL
from common.body_models.smplx import SMPLX, contour_row
from common.errors import UserError
from common.geometry import rotation
from common.geometry.projection import weak_perspective_projection

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
SEED = 1
# Place of the 137 supervised joints of Hand4Whole among SMPL-X's 144: body, hands with finger tips, jaw and head,
# eyes, face.
JOINTS_137 = (
    0, 1, 2, 4, 5, 7, 8, 12, 16, 17, 18, 19, 20, 21, 60, 61, 62, 63, 64, 65, 59, 58, 57, 56, 55,
    37, 38, 39, 66, 25, 26, 27, 67, 28, 29, 30, 68, 34, 35, 36, 69, 31, 32, 33, 70,
    52, 53, 54, 71, 40, 41, 42, 72, 43, 44, 45, 73, 49, 50, 51, 74, 46, 47, 48, 75,
    22, 15, 57, 56, *range(76, 144))


def seeded_model(kind):
    return build_body_model(kind, seeded.body_model(kind, SEED), "seeded")


def golden(name):
    return np.load(GOLDEN / name)


def inputs(name, shape):
    return seeded.array("hand4whole/" + name, shape, SEED)


@pytest.fixture(scope="module")
def smpl_model():
    return seeded_model("smpl")


@pytest.fixture(scope="module")
def smplx_model():
    return seeded_model("smplx")


@pytest.fixture(scope="module", params=["graph", "pynative"])
def mode(request):
    ms.set_context(mode=ms.GRAPH_MODE if request.param == "graph" else ms.PYNATIVE_MODE)
    yield request.param
    ms.set_context(mode=ms.GRAPH_MODE)


def run(cell, *arrays):
    return [out.asnumpy() for out in cell(*(Tensor(a) for a in arrays))]


def close(actual, expected, tolerance=1e-5):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance)


def test_smpl_agrees_with_the_cmr_reference(mode, smpl_model):
    case = golden("cmr/smpl.npz")
    pose = 0.5 * seeded.array("smpl/pose", (4, 72), SEED)
    pose[2] *= 4
    pose[3, 3:] = 0
    beta = seeded.array("smpl/betas", (4, 10), SEED)
    smpl = SMPL(smpl_model)
    vertices, joints = run(smpl, pose, beta)
    close(vertices[:, ::13], case["vertices"])
    close(joints, case["joints24"])
    from_matrices, _ = run(smpl, case["rotmat"], beta)
    close(from_matrices[:, ::13], case["vertices"])

    extra = seeded.joint_regressor("smpl/J_regressor_extra", 14, 6890, SEED)
    rows = [8, 5, 29, 30, 4, 7, 21, 19, 17, 16, 18, 20, 31, 32, 33, 34, 35, 36, 37, 24, 26, 25, 28, 27]
    regressor = JointRegressor(np.concatenate([smpl_model.J_regressor, extra])[rows])
    trained = regressor(Tensor(vertices)).asnumpy()
    close(trained, case["joints_cmr"])
    cam = np.array([(0.9, 0.1, 0.05), (0.9, 0.2, -0.2), (0.9, -0.1, 0), (0.9, 0, 0.3)], np.float32)
    close(weak_perspective_projection(trained, cam), case["keypoints"])


def test_smpl_agrees_with_the_hmr_reference(mode, smpl_model):
    case = golden("hmr/smpl.npz")
    regressor = JointRegressor(seeded.joint_regressor("cocoplus_regressor", 19, 6890, SEED))
    for rotate_base, prefix in ((True, ""), (False, "no_flip_")):
        smpl = SMPL(smpl_model, rotate_base=rotate_base)
        vertices, joints = run(smpl, case["pose"], case["betas"])
        close(vertices[:, ::53], case[prefix + "verts"])
        close(joints, case[prefix + "joints24"])
        cocoplus = regressor(Tensor(vertices))
        close(cocoplus.asnumpy(), case[prefix + "cocoplus"])
        if rotate_base:
            close(vertices.mean(1), case["vert_mean"])
            cam = seeded.array("hmr/smpl/cam", (4, 3), SEED)
            close(weak_perspective_projection(cocoplus, Tensor(cam)).asnumpy(), case["proj"])


def test_smpl_with_vertex_joints_agrees_with_the_smplx_package(mode, smpl_model):
    case = golden("hand4whole/smplx.npz")
    pose = np.concatenate([0.5 * inputs("smpl/global_orient", (3, 3)), 0.3 * inputs("smpl/body_pose", (3, 69))], 1)
    smpl = SMPL(smpl_model, vertex_joints=True)
    vertices, joints = run(smpl, pose, inputs("smpl/betas", (3, 10)), inputs("smpl/transl", (3, 3)))
    close(vertices[:, ::53], case["smpl/vertices"])
    close(joints, case["smpl/joints"])
    assert joints.shape[1] == 24 + len(VERTEX_JOINTS)


@pytest.mark.parametrize("prefix, num_pca, flat", [("", 0, False), ("flat/", 0, True), ("pca12/", 12, False)])
def test_smplx_agrees_with_the_reference(prefix, num_pca, flat, mode, smplx_model):
    case = golden("hand4whole/smplx.npz")
    lhand, rhand = (0.3 * inputs(f"smplx/{side}_hand_pose", (3, 45))[:, :num_pca or 45] for side in ("left", "right"))
    root, body = 0.5 * inputs("smplx/global_orient", (3, 3)), 0.3 * inputs("smplx/body_pose", (3, 63))
    jaw, leye, reye = (0.2 * inputs(f"smplx/{name}_pose", (3, 3)) for name in ("jaw", "leye", "reye"))
    smplx = SMPLX(smplx_model, num_pca=num_pca, flat_hand_mean=flat)
    vertices, joints = run(smplx, root, body, lhand, rhand, jaw, leye, reye, inputs("smplx/betas", (3, 10)),
                           inputs("smplx/expression", (3, 10)), inputs("smplx/transl", (3, 3)))
    close(vertices[:, ::53], case[prefix + "vertices"])
    close(joints, case[prefix + "joints"])
    hands = [smplx.lhand(Tensor(lhand)).asnumpy(), smplx.rhand(Tensor(rhand)).asnumpy()]
    full_pose = np.concatenate([root, body, jaw, leye, reye, *hands], 1)
    close(full_pose, case[prefix + "full_pose"])
    vertices, joints = pose_smplx(smplx_model, rotation.axis_angle_to_matrix(full_pose.reshape(3, 55, 3)),
                                  inputs("smplx/betas", (3, 10)), inputs("smplx/expression", (3, 10)),
                                  inputs("smplx/transl", (3, 3)))
    close(vertices[:, ::53], case[prefix + "vertices"])
    close(joints, case[prefix + "joints"])
    if not prefix:
        close(joints[:, JOINTS_137], case["joints_137"])


@pytest.mark.parametrize("side", ["left", "right"])
def test_mano_agrees_with_the_reference(side, mode):
    case = golden("hand4whole/smplx.npz")
    name = f"mano_{side}"
    model = seeded_model(name)
    root, hand = 0.5 * inputs(name + "/global_orient", (3, 3)), 0.3 * inputs(name + "/hand_pose", (3, 45))
    rest = inputs(name + "/betas", (3, 10)), inputs(name + "/transl", (3, 3))
    for prefix, num_pca, flat in (("", 0, False), ("flat/", 0, True), ("pca6/", 6, False)):
        mano = MANO(model, num_pca=num_pca, flat_hand_mean=flat, finger_tips=True)
        vertices, joints = run(mano, root, hand[:, :num_pca or 45], *rest)
        close(vertices[:, ::7], case[f"{name}/{prefix}vertices"])
        close(joints[:, :16], case[f"{name}/{prefix}joints"])
        np.testing.assert_array_equal(joints[:, 16:], vertices[:, [744, 320, 443, 554, 671]])


def test_rotation_matrices_give_what_axis_angles_give(smplx_model):
    rng = np.random.default_rng(2)
    counts = (1, 21, 15, 15, 1, 1, 1)
    poses = [0.4 * rng.standard_normal((2, 3 * count)).astype(np.float32) for count in counts]
    matrices = [rotation.axis_angle_to_matrix(p.reshape(2, -1, 3)) for p in poses]
    shape = rng.standard_normal((2, 10)).astype(np.float32), rng.standard_normal((2, 10)).astype(np.float32)
    smplx = SMPLX(smplx_model, flat_hand_mean=True)
    for of_angles, of_matrices in zip(run(smplx, *poses, *shape), run(smplx, *matrices, *shape)):
        close(of_angles, of_matrices, 2e-6)
    mano = MANO(seeded_model("mano_right"), flat_hand_mean=True)
    for of_angles, of_matrices in zip(run(mano, poses[0], poses[3], shape[0]),
                                      run(mano, matrices[0], matrices[3], shape[0])):
        close(of_angles, of_matrices, 2e-6)


def test_numpy_version_agrees_with_the_graph(smpl_model):
    rng = np.random.default_rng(3)
    pose, beta = 0.5 * rng.standard_normal((3, 72)), rng.standard_normal((3, 10))
    translation = 5 * rng.standard_normal((3, 3))
    expected = pose_body(smpl_model, rotation.axis_angle_to_matrix(pose.reshape(3, 24, 3)), beta, translation)
    arrays = (a.astype(np.float32) for a in (pose, beta, translation))
    for actual, wanted in zip(run(SMPL(smpl_model), *arrays), expected):
        close(actual, wanted, 3e-6)


def test_rest_pose_is_the_shaped_template_and_root_rotation_moves_the_body_rigidly(smpl_model):
    smpl = SMPL(smpl_model)
    beta = np.zeros((1, 10), np.float32)
    beta[0, 3] = 2
    rest, joints = run(smpl, np.zeros((1, 72), np.float32), beta)
    close(rest[0], smpl_model.v_template + 2 * smpl_model.shapedirs[..., 3], 1e-6)
    close(joints[0], smpl_model.J_regressor @ rest[0].astype(np.float64), 1e-6)
    turned = np.zeros((1, 72), np.float32)
    turned[0, 2] = np.pi / 2  # a quarter turn about z: (x, y, z) -> (-y, x, z), about the root joint
    vertices, _ = run(smpl, turned, beta)
    offset = rest[0] - joints[0, 0]
    close(vertices[0] - joints[0, 0], np.stack([-offset[:, 1], offset[:, 0], offset[:, 2]], -1), 1e-6)


def test_more_shape_coefficients_than_the_file_has(smpl_model, smplx_model):
    with pytest.raises(UserError, match="seeded has 10 shape directions, not 11"):
        SMPL(smpl_model, num_betas=11)
    with pytest.raises(UserError, match="seeded has 300 shape directions, not 301"):
        SMPLX(smplx_model, num_betas=301)
    with pytest.raises(UserError, match="seeded has 100 expression directions, not 101"):
        SMPLX(smplx_model, num_expr=101)


def test_any_batch_size_through_one_cell(smpl_model):
    rng = np.random.default_rng(4)
    pose, beta = rng.standard_normal((5, 72)).astype(np.float32), rng.standard_normal((5, 10)).astype(np.float32)
    smpl = SMPL(smpl_model)
    whole = run(smpl, pose, beta)
    for first, last in ((0, 1), (1, 4), (4, 5)):
        for part, full in zip(run(smpl, pose[first:last], beta[first:last]), whole):
            close(part, full[first:last], 1e-6)


def test_a_dynamic_batch_gives_the_same(smpl_model):
    rng = np.random.default_rng(5)
    smpl = SMPL(smpl_model)
    smpl.set_inputs(Tensor(shape=(None, 72), dtype=ms.float32), Tensor(shape=(None, 10), dtype=ms.float32))
    fixed = SMPL(smpl_model)
    for batch in (3, 1):
        pose, beta = rng.standard_normal((batch, 72)).astype(np.float32), np.ones((batch, 10), np.float32)
        for actual, wanted in zip(run(smpl, pose, beta), run(fixed, pose, beta)):
            close(actual, wanted, 1e-6)


class WeightedSum(nn.Cell):
    """A scalar that depends on every vertex and joint with its own weight."""

    def __init__(self, cell, weights):
        super().__init__()
        self.cell = cell
        self.weights = weights

    def construct(self, *arrays):
        vertices, joints = self.cell(*arrays)
        return (vertices * self.weights[0]).sum() + (joints * self.weights[1]).sum()


def check_gradients(model, cell, numpy_version, arrays, weights):
    """The graph's gradient along random directions against central differences of the float64 version."""
    scalar = WeightedSum(cell, [Tensor(w.astype(np.float32)) for w in weights])
    gradients = ops.grad(scalar, tuple(range(len(arrays))))(*(Tensor(a.astype(np.float32)) for a in arrays))
    rng = np.random.default_rng(6)
    step = 1e-5
    for index, gradient in enumerate(gradients):
        assert np.isfinite(gradient.asnumpy()).all()
        direction = rng.standard_normal(arrays[index].shape)
        sums = []
        for sign in (1, -1):
            moved = [a + sign * step * direction if i == index else a for i, a in enumerate(arrays)]
            sums.append(sum((w * out).sum() for w, out in zip(weights, numpy_version(*moved))))
        expected = (sums[0] - sums[1]) / (2 * step)
        assert (gradient.asnumpy() * direction).sum() == pytest.approx(expected, rel=2e-4, abs=2e-3)


@pytest.mark.parametrize("scale", [0.5, 0.0])
def test_smpl_gradients_agree_with_finite_differences(scale, smpl_model):
    rng = np.random.default_rng(7)
    arrays = [scale * rng.standard_normal((2, 72)), scale * rng.standard_normal((2, 10)), rng.standard_normal((2, 3))]
    weights = [0.1 * rng.standard_normal((2, 6890, 3)), rng.standard_normal((2, 24, 3))]

    def numpy_version(pose, beta, translation):
        return pose_body(smpl_model, rotation.axis_angle_to_matrix(pose.reshape(2, 24, 3)), beta, translation)

    check_gradients(smpl_model, SMPL(smpl_model), numpy_version, arrays, weights)


def test_gradients_with_respect_to_matrices(smpl_model):
    rng = np.random.default_rng(8)
    arrays = [rotation.axis_angle_to_matrix(rng.standard_normal((2, 24, 3))), rng.standard_normal((2, 10))]
    weights = [0.1 * rng.standard_normal((2, 6890, 3)), rng.standard_normal((2, 24, 3))]
    check_gradients(smpl_model, SMPL(smpl_model), lambda r, b: pose_body(smpl_model, r, b), arrays, weights)


def test_smplx_gradients_reach_every_input(smplx_model):
    rng = np.random.default_rng(9)
    sizes = (3, 63, 45, 45, 3, 3, 3, 10, 10, 3)
    arrays = [0.3 * rng.standard_normal((1, size)).astype(np.float32) for size in sizes]
    smplx = SMPLX(smplx_model)
    weights = [Tensor(rng.standard_normal(shape).astype(np.float32)) for shape in ((1, 10475, 3), (1, 144, 3))]
    gradients = ops.grad(WeightedSum(smplx, weights), tuple(range(10)))(*(Tensor(a) for a in arrays))
    for gradient in gradients:
        assert np.isfinite(gradient.asnumpy()).all()
        assert np.abs(gradient.asnumpy()).min() > 0


class Around(nn.Cell):
    """A network that mixed precision is applied to, with a body model inside."""

    def __init__(self, smpl, regressor):
        super().__init__()
        self.smpl = smpl
        self.regressor = regressor

    def construct(self, pose, beta, translation):
        vertices, joints = self.smpl(pose, beta, translation)
        return vertices, joints, self.regressor(vertices)


@pytest.mark.parametrize("level", ["O2", "O3", "auto", "to_float"])
def test_float32_inside_mixed_precision(level, smpl_model):
    rng = np.random.default_rng(10)
    # Representable in float16, so that only the computation inside can lose digits.
    arrays = [rng.standard_normal((2, size)).astype(np.float16) for size in (72, 10, 3)]
    parts = SMPL(smpl_model), JointRegressor(smpl_model.J_regressor)
    expected = run(Around(*parts), *(array.astype(np.float32) for array in arrays))
    net = Around(*parts)
    net = net.to_float(ms.float16) if level == "to_float" else ms.amp.auto_mixed_precision(net, level)
    for dtype in (np.float32, np.float16):
        for actual, wanted in zip(run(net, *(array.astype(dtype) for array in arrays)), expected):
            assert actual.dtype == np.float32
            close(actual, wanted, 2e-6)


def test_the_arrays_are_no_parameters(smpl_model, smplx_model, tmp_path):
    for cell in (SMPL(smpl_model), SMPLX(smplx_model), MANO(seeded_model("mano_left")),
                 HandPose(seeded_model("mano_left"), "", 6, False)):
        assert not list(cell.get_parameters()) and not cell.parameters_dict()
    net = nn.SequentialCell(nn.Dense(2, 2), SMPL(smpl_model))
    ms.save_checkpoint(net, str(tmp_path / "net.ckpt"))
    saved = ms.load_checkpoint(str(tmp_path / "net.ckpt"))
    assert len(saved) == 2 and (tmp_path / "net.ckpt").stat().st_size < 1000


def test_ancestor_tables_double_the_generations():
    # A chain of five and a second child of joint 1.
    tables = ancestor_tables([-1, 0, 1, 2, 3, 1])
    assert [table.tolist() for table in tables] == [[6, 0, 1, 2, 3, 1, 6], [6, 6, 0, 1, 2, 0, 6], [6, 6, 6, 6, 0, 6, 6]]


def test_contour_row_by_yaw():
    degrees = np.array([0, 0.4, 1, 38.6, 39, 80, -0.4, -0.6, -1, -39, -80])
    matrices = rotation.axis_angle_to_matrix(np.deg2rad(-degrees)[:, None] * np.array([[0, 1.0, 0]]))
    rows = contour_row(Tensor(matrices.astype(np.float32))).asnumpy()
    assert rows.tolist() == [0, 0, 1, 39, 39, 39, 0, 40, 40, 78, 78]
