"""What is known of people in an image: the objects that every way of writing, drawing and asking shares."""
import dataclasses

import numpy as np

from common.formats.bodies import BodyRig

USUAL_FOCAL = 1.2  # of the image's longer side, as most phones and cameras have it
LONGEST_FOCAL = 4.0  # a longer one stands for weak perspective


@dataclasses.dataclass(frozen=True)
class ImageRecord:
    """The image people were found in, its camera, and what found them.

    Args:
        name (str): stem of all files.
        image (str): file name of the image, for the record.
        size ((int, int)): (H, W) in pixels.
        focal_px (float): focal length of the camera that all people stand before.
        centre_px ((float, float)): its principal point (x, y).
        model (str): network, such as "hmr".
        body_model (str): "synthetic", or the file of the body model.
        conventions (dict[str, object]): what the model's parameters mean beyond `CONVENTIONS`, for the record.
        variants (tuple[str]): names of the further meshes that the model gives of everybody.
        rig (BodyRig): the body model, for files with bones; None without one.
    """

    name: str
    image: str
    size: tuple
    focal_px: float
    centre_px: tuple
    model: str
    body_model: str
    conventions: dict = dataclasses.field(default_factory=dict)
    variants: tuple = ()
    rig: BodyRig | None = None

    def nearer(self) -> float:
        """What pages to turn around multiply depths and the focal length by.

        Where the focal length only says that the camera is weak perspective (5000 px for a crop of 224), a small error
        of somebody's size puts them metres away from the others. With a usual focal length everybody is at the same
        place in the image, and people who stand together are together. 1 for the focal length of a real camera.
        """
        side = max(self.size)
        return USUAL_FOCAL * side / self.focal_px if self.focal_px > LONGEST_FOCAL * side else 1.0


@dataclasses.dataclass(frozen=True)
class Person:
    """One person; points are metres in camera axes around the body's own origin.

    Args:
        vertices (numpy.ndarray): (V, 3).
        faces (numpy.ndarray): (F, 3) integer.
        joint_names (list[str]): J names.
        j3d (numpy.ndarray): (J, 3).
        j2d_px (numpy.ndarray): (J, 2), pixels of the original image.
        translation (numpy.ndarray): (3,), metres from the body's origin to the camera of the image.
        cam (numpy.ndarray): (3,), weak-perspective (s, tx, ty) over the box.
        box_centre_px ((float, float)): centre (x, y) of the square box, pixels of the original image.
        box_size_px (float): its side.
        parameters (dict[str, numpy.ndarray]): of the body model, by the names of this project: theta (85,), pose (72,)
            axis-angle, rotmat (24, 3, 3), beta (10,), expr (10,), ...
        score (float): confidence of the detection, or None.
        number (int): who it is in the image or video. Files and colours go by it.
        variants (dict[str, numpy.ndarray]): further meshes of the person, name -> (V, 3) like `vertices`; they have
            files and drawings of their own.
        boxes_px (dict[str, numpy.ndarray]): name -> (4,) left, top, right, bottom of parts of the person, pixels of the
            original image.
        rotmat (numpy.ndarray): (J, 3, 3), turns of the body model's joints relative to their parents, of the root in
            camera axes; None without a body model.
        shape (numpy.ndarray): (S,), its coefficients of shape, then those of expression.
    """

    vertices: np.ndarray
    faces: np.ndarray
    joint_names: list
    j3d: np.ndarray
    j2d_px: np.ndarray
    translation: np.ndarray
    cam: np.ndarray
    box_centre_px: tuple
    box_size_px: float
    parameters: dict
    score: float | None = None
    number: int = dataclasses.field(kw_only=True)
    variants: dict = dataclasses.field(default_factory=dict)
    boxes_px: dict = dataclasses.field(default_factory=dict)
    rotmat: np.ndarray | None = None
    shape: np.ndarray | None = None

    @property
    def meshes(self) -> dict[str, np.ndarray]:
        """`variants`, and under an empty name `vertices`."""
        return {"": self.vertices, **self.variants}
