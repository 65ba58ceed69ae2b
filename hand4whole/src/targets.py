"""Training targets: joints in the cells of the heat maps and in metres, parameters of fitted bodies, boxes of parts.

A sample is a tuple of float32 arrays. Names end in what they hold: `_img` are cells of the body's heat map (x, y, and
depth in cells), `_cam` metres relative to the root (joints of hands and face: to their wrist and to the neck), and the
masks `_valid` and `_trunc` are 1 where a target holds; `_trunc` also wants the joint inside the heat map.
"""
from typing import NamedTuple

import numpy as np

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
