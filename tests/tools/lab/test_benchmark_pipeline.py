"""The pipeline benchmark runs and explains an empty folder."""
import pytest

from common.errors import UserError
from tools.lab.benchmark_pipeline import main


def test_it_prints_a_rate_for_each_number_of_threads(capsys):
    main(["--num", "8", "--batch_size", "4", "--epochs", "1", "--workers", "1", "--size", "32"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.endswith("images/s") for line in lines] == [False, True, True]


def test_a_folder_without_images_is_named(tmp_path):
    with pytest.raises(UserError, match="holds no jpg or png"):
        main(["--image_dir", str(tmp_path)])
