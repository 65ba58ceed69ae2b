"""COCO, LSP, LSP-extended, MPII and UP-3D: what is written is read back, in the documented order and units."""
import dataclasses
import hashlib
import json
import pathlib
import pickle

import cv2
import h5py
import numpy as np
import pytest
import scipy.io
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from common.data.readers import coco, lsp, lsp_extended, mpii, up3d
from common.data.records import HIDDEN, NOT_LABELLED, VISIBLE, box_around, center_scale
from common.data.samples import coco as coco_sample
from common.data.samples import lsp as lsp_sample
from common.data.samples import lsp_extended as lsp_extended_sample
from common.data.samples import mpii as mpii_sample
from common.data.samples import registry
from common.data.samples.annotations import struct_array, write_mat
from common.data.samples.scenes_body import PARTS
from common.errors import UserError
from tools.make_sample_data import main

NUM = {"coco": 10, "lsp": 6, "lsp_extended": 5, "mpii": 10, "up3d": 10}
SEED = 3


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    for dataset, num in NUM.items():
        options = ["--num_lsp", str(NUM["lsp"])] if dataset == "up3d" else []
        main([dataset, "--output_dir", str(folder / dataset), "--num", str(num), "--seed", str(SEED), *options])
    return folder


def upright(records):
    """Share of people whose ankles are below their shoulders, and of those whose left knee is nearer the left hip."""
    below, near = [], []
    for record in records:
        joint = dict(zip(record.joints, record.j2d))
        if (record.visibility == NOT_LABELLED).any():
            continue
        below.append(joint["left_ankle"][1] > joint["left_shoulder"][1])
        same = np.linalg.norm(joint["left_knee"] - joint["left_hip"])
        near.append(same <= np.linalg.norm(joint["left_knee"] - joint["right_hip"]) + 3.0)
    assert len(below) > 0
    return np.mean(below), np.mean(near)


def test_joint_orders_are_the_documented_ones():
    assert lsp.JOINTS == ("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
                          "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
                          "neck", "head_top")
    assert coco.JOINTS[:6] == ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder")
    assert mpii.JOINTS[6:10] == ("pelvis", "mpii_thorax", "upper_neck", "head_top")


@pytest.mark.parametrize("split", ["train2017", "train2014", "val2017"])
def test_coco(root, split):
    annotations, folder = coco.find_coco(str(root / "coco"), split)
    records = coco.read_coco(annotations, folder, without_joints=True)
    written = [coco_sample.make_item(SEED, index) for index in range(NUM["coco"])
               if (index % 5 == 4) == split.startswith("val")]
    people = [person for _, persons in written for person in persons]
    assert len(records) == len(people) > 0
    assert len({record.key for record in records}) == len(records)
    for record, person in zip(records, people):
        keypoints = np.array(person["keypoints"], float).reshape(17, 3)
        np.testing.assert_array_equal(record.j2d, keypoints[:, :2])
        np.testing.assert_array_equal(record.visibility, keypoints[:, 2])
        np.testing.assert_array_equal(record.box, person["bbox"])
        assert record.extras["num_keypoints"] == (keypoints[:, 2] > 0).sum()
        image = cv2.imread(record.image_path)
        assert image.shape[:2] == (record.extras["height"], record.extras["width"])
        mask = coco.decode_mask(record.extras["segmentation"], *image.shape[:2])
        assert abs(mask.sum() - record.extras["area"]) < 0.05 * mask.sum() + 8
        rows, columns = np.nonzero(mask)
        left, top, width, height = record.box
        # Pieces of less than four pixels are in the box and not in the outline.
        assert left - 1 <= columns.min() and columns.max() <= left + width
        assert top - 1 <= rows.min() and rows.max() <= top + height
        if not record.extras["iscrowd"]:
            seen = record.j2d[record.visibility == VISIBLE].astype(int)
            assert not len(seen) or mask[seen[:, 1], seen[:, 0]].mean() > 0.5
    assert len(coco.read_coco(annotations, folder)) == sum(record.extras["num_keypoints"] > 0 for record in records)


def test_coco_has_crowds_hidden_and_missing_joints():
    people = [person for index in range(16) for person in coco_sample.make_item(1, index)[1]]
    crowds = [person for person in people if person["iscrowd"]]
    assert crowds and all(set(person["keypoints"]) == {0} and person["num_keypoints"] == 0 for person in crowds)
    assert all(set(person["segmentation"]) == {"counts", "size"} for person in crowds)
    flags = np.concatenate([person["keypoints"][2::3] for person in people])
    assert min(np.bincount(flags, minlength=3)) > 30
    assert 3.0 < len(people) / 16 < 5.0


def test_run_lengths_by_hand():
    # Columns first: 0 0 | 1 0 | 1 1.
    mask = np.array([[0, 1, 1], [0, 0, 1]], bool)
    assert coco.encode_mask(mask) == {"counts": [2, 1, 1, 2], "size": [2, 3]}
    assert coco.encode_mask(~mask) == {"counts": [0, 2, 1, 1, 2], "size": [2, 3]}
    assert coco.encode_mask(np.zeros((2, 3), bool)) == {"counts": [6], "size": [2, 3]}
    for value in (mask, ~mask, np.zeros((2, 3), bool)):
        np.testing.assert_array_equal(coco.decode_mask(coco.encode_mask(value), 2, 3), value)
    square = coco.decode_mask([[1, 1, 4, 1, 4, 3, 1, 3]], 5, 6)
    assert square.sum() == 6 and square[1:3, 1:4].all()
    compressed = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    np.testing.assert_array_equal(coco.decode_mask(compressed, 2, 3), mask)


@pytest.mark.parametrize("release", ["lsp_dataset", "lsp_dataset_original"])
def test_lsp(root, release):
    folder = root / "lsp" / release
    stored = scipy.io.loadmat(folder / "joints.mat")["joints"]
    assert stored.shape == (3, 14, 6)
    splits = {split: lsp.read_lsp(str(folder), split) for split in lsp.SPLITS}
    assert [record.key for record in splits["test"]] == ["im0004", "im0005", "im0006"]
    assert len(splits["train"]) == 3 and len(splits["all"]) == 6
    for index, record in enumerate(splits["all"]):
        item = lsp_sample.make_item(SEED, index)
        joints = item.scaled_joints if release == "lsp_dataset" else item.original_joints
        image = item.scaled if release == "lsp_dataset" else item.original
        np.testing.assert_allclose(record.j2d, joints[:, :2], atol=1e-9)
        np.testing.assert_array_equal(record.visibility, np.where(joints[:, 2] > 0, HIDDEN, VISIBLE))
        assert cv2.imread(record.image_path).shape == image.shape
        np.testing.assert_allclose(record.box[:2] + record.box[2:], joints[:, :2].max(0))
        if release == "lsp_dataset":
            assert np.ptp(record.j2d, axis=0).max() == pytest.approx(150, abs=1.5)
    assert min(upright(splits["all"])) > 0.6


def test_lsp_masks(root):
    masks = root / "up3d" / "upi-s1h" / "data" / "lsp"
    records = lsp.read_lsp(str(root / "lsp" / "lsp_dataset"), "all", str(masks))
    for record in records:
        mask, parts = (cv2.imread(record.extras[name], cv2.IMREAD_UNCHANGED) for name in ("mask_path", "part_path"))
        assert mask.shape == parts.shape == cv2.imread(record.image_path).shape[:2]
        assert set(np.unique(mask)) == {0, 255} and parts.max() <= len(PARTS)
        np.testing.assert_array_equal(parts > 0, mask > 0)
        seen = record.visibility == VISIBLE
        knee = record.joints.index("left_knee")
        if seen[knee]:
            column, row = record.j2d[knee].astype(int)
            assert PARTS.index("left_leg") + 1 in parts[max(row - 3, 0):row + 4, max(column - 3, 0):column + 4]


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


def test_lsp_extended(root):
    folder = root / "lsp_extended"
    assert scipy.io.loadmat(folder / "joints.mat")["joints"].shape == (14, 3, 5)
    records = lsp_extended.read_lsp_extended(str(folder))
    assert [record.key for record in records] == [f"im{number:05d}" for number in range(1, 6)]
    for index, record in enumerate(records):
        image, joints = lsp_extended_sample.make_item(SEED, index)
        labelled = joints[:, 2] > 0
        np.testing.assert_array_equal(record.visibility, np.where(labelled, VISIBLE, NOT_LABELLED))
        np.testing.assert_allclose(record.j2d[labelled], joints[labelled, :2])
        np.testing.assert_allclose(record.box, box_around(joints[labelled, :2]))
        assert cv2.imread(record.image_path).shape == image.shape


def test_lsp_extended_in_high_resolution(tmp_path):
    joints = np.zeros((14, 3, 2))
    joints[:3, :, 1] = (10, 20, 1), (30, 50, 1), (-5, 0, 0)
    write_mat(str(tmp_path / "joints.mat"), {"joints": joints})
    for number in (1, 2):
        (tmp_path / f"im{number:05d}.png").touch()
    record, = lsp_extended.read_lsp_extended(str(tmp_path))  # the first picture has no labelled joint
    assert record.image_path.endswith("im00002.png")
    np.testing.assert_array_equal(record.box, [10, 20, 20, 30])


def test_mpii(root):
    folder = str(root / "mpii")
    records = mpii.read_mpii(folder)
    from_h5 = mpii.read_mpii_h5(str(root / "mpii" / "train.h5"), str(root / "mpii" / "images"))
    people = [person for index in range(NUM["mpii"] - 1) for person in mpii_sample.make_item(SEED, index)[1]]
    assert len(records) == len(people) == len(from_h5)
    for record, other, person in zip(records, from_h5, people):
        labelled = person["visibility"] != NOT_LABELLED
        np.testing.assert_allclose(record.j2d[labelled], person["j2d"][labelled])
        np.testing.assert_allclose(other.j2d[labelled], person["j2d"][labelled])
        np.testing.assert_array_equal(other.visibility, person["visibility"])
        # The release has no flag for neck and head.
        flags = np.where(np.isin(np.arange(16), (8, 9)), np.minimum(person["visibility"] * 2, 2), person["visibility"])
        np.testing.assert_array_equal(record.visibility, flags)
        for one in (record, other):
            np.testing.assert_allclose(one.extras["center"], person["center"])
            assert one.extras["scale"] == pytest.approx(person["scale"])
            center, scale = center_scale(one.box, 1.0)
            np.testing.assert_allclose(center, person["center"])
            assert scale == pytest.approx(person["scale"])
        x1, y1, x2, y2 = person["head_box"]
        np.testing.assert_allclose(record.extras["head_box"], [x1, y1, x2 - x1, y2 - y1])
        assert record.extras["apart"] == person["apart"] and record.image_path == other.image_path
        assert cv2.imread(record.image_path).shape == (360, 640, 3)
    assert len(mpii.read_mpii(folder, single_person=True)) == sum(person["apart"] for person in people) > 0
    assert min(upright(records)) > 0.6


def test_mpii_as_the_release_writes_it(tmp_path):
    """Flags as text, empty and missing fields, people without joints: all of these are in the real file."""
    points = struct_array([{"x": 10.0, "y": 20.0, "id": 0, "is_visible": "0"},
                           {"x": 11.0, "y": 21.0, "id": 9, "is_visible": None},
                           {"x": 12.0, "y": 22.0, "id": 15, "is_visible": "1"}])
    rects = struct_array([
        {"annopoints": {"point": points}, "scale": 1.5, "objpos": {"x": 100, "y": 200}},
        {"annopoints": None, "scale": 1.0, "objpos": {"x": 1, "y": 2}},
        {"annopoints": {"point": points}, "scale": None, "objpos": None}])
    pictures = struct_array([{"image": {"name": "a.jpg"}, "annorect": rects},
                             {"image": {"name": "b.jpg"}, "annorect": None},
                             {"image": {"name": "c.jpg"}, "annorect": rects}])
    alone = np.empty((3, 1), object)
    alone[:, 0] = [np.zeros((0, 0)), np.zeros((0, 0)), np.array([[1.0]])]
    (tmp_path / "images").mkdir()
    write_mat(str(tmp_path / "mpii_human_pose_v1_u12_1.mat"),
              {"RELEASE": {"annolist": pictures, "img_train": np.array([[1, 1, 0]]), "single_person": alone}})
    record, = mpii.read_mpii(str(tmp_path))
    assert record.image_path.endswith("a.jpg") and not record.extras["apart"]
    assert record.visibility.tolist() == [HIDDEN] + [NOT_LABELLED] * 8 + [VISIBLE] + [NOT_LABELLED] * 5 + [VISIBLE]
    np.testing.assert_array_equal(record.j2d[[0, 9, 15]], [[10, 20], [11, 21], [12, 22]])
    np.testing.assert_array_equal(record.box, [-50, 50, 300, 300])


def test_mpii_h5_with_names_as_numbers(tmp_path):
    part = np.full((1, 16, 2), 7.0)
    part[0, 3] = 0
    with h5py.File(tmp_path / "train.h5", "w") as file:
        file["imgname"] = np.array([[ord(letter) for letter in "015.jpg"] + [0, 0]], float)
        file["center"], file["scale"], file["part"] = np.array([[50.0, 60.0]]), np.array([0.5]), part
    record, = mpii.read_mpii_h5(str(tmp_path / "train.h5"), "pictures")
    assert record.image_path == "pictures/015.jpg"
    np.testing.assert_array_equal(record.box, [0, 10, 100, 100])
    assert np.flatnonzero(record.visibility == NOT_LABELLED).tolist() == [3]


def test_up3d(root):
    folder = str(root / "up3d" / "up-3d")
    splits = {split: up3d.read_up3d(folder, split) for split in up3d.SPLITS}
    assert [len(splits[split]) for split in ("train", "val", "trainval", "test")] == [7, 1, 8, 2]
    named = up3d.read_up3d(folder, names_path=str(root / "up3d" / "namesUPlsp.txt"))
    assert [record.key for record in named] == [record.key for record in splits["test"]] == ["00008", "00009"]
    for record in splits["trainval"]:
        assert record.pose.shape == (72,) and record.beta.shape == (10,)
        labelled = record.visibility == VISIBLE
        left, top, width, height = record.box
        # All joints that are seen lie in the drawn body.
        assert (record.j2d[labelled] >= (left - 2, top - 2)).all()
        assert (record.j2d[labelled] <= (left + width + 3, top + height + 3)).all()
        with open(f"{folder}/{record.key}_body.pkl", "rb") as stream:
            body = pickle.load(stream)
        np.testing.assert_array_equal(body["pose"], record.pose)


def test_up3d_fits_project_to_the_joints(root):
    from common.body_models.lbs_numpy import pose_body
    from common.data.samples.scenes_body import scene_body
    from common.geometry.rotation import axis_angle_to_matrix

    folder = str(root / "up3d" / "up-3d")
    body = scene_body("smpl")
    for record in up3d.read_up3d(folder)[:3]:
        with open(f"{folder}/{record.key}_body.pkl", "rb") as stream:
            camera = pickle.load(stream)
        vertices, skeleton = pose_body(body.model, axis_angle_to_matrix(record.pose.reshape(1, 24, 3)),
                                       record.beta[None], camera["t"][None])
        j3d = body.point_sets["lsp_14"].matrix @ np.concatenate([skeleton[0], vertices[0]])
        height, width = cv2.imread(record.image_path).shape[:2]
        j2d = camera["f"] * j3d[:, :2] / j3d[:, 2:] + (0.5 * width, 0.5 * height)
        labelled = record.visibility == VISIBLE
        np.testing.assert_allclose(j2d[labelled], record.j2d[labelled], atol=1e-2)


def test_drawn_box_by_hand(tmp_path):
    picture = np.full((20, 30, 3), 255, np.uint8)
    picture[5:9, 10:21] = 200
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    np.testing.assert_array_equal(up3d.drawn_box(str(tmp_path / "a.png")), [10, 5, 10, 3])
    cv2.imwrite(str(tmp_path / "b.png"), np.full((20, 30, 3), 255, np.uint8))
    with pytest.raises(UserError, match="nothing but white"):
        up3d.drawn_box(str(tmp_path / "b.png"))


def test_center_and_scale():
    center, scale = center_scale((10, 20, 30, 100), 1.2)
    np.testing.assert_array_equal(center, [25, 70])
    assert scale == pytest.approx(0.6)
    np.testing.assert_array_equal(box_around([[3, 4], [1, 9], [2, 5]]), [1, 4, 2, 5])


def digests(folder):
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("dataset", list(NUM))
def test_equal_seeds_give_equal_files(root, tmp_path, dataset):
    options = ["--num_lsp", "1"] if dataset == "up3d" else []
    main([dataset, "--output_dir", str(tmp_path), "--num", "1", "--seed", str(SEED), *options])
    first = digests(root / dataset)
    pictures = {name: value for name, value in digests(tmp_path).items() if name.endswith((".jpg", ".png", ".pkl"))}
    assert pictures and all(first[name] == value for name, value in pictures.items())
    again = tmp_path / "again"
    main([dataset, "--output_dir", str(again), "--num", "1", "--seed", str(SEED), *options])
    assert digests(again).items() <= digests(tmp_path).items()


def test_all_writes_every_dataset_into_its_folder(tmp_path, monkeypatch, capsys):
    names = registry.every_dataset()
    assert len(names) == len(set(registry.DATASETS.values())) and set(NUM) <= set(names)
    monkeypatch.setattr(registry, "every_dataset", lambda: ["lsp_extended", "mpii"])
    main(["all", "--output_dir", str(tmp_path), "--num", "1"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lsp_extended", "mpii"]
    assert len(lsp_extended.read_lsp_extended(str(tmp_path / "lsp_extended"))) == 1
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_bad_years(tmp_path):
    with pytest.raises(SystemExit):
        main(["coco", "--output_dir", str(tmp_path), "--years", "2015"])


def test_evaluation_tools_accept_the_files(root):
    """pycocotools finds the truth to be right: every figure is 1, but for sizes that nobody has (-1)."""
    truth = COCO(coco.find_coco(str(root / "coco"), "train2017")[0])
    found = [{"image_id": item["image_id"], "category_id": 1, "keypoints": item["keypoints"], "score": 1.0}
             for item in truth.dataset["annotations"] if item["num_keypoints"]]
    evaluation = COCOeval(truth, truth.loadRes(found), "keypoints")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert set(np.round(evaluation.stats, 9)) <= {1.0, -1.0} and evaluation.stats[0] == pytest.approx(1.0)


@pytest.fixture(scope="module")
def golden():
    """Annotations as the published loaders read them: joints in LSP's order with a weight."""
    with np.load(pathlib.Path(__file__).parents[1] / "golden" / "hmr" / "preprocess.npz") as archive:
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
    records = {record.key: record for record in coco.read_coco(str(tmp_path / "a.json"), "pictures")}
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
    (lambda content: content.pop("images"), "not in COCO's keypoint format .KeyError: 'images'"),
    (lambda content: content["annotations"][0].update(image_id=2), "not in COCO's keypoint format"),
    (lambda content: content["annotations"][0].update(keypoints=[1, 1, 2]), "not in COCO's keypoint format"),
    (lambda content: content["categories"][0].update(name="cat"), "no category person"),
    (lambda content: content["categories"][0].update(keypoints=["nose"]), "the joints are nose")])
def test_wrong_coco_files(tmp_path, change, text):
    assert len(coco.read_coco(broken_json(tmp_path, lambda content: None), "x")) == 1
    with pytest.raises(UserError, match=text):
        coco.read_coco(broken_json(tmp_path, change), "x")


def test_missing_and_damaged_files(root, tmp_path):
    with pytest.raises(UserError, match="person_keypoints_val2017.json does not exist: unpack"):
        coco.find_coco(str(tmp_path), "val2017")
    with pytest.raises(UserError, match="split 'val2015' of COCO does not exist"):
        coco.find_coco(str(tmp_path), "val2015")
    with pytest.raises(UserError, match="neither polygons nor run lengths"):
        coco.decode_mask({"counts": [3, "x"], "size": [2, 2]}, 2, 2)
    for reader, name in ((lsp.read_lsp, "joints.mat"), (lsp_extended.read_lsp_extended, "joints.mat")):
        with pytest.raises(UserError, match="joints.mat does not exist"):
            reader(str(tmp_path))
        (tmp_path / name).write_bytes(b"MATLAB 5.0 MAT-file but not really" * 9)
        with pytest.raises(UserError, match="not a readable Matlab file"):
            reader(str(tmp_path))
        write_mat(str(tmp_path / name), {"joints": np.zeros((4, 4))})
        with pytest.raises(UserError, match="has shape .4, 4."):
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


def test_missing_and_damaged_h5_and_up3d(root, tmp_path):
    path = tmp_path / "train.h5"
    path.write_bytes((root / "mpii" / "train.h5").read_bytes()[:900])
    with pytest.raises(UserError, match="not a readable HDF5 file"):
        mpii.read_mpii_h5(str(path), "x")
    with h5py.File(path, "w") as file:
        file["center"] = np.zeros((2, 2))
    with pytest.raises(UserError, match="has no scale, imgname, part"):
        mpii.read_mpii_h5(str(path), "x")
    with h5py.File(path, "w") as file:
        file["center"], file["scale"] = np.zeros((2, 2)), np.zeros(2)
        file["imgname"], file["part"] = np.array([b"a.jpg", b"../a"]), np.ones((2, 16, 2))
    with pytest.raises(UserError, match="'../a', which is no file name"):
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
    with pytest.raises(UserError, match="pose has shape .70,."):
        up3d.read_up3d(str(tmp_path), "test")
    (tmp_path / "00000_body.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(UserError, match="asks for os.system"):
        up3d.read_up3d(str(tmp_path), "test")


def test_records_do_not_change():
    record = lsp.Record(image_path="a.jpg", box=np.array([0, 0, 10, 20]))
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.key = "b"
    assert record.center_scale(1.0)[1] == pytest.approx(0.1)
