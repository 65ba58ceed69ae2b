"""Training samples: image, fields, heat maps and mask of the cells that count."""
import os

import numpy as np

from common.config import Config
from common.data.image import AnnotatedImages
from common.errors import UserError
from common.limits import check_given
from openpose.src.augment import COLOUR_PROB, change_colours, random_matrix, warp_image, warp_joints
from openpose.src.gen_ignore_mask import mask_path
from openpose.src.normalisation import PADDING, STRIDE, normalise
from openpose.src.skeleton import Skeleton
from openpose.src.targets import make_targets, mask_target


class KeypointSource:
    """Images with the people in them, as the data pipeline takes them.

    Args:
        config (Config): files, who is trained on, augmentation, normalisation and targets. Without a folder of masks
            (see `gen_ignore_mask`), or without a file in it, an image has no ignored region.
        skeleton (Skeleton): joints and limbs.

    Raises:
        UserError: files that are not named, missing or do not fit.
    """

    columns = ("image", "paf", "heat", "mask")

    def __init__(self, config: Config, skeleton: Skeleton):
        check_given(config, {"jsonpath_train": "the annotation file", "imgpath_train": "the folder of its images"})
        if config.maskpath_train and not os.path.isdir(config.maskpath_train):
            raise UserError(f"mask folder {config.maskpath_train} does not exist or is no folder (--maskpath_train): "
                            "write it with gen_ignore_mask.py, or leave the flag empty to train without")
        people = skeleton.read_annotations(config.jsonpath_train)
        learned = people.learned(config.min_keypoints, config.min_area)
        joints = skeleton.from_annotations(people.keypoints[learned], people.names)
        labelled = (joints[..., 2] > 0).any(1)
        if not labelled.any():
            raise UserError(f"{people.path} holds no {skeleton.category} with {config.min_keypoints} keypoints or more "
                            f"(--min_keypoints) and an area above {config.min_area:g} px^2 (--min_area)")
        rows, starts = np.unique(people.image_rows[learned][labelled], return_index=True)
        self.images, self.joints = [people.images[row] for row in rows], np.split(joints[labelled], starts[1:])
        self.paths = people.find_images(config.imgpath_train, "--imgpath_train", rows)
        self.config, self.skeleton, self.mirrored = config, skeleton, skeleton.mirrored_joints()
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
        config, cells = self.config, self.config.insize // STRIDE
        image = self.reader.read(self.paths[index], self.images[index].size, bgr=True)
        ignore, usable = self._mask(index, image)
        if not usable:
            grey = np.full((config.insize, config.insize, 3), PADDING, np.uint8)
            heat, paf = make_targets([], cells, cells, self.skeleton)
            return normalise(grey, config.normalisation), paf, heat, np.zeros((cells, cells), np.float32)
        joints = self.joints[index]
        matrix, flip = random_matrix(joints, config, rng)
        image = warp_image(image, matrix, config.insize)
        if rng.random() < COLOUR_PROB:
            image = change_colours(image, rng)
        heat, paf = make_targets(warp_joints(joints, matrix, flip, self.mirrored), cells, cells, self.skeleton,
                                 config.heatmap_sigma, config.paf_sigma)
        mask = np.ones((cells, cells), np.float32)
        if ignore is not None:
            mask = mask_target(warp_image(ignore, matrix, config.insize, border=0) > 127, cells, cells)
        return normalise(image, config.normalisation), paf, heat, mask

    def _mask(self, index: int, image: np.ndarray | None) -> tuple[np.ndarray | None, bool]:
        """The ignored region (H, W) uint8, 255 where ignored, or None; and whether image and region can be used."""
        path = self.config.maskpath_train and mask_path(self.config.maskpath_train, self.images[index])
        if image is None or not os.path.isfile(path):
            return None, image is not None
        mask = self.reader.read_mask(path, self.paths[index], image.shape[1::-1])
        return mask, mask is not None
