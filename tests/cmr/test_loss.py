"""The loss against the published implementation, values and gradients, and its rules by property."""

import cmr_golden as golden
import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from cmr.src.layers import SparseProduct
from cmr.src.loss import TERM_NAMES, CMRLoss, keypoint_3d_loss, keypoint_loss, labelled_mean
from common.geometry.rotation import axis_angle_to_matrix


@pytest.fixture(scope="module", autouse=True)
def graph_mode():
    ms.set_context(mode=ms.GRAPH_MODE)
    yield
    ms.set_context(mode=ms.PYNATIVE_MODE)


class FromParameters(nn.Cell):
    """The loss as a function of what the reference case differentiates it by; the mesh is that of level 1."""

    def __init__(self):
        super().__init__()
        self.upsample = SparseProduct(golden.mesh().upsample)
        self.smpl = golden.smpl()
        self.loss = CMRLoss(golden.smpl(), golden.regressor())

    def construct(self, vertices_sub, camera, rotmat, betas, targets):
        vertices = self.upsample(vertices_sub.transpose(1, 0, 2).reshape(1723, -1))
        vertices = vertices.reshape(6890, -1, 3).transpose(1, 0, 2)
        smpl_vertices, _ = self.smpl(rotmat, betas)
        return self.loss((vertices, camera, smpl_vertices, rotmat, betas), *targets)


@pytest.fixture(scope="module")
def case():
    """Predictions and targets of the reference case."""
    def inputs(name, shape, *bounds):
        return golden.array(f"loss/{name}", shape, *bounds)

    camera = np.array([0.9, 0, 0], np.float32) + 0.1 * inputs("camera", (4, 3))
    rotmat = axis_angle_to_matrix(0.5 * inputs("pred_pose", (4, 72)).reshape(4, 24, 3))
    predictions = 0.3 * inputs("vertices_sub", (4, 1723, 3)), camera, rotmat, inputs("pred_betas", (4, 10))
    confidence = [(inputs(name, (4, 24, 1), 0, 1) > 0.3).astype(np.float32)
                  for name in ("keypoints_conf", "joints_conf")]
    j2d = np.concatenate([inputs("keypoints", (4, 24, 2), -1, 1), confidence[0]], -1)
    j3d = np.concatenate([0.3 * inputs("joints", (4, 24, 3)), confidence[1]], -1)
    targets = j2d, j3d, 0.5 * inputs("pose", (4, 72)), inputs("betas", (4, 10))
    flags = np.array([0, 1, 1, 0], np.float32), np.array([1, 0, 1, 0], np.float32)
    return tuple(map(Tensor, predictions)), tuple(map(Tensor, (*targets, *flags)))


def test_terms_and_gradients(case):
    predictions, targets = case
    expected = golden.load("loss")
    gradient = ms.value_and_grad(FromParameters(), (0, 1, 2, 3), has_aux=True)
    (total, terms), gradients = gradient(*predictions, targets)
    found = np.array([*(term.asnumpy() for term in terms), total.asnumpy()])
    assert len(terms) == len(TERM_NAMES)
    assert np.abs(found / expected["terms"] - 1).max() < 1e-5
    for name, value in zip(("vertices_sub", "camera", "rotmat", "betas"), gradients):
        value = value.asnumpy()[:, ::13] if name == "vertices_sub" else value.asnumpy()
        assert np.abs(value - expected[f"grad_{name}"]).max() < 1e-6, name
        assert np.abs(expected[f"grad_{name}"]).max() > 1e-5, name


def test_images_with_2d_labels_only(case):
    predictions, targets = case
    none = Tensor(np.zeros(4, np.float32))
    total, terms = FromParameters()(*predictions, (*targets[:4], none, none))
    found = np.array([*(term.asnumpy() for term in terms), total.asnumpy()])
    expected = golden.load("loss")["terms_2d_only"]
    assert (found[expected == 0] == 0).all()
    assert np.abs(found[expected > 0] / expected[expected > 0] - 1).max() < 1e-5


def test_terms_by_hand():
    has = Tensor([1.0, 0.0, 1.0], ms.float32)
    # (2 + 6) / 2; the second item has no label.
    assert labelled_mean(Tensor([2.0, 100.0, 6.0], ms.float32), has).asnumpy() == 4
    j2d, target = np.zeros((1, 2, 2), np.float32), np.array([[[1, 1, 1], [5, 5, 0]]], np.float32)
    # One joint is off by (1, 1), the other has no confidence: 2 of 4 numbers are 1.
    assert keypoint_loss(Tensor(j2d), Tensor(target)).asnumpy() == 0.5
    j3d = np.arange(24, dtype=np.float32)[None, :, None] * np.ones(3, np.float32)
    moved = np.concatenate([j3d + 7, np.ones((1, 24, 1), np.float32)], -1)
    has = Tensor([1.0], ms.float32)
    assert keypoint_3d_loss(Tensor(j3d), Tensor(moved), has).asnumpy() < 1e-10
    moved[0, 5, 0] += 6
    # One of 72 numbers is off by 6: 36 / 72.
    assert keypoint_3d_loss(Tensor(j3d), Tensor(moved), has).asnumpy() == pytest.approx(0.5)
