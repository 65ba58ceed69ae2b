"""The one-Euro filter: its first steps by hand, and what it is there for."""
import numpy as np
import pytest

from common.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from common.inference.smoothing import CUTOFF_HZ, CUTOFF_PER_SPEED, SPEED_CUTOFF_HZ, OneEuro, OneEuroRotation


def share(cutoff_hz, seconds):
    return 1 / (1 + 1 / (2 * np.pi * cutoff_hz * seconds))


def test_constants_are_what_was_measured():
    """Those with which a swinging limb is off by what it trembled, and a still one trembles a third, see below."""
    assert (CUTOFF_HZ, CUTOFF_PER_SPEED, SPEED_CUTOFF_HZ) == (1.0, 5.0, 2.0)
    smooth = OneEuro()
    assert (smooth.cutoff_hz, smooth.cutoff_per_speed) == (1.0, 5.0)


def test_two_steps_by_hand():
    smooth = OneEuro(cutoff_hz=2.0, cutoff_per_speed=3.0)
    assert smooth([1.0, 0.0], 0.5).tolist() == [1.0, 0.0]
    # A step of 0.5 within 0.1 s: 5 per second, of which the filter of the speed lets a share through.
    speed = 5 * share(SPEED_CUTOFF_HZ, 0.1)
    value = 1 + 0.5 * share(2 + 3 * speed, 0.1)
    np.testing.assert_allclose(smooth([1.5, 0.0], 0.6), [value, 0])
    # Two frames later; (3, 4) / 2 has the length 2.5 and the speed 2.5 / 0.2.
    velocity = np.array([speed, 0])
    velocity = velocity + share(SPEED_CUTOFF_HZ, 0.2) * (np.array([1.5, 2.0]) / 0.2 - velocity)
    part = share(2 + 3 * np.linalg.norm(velocity), 0.2)
    np.testing.assert_allclose(smooth([3.0, 2.0], 0.8), [value + part * (3 - value), part * 2])


def test_a_unit_scales_the_speed_only():
    metres, pixels = OneEuro(), OneEuro()
    path = np.random.default_rng(0).normal(size=(5, 2))
    for frame, point in enumerate(path):
        np.testing.assert_allclose(100 * metres(point, frame / 30), pixels(100 * point, frame / 30, unit=100.0))


@pytest.mark.parametrize("make, still, quick", [
    (OneEuro, lambda noise: noise, lambda angle: np.array([[angle, 0.0, 0.0]])),
    (OneEuroRotation, axis_angle_to_matrix, lambda angle: axis_angle_to_matrix(np.array([[angle, 0.0, 0.0]]))),
])
def test_still_people_do_not_tremble_and_quick_ones_do_not_lag(make, still, quick):
    def angle(value):
        return np.linalg.norm(value if make is OneEuro else matrix_to_axis_angle(value), axis=-1)

    noise = 0.02 * np.random.default_rng(0).normal(size=(120, 1, 3))
    smooth = make()
    out = np.array([smooth(still(value), frame / 30) for frame, value in enumerate(noise)])
    assert angle(out[10:]).mean() < 0.5 * angle(still(noise[10:])).mean()
    # 3 radians (or metres) per second, in the middle of the path: the delay stays below one frame and a half.
    smooth = make()
    out = [smooth(quick(0.1 * frame), frame / 30) for frame in range(30)]
    assert abs(angle(out[20])[0] - 2.0) < 0.15


def test_a_swinging_limb_is_off_by_what_it_trembled_and_a_still_one_trembles_a_third():
    rng, seconds = np.random.default_rng(0), np.arange(120) / 30.0
    noise = axis_angle_to_matrix(0.03 * rng.normal(size=(120, 3)))
    swing = axis_angle_to_matrix(np.stack([np.sin(2 * np.pi * seconds), 0 * seconds, 0 * seconds], 1))

    def smoothed(path):
        smooth = OneEuroRotation()
        return np.stack([smooth(rotmat, frame / 30) for frame, rotmat in enumerate(path)])

    def between(first, second):
        return np.linalg.norm(matrix_to_axis_angle(np.swapaxes(first, -1, -2) @ second), axis=-1)[10:].mean()

    assert between(swing, smoothed(swing @ noise)) < 1.25 * between(swing, swing @ noise)
    still = smoothed(noise)
    assert between(still[:-1], still[1:]) < 0.4 * between(noise[:-1], noise[1:])


def test_rotations_are_smoothed_as_rotations_across_the_seam():
    """About y from 170 to 190 degrees: axis-angle jumps to the opposite there, rotations do not."""
    smooth = OneEuroRotation()
    turns = np.deg2rad(np.linspace(170, 190, 21))
    out = [smooth(axis_angle_to_matrix(np.array([0.0, turn, 0.0])), frame / 30) for frame, turn in enumerate(turns)]
    for before, after in zip(out[:-1], out[1:]):
        assert np.linalg.norm(matrix_to_axis_angle(before.T @ after)) < np.deg2rad(1.2)
        np.testing.assert_allclose(after @ after.T, np.eye(3), atol=1e-12)
    assert np.linalg.norm(matrix_to_axis_angle(out[-1].T @ axis_angle_to_matrix(np.array([0.0, turns[-1], 0.0])))) \
        < np.deg2rad(5)


def test_the_axes_that_rotations_are_told_in_do_not_matter():
    """Turning the world, or the body in its rest pose, turns the result and changes nothing else."""
    rng = np.random.default_rng(1)
    path = axis_angle_to_matrix(np.cumsum(0.4 * rng.normal(size=(12, 3)), 0))
    world, rest = axis_angle_to_matrix(rng.normal(size=(2, 3)))
    plain, turned = OneEuroRotation(), OneEuroRotation()
    for frame, rotmat in enumerate(path):
        np.testing.assert_allclose(turned(world @ rotmat @ rest, frame / 30), world @ plain(rotmat, frame / 30) @ rest,
                                   atol=1e-9)


def test_gaps_count_as_time():
    short, long = OneEuro(CUTOFF_HZ, 0.0), OneEuro(CUTOFF_HZ, 0.0)
    short([0.0], 0), long([0.0], 0)
    assert short([1.0], 1 / 30)[0] == pytest.approx(share(CUTOFF_HZ, 1 / 30))
    assert long([1.0], 1)[0] == pytest.approx(share(CUTOFF_HZ, 1.0))
