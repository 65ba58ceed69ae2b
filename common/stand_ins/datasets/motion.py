"""Smooth motion over time: noise of limited bandwidth, moves between held states, paths on the ground and the gait.

Everything is a function of time, so a sequence may have any length and frame rate. Lengths in millimetres, angles in
radians, times in seconds.
"""
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from common.stand_ins.datasets.figure import SIDES

# One gait cycle of a foot, from heel strike (0) over toe-off (STANCE) to the next heel strike (1).
STANCE = 0.62
# The part of the cycle at which the body passes over the foot.
MIDDLE = 0.24
# Pitch of the foot in radians (heel raised is positive) and height of the toe base above its height at rest in mm.
FOOT_PITCH = PchipInterpolator([0.0, 0.10, 0.30, 0.50, STANCE, 0.75, 0.90, 1.0],
                               np.deg2rad([-16.0, 0.0, 0.0, 20.0, 46.0, 28.0, -10.0, -16.0]))
TOE_HEIGHT = PchipInterpolator([0.0, 0.09, STANCE, 0.74, 0.88, 1.0], [36.0, 0.0, 0.0, 24.0, 24.0, 36.0])
# Paths are known this long before and after the frames that are asked for, to place the first and last footsteps.
MARGIN = 4.0
TIME_STEP = 0.02


def ease(fraction):
    """Minimum-jerk course from 0 to 1 (Flash and Hogan 1985), constant outside of [0, 1]."""
    x = np.clip(fraction, 0.0, 1.0)
    return x**3 * (10.0 - 15.0 * x + 6.0 * x * x)


def wander(rng, times, amplitude, period, size=()):
    """Slow noise: three sinusoids of random phase around `period`.

    Args:
        times (ndarray): (T,).
        amplitude (float or ndarray): standard deviation.
        period (float): of the slowest sinusoid.

    Returns:
        ndarray: (T, *size).
    """
    periods = period * np.array([1.0, 0.63, 0.37]) * rng.uniform(0.85, 1.15, (*size, 3))
    phases = rng.uniform(0.0, 2.0 * np.pi, (*size, 3))
    waves = np.sin(2.0 * np.pi * times.reshape(-1, *(1,) * (len(size) + 1)) / periods + phases)
    return amplitude * (waves @ np.array([0.8, 0.5, 0.33])) * np.sqrt(2.0)


class Keyframes:
    """A vector that is held, moves, is held again, ...: states are appended, then read at any time."""

    def __init__(self, start, value):
        self._arrivals, self._departures, self._values = [start], [], [np.asarray(value, np.float64)]

    @property
    def value(self):
        """The state that is held last."""
        return self._values[-1]

    def move(self, departure, arrival, value):
        """Leave the held state at `departure` (s) and hold `value` from `arrival` on."""
        self._departures.append(departure)
        self._arrivals.append(arrival)
        self._values.append(np.asarray(value, np.float64))

    def segments(self, times):
        """For each time: the state that is left, the state that is headed for and the eased fraction (T,) between."""
        # The last state is held for ever: its move leads to itself.
        departures = np.array([*self._departures, self._arrivals[-1]])
        arrivals = np.array([*self._arrivals[1:], self._arrivals[-1] + 1.0])
        values = np.stack([*self._values, self._values[-1]])
        index = np.clip(np.searchsorted(self._arrivals, times, "right") - 1, 0, None)
        fraction = ease((times - departures[index]) / (arrivals - departures)[index])
        return values[index], values[index + 1], fraction

    def read(self, times):
        """The vector at each time: (T, D)."""
        left, headed, fraction = self.segments(times)
        return left + fraction.reshape(-1, *(1,) * (left.ndim - 1)) * (headed - left)


@dataclass(frozen=True)
class Path:
    """Where a person goes, on a regular grid of G times from -MARGIN to the end + MARGIN."""
    times: np.ndarray      # (G,), s
    position: np.ndarray   # (G, 2), mm, world
    heading: np.ndarray    # (G,), rad, unwrapped

    def at(self, times):
        """Position (T, 2) and heading (T,) at the given times."""
        position = np.stack([np.interp(times, self.times, self.position[:, k]) for k in (0, 1)], -1)
        return position, np.interp(times, self.times, self.heading)


def grid(duration):
    """The times of a `Path` for a sequence of `duration` seconds."""
    return np.arange(-MARGIN, duration + MARGIN + TIME_STEP, TIME_STEP)


def walk_path(rng, duration, speed):
    """A round through the room: a wobbly oval, always forward, at `speed` mm/s with slow changes."""
    times = grid(duration)
    angle = np.linspace(0.0, 2.0 * np.pi, 721)
    radius = rng.uniform(0.85, 1.1) * (1.0 + 0.14 * np.cos(2.0 * angle + rng.uniform(0, 6.3))
                                       + 0.05 * np.cos(3.0 * angle + rng.uniform(0, 6.3)))
    turned = angle * rng.choice([-1.0, 1.0]) + rng.uniform(0.0, 2.0 * np.pi)
    loop = 1000.0 * radius[:, None] * np.stack([np.cos(turned), np.sin(turned)], -1)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(loop, axis=0), axis=1))])
    pace = speed * (1.0 + wander(rng, times, 0.07, 5.0))
    travelled = np.cumsum(pace) * TIME_STEP
    position = np.stack([np.interp(travelled % length[-1], length, loop[:, k]) for k in (0, 1)], -1)
    # Direction over a quarter of a second, so the corners of the polygon do not show.
    reach = int(0.12 / TIME_STEP)
    chord = position[2 * reach:] - position[:-2 * reach]
    heading = np.unwrap(np.arctan2(chord[:, 1], chord[:, 0]))
    return Path(times, position, np.pad(heading, reach, mode="edge"))


def stand_path(rng, duration, turn=1.2, stroll=350.0, rest=(2.0, 5.0)):
    """Standing places with a few steps and a turn between them.

    Args:
        turn (float): rad, standard deviation of a turn. Steps are at most `stroll` mm, rests last `rest` (min, max) s.
    """
    times = grid(duration)
    place = rng.uniform(-400.0, 400.0, 2)
    track = Keyframes(times[0], [*place, rng.uniform(-np.pi, np.pi)])
    clock = times[0] + rng.uniform(0.5, rest[1])
    while stroll > 0.0 and clock < times[-1]:
        angle = float(np.clip(rng.normal(0.0, turn), -2.2, 2.2))
        ahead = track.value[2] + 0.5 * angle
        step = rng.uniform(0.2, 1.0) * stroll
        place = np.clip(track.value[:2] + step * np.array([np.cos(ahead), np.sin(ahead)]), -600.0, 600.0)
        taken = 0.9 + 0.55 * abs(angle) + step / 600.0
        track.move(clock, clock + taken, [*place, track.value[2] + angle])
        clock += taken + rng.uniform(*rest)
    state = track.read(times)
    return Path(times, state[:, :2], state[:, 2])


@dataclass(frozen=True)
class Gait:
    """Steps along a path, for T frames and the feet left, right."""
    toes: np.ndarray       # (T, 2, 3), mm, world
    foot_yaw: np.ndarray   # (T, 2)
    foot_pitch: np.ndarray # (T, 2)
    phase: np.ndarray      # (T,), gait cycles since the start; the left heel strikes at whole numbers
    activity: np.ndarray   # (T,), 0 standing .. 1 walking


def walk(rng, path, times, body, width, splay):
    """Footsteps that carry a body along `path`: a foot on the ground stays where it was set down.

    Args:
        width (float): mm, from the middle to each foot.
        splay (float): rad, by which each foot points outward.

    Returns:
        Gait: at the given times (T,).
    """
    speed = np.linalg.norm(np.gradient(path.position, TIME_STEP, axis=0), axis=1)
    turning = np.abs(np.gradient(path.heading, TIME_STEP))
    stride = (400.0 + 0.6 * speed) * body.leg / 900.0
    cadence = np.maximum(speed / stride, 0.4 * np.clip(turning - 0.15, 0.0, 2.0))
    phase_grid = rng.uniform() + np.cumsum(cadence) * TIME_STEP
    activity_grid = np.clip(cadence / 0.5, 0.0, 1.0)
    phase = np.interp(times, path.times, phase_grid)
    activity = np.interp(times, path.times, activity_grid)

    toes, yaws, pitches = [], [], []
    for side, start in enumerate((0.0, 0.5)):
        clock = phase + start
        step, fraction = np.floor(clock), clock - np.floor(clock)
        stagger = rng.normal(0.0, 22.0)
        outward = splay * rng.uniform(0.6, 1.4)

        def foothold(number, start=start, side=side, stagger=stagger, outward=outward):
            # A foot is set down where the body will be when it passes.
            when = np.interp(number + MIDDLE - start, phase_grid, path.times)
            position, heading = path.at(when)
            ahead = np.stack([np.cos(heading), np.sin(heading)], -1)
            left = np.stack([-ahead[:, 1], ahead[:, 0]], -1)
            offset = (0.8 * body.foot_offset[0] + stagger) * ahead + SIDES[side] * width * left
            return position + offset, heading + SIDES[side] * outward

        (before, _), (here, yaw), (after, yaw_after) = foothold(step - 1), foothold(step), foothold(step + 1)
        swing = np.clip((fraction - STANCE + 0.04) / (1.02 - STANCE), 0.0, 1.0)[:, None]
        swing = swing * swing * (3.0 - 2.0 * swing)
        length = np.where(fraction < 0.30, np.linalg.norm(here - before, axis=1), np.linalg.norm(after - here, axis=1))
        size = activity * np.clip(length / 700.0, 0.25, 1.0)
        height = 12.0 + size * TOE_HEIGHT(fraction)
        toes.append(np.concatenate([here + swing * (after - here), height[:, None]], 1))
        yaws.append(yaw + swing[:, 0] * (yaw_after - yaw))
        pitches.append(size * FOOT_PITCH(fraction))
    return Gait(np.stack(toes, 1), np.stack(yaws, 1), np.stack(pitches, 1), phase, activity)
