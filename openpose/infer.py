"""People in images, videos and before a camera: keypoint files and drawings.

    python infer.py --ckpt_file openpose.ckpt --input photos/ --output_dir output/infer
"""
import os
import sys

# The repository root, so that `common` and `openpose` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.errors import run  # noqa: E402
from common.log import set_up_logging  # noqa: E402
from openpose.src.config import read_settings  # noqa: E402


def main(argv):
    config = read_settings(argv)
    set_up_logging()

    from common.inference.sources import open_source

    source = open_source(config.input, config.frame_max)

    from common.engine.runtime import init_runtime
    from openpose.src.inference import open_model, write_source

    init_runtime(config.device_target, config.device_id, config.seed)
    detecting, config = open_model(config)
    write_source(detecting, source, config.output_dir, config.formats, config.keypoint_scale,
                 config.write_heatmaps)


if __name__ == "__main__":
    run(main)
