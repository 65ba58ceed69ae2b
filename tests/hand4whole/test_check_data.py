"""The check of a data root: complete, partial, damaged, empty."""
import argparse
import re
import shutil

import pytest

from common.stand_ins.datasets import coco_wholebody, ehf, freihand
from tools import check_data


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    root = tmp_path_factory.mktemp("dataset")
    for module, name, num in ((coco_wholebody, "COCOWB", 2), (freihand, "FreiHAND", 2), (ehf, "EHF", 1)):
        module.make(argparse.Namespace(output_dir=str(root / name), num=num, seed=5, crops=0))
    return root


@pytest.fixture
def root(complete, tmp_path):
    return shutil.copytree(complete, tmp_path / "dataset")


def check(folder, capsys):
    status = check_data.main(["hand4whole", "--data_path", str(folder)])
    return status, re.sub(r" +", " ", capsys.readouterr().out)


def test_complete_sets(root, capsys):
    status, text = check(root, capsys)
    assert status == 0 and "is possible." in text
    for line in (r"ok EHF test 1 people", r"ok COCOWB train \d+ people", "ok FreiHAND train 2 hands",
                 "ok FreiHAND test 1 hands", "note MPII train no folder MPII"):
        assert re.search(line + "\n", text), line


def test_partial_sets(root, capsys):
    (root / "COCOWB" / "annotations" / "MSCOCO_train_SMPLX_all_NeuralAnnot.json").unlink()
    (root / "EHF" / "data" / "01_align.ply").unlink()
    (root / "FreiHAND").rename(root / "FreiHand")
    status, text = check(root, capsys)
    assert status == 0
    assert re.search(r"note COCOWB train (\d+) people, \1 of them without fit\n", text)
    assert "note EHF test 1 people, but 1 meshes are missing" in text and "ok FreiHAND train" in text


def test_sets_that_cannot_be_trained_on(root, capsys):
    shutil.rmtree(root / "COCOWB" / "images")
    (root / "FreiHAND" / "data" / "freihand_train_data.json").write_text("{}")
    status, text = check(root, capsys)
    assert status == 1
    assert re.search(r"error COCOWB train \d+ people, but .*\.jpg does not exist", text)
    assert re.search(r"error FreiHAND train .*freihand_train_data.json has no 0", text)
    assert "error training no set to train on" in text and "rows marked 'error'" in text


def test_nothing(tmp_path, capsys):
    assert check(tmp_path, capsys)[0] == 1
    status, text = check(tmp_path / "none", capsys)
    assert status == 1 and "error folder" in text
