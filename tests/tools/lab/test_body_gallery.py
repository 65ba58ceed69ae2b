import cv2
import numpy as np
import pytest

from common.errors import UserError
from tools.lab import body_gallery


def test_gallery_is_written(tmp_path):
    body_gallery.main(["--output", str(tmp_path / "gallery.png")])
    image = cv2.imread(str(tmp_path / "gallery.png"))
    assert image.shape[0] > 1500 and image.shape[1] > 1500
    drawn = np.abs(image.astype(int) - body_gallery.PAPER[::-1]).max(2) > 20
    assert 0.08 < drawn.mean() < 0.5


def test_other_endings_are_refused():
    with pytest.raises(UserError, match="gallery.gif"):
        body_gallery.main(["--output", "gallery.gif"])


def test_a_palette_keeps_the_colours():
    ramp = np.arange(256, dtype=np.uint8)
    image = np.zeros((64, 512, 3), np.uint8)
    image[:, :256], image[:8, 256:, 2] = ramp[:, None], ramp
    kept = np.asarray(body_gallery.with_palette(image).convert("RGB")).astype(int)
    # With dithering, single pixels differ; means over small squares do not.
    away = (kept - image).reshape(8, 8, 64, 8, 3).mean((1, 3))
    assert np.abs(away).max() < 4
