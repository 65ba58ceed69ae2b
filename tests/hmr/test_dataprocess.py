"""HMR_DATA as downloaded becomes what training reads."""

import h5py
import hmr_golden as golden
import numpy as np
import pytest

from common.body_models.companions import load_mean_params
from common.data.readers.annot_h5 import read_annot_h5
from common.data.readers.human36m_images import RAW_JOINTS
from common.data.readers.mosh import PosePrior
from common.data.readers.mpi_inf_3dhp import JOINTS as MPI_JOINTS
from common.errors import UserError
from common.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from hmr import dataprocess
from hmr.src.dataprocess import write_mean_params

# Rows of the raw joints that make LSP's 14, from the published loaders.
ROWS = {"human3.6m": [3, 2, 1, 6, 7, 8, 27, 26, 25, 17, 18, 19, 24, 15],
        "mpii_3d": [25, 24, 23, 18, 19, 20, 16, 15, 14, 9, 10, 11, 5, 7]}


def entry(name, number):
    joints = len(RAW_JOINTS if name == "human3.6m" else MPI_JOINTS)
    content = {"kp2d": golden.seeded.array(f"{name}/{number}/2d", (joints, 2), 1) * 50 + 200,
               "kp3d": 400 * golden.seeded.array(f"{name}/{number}/3d", (joints, 3), 1)}
    if name == "human3.6m":
        content |= {"poses": golden.seeded.array(f"{name}/{number}/pose", (1, 72), 1),
                    "betas": golden.seeded.array(f"{name}/{number}/beta", (10,), 1)}
    return content


@pytest.fixture
def data(tmp_path):
    contents = {}
    for name in ROWS:
        (tmp_path / name / "images").mkdir(parents=True)
        contents[name] = {f"S1/{number}.jpg": entry(name, number) for number in range(2)}
        np.savez(tmp_path / name / "annots.npz", annots=contents[name])
    return tmp_path, contents


def test_annotations_in_lsp_order_and_metres(data, capsys):
    folder, contents = data
    dataprocess.main(["--data_path", str(folder)])
    assert "2 people in LSP's joints" in capsys.readouterr().out
    for name, rows in ROWS.items():
        records = read_annot_h5(str(folder / name / "annot.h5"))
        for record, (image, content) in zip(records, contents[name].items()):
            assert record.image_path == str(folder / name / "images" / image)
            np.testing.assert_allclose(record.j2d, content["kp2d"][rows], rtol=1e-5)
            np.testing.assert_allclose(record.j3d, content["kp3d"][rows] / 1000, rtol=1e-5)
            assert (record.visibility == 2).all() and (record.pose is not None) == (name == "human3.6m")
            if record.pose is not None:
                np.testing.assert_allclose(record.pose, content["poses"][0], rtol=1e-6)
                np.testing.assert_allclose(record.beta, content["betas"], rtol=1e-6)
    # The poses of Human3.6M are the only ones there are.
    mean = load_mean_params(str(folder / "neutral_smpl_mean_params.h5"))
    np.testing.assert_allclose(mean.shape, np.mean([content["betas"] for content in contents["human3.6m"].values()], 0),
                               rtol=1e-6)
    # A second time nothing is left to do.
    before = (folder / "mpii_3d" / "annot.h5").stat().st_mtime_ns
    dataprocess.main(["--data_path", str(folder)])
    assert (folder / "mpii_3d" / "annot.h5").stat().st_mtime_ns == before
    assert "is there already" in capsys.readouterr().out


def test_mean_rotation_by_hand(tmp_path):
    """Half way between two turns about one axis; the root is left out."""
    pose = np.zeros((2, 72), np.float32)
    pose[0, 6:9], pose[1, 6:9], pose[:, 0] = (0, 0.2, 0), (0, 1.0, 0), 3
    beta = np.float32([[1] * 10, [2] * 10])
    assert write_mean_params(str(tmp_path / "m.h5"), PosePrior(pose, beta)) == 2
    with h5py.File(tmp_path / "m.h5") as file:
        wanted = np.zeros(72)
        wanted[6:9] = (0, 0.6, 0)
        np.testing.assert_allclose(file["pose"][()], wanted, atol=1e-6)
        np.testing.assert_allclose(file["shape"][()], 1.5)
    # Rotations near half a turn from either side have no mean in their vectors, but one as rotations.
    pose[0, 6:9], pose[1, 6:9] = (0, 3.0, 0), (0, -3.0, 0)
    write_mean_params(str(tmp_path / "m.h5"), PosePrior(pose, beta))
    found = axis_angle_to_matrix(load_mean_params(str(tmp_path / "m.h5")).pose[6:9])
    np.testing.assert_allclose(found, np.diag([-1.0, 1.0, -1.0]), atol=1e-6)
    assert np.isfinite(matrix_to_axis_angle(found)).all()


def test_nothing_to_process(tmp_path, data):
    with pytest.raises(UserError, match="nowhere does not exist"):
        dataprocess.main(["--data_path", "/nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="nothing to process"):
        dataprocess.main(["--data_path", str(tmp_path / "empty")])
    with pytest.raises(UserError, match="--data_path"):
        dataprocess.main([])
    (data[0] / "mpii_3d" / "images").rmdir()
    with pytest.raises(UserError, match="mpii_3d has no folder image or images"):
        dataprocess.main(["--data_path", str(data[0])])
