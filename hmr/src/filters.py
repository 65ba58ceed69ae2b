"""Which people a network is trained on, and why the others are not.

Sources: akanazawa/hmr (at least six visible keypoints, not too small), MandyMo/pytorch_HMR (not too near to others).
"""
from dataclasses import dataclass

import numpy as np

from common.errors import UserError


@dataclass(frozen=True)
class Limits:
    """What a person must have.

    Args:
        min_keypoints (float): sum of the weights of the 14 keypoints.
        min_size (float): longer side of the box, px.
        max_overlap (float): largest share with another person of the same picture, see `overlap`.
    """

    min_keypoints: float = 6.0
    min_size: float = 60.0
    max_overlap: float = 0.5


def choose(images, corners, weights, limits, dataset):
    """Which people pass all filters.

    Args:
        images (sequence of str): (N,), the picture that each is in.
        corners (array): (N, 4), left, top, right, bottom of their boxes, px.
        weights (array): (N, 14), of their keypoints.
        limits (Limits): what is asked.
        dataset (str): name for the error text.

    Returns:
        tuple: (N,) bool, and a dict of setting -> how many people it has dropped (the first that applies).

    Raises:
        UserError: nobody is left; names the filters.
    """
    failed = {"min_keypoints": weights.sum(1) < limits.min_keypoints,
              "min_size": (corners[:, 2:] - corners[:, :2]).max(1, initial=0.0) < limits.min_size,
              "max_overlap": largest_overlaps(images, corners) > limits.max_overlap}
    kept, dropped = np.ones(len(images), bool), {}
    for name, those in failed.items():
        dropped[name] = int((kept & those).sum())
        kept &= ~those
    if not kept.any():
        reasons = ", ".join(f"{number} by --{name} {getattr(limits, name):g}" for name, number in dropped.items()
                            if number)
        raise UserError(f"data set {dataset}: of {len(images)} people none can be used"
                        f"{f': dropped were {reasons}' if reasons else ''}; loosen that, or leave the set out")
    return kept, dropped


def largest_overlaps(images, corners):
    """(N,) the largest `overlap` of each box with another one in the same picture, 0 for people on their own."""
    largest, rows = np.zeros(len(images)), {}
    for row, image in enumerate(images):
        rows.setdefault(image, []).append(row)
    for group in rows.values():
        if len(group) > 1:
            shares = overlap(corners[group][:, None], corners[group][None])
            np.fill_diagonal(shares, 0.0)
            largest[group] = shares.max(1)
    return largest


def overlap(one, other):
    """What two boxes share, relative to the smallest box around both: not the usual intersection over union.

    Args:
        one, other (array): (..., 4), left, top, right, bottom.

    Returns:
        array: (...), 0 to 1.
    """
    shared = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    around = np.maximum(one[..., 2:], other[..., 2:]) - np.minimum(one[..., :2], other[..., :2])
    return shared.clip(0).prod(-1) / np.maximum(around.prod(-1), 1e-9)
