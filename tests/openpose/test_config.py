"""A folder of COCO answers for the paths that are not named."""
import pytest

from common.errors import UserError
from openpose.src.config import read_settings


def test_the_folder_of_coco_answers_for_empty_paths(tmp_path):
    (tmp_path / "annotations").mkdir()
    for name in ("train2014", "train2017", "val2014"):
        (tmp_path / "annotations" / f"person_keypoints_{name}.json").touch()
    for name in ("images/train2017", "ignore_mask_train"):
        (tmp_path / name).mkdir(parents=True)
    root = str(tmp_path)
    config = read_settings(["--data_dir", root, "--imgpath_val", "mine"])
    assert config.jsonpath_train == f"{root}/annotations/person_keypoints_train2017.json"
    assert config.imgpath_train == f"{root}/images/train2017" and config.maskpath_train == f"{root}/ignore_mask_train"
    assert config.ann == f"{root}/annotations/person_keypoints_val2014.json" and config.imgpath_val == "mine"
    with pytest.raises(UserError, match=f"--data_dir {root}/images holds no annotations/person_keypoints_train2017"):
        read_settings(["--data_dir", f"{root}/images"])
