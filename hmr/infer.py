"""Bodies of the people in images and videos: parameters, meshes, cameras and drawings.

    python infer.py --image photo.jpg --ckpt_file hmr.ckpt --openpose_ckpt openpose.ckpt
"""
import os
import sys

# The repository root, so that `common`, `hmr` and `openpose` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.arguments import join_boxes  # noqa: E402
from common.errors import run  # noqa: E402
from common.log import set_up_logging  # noqa: E402
from hmr.src.config import read_settings  # noqa: E402


def main(argv):
    config = read_settings(join_boxes(argv), {"batch_size": 8})
    set_up_logging()

    from common.inference.sources import open_source

    source = open_source(config.input, config.frame_max, "--image")

    from common.engine.runtime import init_runtime
    from common.inference.meshes import runner_of
    from hmr.src.inference import open_model
    from openpose.src.detector import load_detector

    init_runtime(config.device_target, config.device_id, config.seed)
    model, config = open_model(config)
    runner_of(config, model, load_detector(config.openpose_ckpt)).run(source)


if __name__ == "__main__":
    run(main)
