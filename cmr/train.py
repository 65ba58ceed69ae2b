"""Train CMR on prepared data sets.

    python train.py --dataset itw --pretrained_resnet_50 pretrained_resnet50.ckpt
"""
import os
import sys

# The repository root, so that `common` and `cmr` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from cmr.src.config import read_settings  # noqa: E402
from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import run  # noqa: E402


def main(argv):
    config = read_settings(argv)

    from cmr.src.training import train
    from common.engine.runtime import init_runtime

    runtime = init_runtime(config.device_target, config.device_id, config.seed)
    with on_modelarts(config.enable_modelarts, config.data_url, config.data_path, config.output_path,
                      config.train_url):
        train(config, runtime)


if __name__ == "__main__":
    run(main)
