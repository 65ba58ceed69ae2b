"""Images of 2D input, 3D prediction and truth: grids as png, animations as mp4 or gif.

Poses are shown standing on a floor: the pelvis in the middle, the lowest joint on the ground.
"""
from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from common.errors import printable
from common.files import atomic_path
from common.joints import SKELETONS
from common.visual.draw import (
    COLOURS,
    MUTED,
    View,
    blank,
    draw_skeleton,
    fit_points,
    panel_2d,
    panel_3d,
    put_text,
    upright,
)
from common.visual.video import write_video

INPUT = "h36m_16"
_OUTPUTS = {len(SKELETONS[name]): name for name in ("h36m_32", "h36m_17", "h36m_14")}
MOST_FRAMES = 12  # of a grid
SWING_DEG = 40.0  # by which the view of an animation swings to each side, once in eight seconds
_PANEL_PX, _VIDEO_PX, _DPI, _NAME_LETTERS = 380, 480, 100, 40
_PANEL_INCHES, _CAPTION_INCHES, _GAP_INCHES = 1.9, 0.36, 0.16
# Half of the height of the scene, unless someone needs more, and how high above the floor its middle is.
_RADIUS_MM, _MIDDLE_MM = 1000.0, 860.0


class Sample(NamedTuple):
    """One pose of the grid: (16, 2) px, truth and prediction (J, 3) mm, and a caption."""
    joints_2d: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray
    title: str = ""


def sample_grid(samples, path, space="camera"):
    """The grid of the original's `--sample`: five rows of three samples, each with 2D input, 3D truth and prediction.

    Args:
        samples (list): up to 15 of Sample.
        path (str): png to write.
        space (str): axes of the 3D joints, `camera` (x right, y down, z forward) or `world` (z up).
    """
    radius = _radius(space, *(pose for sample in samples for pose in (sample.truth, sample.prediction)))
    cards = []
    for sample in samples:
        error = np.linalg.norm(sample.prediction - sample.truth, axis=-1).mean()
        cards.append((f"{sample.title}   {error:.0f} mm".strip(), [
            panel_2d(sample.joints_2d, INPUT, _PANEL_PX, _PANEL_PX),
            _panel(sample.truth, space, radius), _panel(sample.prediction, space, radius)]))
    _write_cards(path, cards, ["2D input", "3D truth", "3D prediction"], 3,
                 "Human3.6M: 3D pose from 2D joints (mean joint error per pose)")


def prediction_grid(joints_2d, joints_3d, truth_3d, path, space="camera", frame_names=None):
    """A grid of evenly chosen frames: 2D input and 3D prediction, drawn over the truth where there is one.

    Args:
        joints_2d (ndarray): (T, 16, 2), px.
        joints_3d (ndarray): (T, J, 3), mm, relative to the pelvis.
        truth_3d (ndarray): (T, J, 3), or None.
        path (str): png to write.
        space (str): see `sample_grid`.
        frame_names (list): T captions; None for the numbers of the rows.
    """
    count = len(joints_3d)
    chosen = np.unique(np.linspace(0, count - 1, min(count, MOST_FRAMES)).round().astype(int))
    radius = _radius(space, joints_3d[chosen], None if truth_3d is None else truth_3d[chosen])
    cards = []
    for frame in chosen:
        title = printable(frame_names[frame])[:_NAME_LETTERS] if frame_names is not None else f"frame {frame}"
        truth = None if truth_3d is None else truth_3d[frame]
        if truth is not None:
            title += f"   {np.linalg.norm(joints_3d[frame] - truth, axis=-1).mean():.0f} mm"
        cards.append((title, [panel_2d(joints_2d[frame], INPUT, _PANEL_PX, _PANEL_PX),
                              _panel(joints_3d[frame], space, radius, reference=truth)]))
    per_row = min(4, max(1, round(len(cards)**0.5)))
    _write_cards(path, cards, ["2D input", "3D prediction"], per_row, "3D pose from 2D joints",
                 reference=truth_3d is not None)


def pose_image(joints_2d, joints_3d, space="camera"):
    """One pose: 2D input (16, 2) px on the left, prediction (J, 3) mm on the right, (480, 960, 3) uint8 RGB."""
    return next(_frames(joints_2d[None], joints_3d[None], 1.0, space, None))


def animate(joints_2d, joints_3d, path, fps, space="camera", truth_3d=None):
    """A video (mp4 or gif) of one person: 2D input on the left, prediction, over the truth if any, on the right.

    joints_2d (T, 16, 2), px; joints_3d and truth_3d (T, J, 3), mm; fps: frames per second; space: see `sample_grid`.
    """
    write_video(path, _frames(joints_2d, joints_3d, fps, space, truth_3d), fps)


def _frames(joints_2d, joints_3d, fps, space, truth_3d):
    size, radius = _VIDEO_PX, _radius(space, joints_3d, truth_3d)
    scale, shift = fit_points(joints_2d, size, size, margin=0.1)
    for frame, (points, pose) in enumerate(zip(joints_2d, joints_3d)):
        left = draw_skeleton(blank(size, size), scale * points + shift, INPUT)
        view = View(azimuth_deg=View.azimuth_deg + SWING_DEG * np.sin(2.0 * np.pi * frame / (8.0 * fps)))
        truth = None if truth_3d is None else truth_3d[frame]
        right = _panel(pose, space, radius, view=view, reference=truth, size=size)
        put_text(left, "2D input", (14, 26), scale=0.6)
        put_text(right, "3D prediction", (14, 26), scale=0.6)
        put_text(left, str(frame), (14, size - 14), colour=MUTED, scale=0.5)
        right[:, 0] = MUTED
        yield np.hstack([left, right])


def _floor_point(joints):
    """The point (..., 1, 3) on the floor below the pelvis (or between the hips) of joints (..., J, 3) with z up."""
    names = SKELETONS[_OUTPUTS[joints.shape[-2]]]
    roots = [names.index(name) for name in (("pelvis",) if "pelvis" in names else ("left_hip", "right_hip"))]
    offset = joints[..., roots, :].mean(-2, keepdims=True)
    offset[..., 2] = joints[..., 2].min(-1, keepdims=True)
    return offset


def _radius(space, *poses):
    """Half of the scene's size that shows all poses ((J, 3), (T, J, 3) or None) from every side."""
    needed = [_RADIUS_MM]
    for pose in poses:
        if pose is None:
            continue
        joints = upright(pose, space)
        joints = joints - _floor_point(joints) - [0.0, 0.0, _MIDDLE_MM]
        needed.append(1.06 * float(np.linalg.norm(joints[..., :2], axis=-1).max()))
        needed.append(1.06 * float(joints[..., 2].max()))
    return max(needed)


def _panel(pose, space, radius, view=None, reference=None, size=_PANEL_PX):
    joints = upright(pose, space)
    # Both poses are relative to the pelvis, so one shift keeps them comparable.
    middle = _floor_point(joints) + [0.0, 0.0, _MIDDLE_MM]
    return panel_3d(joints - middle, _OUTPUTS[len(pose)], size, size, radius, view=view,
                    reference=None if reference is None else upright(reference, space) - middle, floor_mm=-_MIDDLE_MM)


def _write_cards(path, cards, headings, per_row, title, reference=False):
    """Lay out cards (caption, panels) in rows, with headings above the columns and a legend below; write a png."""
    rows = -(-len(cards) // per_row)
    panels = len(headings)
    card_width = panels * _PANEL_INCHES + _GAP_INCHES
    row_height = _PANEL_INCHES + _CAPTION_INCHES
    width = per_row * card_width + _GAP_INCHES
    top, bottom = 0.64, 0.5
    height = rows * row_height + top + bottom
    figure = Figure(figsize=(max(width, 4.6), height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    width = figure.get_figwidth()
    ink = np.array(COLOURS["middle"]) / 255.0
    figure.text(_GAP_INCHES / width, 1.0 - 0.3 / height, title, fontsize=13, fontweight="bold", color=ink, va="center")
    for number, (caption, images) in enumerate(cards):
        row, column = divmod(number, per_row)
        left = _GAP_INCHES + column * card_width
        low = bottom + (rows - 1 - row) * row_height
        for index, image in enumerate(images):
            x = left + index * _PANEL_INCHES
            axis = figure.add_axes([x / width, low / height, _PANEL_INCHES / width, _PANEL_INCHES / height])
            axis.imshow(image, aspect="equal")
            axis.set_axis_off()
            if row == 0:
                figure.text((x + _PANEL_INCHES / 2) / width, 1.0 - 0.58 / height, headings[index], fontsize=9.5,
                            ha="center", va="center", color=ink)
        # Names of frames are whatever files hold: `$` is no formula there.
        figure.text((left + 0.06) / width, (low + _PANEL_INCHES + 0.1) / height, caption, fontsize=8, va="center",
                    color=ink, parse_math=False)
    entries = {**COLOURS, "truth": MUTED} if reference else COLOURS
    handles = [Line2D([], [], color=np.array(colour) / 255.0, linewidth=3, label=name)
               for name, colour in entries.items()]
    figure.legend(handles=handles, loc="lower center", ncols=len(handles), frameon=False, fontsize=9)
    with atomic_path(path) as temporary:
        figure.savefig(temporary)
