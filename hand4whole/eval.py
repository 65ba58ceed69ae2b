"""`test.py` under the name that the other models use."""
import os
import sys

# The repository root, so that `common` and `hand4whole` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.errors import run  # noqa: E402
from hand4whole.test import main  # noqa: E402

if __name__ == "__main__":
    run(main)
