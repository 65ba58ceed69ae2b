"""Records of the data sets with labelled images -> GraphCMR's fields.

Source: nkolot/GraphCMR `datasets/preprocess`. Boxes, scales, choice of people and their joints are as there.
"""
import os

import numpy as np

from cmr.src.dataset import JOINTS, placed
from cmr.src.preprocess.human36m import extract_frames
from common.data.readers.human36m_images import JOINTS as NAMES_17
from common.data.readers.human36m_images import RAW_JOINTS
from common.data.records import NOT_LABELLED, center_scale

# What other data sets call the joints of the skeleton graphcmr_24.
LSP = {"right_hip": "right_lsp_hip", "left_hip": "left_lsp_hip", "neck": "lsp_neck", "head_top": "lsp_head_top"}
MPII = {**LSP, "upper_neck": "lsp_neck", "pelvis": "mpii_pelvis"}
# COCO's people have to show arms and legs.
LIMBS = np.arange(JOINTS.index("left_wrist") + 1)


# 17 of the 32 joints that Human3.6M stores and their places in graphcmr_24, as GraphCMR's preprocessing has them.
ROOT = "spine_base"
TARGETS = {ROOT: "mpii_pelvis", "right_hip": "right_lsp_hip", "left_hip": "left_lsp_hip", "spine": "h36m_spine",
           "right_collar": "lsp_neck", "neck_nose": "h36m_jaw", "head": "h36m_head"}
CHOSEN = (ROOT, "right_collar", *(name for name in NAMES_17 if name not in ("pelvis", "thorax")))


def up_3d(records, folder):
    """People of UP-3D: `read_up3d` -> fields, with the labelled joints and the SMPL fit."""
    return {**_boxes(records, folder), "part": [_part(record, LSP) for record in records],
            "pose": [record.pose for record in records], "shape": [record.beta for record in records]}


def lsp(records, folder):
    """People of LSP: `read_lsp` -> fields; hidden joints count as much as visible ones."""
    return {**_boxes(records, folder), "part": [_part(record, LSP) for record in records]}


def lsp_masks(records, folder, mask_folder):
    """As `lsp`, with the paths of their segmentations."""
    names = {field: [_relative(record.extras[key], mask_folder) for record in records]
             for field, key in (("maskname", "mask_path"), ("partname", "part_path"))}
    return {**lsp(records, folder), **names}


def mpii(records, folder):
    """People of MPII whose joints are all labelled: `read_mpii_h5` -> fields; its own centre and scale."""
    whole = [record for record in records if (record.visibility != NOT_LABELLED).all()]
    return {"imgname": _image_names(whole, folder), "center": [record.extras["center"] for record in whole],
            "scale": [record.extras["scale"] for record in whole], "part": [_part(record, MPII) for record in whole]}


def coco(records, folder):
    """People of COCO with all joints of arms and legs: `read_coco` -> fields."""
    parts = [_part(record, LSP) for record in records]
    whole = [(record, part) for record, part in zip(records, parts) if part[LIMBS, 2].all()]
    return {**_boxes([record for record, _ in whole], folder), "part": [part for _, part in whole]}


def protocol(records, folder):
    """People of Human3.6M for evaluation: `read_human36m_protocol` -> fields; extracts the frames that are not there.

    The box is taken as it is, without the usual margin.

    Raises:
        UserError: images are missing and so is their video, or it cannot be read.
    """
    records = extract_frames(records, folder)
    rows = [RAW_JOINTS.index(name) for name in CHOSEN]
    return {**_boxes(records, folder, enlarge=1.0),
            "S": [placed((record.j3d - record.j3d[RAW_JOINTS.index(ROOT)])[rows], CHOSEN, TARGETS)
                  for record in records]}


def with_bodies(records, folder):
    """People of Human3.6M for training: `read_annot_h5` or `read_annots_npz` -> fields with 2D and 3D joints and SMPL.

    The files have the 14 joints of LSP, or all that Human3.6M stores.
    """
    targets = {**LSP, **TARGETS}
    return {**_boxes(records, folder), "part": [_part(record, targets) for record in records],
            "S": [_centred(placed(record.j3d, record.joints, targets)) for record in records],
            **(_bodies(records) if any(record.pose is not None for record in records) else {})}


def _bodies(records):
    has = [record.pose is not None for record in records]
    return {"pose": [record.pose if there else np.zeros(72) for record, there in zip(records, has)],
            "shape": [record.beta if there else np.zeros(10) for record, there in zip(records, has)],
            "has_smpl": np.asarray(has, np.float64)}


def three_dpw(records, folder):
    """People of 3DPW: `read_3dpw` -> fields; their bodies have genders."""
    return {**_boxes(records, folder), "pose": [record.pose for record in records],
            "shape": [record.beta for record in records], "gender": [record.extras["gender"] for record in records]}


def _boxes(records, folder, enlarge=1.2):
    boxes = [center_scale(record.box, enlarge) for record in records]
    sizes = [record.extras.get("size") or (0, 0) for record in records]
    known = {"size": sizes} if np.any(sizes) else {}
    return {**known, "imgname": _image_names(records, folder), "center": [center for center, _ in boxes],
            "scale": [scale for _, scale in boxes]}


def _image_names(records, folder):
    return [_relative(record.image_path, folder) for record in records]


def _relative(path, folder):
    return os.path.relpath(path, folder).replace(os.sep, "/")


def _part(record, targets):
    part = placed(record.j2d, record.joints, targets)
    labelled = placed(record.visibility[:, None] != NOT_LABELLED, record.joints, targets)[:, :1]
    return part * labelled


def _centred(joints):
    """3D joints relative to the middle of the hips, as the loss takes them; the size of the numbers is a body's."""
    hips = [JOINTS.index(name) for name in ("right_lsp_hip", "left_lsp_hip")]
    joints[:, :3] = (joints[:, :3] - joints[hips, :3].mean(0)) * joints[:, 3:]
    return joints
