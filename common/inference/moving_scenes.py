"""People over time as a page that plays them."""
import numpy as np

from common.formats.motion import Motion, strongest
from common.formats.stick_figure import stick_figure
from common.visual.renderer import PALETTE, Mesh
from common.visual.viewer import Moving, viewer_page


def motions_page(motions: list[Motion], num_frames: int, fps: float, title: str, note: str = "") -> str:
    """A viewer page with a slider for the time; people without a body are drawn as rods and balls.

    Args:
        motions: of everybody, with skeletons.
        num_frames: of the video. fps: mean frames per second.
        title, note: see `viewer_page`.
    """
    meshes, moving = [], []
    times = np.arange(num_frames) / fps
    for number, motion in enumerate(motions):
        skin = motion.skin or stick_figure(motion.skeleton, PALETTE[(number + 1) % len(PALETTE)])
        joints, weights = strongest(skin.weights)
        rows = np.full(num_frames, -1)
        rows[motion.frames] = np.arange(len(motion.frames))
        times[motion.frames] = motion.time_s
        meshes.append(Mesh(skin.vertices, skin.faces, skin.colour, f"person {motion.person}"))
        moving.append(Moving(motion.skeleton.parents, motion.rest(), joints, weights, motion.quaternions(),
                             motion.skeleton.root, rows, motion.skeleton.names))
    return viewer_page(meshes, title, note, moving, np.maximum.accumulate(times - times[0]))
