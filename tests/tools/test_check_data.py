"""The data check on complete, partial, damaged and empty folders."""
import os
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from golden_files import GOLDEN, load_module

from common.data.readers.human36m import POSE_FOLDER
from common.errors import UserError
from tools import check_data

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def metadata():
    return load_module(GOLDEN / "pose_baseline" / "metadata.py")


@pytest.fixture
def tree(tmp_path, metadata):
    metadata.write_sequences(str(tmp_path), 1, raw_subjects=(1,))
    metadata.write_metadata(str(tmp_path / "metadata.xml"), 1)
    return tmp_path


def check(folder, capsys):
    status = check_data.main(["pose_baseline", "--data_path", str(folder)])
    return status, re.sub(r" +", " ", capsys.readouterr().out)


def test_complete_folder(tree, capsys, metadata):
    status, text = check(tree, capsys)
    assert status == 0
    frames = sum(len(metadata.sequence(11, action, take, 1)) for action in metadata.ACTIONS for take in (0, 1))
    assert f"ok S11 (test) 30 of 30 recordings, {frames} frames\n" in text
    assert "note" not in text and "is possible." in text


def test_partial_folder_with_odd_names_and_detections(tree, capsys):
    poses = tree / "S1" / POSE_FOLDER
    os.remove(poses / "TakingPhoto 1.cdf")
    os.rename(poses / "Eating 1.cdf", poses / "Eating copy.cdf")
    (tree / "S9" / "StackedHourglass").mkdir()
    with h5py.File(tree / "S9" / "StackedHourglass" / "Eating.54138969.h5", "w") as file:
        file["poses"] = np.zeros((3, 16, 2))
    (tree / "data_2d_h36m_gt.npz").write_bytes(b"")
    (tree / "data_2d_h36m_cpn_ft_h36m_dbb.npz").write_bytes(b"")
    status, text = check(tree, capsys)
    assert status == 0
    assert "note S1 (train) 28 of 30 recordings" in text and "fewer than two of Eating (1), Photo (1)" in text
    assert "no name of a recording: Eating copy.cdf" in text
    assert "detections sh files in StackedHourglass: S9 1" in text
    assert text.count("detections gt") == 1
    assert "ok detections cpn_ft_h36m_dbb data_2d_h36m_cpn_ft_h36m_dbb.npz" in text


def test_unreadable_file_and_missing_metadata(tree, capsys):
    path = tree / "S5" / POSE_FOLDER / "Walking.cdf"
    path.write_bytes(path.read_bytes()[:500])
    os.remove(tree / "metadata.xml")
    status, text = check(tree, capsys)
    assert status == 1
    assert re.search(r"error S5 \(train\) .*Walking.cdf is not a readable CDF", text)
    assert re.search(r"error metadata.xml .*code-v1.2.zip", text)
    assert "see the 2 rows" in text


def test_training_subjects_alone_are_not_enough(tmp_path, metadata, capsys):
    metadata.write_sequences(str(tmp_path), 1, subjects=(1,))
    metadata.write_metadata(str(tmp_path / "metadata.xml"), 1)
    status, text = check(tmp_path, capsys)
    assert status == 1
    assert "error test split no recordings of subjects 9, 11" in text
    assert "note S5 (train) no recordings" in text


@pytest.mark.parametrize("prepare, advice", [
    (lambda folder: None, "download D3 Positions"),
    (lambda folder: (folder / "Poses_D3_Positions_S1.tgz").write_bytes(b""), "unpack Poses_D3_Positions_S1.tgz"),
    (lambda folder: (folder / "h36m" / "S1").mkdir(parents=True), "h36m, where S1 lies"),
    (lambda folder: (folder / "S1" / "MyPoses").mkdir(parents=True), "layout of before 2020"),
])
def test_empty_folder_gets_advice(tmp_path, capsys, prepare, advice):
    prepare(tmp_path)
    status, text = check(tmp_path, capsys)
    assert status == 1 and advice in text
    assert "S5" not in text.split("->")[0], "nothing else is worth a row"


def test_packed_folder(tmp_path, metadata, capsys):
    poses = {f"S{subject}": {"Eating": np.zeros((7, 32, 3), np.float32)} for subject in (1, 9)}
    np.savez(tmp_path / "data_3d_h36m.npz", positions_3d=np.array(poses, object))
    metadata.write_metadata(str(tmp_path / "metadata.xml"), 1)
    status, text = check(tmp_path, capsys)
    assert status == 0
    assert "data_3d_h36m.npz of VideoPose3D" in text and "S9 (test) 1 of 30 recordings, 7 frames" in text
    (tmp_path / "data_3d_h36m.npz").write_bytes(b"broken")
    status, text = check(tmp_path, capsys)
    assert status == 1 and "data_3d_h36m.npz is not a readable npz" in text


def test_missing_folder(tmp_path, capsys):
    status, text = check(tmp_path / "nowhere", capsys)
    assert status == 1 and "nowhere does not exist" in text


def test_script_from_another_directory(tmp_path):
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "check_data.py"), "pose_baseline", "--data_path", "."],
                          cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "not possible yet" in done.stdout
    assert "Traceback" not in done.stderr
    unknown = subprocess.run([sys.executable, str(ROOT / "tools" / "check_data.py"), "nobody", "--data_path", "."],
                             cwd=tmp_path, capture_output=True, text=True)
    assert unknown.returncode != 0 and "invalid choice: 'nobody'" in unknown.stderr


@pytest.mark.parametrize("argv, words", [(["none", "--data_path", "."], "none"), (["pose_baseline"], "--data_path")])
def test_a_wrong_command_line_is_one_sentence(argv, words):
    with pytest.raises(UserError, match=words):
        check_data.main(argv)
