"""The ground in views of bodies alone: where it is, and what darkens it."""
import numpy as np
import pytest

from common.visual.cameras import PerspectiveCamera
from common.visual.ground import CELLS, SHADOW, TONE, disc, draw_ground

CAMERA = PerspectiveCamera(1000.0, (100.0, 80.0))


def post(height=2.0, depth=10.0):
    """A post of no width from 1 m above the camera's axis downwards."""
    return np.column_stack([np.zeros(50), np.linspace(-1.0, height - 1.0, 50), np.full(50, depth)])


def test_a_disc_is_darkest_where_it_is_touched_and_white_at_its_rim():
    middle = slice(CELLS // 2 - 1, CELLS // 2 + 1)
    block = np.stack(np.meshgrid(*2 * [np.linspace(-0.3, 0.3, 200)]), -1).reshape(-1, 2)
    touched, over = disc(block, np.zeros(len(block))), disc(block, np.ones(len(block)))
    assert touched[middle, middle] == pytest.approx(255 * (1 - TONE - SHADOW), abs=2)
    assert over[middle, middle] == pytest.approx(255 * (1 - TONE - SHADOW * np.exp(-5.0)), abs=2)  # five times NEAR
    assert (touched[[0, -1]] == 255).all() and (touched[:, [0, -1]] == 255).all()
    right = disc(block / 6 + [0.4, 0.0], np.zeros(len(block))).astype(int)  # x to the right, z down
    assert np.unravel_index(right.argmin(), right.shape) == pytest.approx((CELLS / 2, 0.7 * CELLS), abs=1.5)


def test_the_ground_lies_at_the_lowest_vertex_of_each_body():
    # From above a disc of 0.4 * 2 m lies 1 m behind the middle of the post, 11 m away: 72.7 px around its axis.
    top = draw_ground([post()], "top", CAMERA, (160, 200))[..., 0].astype(int)
    rows, columns = np.nonzero(top < 255)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == pytest.approx((7.3, 152.7, 27.3, 172.7), abs=4)
    # From the side, 10 degrees from above: the foot is cos(10) m below and sin(10) m behind the middle; the camera sees
    # the ground there under 10 degrees and what it looks down to it.
    side = draw_ground([post()], "side", CAMERA, (300, 200))[..., 0].astype(int)
    row, column = np.unravel_index(side.argmin(), side.shape)
    turned = np.deg2rad(10.0)
    assert (row + 0.5, column + 0.5) == pytest.approx((80 + 1000 * np.cos(turned) / (10 + np.sin(turned)), 100), abs=2)
    rows = np.flatnonzero((side < 255).any(axis=1))
    assert np.ptp(rows) == pytest.approx(2 * 0.8 * 1000 / 10.17 * np.sin(turned + np.arctan(0.097)), abs=4)
    # A body beside it with its feet half a metre higher has its own ground there.
    both = draw_ground([post(), post(1.5) + [0.8, 0, 0]], "side", CAMERA, (300, 200))[..., 0].astype(int)
    assert (both <= side).all() and both[:, 180].argmin() < row - 40


def test_bodies_beyond_the_image_or_the_camera_leave_it_white():
    assert (draw_ground([], "side", CAMERA, (30, 40)) == 255).all()
    assert (draw_ground([post() + [50.0, 0, 0], post(depth=-3.0)], "side", CAMERA, (30, 40)) == 255).all()
    assert draw_ground([post(depth=0.5)], "side", CAMERA, (30, 40)).shape == (30, 40, 3)  # near: a smaller disc
