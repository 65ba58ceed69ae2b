"""Human3.6M with images: the three written forms read back, with cameras, units, boxes and SMPL-X fits."""
import argparse
import json
import re
from pathlib import Path

import numpy as np
import pytest

from common.body_models.lbs_numpy import pose_body
from common.data.image import read_image
from common.data.readers.annot_h5 import read_annot_h5
from common.data.readers.annots_npz import read_annots_npz
from common.data.readers.human36m_images import (
    JOINTS,
    RAW_JOINTS,
    camera_translation,
    read_human36m,
    read_human36m_protocol,
)
from common.data.readers.lsp import JOINTS as LSP_14
from common.data.readers.smplx_params import LEFT_HAND, RIGHT_HAND, read_smplx_params
from common.errors import UserError
from common.geometry.rotation import axis_angle_to_matrix
from common.stand_ins.datasets import human36m_images
from common.stand_ins.scenes.body import scene_body

SIZE = 160


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("h36m")
    line = human36m_images.make(argparse.Namespace(output_dir=str(folder), num=9, seed=1, size=SIZE, only=None))
    assert "18 images for Hand4Whole, 9 for HMR, 16 for evaluation" in line
    return folder


def posed(fit_pose, beta, expr):
    """Vertices, skeleton and resting root of the synthetic SMPL-X body; hands relative to the mean hand."""
    model = scene_body("smplx").model
    pose = fit_pose.copy()
    pose[LEFT_HAND] += model.extras["hands_meanl"]
    pose[RIGHT_HAND] += model.extras["hands_meanr"]
    directions = np.concatenate([model.shapedirs[..., :10], model.shapedirs[..., 300:310]], -1)
    shape = np.concatenate([beta, expr])[None]
    vertices, joints = pose_body(model, axis_angle_to_matrix(pose.reshape(1, 55, 3)), shape, shapedirs=directions)
    return vertices[0], joints[0], joints[0, 0]  # the root does not move when it turns


def place_of(record):
    """What the image's name says: subject, action, subaction, camera, frame."""
    return tuple(map(int, re.fullmatch(r"s_(\d+)_act_(\d+)_subact_(\d+)_ca_(\d+)_(\d+)\.jpg",
                                       Path(record.image_path).name).groups()))


def test_hand4whole_splits(folder):
    train, test = read_human36m(folder), read_human36m(folder, "test")
    assert {place_of(record)[0] for record in train} == {1, 5, 6, 7, 8}
    assert {place_of(record)[3] for record in train} == {1, 4}
    assert {place_of(record)[0] for record in test} == {9, 11}
    assert {place_of(record)[3] for record in test} == {4}
    assert len(train) == 14 and len(test) == 2
    for record in train + test:
        assert record.joints == JOINTS and record.extras["size"] == (SIZE, SIZE)
        assert read_image(record.image_path).shape == (SIZE, SIZE, 3)
        left, top, width, height = record.box
        inside = (record.j2d > (left - 1, top - 1)) & (record.j2d < (left + width + 1, top + height + 1))
        assert inside.mean() > 0.9
        assert 3.0 < record.j3d[0, 2] < 7.0


def test_written_joints_project_to_where_the_reader_says(folder):
    """From the files alone: X_camera = R X + t in mm, pixel = f x / z + c."""
    with open(folder / "annotations" / "Human36M_subject1_camera.json") as stream:
        cameras = json.load(stream)
    with open(folder / "annotations" / "Human36M_subject1_joint_3d.json") as stream:
        joints = json.load(stream)
    records = [record for record in read_human36m(folder) if place_of(record)[0] == 1]
    assert len(records) == 4
    for record in records:
        _, action, subaction, number, frame = map(str, place_of(record))
        camera = cameras[number]
        world = np.array(joints[action][subaction][str(int(frame) - 1)])
        assert world[JOINTS.index("head"), 2] > world[0, 2] - 500  # mm, z up
        x, y, z = np.array(camera["R"]) @ world.T + np.array(camera["t"])[:, None]
        pixels = np.stack([camera["f"][0] * x / z + camera["c"][0], camera["f"][1] * y / z + camera["c"][1]], 1)
        assert np.abs(pixels - record.j2d).max() < 1e-3


def test_fits_put_the_body_where_the_joints_are(folder):
    """Pose in camera axes with `camera_translation`, and pose in room axes: one body, and the joints lie in it."""
    regressor = scene_body("smplx").point_sets["h36m_17"].matrix
    for record in read_human36m(folder)[:4]:
        fit = record.extras["fit"]
        vertices, skeleton, root_rest = posed(record.pose, record.beta, fit.expr)
        translation = camera_translation(record, root_rest)
        j3d = regressor @ np.concatenate([skeleton, vertices]) + translation
        assert np.abs(j3d - record.j3d).max() < 2e-3  # eyes look ahead in the files
        vertices, skeleton, _ = posed(fit.pose, fit.beta, fit.expr)
        world = regressor @ np.concatenate([skeleton, vertices]) + fit.translation
        assert np.abs(world @ record.extras["rotation"].T + record.extras["offset"] - j3d).max() < 1e-6
        assert fit.valid == {"lhand": True, "rhand": True, "face": True}


def test_hmr_files(folder):
    records = read_annot_h5(folder / "annot.h5")
    whole = read_annots_npz(folder / "annots.npz", RAW_JOINTS)
    assert len(records) == len(whole) == 9
    body = scene_body("smpl")
    table = [3, 2, 1, 6, 7, 8, 27, 26, 25, 17, 18, 19, 24, 15]  # the published choice of 14 of the 32 rows
    for record, other in zip(records, whole):
        assert record.joints == LSP_14 and other.joints == RAW_JOINTS
        np.testing.assert_allclose(other.j2d[table], record.j2d, atol=1e-3)
        np.testing.assert_allclose(other.j3d[table], record.j3d, atol=1e-5)
        np.testing.assert_allclose(other.pose, record.pose)
        assert record.image_path == other.image_path and read_image(record.image_path).shape == (SIZE, SIZE, 3)
        # Parameters and joints agree up to the place, which the file does not tell.
        rotmat = axis_angle_to_matrix(record.pose.reshape(1, 24, 3).astype(np.float64))
        vertices, skeleton = pose_body(body.model, rotmat, record.beta[None])
        raw = body.point_sets["h36m_17"]
        j3d = raw.matrix @ np.concatenate([skeleton[0], vertices[0]])
        rows = [raw.names.index(name) for name in ("right_ankle", "left_wrist", "head")]
        mine = record.j3d[[LSP_14.index(name) for name in ("right_ankle", "left_wrist", "head_top")]]
        np.testing.assert_allclose(j3d[rows] - j3d[rows].mean(0), mine - mine.mean(0), atol=1e-4)


def test_repeated_rows_of_the_raw_joints(folder):
    for record in read_annots_npz(folder / "annots.npz", RAW_JOINTS):
        for first, second in ((0, 11), (13, 16), (13, 24), (19, 20), (27, 28)):
            assert (record.j3d[first] == record.j3d[second]).all()


@pytest.mark.parametrize("protocol,count", [(1, 16), (2, 4)])
def test_protocols(folder, protocol, count):
    records = read_human36m_protocol(folder, protocol)
    assert len(records) == count
    assert {record.extras["frame"] for record in records} == {1, 6}
    for record in records:
        assert protocol == 1 or record.extras["camera"] == "60457274"
        assert record.j3d.shape == (32, 3) and 3.0 < record.j3d[0, 2] < 7.0
        assert read_image(record.image_path).shape == (SIZE, SIZE, 3)
        assert (record.box[2:] > 8).all() and (record.box[:2] + record.box[2:] <= SIZE).all()
        assert (record.box == np.rint(record.box)).all()


def test_failures_are_explained(folder, tmp_path):
    with pytest.raises(UserError, match="split 'val'"):
        read_human36m(folder, "val")
    with pytest.raises(UserError, match="annotations does not exist"):
        read_human36m(tmp_path)
    with pytest.raises(UserError, match="protocol 3"):
        read_human36m_protocol(folder, 3)
    with pytest.raises(UserError, match="D3_Positions_mono"):
        read_human36m_protocol(tmp_path, 1)
    (tmp_path / "annotations").mkdir()
    with pytest.raises(UserError, match="no frames of the subjects 1, 5, 6, 7, 8"):
        read_human36m(tmp_path)
    for path in (folder / "annotations").glob("Human36M_subject1_*"):
        (tmp_path / "annotations" / path.name).write_bytes(path.read_bytes())
    joints = tmp_path / "annotations" / "Human36M_subject1_joint_3d.json"
    joints.write_text(joints.read_text().replace('"5"', '"7"'))
    with pytest.raises(UserError, match="joint_3d.json: .*/1/5 has no 5"):
        read_human36m(tmp_path)
    joints.write_text("{")
    with pytest.raises(UserError, match="joint_3d.json is not readable JSON"):
        read_human36m(tmp_path)


def test_frames_without_a_fit_stay(folder, tmp_path):
    (tmp_path / "annotations").mkdir()
    for path in (folder / "annotations").glob("Human36M_subject1_*"):
        (tmp_path / "annotations" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "annotations" / "Human36M_subject1_SMPLX_NeuralAnnot.json").write_text("{}")
    records = read_human36m(tmp_path)
    assert len(records) == 4 and all(record.pose is None for record in records)


def test_parameters_of_early_files_have_no_hands():
    entry = {"root_pose": [0, 0, 1], "body_pose": [0] * 63, "shape": [0] * 10, "trans": [0, 0, 4]}
    fit = read_smplx_params(entry, "x.json: 1")
    assert fit.valid == {"lhand": False, "rhand": False, "face": False} and fit.pose[2] == 1 and not fit.pose[3:].any()
    with pytest.raises(UserError, match="x.json: 1: body_pose"):
        read_smplx_params(entry | {"body_pose": [0] * 62}, "x.json: 1")
    with pytest.raises(UserError, match="x.json: 1 has no trans"):
        read_smplx_params({key: value for key, value in entry.items() if key != "trans"}, "x.json: 1")
