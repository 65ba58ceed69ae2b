"""Write the masks of the regions that training ignores; see `src/gen_ignore_mask.py`.

    python gen_ignore_mask.py --train_ann ANN --train_dir IMAGES --val_ann ANN --val_dir IMAGES
"""
import os
import sys

# The repository root, so that `common` and `openpose` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.errors import run  # noqa: E402
from openpose.src.gen_ignore_mask import main  # noqa: E402

if __name__ == "__main__":
    run(main)
