"""Contact sheets: rows fill the width at one height, and the file keeps its bound."""
import cv2
import numpy as np
import pytest

from common.errors import UserError
from tools.contact_sheet import arrange, main


def _plain(height, width, value):
    return np.full((height, width, 3), value, np.uint8)


def test_rows_fill_the_width_and_a_short_one_is_no_higher():
    sheet = arrange([_plain(100, 100, 10), _plain(50, 150, 20), _plain(300, 300, 30)], 2, 204)
    # Widths 1 and 3 times the height in 200 px: 50 px high; below it, after 4 px, one square of 50 px.
    assert sheet.shape == (50 + 4 + 50, 204, 3)
    assert (sheet[:50, :50] == 10).all() and (sheet[:50, 50:54] == 255).all() and (sheet[:50, 54:] == 20).all()
    assert (sheet[50:54] == 255).all() and (sheet[54:, :50] == 30).all() and (sheet[54:, 50:] == 255).all()


def test_file_keeps_its_bound(tmp_path):
    image, sheet = str(tmp_path / "noise.png"), tmp_path / "sheet.jpg"
    cv2.imwrite(image, np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8))
    main([image, image, "--output", str(sheet), "--columns", "2", "--width", "300", "--max_kb", "20"])
    assert sheet.stat().st_size <= 20000 and cv2.imread(str(sheet)).shape == (148, 300, 3)
    with pytest.raises(UserError, match="--max_kb 1 is too little for 1 images"):
        main([image, "--output", str(sheet), "--max_kb", "1"])
    with pytest.raises(UserError, match="ends in .jpg"):
        main([image, "--output", "sheet.png"])
