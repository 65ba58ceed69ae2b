"""Reading, ignore masks, augmentation and samples."""
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import openpose_coco_set as coco_set
import openpose_golden as golden
import pytest
from pycocotools import mask as coco_mask

from common.data.pipeline import Pipeline
from common.data.readers.coco import AnnotatedImage, Annotations, read_annotations
from common.errors import UserError
from common.joints import SKELETONS
from common.stand_ins.datasets import coco
from common.stand_ins.datasets.annotations import encode_mask
from openpose.src import augment, dataset, gen_ignore_mask
from openpose.src.augment import change_colours, random_matrix, warp_image, warp_joints
from openpose.src.config import read_settings
from openpose.src.dataset import KeypointSource
from openpose.src.decode import decode
from openpose.src.skeleton import COCO_18

HERE = Path(__file__).parent
DEFAULTS = read_settings([])


@pytest.fixture
def data(tmp_path):
    return coco_set.write_set(tmp_path, golden)


def source_of(data, masks="", **settings):
    return KeypointSource(DEFAULTS.replace(jsonpath_train=data[0], imgpath_train=data[1], maskpath_train=masks,
                                           normalisation="cmu", **settings), COCO_18)


def fitting_matrix(height, width, insize):
    """The map that shows the whole image, unturned, in the middle of a square."""
    scale = insize / max(height, width)
    return np.column_stack((scale * np.eye(2), (insize - 1) / 2 - scale * (np.array((width, height)) - 1) / 2))


@pytest.fixture
def unchanged(monkeypatch):
    """Samples show each image of 368 px whole, unturned and in its colours."""
    monkeypatch.setattr(dataset, "random_matrix", lambda *_: (fitting_matrix(368, 368, 368), False))
    monkeypatch.setattr(dataset, "change_colours", lambda image, _: image)


def test_reading(data):
    source = source_of(data)
    assert [image.id for image in source.images] == [1, 2, 3] and source.images[0].width == 368
    assert [len(joints) for joints in source.joints] == [1, 3, 3] and len(source) == 3
    large = source_of(data, min_area=30000)
    assert len(large.joints[[image.id for image in large.images].index(2)]) == 1
    with pytest.raises(UserError, match=r"no person with 18 keypoints or more \(--min_keypoints\) and an area"):
        source_of(data, min_keypoints=18)


@pytest.mark.parametrize("change, text", [
    (lambda content: content["categories"][0].update(name="dog"), "no category person"),
    (lambda content: content["annotations"][0].update(keypoints=[1, 2, 2]), "3 keypoint numbers, expected 51"),
    (lambda content: content["images"][0].pop("file_name"), "file_name of image 1"),
    (lambda content: content.pop("images"), "no list of images"),
])
def test_bad_annotations_are_explained(data, change, text):
    content = json.loads(Path(data[0]).read_text())
    change(content)
    Path(data[0]).write_text(json.dumps(content))
    with pytest.raises(UserError, match=text):
        source_of(data)


def test_missing_and_damaged_files(data, tmp_path):
    with pytest.raises(UserError, match="nowhere.json does not exist"):
        source_of(("nowhere.json", data[1]))
    (tmp_path / "cut.json").write_text('{"images": [')
    with pytest.raises(UserError, match="cut.json is not readable JSON"):
        source_of((str(tmp_path / "cut.json"), data[1]))
    os.remove(Path(data[1]) / "000000000002.png")
    with pytest.raises(UserError, match="lacks 1 of 3 annotated images, such as 000000000002.png .--imgpath_train"):
        source_of(data)
    with pytest.raises(UserError, match="does not exist or is no folder .--imgpath_val"):
        read_annotations(data[0]).find_images("nowhere", "--imgpath_val")
    with pytest.raises(UserError, match="--maskpath_train"):
        source_of(data, masks="nowhere")


def test_targets_of_an_unchanged_image_decode_to_its_people(data, unchanged):
    source = source_of(data)
    for index, joints in enumerate(source.joints):
        image, paf, heat, mask = source.sample(index, np.random.default_rng(0))
        assert image.shape == (3, 368, 368) and mask.shape == (46, 46) and mask.all()
        people = decode(heat, paf)
        assert len(people) == len(joints)
        distance = np.linalg.norm(people.joints[:, None, :, :2] - joints[None, :, :, :2], axis=-1)
        assert (distance.min(1)[people.joints[..., 2] > 0] < 2.0).mean() > 0.95


def test_equal_generators_give_equal_samples_and_augmentation_changes_them(data):
    source = source_of(data, insize=184)
    one, same, other = (source.sample(1, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all((left == right).all() for left, right in zip(one, same))
    assert np.abs(one[0] - other[0]).max() > 0.1 and np.abs(one[2] - other[2]).max() > 0.1
    assert [value.shape for value in one] == [(3, 184, 184), (38, 23, 23), (19, 23, 23), (23, 23)]
    assert all(value.dtype == np.float32 for value in one)


def test_pipeline(data):
    batches = list(Pipeline(source_of(data, insize=64), 2, seed=3).batches(0))
    assert len(batches) == 1 and batches[0][0].shape == (2, 3, 64, 64)


def test_joints_move_with_the_image(monkeypatch):
    """A white dot stays under its joint through size, rotation, shift and mirror."""
    rng = np.random.default_rng(4)
    for _ in range(8):
        joints = np.zeros((1, 18, 3))
        joints[0, [2, 8]] = (120.0, 90.0, 1), (160.0, 190.0, 1)
        image = np.zeros((260, 300, 3), np.uint8)
        cv2.circle(image, (120, 90), 3, (255, 255, 255), -1)
        matrix, flip = random_matrix(joints, DEFAULTS, rng)
        moved = warp_joints(joints, matrix, flip, COCO_18.mirrored_joints())
        shoulder = 5 if flip else 2  # left and right change places
        assert moved[0, shoulder, 2] == 1 and moved[0, 7 - shoulder, 2] == 0
        warped = warp_image(image, matrix, 368, border=0)[..., 0].astype(float)
        ys, xs = np.mgrid[0:368, 0:368]
        middle = np.array(((xs * warped).sum(), (ys * warped).sum())) / warped.sum()
        assert np.abs(middle - moved[0, shoulder, :2]).max() < 0.15
    for chance in (0.0, 1.0):
        monkeypatch.setattr(augment, "FLIP_PROB", chance)
        assert random_matrix(joints, DEFAULTS, rng)[1] is bool(chance)


def test_sizes_stay_in_their_bounds_and_reduced_images_keep_their_place():
    rng, joints = np.random.default_rng(5), np.zeros((1, 18, 3))
    joints[0, [0, 10]] = (10, 10, 1), (610, 810, 1)  # a diagonal of 1000 px may become 512 at most, 0.5 at least
    scales = [np.sqrt(abs(np.linalg.det(random_matrix(joints, DEFAULTS, rng)[0][:, :2]))) for _ in range(50)]
    assert 0.5 <= min(scales) < 0.55 and 0.95 < max(scales) <= 1.0
    image = np.zeros((800, 1200), np.uint8)
    image[400:480, 600:700] = 255
    small = warp_image(image, fitting_matrix(800, 1200, 184), 184, border=0).astype(float)
    ys, xs = np.mgrid[0:184, 0:184]
    place = [(values * small).sum() / small.sum() for values in (xs, ys)]
    matrix = fitting_matrix(800, 1200, 184)
    assert np.allclose(place, matrix @ (649.5, 439.5, 1), atol=0.15)


def test_colours_stay_colours():
    image = golden.seeded.image("colour", 40, 30, 1)
    changed = change_colours(image, np.random.default_rng(1))
    assert changed.dtype == np.uint8 and changed.shape == image.shape
    assert 1 < np.abs(changed.astype(int) - image).mean() < 60


def test_an_image_that_cannot_be_decoded_is_left_out_and_counted(data, caplog):
    source = source_of(data, insize=64)
    (Path(data[1]) / "000000000002.png").write_bytes(b"\x89PNG cut off")
    with caplog.at_level("WARNING", logger="mindhuman"):
        for _ in range(2):
            _, paf, heat, mask = source.sample(1, np.random.default_rng(1))
    assert not mask.any() and not paf.any() and not heat[:18].any() and len(source.reader.left_out) == 1
    assert source.sample(0, np.random.default_rng(1))[3].all()


def crowded_set(tmp_path):
    """One image: a person, a crowd that touches them, a small person, and one with two keypoints."""
    keypoints = np.zeros((17, 3))
    keypoints[:6] = 50, 50, 2
    few = np.zeros((17, 3))
    few[:2] = 90, 90, 2
    entries = [coco_set.entry(1, 7, (0, 0, 50, 100), keypoints), coco_set.entry(2, 7, (40, 0, 80, 20), keypoints, True),
               coco_set.entry(3, 7, (60, 60, 80, 80), keypoints), coco_set.entry(4, 7, (85, 40, 125, 90), few)]
    content = {"images": [{"id": 7, "file_name": "a.png", "height": 100, "width": 130},
                          {"id": 8, "file_name": "b.png", "height": 10, "width": 10}], "annotations": entries,
               "categories": [{"id": 1, "name": "person", "keypoints": [f"k{i}" for i in range(17)]}]}
    return coco_set.save(tmp_path / "crowd.json", content)


@pytest.mark.parametrize("script", ["gen_ignore_mask.py", "src/gen_ignore_mask.py"])
def test_ignore_masks(tmp_path, script):
    path = crowded_set(tmp_path)
    (tmp_path / "val2017").mkdir()
    root = HERE.parents[1]
    done = subprocess.run([sys.executable, root / "openpose" / script, "--val_ann", path, "--val_dir",
                           str(tmp_path / "val2017") + "/"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 masks for 2 images" in done.stdout
    assert os.listdir(tmp_path / "ignore_mask_val") == ["000000000007.png"]
    mask = cv2.imread(str(tmp_path / "ignore_mask_val" / "000000000007.png"), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (100, 130) and set(np.unique(mask)) == {0, 255}
    assert not mask[:, :50].any()  # the crowd gives way to the person
    assert mask[5, 70] == mask[70, 70] == mask[60, 100] == 255 and not mask[95, 70:].any()
    assert mask.astype(bool).sum() == 30 * 20 + 20 * 20 + 40 * 50


def test_the_folder_of_masks_is_made_where_no_region_is_ignored(tmp_path):
    path = coco_set.save(tmp_path / "none.json", {
        "images": [{"id": 8, "file_name": "b.png", "height": 10, "width": 10}], "annotations": [],
        "categories": [{"id": 1, "name": "person", "keypoints": [f"k{i}" for i in range(17)]}]})
    gen_ignore_mask.main(["--train_ann", path, "--train_dir", str(tmp_path / "train2017")])
    assert os.listdir(tmp_path / "ignore_mask_train") == []


def test_masks_of_own_categories_need_no_flag(tmp_path, capsys):
    content = json.loads(Path(crowded_set(tmp_path)).read_text())
    content["categories"][0]["name"] = "dog"
    path = coco_set.save(tmp_path / "dogs.json", content)
    gen_ignore_mask.main(["--train_ann", path, "--train_dir", str(tmp_path / "train")])
    assert "1 masks for 2 images" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"has no category cat \(there: dog\)"):
        gen_ignore_mask.main(["--train_ann", path, "--train_dir", str(tmp_path / "train"), "--category", "cat"])


def ignored(tmp_path, change, **image):
    """The mask of the crowded set after a change of its annotations, and how many were written."""
    content = json.loads(Path(crowded_set(tmp_path)).read_text())
    change(content["annotations"])
    content["images"][0].update(image)
    (tmp_path / "images").mkdir(exist_ok=True)
    people = Annotations(content, "a.json", members=("segmentation",))
    count = gen_ignore_mask.write_masks(people, str(tmp_path / "images"), str(tmp_path / "masks"))
    masks = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 0 for path in (tmp_path / "masks").iterdir()]
    assert len(masks) == count
    return masks


def segment(number, segmentation):
    return lambda entries: entries[number - 1].update(segmentation=segmentation)


@pytest.mark.parametrize("number", [2, 3, 4])
@pytest.mark.parametrize("segmentation", [
    None, [], [[]], {}, [[1, 2, 3]], [[0, 0, 9, 0, 9, 9, 3]], {"counts": [13000], "size": [130, 100]}, "none",
    {"counts": [1, 2], "size": [100, 130]}, {"counts": "QQQ", "size": [100, 130]}, [["a"] * 6]])
def test_people_without_a_usable_segmentation_are_ignored_by_their_box(tmp_path, caplog, number, segmentation):
    """The set's segmentations are its boxes, so the mask stays the same."""
    expected, = ignored(tmp_path, lambda entries: None)
    assert not caplog.records
    found, = ignored(tmp_path, segment(number, segmentation))
    assert (found == expected).all()
    assert "of 1 people without a usable segmentation the box is ignored" in caplog.text
    assert f"such as of annotation {number}: " in caplog.text


def test_the_box_of_a_person_who_is_trained_on_covers_no_crowd(tmp_path, caplog):
    found, = ignored(tmp_path, segment(1, None))
    assert found[10, 45] and not caplog.records  # where the crowd reaches into the person's box


def test_crowds_as_polygons_run_lengths_and_packed_ones(tmp_path):
    region = np.zeros((100, 130), bool)
    region[0:20, 40:80] = True
    expected, = ignored(tmp_path, lambda entries: None)
    packed = coco_mask.encode(np.asfortranarray(region.astype(np.uint8)))
    for runs in (encode_mask(region), {**packed, "counts": packed["counts"].decode()}, [encode_mask(region)]):
        found, = ignored(tmp_path, segment(2, runs))
        assert (found == expected).all()


def test_sizes_that_the_annotations_lack_come_from_the_image(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(UserError, match="a.png does not exist"):
        ignored(tmp_path, lambda entries: None, width=None)
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((100, 130, 3), np.uint8))
    found, = ignored(tmp_path, lambda entries: None, width=None)
    assert found.shape == (100, 130)
    with pytest.raises(UserError, match="image 7 has 99999 x 99999 pixels"):
        ignored(tmp_path, lambda entries: None, width=99999, height=99999)


def test_an_image_of_unknown_size_that_is_damaged_gets_no_mask(tmp_path, caplog):
    content = {"images": [{"id": number, "file_name": f"{number}.png"} for number in (1, 2)],
               "annotations": [{"id": number, "image_id": number, "category_id": 1, "iscrowd": 1,
                                "bbox": [1, 1, 5, 5]} for number in (1, 2)]}
    cv2.imwrite(str(tmp_path / "2.png"), np.zeros((20, 30, 3), np.uint8))
    (tmp_path / "1.png").write_bytes(b"cut")
    people = Annotations(content, "a.json", members=("segmentation",))
    assert gen_ignore_mask.write_masks(people, str(tmp_path), str(tmp_path / "masks")) == 1
    assert os.listdir(tmp_path / "masks") == ["000000000002.png"] and "1.png" in caplog.text


@pytest.mark.parametrize("number, name", [(7, "000000000007.png"), (7.0, "000000000007.png"), ("7", "7.png"),
                                          ("a/../b", "a_.._b-"), (-3, "-00000000003.png")])
def test_masks_are_called_after_the_image(number, name):
    path = gen_ignore_mask.mask_path("masks", AnnotatedImage(number, "a.png", 1, 1))
    assert os.path.dirname(path) == "masks" and os.path.basename(path).startswith(name)


def test_images_of_another_size_or_turned(data, caplog):
    """The annotated size decides; an image that fits in no way is left out, and a set without any usable image ends."""
    path = Path(data[1]) / "000000000002.png"
    image = cv2.imread(str(path))
    source = source_of(data, insize=64)
    place = [entry.id for entry in source.images].index(2)
    cv2.imwrite(str(path), image[:100])
    with caplog.at_level("WARNING", logger="mindhuman"):
        assert not source.sample(place, np.random.default_rng(1))[3].any()
    assert "002.png is 368 x 100 pixels, its annotations are for 368 x 368; it is left out (1 so" in caplog.text
    for name in os.listdir(data[1]):
        cv2.imwrite(str(Path(data[1]) / name), image[:100])
    source = source_of(data, insize=64)
    with pytest.raises(UserError, match="none of the first 3 images can be used: .* 368 x 100"):
        for index in range(3):
            source.sample(index, np.random.default_rng(1))


def test_ignore_mask_flags():
    for argv, text in ((["--train_ann", "a.json"], "go together"), ([], "give --train_ann"),
                       (["--ann", "a"], "--help lists"), (["--val_ann", "a", "--val_dir", "b"], "a does not exist")):
        with pytest.raises(UserError, match=text):
            gen_ignore_mask.main(argv)


def test_masks_are_used_and_must_fit(data, tmp_path, unchanged):
    masks = tmp_path / "masks"
    masks.mkdir()
    mask = np.zeros((368, 368), np.uint8)
    mask[:, :184] = 255
    cv2.imwrite(str(masks / "000000000001.png"), mask)
    source = source_of(data, str(masks))
    weight = source.sample(0, np.random.default_rng(0))[3]
    assert not weight[:, :22].any() and weight[:, 25:].all()
    assert source.sample(1, np.random.default_rng(0))[3].all()
    cv2.imwrite(str(masks / "000000000002.png"), mask[:100])
    for _ in range(2):
        _, paf, heat, weight = source.sample(1, np.random.default_rng(0))
        assert not weight.any() and not paf.any() and not heat[:18].any()
    [reason] = source.reader.left_out.values()
    assert "000000000002.png is 368 x 100 pixels, the image" in reason


def test_easy_scenes_show_few_large_people_who_mostly_face_the_camera():
    scenes = [coco.make_item(1, index, easy=True) for index in range(12)]
    assert max(len(people) for _, people in scenes) == 3
    largest = [max(max(person["bbox"][2] / image.shape[1], person["bbox"][3] / image.shape[0]) for person in people)
               for image, people in scenes]
    assert min(largest) > 0.55
    joints = np.array([person["keypoints"] for _, people in scenes for person in people]).reshape(-1, 17, 3)
    joints = joints[(joints[:, :, 2] > 0).all(1)]
    left, right = (joints[:, SKELETONS["coco_17"].index(f"{side}_shoulder"), 0] for side in ("left", "right"))
    assert len(joints) > 10 and (left > right).mean() > 0.75
