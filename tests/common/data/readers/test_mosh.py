"""Pose priors: written layouts read back, AMASS brought into SMPL's order, damaged files explained."""
import argparse
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from common.data.augment import flip_pose
from common.data.readers.mosh import read_mosh
from common.errors import UserError
from common.geometry.rotation import axis_angle_to_matrix
from common.stand_ins.body.anatomy import joint_tree
from common.stand_ins.datasets import mosh


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mosh")
    mosh.make(argparse.Namespace(output_dir=str(folder), num=30, seed=3, sequences=2))
    return folder


def test_h5_reads_back(folder):
    prior = read_mosh(folder / "mosh_annot.h5")
    with h5py.File(folder / "mosh_annot.h5") as file:
        assert (prior.pose == file["pose"][()]).all() and (prior.beta == file["shape"][()]).all()
    assert prior.pose.shape == (30, 72) and prior.beta.shape == (30, 10) and prior.pose.dtype == np.float32


def test_amass_keeps_root_and_body_and_thins_the_sequence(folder):
    path = folder / "amass" / "SyntheticMotion" / "subject1" / "01_poses.npz"
    stored = np.load(path)
    assert stored["poses"].shape == (720, 156) and stored["betas"].shape == (16,)
    prior = read_mosh(path)  # 120 frames per second to 10
    np.testing.assert_allclose(prior.pose[:, :66], stored["poses"][::12, :66], atol=1e-6)
    assert (prior.pose[:, 66:] == 0).all() and len(prior.pose) == 60
    np.testing.assert_allclose(prior.beta[7], stored["betas"][:10], atol=1e-6)
    assert len(read_mosh(path, frames_per_second=120).pose) == 720


def test_a_folder_is_read_with_everything_below_it(folder):
    assert len(read_mosh(folder).pose) == 30 + 2 * 60
    assert len(read_mosh(folder / "amass").pose) == 120


def test_moving_people_stay_upright(folder):
    """AMASS points z up: the body's y axis becomes the room's z axis."""
    root = axis_angle_to_matrix(read_mosh(folder / "amass").pose[:, :3])
    assert (root[:, 2, 1] > 0.2).all()


def test_smplx_and_pickled_sequences(tmp_path):
    poses = np.random.default_rng(0).standard_normal((6, 165))
    np.savez(tmp_path / "a_stageii.npz", poses=poses, betas=np.arange(16.0), mocap_frame_rate=30.0)
    np.savez(tmp_path / "shape.npz", betas=np.arange(16.0))
    prior = read_mosh(tmp_path)
    np.testing.assert_allclose(prior.pose[:, :66], poses[::3, :66], rtol=1e-6)
    with open(tmp_path / "b.pkl", "wb") as stream:
        pickle.dump({"poses": 2 * poses[:, :72], "new_poses": poses[:, :72], "betas": np.ones(10)}, stream, protocol=2)
    np.testing.assert_allclose(read_mosh(tmp_path / "b.pkl").pose, poses[:, :72], rtol=1e-6)


def test_failures_are_explained(tmp_path):
    with pytest.raises(UserError, match="none.h5 does not exist"):
        read_mosh(tmp_path / "none.h5")
    with pytest.raises(UserError, match="holds no mosh_annot.h5"):
        read_mosh(tmp_path)
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 and nothing more")
    with pytest.raises(UserError, match="broken.npz is not a readable npz"):
        read_mosh(tmp_path / "broken.npz")
    np.savez(tmp_path / "wide.npz", poses=np.zeros((3, 100)), betas=np.zeros(10))
    with pytest.raises(UserError, match="156"):
        read_mosh(tmp_path / "wide.npz")
    np.savez(tmp_path / "wide.npz", poses=np.full((3, 72), np.nan), betas=np.zeros(10))
    with pytest.raises(UserError, match="poses holds NaN"):
        read_mosh(tmp_path / "wide.npz")
    with h5py.File(tmp_path / "half.h5", "w") as file:
        file["pose"] = np.zeros((3, 72))
    with pytest.raises(UserError, match="has no shape"):
        read_mosh(tmp_path / "half.h5")


class Payload:
    def __reduce__(self):
        return print, ("run",)


def test_pickles_that_call_something_are_refused(tmp_path, capsys):
    with open(tmp_path / "evil.pkl", "wb") as stream:
        pickle.dump({"poses": Payload(), "betas": np.zeros(10)}, stream)
    with pytest.raises(UserError, match="print"):
        read_mosh(tmp_path / "evil.pkl")
    assert not capsys.readouterr().out


@pytest.mark.parametrize("content", [7, None, [1, 2]])
def test_pickles_of_something_else_are_told_from_motion(tmp_path, content):
    (tmp_path / "number.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(UserError, match=f"number.pkl holds a {type(content).__name__} instead of a dictionary"):
        read_mosh(tmp_path / "number.pkl")


def test_poses_against_the_published_reader(tmp_path):
    golden = np.load(Path(__file__).resolve().parents[3] / "golden" / "hmr" / "preprocess.npz")
    with h5py.File(tmp_path / "mosh_annot.h5", "w") as file:
        file["pose"], file["shape"] = golden["mosh/pose"], golden["mosh/shape"]
    prior = read_mosh(tmp_path)
    for name, pose in (("plain", prior.pose), ("flip", flip_pose(prior.pose, joint_tree("smpl")[0]))):
        theta = np.concatenate([np.zeros((len(pose), 3)), pose, prior.beta], 1)
        np.testing.assert_allclose(theta, golden[f"mosh/{name}/theta"], atol=1e-6)
