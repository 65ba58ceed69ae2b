"""MPII and MPI-INF-3DHP with SMPL-X fits: a folder written here is read back in metres and camera axes."""
import json

import numpy as np
import pytest

from common.data.readers.human36m_images import camera_translation
from common.data.readers.neural_annot import read_mpi_inf_3dhp_fits, read_mpii_fits
from common.errors import UserError
from common.geometry.rotation import axis_angle_to_matrix
from common.joints import SKELETONS

# A quarter turn about z: x of the world is y of the camera.
TURN = [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
LENS = {"R": TURN, "t": [100.0, 0.0, 4000.0], "focal": [1000.0, 1100.0], "princpt": [500.0, 400.0]}


def fit(**changes):
    return {"root_pose": [0.0] * 3, "body_pose": [0.01] * 63, "shape": [0.5] * 10, "trans": [0.1, 0.2, 0.3]} | changes


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture
def mpii(tmp_path):
    home = tmp_path / "MPII" / "data" / "annotations"
    keypoints = np.ones((16, 3)) * (10, 20, 1)
    keypoints[3] = 0
    write(home / "train.json", {
        "images": [{"id": 1, "file_name": "images/a.jpg", "width": 640, "height": 480},
                   {"id": 2, "file_name": "b.jpg", "width": 640, "height": 480}],
        "annotations": [{"id": 7, "image_id": 1, "bbox": [1, 2, 30, 40], "keypoints": keypoints.ravel().tolist()},
                        {"id": 8, "image_id": 2, "bbox": [1, 2, 30, 40], "keypoints": keypoints.ravel().tolist()}]})
    write(home / "MPII_train_SMPLX_NeuralAnnot.json", {
        "7": {"smplx_param": fit(lhand_pose=[0.1] * 45, lhand_valid=False), "cam_param": LENS}})
    return tmp_path / "MPII"


@pytest.fixture
def mpi_inf_3dhp(tmp_path):
    home = tmp_path / "MPI_INF_3DHP" / "data"
    images = [{"id": frame, "file_name": f"{frame}.jpg", "width": 1000, "height": 800, "subject_idx": 1, "seq_idx": 2,
               "cam_idx": 4, "frame_idx": frame} for frame in range(5)]
    joints = np.arange(51.0).reshape(17, 3)
    write(home / "MPI-INF-3DHP_1k.json", {
        "images": images, "annotations": [{"id": 10 + frame, "image_id": frame, "bbox": [0, 0, 9, 9]}
                                          for frame in range(5)]})
    write(home / "MPI-INF-3DHP_camera_1k.json", {"1": {"2": {"4": LENS}}})
    write(home / "MPI-INF-3DHP_joint_3d.json", {"1": {"2": {str(frame): joints.tolist() for frame in range(5)}}})
    write(home / "MPI-INF-3DHP_SMPLX_NeuralAnnot.json", {"1": {"2": {"0": fit()}}})
    return tmp_path / "MPI_INF_3DHP"


def test_mpii(mpii):
    first, second = read_mpii_fits(mpii)
    assert first.joints == SKELETONS["mpii_16"] and first.visibility.tolist() == [2] * 3 + [0] + [2] * 12
    assert first.image_path.endswith("data/images/a.jpg") and second.image_path.endswith("data/images/b.jpg")
    assert first.extras["size"] == (640, 480) and first.focal.tolist() == [1000, 1100]
    assert first.extras["fit"].valid == {"lhand": False, "rhand": False, "face": False}
    assert second.extras["fit"] is None and second.pose is None
    (mpii / "data" / "annotations" / "MPII_train_SMPLX_NeuralAnnot.json").unlink()
    assert read_mpii_fits(mpii / "data")[0].pose is None


def test_mpi_inf_3dhp(mpi_inf_3dhp):
    first, second = read_mpi_inf_3dhp_fits(mpi_inf_3dhp)
    assert [first.key, second.key] == ["10", "13"]  # every third frame
    assert first.image_path.endswith("data/images_1k/S1/Seq2/imageSequence/0.jpg")
    # Joint 1 is at (3, 4, 5) mm in the world.
    np.testing.assert_allclose(first.j3d[1], [0.1 - 0.004, 0.003, 4.005])
    np.testing.assert_allclose(first.j2d[1], [1000 * 0.096 / 4.005 + 500, 1100 * 0.003 / 4.005 + 400])
    assert second.pose is None and second.extras["fit"] is None
    np.testing.assert_allclose(axis_angle_to_matrix(first.pose[:3]), TURN, atol=1e-12)
    np.testing.assert_allclose(first.pose[3:66], 0.01)
    # A body whose root rests at the origin stands at R (0.1, 0.2, 0.3) + t.
    np.testing.assert_allclose(camera_translation(first, np.zeros(3)), [0.1 - 0.2, 0.1, 4.3])


def test_bad_files(mpii, mpi_inf_3dhp):
    path = mpi_inf_3dhp / "data" / "MPI-INF-3DHP_joint_3d.json"
    write(path, {"1": {"2": {"0": [[0, 0, 0]]}}})
    with pytest.raises(UserError, match="joint_3d.json: 1/2/0 "):
        read_mpi_inf_3dhp_fits(mpi_inf_3dhp)
    write(path, {"1": {}})
    with pytest.raises(UserError, match="joint_3d.json: 1/2/0 has no 2"):
        read_mpi_inf_3dhp_fits(mpi_inf_3dhp)
    path.unlink()
    with pytest.raises(UserError, match="joint_3d.json does not exist"):
        read_mpi_inf_3dhp_fits(mpi_inf_3dhp)
    path = mpii / "data" / "annotations" / "train.json"
    content = json.loads(path.read_text())
    content["annotations"][1]["keypoints"] = [0]
    write(path, content)
    with pytest.raises(UserError, match="annotation 8 has 1 keypoint numbers"):
        read_mpii_fits(mpii)
    path.unlink()
    with pytest.raises(UserError, match="holds none of data/annotations/train.json"):
        read_mpii_fits(mpii)
