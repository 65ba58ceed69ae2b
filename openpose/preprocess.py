"""Prepare an evaluation set for an exported network: images as files of plain numbers.

    python preprocess.py --file_name openpose.mindir --imgpath_val val2017 --ann person_keypoints_val2017.json

Files go to `--preprocess_path`; src/bins.py says what is in them. The description beside the exported file says how its
images are prepared.
"""
import logging
import os
import sys

# The repository root, so that `common` and `openpose` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.errors import UserError, run  # noqa: E402
from common.limits import check_given  # noqa: E402
from common.log import set_up_logging  # noqa: E402
from openpose.src.config import read_settings  # noqa: E402

LOGGER = logging.getLogger("mindhuman")


def main(argv):
    config = read_settings(argv)
    set_up_logging()
    check_given(config, {"imgpath_val": "the image folder", "ann": "the annotation file"})

    from openpose.src.bins import read_exported, write_bins
    from openpose.src.evaluate import choose_images
    from openpose.src.skeleton import load_skeleton

    exported = read_exported(config.file_name)
    skeleton = load_skeleton(config.skeleton)
    if tuple(skeleton.joints) != exported.joints:
        raise UserError(f"{config.file_name} has the joints {', '.join(exported.joints)}: name the --skeleton that it "
                        "was trained with")
    annotations = skeleton.read_annotations(config.ann)
    rows = choose_images(annotations, config.all_images, config.eva_num)
    count = write_bins(config.preprocess_path, exported, annotations, rows, config.imgpath_val)
    LOGGER.info("%d images in %d files in %s", len(rows), count, config.preprocess_path)


if __name__ == "__main__":
    run(main)
