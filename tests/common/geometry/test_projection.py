"""Cameras of crops: values by hand, the reference cases, and the way back to the full image."""
from pathlib import Path

import numpy as np
import pytest
from mindspore import Tensor

from common.geometry.projection import (
    crop_points_to_image,
    crop_translation,
    estimate_translation,
    perspective_projection,
    weak_perspective_projection,
)

HMR = Path(__file__).resolve().parents[2] / "golden" / "hmr"


def test_weak_perspective_by_hand():
    points = np.array([[[0.5, -0.25, 9.0]]], np.float32)
    cam = np.array([[2.0, 0.1, 0.05]], np.float32)
    np.testing.assert_allclose(weak_perspective_projection(points, cam), [[[1.2, -0.4]]], atol=1e-7)
    np.testing.assert_allclose(weak_perspective_projection(Tensor(points), Tensor(cam)).asnumpy(), [[[1.2, -0.4]]],
                               atol=1e-7)


def test_perspective_by_hand_and_reference():
    projected = perspective_projection(np.array([[[1.0, 2.0, 1.0]]]), np.array([[0.0, -1.0, 3.0]]), 100, 50)
    np.testing.assert_allclose(projected, [[[75, 75]]])
    case = np.load(HMR / "spin.npz")
    turned = case["persp_points"] @ case["persp_rot"].transpose(0, 2, 1)
    projected = perspective_projection(Tensor(turned), Tensor(case["persp_trans"]), 5000.0).asnumpy()
    np.testing.assert_allclose(projected, case["persp_out"], rtol=1e-5)


def test_crop_translation_agrees_with_the_reference():
    case = np.load(HMR / "spin.npz")
    np.testing.assert_allclose(crop_translation(case["cam"][-1], 5000, 224), case["cam_t"][-1], rtol=1e-5)


def test_far_camera_sees_what_the_weak_perspective_one_sees():
    rng = np.random.default_rng(1)
    points, cam = rng.uniform(-1, 1, (2, 50, 3)), np.array([[0.8, 0.1, -0.2], [1.1, 0.0, 0.3]])
    pixels = perspective_projection(points, crop_translation(cam, 1e7, 224), 1e7, 112)
    np.testing.assert_allclose(pixels / 112 - 1, weak_perspective_projection(points, cam), atol=1e-4)


@pytest.mark.parametrize("prefix", ["whole", "openpose"])
def test_back_to_the_image_agrees_with_the_reference(prefix):
    case = np.load(HMR / "demo.npz")
    scale = float(case[f"{prefix}_scale"])
    # The reference cuts a 224 px crop at start_pt from the scaled image with a border of 112 px around it.
    corner, side = (case[f"{prefix}_start_pt"][None] - 112) / scale, np.array([224 / scale])
    joints = crop_points_to_image(case["joints_crop"][None] / 112 - 1, corner, side)
    np.testing.assert_allclose(joints[0], case[f"{prefix}_joints_original"], atol=1e-4)
    shifted = case["verts"] + crop_translation(case["cam"][None], 500, 224)
    np.testing.assert_allclose(shifted, case[f"{prefix}_verts_shifted"], rtol=1e-5)


def test_estimated_translation_agrees_with_the_reference_and_ignores_joints_without_weight():
    case = np.load(HMR / "spin.npz")
    found = estimate_translation(case["est_S"], case["est_j2d"], case["est_conf"], 5000, np.array([112, 112]))
    np.testing.assert_allclose(found, case["est_trans"], rtol=1e-4)

    points, wanted = np.random.default_rng(3).standard_normal((10, 3)), np.array([0.2, -0.1, 6.0])
    j2d = perspective_projection(points[None], wanted[None], 800.0, 128)[0]
    conf = np.ones(10)
    j2d[4], conf[4] = (9999, -9999), 0
    np.testing.assert_allclose(estimate_translation(points, j2d, conf, 800, 128), wanted, atol=1e-9)
