"""Training samples: crop, keypoints and whatever else is known of a person, and what else an update draws.

Source: MandyMo/pytorch_HMR for crop and mirror, akanazawa/hmr for the shift of the crop and the joints of the face.
"""
from dataclasses import dataclass

import numpy as np

from common.data.augment import flip_points, flip_pose, swap_sides
from common.data.crops import Square, crop_cubic, grown_square, square_points
from common.data.image import REDUCED, AnnotatedImages
from common.data.order import SampleSource
from common.data.readers.mosh import PosePrior
from hmr.src.conventions import Convention, network_input
from hmr.src.network import JOINTS, NUM_CAM, NUM_POSE
from hmr.src.people import NUM_LSP, DatasetPeople

# The crop that `trans_max` speaks of.
PUBLISHED_SIZE = 224
POSE = slice(NUM_CAM, NUM_CAM + NUM_POSE)


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
        augmentation (CropAugmentation): None shows everybody unchanged.
        grow (float): side of the crop relative to the box, without augmentation.
    """

    columns = ("image", "kp2d", "kp3d", "theta", "has_kp3d", "has_smpl")

    def __init__(self, people: DatasetPeople, convention: Convention, crop_size: int,
                 augmentation: CropAugmentation | None = None, grow: float = 1.2):
        self.people, self.convention, self.crop_size = people, convention, crop_size
        self.augmentation, self.grow = augmentation, grow
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
        if change is None:
            return grown_square(corners[:2], corners[2:], (self.grow,) * 4), False
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


def real_theta(pose: np.ndarray, beta: np.ndarray) -> np.ndarray:
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
        path (str): the file.
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
