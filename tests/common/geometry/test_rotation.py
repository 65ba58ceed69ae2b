"""Rotations in numpy and in the graph: hand-made values, scipy, the reference cases, gradients."""
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
import quaternions
from golden_files import seeded
from mindspore import Tensor, nn, ops
from scipy.spatial.transform import Rotation

from common.geometry import rotation, rotation_ops

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
ANGLES = (0.0, 1e-9, 1e-4, 0.3, 2.0, 3.0, np.pi - 1e-3)


def in_graph(function, array):
    """One of the graph functions applied to an array, compiled."""

    class Apply(nn.Cell):
        """The function as a Cell."""

        def construct(self, value):
            return function(value)

    ms.set_context(mode=ms.GRAPH_MODE)
    return Apply()(Tensor(np.asarray(array, np.float32))).asnumpy()


def axes_and_angles():
    """Axis-angle vectors with angles from zero to nearly pi about random and coordinate axes, (42, 3)."""
    axes = np.concatenate([np.random.default_rng(1).standard_normal((3, 3)), np.eye(3)])
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    return (axes[:, None] * np.array(ANGLES)[:, None]).reshape(-1, 3)


def test_quarter_turns_by_hand():
    about_z = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    np.testing.assert_allclose(rotation.axis_angle_to_matrix([0, 0, np.pi / 2]), about_z, atol=1e-15)
    np.testing.assert_allclose(rotation.matrix_to_axis_angle(np.array(about_z, float)), [0, 0, np.pi / 2], atol=1e-15)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(quaternions.axis_angle_to_quaternion([0, 0, np.pi / 2]), [half, 0, 0, half], atol=1e-15)
    np.testing.assert_allclose(quaternions.quaternion_to_matrix([2.0, 0, 0, 2.0]), about_z, atol=1e-15)


def test_numpy_agrees_with_scipy():
    vectors = axes_and_angles()
    expected = Rotation.from_rotvec(vectors)
    matrices = rotation.axis_angle_to_matrix(vectors)
    np.testing.assert_allclose(matrices, expected.as_matrix(), atol=1e-14)
    values = quaternions.axis_angle_to_quaternion(vectors)
    np.testing.assert_allclose(values, expected.as_quat()[:, [3, 0, 1, 2]], atol=1e-14)
    np.testing.assert_allclose(rotation.matrix_to_quaternion(matrices), values, atol=1e-14)
    np.testing.assert_allclose(quaternions.quaternion_to_matrix(values), matrices, atol=1e-14)
    np.testing.assert_allclose(rotation.matrix_to_axis_angle(matrices), vectors, atol=1e-12)
    np.testing.assert_allclose(rotation.quaternion_to_axis_angle(-3 * values), vectors, atol=1e-12)


def test_half_turns_come_back_as_the_same_rotation():
    for axis in ([1, 0, 0], [0, 1, 0], [0, 0, 1], [0.6, -0.8, 0], [-0.6, 0.48, 0.64]):
        matrix = rotation.axis_angle_to_matrix(np.pi * np.array(axis))
        vector = rotation.matrix_to_axis_angle(matrix)
        assert np.linalg.norm(vector) == pytest.approx(np.pi)
        np.testing.assert_allclose(rotation.axis_angle_to_matrix(vector), matrix, atol=1e-12)


def test_angles_beyond_pi_are_the_shorter_way_round():
    vector = rotation.matrix_to_axis_angle(rotation.axis_angle_to_matrix([0, 1.5 * np.pi, 0]))
    np.testing.assert_allclose(vector, [0, -0.5 * np.pi, 0], atol=1e-14)


def test_rot6d_by_hand():
    matrix = np.arange(9.0).reshape(3, 3)
    np.testing.assert_array_equal(rotation.matrix_to_rot6d(matrix), [0, 1, 3, 4, 6, 7])
    # First direction 2x, second x + y: the axes become x, y and so z.
    np.testing.assert_allclose(rotation.rot6d_to_matrix([2.0, 1, 0, 1, 0, 0]), np.eye(3), atol=1e-15)


def test_rot6d_round_trip():
    matrices = Rotation.random(20, random_state=2).as_matrix().reshape(4, 5, 3, 3)
    rot6d = rotation.matrix_to_rot6d(matrices)
    np.testing.assert_allclose(rotation.rot6d_to_matrix(rot6d), matrices, atol=1e-14)

    def graph_version(value):
        return rotation_ops.rot6d_to_matrix(value)

    graph = in_graph(graph_version, rot6d)
    np.testing.assert_allclose(graph, matrices, atol=1e-6)


def test_dtype_and_shape_are_checked():
    assert rotation.axis_angle_to_matrix(np.zeros((2, 3), np.float32)).dtype == np.float32
    assert rotation.axis_angle_to_matrix([0, 0, 1]).dtype == np.float64
    with pytest.raises(ValueError, match="last axes"):
        rotation.matrix_to_axis_angle(np.zeros((3, 2)))


def test_graph_agrees_with_numpy():
    vectors = axes_and_angles().reshape(6, 7, 3)
    matrices = rotation.axis_angle_to_matrix(vectors)
    values = quaternions.axis_angle_to_quaternion(vectors)
    for function, value, expected in (
            (rotation_ops.axis_angle_to_matrix, vectors, matrices),
            (rotation_ops.axis_angle_to_quaternion, vectors, values),
            (rotation_ops.quaternion_to_matrix, 2 * values, matrices),
            (rotation_ops.matrix_to_quaternion, matrices, values),
            (rotation_ops.quaternion_to_axis_angle, -values, vectors),
            (rotation_ops.matrix_to_axis_angle, matrices, vectors)):
        np.testing.assert_allclose(in_graph(function, value), expected, atol=2e-6)


def test_reference_rotations():
    case = np.load(GOLDEN / "cmr" / "smpl.npz")
    pose = 0.5 * seeded.array("smpl/pose", (4, 72), 1)
    pose[2] *= 4
    pose[3, 3:] = 0
    pose = pose.reshape(4, 24, 3)
    np.testing.assert_allclose(rotation.axis_angle_to_matrix(pose), case["rotmat"], atol=2e-6)
    np.testing.assert_allclose(in_graph(rotation_ops.axis_angle_to_matrix, pose), case["rotmat"], atol=2e-6)
    case = np.load(GOLDEN / "hmr" / "spin.npz")
    np.testing.assert_allclose(in_graph(rotation_ops.rot6d_to_matrix, case["rot6d_in"]), case["rot6d_out"], atol=2e-6)
    np.testing.assert_allclose(rotation.rot6d_to_matrix(case["rot6d_in"]), case["rot6d_out"], atol=2e-6)


def test_reference_rot6d_to_axis_angle():
    expected = np.load(GOLDEN / "hand4whole" / "ops.npz")["rot6d"]
    value = seeded.array("hand4whole/ops/rot6d", (64, 6), 1)
    value[0] = [1, 0, 0, 1, 0, 0]
    np.testing.assert_allclose(rotation.matrix_to_axis_angle(rotation.rot6d_to_matrix(value)), expected, atol=1e-5)

    def graph_version(rot6d):
        return rotation_ops.matrix_to_axis_angle(rotation_ops.rot6d_to_matrix(rot6d))

    graph = in_graph(graph_version, value)
    np.testing.assert_allclose(graph, expected, atol=1e-5)


def gradient(function, value, weights):
    """Gradient in the graph of the weighted sum of the function's outputs."""

    class Sum(nn.Cell):
        """A scalar that tells all outputs apart."""

        def __init__(self):
            super().__init__()
            self.weights = Tensor(weights.astype(np.float32))

        def construct(self, x):
            return (function(x) * self.weights).sum()

    ms.set_context(mode=ms.GRAPH_MODE)
    return ops.grad(Sum())(Tensor(value.astype(np.float32))).asnumpy()


@pytest.mark.parametrize("name", ["axis_angle_to_matrix", "matrix_to_axis_angle", "quaternion_to_matrix",
                                  "rot6d_to_matrix", "quaternion_to_axis_angle", "axis_angle_to_quaternion"])
def test_gradients_agree_with_finite_differences(name):
    vectors = np.concatenate([axes_and_angles()[[0, 2, 3, 4, 10, 18, 40]], [[1.2, -0.4, 2.0]]])
    matrices = rotation.axis_angle_to_matrix(vectors)
    value = {"axis": vectors, "matrix": matrices, "quaternion": quaternions.axis_angle_to_quaternion(vectors),
             "rot6d": rotation.matrix_to_rot6d(matrices)}[name.split("_")[0]]
    forward = getattr(rotation, name, None) or getattr(quaternions, name)
    weights = np.random.default_rng(3).standard_normal(forward(value).shape)
    actual = gradient(getattr(rotation_ops, name), value, weights)
    assert np.isfinite(actual).all()
    expected = np.zeros(value.shape)
    for index in np.ndindex(*value.shape):
        moved = np.zeros(value.shape)
        moved[index] = 1e-6
        expected[index] = ((forward(value + moved) - forward(value - moved)) * weights).sum() / 2e-6
    if name == "matrix_to_axis_angle":  # off the rotations the two may differ: compare along rotations only
        actual, expected = (_tangent(matrices, g) for g in (actual, expected))
    np.testing.assert_allclose(actual, expected, rtol=2e-3, atol=2e-4)


def _tangent(matrices, gradients):
    """Components of gradients along the three infinitesimal rotations of each matrix."""
    generators = np.zeros((3, 3, 3))
    for axis in range(3):
        generators[axis] = rotation.axis_angle_to_matrix(1e-6 * np.eye(3)[axis]) - np.eye(3)
    directions = np.einsum("kij,njl->nkil", generators / 1e-6, matrices)
    return (directions * gradients[:, None]).sum((-1, -2))
