"""Evaluation: perfect and wrong maps, shards, unreadable images, and how images reach the network."""
import dataclasses
import json
from pathlib import Path

import numpy as np
import openpose_coco_set as coco_set
import openpose_golden as golden
import pytest
from mindspore import Tensor, nn

from common.data.readers.coco import read_annotations
from common.errors import UserError
from openpose.src.config import read_settings
from openpose.src.decode import DecodedPeople, Placement, decode
from openpose.src.detector import PeopleDetector, average_mirror, prepare, resample
from openpose.src.evaluate import (
    FIGURES,
    Predictions,
    choose_images,
    log_result,
    measure,
    merge,
    predict,
    to_records,
    write_result,
)
from openpose.src.network import OpenPose
from openpose.src.normalisation import normalise
from openpose.src.skeleton import COCO_18
from openpose.src.targets import make_targets

HERE = Path(__file__).parent
DEFAULTS = read_settings([])


@pytest.fixture
def data(tmp_path):
    path, folder = coco_set.write_set(tmp_path, golden)
    return read_annotations(path), folder


class PerfectDetector:
    """Decodes targets made from the annotations; called for the images in order."""

    def __init__(self, annotations, rows, shift=0.0, decoder="default"):
        self.people = iter([COCO_18.from_annotations(annotations.keypoints[annotations.rows(row)], annotations.names)
                            for row in rows])
        self.shift, self.decoder = shift, decoder

    def __call__(self, image):
        joints = next(self.people)
        heat, paf = make_targets(joints + (self.shift, 0, 0), image.shape[0] // 8, image.shape[1] // 8)
        return decode(heat, paf, decoder=self.decoder)


# The port enlarges linearly, which moves its peaks to the middles of cells.
@pytest.mark.parametrize("decoder, least", [("default", 0.9), ("cmu", 0.85), ("port", 0.85)])
def test_perfect_maps_score_high_and_shifted_ones_low(data, decoder, least):
    annotations, folder = data
    rows = choose_images(annotations)
    found = predict(PerfectDetector(annotations, rows, 0, decoder), annotations, rows, folder, COCO_18)
    figures = measure(annotations, found, COCO_18)
    assert tuple(figures) == FIGURES and figures["AP"] > least and figures["Ap .5"] == pytest.approx(1.0)
    assert len(found.records) == 7 and len(found.records[0]["keypoints"]) == 51
    found = predict(PerfectDetector(annotations, rows, 60, decoder), annotations, rows, folder, COCO_18)
    assert measure(annotations, found, COCO_18)["AP"] < 0.1


def test_nobody_found_is_zero_and_only_chosen_images_count(data):
    annotations, folder = data
    assert measure(annotations, Predictions(image_ids=[1, 2, 3]), COCO_18) == dict.fromkeys(FIGURES, 0.0)
    rows = choose_images(annotations, most=1)
    found = predict(PerfectDetector(annotations, rows), annotations, rows, folder, COCO_18)
    assert found.image_ids == [1] and measure(annotations, found, COCO_18)["AR"] > 0.9
    found.image_ids.extend([2, 3])
    assert measure(annotations, found, COCO_18)["AR"] < 0.2  # 1 of 7 people


def test_shards_merge_to_the_whole(data, tmp_path):
    annotations, folder = data
    rows = choose_images(annotations)
    parts = []
    for rank in range(2):
        detector = PerfectDetector(annotations, rows[rank::2])
        parts.append(predict(detector, annotations, rows, folder, COCO_18, (rank, 2)))
    whole = predict(PerfectDetector(annotations, rows), annotations, rows, folder, COCO_18)
    merged = merge(parts[::-1])
    assert merged.image_ids == whole.image_ids and len(merged.records) == len(whole.records)
    assert measure(annotations, merged, COCO_18) == measure(annotations, whole, COCO_18)
    write_result(str(tmp_path / "out"), merged)
    assert json.loads((tmp_path / "out" / "eval_result.json").read_text())[0]["image_id"] == 1


def test_images_that_cannot_be_used_are_left_out_and_missing_ones_named(data):
    annotations, folder = data
    rows, seen = choose_images(annotations), []
    name = annotations.images[rows[1]].file_name
    (Path(folder) / name).write_bytes(b"")
    readable = [rows[0], rows[2]]
    found = predict(PerfectDetector(annotations, readable), annotations, rows, folder, COCO_18,
                    on_image=lambda entry, image, people: seen.append((entry.id, len(people))))
    assert found.left_out == [name] and found.image_ids == [1, 3] and seen == [(1, 1), (3, 3)]
    assert measure(annotations, found, COCO_18)["AR"] > 0.8  # of the four people there; of all seven it were 0.5
    (Path(folder) / name).unlink()
    with pytest.raises(UserError, match="--imgpath_val"):
        predict(None, annotations, rows, folder, COCO_18)


def incomplete(path, change):
    content = json.loads(Path(path).read_text())
    change(content)
    Path(path).write_text(json.dumps(content))
    return read_annotations(path)


def lose(*members):
    return lambda content: [entry.pop(member, None) for entry in content["annotations"] for member in members]


def rename(content):
    for entry in (*content["images"], *content["annotations"]):
        key = "image_id" if "image_id" in entry else "id"
        entry[key] = f"image {entry[key]}"


def zero_ids(content):
    for number, entry in enumerate(content["annotations"]):
        entry["id"] = 0 if number % 2 else "x"


def other_people(content):
    content["categories"].insert(0, {"id": 9, "name": "dog", "keypoints": ["nose", "tail"]})
    content["annotations"] += [{**content["annotations"][0], "category_id": 9}, {**content["annotations"][0],
                                                                                 "image_id": 99}]


@pytest.mark.parametrize("change", [lose("iscrowd"), lose("num_keypoints"), lose("segmentation"), lose("id"), rename,
                                    lose("iscrowd", "num_keypoints", "segmentation", "id"), zero_ids, other_people])
def test_measured_is_what_the_file_means(data, change):
    """Members that say nothing new may be missing, identifiers may be of any type."""
    annotations, folder = data
    rows = choose_images(annotations)
    whole = predict(PerfectDetector(annotations, rows), annotations, rows, folder, COCO_18)
    other = incomplete(annotations.path, change)
    found = predict(PerfectDetector(other, rows), other, rows, folder, COCO_18)
    assert measure(other, found, COCO_18) == measure(annotations, whole, COCO_18)
    assert [image.id for image in other.images] == found.image_ids


@pytest.mark.parametrize("members", [("area",), ("area", "bbox")])
def test_people_without_area_are_measured_with_one_from_their_box(data, members):
    annotations, folder = data
    rows = choose_images(annotations)
    other = incomplete(annotations.path, lose(*members))
    assert other.areas == pytest.approx(0.53 * annotations.areas)  # the set's areas are those of the boxes
    found = predict(PerfectDetector(other, rows), other, rows, folder, COCO_18)
    assert measure(other, found, COCO_18)["AP"] > 0.8


def test_records_by_hand():
    joints = np.zeros((2, 18, 3))
    joints[0, 0], joints[0, 1], joints[1, 1] = (10.126, 20, 0.9), (30, 40, 0.8), (1, 2, 0.5)
    records = to_records(DecodedPeople(joints, np.array([0.5, 0.4])), 7, 1, np.array(golden.scenes.COCO_TO_18))
    assert len(records) == 1  # the second has a neck only, which COCO does not know
    assert records[0]["keypoints"][:6] == [10.13, 20.0, 2.0, 0.0, 0.0, 0.0] and records[0]["score"] == 0.5


def test_the_shorter_side_gets_the_asked_size():
    image = golden.seeded.image("wide", 480, 640, 1)
    padded, frame = prepare(image, 368)
    assert padded.shape == (368, 512, 3) and frame == Placement((480, 640), (368, 491))
    assert (padded[:, 491:] == 128).all()
    stretched, frame = prepare(image, 368, stretch=True)
    assert stretched.shape == (368, 496, 3) and frame.inner == (368, 496)
    tall, frame = prepare(image.transpose(1, 0, 2), 368)
    assert tall.shape == (512, 368, 3) and frame.inner == (491, 368)
    assert frame.to_image(-0.5, 490.5) == (-0.5, 639.5)


def test_maps_of_another_size_are_brought_to_the_same_place():
    people = golden.scenes.people_of("single", 1)[2]
    large, small = people.copy(), people.copy()
    small[..., :2] = (people[..., :2] + 0.5) / 2 - 0.5
    fine, _ = make_targets(large, 46, 46)
    coarse, _ = make_targets(small, 23, 23, heatmap_sigma=7.0)
    moved = resample(coarse, (184, 184), (368, 368), (46, 46))
    for joint in range(18):
        assert np.hypot(*np.subtract(np.unravel_index(moved[joint].argmax(), (46, 46)),
                                     np.unravel_index(fine[joint].argmax(), (46, 46)))) <= 1.5


def test_mirror_average_of_consistent_maps_changes_nothing():
    truth = golden.scenes.people_of("scales", 1)[2]
    mirrored = truth[:, COCO_18.mirrored_joints()].copy()
    mirrored[..., 0] = 367 - mirrored[..., 0]
    maps = [make_targets(joints, 46, 46) for joints in (truth, mirrored)]
    heat, paf = average_mirror(*(np.stack(pair) for pair in zip(*maps)), COCO_18)
    assert np.abs(heat - maps[0][0]).max() < 1e-5
    assert np.mean(np.abs(paf - maps[0][1]) > 1e-5) < 1e-3


class Grey(nn.Cell):
    """Maps that depend on the brightness only."""

    def construct(self, image):
        value = image.mean((1, 2, 3), keep_dims=True)
        return value.tile((1, 38, 4, 6)), value.tile((1, 19, 4, 6))


def test_detector_averages_scales_and_mirror():
    image = np.full((32, 48, 3), 200, np.uint8)
    detector = PeopleDetector(Grey(), DEFAULTS.replace(
        normalisation="cmu", inference_img_size=32, inference_scales=[1.0, 1.0], flip_test=True), COCO_18)
    heat, paf, frame = detector.maps(image)
    assert heat.shape == (19, 4, 6) and frame.inner == (32, 48)
    assert np.allclose(heat[0], heat[0, 0, 0]) and np.allclose(paf[1], paf[1, 0, 0], atol=1e-6)
    assert np.allclose(paf[0], 0, atol=1e-6)  # what points to the right points to the left in the mirror


def test_detector_with_a_network():
    network = OpenPose(num_stages=1, width=0.05).set_train(False)
    detector = PeopleDetector(network, DEFAULTS.replace(inference_img_size=64, number_people_max=1), COCO_18)
    image = golden.seeded.image("any", 64, 64, 1)
    assert len(detector(image)) <= 1
    heat, paf, _ = detector.maps(image)
    outputs = network(Tensor(normalise(image, "port")[None]))
    assert np.allclose(paf, outputs[0].asnumpy()[0]) and np.allclose(heat, outputs[1].asnumpy()[0])


def test_the_log_names_what_was_looked_for(caplog):
    dog = dataclasses.replace(COCO_18, category="dog")
    with caplog.at_level("INFO", "mindhuman"):
        log_result({"AP": 1.0}, Predictions([{}, {}], [7], ["x.jpg"]), COCO_18, True)
        log_result({"AP": 1.0}, Predictions([{}], [7, 8]), dog, False)
    assert [record.getMessage() for record in caplog.records][::2] == [
        "2 people found in 1 image (all annotated images); 1 could not be used and are left out",
        "1 of the category dog found in 2 images (images with an annotated dog)"]
