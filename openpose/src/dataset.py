"""Training samples: image, fields, heat maps and mask of the cells that count."""
import os

import numpy as np

from common.data.image import AnnotatedImages
from common.errors import UserError
from openpose.src.augment import ImageAugmentation, change_colours, random_matrix, warp_image, warp_joints
from openpose.src.gen_ignore_mask import MIN_AREA, MIN_KEYPOINTS, mask_path
from openpose.src.normalisation import PADDING, STRIDE, normalise
from openpose.src.skeleton import Skeleton
from openpose.src.targets import HEATMAP_SIGMA, PAF_WIDTH, make_targets, mask_target


class KeypointSource:
    """Images with the people in them, as the data pipeline takes them.

    Args:
        mask_folder (str): masks of ignored regions (see `gen_ignore_mask`), empty for none; an image without a file
            has none.
        skeleton (Skeleton): joints and limbs.
        heatmap_sigma, paf_width (float): of the targets, pixels.
        min_keypoints (int), min_area (float): people below are not trained on.

    Raises:
        UserError: files that are missing or do not fit.
    """

    columns = ("image", "paf", "heat", "mask")

    def __init__(self, annotation_path: str, image_folder: str, mask_folder: str, skeleton: Skeleton,
                 augmentation: ImageAugmentation, normalisation: str,
                 heatmap_sigma: float = HEATMAP_SIGMA, paf_width: float = PAF_WIDTH,
                 min_keypoints: float = MIN_KEYPOINTS, min_area: float = MIN_AREA):
        if mask_folder and not os.path.isdir(mask_folder):
            raise UserError(f"mask folder {mask_folder} does not exist or is no folder (--maskpath_train): write it "
                            "with gen_ignore_mask.py, or leave the flag empty to train without")
        people = skeleton.read_annotations(annotation_path)
        learned = people.learned(min_keypoints, min_area)
        joints = skeleton.from_annotations(people.keypoints[learned], people.names)
        labelled = (joints[..., 2] > 0).any(1)
        if not labelled.any():
            raise UserError(f"{annotation_path} holds no {skeleton.category} with {min_keypoints} keypoints or more "
                            f"(--min_keypoints) and an area above {min_area:g} px^2 (--min_area)")
        rows, starts = np.unique(people.image_rows[learned][labelled], return_index=True)
        self.images, self.joints = [people.images[row] for row in rows], np.split(joints[labelled], starts[1:])
        self.paths = people.find_images(image_folder, "--imgpath_train", rows)
        self.mask_folder, self.skeleton = mask_folder, skeleton
        self.augmentation, self.normalisation = augmentation, normalisation
        self.heatmap_sigma, self.paf_width = heatmap_sigma, paf_width
        self.mirrored = skeleton.mirrored_joints()
        self.reader = AnnotatedImages(len(self.images))

    def __len__(self) -> int:
        return len(self.images)

    def sample(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """One sample, with `rng` as its only randomness.

        An image that is left out, also for its mask (see `AnnotatedImages`), gives a sample whose mask is 0
        everywhere.

        Returns:
            tuple: image (3, S, S) float32, fields (2L, S/8, S/8), heat maps (J+1, S/8, S/8), mask (S/8, S/8) float32.
        """
        settings, entry = self.augmentation, self.images[index]
        cells = settings.insize // STRIDE
        image = self.reader.read(self.paths[index], entry.size, bgr=True)
        ignore, usable = self._mask(index, image)
        if not usable:
            grey = np.full((settings.insize, settings.insize, 3), PADDING, np.uint8)
            heat, paf = make_targets([], cells, cells, self.skeleton)
            return normalise(grey, self.normalisation), paf, heat, np.zeros((cells, cells), np.float32)
        joints = self.joints[index]
        matrix, flip = random_matrix(joints, settings, rng)
        image = warp_image(image, matrix, settings.insize)
        if rng.random() < settings.colour_prob:
            image = change_colours(image, rng)
        heat, paf = make_targets(warp_joints(joints, matrix, flip, self.mirrored), cells, cells, self.skeleton,
                                 self.heatmap_sigma, self.paf_width)
        mask = np.ones((cells, cells), np.float32)
        if ignore is not None:
            mask = mask_target(warp_image(ignore, matrix, settings.insize, border=0) > 127, cells, cells)
        return normalise(image, self.normalisation), paf, heat, mask

    def _mask(self, index: int, image: np.ndarray | None) -> tuple[np.ndarray | None, bool]:
        """The ignored region (H, W) uint8, 255 where ignored, or None; and whether image and region can be used."""
        path = mask_path(self.mask_folder, self.images[index]) if self.mask_folder else ""
        if image is None or not os.path.isfile(path):
            return None, image is not None
        mask = self.reader.read_mask(path, self.paths[index], image.shape[1::-1])
        return mask, mask is not None
