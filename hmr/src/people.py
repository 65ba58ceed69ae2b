"""Records of any data set as the arrays that HMR learns from: one row for each person, joints in HMR's order.

Not everybody is trained on. Sources of the filters: akanazawa/hmr (at least six visible keypoints, not too small),
MandyMo/pytorch_HMR (not too near to others).
"""
import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from common.body_models.lbs_numpy import pose_body
from common.data.records import HIDDEN, VISIBLE, box_around
from common.errors import UserError
from common.geometry.rotation import axis_angle_to_matrix
from common.joints import SKELETONS, index_map
from hmr.src.network import JOINTS

NUM_LSP = 14
# Joints that data sets call otherwise: the published choice among their rows.
OTHER_NAMES = {"upper_neck": "neck"}
RAW_HUMAN36M_NAMES = {"right_collar": "neck", "head": "head_top"}


@dataclass(frozen=True)
class DatasetPeople:
    """N people of one data set.

    Attributes:
        images (list[str]): (N,) paths of their images.
        corners (array): (N, 4) float32, left, top, right, bottom of the box, px.
        kp2d (array): (N, 19, 3) float32, x, y in px and weight, in the order of `network.JOINTS`.
        kp3d (array): (N, 14, 3) float32, metres, camera axes; None where the set has none.
        theta (array): (N, 85) float32, no camera, pose and shape; None where the set has none.
        sizes (list): (N,) (width, height) of the images that the annotations state, or None; None for none at all.
    """

    images: list
    corners: np.ndarray
    kp2d: np.ndarray
    kp3d: np.ndarray = None
    theta: np.ndarray = None
    sizes: list = None

    def __len__(self):
        return len(self.images)


def gather(records, hidden_weight, given_box, limits, dataset):
    """The people of a data set who pass the filters.

    Args:
        records (list[Record]): as read.
        hidden_weight (float): weight of keypoints that are labelled, but hidden.
        given_box (bool): take the records' boxes, cut to whole pixels; else the box around the keypoints that count.
        limits (Limits): of the filters.
        dataset (str): name for error texts.

    Returns:
        tuple: DatasetPeople, and how many the filters dropped, see `choose`.

    Raises:
        UserError: nobody is left.
    """
    kp2d = np.stack([keypoints(record, hidden_weight) for record in records]) if records else np.zeros((0, 19, 3))
    if given_box:
        corners = np.stack([np.trunc(corners_of(record.box)) for record in records]) if records else np.zeros((0, 4))
    else:
        corners = np.array([_around(points) for points in kp2d]).reshape(-1, 4)
    images = [record.image_path for record in records]
    kept, dropped = choose(images, corners, kp2d[:, :NUM_LSP, 2], limits, dataset)
    chosen = [record for record, keep in zip(records, kept) if keep]
    kp3d = theta = None
    if all(record.j3d is not None for record in chosen):
        kp3d = np.stack([to_lsp(record.j3d, record.joints) for record in chosen]).astype(np.float32)
    if all(record.pose is not None for record in chosen):
        theta = np.zeros((len(chosen), 85), np.float32)
        theta[:, 3:75] = [record.pose for record in chosen]
        theta[:, 75:] = [record.beta for record in chosen]
    return DatasetPeople([record.image_path for record in chosen], corners[kept].astype(np.float32),
                         kp2d[kept].astype(np.float32), kp3d, theta,
                         [record.extras.get("size") for record in chosen]), dropped


def with_joints_of(people, body):
    """The people with 3D joints: those that their SMPL parameters give, where the set tells of nothing else.

    Args:
        people (DatasetPeople): as gathered.
        body (BodyModel): whose `cocoplus_regressor` gives the joints; a condensed one is enough.

    Returns:
        DatasetPeople: `kp3d` (N, 14, 3), metres, camera axes, of the body at the origin; unchanged where there are 3D
        joints already, or no parameters.
    """
    if people.kp3d is not None or people.theta is None:
        return people
    body, parts = body.astype(np.float32), []
    regressor = body.extras["cocoplus_regressor"][:NUM_LSP].astype(np.float32)
    for theta in np.array_split(people.theta, math.ceil(len(people) / 1000)):
        rotmat = axis_angle_to_matrix(theta[:, 3:75].reshape(-1, 24, 3)).astype(np.float32)
        parts.append(regressor @ pose_body(body, rotmat, theta[:, 75:])[0])
    return dataclasses.replace(people, kp3d=np.concatenate(parts))


def keypoints(record, hidden_weight):
    """(19, 3) x, y in px and weight of a record's joints; weight 0 for those that its data set does not have."""
    weights = np.select([record.visibility == VISIBLE, record.visibility == HIDDEN], [1.0, hidden_weight], 0.0)
    names, out = common_names(record.joints), np.zeros((len(JOINTS), 3))
    there = [joint for joint in JOINTS if joint in names]
    rows = index_map(names, there)
    out[index_map(JOINTS, there)] = np.column_stack([record.j2d, weights])[rows]
    return out


def to_lsp(points, joints):
    """Points (J, D) of joints with these names in LSP's order, (14, D)."""
    return np.asarray(points)[index_map(common_names(joints), JOINTS[:NUM_LSP])]


def common_names(joints):
    """Names of a data set's joints, where they mean one of HMR's the name of that."""
    others = RAW_HUMAN36M_NAMES if tuple(joints) == SKELETONS["h36m_32"] else OTHER_NAMES
    return tuple(others.get(name, name) for name in joints)


def corners_of(box):
    """(left, top, width, height) -> (left, top, right, bottom)."""
    return np.array([box[0], box[1], box[0] + box[2], box[1] + box[3]], np.float64)


def _around(kp2d):
    """Corners of the tight box around the keypoints that count; of no size where none does."""
    counts = kp2d[:NUM_LSP, 2] > 0
    return corners_of(box_around(kp2d[:NUM_LSP, :2][counts])) if counts.any() else np.zeros(4)


@dataclass(frozen=True)
class Limits:
    """What a person must have.

    Args:
        min_keypoints (float): sum of the weights of the 14 keypoints.
        min_size (float): longer side of the box, px.
        max_overlap (float): largest share with another person of the same image, see `overlap`.
    """

    min_keypoints: float = 6.0
    min_size: float = 60.0
    max_overlap: float = 0.5


def choose(images, corners, weights, limits, dataset):
    """Which people pass all filters.

    Args:
        images (sequence of str): (N,), the image that each is in.
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
    """(N,) the largest `overlap` of each box with another one in the same image, 0 for people on their own."""
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
