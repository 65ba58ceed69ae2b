"""Write the masks of the regions that training ignores: crowds, and people who are too small or hardly labelled.

    python gen_ignore_mask.py --train_ann person_keypoints_train2017.json --train_dir train2017
                              --val_ann person_keypoints_val2017.json --val_dir val2017

For each image with such a region, `ignore_mask_train/<12-digit image number>.png` (and `ignore_mask_val/...`) is
written beside the image folder: 255 where the image is ignored, 0 elsewhere, in the image's size.
"""
import os
import sys

# The repository root, so that `common` and `openpose` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from common.arguments import Arguments  # noqa: E402
from common.errors import UserError, run  # noqa: E402
from common.files import atomic_write, make_folder  # noqa: E402
from openpose.src.annotations import MIN_AREA, MIN_KEYPOINTS, Annotations, is_learned  # noqa: E402


def main(argv):
    parser = Arguments(__doc__)
    for split in ("train", "val"):
        parser.add_argument(f"--{split}_ann", default="", help="annotation file in COCO's form")
        parser.add_argument(f"--{split}_dir", default="", help="folder of its images; the masks go beside it")
    parser.add_argument("--min_keypoints", type=int, default=MIN_KEYPOINTS, help="people with fewer are ignored")
    parser.add_argument("--min_area", type=float, default=MIN_AREA, help="smaller people are ignored, px^2")
    parser.add_argument("--category", default="person", help="category of the annotations")
    args = parser.parse_args(argv)
    splits = [(split, getattr(args, f"{split}_ann"), getattr(args, f"{split}_dir")) for split in ("train", "val")]
    if not any(annotations for _, annotations, _ in splits):
        raise UserError("give --train_ann with --train_dir, --val_ann with --val_dir, or both")
    for split, path, folder in splits:
        if bool(path) != bool(folder):
            raise UserError(f"--{split}_ann and --{split}_dir go together")
        if path:
            target = os.path.join(os.path.dirname(os.path.abspath(folder)), f"ignore_mask_{split}")
            annotations = Annotations(path, args.category)
            count = write_masks(annotations, target, args.min_keypoints, args.min_area)
            print(f"{count} masks for {len(annotations.pictures())} images -> {target}")


def write_masks(annotations, folder, min_keypoints=MIN_KEYPOINTS, min_area=MIN_AREA):
    """Write the mask of every image that has an ignored region, into a folder that is made. Returns their number."""
    make_folder(folder)
    count = 0
    for picture in annotations.pictures():
        mask = ignored_region(annotations, picture, min_keypoints, min_area)
        if mask.any():
            atomic_write(mask_path(folder, picture), cv2.imencode(".png", mask.astype(np.uint8) * 255)[1].tobytes())
            count += 1
    return count


def mask_path(folder, picture):
    """Where the mask of an image lies."""
    return os.path.join(folder, f"{picture.id:012d}.png")


def ignored_region(annotations, picture, min_keypoints=MIN_KEYPOINTS, min_area=MIN_AREA):
    """Pixels (H, W) bool of people who are not trained on; of crowds what no earlier entry of the file covers."""
    ignored, covered = np.zeros((2, picture.height, picture.width), bool)
    for entry in annotations.people(picture):
        if is_learned(entry, min_keypoints, min_area) and not entry.get("segmentation"):
            continue
        mask = annotations.mask(entry)
        if entry.get("iscrowd"):
            ignored |= mask & ~covered
        elif not is_learned(entry, min_keypoints, min_area):
            ignored |= mask
        covered |= mask
    return ignored


if __name__ == "__main__":
    run(main)
