"""What tools/check_data.py says about a COCO folder."""
import json
import shutil

import cv2
import numpy as np
import openpose_coco_set as coco_set
import pytest

from common.data.findings import ERROR, NOTE, OK
from common.joints import SKELETONS
from openpose.src.gen_ignore_mask import main as write_masks
from tools.check_data import check

PERSON = np.array([[20 + 2 * joint, 30 + 3 * joint, 2] for joint in range(17)])
BOX = (10, 10, 90, 90)


@pytest.fixture
def folder(tmp_path):
    """A folder in COCO's layout: two training images, one with a crowd, and one for validation; with masks."""
    for split, numbers in (("train", (1, 2)), ("val", (3,))):
        write_set(tmp_path, f"{split}2017", numbers)
    arguments = [f"--{split}_{what}={path}" for split in ("train", "val") for what, path in (
        ("ann", annotation_path(tmp_path, f"{split}2017")), ("dir", tmp_path / f"{split}2017"))]
    write_masks(arguments)
    return tmp_path


def annotation_path(folder, name):
    return folder / "annotations" / f"person_keypoints_{name}.json"


def write_set(folder, name, numbers):
    (folder / name).mkdir()
    (folder / "annotations").mkdir(exist_ok=True)
    images, annotations = [], []
    for number in numbers:
        file = f"{number:012d}.jpg"
        cv2.imwrite(str(folder / name / file), np.full((100, 120, 3), 90, np.uint8))
        images.append({"id": number, "file_name": file, "height": 100, "width": 120})
        annotations.append(coco_set.entry(10 * number, number, BOX, PERSON))
        if number == 2:
            annotations.append(coco_set.entry(21, number, (95, 10, 118, 90), np.zeros((17, 3)), crowd=True))
    coco_set.save(annotation_path(folder, name), {
        "images": images, "annotations": annotations,
        "categories": [{"id": 1, "name": "person", "keypoints": list(SKELETONS["coco_17"])}]})


def rows(folder, level):
    return {finding.item: finding.found + finding.advice for finding in check("openpose", str(folder))
            if finding.level == level}


def test_a_complete_folder(folder):
    assert not rows(folder, ERROR) and not rows(folder, NOTE)
    found = rows(folder, OK)
    assert found["train2017 annotations"] == "2 images, 2 with somebody to train on, 2 people"
    assert found["train2017 images"] == "all 2 are there, 2 were opened"
    assert found["train2017 masks"] == "for 1 of 1 images with somebody to ignore"
    assert set(found) >= {"val2017 annotations", "val2017 images"}


def test_no_folder(tmp_path):
    assert "does not exist" in rows(tmp_path / "absent", ERROR)["folder"]


def test_steps_that_were_left_out(tmp_path):
    assert "download annotations_trainval2017.zip" in rows(tmp_path, ERROR)["train annotations"]
    (tmp_path / "annotations_trainval2017.zip").touch()
    assert "unpack annotations_trainval2017.zip" in rows(tmp_path, ERROR)["train annotations"]
    (tmp_path / "inner" / "coco" / "annotations").mkdir(parents=True)
    assert f"use {tmp_path / 'inner' / 'coco'}" in rows(tmp_path / "inner", ERROR)["train annotations"]
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "person_keypoints_train2017.json").touch()
    assert "folder called annotations" in rows(tmp_path / "flat", ERROR)["train annotations"]


def test_images_that_are_missing_stop_training_and_no_validation_set_does(folder):
    (folder / "train2017" / "000000000002.jpg").unlink()
    shutil.rmtree(folder / "val2017")
    (folder / "val2017.zip").touch()
    assert set(rows(folder, ERROR)) == {"train2017 images"}
    assert "lacks 1 of 2 annotated images, such as 000000000002.jpg" in rows(folder, ERROR)["train2017 images"]
    assert "unpack val2017.zip" in rows(folder, NOTE)["val2017 images"]


def test_one_usable_year_is_enough(folder):
    shutil.copy(annotation_path(folder, "train2017"), annotation_path(folder, "train2014"))
    assert not rows(folder, ERROR)
    assert "no folder train2014" in rows(folder, NOTE)["train2014 images"]


def test_images_that_are_damaged_or_of_another_size(folder):
    (folder / "train2017" / "000000000001.jpg").write_bytes(b"\xff\xd8 no image")
    found = rows(folder, NOTE)["train2017 images"]
    assert "1 of 2 are left out: " in found and "000000000001.jpg (11 bytes) is damaged" in found
    cv2.imwrite(str(folder / "train2017" / "000000000001.jpg"), np.zeros((50, 50, 3), np.uint8))
    found = rows(folder, NOTE)["train2017 images"]
    assert "000000000001.jpg is 50 x 50 pixels, its annotations are for 120 x 100" in found


def test_masks(folder):
    mask = folder / "ignore_mask_train" / "000000000002.png"
    cv2.imwrite(str(mask), np.zeros((50, 60), np.uint8))
    found = rows(folder, NOTE)["train2017 images"]
    assert "1 of 2 are left out: " in found and "000000000002.png is 60 x 50 pixels, the image" in found
    mask.unlink()
    assert "for 0 of 1 images" in rows(folder, NOTE)["train2017 masks"]
    shutil.rmtree(folder / "ignore_mask_train")
    assert "1 images are trained on with people who count as background" in rows(folder, NOTE)["train2017 masks"]


def test_damaged_annotations(folder):
    annotation_path(folder, "train2017").write_text("{")
    assert "is not readable JSON" in rows(folder, ERROR)["train2017 annotations"]
    content = json.loads(annotation_path(folder, "val2017").read_text())
    content["annotations"] = []
    annotation_path(folder, "train2017").write_text(json.dumps(content))
    assert "0 with somebody to train on" in rows(folder, ERROR)["train2017 annotations"]
