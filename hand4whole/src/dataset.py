"""Training samples: people with annotated joints and fitted bodies, and hands; and the patches that networks see."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from common.data.augment import Augmentation, Change
from common.data.crops import crop_patch, patch_matrix, person_box
from common.data.image import AnnotatedImages, transform_points
from common.data.readers.human36m_images import camera_translation
from common.data.readers.smplx_params import MANOFit
from common.data.records import Record
from common.errors import UserError
from hand4whole.src.body import BodyFits, HandFits
from hand4whole.src.joint_sets import (
    DEPTH_GROUPS,
    HAND_DEPTH_GROUPS,
    HAND_JOINTS,
    HAND_ROTATIONS,
    JOINTS,
    ROTATIONS,
    Annotated,
)
from hand4whole.src.targets import (
    COLUMNS,
    HAND_COLUMNS,
    Cut,
    Joints,
    Space,
    depth_cells,
    fit_columns,
    joint_columns,
    no_fit_columns,
    no_joints,
    place_box,
    place_joints,
    place_pose,
    project_fit,
    spread,
)

# What fits to Human3.6M and MPI-INF-3DHP do not tell: nobody marked feet and hands there.
UNSURE_ROTATIONS = ("left_ankle", "right_ankle", "left_wrist", "right_wrist")
UNSURE_JOINTS = tuple(f"{side}_{name}" for side in ("left", "right") for name in ("big_toe", "small_toe", "heel"))


class RecordSource:
    """What sources of people and hands have in common; `Pipeline` takes one.

    Args:
        name (str): of the data set, for messages.
        items (list): people or hands; those whose box lies outside their image are left out.
        space (Space): of the targets.
        augmentation (Augmentation): random changes.

    Raises:
        UserError: no box is inside its image.
    """

    def __init__(self, name: str, items: Sequence[Record] | Sequence[Hand], space: Space, augmentation: Augmentation):
        self.space, self.augmentation, self.items, self.boxes = space, augmentation, [], []
        for item in items:
            left, top, width, height = item.box
            # The published box takes what lies left of or above the image for something at its border.
            outside = left + width <= 0 or top + height <= 0
            box = None if outside else person_box(item.box, self.image_of(item)[1],
                                                  space.image_size[0] / space.image_size[1])
            if box is not None:
                self.items.append(item)
                self.boxes.append(box)
        if not self.items:
            raise UserError(f"data set {name}: none of its {len(items)} boxes lies inside its image")
        self.reader = AnnotatedImages(len({item.image_path for item in self.items}))

    def __len__(self) -> int:
        return len(self.items)

    def sample(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """One sample, with `rng` as its only randomness, in the order of `columns`.

        An image that is left out (see `AnnotatedImages`) gives a sample that is zero everywhere.
        """
        item, box, size = self.items[index], self.boxes[index], self.space.image_size
        path, image_size = self.image_of(item)
        change = self.change(item, self.augmentation.draw(rng))
        image = self.reader.read(path, image_size)
        if image is None:
            patch, matrix = np.zeros((3, size[1], size[0]), np.float32), matrix_of(image_size[0], box, size, change)
        else:
            patch, matrix = patch_of(image, box, size, change)
        values = {"img": patch, **self.targets(item, Cut(matrix, change, image_size[0]))}
        row = tuple(np.asarray(values[column], np.float32) for column in self.columns)
        return tuple(np.zeros_like(value) for value in row) if image is None else row

    def image_of(self, item: Record | Hand) -> tuple[str, tuple[int, int]]:
        """Path and (width, height) of an item's image."""
        return item.image_path, item.extras["size"]

    def change(self, item: Record | Hand, change: Change) -> Change:
        """The change of an item, from the one that was drawn."""
        return change


class PersonSource(RecordSource):
    """People for the whole network.

    Args:
        name (str): of the data set.
        records (list[Record]): people.
        annotated: Record -> `joint_sets.Annotated`.
        fits (BodyFits): poses the fits.
        space (Space), augmentation (Augmentation): see `RecordSource`.
        unsure (bool): whether `UNSURE_ROTATIONS` and `UNSURE_JOINTS` of fits are no targets.
    """

    columns = COLUMNS

    def __init__(self, name: str, records: Sequence[Record], annotated: Callable[[Record], Annotated], fits: BodyFits,
                 space: Space, augmentation: Augmentation, unsure: bool = False):
        super().__init__(name, records, space, augmentation)
        self.annotated, self.fits = annotated, fits
        unsure_rotations, unsure_joints = (UNSURE_ROTATIONS, UNSURE_JOINTS) if unsure else ((), ())
        self.sure_rotations = np.array([rotation not in unsure_rotations for rotation in ROTATIONS], float)
        self.sure_joints = np.array([joint not in unsure_joints for joint in JOINTS], float)

    def targets(self, record: Record, cut: Cut) -> dict:
        """Targets of a person by column."""
        joints, is_3d = self._annotated(record, cut)
        out = {**joint_columns("", joints), "is_3d": is_3d, **self._fit(record, cut)}
        sides = ("rhand", "lhand") if cut.change.flip else ("lhand", "rhand")
        for part, key in zip((*sides, "face"), ("lefthand_box", "righthand_box", "face_box")):
            out[f"{part}_bbox_center"], out[f"{part}_bbox_size"], out[f"{part}_bbox_valid"] = place_box(
                record.extras.get(key), cut, self.space)
        return out

    def _annotated(self, record: Record, cut: Cut) -> tuple[Joints, float]:
        found, space = self.annotated(record), self.space
        joint_cam = np.zeros((len(found.j2d), 3)) if found.j3d is None else found.j3d
        depth = np.zeros(len(found.j2d)) if found.j3d is None else \
            depth_cells(found.j3d[:, 2], space.body_size, space.cells[2])
        joint_img = np.concatenate([found.j2d, depth[:, None]], 1)
        joints = place_joints(joint_img, joint_cam, found.labelled, found.names, cut, space)
        return spread(joints, found.places, len(JOINTS)), float(found.j3d is not None)

    def _fit(self, record: Record, cut: Cut) -> dict:
        nothing = {**no_fit_columns("smplx", len(JOINTS), len(ROTATIONS)), "smplx_expr": np.zeros(10),
                   "smplx_expr_valid": 0.0}
        raw = record.extras.get("fit")
        if raw is None:
            return nothing
        translation = record.translation
        if translation is None:
            expr = raw.expr if raw.valid["face"] else np.zeros_like(raw.expr)
            translation = camera_translation(record, self.fits.root_rest(raw.beta, expr))
        fit = self.fits.fit(raw, record.pose, translation)
        if (fit.j3d[:, 2] <= 0).any():
            return nothing  # behind the camera: a fit that failed
        joint_img, joint_cam = project_fit(fit.j3d, record.focal, record.principal, DEPTH_GROUPS, self.space)
        joints = place_joints(joint_img, joint_cam, fit.joint_valid * self.sure_joints, JOINTS, cut, self.space)
        pose, pose_valid = place_pose(fit.pose, fit.pose_valid * self.sure_rotations, ROTATIONS, cut.change)
        return {**fit_columns("smplx", joints, pose, pose_valid, fit.shape), "smplx_expr": fit.expr,
                "smplx_expr_valid": fit.expr_valid}


class Hand(NamedTuple):
    """A hand in an image.

    image_path (str), size (width, height), box (4,) left, top, width, height px, side "left" or "right"; j2d (21, 2)
    px and labelled (21,) bool, or None where nobody marked joints; fit (MANOFit) with focal and principal (2,) px, or
    None.
    """

    image_path: str
    size: tuple
    box: np.ndarray
    side: str
    j2d: np.ndarray | None
    labelled: np.ndarray | None
    fit: MANOFit | None
    focal: np.ndarray | None
    principal: np.ndarray | None


class HandSource(RecordSource):
    """Hands for the hand-only network; left hands are mirrored, no others.

    Args:
        name (str): of the data set.
        hands (list[Hand]): hands.
        fits (HandFits): poses the fits.
        space (Space), augmentation (Augmentation): see `RecordSource`.
        is_3d (bool): whether the data set counts as one with 3D truth.
    """

    columns = HAND_COLUMNS

    def __init__(self, name: str, hands: Sequence[Hand], fits: HandFits, space: Space, augmentation: Augmentation,
                 is_3d: bool):
        super().__init__(name, hands, space, augmentation)
        self.fits, self.is_3d = fits, float(is_3d)

    def image_of(self, item: Hand) -> tuple[str, tuple[int, int]]:
        return item.image_path, item.size

    def change(self, item: Hand, change: Change) -> Change:
        return change._replace(flip=item.side == "left")

    def targets(self, hand: Hand, cut: Cut) -> dict:
        """Targets of a hand by column."""
        return {**joint_columns("", self._annotated(hand, cut)), "is_3d": self.is_3d, **self._fit(hand, cut)}

    def _annotated(self, hand: Hand, cut: Cut) -> Joints:
        if hand.j2d is None:
            return no_joints(len(HAND_JOINTS))
        joint_img = np.concatenate([hand.j2d, np.zeros((len(hand.j2d), 1))], 1)
        return place_joints(joint_img, np.zeros((len(hand.j2d), 3)), hand.labelled, HAND_JOINTS, cut, self.space)

    def _fit(self, hand: Hand, cut: Cut) -> dict:
        j3d = None if hand.fit is None else self.fits.joints(hand.side, *hand.fit)
        if j3d is None or (j3d[:, 2] <= 0).any():
            return no_fit_columns("mano", len(HAND_JOINTS), len(HAND_ROTATIONS))
        joint_img, joint_cam = project_fit(j3d, hand.focal, hand.principal, HAND_DEPTH_GROUPS, self.space)
        joints = place_joints(joint_img, joint_cam, np.ones(len(HAND_JOINTS)), HAND_JOINTS, cut, self.space)
        pose, pose_valid = place_pose(hand.fit.pose, np.ones(len(HAND_ROTATIONS)), HAND_ROTATIONS, cut.change)
        return fit_columns("mano", joints, pose, pose_valid, hand.fit.beta)


def patch_of(image: np.ndarray, box: np.ndarray, size: tuple[int, int],
             change: Change) -> tuple[np.ndarray, np.ndarray]:
    """The input of a network and how it was cut out.

    Args:
        image (numpy.ndarray): (H, W, 3) uint8 RGB.
        box (array): (4,), of `person_box`.
        size (tuple): width and height of the patch, px.
        change (Change): of the sample.

    Returns:
        tuple: (3, height, width) float32 in 0..1; the matrix (2, 3) from the image, mirrored if `change` says so, to
        the patch.
    """
    matrix = matrix_of(image.shape[1], box, size, change)
    if change.flip:
        image = image[:, ::-1]
    # Only the part that the patch shows is turned into floats, which would cost more than the crop itself.
    corners = transform_points([(0, 0), (size[0], 0), (0, size[1]), size], cv2.invertAffineTransform(matrix))
    left, top = np.clip(np.floor(corners.min(0)).astype(int) - 1, 0, None)
    right, bottom = np.maximum(np.ceil(corners.max(0)).astype(int) + 2, 0)
    part = np.ascontiguousarray(image[top:bottom, left:right])
    if not part.size:
        return np.zeros((3, size[1], size[0]), np.float32), matrix
    shifted = matrix.copy()
    shifted[:, 2] += matrix[:, :2] @ (left, top)
    patch = crop_patch(part, shifted, size)
    out = np.empty((3, size[1], size[0]), np.float32)
    for plane, channel, colour in zip(out, cv2.split(patch), change.colour):
        np.minimum(channel * np.float32(colour / 255.0), np.float32(1.0), out=plane)
    return out, matrix


def matrix_of(width: int, box: np.ndarray, size: tuple[int, int], change: Change) -> np.ndarray:
    """The matrix (2, 3) of `patch_of`, for an image that is `width` pixels wide."""
    box = np.array(box, np.float64)
    if change.flip:
        box[0] = width - 1.0 - box[0] - box[2]
    return patch_matrix(box, size, change.scale, change.rotation_deg)
