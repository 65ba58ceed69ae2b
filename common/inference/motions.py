"""People of images and videos as motion, which other programs read and pages play."""
from collections.abc import Sequence

import numpy as np

from common.formats.motion import Motion, strongest
from common.formats.stick_figure import stick_figure
from common.inference.person import ImageRecord, Person
from common.visual.cameras import Y_UP
from common.visual.renderer import PALETTE, Mesh
from common.visual.viewer import Moving, viewer_page

IMAGE_FPS = 30.0  # of a file about an image, whose format asks for a rate


def motion_of(record: ImageRecord, people: list[Person], name: str, source: str,
              frames: Sequence[int] | np.ndarray = (0,), time_s: Sequence[float] | np.ndarray = (0.0,),
              fps: float = IMAGE_FPS) -> Motion:
    """One person in the frames in which the person is seen.

    Args:
        record: of an image or of any frame: model, body model and camera.
        people: the person, once for each frame.
        source: file name of the image, or name of the video.
        frames: numbers of the frames. time_s: their times.
        fps: mean frames per second.
    """
    first = people[0]
    translation = np.stack([person.translation for person in people])
    j3d = np.stack([person.j3d for person in people]) + translation[:, None]
    body = {}
    if record.rig is not None and first.rotmat is not None:
        body = record.rig.move(np.stack([person.rotmat for person in people]),
                               np.stack([person.shape for person in people]), translation,
                               PALETTE[first.number % len(PALETTE)])
    scores = np.array([np.nan if person.score is None else person.score for person in people])
    return Motion(name, source, record.model, first.number, fps, np.asarray(frames), np.asarray(time_s, np.float64),
                  tuple(first.joint_names), np.float64(j3d) @ Y_UP, np.stack([person.j2d_px for person in people]),
                  scores, **body)


def motions_page(motions: list[Motion], num_frames: int, fps: float, title: str, note: str = "") -> str:
    """A viewer page with a slider for the time of everybody; people without a body are drawn as rods and balls."""
    meshes, moving = [], []
    times = np.arange(num_frames) / fps
    for number, motion in enumerate(motions):
        skin = motion.skin or stick_figure(motion.skeleton, PALETTE[(number + 1) % len(PALETTE)])
        joints, weights = strongest(skin.weights)
        rows = np.full(num_frames, -1)
        rows[motion.frames] = np.arange(len(motion.frames))
        times[motion.frames] = motion.time_s
        meshes.append(Mesh(skin.vertices, skin.faces, skin.colour, f"person {motion.person}"))
        moving.append(Moving(motion.skeleton.parents, motion.skeleton.rest(), joints, weights, motion.quaternions(),
                             motion.skeleton.root, rows, motion.skeleton.names))
    return viewer_page(meshes, title, note, moving, np.maximum.accumulate(times - times[0]))
