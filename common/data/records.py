"""One annotated person in one image: what every image dataset's reader returns.

Conventions, the same for all datasets: pixels of the image, x right, y down; metres; camera axes x right, y down, z
forward. Readers change units and joint order once, here nothing is left to do. Half a pixel is nobody's promise: in
sample data (0, 0) is the left upper corner of the image, real annotators clicked at pixels, and all networks in this
field take the numbers as they stand.
"""
import dataclasses
from collections.abc import Mapping

import numpy as np

NOT_LABELLED, HIDDEN, VISIBLE = 0, 1, 2  # COCO's flags of a joint


@dataclasses.dataclass(frozen=True)
class Record:
    """One person.

    Attributes:
        image_path (str): the image.
        box (array): (4,) left, top, width, height in pixels, tight around the person or as the dataset gives it.
        joints (tuple): names of the J joints, in the order of the arrays below.
        j2d (array | None): (J, 2), pixels of the image; of no meaning where `visibility` is 0.
        visibility (array | None): (J,) uint8, `NOT_LABELLED`, `HIDDEN` or `VISIBLE`.
        j3d (array | None): (J, 3), metres, camera axes.
        pose (array | None): axis-angle in radians, root first: (72,) SMPL, (165,) SMPL-X, (48,) MANO.
        beta (array | None): (10,).
        translation (array | None): (3,), metres; added to the posed body it gives camera axes.
        focal (array | None): (2,), pixels.
        principal (array | None): (2,), pixels.
        key (str): what tells this person from the others of the dataset (an annotation's number, a file's name).
        extras (Mapping): what only one dataset has, as its reader says.
    """

    image_path: str
    box: np.ndarray
    joints: tuple = ()
    j2d: np.ndarray | None = None
    visibility: np.ndarray | None = None
    j3d: np.ndarray | None = None
    pose: np.ndarray | None = None
    beta: np.ndarray | None = None
    translation: np.ndarray | None = None
    focal: np.ndarray | None = None
    principal: np.ndarray | None = None
    key: str = ""
    extras: Mapping = dataclasses.field(default_factory=dict)


def center_scale(box: np.ndarray, enlarge: float = 1.2) -> tuple[np.ndarray, float]:
    """A box (left, top, width, height) as centre (2,) in pixels and scale (longer side times `enlarge`, / 200 px)."""
    left, top, width, height = (float(value) for value in box)
    return np.array([left + 0.5 * width, top + 0.5 * height]), enlarge * max(width, height) / 200.0


def box_around(points: np.ndarray) -> np.ndarray:
    """The tight box (left, top, width, height) around points (N, 2), N at least 1; float64."""
    points = np.asarray(points, np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    return np.concatenate([low, high - low])
