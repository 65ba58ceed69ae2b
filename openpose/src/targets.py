"""What the network is trained towards: heat maps, affinity fields and the mask of cells that count.

Source: the MindSpore 1.x implementation. Cell (i, j) of a map stands for the pixel (8 j + 3.5, 8 i + 3.5) of the
network input. Joints outside the image take part: the rim of their Gaussian and their limbs reach into it.
"""
import cv2
import numpy as np

from common.compiled import compiled
from openpose.src.normalisation import STRIDE
from openpose.src.skeleton import COCO_18

HEATMAP_SIGMA = 7.0  # pixels of the network input
PAF_WIDTH = 8.0  # largest distance of a cell from the line between two joints, pixels
DILATION = 16  # pixels by which ignored regions are enlarged
SMALLEST_LIMB = 1e-6  # pixels; a shorter one has no direction


def make_targets(joints, rows, columns, skeleton=COCO_18, heatmap_sigma=HEATMAP_SIGMA, paf_width=PAF_WIDTH):
    """True maps of the people in an image.

    Args:
        joints (array): (P, J, 3), x and y in pixels of the network input, and a flag that is positive for joints that
            are there.
        rows, columns (int): size of the maps.
        skeleton (Skeleton): J joints, L limbs.
        heatmap_sigma (float): of the Gaussians, pixels.
        paf_width (float): half width of the fields, pixels.

    Returns:
        tuple: heat maps (J+1, rows, columns), the greatest over the people, the last one the background; fields
        (2L, rows, columns), unit vectors along the limbs, averaged where limbs of several people meet; float32.
    """
    joints = np.ascontiguousarray(joints, np.float64).reshape(-1, len(skeleton.joints), 3)
    xs, ys = (np.arange(size) * float(STRIDE) + (STRIDE - 1) / 2 for size in (columns, rows))
    fields = np.zeros((len(skeleton.limbs), 2, rows, columns))
    _add_fields(joints, xs, ys, np.array(skeleton.limbs, np.int64), float(paf_width), fields)
    return _heatmaps(joints, xs, ys, heatmap_sigma), fields.reshape(-1, rows, columns).astype(np.float32)


def _heatmaps(joints, xs, ys, sigma):
    """A Gaussian is a product of one along each axis."""
    heat = np.zeros((joints.shape[1] + 1, len(ys), len(xs)), np.float32)
    across = np.exp(-np.square(xs - joints[..., :1]) / (2 * sigma ** 2))
    down = np.exp(-np.square(ys - joints[..., 1:2]) / (2 * sigma ** 2))
    for joint in range(joints.shape[1]):
        there = joints[:, joint, 2] > 0
        if there.any():
            heat[joint] = (down[there, joint, :, None] * across[there, joint, None, :]).max(0)
    heat[-1] = 1 - heat[:-1].max(0)
    return heat


@compiled("void(f8[:,:,::1], f8[::1], f8[::1], i8[:,::1], f8, f8[:,:,:,::1])")
def _add_fields(joints, xs, ys, limbs, width, total):
    """In double precision, since the fields end abruptly. Without Python's lock: much of a sample's time goes here."""
    count = np.zeros((len(ys), len(xs)))
    for limb in range(len(limbs)):
        count[:] = 0
        for person in range(len(joints)):
            start, end = joints[person, limbs[limb, 0]], joints[person, limbs[limb, 1]]
            length = np.hypot(end[0] - start[0], end[1] - start[1])
            if not (start[2] > 0 and end[2] > 0 and length > SMALLEST_LIMB):
                continue
            ux, uy = (end[0] - start[0]) / length, (end[1] - start[1]) / length
            for row in range(len(ys)):
                for column in range(len(xs)):
                    dx, dy = xs[column] - start[0], ys[row] - start[1]
                    if 0 <= dx * ux + dy * uy <= length and abs(dx * uy - dy * ux) <= width:
                        total[limb, 0, row, column] += ux
                        total[limb, 1, row, column] += uy
                        count[row, column] += 1
        for row in range(len(ys)):
            for column in range(len(xs)):
                if count[row, column] > 1:
                    total[limb, 0, row, column] /= count[row, column]
                    total[limb, 1, row, column] /= count[row, column]


def mask_target(ignore, rows, columns):
    """(rows, columns) float32: 0 for cells whose pixels (H, W) are to be ignored, else 1, between them at the rim."""
    grown = cv2.dilate(np.asarray(ignore, bool).astype(np.uint8), np.ones((DILATION, DILATION), np.uint8))
    small = cv2.resize(grown.astype(np.float32), (columns, rows), interpolation=cv2.INTER_LINEAR)
    return np.float32(1) - small
