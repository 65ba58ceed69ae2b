"""Write the masks of the regions that training ignores: crowds, and people who are too small or hardly labelled.

    python gen_ignore_mask.py --train_ann person_keypoints_train2017.json --train_dir train2017
                              --val_ann person_keypoints_val2017.json --val_dir val2017

For each image with such a region, `ignore_mask_train/<12-digit image number>.png` (and `ignore_mask_val/...`) is
written beside the image folder: 255 where the image is ignored, 0 elsewhere, in the image's size. The folder is made
also when no image has such a region. An identifier that is text is the file's name instead of a number.
"""
import logging
import os
import sys

# The repository root, so that `common` and `openpose` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from common.arguments import Arguments  # noqa: E402
from common.data.image import image_size  # noqa: E402
from common.data.readers.coco import OUTLINE, read_annotations  # noqa: E402
from common.errors import UserError, run  # noqa: E402
from common.files import atomic_write, make_folder  # noqa: E402

LOGGER = logging.getLogger("mindhuman")
MIN_KEYPOINTS, MIN_AREA = 5, 1024  # people with fewer labelled keypoints, or not larger (px^2), are not trained on
LARGEST = 1 << 28  # pixels of a mask


def main(argv):
    parser = Arguments(__doc__)
    for split in ("train", "val"):
        parser.add_argument(f"--{split}_ann", default="", help="annotation file in COCO's form")
        parser.add_argument(f"--{split}_dir", default="", help="folder of its images; the masks go beside it")
    parser.add_argument("--min_keypoints", type=int, default=MIN_KEYPOINTS, help="people with fewer are ignored")
    parser.add_argument("--min_area", type=float, default=MIN_AREA, help="smaller people are ignored, px^2")
    parser.add_argument("--category", default="", help="of the annotations; empty: person, or the only one with "
                        "keypoints")
    args = parser.parse_args(argv)
    splits = [(split, getattr(args, f"{split}_ann"), getattr(args, f"{split}_dir")) for split in ("train", "val")]
    if not any(annotations for _, annotations, _ in splits):
        raise UserError("give --train_ann with --train_dir, --val_ann with --val_dir, or both")
    for split, path, folder in splits:
        if bool(path) != bool(folder):
            raise UserError(f"--{split}_ann and --{split}_dir go together")
        if path:
            target = os.path.join(os.path.dirname(os.path.abspath(folder)), f"ignore_mask_{split}")
            people = read_annotations(path, args.category or None, members=(OUTLINE,))
            count = write_masks(people, folder, target, args.min_keypoints, args.min_area)
            print(f"{count} masks for {len(people.images)} images -> {target}")


def write_masks(people, image_folder, folder, min_keypoints=MIN_KEYPOINTS, min_area=MIN_AREA):
    """Write the mask of every image that has an ignored region -> the number of masks.

    Args:
        people (Annotations): with the member `segmentation`.
        image_folder (str): where the images lie; looked into for sizes that the annotations do not state.

    Raises:
        UserError: an image that is too large, or of unknown size and missing.
    """
    make_folder(folder)
    learned, faults, count = people.learned(min_keypoints, min_area), {}, 0
    for number, image in enumerate(people.images):
        if learned[people.rows(number)].all():
            continue
        path = people.image_path(image_folder, image)
        try:
            size = image.size or image_size(path)
        except UserError as error:
            if not os.path.exists(path):
                raise
            LOGGER.warning("%s; no mask of it", error)  # training leaves such an image out
            continue
        if size[0] * size[1] > LARGEST:
            raise UserError(f"{people.path}: image {image.id} has {size[0]} x {size[1]} pixels, more than any camera")
        mask = ignored_region(people, number, size, learned, faults)
        if mask.any():
            atomic_write(mask_path(folder, image), cv2.imencode(".png", mask.astype(np.uint8) * 255)[1].tobytes())
            count += 1
    if faults:
        row, fault = next(iter(faults.items()))
        LOGGER.warning("%s: of %d people without a usable segmentation the box is ignored, or what is left of the "
                       "segmentation; such as of annotation %s: %s", people.path, len(faults), people.ids[row], fault)
    return count


def mask_path(folder, image):
    """Where the mask of an image lies."""
    return os.path.join(folder, f"{image.stem}.png")


def ignored_region(people, number, size, learned, faults):
    """Pixels (H, W) bool of people who are not trained on; of crowds what no earlier entry of the file covers.

    Args:
        size (tuple): its width and height.
        learned (array): (N,) bool, who is trained on.
        faults (dict): takes, for each person without a usable outline, row -> what is wrong.
    """
    ignored, covered = np.zeros((2, size[1], size[0]), bool)
    for row in people.rows(number):
        mask, fault = people.region(row, size)
        if fault and learned[row]:
            continue  # a box would take too much from a crowd
        if fault:
            faults[row] = fault
        if people.crowd[row]:
            ignored |= mask & ~covered
        elif not learned[row]:
            ignored |= mask
        covered |= mask
    return ignored


if __name__ == "__main__":
    run(main)
