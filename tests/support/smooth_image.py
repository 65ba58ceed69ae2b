"""An image for tests."""
import numpy as np


def smooth_image(height=40, width=60):
    """A smooth image, so that encoding changes little."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 4, columns * 3, 255 - rows * 2], -1).astype(np.uint8)
