"""Train OpenPose on keypoints in COCO's form.

    python train.py --imgpath_train train2017 --jsonpath_train person_keypoints_train2017.json \\
                    --maskpath_train ignore_mask_train --vgg_path vgg19-0-97_5004.ckpt
"""
import os
import sys

# The repository root, so that `common` and `openpose` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import run  # noqa: E402
from openpose.src.config import read_settings  # noqa: E402


def main(argv):
    config = read_settings(argv)

    from common.engine.runtime import init_runtime
    from openpose.src.training import train

    runtime = init_runtime(config.device_target, config.device_id, config.seed)
    with on_modelarts(config.enable_modelarts, config.data_url, config.data_path, config.output_path,
                      config.train_url):
        train(config, runtime)


if __name__ == "__main__":
    run(main)
