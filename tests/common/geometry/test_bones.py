"""From places of joints to turns of bones."""
import numpy as np
from scipy.spatial.transform import Rotation

from common.geometry.bones import frame_of, turn_bones, turn_onto


def test_the_smallest_turn():
    np.testing.assert_allclose(turn_onto([2.0, 0, 0], [0, 3.0, 0]), [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-12)
    rng = np.random.default_rng(0)
    start, end = rng.normal(size=(2, 50, 3))
    turns = turn_onto(start, end)
    unit = end / np.linalg.norm(end, axis=1, keepdims=True)
    np.testing.assert_allclose(np.einsum("nij,nj->ni", turns, start / np.linalg.norm(start, axis=1, keepdims=True)),
                               unit, atol=1e-9)
    axis = Rotation.from_matrix(turns).as_rotvec()
    np.testing.assert_allclose((axis * start).sum(1), 0, atol=1e-9)  # no turn about the direction itself


def test_half_a_turn_and_no_direction():
    turned = turn_onto([[1.0, 0, 0], [0, 1.0, 0], [1.0, 0, 0]], [[-1.0, 0, 0], [0, -2.0, 0], [0, 0, 0]])
    np.testing.assert_allclose(np.linalg.det(turned), 1)
    np.testing.assert_allclose(turned[0] @ [1, 0, 0], [-1, 0, 0], atol=1e-9)
    np.testing.assert_allclose(turned[1] @ [0, 1, 0], [0, -1, 0], atol=1e-9)
    np.testing.assert_array_equal(turned[2], np.eye(3))


def test_axes_of_two_directions():
    np.testing.assert_allclose(frame_of(np.array([0, 2.0, 0]), np.array([1.0, 5.0, 0])),
                               [[0, 1, 0], [1, 0, 0], [0, 0, -1]], atol=1e-12)


def test_a_chain_comes_back():
    """Root, elbow 1 m up, hand 2 m on, in places that turns of fixed bones made."""
    rng = np.random.default_rng(1)
    rest, parents = np.array([[0, 0, 0], [0, 1.0, 0], [0, 2.0, 0]]), (-1, 0, 1)
    turns = Rotation.from_rotvec(rng.normal(0, 1, (12, 3))).as_matrix().reshape(6, 2, 3, 3)
    root = rng.normal(size=(6, 3))
    elbow = root + turns[:, 0] @ rest[1]
    places = np.stack([root, elbow, elbow + turns[:, 0] @ turns[:, 1] @ rest[2]], axis=1)
    offsets, found = turn_bones(places, parents, rest)
    np.testing.assert_allclose(offsets, rest, atol=1e-9)
    np.testing.assert_allclose(root + found[:, 0] @ offsets[1], elbow, atol=1e-9)
    np.testing.assert_allclose(elbow + found[:, 0] @ found[:, 1] @ offsets[2], places[:, 2], atol=1e-9)
