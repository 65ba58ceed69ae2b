"""What the network is trained towards: heat maps, affinity fields and the mask of cells that count.

Source: the MindSpore 1.x implementation. Cell (i, j) of a map stands for the pixel (8 j + 3.5, 8 i + 3.5) of the
network input. Joints outside the image take part: the rim of their Gaussian and their limbs reach into it.
"""
import cv2
import numpy as np

from openpose.src.normalisation import STRIDE
from openpose.src.skeleton import COCO_18

HEATMAP_SIGMA = 7.0  # pixels of the network input
PAF_WIDTH = 8.0  # largest distance of a cell from the line between two joints, pixels
DILATION = 16  # pixels by which ignored regions are enlarged
SMALLEST_LIMB = 1e-6  # pixels; a shorter one has no direction


def make_targets(joints, rows, columns, skeleton=COCO_18, heatmap_sigma=HEATMAP_SIGMA, paf_width=PAF_WIDTH,
                 stride=STRIDE):
    """True maps of the people in an image.

    Args:
        joints (array): (P, J, 3), x and y in pixels of the network input, and a flag that is positive for joints that
            are there.
        rows, columns (int): size of the maps.
        skeleton (Skeleton): J joints, L limbs.
        heatmap_sigma (float): of the Gaussians, pixels.
        paf_width (float): half width of the fields, pixels.
        stride (int): pixels per cell.

    Returns:
        tuple: heat maps (J+1, rows, columns), the greatest over the people, the last one the background; fields
        (2L, rows, columns), unit vectors along the limbs, averaged where limbs of several people meet; float32.
    """
    joints = np.asarray(joints, np.float64).reshape(-1, len(skeleton.joints), 3)
    xs, ys = (np.arange(size) * float(stride) + (stride - 1) / 2 for size in (columns, rows))
    return _heatmaps(joints, xs, ys, heatmap_sigma), _fields(joints, xs, ys, skeleton.limbs, paf_width)


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


def _fields(joints, xs, ys, limbs, width):
    """In double precision, since the fields end abruptly."""
    first, second = (np.array([limb[end] for limb in limbs]) for end in (0, 1))
    there = (joints[:, first, 2] > 0) & (joints[:, second, 2] > 0)
    person, limb = np.nonzero(there)
    start, end = joints[person, first[limb], :2], joints[person, second[limb], :2]
    length = np.hypot(*(end - start).T)
    kept = length > SMALLEST_LIMB
    limb, start, end, length = limb[kept], start[kept], end[kept], length[kept]
    unit = (end - start) / length[:, None]
    total, count = np.zeros((2, len(limbs), len(ys), len(xs))), np.zeros((len(limbs), len(ys), len(xs)))
    for number, origin, (ux, uy), extent in zip(limb, start, unit, length):
        dx, dy = xs - origin[0], (ys - origin[1])[:, None]
        along = dx * ux + dy * uy
        covered = (along >= 0) & (along <= extent) & (np.abs(dx * uy - dy * ux) <= width)
        total[0, number] += covered * ux
        total[1, number] += covered * uy
        count[number] += covered
    fields = total / np.maximum(count, 1)
    return fields.transpose(1, 0, 2, 3).reshape(-1, len(ys), len(xs)).astype(np.float32)


def mask_target(ignore, rows, columns):
    """Weights of the cells from the pixels that are to be ignored.

    Args:
        ignore (array): (H, W), true where no one knows whether there is a person.
        rows, columns (int): size of the maps.

    Returns:
        numpy.ndarray: (rows, columns) float32, 1 where a cell counts, 0 where it is ignored, between them at the rim.
    """
    grown = cv2.dilate(np.asarray(ignore, bool).astype(np.uint8), np.ones((DILATION, DILATION), np.uint8))
    small = cv2.resize(grown.astype(np.float32), (columns, rows), interpolation=cv2.INTER_LINEAR)
    return np.float32(1) - small
