"""Train HMR on people with 2D and 3D joints and, against a critic, on real poses.

    python train.py --data_path HMR_DATA --encoder_path resnet50_imagenet.ckpt
"""
import os
import sys

# The repository root, so that `common` and `hmr` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import run  # noqa: E402
from hmr.src.config import read_settings  # noqa: E402


def main(argv):
    config = read_settings(argv)

    from common.engine.runtime import init_runtime
    from hmr.src.training import train

    runtime = init_runtime(config.device_target, config.device_id, config.seed)
    with on_modelarts(config.enable_modelarts, config.data_url, config.data_path, config.model_save,
                      config.train_url):
        train(config, runtime)


if __name__ == "__main__":
    run(main)
