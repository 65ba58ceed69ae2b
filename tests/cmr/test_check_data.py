"""What the data check says about a folder of CMR's data sets."""
import re

import cv2
import numpy as np
import pytest

from cmr.src.dataset import write_annotations
from tools import check_data

PEOPLE = 3


def prepare(root, file, folder, **more):
    """A prepared file and its images."""
    names = [f"images/{number}.png" for number in range(PEOPLE)]
    (root / folder / "images").mkdir(parents=True)
    for name in names:
        cv2.imwrite(str(root / folder / name), np.zeros((4, 4, 3), np.uint8))
    (root / "extras").mkdir(exist_ok=True)
    write_annotations(str(root / "extras" / file), {"imgname": names, "center": np.zeros((PEOPLE, 2)),
                                                    "scale": np.ones(PEOPLE), **more})


@pytest.fixture
def root(tmp_path):
    prepare(tmp_path, "up_3d_trainval.npz", "UP_3D/up-3d", pose=np.zeros((PEOPLE, 72)), shape=np.zeros((PEOPLE, 10)))
    return tmp_path


def check(folder, capsys):
    status = check_data.main(["cmr", "--data_path", str(folder)])
    return status, re.sub(r" +", " ", capsys.readouterr().out).replace(str(folder), "ROOT")


def test_one_set_is_enough(root, capsys):
    (root / "MPII").mkdir()
    status, text = check(root, capsys)
    assert status == 0
    assert "ok up-3d (train) 3 people in ROOT/UP_3D/up-3d\n" in text
    assert "note mpii (train) ROOT/MPII, not prepared\n -> python preprocess.py --train_files --only mpii" in text
    assert "note coco (train) no folder ROOT/coco2014\n -> get it from cocodataset.org" in text
    assert "note --dataset itw not possible without lsp-orig, coco, mpii\n" in text
    assert "note up-3d (eval) ROOT/UP_3D/up-3d, not prepared" in text


def test_missing_images_and_damaged_files_stop_training(root, capsys):
    (root / "UP_3D" / "up-3d" / "images" / "2.png").unlink()
    status, text = check(root, capsys)
    assert status == 1 and "error up-3d (train) 3 people, but no images/2.png in ROOT/UP_3D/up-3d\n" in text
    (root / "extras" / "up_3d_trainval.npz").write_bytes(b"PK")
    status, text = check(root, capsys)
    assert status == 1 and "error up-3d (train) ROOT/extras/up_3d_trainval.npz" in text


def test_an_evaluation_set_needs_its_labels(root, capsys):
    prepare(root, "lsp_dataset_test.npz", "LSP/lsp_dataset")
    assert "note lsp (eval) ROOT/extras/lsp_dataset_test.npz has no maskname, partname" in check(root, capsys)[1]


@pytest.mark.parametrize("name, words", [("", "no training set is ready"), ("nowhere", "does not exist")])
def test_nothing_to_train_on(tmp_path, capsys, name, words):
    status, text = check(tmp_path / name, capsys)
    assert status == 1 and words in text and "is not possible yet" in text
