"""The network's view of a person: a square around the box, and the same square for joints.

Two kinds. Published weights were trained on crops with corners at whole pixels whose contrast had been stretched, and
on joints that were cut to whole pixels; networks trained here see one exact affine map of the picture and the joints.
The setting `crop_contrast_stretch`, which travels with the weights, says which.
"""
import numpy as np

from common.data.augment import NO_CHANGE, flip_points, scale_colour, swap_sides
from common.data.crops import crop_corners, crop_points, crop_stretched
from common.data.image import SCALE_PX, crop_matrix, transform_points, warp


class Crop:
    """Crops of one kind and size.

    Args:
        size (int): side of the crop in pixels.
        contrast_stretch (bool): the crop of the published weights.
    """

    def __init__(self, size, contrast_stretch=False):
        self.size, self.contrast_stretch = size, contrast_stretch

    def picture(self, image, center, scale, change=NO_CHANGE):
        """The crop of a picture.

        Args:
            image (numpy.ndarray): (H, W, 3) uint8 RGB.
            center (array): (2,), middle of the box, pixels of the picture.
            scale (float): side of the box / 200 px.
            change (Change): augmentation.

        Returns:
            numpy.ndarray: (size, size, 3) uint8; black outside the picture.
        """
        scale = scale * change.scale
        if self.contrast_stretch:
            crop = crop_stretched(image, center, scale, self.size, change.rotation_deg)
            crop = crop[:, ::-1] if change.flip else crop
        else:
            matrix = crop_matrix(center, scale, self.size, change.rotation_deg, change.flip)
            crop = warp(image, matrix, (self.size, self.size))
        return crop if change is NO_CHANGE else scale_colour(np.ascontiguousarray(crop), change.colour)

    def joints(self, j2d, names, center, scale, change=NO_CHANGE):
        """Joints of the picture in the crop.

        Args:
            j2d (array): (J, 2), pixels of the picture.
            names (str or sequence): skeleton name, or the joints' names: left and right change places in a mirrored
                crop.
            center, scale, change: as in `picture`.

        Returns:
            numpy.ndarray: (J, 2) float64, the crop spans [-1, 1].
        """
        scale = scale * change.scale
        if self.contrast_stretch:
            points = crop_points(j2d, center, scale, self.size, change.rotation_deg)
            return flip_points(points, names) if change.flip else points
        matrix = crop_matrix(center, scale, self.size, change.rotation_deg, change.flip)
        points = 2.0 * transform_points(j2d, matrix) / self.size - 1.0
        return swap_sides(points, names) if change.flip else points

    def square(self, center, scale):
        """What of the picture an unchanged crop shows: left upper corner (2,) float64 and side, pixels."""
        if self.contrast_stretch:
            upper, lower = crop_corners(center, scale, self.size)
            return upper.astype(np.float64), float((lower - upper)[0])
        side = SCALE_PX * float(scale)
        return np.asarray(center, np.float64) - 0.5 * side, side
