"""From a record to what the network learns from: one row for each person, then crop, keypoints and what else is known.

Not everybody is trained on, and an update draws more than people. Sources: akanazawa/hmr (at least six visible
keypoints, not too small; the shift of the crop and the joints of the face), MandyMo/pytorch_HMR (not too near to
others; crop and mirror).
"""
import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.body_models.files import BodyModel
from common.body_models.lbs_numpy import pose_body
from common.data.augment import flip_points, flip_pose, swap_sides
from common.data.crops import Square, crop_cubic, grown_square, square_points
from common.data.image import REDUCED, AnnotatedImages
from common.data.order import SampleSource
from common.data.readers.mosh import PosePrior
from common.data.records import HIDDEN, VISIBLE, Record, box_around
from common.errors import UserError
from common.geometry.rotation import axis_angle_to_matrix
from common.joints import SKELETONS, index_map
from hmr.src.conventions import Convention, network_input
from hmr.src.network import JOINTS, NUM_CAM, NUM_POSE

NUM_LSP = 14
# Joints that data sets call otherwise: the published choice among their rows.
OTHER_NAMES = {"upper_neck": "neck"}
RAW_HUMAN36M_NAMES = {"right_collar": "neck", "head": "head_top"}
# The crop that `trans_max` speaks of.
PUBLISHED_SIZE = 224
POSE = slice(NUM_CAM, NUM_CAM + NUM_POSE)


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

    images: list[str]
    corners: np.ndarray
    kp2d: np.ndarray
    kp3d: np.ndarray | None = None
    theta: np.ndarray | None = None
    sizes: list[tuple[int, int] | None] | None = None

    def __len__(self) -> int:
        return len(self.images)


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


def gather(records: Sequence[Record], hidden_weight: float, given_box: bool, limits: Limits,
           dataset: str) -> tuple[DatasetPeople, dict[str, int]]:
    """The people of a data set who pass the filters: DatasetPeople, and how many the filters dropped, see `choose`.

    Args:
        records (list[Record]): as read.
        hidden_weight (float): weight of keypoints that are labelled, but hidden.
        given_box (bool): take the records' boxes, cut to whole pixels; else the box around the keypoints that count.
        limits (Limits): of the filters.
        dataset (str): name for error texts.

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
        theta = real_theta([record.pose for record in chosen], [record.beta for record in chosen])
    return DatasetPeople([record.image_path for record in chosen], corners[kept].astype(np.float32),
                         kp2d[kept].astype(np.float32), kp3d, theta,
                         [record.extras.get("size") for record in chosen]), dropped


def with_joints_of(people: DatasetPeople, body: BodyModel) -> DatasetPeople:
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


def keypoints(record: Record, hidden_weight: float) -> np.ndarray:
    """(19, 3) x, y in px and weight of a record's joints; weight 0 for those that its data set does not have."""
    weights = np.select([record.visibility == VISIBLE, record.visibility == HIDDEN], [1.0, hidden_weight], 0.0)
    names, out = common_names(record.joints), np.zeros((len(JOINTS), 3))
    there = [joint for joint in JOINTS if joint in names]
    rows = index_map(names, there)
    out[index_map(JOINTS, there)] = np.column_stack([record.j2d, weights])[rows]
    return out


def to_lsp(points: np.ndarray, joints: Sequence[str]) -> np.ndarray:
    """Points (J, D) of joints with these names in LSP's order, (14, D)."""
    return np.asarray(points)[index_map(common_names(joints), JOINTS[:NUM_LSP])]


def common_names(joints: Sequence[str]) -> tuple[str, ...]:
    """Names of a data set's joints, where they mean one of HMR's the name of that."""
    others = RAW_HUMAN36M_NAMES if tuple(joints) == SKELETONS["h36m_32"] else OTHER_NAMES
    return tuple(others.get(name, name) for name in joints)


def corners_of(box: np.ndarray) -> np.ndarray:
    """(left, top, width, height) -> (left, top, right, bottom)."""
    return np.array([box[0], box[1], box[0] + box[2], box[1] + box[3]], np.float64)


def _around(kp2d: np.ndarray) -> np.ndarray:
    """Corners of the tight box around the keypoints that count; of no size where none does."""
    counts = kp2d[:NUM_LSP, 2] > 0
    return corners_of(box_around(kp2d[:NUM_LSP, :2][counts])) if counts.any() else np.zeros(4)


def choose(images: Sequence[str], corners: np.ndarray, weights: np.ndarray, limits: Limits,
           dataset: str) -> tuple[np.ndarray, dict[str, int]]:
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


def largest_overlaps(images: Sequence[str], corners: np.ndarray) -> np.ndarray:
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


def overlap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """What two boxes share, relative to the smallest box around both: not the usual intersection over union.

    Args:
        one, other (array): (..., 4), left, top, right, bottom.

    Returns:
        array: (...), 0 to 1.
    """
    shared = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    around = np.maximum(one[..., 2:], other[..., 2:]) - np.minimum(one[..., :2], other[..., :2])
    return shared.clip(0).prod(-1) / np.maximum(around.prod(-1), 1e-9)


@dataclass(frozen=True)
class CropAugmentation:
    """Random changes of a sample.

    Args:
        scale_min, scale_max (float): how much farther out than the box each side of the crop is, drawn for each.
        trans_max (float): shift of the crop, pixels of a crop of 224.
        flip_prob (float): share of mirrored samples.
    """

    scale_min: float = 1.05
    scale_max: float = 1.3
    trans_max: float = 20.0
    flip_prob: float = 0.5


class PeopleSource:
    """People of one data set as the data pipeline takes them.

    Args:
        people (DatasetPeople): of the set.
        convention (Convention): conventions of the network's input.
        crop_size (int): side of the crop, px.
        augmentation (CropAugmentation): how samples vary.
    """

    columns = ("image", "kp2d", "kp3d", "theta", "has_kp3d", "has_smpl")

    def __init__(self, people: DatasetPeople, convention: Convention, crop_size: int, augmentation: CropAugmentation):
        self.people, self.convention, self.crop_size, self.augmentation = people, convention, crop_size, augmentation
        self.reader = AnnotatedImages(len(set(people.images)))

    def __len__(self) -> int:
        return len(self.people)

    def sample(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """One sample, with `rng` as its only randomness.

        An image that is left out (see `AnnotatedImages`) gives a black sample of which nothing is known.

        Returns:
            tuple: image (3, S, S); kp2d (19, 3), the crop spans [-1, 1], and weight; kp3d (14, 3), metres; theta (85,);
            has_kp3d and has_smpl (); all float32.
        """
        people, size = self.people, self.crop_size
        square, flip = self._draw(index, rng)
        stated = people.sizes[index] if people.sizes else None
        image = read_part(self.reader, people.images[index], square, size, stated)
        if image is None:
            return (np.zeros((3, size, size), np.float32), np.zeros((len(JOINTS), 3), np.float32),
                    np.zeros((NUM_LSP, 3), np.float32), np.zeros(85, np.float32), np.float32(0), np.float32(0))
        kp2d = people.kp2d[index].astype(np.float64)
        kp2d[:, :2] = square_points(kp2d[:, :2], square, size)
        has_kp3d, has_smpl = people.kp3d is not None, people.theta is not None
        kp3d = people.kp3d[index] if has_kp3d else np.zeros((NUM_LSP, 3), np.float32)
        theta = people.theta[index] if has_smpl else np.zeros(85, np.float32)
        if flip:
            image, kp2d, kp3d, theta = image[:, ::-1], flip_keypoints(kp2d, size), flip_points(kp3d, "lsp_14"), \
                flip_theta(theta)
        kp2d[:, :2] = 2.0 * kp2d[:, :2] / size - 1.0
        return (network_input(image, self.convention), kp2d.astype(np.float32), kp3d, theta, np.float32(has_kp3d),
                np.float32(has_smpl))

    def _draw(self, index: int, rng: np.random.Generator) -> tuple[Square, bool]:
        """The square of the image that becomes the crop, and whether it is mirrored."""
        corners, change = self.people.corners[index], self.augmentation
        square = grown_square(corners[:2], corners[2:], rng.uniform(change.scale_min, change.scale_max, 4))
        shift = rng.uniform(-1.0, 1.0, 2) * change.trans_max * square.side / PUBLISHED_SIZE
        flip = bool(rng.random() < change.flip_prob)
        return reducible(Square(square.corner + np.rint(shift).astype(int), square.side), self.crop_size), flip


class TrainingSource:
    """Samples with what an update draws besides: real poses for the discriminator and the units that dropout keeps.

    Args:
        source: people, as of `PeopleSource`.
        prior (PosePrior): real poses and shapes; None without a discriminator.
        num_real (int): real poses for each sample.
        keep_shape (tuple): (2 * iterations, hidden_size), None for no dropout.
        keep_prob (float): probability with which a unit is kept; met to 1 / 256.
    """

    def __init__(self, source: SampleSource, prior: PosePrior | None = None, num_real: int = 3,
                 keep_shape: tuple[int, int] | None = None, keep_prob: float = 0.5):
        self.source, self.prior, self.num_real = source, prior, num_real
        self.keep_shape, self.keep_prob = keep_shape, keep_prob
        self.columns = source.columns
        self.columns += ("real",) if prior is not None else ()
        self.columns += ("keep",) if keep_shape is not None else ()

    def __len__(self) -> int:
        return len(self.source)

    def sample(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """One sample: `source`'s, then real (num_real, 85) float32, then keep (2 * iterations, hidden_size) uint8."""
        columns = self.source.sample(index, rng)
        if self.prior is not None:
            columns += (self._real(rng),)
        if self.keep_shape is not None:
            drawn = rng.integers(0, 256, self.keep_shape, np.uint8)
            columns += ((drawn < round(256 * self.keep_prob)).view(np.uint8),)
        return columns

    def _real(self, rng: np.random.Generator) -> np.ndarray:
        rows = rng.integers(0, len(self.prior.pose), self.num_real)
        theta = real_theta(self.prior.pose[rows], self.prior.beta[rows])
        mirrored = rng.random(self.num_real) < 0.5
        return np.where(mirrored[:, None], flip_theta(theta), theta)


def real_theta(pose: np.ndarray | Sequence[np.ndarray], beta: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
    """Poses (N, 72) and shapes (N, 10) as (N, 85) float32, without a camera."""
    return np.concatenate([np.zeros((len(pose), NUM_CAM)), pose, beta], 1).astype(np.float32)


def flip_keypoints(kp2d: np.ndarray, width: int) -> np.ndarray:
    """(19, 3) keypoints, px and weight, of the mirrored crop; pixels are counted from 0 to width - 1."""
    flipped = swap_sides(kp2d, JOINTS)
    flipped[:, 0] = width - 1 - flipped[:, 0]
    return flipped


def flip_theta(theta: np.ndarray) -> np.ndarray:
    """(..., 85) of the mirrored person; the camera stays."""
    theta = np.array(theta)
    theta[..., POSE] = flip_pose(theta[..., POSE], "smpl_24")
    return theta


def reduction(side: int, size: int) -> int:
    """By how much (1, 2, 4 or 8) an image may be smaller for a crop of `size` from a square of `side` px."""
    return max(factor for factor in (1, *REDUCED) if side >= factor * size or factor == 1)


def reducible(square: Square, size: int) -> Square:
    """The square moved and shortened to whole pixels of the smaller image that it can be cut from."""
    factor = reduction(square.side, size)
    return Square(square.corner - square.corner % factor, square.side - square.side % (2 * factor))


def read_part(reader: AnnotatedImages, path: str, square: Square, size: int,
              image_size: tuple[int, int] | None = None) -> np.ndarray | None:
    """The crop of a square of an image, (size, size, 3) uint8 RGB, black outside; None where the image is left out.

    Args:
        reader (AnnotatedImages): of the set.
        square (Square): pixels of the image.
        size (int): side of the crop.
        image_size (tuple): width and height that the annotations state, or None.

    Raises:
        UserError: there is no such file, or no image of the set can be used.
    """
    factor = reduction(square.side, size)
    if (square.corner % factor).any() or square.side % factor:
        factor = 1
    image = reader.read(path, image_size, factor, bgr=True)
    if image is None or not square.side:
        return None
    return crop_cubic(image, Square(square.corner // factor, square.side // factor), size)[..., ::-1]
