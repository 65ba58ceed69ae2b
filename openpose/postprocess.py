"""Measure what an exported network gave for the files of preprocess.py.

    python postprocess.py --ann person_keypoints_val2017.json --result_path result_Files
"""
import os
import sys

# The repository root, so that `common` and `openpose` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.errors import run  # noqa: E402
from common.limits import check_given  # noqa: E402
from common.log import set_up_logging  # noqa: E402
from openpose.src.config import read_settings  # noqa: E402


def main(argv):
    config = read_settings(argv)
    set_up_logging()
    check_given(config, {"ann": "the annotation file"})

    from openpose.src.bins import read_predictions
    from openpose.src.evaluate import log_result, measure, write_result
    from openpose.src.skeleton import load_skeleton

    skeleton = load_skeleton(config.skeleton)
    annotations = skeleton.read_annotations(config.ann)
    predictions = read_predictions(config, skeleton, annotations)
    write_result(config.output_img_path, predictions)
    log_result(measure(annotations, predictions, skeleton), predictions, skeleton, config.all_images)


if __name__ == "__main__":
    run(main)
