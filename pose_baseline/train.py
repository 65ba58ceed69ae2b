"""Train the lifting network; with --sample, draw a grid of its predictions instead.

    python train.py --config_path recipe.yaml --data_dir data/h36m
"""
import os
import sys

# The repository root, so that `common` and `pose_baseline` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import run  # noqa: E402
from pose_baseline.src.config import read_settings  # noqa: E402


def main(argv):
    config = read_settings(argv)

    from common.engine.runtime import init_runtime
    from pose_baseline.src.inference import sample
    from pose_baseline.src.training import train

    runtime = init_runtime(config.device_target, config.device_id, config.seed)
    with on_modelarts(config.enable_modelarts, config.obs_dir, config.data_dir, config.train_dir, config.result):
        if config.sample:
            sample(config)
        else:
            train(config, runtime)


if __name__ == "__main__":
    run(main)
