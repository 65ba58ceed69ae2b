"""What the data check says about a folder of HMR's data sets."""
import re

import cv2
import h5py
import numpy as np
import pytest

from tools import check_data

PEOPLE = 3


@pytest.fixture
def root(tmp_path):
    """People of Human3.6M's first subject, and poses."""
    images = tmp_path / "human3.6m" / "images"
    images.mkdir(parents=True)
    names = [f"S1_Walking_1.54138969_{number:06d}.png" for number in range(PEOPLE)]
    for name in names:
        cv2.imwrite(str(images / name), np.zeros((4, 4, 3), np.uint8))
    rng = np.random.default_rng(0)
    gt2d = np.concatenate([rng.uniform(20, 190, (PEOPLE, 14, 2)), np.ones((PEOPLE, 14, 1))], -1)
    with h5py.File(tmp_path / "human3.6m" / "annot.h5", "w") as file:
        file["gt2d"], file["gt3d"] = gt2d.reshape(PEOPLE, 42), rng.normal(0, 0.4, (PEOPLE, 42))
        file["imagename"] = np.array([f"/{name}".encode() for name in names])
    (tmp_path / "mosh").mkdir()
    with h5py.File(tmp_path / "mosh" / "mosh_annot.h5", "w") as file:
        file["pose"], file["shape"] = np.zeros((5, 72)), np.zeros((5, 10))
    return tmp_path


def check(folder, capsys):
    status = check_data.main(["hmr", "--data_path", str(folder)])
    return status, re.sub(r" +", " ", capsys.readouterr().out).replace(str(folder), "ROOT")


def test_one_set_is_enough(root, capsys):
    (root / "neutral_smpl_with_cocoplus_reg.pkl").write_bytes(b"")
    status, text = check(root, capsys)
    assert status == 0
    assert "ok hum3.6m (3D) 3 people in ROOT/human3.6m\n" in text and "ok mosh (poses) 5 in ROOT/mosh\n" in text
    assert "ok neutral_smpl_with_cocoplus_reg.pkl there\n" in text
    assert "note neutral_smpl_mean_params.h5 not there: training starts from the rest pose\n" in text
    assert "note coco (2D) no folder coco2017 or coco\n" in text
    assert "ok evaluation folders of human3.6m, h36m-p1, h36m-p2\n" in text


def test_a_damaged_set_stops_training(root, capsys):
    (root / "lsp").mkdir()
    (root / "amass").mkdir()
    (root / "amass" / "a_poses.npz").write_bytes(b"PK")
    status, text = check(root, capsys)
    assert status == 1 and "the 2 rows marked 'error'" in text
    assert "error lsp (2D) " in text and "leave lsp out of --train_2d_set" in text
    assert "error amass (poses) " in text and "leave amass out of --train_adv_set" in text


def test_filters_that_leave_nobody_are_named(root, capsys):
    with h5py.File(root / "human3.6m" / "annot.h5", "r+") as file:
        file["gt2d"][:, 2::3] = 0
        file["gt2d"][:, 2:8:3] = 1
    status, text = check(root, capsys)
    assert status == 1 and "by --min_keypoints 6" in text and "no data set can be used" in text


def test_without_poses_there_is_no_discriminator(root, capsys):
    (root / "mosh").rename(root / "unused")
    assert "note poses none: training goes on without a discriminator\n" in check(root, capsys)[1]


@pytest.mark.parametrize("name, words", [("", "no data set can be used"), ("nowhere", "does not exist")])
def test_nothing_to_train_on(tmp_path, capsys, name, words):
    status, text = check(tmp_path / name, capsys)
    assert status == 1 and words in text and "is not possible yet" in text
