"""People of data sets that take COCO's form for members of their own: fits, cameras, boxes of parts; see `coco`."""
import logging
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from common.data.image import image_size
from common.data.readers.coco import OUTLINE, Annotations
from common.data.readers.coco_images import AnnotatedImage, image_path, key_of
from common.errors import UserError
from common.text_files import read_json

LOGGER = logging.getLogger("mindhuman")
PROJECTED = "the one around their projected joints"  # `instead` of data sets that know these


class PersonEntry(NamedTuple):
    """Somebody in a file whose annotations or images have members of their own.

    image (AnnotatedImage), image_entry (dict), entry (dict): as the file has them, without outlines; box (4,);
    joints (J, 3) as of `Annotations.in_order`; crowd (bool), num_keypoints (int): zero without joints; key (str): the
    annotation's id, or else the image's; where (str): for messages.
    """

    image: AnnotatedImage
    image_entry: dict
    entry: dict
    box: np.ndarray
    joints: np.ndarray
    crowd: bool
    num_keypoints: int
    key: str
    where: str

    def path(self, folder: str) -> str:
        """Where the image lies, see `Annotations.image_path`."""
        return image_path(folder, self.image, self.where)

    def size(self, path: str) -> tuple[int, int]:
        """(width, height) as the file tells, else of the image at `path`; (0, 0) where that is damaged, which is said.

        Raises:
            UserError: neither the file nor an image tells.
        """
        if self.image.size or not os.path.exists(path):
            return self.image.size or image_size(path)
        try:
            return image_size(path)
        except UserError as error:
            LOGGER.warning("%s; it is left out", error)
            return 0, 0


def read_people(path: str, joints: Sequence[str] = (), box: str = "bbox", hint: str = "write or copy it again",
                instead: str = "") -> list[PersonEntry]:
    """`PersonEntry`s of a file of another data set in this form, sorted by image.

    Args:
        joints (sequence): what is read of the keypoints, and their order where the category lists none; nothing is.
        box (str): the member with the person's box.
        hint (str): where to get the file.
        instead (str): what the caller takes for who has no box, nor joints that tell one: the box is zero then; empty:
            they are left out. Either is said.

    Raises:
        UserError: as `read_annotations`.
    """
    people = Annotations(read_json(path, hint=hint, without=OUTLINE), path, None, joints, (), box, True)
    keypoints = people.in_order(joints) if joints else people.keypoints
    there = people.boxes[:, 2:].all(1)
    if not there.all():
        LOGGER.warning("%s: %d of %d annotations have no %s and %s", path, (~there).sum(), len(people), box,
                       f"get {instead}" if instead else "are left out")
    rows = range(len(people)) if instead else np.flatnonzero(there)
    out = []
    for row in rows:
        image_row, number = people.image_rows[row], people.ids[row]
        image = people.images[image_row]
        key = key_of(image.id if number is None else number)
        crowd, count = (bool(people.crowd[row]), int(people.num_keypoints[row])) if joints else (False, 0)
        out.append(PersonEntry(image, people.image_entries[image_row], people.entries[row], people.boxes[row],
                               keypoints[row], crowd, count, key, f"{path}: annotation {key}"))
    return out
