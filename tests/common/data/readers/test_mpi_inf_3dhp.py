"""MPI-INF-3DHP: the written tree and its derivatives read back, with their joint order, units and cameras."""
import argparse
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from common.data.augment import flip_points
from common.data.image import read_image
from common.data.readers.annot_h5 import read_annot_h5
from common.data.readers.annots_npz import read_annots_npz
from common.data.readers.lsp import JOINTS as LSP_14
from common.data.readers.mpi_inf_3dhp import (
    JOINTS,
    TEST_JOINTS,
    read_calibration,
    read_mpi_inf_3dhp,
    read_mpi_inf_3dhp_test,
)
from common.errors import UserError
from common.joints import index_map
from common.stand_ins.datasets import mpi_inf_3dhp

GOLDEN = Path(__file__).resolve().parents[3] / "golden" / "hmr" / "preprocess.npz"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mpi")
    line = mpi_inf_3dhp.make(argparse.Namespace(output_dir=str(folder), num=18, seed=1, size=128))
    assert "36 training and 4 test" in line
    return folder


@pytest.fixture(scope="module")
def records(folder):
    return read_mpi_inf_3dhp(folder)


def projected(record):
    return record.focal * record.j3d[:, :2] / record.j3d[:, 2:] + record.principal


def test_joint_orders_are_the_published_ones():
    golden = np.load(GOLDEN)
    assert index_map(JOINTS, LSP_14).tolist() == golden["remap/mpi_inf_3dhp_train28_to_lsp14"].tolist()
    assert index_map(TEST_JOINTS, LSP_14).tolist() == golden["remap/mpi_inf_3dhp_test17_to_lsp14"].tolist()


def test_joints_project_to_joints(records):
    assert len(records) == 36
    for record in records:
        assert np.abs(projected(record) - record.j2d).max() < 1e-3
        assert read_image(record.image_path).shape == (128, 128, 3)
        assert 2.0 < record.j3d[:, 2].min() < 6.0  # metres
        assert record.box[2:].max() > 10
    seen = np.mean([record.visibility.mean() / 2 for record in records])
    assert seen > 0.8


def test_the_order_names_the_right_places(records):
    """Head above pelvis above feet on average; left and right are the person's own."""
    mean = np.mean([record.j3d - record.j3d[4] for record in records], 0)
    height = {name: -mean[number, 1] for number, name in enumerate(JOINTS)}
    assert height["head_top"] > height["head"] > height["neck"] > height["spine4"] > height["spine2"] > 0
    assert height["left_hip"] > height["left_knee"] > height["left_ankle"] > height["left_toe"] - 0.05
    for record in records:
        place = dict(zip(JOINTS, record.j3d))
        across = place["left_hip"] - place["right_hip"]
        assert across @ (place["left_shoulder"] - place["right_shoulder"]) > 0
        assert across @ (place["left_foot"] - place["left_ankle"]) < 0.3
        assert 0.1 < np.linalg.norm(across) < 0.35


def test_the_universal_skeleton_has_one_size_and_the_same_image(folder):
    for record in read_mpi_inf_3dhp_test(folder):
        universal = record.extras["j3d_universal"]
        length = np.linalg.norm(universal[TEST_JOINTS.index("neck")] - universal[TEST_JOINTS.index("right_knee")])
        assert length == pytest.approx(0.92)
        ratio = universal / record.j3d
        np.testing.assert_allclose(ratio, ratio[0, 0])


def test_cameras_of_a_sequence_see_the_same_person(folder, records):
    first, second = (next(record for record in records if record.key == f"S1/Seq1/video_{camera}/000001")
                     for camera in (0, 5))
    path = folder / "S1" / "Seq1" / "camera.calibration"
    rig = read_calibration(path)
    assert len(rig) == 14 and rig[5]["size"] == (128, 128)
    matrices = [np.array(line.split()[1:], float).reshape(4, 4) for line in path.read_text().splitlines()
                if line.split()[:1] == ["extrinsic"]]
    world = [(record.j3d - 1e-3 * matrices[camera][:3, 3]) @ matrices[camera][:3, :3]
             for record, camera in ((first, 0), (second, 5))]
    np.testing.assert_allclose(world[0], world[1], atol=1e-6)


def test_all_people_two_cameras_and_every_second_frame(folder, records):
    parts = [record.key.split("/") for record in records]
    assert {subject for subject, *_ in parts} == {f"S{number}" for number in range(1, 9)}
    assert {camera for _, _, camera, _ in parts} == {"video_0", "video_5"}
    assert {frame for *_, frame in parts} == {"000001", "000002"}
    assert {record.key.split("/")[-1] for record in read_mpi_inf_3dhp(folder, every=2)} == {"000001"}


def test_test_set_skips_invalid_frames(folder):
    for home in (folder, folder / "mpi_inf_3dhp_test_set"):
        records = read_mpi_inf_3dhp_test(home)
        assert len(records) == 4
    for record in records:
        assert record.j2d.shape == (17, 2) and read_image(record.image_path).shape == (128, 128, 3)
        universal = record.extras["j3d_universal"]
        assert np.linalg.norm(universal[1] - universal[9]) == pytest.approx(0.92)


def test_derivatives_hold_the_same_people(folder, records):
    order = index_map(JOINTS, LSP_14)
    by_name = {record.image_path.removeprefix(str(folder) + "/"): record for record in records}
    for derived, rows, names in ((read_annot_h5(folder / "annot.h5"), order, LSP_14),
                                 (read_annots_npz(folder / "annots.npz", JOINTS), slice(None), JOINTS)):
        assert len(derived) == len(records)
        for record in derived:
            whole = by_name[record.image_path.removeprefix(str(folder) + "/image/")]
            assert record.joints == names and record.pose is None
            np.testing.assert_allclose(record.j2d, whole.j2d[rows], atol=1e-3)
            np.testing.assert_allclose(record.j3d, whole.j3d[rows], atol=1e-5)
            assert (read_image(record.image_path) == read_image(whole.image_path)).all()


@pytest.mark.parametrize("change, words", [
    ({"kp2d": np.zeros((28, 1))}, "kp2d has no x and y"), ({"kp2d": np.zeros((27, 2))}, "kp2d"),
    ({"kp3d": "none"}, "kp3d"), ({"kp3d": np.full((28, 3), np.inf)}, "kp3d holds NaN or infinity"),
    ({"poses": np.zeros((0, 72)), "betas": np.zeros(10)}, "poses or betas are empty"),
    ({"poses": np.zeros(72), "betas": np.zeros(9)}, "poses or betas are empty"),
    ({"poses": [1], "betas": [1]}, "poses"),
])
def test_annots_npz_with_odd_entries(change, words, tmp_path):
    entry = {"kp2d": np.zeros((28, 2)), "kp3d": np.zeros((28, 3)), **change}
    np.savez(tmp_path / "annots.npz", annots=np.array({"a.jpg": entry}, object))
    with pytest.raises(UserError, match=f"annots.npz: a.jpg.*{words}"):
        read_annots_npz(tmp_path / "annots.npz", JOINTS)


@pytest.mark.parametrize("name", [None, 5, b"a.jpg", "../../a.jpg", "a\0.jpg"])
def test_annots_npz_names_that_are_none(name, tmp_path):
    entry = {"kp2d": np.zeros((28, 2)), "kp3d": np.zeros((28, 3))}
    np.savez(tmp_path / "annots.npz", annots=np.array({name: entry}, object))
    with pytest.raises(UserError, match="annots.npz: annots"):
        read_annots_npz(tmp_path / "annots.npz", JOINTS)


def test_annots_npz_may_be_in_metres(folder, tmp_path):
    (tmp_path / "images").mkdir()
    content = {"a.jpg": {"kp2d": np.ones((28, 2)), "kp3d": np.linspace(0, 1.7, 84).reshape(28, 3),
                         "poses": np.ones((2, 72)), "betas": np.ones(10)}}
    np.savez(tmp_path / "annots.npz", annots=content)
    [record] = read_annots_npz(tmp_path / "annots.npz", JOINTS)
    assert record.j3d.max() == pytest.approx(1.7) and record.pose.shape == (72,) and record.beta.shape == (10,)
    content["a.jpg"]["kp3d"] = np.zeros((17, 3))
    np.savez(tmp_path / "annots.npz", annots=content)
    with pytest.raises(UserError, match="annots.npz: a.jpg: kp3d"):
        read_annots_npz(tmp_path / "annots.npz", JOINTS)


def test_joints_marked_missing_do_not_count(folder, tmp_path):
    (tmp_path / "image").mkdir()
    gt2d = np.ones((2, 14, 3))
    gt2d[0, 4:, 2] = 0
    with h5py.File(tmp_path / "annot.h5", "w") as file:
        file["gt2d"], file["gt3d"], file["imagename"] = gt2d.reshape(2, 42), np.zeros((2, 42)), [b"/a.jpg", b"/b.jpg"]
    first, second = read_annot_h5(tmp_path / "annot.h5")
    assert first.visibility.tolist() == [2] * 4 + [0] * 10 and second.visibility.all()


def test_failures_are_explained(folder, tmp_path):
    with pytest.raises(UserError, match="annot.mat"):
        read_mpi_inf_3dhp(tmp_path)
    (tmp_path / "S2" / "Seq1").mkdir(parents=True)
    (tmp_path / "S2" / "Seq1" / "annot.mat").write_bytes((folder / "S1" / "Seq1" / "annot.mat").read_bytes())
    with pytest.raises(UserError, match="no images"):
        read_mpi_inf_3dhp(tmp_path)
    with pytest.raises(UserError, match="holds none of mpi_inf_3dhp_test_set"):
        read_mpi_inf_3dhp_test(tmp_path)
    home = tmp_path / "S1" / "Seq1"
    (home / "imageFrames" / "video_0").mkdir(parents=True)
    (home / "imageFrames" / "video_0" / "frame_000009.jpg").touch()
    (home / "annot.mat").write_bytes((folder / "S1" / "Seq1" / "annot.mat").read_bytes())
    with pytest.raises(UserError, match="holds only 2 frames"):
        read_mpi_inf_3dhp(tmp_path)
    (home / "annot.mat").write_bytes((folder / "S1" / "Seq1" / "annot.mat").read_bytes()[:300])
    with pytest.raises(UserError, match="annot.mat is not a readable Matlab file"):
        read_mpi_inf_3dhp(tmp_path)
    content = scipy.io.loadmat(folder / "S1" / "Seq1" / "annot.mat")
    content["annot2"][0, 0] = content["annot2"][0, 0][:, :40]
    scipy.io.savemat(home / "annot.mat", {name: content[name] for name in ("annot2", "annot3", "univ_annot3")})
    with pytest.raises(UserError, match=r"annot2\[0\]"):
        read_mpi_inf_3dhp(tmp_path)
    for line in ("name", "name one", "name 1 2"):
        (home / "camera.calibration").write_text(f"{line}\n")
        with pytest.raises(UserError, match=f"camera.calibration: the line '{line}' is damaged"):
            read_calibration(home / "camera.calibration")
    (home / "camera.calibration").write_text("name 0\n  intrinsic 1 2 three\n")
    with pytest.raises(UserError, match="camera.calibration: the line 'intrinsic"):
        read_calibration(home / "camera.calibration")


@pytest.mark.parametrize("dataset", ["mpi_inf_3dhp", "hum36m"])
def test_annot_h5_against_the_published_reader(dataset, tmp_path):
    golden = np.load(GOLDEN)
    names = ("gt2d", "gt3d", "imagename") + (("pose", "shape") if dataset == "hum36m" else ())
    (tmp_path / "image").mkdir()
    with h5py.File(tmp_path / "annot.h5", "w") as file:
        for name in names:
            value = golden[f"{dataset}/{name}"]
            file[name] = value.astype("S") if name == "imagename" else value
    records = [record for record in read_annot_h5(tmp_path / "annot.h5") if (record.visibility > 0).sum() >= 5]
    assert [Path(record.image_path).name for record in records] == golden[f"{dataset}/kept"].tolist()
    assert records[0].image_path == str(tmp_path / "image" / "S1" / "im_0.jpg")
    for number, record in enumerate(records):
        corners = golden[f"{dataset}/box"][number]
        np.testing.assert_allclose([*record.box[:2], *(record.box[:2] + record.box[2:])], corners, atol=1e-3)
        np.testing.assert_allclose(record.j3d, golden[f"{dataset}/{number}/plain/kp_3d"], atol=1e-6)
        flipped = flip_points(record.j3d, LSP_14)
        np.testing.assert_allclose(flipped - flipped.mean(0), golden[f"{dataset}/{number}/flip/kp_3d"], atol=1e-6)
        if dataset == "hum36m":
            theta = golden[f"{dataset}/{number}/plain/theta"]
            np.testing.assert_allclose(np.concatenate([record.pose, record.beta]), theta[3:], atol=1e-6)
