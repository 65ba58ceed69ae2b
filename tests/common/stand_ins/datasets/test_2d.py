"""COCO, LSP, LSP-extended, MPII and UP-3D: what is written is read back, in the documented order and units."""
import hashlib
import pickle

import cv2
import numpy as np
import pytest
import scipy.io
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from common.data.readers import coco, coco_masks, lsp, lsp_extended, mpii, up3d
from common.data.records import HIDDEN, NOT_LABELLED, VISIBLE, box_around, center_scale
from common.errors import UserError
from common.geometry.rotation import axis_angle_to_matrix
from common.inference.people import KeypointFiles
from common.joints import BODY_PARTS, SKELETONS, index_map
from common.stand_ins.datasets import coco as coco_sample
from common.stand_ins.datasets import lsp as lsp_sample
from common.stand_ins.datasets import lsp_extended as lsp_extended_sample
from common.stand_ins.datasets import mpii as mpii_sample
from common.stand_ins.datasets import registry
from common.stand_ins.datasets import up3d as up3d_sample
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


@pytest.mark.parametrize("split", ["train2017", "train2014", "val2017"])
def test_coco(root, split):
    annotations, folder = coco.find_coco(str(root / "coco"), split)
    people = coco.read_annotations(annotations, members=("segmentation",))
    records = {record.key: record for record in coco.read_coco(annotations, folder)}
    written = [coco_sample.make_item(SEED, index) for index in range(NUM["coco"])
               if (index % 5 == 4) == split.startswith("val")]
    persons = [person for _, members in written for person in members]
    assert len(people) == len(persons) > 0
    assert len(set(people.ids)) == len(people)
    for row, person in enumerate(persons):
        keypoints = np.array(person["keypoints"], float).reshape(17, 3)
        np.testing.assert_array_equal(people.boxes[row], person["bbox"])
        assert people.num_keypoints[row] == (keypoints[:, 2] > 0).sum()
        shown = people.images[people.image_rows[row]]
        image = cv2.imread(people.image_path(folder, shown))
        assert image.shape[1::-1] == shown.size
        mask, fault = coco_masks.decode_outline(people.members["segmentation"][row], *image.shape[:2])
        assert not fault and abs(mask.sum() - people.areas[row]) < 0.05 * mask.sum() + 8
        rows, columns = np.nonzero(mask)
        left, top, width, height = people.boxes[row]
        # Pieces of less than four pixels are in the box and not in the outline.
        assert left - 1 <= columns.min() and columns.max() <= left + width
        assert top - 1 <= rows.min() and rows.max() <= top + height
        record = records.get(str(people.ids[row]))
        assert (record is None) == (people.num_keypoints[row] == 0)
        if record is not None:
            np.testing.assert_array_equal(record.j2d, keypoints[:, :2])
            np.testing.assert_array_equal(record.visibility, keypoints[:, 2])
            np.testing.assert_array_equal(record.box, person["bbox"])
            assert record.extras["size"] == shown.size
            if not people.crowd[row]:
                seen = record.j2d[record.visibility == VISIBLE].astype(int)
                assert not len(seen) or mask[seen[:, 1], seen[:, 0]].mean() > 0.5


def test_coco_has_crowds_hidden_and_missing_joints():
    people = [person for index in range(16) for person in coco_sample.make_item(1, index)[1]]
    crowds = [person for person in people if person["iscrowd"]]
    assert crowds and all(set(person["keypoints"]) == {0} and person["num_keypoints"] == 0 for person in crowds)
    assert all(set(person["segmentation"]) == {"counts", "size"} for person in crowds)
    flags = np.concatenate([person["keypoints"][2::3] for person in people])
    assert min(np.bincount(flags, minlength=3)) > 30
    assert 3.0 < len(people) / 16 < 5.0


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
        assert set(np.unique(mask)) == {0, 255} and parts.max() <= len(BODY_PARTS)
        np.testing.assert_array_equal(parts > 0, mask > 0)
        seen = record.visibility == VISIBLE
        knee = record.joints.index("left_knee")
        if seen[knee]:
            column, row = record.j2d[knee].astype(int)
            assert BODY_PARTS.index("left_leg") + 1 in parts[max(row - 3, 0):row + 4, max(column - 3, 0):column + 4]


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


def test_mpii(root):
    folder = str(root / "mpii")
    records = mpii.read_mpii(folder)
    from_h5 = mpii.read_mpii_h5(str(root / "mpii" / "train.h5"), str(root / "mpii" / "images"))
    people = [person for index in range(NUM["mpii"] - 1) for person in mpii_sample.make_item(SEED, index)[1]]
    apart = [(other, person) for other, person in zip(from_h5, people) if person["apart"]]
    assert len(from_h5) == len(people) > len(records) == len(apart) > 0
    for record, (other, person) in zip(records, apart):
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
        assert record.image_path == other.image_path
        assert cv2.imread(record.image_path).shape == (360, 640, 3)
    assert min(upright(records)) > 0.6


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


def test_up3d_joints_as_openpose_writes_them(root):
    limbs = [name for name in SKELETONS["lsp_14"] if name.endswith(("knee", "ankle", "elbow", "wrist"))]
    for number in range(3):
        found, = KeypointFiles(str(root / "up3d" / "openpose" / f"{number:05d}_image_keypoints.json"))("image", None)
        truth = np.load(root / "up3d" / "up-3d" / f"{number:05d}_joints.npy").T[index_map("lsp_14", limbs)]
        joints = found.joints[index_map("openpose_18", limbs)]
        assert found.joints.shape == (18, 3) and (joints[:, 2] == truth[:, 2]).all() and truth[:, 2].any()
        seen = truth[:, 2] == 1
        np.testing.assert_allclose(joints[seen], truth[seen], atol=2e-3)
        assert not joints[~seen].any()


def test_up3d_fits_project_to_the_joints(root):
    from common.body_models.lbs_numpy import pose_body
    from common.stand_ins.scenes.body import scene_body

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


def digests(folder):
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("dataset", list(NUM))
def test_equal_seeds_give_equal_files(root, tmp_path, dataset):
    options = ["--num_lsp", "1"] if dataset == "up3d" else []
    main([dataset, "--output_dir", str(tmp_path), "--num", "1", "--seed", str(SEED), *options])
    first = digests(root / dataset)
    files = {name: value for name, value in digests(tmp_path).items() if name.endswith((".jpg", ".png", ".pkl"))}
    assert files and all(first[name] == value for name, value in files.items())
    again = tmp_path / "again"
    main([dataset, "--output_dir", str(again), "--num", "1", "--seed", str(SEED), *options])
    assert digests(again).items() <= digests(tmp_path).items()


def test_all_writes_every_dataset_into_its_folder(tmp_path, monkeypatch, capsys):
    assert len(registry.NAMES) == 13 and set(NUM) <= set(registry.NAMES)
    assert len(set(registry.DATASETS)) == len(registry.DATASETS)  # as --help lists them
    monkeypatch.setattr(registry, "NAMES", ("lsp_extended", "mpii"))
    main(["all", "--output_dir", str(tmp_path), "--num", "1"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lsp_extended", "mpii"]
    assert len(lsp_extended.read_lsp_extended(str(tmp_path / "lsp_extended"))) == 1
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_bad_options(tmp_path):
    with pytest.raises(UserError, match="--years: '2015' is not a list of some of"):
        main(["coco", "--output_dir", str(tmp_path), "--years", "2015"])
    with pytest.raises(UserError, match="--num_lsp is -1"):
        main(["up3d", "--output_dir", str(tmp_path), "--num_lsp", "-1"])
    assert list(tmp_path.iterdir()) == []


def test_easy_people_of_up3d_face_the_camera_and_are_large(root, tmp_path, monkeypatch):
    def heights(folder):
        people = [person for split in ("trainval", "test") for person in up3d.read_up3d(str(folder / "up-3d"), split)]
        sizes = [cv2.imread(person.image_path).shape[:2] for person in people]
        return np.array([person.box[3] / max(size) for person, size in zip(people, sizes)])

    manners, make_scene = [], up3d_sample.make_scene
    monkeypatch.setattr(up3d_sample, "make_scene", lambda *where, **manner: (manners.append(manner)
                                                                             or make_scene(*where, **manner)))
    main(["up3d", "--output_dir", str(tmp_path), "--num", "8", "--num_lsp", "0", "--easy"])
    assert len(manners) == 8 and all(manner["facing"] == 1.0 for manner in manners)
    easy = heights(tmp_path)
    assert len(easy) == 8 and np.median(easy) > np.median(heights(root / "up3d"))


def test_varied_scenes_of_coco_are_half_hard_ones(tmp_path, monkeypatch):
    manners, make_scene = [], coco_sample.make_scene
    monkeypatch.setattr(coco_sample, "make_scene", lambda *where, **manner: (manners.append(manner["hard"])
                                                                             or make_scene(*where, **manner)))
    main(["coco", "--output_dir", str(tmp_path), "--num", "10", "--years", "2017", "--varied"])
    assert 2 <= sum(manners) <= 8 and len(manners) == 10
    assert len(COCO(coco.find_coco(str(tmp_path), "train2017")[0]).imgs) == 8


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


def test_crops_of_up3d_are_read_as_people(tmp_path):
    main(["up3d", "--output_dir", str(tmp_path), "--num", "4", "--num_lsp", "0", "--crops", "96"])
    people = up3d.read_up3d(str(tmp_path / "up-3d"), "trainval")
    assert len(people) == 4
    for person in people:
        assert cv2.imread(person.image_path).shape == (96, 96, 3) and person.pose.shape == (72,)
        left, top, width, height = person.box
        assert left >= 0 and top >= 0 and left + width <= 96 and top + height <= 96 and width * height > 100
    with pytest.raises(UserError, match="--crops is 20"):
        main(["up3d", "--output_dir", str(tmp_path), "--crops", "20"])
