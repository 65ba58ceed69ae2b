"""Training samples: image, fields, heat maps and mask of the cells that count."""
import logging
import os
import threading

import cv2
import numpy as np

from common.errors import UserError
from openpose.src.annotations import MIN_AREA, MIN_KEYPOINTS, Annotations, check_images
from openpose.src.augment import change_colours, fitting_matrix, random_matrix, warp_image, warp_joints
from openpose.src.gen_ignore_mask import mask_path
from openpose.src.normalisation import PADDING, STRIDE, check_normalisation, normalise
from openpose.src.targets import HEATMAP_SIGMA, PAF_WIDTH, make_targets, mask_target

LOGGER = logging.getLogger("mindhuman")


class KeypointSource:
    """Images with the people in them, as the data pipeline takes them.

    Args:
        annotation_path (str): json in COCO's form.
        image_folder (str): its images.
        mask_folder (str): masks of ignored regions (see `gen_ignore_mask`), empty for none; an image without a file
            has none.
        skeleton (Skeleton): joints and limbs.
        augmentation (Augmentation): random changes, and the size of the samples.
        normalisation (str): name in `normalisation.NORMALISATIONS`.
        augment (bool): False shows each image whole, unturned and unchanged.
        heatmap_sigma, paf_width (float): of the targets, pixels.
        min_keypoints (int), min_area (float): people below are not trained on.

    Raises:
        UserError: files that are missing or do not fit.
    """

    columns = ("image", "paf", "heat", "mask")

    def __init__(self, annotation_path, image_folder, mask_folder, skeleton, augmentation, normalisation,
                 augment=True, heatmap_sigma=HEATMAP_SIGMA, paf_width=PAF_WIDTH, min_keypoints=MIN_KEYPOINTS,
                 min_area=MIN_AREA):
        check_normalisation(normalisation)
        if augmentation.insize % STRIDE:
            raise UserError(f"--insize {augmentation.insize} is no multiple of {STRIDE}")
        if mask_folder and not os.path.isdir(mask_folder):
            raise UserError(f"mask folder {mask_folder} does not exist (--maskpath_train): write the masks with "
                            "gen_ignore_mask.py, or leave the flag empty to train without")
        annotations = Annotations(annotation_path, skeleton.category)
        skeleton.check_names(annotations.names, annotation_path)
        self.pictures, self.joints = [], []
        for picture in annotations.pictures():
            joints = skeleton.from_annotations(annotations.keypoints(picture, min_keypoints, min_area),
                                               annotations.names)
            joints = joints[(joints[..., 2] > 0).any(1)]
            if len(joints):
                self.pictures.append(picture)
                self.joints.append(joints)
        if not self.pictures:
            raise UserError(f"{annotation_path} holds no person with {min_keypoints} keypoints or more and an area "
                            f"above {min_area:g} px^2")
        check_images(image_folder, self.pictures, "--imgpath_train")
        self.image_folder, self.mask_folder, self.skeleton = image_folder, mask_folder, skeleton
        self.augmentation, self.normalisation, self.augment = augmentation, normalisation, augment
        self.heatmap_sigma, self.paf_width = heatmap_sigma, paf_width
        self.mirrored = skeleton.mirrored_joints()
        self.unreadable, self._lock = set(), threading.Lock()

    def __len__(self):
        return len(self.pictures)

    def sample(self, index, rng):
        """One sample, with `rng` as its only randomness.

        An image that cannot be decoded is reported once and gives a sample whose mask is 0 everywhere.

        Returns:
            tuple: image (3, S, S) float32, fields (2L, S/8, S/8), heat maps (J+1, S/8, S/8), mask (S/8, S/8) float32.
        """
        settings, picture = self.augmentation, self.pictures[index]
        cells = settings.insize // STRIDE
        image = read_bgr(os.path.join(self.image_folder, picture.file_name))
        if image is None:
            self._report(picture)
            grey = np.full((settings.insize, settings.insize, 3), PADDING, np.uint8)
            heat, paf = make_targets([], cells, cells, self.skeleton)
            return normalise(grey, self.normalisation), paf, heat, np.zeros((cells, cells), np.float32)
        ignore, joints = self._mask(picture, image.shape[:2]), self.joints[index]
        if self.augment:
            matrix, flip = random_matrix(joints, settings, rng)
        else:
            matrix, flip = fitting_matrix(*image.shape[:2], settings.insize), False
        image = warp_image(image, matrix, settings.insize)
        if self.augment and rng.random() < settings.colour_prob:
            image = change_colours(image, rng)
        heat, paf = make_targets(warp_joints(joints, matrix, flip, self.mirrored), cells, cells, self.skeleton,
                                 self.heatmap_sigma, self.paf_width)
        mask = np.ones((cells, cells), np.float32)
        if ignore is not None:
            mask = mask_target(warp_image(ignore, matrix, settings.insize, border=0) > 127, cells, cells)
        return normalise(image, self.normalisation), paf, heat, mask

    def _mask(self, picture, size):
        """The ignored region (H, W) uint8, 255 where ignored, or None."""
        path = mask_path(self.mask_folder, picture) if self.mask_folder else ""
        if not path or not os.path.isfile(path):
            return None
        mask = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
        if mask is None:
            raise UserError(f"mask {path} is damaged: write it again with gen_ignore_mask.py")
        if mask.shape != size:
            raise UserError(f"mask {path} is {mask.shape[1]} x {mask.shape[0]} pixels, the image {picture.file_name} "
                            f"{size[1]} x {size[0]}: the masks belong to other images")
        return mask

    def _report(self, picture):
        with self._lock:
            if picture.id not in self.unreadable:
                self.unreadable.add(picture.id)
                LOGGER.warning("%s in %s cannot be decoded and is left out (%d so far)", picture.file_name,
                               self.image_folder, len(self.unreadable))


def read_bgr(path):
    """Image (H, W, 3) uint8, blue first, as stored (COCO's annotations disregard EXIF); None when it is damaged.

    Raises:
        UserError: there is no such file.
    """
    try:
        with open(path, "rb") as stream:
            data = np.frombuffer(stream.read(), np.uint8)
    except OSError:
        raise UserError(f"image {path} cannot be opened") from None
    if not len(data):
        return None
    return cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
