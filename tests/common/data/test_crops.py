"""Crops by hand, by properties, and against the published preprocessing."""
from pathlib import Path

import cv2
import numpy as np
import pytest
from golden_files import seeded
from smooth_image import smooth_image

from common.data import augment, crops
from common.data.image import (
    crop_matrix,
    normalize,
    transform_points,
    warp,
)
from common.data.records import center_scale
from common.joints import SKELETONS
from common.stand_ins.body.anatomy import joint_tree

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
SEED = 1
SMPL_JOINTS = joint_tree("smpl")[0]
LSP_14, CMR_24 = SKELETONS["lsp_14"], SKELETONS["graphcmr_24"]


def test_crop_matrix_by_hand():
    # A box of 400 px to 224 px: factor 0.56, and its left edge at 300 - 200.
    matrix = crop_matrix((300.0, 250.0), 2.0, 224)
    np.testing.assert_allclose(matrix, [[0.56, 0.0, -56.0], [0.0, 0.56, -28.0]], atol=1e-12)
    # Turned a quarter counter-clockwise, what was on the right comes to the top.
    turned = crop_matrix((300.0, 250.0), 2.0, 224, rotation_deg=90)
    np.testing.assert_allclose(transform_points([500.0, 250.0], turned), [112.0, 0.0], atol=1e-9)
    flipped = crop_matrix((300.0, 250.0), 2.0, 224, flip=True)
    np.testing.assert_allclose(transform_points([100.0, 50.0], flipped), [224.0, 0.0], atol=1e-9)


def test_matrices_invert():
    matrix = crop_matrix((30.5, 70.25), 0.7, 100, 33.0, True)
    points = np.array([[3.0, 4.0], [50.0, 60.0]])
    back = cv2.invertAffineTransform(matrix)
    np.testing.assert_allclose(transform_points(transform_points(points, matrix), back), points)


def test_an_unscaled_crop_copies_pixels():
    image = smooth_image(300, 320)
    matrix = crop_matrix((150.0, 120.0), 0.5, 100)  # 100 px of the image: columns 100..199, rows 70..169
    assert (warp(image, matrix, (100, 100)) == image[70:170, 100:200]).all()
    flipped = crop_matrix((150.0, 120.0), 0.5, 100, flip=True)
    assert (warp(image, flipped, (100, 100)) == image[70:170, 100:200][:, ::-1]).all()
    quarter = crop_matrix((150.0, 120.0), 0.5, 100, rotation_deg=90)
    assert (warp(image, quarter, (100, 100)) == np.rot90(image[70:170, 100:200])).all()


@pytest.mark.parametrize("scale", [0.4, 1.0, 2.6, 4.9])
def test_pixels_and_points_move_together(scale):
    """The middle of a blurred spot is found where its point is mapped to."""
    image = np.zeros((1000, 1100), np.float32)
    place = np.array([520.5, 480.5])
    image[480, 520] = 1.0
    image = cv2.GaussianBlur(image, (0, 0), 10.0 * scale)
    matrix = crop_matrix((500.0, 500.0), scale, 200, 25.0, True)
    crop = warp(image, matrix, (200, 200)).astype(np.float64)
    rows, columns = np.mgrid[:200, :200] + 0.5
    found = np.array([(crop * columns).sum(), (crop * rows).sum()]) / crop.sum()
    np.testing.assert_allclose(found, transform_points(place, matrix), atol=0.06)


def test_strong_shrinking_averages():
    """One-pixel stripes become grey instead of moire."""
    image = np.zeros((900, 900, 3), np.uint8)
    image[:, ::2] = 255
    crop = warp(image, crop_matrix((450.0, 450.0), 4.5, 100), (100, 100))
    assert np.abs(crop.astype(int) - 127).max() < 16


def test_normalised_values_by_hand():
    image = smooth_image()
    values = normalize(image)
    assert values.shape == (3, 40, 60) and values.dtype == np.float32
    assert values[1, 5, 7] == pytest.approx((21 / 255 - 0.456) / 0.224, abs=1e-6)
    assert normalize(image, (0.5,) * 3, (0.5,) * 3).max() == pytest.approx(1.0)


# Augmentation.


@pytest.fixture(scope="module")
def cmr():
    return np.load(GOLDEN / "cmr" / "preprocess.npz")


CMR_CASES = (((200.3, 150.4), 1.0, 0, False, (1, 1, 1)), ((330.4, 60.3), 1.3, 25, False, (0.8, 1.2, 1)),
             ((120.5, 99.25), 0.9, -40, True, (1.3, 0.7, 1.1)), ((180.3, 160.7), 1.7, 0, True, (0.9, 1, 1.4)))


@pytest.mark.parametrize("case", range(4))
def test_graphcmr_samples(cmr, case):
    center, scale, rotation_deg, flip, colour = CMR_CASES[case]
    image = seeded.image("cmr/augment", 300, 400, SEED) // 2 + 40
    crop = crops.crop_stretched(image, center, scale, 224, rotation_deg)
    crop = augment.scale_colour(crop[:, ::-1] if flip else crop, colour)
    assert np.abs(crop[::2, ::2].astype(int) - cmr[f"image_{case}"]).max() <= 1

    u = seeded.array("cmr/augment/keypoints", (24, 3), SEED, 0, 1).astype(np.float64)
    points = crops.crop_points(u[:, :2] * (400, 300), center, scale, 224, rotation_deg)
    keypoints = np.concatenate([points, u[:, 2:] > 0.3], 1)
    joints = augment.rotate_points(0.3 * seeded.array("cmr/augment/joints", (24, 3), SEED).astype(np.float64),
                                   rotation_deg)
    pose = augment.rotate_root(0.5 * seeded.array("cmr/augment/pose", (72,), SEED).astype(np.float64), rotation_deg)
    if flip:
        keypoints, joints = augment.flip_points(keypoints, CMR_24), augment.flip_points(joints, CMR_24)
        pose = augment.flip_pose(pose, SMPL_JOINTS)
    for name, value in (("keypoints", keypoints), ("joints", joints), ("pose", pose)):
        np.testing.assert_allclose(value, cmr[f"{name}_{case}"], atol=1e-5)


def test_graphcmr_demo_crops(cmr):
    image = seeded.image("cmr/person", 361, 481, SEED) // 2 + 40
    center, scale = center_scale((150.3, 60.6, 180, 241), enlarge=1)
    assert np.abs(crops.crop_stretched(image, center, scale, 224)[::2, ::2].astype(int)
                  - cmr["person_bbox"]).max() <= 1
    assert np.abs(crops.crop_stretched(image, (240, 180), 481 / 200, 224)[::2, ::2].astype(int)
                  - cmr["person_full"]).max() <= 1
    points = np.stack([seeded.array("cmr/openpose/x", (25,), SEED, 50, 400),
                       seeded.array("cmr/openpose/y", (25,), SEED, 20, 300)], 1)
    conf = seeded.array("cmr/openpose/c", (25,), SEED, 0, 1)
    center, scale = crops.box_of_detections(points, conf)
    np.testing.assert_allclose([*center, scale], cmr["openpose_bbox"], rtol=1e-6)


@pytest.mark.parametrize("case", ["whole", "bbox", "openpose"])
def test_spin_crops(case):
    golden = np.load(GOLDEN / "hmr" / "spin.npz")
    image = seeded.image("hmr/image0", 240, 320, SEED)
    x, y, scale = golden[f"crop_{case}_center_scale"].astype(np.float64)
    if case == "bbox":  # its right edge lies on a whole pixel, which float32 misses
        (x, y), scale = center_scale(golden["bbox_json"], enlarge=1)
    corners = crops.crop_corners((x, y), scale, 224)
    assert np.concatenate(corners).tolist() == golden[f"crop_{case}_ul_br"].tolist()
    values = normalize(crops.crop_stretched(image, (x, y), scale, 224))
    np.testing.assert_allclose(values[:, ::7, ::7], golden[f"crop_{case}_image"], atol=0.03)


@pytest.mark.parametrize("dataset,index", [("lsp", 0), ("lsp", 1), ("coco", 0), ("coco", 1), ("mpi_inf_3dhp", 0),
                                           ("hum36m", 1)])
def test_pytorch_hmr_crops(dataset, index):
    golden = np.load(GOLDEN / "hmr" / "preprocess.npz")
    shape = ((240, 320), (300, 200))
    image = seeded.image(f"hmr/image{index}", *shape[index], SEED)
    box = golden[f"{dataset}/box"][index].astype(np.float64)
    square = crops.grown_square(box[:2], box[2:])
    crop = crops.crop_cubic(image, square, 224)
    source = golden[f"{dataset}/kp_source"][index].astype(np.float64)
    points = crops.square_points(source[:, :2], square, 224)
    for name in ("plain", "flip"):
        if name == "flip":
            crop, points = crop[:, ::-1], augment.flip_points(points, LSP_14, width=223)
        wanted = golden[f"{dataset}/{index}/{name}/kp_2d"]
        np.testing.assert_allclose(2 * points / 224 - 1, wanted[:, :2], atol=1e-4)
        values = normalize(crop[..., ::-1], (0.5,) * 3, (0.5,) * 3)
        np.testing.assert_allclose(values[:, ::7, ::7], golden[f"{dataset}/{index}/{name}/image"], atol=0.008)


@pytest.mark.parametrize("case", ["whole", "openpose"])
def test_hmr_demo_crops(case):
    golden = np.load(GOLDEN / "hmr" / "demo.npz")
    image = seeded.image("hmr/image0", 240, 320, SEED)
    scale, center = 224 / 320, np.array([160, 120])  # the whole image
    if case == "openpose":
        people = golden["openpose_keypoints"]
        surest = max(people, key=lambda person: person[person[:, 2] > 0.2, 2].mean())
        scale, center = crops.person_scale(surest[:, :2], surest[:, 2])
    assert scale == pytest.approx(float(golden[f"{case}_scale"]), rel=1e-6)
    np.testing.assert_allclose(center, golden[f"{case}_center"], atol=1e-4)
    crop, start = crops.scale_and_crop(image, scale, center, 224)
    assert start.tolist() == golden[f"{case}_start_pt"].tolist()
    values = crop / 127.5 - 1
    np.testing.assert_allclose(values[::7, ::7], golden[f"{case}_crop"], atol=0.008)
    np.testing.assert_allclose(values.mean((0, 1)), golden[f"{case}_crop_mean"], atol=1e-4)


@pytest.mark.parametrize("case,scale,rotation_deg,flip", [("plain", 1.0, 0, False), ("border", 1.0, 0, False),
                                                          ("augmented", 1.1, 25, True)])
def test_hand4whole_patches(case, scale, rotation_deg, flip):
    golden = np.load(GOLDEN / "hand4whole" / "preprocess.npz")
    image = seeded.image("hand4whole/photo", 480, 640, SEED)
    box = golden["bbox_out"][3 if case == "border" else 0].astype(np.float64)
    if flip:
        image, box[0] = image[:, ::-1], 640 - 1 - box[0] - box[2]
    matrix = crops.patch_matrix(box, (384, 512), scale, rotation_deg)
    np.testing.assert_allclose(matrix, golden[f"patch/{case}/trans"], atol=1e-4)
    difference = np.abs(crops.crop_patch(image, matrix, (384, 512))[::8, ::8] - golden[f"patch/{case}/img"])
    assert difference.mean() < 0.05 and np.quantile(difference, 0.999) < 2


def test_hand4whole_boxes():
    golden = np.load(GOLDEN / "hand4whole" / "preprocess.npz")
    for box, wanted in zip(golden["bbox_in"], golden["bbox_out"]):
        found = crops.person_box(box, (640, 480), 384 / 512)
        if np.isnan(wanted).any():
            assert found is None
        else:
            np.testing.assert_allclose(found, wanted, atol=1e-4)
