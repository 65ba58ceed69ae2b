"""The fifteen actions of Human3.6M as programs of body states; `perform.py` plays them.

A program says how the person gets about (standing, walking, on a chair, down to the floor) and lists states between
which the upper body moves: where the hands are, how far trunk and knees bend, where the head looks. Order, timing,
mirror side and size are drawn when it is played.
"""
from dataclasses import dataclass

# Where a wrist may be and where its elbow points then: forward, outward, up in chest axes from the arm's own shoulder,
# in arm lengths (the second triple: any length).
PLACES = {
    "hang": ((0.05, 0.12, -0.97), (-0.9, 0.5, 0.0)),
    "mouth": ((0.38, -0.20, 0.06), (-0.1, 0.7, -0.8)),
    "ear": ((0.27, 0.00, 0.17), (0.0, 0.5, -1.0)),
    "eyes": ((0.47, -0.14, 0.20), (-0.1, 0.7, -0.8)),
    "point_ahead": ((0.93, 0.02, 0.05), (0.0, 0.6, -0.8)),
    "point_up": ((0.70, 0.18, 0.60), (0.1, 0.9, -0.5)),
    "point_aside": ((0.40, 0.84, 0.08), (-0.4, 0.1, -0.9)),
    "overhead": ((0.12, 0.20, 0.88), (0.3, 0.9, -0.1)),
    "hip": ((0.04, 0.10, -0.70), (-0.5, 0.9, 0.0)),
    "pocket": ((0.14, 0.05, -0.86), (-0.9, 0.5, 0.0)),
    "folded": ((0.38, -0.42, -0.36), (-0.1, 0.8, -0.5)),
    "chest": ((0.45, -0.22, -0.24), (-0.3, 0.8, -0.6)),
    "low": ((0.55, 0.10, -0.52), (-0.6, 0.6, -0.5)),
    "offer": ((0.66, 0.12, -0.22), (-0.3, 0.6, -0.7)),
    "wave": ((0.32, 0.42, 0.36), (0.0, 0.8, -0.6)),
    "lap": ((0.52, -0.12, -0.62), (-0.5, 0.8, -0.1)),
    "knee": ((0.74, -0.04, -0.52), (-0.3, 0.8, -0.4)),
    "floor": ((0.66, 0.02, -0.70), (-0.5, 0.7, 0.0)),
    "behind": ((-0.42, 0.30, -0.72), (-0.7, 0.8, 0.0)),
    "clasped": ((-0.30, -0.16, -0.76), (-0.3, 0.9, 0.0)),
}


@dataclass(frozen=True)
class State:
    """What the upper body does, in degrees; the pelvis goes down by `crouch` leg lengths. `wave` shakes the main hand.

    `main` and `other` are places of the two hands; which of them is the right one is drawn once per sequence.
    """
    main: str = "hang"
    other: str = "hang"
    bend: float = 4.0
    lean: float = 0.0
    turn: float = 0.0
    nod: float = 0.0
    look: float = 0.0
    crouch: float = 0.0
    wave: float = 0.0


@dataclass(frozen=True)
class ActionScript:
    """One action: its states, the ways to get about (one per take) and its tempo (s held, s moving)."""
    states: tuple
    ways: tuple = ("stand", "stand")
    hold: tuple = (0.5, 2.0)
    move: tuple = (0.6, 1.1)


_REST = (State(), State("hip"), State("hip", "hip"), State("folded", "folded", bend=6), State("pocket", "pocket"),
         State("clasped", "clasped", bend=0))
_SEATED = (State("lap", "lap", bend=14, nod=8), State("knee", "knee", bend=26), State("chest", "lap", bend=12),
           State("folded", "folded", bend=8), State("lap", "hang", bend=2, lean=10), State("mouth", "lap", bend=20),
           State("knee", "knee", bend=44, nod=-15), State("behind", "lap", bend=-8, nod=6),
           State("overhead", "lap", bend=-4, nod=-8))
_TALK = (State("low", "low"), State("offer", "low", bend=8), State("offer", "offer", bend=10),
         State("chest", "low", nod=6), State("point_ahead", "hip", bend=10), State("low", "hip", lean=5))
_HELD = ("hang", "hip", "low", "chest", "pocket")

ACTION_SCRIPTS = {
    "Directions": ActionScript((
        State("point_ahead", look=10), State("point_aside", look=35, turn=14), State("point_up", nod=-14),
        State("point_ahead", "hip", turn=-22, look=-15), State("point_aside", "point_aside"), *_REST[:3])),
    "Discussion": ActionScript(_TALK + _REST[:4], hold=(0.2, 1.0), move=(0.4, 0.8)),
    "Eating": ActionScript((
        State("mouth", "low", bend=14, nod=12), State("low", "low", bend=16, nod=18),
        State("mouth", "lap", bend=10, nod=5), State("offer", "chest", bend=18, nod=16),
        State("mouth", "mouth", bend=12)),
        ways=("chair", "stand"), hold=(0.2, 1.0)),
    "Greeting": ActionScript((
        State("wave", wave=1.0, look=8), State("wave", "hip", wave=1.0), State("offer", bend=22, nod=8),
        State("hang", "hang", bend=42, nod=14), State("overhead", wave=1.0), State("point_ahead", bend=16), *_REST[:2]),
        hold=(0.6, 1.6)),
    "Phoning": ActionScript(tuple(State("ear", other, lean=4, look=look, nod=nod) for other, look, nod in
                               zip(_HELD, (10, -20, 25, 0, -10), (4, 10, 0, 16, -4))),
                         ways=("stand", "chair")),
    "Photo": ActionScript((
        State("eyes", "eyes", nod=4), State("eyes", "eyes", bend=22, crouch=0.16),
        State("eyes", "eyes", lean=12, turn=20), State("eyes", "eyes", bend=10, crouch=0.42),
        State("chest", "chest", nod=24), State("eyes", "low", bend=-2))),
    "Posing": ActionScript((
        State("hip", "hip", lean=6, look=30), State("overhead", "hip", lean=-10), State("folded", "folded", look=-20),
        State("overhead", "overhead"), State("point_aside", "hip", turn=25), State("ear", "ear", bend=-4),
        State("chest", "clasped", turn=-20, look=40), State("point_aside", "point_aside", crouch=0.1)),
        hold=(0.8, 2.2)),
    "Purchases": ActionScript((
        State("floor", "floor", bend=68, crouch=0.22, nod=-20), State("floor", "knee", bend=58, crouch=0.4, nod=-15),
        State("offer", "offer", bend=12), State("overhead", "low", nod=-16), State("low", "low", bend=10, nod=18),
        State("hang", "chest", lean=10), State("floor", bend=50, lean=14, crouch=0.3)), hold=(0.3, 1.0)),
    "Sitting": ActionScript(_SEATED, ways=("chair", "chair")),
    "SittingDown": ActionScript(_SEATED + (State("floor", "behind", bend=24), State("behind", "behind", bend=-6)),
                             ways=("rise", "floor")),
    "Smoking": ActionScript((
        State("mouth", "hip", nod=-4), State("hip", "folded"), State("hang", "pocket"), State("mouth", "folded", nod=4),
        State("low", "pocket", look=20), State("mouth", nod=-8)), ways=("stand", "chair"), hold=(0.5, 1.6)),
    "Waiting": ActionScript(_REST + (State("chest", "folded", nod=28), State("ear", "hip", nod=10),
                                  State("hang", "hang", bend=26, crouch=0.06),
                                  State("folded", "folded", look=45, turn=20)),
                         ways=("stand", "chair")),
    "WalkDog": ActionScript((
        State("low", "hang", nod=10), State("offer", "hang", turn=-10),
        State("low", "hang", bend=34, nod=10, crouch=0.05), State("low", "low", nod=14)), ways=("stroll", "walk")),
    "Walking": ActionScript((State(), State(look=14), State(look=-14, bend=6), State("pocket", "hang")),
                         ways=("walk", "walk"), hold=(2.0, 4.0)),
    "WalkTogether": ActionScript((
        State(look=30), State("offer", look=40, turn=6), State("point_aside", look=35), State("low", "low", look=25),
        State(look=-10)), ways=("walk", "walk"), hold=(0.8, 2.0)),
}
ACTIONS = tuple(ACTION_SCRIPTS)
