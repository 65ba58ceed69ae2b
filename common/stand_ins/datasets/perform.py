"""Plays the programs of `actions.py`: random choice and timing of states -> the `Posture` of every frame.

Units: mm, rad, s; world z up, ground at z = 0.
"""
import numpy as np

from common.stand_ins.datasets.actions import ACTION_SCRIPTS, PLACES
from common.stand_ins.datasets.figure import SIDES, Posture, settle
from common.stand_ins.datasets.motion import MARGIN, Gait, Keyframes, ease, stand_path, walk, walk_path, wander

_SPEED = {"walk": (850.0, 1150.0), "stroll": (550.0, 850.0)}
# Columns of an upper-body state: two wrists and two elbow sides (left, right; 3 each), then these.
_NUMBERS = ("bend", "lean", "turn", "nod", "look", "crouch", "wave")
# Feet of a seated person, from below the pelvis: toe base forward and outward in thigh lengths, height of the toe base
# above the floor in mm, pitch in degrees. For a chair, then for the floor.
_SEATED_FEET = {
    "chair": ((1.15, 0.30, 12.0, 0.0), (1.00, 0.22, 12.0, 0.0), (0.62, 0.25, 12.0, 38.0), (1.75, 0.36, 90.0, -30.0),
              (1.30, -0.12, 12.0, 0.0), (1.32, 0.75, 12.0, 0.0)),
    "floor": ((1.45, 0.25, 12.0, 0.0), (1.25, 0.30, 12.0, 0.0), (1.95, 0.38, 130.0, -55.0), (1.20, -0.10, 30.0, 0.0)),
}


def perform(rng, body, action, take, times):
    """Play one sequence.

    Args:
        rng (numpy.random.Generator): of this sequence alone.
        body (Body): the person.
        action (str): one of `actions.ACTIONS`.
        take (int): 0 or 1, chooses the action's way of getting about.
        times (ndarray): (T,), s, from 0 on.

    Returns:
        Posture: T frames, for `figure.pose_body`.
    """
    script = ACTION_SCRIPTS[action]
    way = script.ways[take]
    upper = _upper_body(rng, script, times)
    if way in ("chair", "rise", "floor"):
        posture = _seated(rng, body, way, times, upper)
    else:
        posture = _on_foot(rng, body, way, times, upper)
    settle(body, posture)
    return posture


def _upper_body(rng, script, times):
    """Wrists and elbow sides (T, 2, 3) and the columns of `_NUMBERS` (T,), in radians, by name."""
    main = int(rng.integers(2))
    amplitude = rng.uniform(0.85, 1.1)

    def draw():
        state = script.states[rng.integers(len(script.states))]
        mirror = SIDES[main]
        places = [PLACES[state.main], PLACES[state.other]]
        wrists, elbows = (np.array([places[(side + main) % 2][k] for side in (0, 1)]) for k in (0, 1))
        wrists = wrists + rng.normal(0.0, 0.045, (2, 3))
        elbows = elbows + rng.normal(0.0, 0.12, (2, 3))
        angles = np.deg2rad([state.bend, mirror * state.lean, mirror * state.turn, state.nod, mirror * state.look])
        angles = angles * amplitude + np.deg2rad(rng.normal(0.0, [2.5, 2.0, 5.0, 4.0, 7.0]))
        return np.concatenate([wrists.ravel(), elbows.ravel(), angles,
                               [state.crouch * rng.uniform(0.7, 1.1), state.wave]])

    clock = -rng.uniform(0.0, script.hold[1])
    track = Keyframes(clock, draw())
    while clock < times[-1]:
        leave, state = clock + rng.uniform(*script.hold), draw()
        # Far moves take longer: wrists in arm lengths, then bend and crouch.
        way = np.linalg.norm((state - track.value)[[0, 1, 2, 3, 4, 5, 12, 17]])
        clock = leave + rng.uniform(*script.move) * np.clip(0.6 + 0.4 * way, 0.8, 2.0)
        track.move(leave, clock, state)
    left, headed, fraction = track.segments(times)
    values = left + fraction[:, None] * (headed - left)
    wrists = values[:, :6].reshape(-1, 2, 3)
    # A hand travels on an arc in front of the body and not through it.
    distance = np.linalg.norm((headed - left)[:, :6].reshape(-1, 2, 3), axis=-1)
    arc = 4.0 * (fraction * (1.0 - fraction))[:, None] * distance
    wrists = wrists + arc[..., None] * [0.20, 0.06, 0.0] + wander(rng, times, 0.022, 3.5, (2, 3))
    upper = dict(zip(_NUMBERS, values[:, 12:].T), wrists=wrists, elbows=values[:, 6:12].reshape(-1, 2, 3))
    shake = np.sin(2.0 * np.pi * rng.uniform(1.2, 2.0) * times)
    upper["wrists"][:, main, 1] += 0.13 * upper["wave"] * shake
    for name, size in (("bend", 1.2), ("lean", 1.5), ("turn", 3.0), ("nod", 3.0), ("look", 5.0)):
        upper[name] = upper[name] + wander(rng, times, np.deg2rad(size), 4.0)
    return upper


def _swing_arms(gait, upper):
    """Let hanging arms swing against the legs, in place."""
    for side in (0, 1):
        wrist = upper["wrists"][:, side]
        hanging = ease((-0.6 - wrist[:, 2]) / 0.3) * gait.activity
        angle = -0.38 * hanging * np.cos(2.0 * np.pi * (gait.phase - 0.05 + 0.5 * side)) + 0.08 * hanging
        turned = wrist.copy()
        turned[:, 0] = np.cos(angle) * wrist[:, 0] - np.sin(angle) * wrist[:, 2]
        turned[:, 2] = np.sin(angle) * wrist[:, 0] + np.cos(angle) * wrist[:, 2]
        # The elbow flexes as the arm comes forward.
        upper["wrists"][:, side] = turned * (1.0 - 0.10 * np.clip(angle, 0.0, 0.5) / 0.5)[:, None]


def _on_foot(rng, body, way, times, upper):
    """Standing and walking: feet stay where they were set down, the pelvis goes where the path goes."""
    duration = times[-1]
    path = walk_path(rng, duration, rng.uniform(*_SPEED[way])) if way in _SPEED else stand_path(rng, duration)
    width = body.hip_half_width * (rng.uniform(0.55, 0.95) if way in _SPEED else rng.uniform(0.8, 1.7))
    gait = walk(rng, path, times, body, width, splay=np.deg2rad(rng.uniform(2.0, 16.0)))
    _swing_arms(gait, upper)
    position, heading = path.at(times)
    ahead, left = _directions(heading)
    cycle = 2.0 * np.pi * (gait.phase - 0.25)
    # Weight moves over the foot that stands; at rest it wanders from one to the other.
    sway = gait.activity * 22.0 * np.cos(cycle) + (1.0 - gait.activity) * wander(rng, times, 0.25 * width, 6.0)
    # Who bends forward moves the hips back, and squats over the feet.
    back = 170.0 * np.sin(np.maximum(upper["bend"], 0.0)) + 200.0 * upper["crouch"]
    level = position + sway[:, None] * left + (wander(rng, times, 12.0, 5.0) - back)[:, None] * ahead
    bounce = gait.activity * (24.0 * np.cos(2.0 * cycle) - 46.0)
    height = body.ankle_height + body.leg * (0.992 - upper["crouch"]) + bounce
    # The hip of the leg that swings goes forward and sinks; the chest turns against the pelvis and stays level.
    turn, drop = 0.10 * gait.activity * np.sin(cycle), 0.05 * gait.activity * np.cos(cycle)
    upper["turn"], upper["lean"] = upper["turn"] - 2.0 * turn, upper["lean"] - drop
    tilt = np.stack([0.4 * upper["bend"] + 0.06, drop, turn], -1)
    return _posture(np.column_stack([level, height]), heading, tilt, upper, gait, 0.6)


def _directions(heading):
    """Unit vectors (T, 2) ahead and to the left."""
    ahead = np.stack([np.cos(heading), np.sin(heading)], -1)
    return ahead, np.stack([-ahead[:, 1], ahead[:, 0]], -1)


def _posture(pelvis, heading, pelvis_angles, upper, gait, share):
    """Put the parts together; `share` of the bend belongs to the spine."""
    trunk = np.stack([share * upper["bend"], upper["lean"], upper["turn"]], -1)
    head = np.stack([upper["nod"] - 0.25 * upper["bend"], -0.3 * upper["lean"], upper["look"]], -1)
    return Posture(pelvis, heading, pelvis_angles, trunk, head, gait.toes, gait.foot_yaw, gait.foot_pitch,
                   upper["wrists"], upper["elbows"])


def _seated(rng, body, way, times, upper):
    """On a chair ("chair"), or changing between standing and a chair ("rise") or the floor ("floor")."""
    ground = way == "floor"
    seat = body.thigh * 0.26 if ground else body.shank + body.ankle_height + rng.uniform(-30.0, 50.0)
    place = rng.uniform(-500.0, 500.0, 2)
    facing = rng.uniform(-np.pi, np.pi)
    heading = facing + wander(rng, times, 0.04, 6.0)
    ahead, left = np.array([np.cos(facing), np.sin(facing)]), np.array([-np.sin(facing), np.cos(facing)])

    clock = -rng.uniform(0.0, 2.0)
    lowered = Keyframes(clock, [1.0 if way == "chair" else float(rng.integers(2))])
    while way != "chair" and clock < times[-1]:
        leave = clock + rng.uniform(0.8, 4.0)
        clock = leave + rng.uniform(1.3, 1.9)
        lowered.move(leave, clock, 1.0 - lowered.value)
    down = lowered.read(times)[:, 0]

    feet = _seated_feet(rng, body, "floor" if ground else "chair", times, down, place, ahead, left, facing)
    standing = 1.15 * body.thigh - 0.75 * body.foot_offset[0]
    forward = (1.0 - down) * standing
    # Going down starts at the hips: trunk forward, then back again.
    reach = 4.0 * down * (1.0 - down)
    most = np.deg2rad(20.0 if ground else 48.0)
    upper["bend"] = most * np.tanh(upper["bend"] / most) + reach * np.deg2rad(18.0 if ground else 30.0)
    level = place + np.stack([forward] * 2, -1) * ahead + wander(rng, times, 6.0, 4.0, (2,))
    height = seat + (1.0 - down) * (body.ankle_height + 0.99 * body.leg - seat)
    # On the floor the pelvis rolls back, as hips do not flex far enough to sit upright.
    slump = np.deg2rad(rng.uniform(*((-34.0, -20.0) if ground else (-14.0, 2.0)))) * down
    pelvis_angles = np.stack([0.45 * upper["bend"] + slump, 0.15 * upper["lean"], np.zeros(len(times))], -1)
    return _posture(np.column_stack([level, height]), heading, pelvis_angles, upper, feet, 0.55)


def _seated_feet(rng, body, seat, times, down, place, ahead, left, facing):
    """Feet of a seated person: each changes its place now and then, and stands below the knees before rising."""
    plant = np.array(_SEATED_FEET[seat][0] if seat == "chair" else (1.15, 0.30, 12.0, 0.0))
    toes, yaws, pitches = [], [], []
    crossed = int(rng.integers(2))
    for side in (0, 1):
        splay = rng.uniform(0.0, 0.35)

        def draw(side=side):
            choice = np.array(_SEATED_FEET[seat][rng.integers(len(_SEATED_FEET[seat]))])
            if side != crossed and choice[1] < 0.0:
                choice[1] = 0.25
            return choice + rng.normal(0.0, [0.06, 0.05, 0.0, 2.0])

        clock = -rng.uniform(0.0, 3.0)
        track = Keyframes(clock, draw())
        while clock < times[-1] + MARGIN:
            leave = clock + rng.uniform(0.8, 4.0)
            clock = leave + rng.uniform(0.5, 0.9)
            track.move(leave, clock, draw())
        start, end, fraction = track.segments(times)
        spot = start + fraction[:, None] * (end - start)
        lifted = 4.0 * fraction * (1.0 - fraction) * np.minimum(np.linalg.norm((end - start)[:, :2], axis=1), 0.5)
        spot[:, 2] += 110.0 * lifted
        settled = ease((down - 0.75) / 0.25)[:, None]
        spot = plant + settled * (spot - plant)
        level = place + body.thigh * (spot[:, :1] * ahead + SIDES[side] * spot[:, 1:2] * left)
        toes.append(np.column_stack([level, spot[:, 2]]))
        pitches.append(np.deg2rad(spot[:, 3]))
        yaws.append(facing + SIDES[side] * splay + np.zeros(len(times)))
    still = np.zeros(len(times))
    return Gait(np.stack(toes, 1), np.stack(yaws, 1), np.stack(pitches, 1), still, still)
