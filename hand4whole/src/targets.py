"""Training targets: joints in the cells of the heat maps and in metres, parameters of fitted bodies, boxes of parts.

A sample is a tuple of float32 arrays. Names end in what they hold: `_img` are cells of the body's heat map (x, y, and
depth in cells), `_cam` metres relative to the root (joints of hands and face: to their wrist and to the neck), and the
masks `_valid` and `_trunc` are 1 where a target holds; `_trunc` also wants the joint inside the heat map.

Differs from mks0601/Hand4Whole_RELEASE `preprocessing.py`, its source, in one thing: the box of a hand or face that has
no extent, or of which nothing is inside the crop, is no target.
"""
from typing import NamedTuple

import numpy as np

from common.data.augment import Change, flip_points, flip_pose, rotate_points, rotate_root, swap_sides
from common.data.image import transform_points
from common.data.records import box_around

COLUMNS = (
    "img", "joint_img", "smplx_joint_img", "joint_cam", "smplx_joint_cam", "smplx_pose", "smplx_shape", "smplx_expr",
    "lhand_bbox_center", "lhand_bbox_size", "rhand_bbox_center", "rhand_bbox_size", "face_bbox_center",
    "face_bbox_size", "joint_valid", "joint_trunc", "smplx_joint_valid", "smplx_joint_trunc", "smplx_pose_valid",
    "smplx_shape_valid", "smplx_expr_valid", "is_3d", "lhand_bbox_valid", "rhand_bbox_valid", "face_bbox_valid")
"""A sample of the whole network; without the axis of the batch:

img (3, H, W), RGB, 0..1; *joint_img, *joint_cam (137, 3); smplx_pose (159,) axis-angle in radians in the order of
`joint_sets.ROTATIONS`; smplx_shape, smplx_expr (10,); *_bbox_center, *_bbox_size (2,), cells (x, y); joint_valid,
joint_trunc, smplx_joint_valid, smplx_joint_trunc (137, 1); smplx_pose_valid (159,); smplx_shape_valid,
smplx_expr_valid, is_3d and *_bbox_valid (), 0 or 1. `joint_*` are annotated joints, `smplx_*` come from a fitted body;
is_3d says whether the annotated joints have a depth.
"""

HAND_COLUMNS = (
    "img", "joint_img", "mano_joint_img", "joint_cam", "mano_joint_cam", "mano_pose", "mano_shape", "joint_valid",
    "joint_trunc", "mano_joint_valid", "mano_joint_trunc", "mano_pose_valid", "mano_shape_valid", "is_3d")
"""A sample of the hand-only network: *joint_img, *joint_cam (21, 3); mano_pose, mano_pose_valid (48,); mano_shape
(10,); masks of joints (21, 1); mano_shape_valid and is_3d (). Left hands are mirrored: everything is a right hand."""

MAX_SHAPE = 3.0  # a fit with a coefficient beyond is a bad one: the mean shape takes its place


class Space(NamedTuple):
    """Where targets live.

    image_size: width and height of the crop, px. cells: width, height and depth of the heat map. body_size, hand_size,
    face_size: extent in metres that the depth cells span.
    """

    image_size: tuple = (384, 512)
    cells: tuple = (6, 8, 8)
    body_size: float = 2.0
    hand_size: float = 0.3
    face_size: float = 0.3


class Cut(NamedTuple):
    """How a sample was cut out: matrix (2, 3) from the image, mirrored where `change` says so, to the crop; the
    `Change`; width of the image in pixels."""

    matrix: np.ndarray
    change: Change
    width: int


class Joints(NamedTuple):
    """Targets of J joints: img (J, 3), cam (J, 3), valid (J, 1), trunc (J, 1); see the module's text."""

    img: np.ndarray
    cam: np.ndarray
    valid: np.ndarray
    trunc: np.ndarray


def depth_cells(depth_m, extent_m, cells):
    """Depths in metres, relative to a root, in cells: the root lies in the middle."""
    return (np.asarray(depth_m) / (extent_m / 2.0) + 1.0) / 2.0 * cells


def place_joints(joint_img, joint_cam, valid, names, cut, space):
    """Joints of an image in the sample that was cut out of it: `Joints` in the order of `names`.

    Args:
        joint_img (array): (J, 3), pixels of the image and depth in cells.
        joint_cam (array): (J, 3), metres relative to the root, camera axes.
        valid (array): (J,), where there is a joint.
        names (tuple): of the joints.
        cut (Cut): of the sample.
        space (Space): of the targets.
    """
    joint_img, joint_cam = np.array(joint_img, np.float64), np.asarray(joint_cam, np.float64)
    valid = np.asarray(valid, np.float64).reshape(-1, 1)
    if cut.change.flip:
        joint_img, joint_cam = flip_points(joint_img, names, cut.width - 1.0), flip_points(joint_cam, names)
        valid = swap_sides(valid, names)
    joint_img[:, :2] = to_cells(joint_img[:, :2], cut, space)
    inside = ((joint_img >= 0) & (joint_img < space.cells)).all(1, keepdims=True)
    return Joints(joint_img, rotate_points(joint_cam, cut.change.rotation_deg), valid, valid * inside)


def to_cells(points_px, cut, space):
    """Points (..., 2) of the image, mirrored if it was, in cells of the heat map."""
    return transform_points(points_px, cut.matrix) * (np.array(space.cells[:2]) / space.image_size)


def spread(joints, places, count):
    """`Joints` at their places among `count` joints; the others are zero and not valid.

    Args:
        joints (Joints): J joints.
        places (array): (J,), where each goes; -1 leaves it out.
    """
    kept = np.asarray(places) >= 0
    out = []
    for values in joints:
        rows = np.zeros((count, values.shape[1]))
        rows[np.asarray(places)[kept]] = values[kept]
        out.append(rows)
    return Joints(*out)


def project_fit(j3d, focal, principal, groups, space):
    """Joints of a fitted body or hand as `place_joints` takes them: joint_img (J, 3) and joint_cam (J, 3).

    Args:
        j3d (array): (J, 3), metres, camera axes.
        focal, principal (array): (2,), pixels.
        groups (tuple): (slice, root, key of `space`) each: which joints are measured from which, over which extent.
            A root is in the first group or its own.
    """
    joint_img = np.empty_like(j3d)
    joint_img[:, :2] = j3d[:, :2] / j3d[:, 2:] * focal + principal
    joint_cam = np.empty_like(j3d)
    for part, root, extent in groups:
        joint_cam[part] = j3d[part] - j3d[root]
        joint_img[part, 2] = depth_cells(joint_cam[part, 2], getattr(space, extent), space.cells[2])
    return joint_img, joint_cam


def place_pose(pose, valid, names, change):
    """Rotations of a fitted body in the changed sample: pose (3 J,) and valid (3 J,).

    Args:
        pose (array): (3 J,) axis-angle in radians, root first.
        valid (array): (J,), which of them hold.
        names (tuple): of the J joints.
        change (Change): of the sample.
    """
    if change.flip:
        pose, valid = flip_pose(pose, names), swap_sides(np.asarray(valid)[:, None], names)[:, 0]
    return rotate_root(pose, change.rotation_deg), np.repeat(valid, 3)


def no_joints(count):
    """`Joints` of which none is known."""
    return Joints(*(np.zeros((count, size)) for size in (3, 3, 1, 1)))


def joint_columns(prefix, joints):
    """The columns `joint_img`, ... of `Joints`, with a prefix to their names."""
    return {f"{prefix}joint_{name}": values for name, values in joints._asdict().items()}


def fit_columns(kind, joints, pose, pose_valid, shape):
    """The columns of a fitted body or hand: `kind` ("smplx" or "mano") begins their names.

    Args:
        joints (Joints), pose, pose_valid (array): of `place_joints` and `place_pose`. shape (array): (10,).
    """
    return {**joint_columns(f"{kind}_", joints), f"{kind}_pose": pose, f"{kind}_pose_valid": pose_valid,
            f"{kind}_shape": usual_shape(shape), f"{kind}_shape_valid": 1.0}


def no_fit_columns(kind, num_joints, num_rotations):
    """The same where nothing is fitted: zero, and nothing is valid."""
    pose = np.zeros(3 * num_rotations)
    return {**fit_columns(kind, no_joints(num_joints), pose, pose, np.zeros(10)), f"{kind}_shape_valid": 0.0}


def usual_shape(shape):
    """The shape (S,), or the mean shape when one of its coefficients lies beyond what people have."""
    return np.zeros_like(shape) if (np.abs(shape) > MAX_SHAPE).any() else shape


def box_corners(box, cut, space):
    """Corners of the upright box, in cells, around a box of the image; boxes of turned crops become larger.

    Args:
        box (array): (4,), left, top, width, height in pixels of the image.

    Returns:
        numpy.ndarray: (2, 2), upper left and lower right.
    """
    left, top, width, height = box
    corners = np.array([[left, top], [left + width, top], [left + width, top + height], [left, top + height]])
    if cut.change.flip:
        corners[:, 0] = cut.width - 1.0 - corners[:, 0]
    around = box_around(to_cells(corners, cut, space))
    return np.stack([around[:2], around[:2] + around[2:]])


def place_box(box, cut, space):
    """Centre (2,), size (2,) and validity of the box of a hand or face, cells; zeros where it is no target.

    Args:
        box (array | None): as in `box_corners`.
    """
    if box is not None and min(box[2:]) > 0:
        upper, lower = box_corners(box, cut, space)
        if (lower > 0).all() and (upper < space.cells[:2]).all():
            return (upper + lower) / 2.0, lower - upper, 1.0
    return np.zeros(2), np.zeros(2), 0.0
