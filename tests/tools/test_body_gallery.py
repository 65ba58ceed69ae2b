import cv2
import numpy as np
import pytest

from common.errors import UserError
from tools import body_gallery


def test_gallery_is_written(tmp_path):
    body_gallery.main(["--output", str(tmp_path / "gallery.png")])
    picture = cv2.imread(str(tmp_path / "gallery.png"))
    assert picture.shape[0] > 1500 and picture.shape[1] > 1500
    drawn = np.abs(picture.astype(int) - body_gallery.PAPER[::-1]).max(2) > 20
    assert 0.08 < drawn.mean() < 0.5


def test_other_endings_are_refused():
    with pytest.raises(UserError, match="gallery.gif"):
        body_gallery.main(["--output", "gallery.gif"])
