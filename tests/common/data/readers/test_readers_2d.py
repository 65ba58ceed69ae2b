"""Readers of COCO, LSP, LSP-extended, MPII and UP-3D: files as others write them, and files that are damaged."""
import dataclasses
import json
import pathlib
import pickle

import cv2
import h5py
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from common.data.readers import coco, coco_masks, lsp, lsp_extended, mpii, up3d
from common.data.records import HIDDEN, NOT_LABELLED, VISIBLE, Record, box_around, center_scale
from common.errors import UserError
from common.stand_ins.datasets.annotations import encode_mask, struct_array, write_mat


def test_joint_orders_are_the_documented_ones():
    assert lsp.JOINTS == ("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
                          "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
                          "neck", "head_top")
    assert coco.JOINTS[:6] == ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder")
    assert mpii.JOINTS[6:10] == ("pelvis", "mpii_thorax", "upper_neck", "head_top")


def test_run_lengths_by_hand():
    # Columns first: 0 0 | 1 0 | 1 1.
    mask = np.array([[0, 1, 1], [0, 0, 1]], bool)
    assert encode_mask(mask) == {"counts": [2, 1, 1, 2], "size": [2, 3]}
    assert encode_mask(~mask) == {"counts": [0, 2, 1, 1, 2], "size": [2, 3]}
    assert encode_mask(np.zeros((2, 3), bool)) == {"counts": [6], "size": [2, 3]}
    for value in (mask, ~mask, np.zeros((2, 3), bool)):
        np.testing.assert_array_equal(coco_masks.decode_outline(encode_mask(value), 2, 3)[0], value)
    square = coco_masks.decode_outline([[1, 1, 4, 1, 4, 3, 1, 3]], 5, 6)[0]
    assert square.sum() == 6 and square[1:3, 1:4].all()
    compressed = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    np.testing.assert_array_equal(coco_masks.decode_outline(compressed, 2, 3)[0], mask)


def test_lsp_reads_two_rows_and_the_real_split(tmp_path):
    (tmp_path / "images").mkdir()
    joints = np.random.default_rng(0).uniform(0, 100, (2, 14, 2000))
    write_mat(str(tmp_path / "joints.mat"), {"joints": joints})
    for number in range(1, 2001):
        (tmp_path / "images" / f"im{number:04d}.jpg").touch()
    train, test = (lsp.read_lsp(str(tmp_path), split) for split in ("train", "test"))
    assert (train[0].key, train[-1].key, test[0].key, test[-1].key) == ("im0001", "im1000", "im1001", "im2000")
    assert (train[0].visibility == VISIBLE).all()
    np.testing.assert_allclose(test[0].j2d, joints[:, :, 1000].T)


def test_lsp_extended_in_high_resolution(tmp_path):
    joints = np.zeros((14, 3, 2))
    joints[:3, :, 1] = (10, 20, 1), (30, 50, 1), (-5, 0, 0)
    write_mat(str(tmp_path / "joints.mat"), {"joints": joints})
    for number in (1, 2):
        (tmp_path / f"im{number:05d}.png").touch()
    record, = lsp_extended.read_lsp_extended(str(tmp_path))  # the first image has no labelled joint
    assert record.image_path.endswith("im00002.png")
    np.testing.assert_array_equal(record.box, [10, 20, 20, 30])


def test_mpii_as_the_release_writes_it(tmp_path):
    """Flags as text, empty and missing fields, people without joints: all of these are in the real file."""
    points = struct_array([{"x": 10.0, "y": 20.0, "id": 0, "is_visible": "0"},
                           {"x": 11.0, "y": 21.0, "id": 9, "is_visible": None},
                           {"x": 12.0, "y": 22.0, "id": 15, "is_visible": "1"}])
    rects = struct_array([
        {"annopoints": {"point": points}, "scale": 1.5, "objpos": {"x": 100, "y": 200}},
        {"annopoints": None, "scale": 1.0, "objpos": {"x": 1, "y": 2}},
        {"annopoints": {"point": points}, "scale": None, "objpos": None}])
    images = struct_array([{"image": {"name": "a.jpg"}, "annorect": rects},
                           {"image": {"name": "b.jpg"}, "annorect": None},
                           {"image": {"name": "c.jpg"}, "annorect": rects}])
    alone = np.empty((3, 1), object)
    alone[:, 0] = [np.array([[1.0, 2.0]]), np.zeros((0, 0)), np.array([[1.0]])]
    (tmp_path / "images").mkdir()
    write_mat(str(tmp_path / "mpii_human_pose_v1_u12_1.mat"),
              {"RELEASE": {"annolist": images, "img_train": np.array([[1, 1, 0]]), "single_person": alone}})
    record, = mpii.read_mpii(str(tmp_path))
    assert record.image_path.endswith("a.jpg")
    assert record.visibility.tolist() == [HIDDEN] + [NOT_LABELLED] * 8 + [VISIBLE] + [NOT_LABELLED] * 5 + [VISIBLE]
    np.testing.assert_array_equal(record.j2d[[0, 9, 15]], [[10, 20], [11, 21], [12, 22]])
    np.testing.assert_array_equal(record.box, [-50, 50, 300, 300])


def test_mpii_h5_with_names_as_numbers(tmp_path):
    part = np.full((1, 16, 2), 7.0)
    part[0, 3] = 0
    with h5py.File(tmp_path / "train.h5", "w") as file:
        file["imgname"] = np.array([[ord(letter) for letter in "015.jpg"] + [0, 0]], float)
        file["center"], file["scale"], file["part"] = np.array([[50.0, 60.0]]), np.array([0.5]), part
    record, = mpii.read_mpii_h5(str(tmp_path / "train.h5"), "images")
    assert record.image_path == "images/015.jpg"
    np.testing.assert_array_equal(record.box, [0, 10, 100, 100])
    assert np.flatnonzero(record.visibility == NOT_LABELLED).tolist() == [3]


def test_drawn_box_by_hand(tmp_path):
    drawing = np.full((20, 30, 3), 255, np.uint8)
    drawing[5:9, 10:21] = 200
    cv2.imwrite(str(tmp_path / "a.png"), drawing)
    np.testing.assert_array_equal(up3d.drawn_box(str(tmp_path / "a.png")), [10, 5, 10, 3])
    cv2.imwrite(str(tmp_path / "b.png"), np.full((20, 30, 3), 255, np.uint8))
    with pytest.raises(UserError, match="nothing but white"):
        up3d.drawn_box(str(tmp_path / "b.png"))


def test_center_and_scale():
    center, scale = center_scale((10, 20, 30, 100), 1.2)
    np.testing.assert_array_equal(center, [25, 70])
    assert scale == pytest.approx(0.6)
    np.testing.assert_array_equal(box_around([[3, 4], [1, 9], [2, 5]]), [1, 4, 2, 5])


@pytest.fixture(scope="module")
def golden():
    """Annotations as the published loaders read them: joints in LSP's order with a weight."""
    with np.load(pathlib.Path(__file__).parents[3] / "golden" / "hmr" / "preprocess.npz") as archive:
        return dict(archive)


def as_weights(record):
    return np.column_stack([record.j2d, record.visibility / 2.0])


def test_golden_lsp(golden, tmp_path):
    for name, folder, count in (("lsp", tmp_path / "a", 4), ("lsp_ext", tmp_path / "b", 5)):
        (folder / "images").mkdir(parents=True)
        write_mat(str(folder / "joints.mat"), {"joints": golden[f"{name}/joints_mat"]})
        for number in (1, 2):
            (folder / "images" / f"im{number:0{count}d}.jpg").touch()
    records = {record.key + ".jpg": record for record in (*lsp.read_lsp(str(tmp_path / "a"), "all"),
                                                          *lsp_extended.read_lsp_extended(str(tmp_path / "b")))}
    for name, weigh in (("lsp", {VISIBLE: 1, HIDDEN: 0}), ("lsp_ext", {VISIBLE: 1, NOT_LABELLED: 0})):
        for kept, expected in zip(golden[f"{name}/kept"], golden[f"{name}/kp_source"]):
            record = records[str(kept)]
            weights = [weigh[flag] for flag in record.visibility]
            np.testing.assert_allclose(np.column_stack([record.j2d, weights]), expected, rtol=1e-6)


def test_golden_coco(golden, tmp_path):
    (tmp_path / "a.json").write_text(str(golden["coco/annotation_json"]))
    records = {record.key: record for record in coco.read_coco(str(tmp_path / "a.json"), "images")}
    boxes = {tuple(np.trunc(record.box[:2])): record for record in records.values()}
    for box, expected in zip(golden["coco/box"], golden["coco/kp_source"]):
        record = boxes[tuple(box[:2])]
        order = [coco.JOINTS.index(joint) for joint in lsp.JOINTS[:12]]
        np.testing.assert_allclose(as_weights(record)[order], expected[:12], rtol=1e-6)


def broken_json(tmp_path, change):
    content = {"images": [{"id": 1, "file_name": "a.jpg", "width": 4, "height": 4}],
               "categories": [{"id": 1, "name": "person"}],
               "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "area": 1,
                                "iscrowd": 0, "segmentation": [], "keypoints": [1, 1, 2] * 17}]}
    change(content)
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content))
    return str(path)


@pytest.mark.parametrize(("change", "text"), [
    (lambda content: content.pop("images"), "no COCO annotation file: it has no list of images"),
    (lambda content: content["annotations"][0].update(image_id=2), "no annotation belongs to one of the 1 images"),
    (lambda content: content["annotations"][0].update(keypoints=[1, 1, 2]), "has 3 keypoint numbers, expected 51"),
    (lambda content: content["categories"][0].update(name="cat"), "no category person"),
    (lambda content: content["categories"][0].update(keypoints=["nose"]), "51 keypoint numbers, expected 3"),
    (lambda content: (content["categories"][0].update(keypoints=["beak"]),
                      content["annotations"][0].update(keypoints=[1, 1, 2])), "the joints are beak, none of which")])
def test_wrong_coco_files(tmp_path, change, text):
    assert len(coco.read_coco(broken_json(tmp_path, lambda content: None), "x")) == 1
    with pytest.raises(UserError, match=text):
        coco.read_coco(broken_json(tmp_path, change), "x")


def test_missing_and_damaged_files(tmp_path):
    with pytest.raises(UserError, match="person_keypoints_val2017.json does not exist: unpack"):
        coco.find_coco(str(tmp_path), "val2017")
    with pytest.raises(UserError, match="split 'val2015' of COCO does not exist"):
        coco.find_coco(str(tmp_path), "val2015")
    for reader, name in ((lsp.read_lsp, "joints.mat"), (lsp_extended.read_lsp_extended, "joints.mat")):
        with pytest.raises(UserError, match="joints.mat does not exist"):
            reader(str(tmp_path))
        (tmp_path / name).write_bytes(b"MATLAB 5.0 MAT-file but not really" * 9)
        with pytest.raises(UserError, match="not a readable Matlab file"):
            reader(str(tmp_path))
        write_mat(str(tmp_path / name), {"joints": np.zeros((4, 4))})
        with pytest.raises(UserError, match="does not hold"):
            reader(str(tmp_path))
        write_mat(str(tmp_path / name), {"other": np.zeros((4, 4))})
        with pytest.raises(UserError, match="no variable joints"):
            reader(str(tmp_path))
        (tmp_path / name).unlink()
    with pytest.raises(UserError, match="split 'dev' of LSP"):
        lsp.read_lsp(str(tmp_path), "dev")
    with pytest.raises(UserError, match="holds none of annotations/mpii"):
        mpii.read_mpii(str(tmp_path))
    (tmp_path / "images").mkdir()
    write_mat(str(tmp_path / "mpii_human_pose_v1_u12_1.mat"), {"RELEASE": {"annolist": np.zeros((1, 2))}})
    with pytest.raises(UserError, match="is not MPII's RELEASE"):
        mpii.read_mpii(str(tmp_path))


def test_missing_and_damaged_h5_and_up3d(tmp_path):
    path = tmp_path / "train.h5"
    with h5py.File(path, "w") as file:
        file["center"] = np.zeros((2, 2))
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(UserError, match="not a readable HDF5 file"):
        mpii.read_mpii_h5(str(path), "x")
    with h5py.File(path, "w") as file:
        for name in ("center", "scale", "imgname", "part"):
            file[name] = np.zeros((2, 2))
    # Bytes of HDF5's first block (size of groups, base address) whose damage h5py answers with RuntimeError, KeyError.
    for place in (16, 24):
        data = bytearray(path.read_bytes())
        data[place] = 77
        (tmp_path / "damaged.h5").write_bytes(data)
        with pytest.raises(UserError, match="damaged.h5 is not a readable HDF5 file"):
            mpii.read_mpii_h5(str(tmp_path / "damaged.h5"), "x")
    with h5py.File(path, "w") as file:
        file["center"] = np.zeros((2, 2))
    with pytest.raises(UserError, match="has no scale, imgname, part"):
        mpii.read_mpii_h5(str(path), "x")
    with h5py.File(path, "w") as file:
        file["center"], file["scale"] = np.zeros((2, 2)), np.zeros(2)
        file["imgname"], file["part"] = np.array([b"a.jpg", b"../a"]), np.ones((2, 16, 2))
    with pytest.raises(UserError, match="imgname: '../a' leads out of x"):
        mpii.read_mpii_h5(str(path), "x")

    with pytest.raises(UserError, match="test.txt does not exist"):
        up3d.read_up3d(str(tmp_path), "test")
    (tmp_path / "test.txt").write_text("/00000_image.jpg\n")
    with pytest.raises(UserError, match="is not of the form"):
        up3d.read_up3d(str(tmp_path), "test")
    (tmp_path / "test.txt").write_text("/00000_image.png\n")
    with pytest.raises(UserError, match="00000_body.pkl does not exist"):
        up3d.read_up3d(str(tmp_path), "test")
    (tmp_path / "00000_body.pkl").write_bytes(pickle.dumps({"pose": np.zeros(70), "betas": np.zeros(10)}))
    with pytest.raises(UserError, match="pose has the shape .70,."):
        up3d.read_up3d(str(tmp_path), "test")
    (tmp_path / "00000_body.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(UserError, match="asks for os.system"):
        up3d.read_up3d(str(tmp_path), "test")


def test_records_do_not_change():
    record = Record(image_path="a.jpg", box=np.array([0, 0, 10, 20]))
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.key = "b"
