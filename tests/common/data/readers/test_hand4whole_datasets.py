"""COCO-WholeBody, 3DPW, EHF and FreiHAND: written, read back, and their parameters give the written pixels."""
import argparse
import json
import shutil

import numpy as np
import pytest

from common.body_models.lbs_numpy import pose_body
from common.data.image import read_image
from common.data.readers import coco_wholebody as wholebody_reader
from common.data.readers.coco_wholebody import read_coco_wholebody
from common.data.readers.ehf import IMAGE_SIZE, PRINCIPAL, read_ehf, read_vertices
from common.data.readers.freihand import read_freihand
from common.data.readers.smplx_params import LEFT_HAND, RIGHT_HAND
from common.data.readers.threedpw import read_3dpw
from common.errors import UserError
from common.geometry.rotation import axis_angle_to_matrix
from common.joints import flip_pairs
from common.stand_ins.datasets import coco_wholebody, ehf, freihand, threedpw
from common.stand_ins.scenes.body import scene_body


def made(module, folder, num, **options):
    module.make(argparse.Namespace(output_dir=str(folder), num=num, seed=2, **options))
    return folder


@pytest.fixture(scope="module")
def wholebody(tmp_path_factory):
    return made(coco_wholebody, tmp_path_factory.mktemp("wholebody"), 10, crops=0)


@pytest.fixture(scope="module")
def pw3d(tmp_path_factory):
    return made(threedpw, tmp_path_factory.mktemp("pw3d"), 6, layout="data")


@pytest.fixture(scope="module")
def hands(tmp_path_factory):
    return made(freihand, tmp_path_factory.mktemp("hands"), 5)


@pytest.fixture(scope="module")
def expressive(tmp_path_factory):
    return made(ehf, tmp_path_factory.mktemp("ehf"), 2)


def posed(kind, pose, beta, translation, expr=None):
    """Skeleton above vertices of the synthetic body; hand poses relative to the mean hand."""
    model = scene_body(kind).model
    pose, directions, shape = np.array(pose, np.float64), None, beta[None]
    if kind == "smplx":
        pose[LEFT_HAND] += model.extras["hands_meanl"]
        pose[RIGHT_HAND] += model.extras["hands_meanr"]
        directions = np.concatenate([model.shapedirs[..., :10], model.shapedirs[..., 300:310]], -1)
        shape = np.concatenate([beta, expr])[None]
    elif kind.startswith("mano"):
        pose[3:] += model.extras["hands_mean"]
    rotmat = axis_angle_to_matrix(pose.reshape(1, -1, 3))
    vertices, joints = pose_body(model, rotmat, shape, translation[None], directions)
    return np.concatenate([joints[0], vertices[0]])


def pixels(record, points):
    return record.focal * points[:, :2] / points[:, 2:] + record.principal


def tight_box(record, points):
    places = pixels(record, points).clip(0, record.extras["size"])
    low = places.min(0)
    return np.concatenate([low, places.max(0) - low])


# COCO-WholeBody.

def test_wholebody_splits_and_points(wholebody, caplog):
    train, val = read_coco_wholebody(wholebody), read_coco_wholebody(wholebody, "val")
    assert not caplog.records  # the category lists its keypoints, as that of the real files does
    assert {record.image_path.split("/")[-2] for record in train} == {"train2017"}
    assert {record.image_path.split("/")[-1] for record in val} <= {"000000000005.jpg", "000000000010.jpg"}
    assert len(wholebody_reader.JOINTS) == 133 and len(set(wholebody_reader.JOINTS)) == 133
    assert all(record.extras["fit"] is None for record in val)
    for record in train + val:
        assert record.j2d.shape == (133, 2) and (record.visibility <= 2).all()
        width, height = record.extras["size"]
        assert read_image(record.image_path).shape == (height, width, 3)
        seen = record.j2d[record.visibility > 0]
        assert (seen >= 0).all() and (seen <= (width, height)).all()


def test_wholebody_fits_project_to_the_points(wholebody):
    sets = scene_body("smplx").point_sets
    matrices = [sets[name].matrix for name in ("coco_17", "feet_6", "left_hand_21", "right_hand_21", "face_68")]
    checked = 0
    for record in read_coco_wholebody(wholebody):
        fit = record.extras["fit"]
        assert not record.pose[69:75].any()  # the eyes
        points = posed("smplx", record.pose, record.beta, record.translation, fit.expr)
        j2d = pixels(record, np.concatenate([matrix @ points for matrix in matrices]))
        # Eyes look ahead in the files; of the points only those on the eyeballs could tell.
        body = np.array(["eye" not in name for name in wholebody_reader.JOINTS]) & (record.visibility > 0)
        error = np.abs(j2d - record.j2d)[body]
        assert error.max() < 1e-3
        checked += body.sum()
    assert checked > 300


def test_left_and_right_of_hands_and_face(wholebody):
    """Seen by the person: left points lie on the left, in every part."""
    names, agree = wholebody_reader.JOINTS, []
    for record in read_coco_wholebody(wholebody):
        points = posed("smplx", record.pose, record.beta, record.translation, record.extras["fit"].expr)
        face = scene_body("smplx").point_sets["face_68"].matrix @ points
        skeleton = scene_body("smplx").joint_names
        across = points[skeleton.index("left_eyeball")] - points[skeleton.index("right_eyeball")]
        agree += [(face[left] - face[right]) @ across > 0 for left, right in flip_pairs(names[-68:])]
        left_wrist = record.j2d[names.index("left_hand_wrist")]
        if record.visibility[names.index("left_wrist")]:
            assert np.linalg.norm(left_wrist - record.j2d[names.index("left_wrist")]) < 25
    assert np.mean(agree) == 1.0
    assert len(flip_pairs(names)) == 8 + 3 + 21 + 29


def test_wholebody_boxes_and_hand_fits(wholebody):
    names, checked = wholebody_reader.JOINTS, 0
    for record in read_coco_wholebody(wholebody):
        for side in ("left", "right"):
            fit, focal, principal = record.extras["hands"][side]
            first = names.index(f"{side}_hand_wrist")
            box, seen = record.extras[f"{side}hand_box"], record.visibility[first:first + 21] > 0
            if box is None:
                continue
            inside = record.j2d[first:first + 21][seen]
            assert (inside >= box[:2] - 1e-6).all() and (inside <= box[:2] + box[2:] + 1e-6).all()
            points = posed(f"mano_{side}", fit.pose, fit.beta, fit.translation)
            hand = scene_body(f"mano_{side}").point_sets["hand_21"].matrix @ points
            error = np.linalg.norm(focal * hand[:, :2] / hand[:, 2:] + principal - record.j2d[first:first + 21], axis=1)
            assert error[seen].max() < 0.35 * max(box[2:])  # a mean hand instead of the person's own
            if seen[0]:
                assert error[0] < 1e-2
            checked += 1
    assert checked > 5


def test_wholebody_without_fits_and_broken(wholebody, tmp_path):
    copy = shutil.copytree(wholebody, tmp_path / "copy")
    for path in (copy / "annotations").glob("MSCOCO*"):
        path.unlink()
    record = read_coco_wholebody(copy)[0]
    assert record.pose is None and record.extras["hands"] == {"left": None, "right": None}
    path = copy / "annotations" / "coco_wholebody_train_v1.0.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "images": [{**content["images"][0], "file_name": [1]},
                                                      *content["images"][1:]]}))
    with pytest.raises(UserError, match="file_name of image 1"):
        read_coco_wholebody(copy)
    content["annotations"][0]["face_kpts"] = [0, 1]
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="annotation 10: face_kpts"):
        read_coco_wholebody(copy)
    del content["annotations"][0]["face_kpts"]
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="annotation 10 has no face_kpts"):
        read_coco_wholebody(copy)
    with pytest.raises(UserError, match="holds none of annotations"):
        read_coco_wholebody(tmp_path)
    with pytest.raises(UserError, match="split 'test'"):
        read_coco_wholebody(copy, "test")


# 3DPW.

def test_3dpw_parameters_give_the_boxes(pw3d):
    counts = []
    for split in ("train", "validation", "test"):
        records = read_3dpw(pw3d, split)
        counts.append(len(records))
        for record in records:
            points = posed("smpl", record.pose, record.beta, record.translation)
            np.testing.assert_allclose(tight_box(record, points[24:]), record.box, atol=2e-3)
            assert record.extras["gender"] in ("male", "female")
            width, height = record.extras["size"]
            assert read_image(record.image_path).shape == (height, width, 3)
    assert min(counts) >= 2 and [record.key for record in read_3dpw(pw3d, "val")]


def test_3dpw_images_beside_data(pw3d, tmp_path):
    copy = shutil.copytree(pw3d, tmp_path / "copy")
    shutil.move(copy / "data" / "imageFiles", copy / "imageFiles")
    read_image(read_3dpw(copy)[0].image_path)
    shutil.rmtree(copy / "imageFiles")
    with pytest.raises(UserError, match="holds none of data/imageFiles, imageFiles"):
        read_3dpw(copy)
    with pytest.raises(UserError, match="split 'eval'"):
        read_3dpw(copy, "eval")


# EHF.

def test_ehf_meshes_lie_in_the_image(expressive):
    records = read_ehf(expressive)
    assert len(records) == 2 and read_ehf(expressive / "data")[0].image_path == records[0].image_path
    for record in records:
        vertices = read_vertices(record)
        assert vertices.shape == (10475, 3)
        # ply holds float32: a tenth of a micrometre.
        np.testing.assert_allclose(tight_box(record, vertices), record.box, atol=2e-3)
        assert record.extras["size"] == IMAGE_SIZE == read_image(record.image_path).shape[1::-1]
        for part in ("lefthand_box", "righthand_box", "face_box"):
            left, top, width, height = record.extras[part]
            center = np.array([left + width / 2, top + height / 2])
            assert (center > record.box[:2] - 1).all() and (center < record.box[:2] + record.box[2:] + 1).all()
    assert np.abs(PRINCIPAL - (790.263706, 578.90334)).max() == 0


def test_ehf_failures(expressive, tmp_path):
    record = read_ehf(shutil.copytree(expressive, tmp_path / "copy"))[0]
    path = tmp_path / "copy" / "data" / "01_align.ply"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match="01_align.ply"):
        read_vertices(record)
    path.unlink()
    with pytest.raises(UserError, match="01_align.ply"):
        read_vertices(record)
    with pytest.raises(UserError, match="EHF.json"):
        read_ehf(tmp_path)
    path = tmp_path / "copy" / "data" / "EHF.json"
    path.write_text(path.read_text().replace("face_bbox", "head_bbox"))
    with pytest.raises(UserError, match="annotation 0 has no face_bbox"):
        read_ehf(tmp_path / "copy")


# FreiHAND.

@pytest.mark.parametrize("split,count", [("train", 5), ("eval", 1)])
def test_freihand_parameters_give_the_boxes(hands, split, count):
    records = read_freihand(hands, split)
    assert len(records) == count
    for record in records:
        points = posed("mano_right", record.pose, record.beta, record.translation)
        np.testing.assert_allclose(tight_box(record, points[16:]), record.box, atol=2e-3)
        assert record.extras["size"] == (224, 224) == read_image(record.image_path).shape[:2]
        assert "root_depth" not in record.extras


def test_freihand_or_what_is_in_its_folder(hands):
    assert len(read_freihand(hands)) == len(read_freihand(hands / "data")) == 5


def test_freihand_boxes_of_a_detector(hands, tmp_path):
    copy = shutil.copytree(hands, tmp_path / "copy")
    (copy / "rootnet_output").mkdir()
    path = copy / "rootnet_output" / "bbox_root_freihand_output.json"
    path.write_text(json.dumps([{"image_id": 0, "bbox": [1, 2, 30, 40], "root_cam": [0, 0, 0.7]}]))
    [record] = read_freihand(copy, "eval")
    assert record.box.tolist() == [1, 2, 30, 40] and record.extras["root_depth"] == 0.7
    path.write_text(json.dumps([{"image_id": 0, "bbox": [1, 2, 30, 40]}]))
    with pytest.raises(UserError, match="has no root_cam"):
        read_freihand(copy, "eval")


def test_freihand_failures(hands, tmp_path):
    copy = shutil.copytree(hands, tmp_path / "copy")
    (copy / "data" / "freihand_train_data.json").write_text("{}")
    with pytest.raises(UserError, match="freihand_train_data.json has no 0"):
        read_freihand(copy)
    (copy / "data" / "freihand_train_data.json").unlink()
    with pytest.raises(UserError, match="freihand_train_data.json does not exist"):
        read_freihand(copy)
    with pytest.raises(UserError, match="holds none of"):
        read_freihand(tmp_path)
    with pytest.raises(UserError, match="split 'test'"):
        read_freihand(copy, "test")


def test_crops_show_one_person_each(tmp_path):
    made(coco_wholebody, tmp_path, 3, crops=96)
    records = read_coco_wholebody(str(tmp_path), "train")
    assert len(records) == 3 and len({record.image_path for record in records}) == 3
    for record in records:
        assert read_image(record.image_path).shape == (96, 96, 3) and record.extras["fit"] is not None
        inside = record.j2d[record.visibility > 0]
        assert len(inside) >= 8 and (inside >= 0).all() and (inside <= 96).all()
    with pytest.raises(UserError, match="--crops is 2000"):
        made(coco_wholebody, tmp_path, 1, crops=2000)
