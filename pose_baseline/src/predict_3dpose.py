"""The original's command: train, or draw samples with --sample.

    python src/predict_3dpose.py --camera_frame --residual --batch_norm --dropout 0.5 --max_norm --evaluateActionWise
    python src/predict_3dpose.py ... --sample --load 24371
"""
import os
import sys

# The repository root, so that `common` and `pose_baseline` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from common.engine.runtime import init_runtime  # noqa: E402
from common.errors import run  # noqa: E402
from pose_baseline.src.build import read_settings  # noqa: E402
from pose_baseline.src.inference import sample  # noqa: E402
from pose_baseline.train import main as train_main  # noqa: E402


def main(argv):
    config = read_settings(argv)
    if not config.sample:
        return train_main(argv)
    init_runtime(config.device_target, config.device_id, config.seed)
    sample(config)
    return 0


if __name__ == "__main__":
    run(main)
