"""Positions, features, boxes and crops against the reference and by hand."""

import hand4whole_golden as reference
import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from hand4whole.src.boxes import RoICrop, restore_boxes
from hand4whole.src.heads import SampleFeatures, SoftArgmax, mirrored
from hand4whole.src.network import VirtualCamera, axis_angles


@pytest.fixture(scope="module")
def case():
    return reference.load("ops")


def given(name, shape, *bounds):
    return Tensor(reference.numbers(name, shape, *bounds).astype(np.float32))


def close(found, wanted, tolerance=1e-5):
    assert np.abs(found.asnumpy() - wanted).max() < tolerance


def test_soft_argmax(case):
    maps = 3.0 * given("ops/hm3d", (2, 5, 8, 8, 6))
    probabilities, positions = SoftArgmax((8, 8, 6), 5)(maps)
    close(positions, case["soft_argmax_3d"])
    assert probabilities.shape == (2, 5, 384) and np.abs(probabilities.asnumpy().sum(-1) - 1).max() < 1e-5
    # Places up to 40, with 24 bits.
    close(SoftArgmax((64, 48), 3)(3.0 * given("ops/hm2d", (2, 3, 64, 48)))[1], case["soft_argmax_2d"], 3e-5)


def test_a_single_peak_is_its_cell():
    maps = np.full((1, 1, 2, 3, 4), -100.0, np.float32)
    maps[0, 0, 1, 2, 3] = 100.0
    assert SoftArgmax((2, 3, 4), 1)(Tensor(maps))[1].asnumpy().tolist() == [[[3.0, 2.0, 1.0]]]


def test_sampled_features(case):
    features, places = given("ops/feat", (2, 4, 8, 6)), given("ops/xy", (2, 9, 2), -1, 9)
    close(SampleFeatures((8, 6))(features, places), case["sample_joint_features"])


def test_features_between_cells_and_outside():
    features = Tensor(np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3))
    places = Tensor([[[1.0, 0.5], [0.25, 0.0], [-0.5, 0.0], [2.0, 1.5], [7.0, 0.0]]], ms.float32)
    # Rows 0 1 2 and 3 4 5: halfway between 1 and 4; a quarter of 1; half of 0; half of 5; nothing.
    assert SampleFeatures((2, 3))(features, places).asnumpy().reshape(-1).tolist() == [2.5, 0.25, 0.0, 2.5, 0.0]


def test_no_gradient_to_places():
    sample = SampleFeatures((8, 6))

    def total(features, places):
        return sample(features, places).sum()

    to_features, to_places = ms.grad(total, (0, 1))(given("ops/feat", (2, 4, 8, 6)), given("ops/xy", (2, 9, 2), 0, 5))
    assert np.abs(to_features.asnumpy()).sum() == pytest.approx(2 * 9 * 4, rel=1e-5)
    assert not to_places.asnumpy().any()


@pytest.mark.parametrize("part, enlarge", [("hand", 2.0), ("face", 1.5)])
def test_restored_boxes(case, part, enlarge):
    center, size = given("ops/center", (6, 2), 0, 6), given("ops/size", (6, 2), 0.3, 3)
    close(restore_boxes(center, size, (8, 6), (256, 192), 1.0, enlarge), case[f"restore_bbox/{part}"], 2e-4)


def test_a_flat_box_becomes_a_square():
    """2 x 0.5 cells of 32 px, twice as large: 128 px around (96, 64)."""
    box = restore_boxes(Tensor([[3.0, 2.0]]), Tensor([[2.0, 0.5]]), (8, 6), (256, 192), 1.0, 2.0)
    assert box.asnumpy().tolist() == [[32.0, 0.0, 160.0, 128.0]]


ROIS = np.array([[0, 3.2, 4.1, 25.7, 31.3], [1, -6.4, -3.3, 14.2, 44.8], [0, 20, 30, 33, 45], [1, 5, 5, 5.4, 5.2],
                 [1, 8, 9, 2, 30], [0, -20, -20, 60, 70]], np.float32)


def test_crops(case):
    images = given("ops/roi_image", (2, 3, 40, 30), 0, 1).asnumpy()[ROIS[:, 0].astype(int)]
    boxes = Tensor(ROIS[:, None, 1:])
    crops = RoICrop((40, 30), (8, 8), max_samples=12)(Tensor(images), boxes)
    close(crops, case["roi_align"])
    mirror = RoICrop((40, 30), (8, 8), mirrors=(True,), max_samples=12)(Tensor(images), boxes)
    assert np.abs(mirror.asnumpy()[..., ::-1] - crops.asnumpy()).max() < 1e-6


def test_several_crops_of_an_image_come_one_after_the_other():
    images = given("ops/roi_image", (2, 3, 40, 30), 0, 1)
    boxes = np.stack([ROIS[:2, 1:], ROIS[2:4, 1:]])  # two of each image
    both = RoICrop((40, 30), (8, 6), mirrors=(True, False))(images, Tensor(boxes)).asnumpy()
    assert both.shape == (4, 3, 8, 6)
    for number, mirror in enumerate((True, False)):
        alone = RoICrop((40, 30), (8, 6), mirrors=(mirror,))(images, Tensor(boxes[:, number:number + 1]))
        close(alone, both[number::2], 1e-6)


def test_a_crop_of_whole_pixels_is_the_image():
    """Samples lie in the middle of a crop's pixel, half a pixel beside the image's: a box half a pixel aside fits."""
    image = given("ops/roi_image", (1, 3, 40, 30), 0, 1)
    crop = RoICrop((40, 30), (8, 8))(image, Tensor([[[3.5, 5.5, 11.5, 13.5]]]))
    close(crop, image.asnumpy()[:, :, 6:14, 4:12], 1e-6)


def test_a_box_outside_the_image_gives_black_and_no_gradient():
    crop = RoICrop((40, 30), (8, 8))
    image = given("ops/roi_image", (1, 3, 40, 30), 0, 1)
    assert not crop(image, Tensor([[[50.0, 50.0, 60.0, 60.0]]])).asnumpy().any()
    assert not crop(image, Tensor([[[-30.0, -30.0, -20.0, -20.0]]])).asnumpy().any()

    def total(image, boxes):
        return crop(image, boxes).sum()

    gradients = ms.grad(total, (0, 1))(image, Tensor([[[3.0, 5.0, 11.0, 13.0]]]))
    assert not any(part.asnumpy().any() for part in gradients)


def test_rotations(case):
    rot6d = reference.numbers("ops/rot6d", (64, 6)).astype(np.float32)
    rot6d[0] = [1, 0, 0, 1, 0, 0]
    found, _ = axis_angles(Tensor(rot6d), 1)
    close(found, case["rot6d"])
    assert np.abs(found.asnumpy()[0]).max() < 1e-6


def test_every_second_pixel_is_the_nearest(case):
    image = given("ops/interp", (1, 3, 512, 384), 0, 1)
    close(image[:, :, ::2, ::2][:, :, ::37, ::29], case["interpolate"])


def test_mirrored_positions():
    assert mirrored(Tensor([[1.0, 2.0, 3.0]]), 7.0).asnumpy().tolist() == [[6.0, 2.0, 3.0]]


def test_camera():
    """5000 px, 2.5 m and 192 x 256 px: at most 56.4 m away; a point on the axis is in the middle of the maps."""
    camera = VirtualCamera((5000.0, 5000.0), (256, 192), (8, 8, 6), 2.5)
    translation = camera.translation(Tensor([[0.1, -0.2, 0.0]])).asnumpy()[0]
    assert translation == pytest.approx([0.1, -0.2, 0.5 * 12500 / np.sqrt(256 * 192)], rel=1e-6)
    points = camera(Tensor([[[0.0, 0.0, 10.0], [0.1, 0.2, 10.0]]])).asnumpy()[0]
    # 0.1 m at 10 m are 50 px, 50 / 32 cells.
    assert points == pytest.approx(np.array([[3.0, 4.0], [3 + 50 / 32, 4 + 100 / 32]]), rel=1e-4)
