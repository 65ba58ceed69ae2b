"""Data sets that take COCO's form for members of their own are read by COCO's rules, each of them."""
import json

import cv2
import numpy as np
import pytest

from common.data.readers.coco import read_coco_training
from common.data.readers.coco_people import read_people
from common.data.readers.coco_wholebody import read_coco_wholebody
from common.data.readers.ehf import read_ehf
from common.data.readers.freihand import read_freihand
from common.data.readers.human36m_images import read_human36m
from common.data.readers.neural_annot import read_mpi_inf_3dhp_fits, read_mpii_fits
from common.data.readers.threedpw import read_3dpw
from common.errors import UserError
from common.joints import SKELETONS

COCO, MPII = SKELETONS["coco_17"], SKELETONS["mpii_16"]
LENS = {"focal": [1000.0, 1000.0], "princpt": [32.0, 24.0]}
WORLD = {"R": np.eye(3).tolist(), "t": [0.0, 0.0, 4000.0], **LENS, "f": LENS["focal"], "c": LENS["princpt"]}
BOX = [10.0, 5.0, 20.0, 30.0]


def points(count):
    """`count` labelled joints in the pixels (10, 5) to (30, 35), flat."""
    rows = np.linspace((10.0, 5.0, 2.0), (30.0, 35.0, 2.0), count)
    return rows.ravel().tolist()


def j3d():
    return (np.random.default_rng(0).normal(size=(17, 3)) * 100).round().tolist()


# Reader -> (file with the people, members of each image, members of each person, other files, function of the folder).
SETS = {
    "coco_wholebody": ("annotations/coco_wholebody_train_v1.0.json", {"file_name": "a.jpg"}, {
        "keypoints": points(17), "foot_kpts": points(6), "lefthand_kpts": points(21), "righthand_kpts": points(21),
        "face_kpts": points(68), "num_keypoints": 17, "iscrowd": 0, "area": 300.0,
        **{f"{part}_{what}": value for part in ("lefthand", "righthand", "face")
           for what, value in (("box", BOX), ("valid", True))}}, {}, read_coco_wholebody),
    "mpii": ("data/annotations/train.json", {"file_name": "images/a.jpg"},
             {"keypoints": points(16), "num_keypoints": 16, "iscrowd": 0, "area": 300.0}, {}, read_mpii_fits),
    "mpi_inf_3dhp": ("data/MPI-INF-3DHP_1k.json",
                     {"file_name": "a.jpg", "subject_idx": 1, "seq_idx": 2, "cam_idx": 0, "frame_idx": 3}, {}, {
                         "data/MPI-INF-3DHP_camera_1k.json": {"1": {"2": {"0": WORLD}}},
                         "data/MPI-INF-3DHP_joint_3d.json": {"1": {"2": {"3": j3d()}}},
                         "data/MPI-INF-3DHP_SMPLX_NeuralAnnot.json": {}}, read_mpi_inf_3dhp_fits),
    "3dpw": ("data/3DPW_test.json", {"file_name": "a.jpg", "sequence": "walk", "cam_param": LENS},
             {"smpl_param": {"pose": [0.1] * 72, "shape": [0.0] * 10, "trans": [0, 0, 3], "gender": "m"}},
             {"data/imageFiles/walk/list.json": []}, read_3dpw),
    "ehf": ("data/EHF.json", {"file_name": "01_img.jpg"},
            {"body_bbox": BOX, "lefthand_bbox": BOX, "righthand_bbox": BOX, "face_bbox": BOX}, {}, read_ehf),
    "freihand": ("data/freihand_train_coco.json", {"file_name": "training/rgb/0.jpg", "db_idx": 0}, {},
                 {"data/freihand_train_data.json": {"0": {"cam_param": LENS}}}, read_freihand),
    "human36m": ("annotations/Human36M_subject1_data.json", {
        "file_name": "a.jpg", "subject": 1, "action_idx": 2, "subaction_idx": 1, "cam_idx": 1, "frame_idx": 5}, {}, {
            "annotations/Human36M_subject1_camera.json": {"1": WORLD},
            "annotations/Human36M_subject1_joint_3d.json": {"2": {"1": {"5": j3d()}}},
            "annotations/Human36M_subject1_SMPLX_NeuralAnnot.json": {}}, read_human36m)}
EVERY = pytest.mark.parametrize("kind", SETS)


def write(root, kind, change=lambda content: None):
    """A data set of two people in two images of 64 x 48 pixels; its records."""
    name, image, person, others, read = SETS[kind]
    content = {"categories": [{"id": 1, "name": "person"}],
               "images": [{"id": number, "width": 64, "height": 48, **image} for number in (7, 8)],
               "annotations": [{"id": 70 + number, "image_id": number, "category_id": 1, "bbox": BOX, **person}
                               for number in (7, 8)]}
    change(content)
    for path, value in {name: content, **others}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(json.dumps(value))
    return read(str(root))


def outline(records):
    """What does not depend on identifiers."""
    return [(record.box.round(6).tolist(), record.extras["size"], record.image_path.split("/")[-1],
             None if record.j2d is None else record.j2d.round(6).tolist()) for record in records]


@EVERY
def test_people_of_other_categories_are_left_out_and_counted(tmp_path, kind, caplog):
    usual = outline(write(tmp_path, kind))
    assert len(usual) == 2 and usual[0][0] == BOX and usual[0][1] == (64, 48)

    def with_a_dog(content):
        content["categories"].append({"id": 18, "name": "dog"})
        content["annotations"].insert(0, {**content["annotations"][0], "id": 1, "category_id": 18})

    caplog.clear()
    records = write(tmp_path, kind, with_a_dog)
    assert outline(records) == usual and [record.key for record in records] == ["77", "78"]
    assert "annotations of other categories are left out (1)" in caplog.text


@EVERY
def test_identifiers_may_be_text_and_people_of_unknown_images_are_left_out(tmp_path, kind, caplog):
    def as_text(content):
        for image in content["images"]:
            image["id"] = f"image {image['id']}"
        for person in content["annotations"]:
            person.update(id=f"person {person['id']}", image_id=f"image {person['image_id']}")
        content["annotations"].append({**content["annotations"][0], "id": "nobody", "image_id": "elsewhere"})

    usual = outline(write(tmp_path, kind))
    records = write(tmp_path, kind, as_text)
    assert outline(records) == usual and [record.key for record in records] == ["person 77", "person 78"]
    assert "images that are not listed are left out (1)" in caplog.text


@EVERY
def test_what_is_optional_may_be_missing(tmp_path, kind, caplog):
    """Sizes come from the images; a file with one category need not repeat it."""
    def without(content):
        for image in content["images"]:
            del image["width"], image["height"]
        for person in content["annotations"]:
            for name in ("category_id", "num_keypoints", "iscrowd", "area"):
                person.pop(name, None)

    usual = outline(write(tmp_path, kind))
    for record in SETS[kind][4](str(tmp_path)):
        os_path = tmp_path / record.image_path
        os_path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(os_path), np.zeros((48, 64, 3), np.uint8))
    assert outline(write(tmp_path, kind, without)) == usual
    os_path.write_bytes(b"\xff\xd8\xff\xe0 cut")
    caplog.clear()
    assert [record.extras["size"] for record in write(tmp_path, kind, without)] == [(0, 0)] * 2
    assert caplog.text.count("it is left out") == 2


@pytest.mark.parametrize("kind", ["coco_wholebody", "mpii", "mpi_inf_3dhp", "human36m"])
def test_a_box_follows_from_joints(tmp_path, kind):
    def without(content):
        for person in content["annotations"]:
            del person["bbox"]

    for record in write(tmp_path, kind, without):
        seen = record.j2d[:17][record.visibility[:17] > 0]
        np.testing.assert_allclose(record.box, [*seen.min(0), *np.ptp(seen, axis=0)], atol=1e-9)


@pytest.mark.parametrize("kind", ["3dpw", "ehf", "freihand"])
def test_who_has_neither_box_nor_joints_is_left_out(tmp_path, kind, caplog):
    def without(content):
        for name in ("bbox", "body_bbox"):
            content["annotations"][0].pop(name, None)

    assert [record.key for record in write(tmp_path, kind, without)] == ["78"]
    assert "1 of 2 annotations have no " in caplog.text


def test_joints_are_known_by_name_in_any_order(tmp_path, caplog):
    names = ["head_top", *MPII[:9], *MPII[10:]]
    usual = dict(zip(names, np.linspace((10, 5), (30, 35), 16).tolist()))

    def named(content):
        content["categories"][0]["keypoints"] = [name.replace("right_", "R_").replace("left_", "L_") for name in names]

    record = write(tmp_path, "mpii", named)[0]
    assert record.joints == MPII
    np.testing.assert_allclose(record.j2d, [usual[joint] for joint in MPII])

    caplog.set_level("INFO")

    def misspelt(content):  # as the published conversion has it
        content["categories"][0]["keypoints"] = [{"mpii_thorax": "throax"}.get(name, name) for name in MPII]

    np.testing.assert_allclose(write(tmp_path, "mpii", misspelt)[0].j2d, np.linspace((10, 5), (30, 35), 16))
    assert "throax is taken as mpii_thorax" in caplog.text

    def others(content):
        content["categories"][0]["keypoints"] = [f"wheel_{number}" for number in range(16)]

    with pytest.raises(UserError, match="none of which is one of right_ankle, "):
        write(tmp_path, "mpii", others)


def test_joints_that_a_file_lacks_are_not_labelled(tmp_path):
    names = [name for name in COCO if not name.startswith("left")]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({
        "categories": [{"id": 1, "name": "person", "keypoints": names}], "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "keypoints": points(len(names))}]}))
    [person] = read_people(str(path), COCO)
    assert [joint for joint, row in zip(COCO, person.joints) if row[2]] == names and person.num_keypoints == len(names)
    assert person.joints[COCO.index("nose")].tolist() == [10, 5, 2]


def test_crowds_and_people_without_joints_do_not_count(tmp_path):
    def crowd(content):
        content["annotations"][0].update(iscrowd=1)
        content["annotations"][1].update(keypoints=[0] * 51, num_keypoints=0)

    assert write(tmp_path, "coco_wholebody", crowd) == []


@pytest.mark.parametrize("written, gender", [("m", "male"), ("f", "female"), ("Female", "female"), ("n", "neutral")])
def test_genders_are_read_in_any_usual_spelling(tmp_path, written, gender):
    def change(content):
        for person in content["annotations"]:
            person["smpl_param"] = {**person["smpl_param"], "gender": written}

    assert [record.extras["gender"] for record in write(tmp_path, "3dpw", change)] == [gender] * 2


def test_training_takes_the_year_that_is_there_and_2017_of_both(tmp_path):
    with pytest.raises(UserError, match="has no annotations/person_keypoints_train2017.json .or train2014.: unpack"):
        read_coco_training(str(tmp_path))
    (tmp_path / "annotations").mkdir()
    for number, year in enumerate((2014, 2017)):
        (tmp_path / f"train{year}").mkdir()
        person = {"id": number, "image_id": 1, "category_id": 1, "bbox": BOX, "keypoints": points(17)}
        image = {"id": 1, "file_name": f"{year}.jpg", "width": 64, "height": 48}
        content = {"images": [image], "annotations": [person],
                   "categories": [{"id": 1, "name": "person", "keypoints": list(COCO)}]}
        path = tmp_path / "annotations" / f"person_keypoints_train{year}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        record, = read_coco_training(str(tmp_path))
        assert record.image_path == str(tmp_path / f"train{year}" / f"{year}.jpg")
