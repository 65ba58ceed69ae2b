"""A camera without perspective for `Drawing`, with which pixels can be worked out by hand."""
import dataclasses
import typing

import numpy as np


@dataclasses.dataclass(frozen=True)
class WeakPerspectiveCamera:
    """HMR's camera: s * ((x, y) + (tx, ty)) spans [-1, 1] over a square box of the image; depth is z itself.

    Source: HMR (CVPR 2018). Depth starts at the body's own origin, so bodies with different cameras have no order.

    Args:
        cam ((float, float, float)): (s, tx, ty).
        box_centre_px ((float, float)): centre (x, y) of the box in the image.
        box_size_px (float): side of the box.
    """

    cam: tuple
    box_centre_px: tuple = (112.0, 112.0)
    box_size_px: float = 224.0

    perspective: typing.ClassVar[bool] = False

    def to_camera(self, points):
        """(N, 3) points -> themselves: body axes are camera axes."""
        return points

    def project(self, points):
        """(N, 3) points -> pixels (N, 2) and nearness (N,): -z, which is affine in the image."""
        return self.project_from_camera(np.asarray(points, np.float64))

    def project_from_camera(self, points):
        """The same: body axes are camera axes."""
        scale, shift = float(self.cam[0]), np.asarray(self.cam[1:], np.float64)
        unit = scale * (points[:, :2] + shift)
        return unit * (0.5 * self.box_size_px) + np.asarray(self.box_centre_px), -points[:, 2]

    def depth(self, nearness):
        """Nearness -> z in metres."""
        return -nearness
