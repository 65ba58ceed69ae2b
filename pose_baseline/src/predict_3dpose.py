"""The original's command, which is train.py by another name: train, or draw samples with --sample.

    python src/predict_3dpose.py --camera_frame --residual --batch_norm --dropout 0.5 --max_norm --evaluateActionWise
    python src/predict_3dpose.py ... --sample --load 24371
"""
import os
import sys

# The repository root, so that `common` and `pose_baseline` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from common.errors import run  # noqa: E402
from pose_baseline.train import main  # noqa: E402

if __name__ == "__main__":
    run(main)
