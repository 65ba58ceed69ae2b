"""From prepared annotations to what the network takes: a crop, joints and the labels of the body.

The crop is a square around the box. There are two kinds. Published weights were trained on crops with corners at whole
pixels whose contrast had been stretched, and on joints that were cut to whole pixels; networks trained here see one
exact affine map of the image and the joints. The setting `crop_contrast_stretch`, which travels with the weights, says
which.

Prepared annotations are one npz file for each data set, with GraphCMR's names of fields:

    imgname (N,)        image, relative to the data set's folder
    center (N, 2)       middle of the person's box, pixels of the image
    scale (N,)          its longer side, enlarged as the data set's protocol says, / 200 px
    part (N, 24, 3)     x, y in pixels, confidence; joints of the skeleton graphcmr_24
    S (N, 24, 4)        metres, camera axes, confidence
    pose (N, 72), shape (N, 10)        SMPL; has_smpl (N,) tells who has them, all where the file has no such field
    maskname, partname (N,)            segmentations, relative to the folder of UPi-S1h
    gender (N,)         male, female or neutral; in SPIN's files m, f or n
    size (N, 2)         width and height of the image that the annotations are for, 0 where unknown

Files of GraphCMR and SPIN have the same form and are read as they are.
"""
import os
from collections.abc import Mapping, Sequence

import numpy as np

from common.body_models.files import BodyModel
from common.body_models.lbs_numpy import pose_person
from common.data.augment import (
    NO_CHANGE,
    Augmentation,
    Change,
    flip_points,
    flip_pose,
    rotate_points,
    rotate_root,
    scale_colour,
    swap_sides,
)
from common.data.crops import crop_corners, crop_points, crop_stretched
from common.data.image import SCALE_PX, AnnotatedImages, crop_matrix, normalize, transform_points, warp
from common.data.readers.checks import gender, numbers, read_npz
from common.errors import UserError
from common.files import atomic_write, npz_bytes
from common.joints import SKELETONS, index_map
from common.names import path_below

JOINTS = SKELETONS["graphcmr_24"]
SHAPES = {"center": (None, 2), "scale": (None,), "part": (None, 24, 3), "S": (None, 24, 4), "pose": (None, 72),
          "shape": (None, 10), "has_smpl": (None,), "size": (None, 2)}
TEXTS = ("imgname", "maskname", "partname", "gender")
_HINT = "prepare it with preprocess.py --train_files or --eval_files"


def read_annotations(path: str, needs: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """The fields of a prepared file: field -> array; numbers in float64, text as str.

    Args:
        needs (sequence): fields that have to be there beside imgname, center and scale.

    Raises:
        UserError: no such file, damaged, empty, a field is missing, or fields that do not fit each other.
    """
    if not os.path.exists(path):
        raise UserError(f"{path} does not exist: {_HINT}")
    content = read_npz(path)
    missing = [name for name in ("imgname", "center", "scale", *needs) if name not in content]
    if missing:
        raise UserError(f"{path} has no {', '.join(missing)}; {_HINT} again")
    fields = {name: numbers(content[name], shape, f"{path}: {name}") for name, shape in SHAPES.items()
              if name in content}
    fields.update({name: content[name].astype(str) for name in TEXTS if name in content})
    count = len(fields["imgname"])
    wrong = [name for name, values in fields.items() if len(values) != count]
    if wrong:
        raise UserError(f"{path}: {wrong[0]} has {len(fields[wrong[0]])} entries and imgname {count}; {_HINT} again")
    if count == 0:
        raise UserError(f"{path} holds nobody; {_HINT} again")
    if "gender" in fields:
        fields["gender"] = np.array([gender(value, f"{path}: gender") for value in fields["gender"]])
    if not (fields["scale"] > 0).all():
        raise UserError(f"{path}: a scale is not positive; {_HINT} again")
    return fields


def write_annotations(path: str, fields: Mapping[str, Sequence]) -> None:
    """Write the fields (name -> list or array) to an npz file, at once."""
    atomic_write(path, npz_bytes({name: np.asarray(values) for name, values in fields.items()}, compressed=False))


def placed(values: np.ndarray, names: Sequence[str], targets: Mapping[str, str]) -> np.ndarray:
    """Values of joints in the order of `JOINTS`, with a confidence of 1 behind them; zeros elsewhere.

    Args:
        values (array): (J, D).
        names (sequence): the J joints.
        targets (dict): their names here, where these are others. Joints without a place here are left out.

    Returns:
        numpy.ndarray: (24, D + 1) float64.
    """
    known = [name for name in names if targets.get(name, name) in JOINTS]
    out = np.zeros((len(JOINTS), np.shape(values)[1] + 1))
    rows = [JOINTS.index(targets.get(name, name)) for name in known]
    out[rows, :-1] = np.asarray(values)[index_map(names, known)]
    out[rows, -1] = 1.0
    return out


class Crop:
    """Crops of one kind and size.

    Args:
        size (int): side of the crop in pixels.
        contrast_stretch (bool): the crop of the published weights.
    """

    def __init__(self, size: int, contrast_stretch: bool = False):
        self.size, self.contrast_stretch = size, contrast_stretch

    def cut(self, image: np.ndarray, center: np.ndarray, scale: float, change: Change = NO_CHANGE) -> np.ndarray:
        """The crop of an image: (size, size, 3) uint8; black outside the image.

        Args:
            image (numpy.ndarray): (H, W, 3) uint8 RGB.
            center (array): (2,), middle of the box, pixels of the image.
            scale (float): side of the box / 200 px.
            change (Change): augmentation.
        """
        scale = scale * change.scale
        if self.contrast_stretch:
            crop = crop_stretched(image, center, scale, self.size, change.rotation_deg)
            crop = crop[:, ::-1] if change.flip else crop
        else:
            matrix = crop_matrix(center, scale, self.size, change.rotation_deg, change.flip)
            crop = warp(image, matrix, (self.size, self.size))
        return crop if change is NO_CHANGE else scale_colour(np.ascontiguousarray(crop), change.colour)

    def joints(self, j2d: np.ndarray, names: str | Sequence[str], center: np.ndarray, scale: float,
               change: Change = NO_CHANGE) -> np.ndarray:
        """Joints of the image in the crop: (J, 2) float64, the crop spans [-1, 1].

        Args:
            j2d (array): (J, 2), pixels of the image.
            names (str or sequence): skeleton name, or the joints' names: left and right change places in a mirrored
                crop.
            center, scale, change: as in `cut`.
        """
        scale = scale * change.scale
        if self.contrast_stretch:
            points = crop_points(j2d, center, scale, self.size, change.rotation_deg)
            return flip_points(points, names) if change.flip else points
        matrix = crop_matrix(center, scale, self.size, change.rotation_deg, change.flip)
        points = 2.0 * transform_points(j2d, matrix) / self.size - 1.0
        return swap_sides(points, names) if change.flip else points

    def square(self, center: np.ndarray, scale: float) -> tuple[np.ndarray, float]:
        """What of the image an unchanged crop shows: left upper corner (2,) float64 and side, pixels."""
        if self.contrast_stretch:
            upper, lower = crop_corners(center, scale, self.size)
            return upper.astype(np.float64), float((lower - upper)[0])
        side = SCALE_PX * float(scale)
        return np.asarray(center, np.float64) - 0.5 * side, side


class CMRDataset:
    """People of one data set; what `Pipeline` takes as source, and evaluation without augmentation.

    Args:
        fields (dict): as `read_annotations` returns them.
        folder (str): of the images.
        crop (Crop): makes the network's input.
        augmentation (Augmentation): None for none.
    """

    columns = ("image", "j2d", "j3d", "pose", "betas", "has_j3d", "has_smpl")

    def __init__(self, fields: dict[str, np.ndarray], folder: str, crop: Crop,
                 augmentation: Augmentation | None = None):
        self.fields, self.folder, self.crop, self.augmentation = fields, folder, crop, augmentation
        self.reader = AnnotatedImages(len(set(fields["imgname"])))

    def __len__(self) -> int:
        return len(self.fields["imgname"])

    def read(self, index: int) -> np.ndarray | None:
        """The whole image of person `index`, (H, W, 3) uint8 RGB; None where it is left out, see `AnnotatedImages`."""
        size = self.fields["size"][index] if "size" in self.fields else (0, 0)
        return self.reader.read(self.path(index), tuple(map(int, size)) if min(size) > 0 else None)

    def left_out(self) -> int:
        """How many people were left out so far with their images."""
        paths = [self.path(index) for index in range(len(self))] if self.reader.left_out else ()
        return sum(path in self.reader.left_out for path in paths)

    def path(self, index: int) -> str:
        """The file with person `index`."""
        return path_below(self.folder, self.fields["imgname"][index], "imgname of the prepared annotations")

    def view(self, index: int, change: Change = NO_CHANGE) -> np.ndarray | None:
        """The network's view of person `index`, (size, size, 3) uint8 RGB; None where the image is left out."""
        image = self.read(index)
        if image is None:
            return None
        return self.crop_of(image, index, change)

    def crop_of(self, image: np.ndarray, index: int, change: Change = NO_CHANGE) -> np.ndarray:
        """As `view`, of the image that `read` gives."""
        return self.crop.cut(image, self.fields["center"][index], self.fields["scale"][index], change)

    def image(self, index: int) -> np.ndarray | None:
        """The network's input for person `index`, (3, size, size) float32; None where the image is left out."""
        view = self.view(index)
        return None if view is None else normalize(view)

    def vertices(self, index: int, model: BodyModel) -> np.ndarray:
        """The mesh of the SMPL parameters of person `index`, (6890, 3), metres."""
        return pose_person(model, self.fields["pose"][index], self.fields["shape"][index])

    def sample(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """One training sample, all float32; the labels as `CMRLoss` takes them, zeros where there are none.

        Everything is zero where the image is left out.
        """
        change = self.augmentation.draw(rng) if self.augmentation else NO_CHANGE
        j3d, has_j3d = self._j3d(index, change)
        pose, betas, has_smpl = self._body(index, change)
        view, size = self.view(index, change), self.crop.size
        image = np.zeros((3, size, size)) if view is None else normalize(view)
        values = image, self._j2d(index, change), j3d, pose, betas, has_j3d, has_smpl
        if view is None:
            values = [np.zeros_like(value) for value in values]
        return tuple(np.asarray(value, np.float32) for value in values)

    def _j2d(self, index: int, change: Change) -> np.ndarray:
        """(24, 3): x and y with the crop spanning [-1, 1], confidence."""
        if "part" not in self.fields:
            return np.zeros((len(JOINTS), 3))
        part = self.fields["part"][index]
        points = self.crop.joints(part[:, :2], JOINTS, self.fields["center"][index], self.fields["scale"][index],
                                  change)
        conf = swap_sides(part[:, 2:], JOINTS) if change.flip else part[:, 2:]
        return np.concatenate([points, conf], 1)

    def _j3d(self, index: int, change: Change) -> tuple[np.ndarray, float]:
        """(24, 4): metres, confidence; and whether there are any."""
        if "S" not in self.fields:
            return np.zeros((len(JOINTS), 4)), 0.0
        j3d = self.fields["S"][index].copy()
        j3d[:, :3] = rotate_points(j3d[:, :3], change.rotation_deg)
        return (flip_points(j3d, JOINTS) if change.flip else j3d), 1.0

    def _body(self, index: int, change: Change) -> tuple[np.ndarray, np.ndarray, float]:
        """(72,) pose, (10,) betas, and whether there are any."""
        has_smpl = self.fields["has_smpl"][index] if "has_smpl" in self.fields else 1.0
        if "pose" not in self.fields or not has_smpl:
            return np.zeros(72), np.zeros(10), 0.0
        pose = rotate_root(self.fields["pose"][index], change.rotation_deg)
        return (flip_pose(pose, SKELETONS["smpl_24"]) if change.flip else pose), self.fields["shape"][index], 1.0
