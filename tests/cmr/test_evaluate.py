"""The metrics against the published implementation, and the protocols by hand."""

import cmr_golden as golden
import numpy as np
import pytest

from cmr.src.evaluate import (
    H36M_TO_J14,
    J24_TO_J14,
    Counts,
    MeshPrediction,
    PoseErrors,
    Segmentation,
    ShapeErrors,
    evaluate,
    parts_of_joints,
    parts_of_texture,
    uncrop,
)
from common.body_models.lbs_numpy import pose_body
from common.errors import UserError
from common.geometry.alignment import align_similarity
from common.geometry.rotation import axis_angle_to_matrix
from common.metrics import joint_errors


def inputs(name, shape, *bounds):
    return golden.array(f"metrics/{name}", shape, *bounds)


@pytest.fixture(scope="module")
def prediction():
    meshes = [(golden.body().v_template + 0.05 * inputs(name, (4, 6890, 3))).astype(np.float32)
              for name in ("vertices", "vertices_smpl")]
    return MeshPrediction(meshes[0], None, meshes[1], None, None)


def test_shape_errors(prediction):
    expected = golden.load("metrics")
    rotmat = axis_angle_to_matrix(0.3 * inputs("pose", (4, 72)).reshape(4, 24, 3))
    vertices, _ = pose_body(golden.body(), rotmat, inputs("betas", (4, 10)))
    metric = ShapeErrors()
    for part in (slice(3), slice(3, 4)):
        metric.update(MeshPrediction(prediction.vertices[part], None, prediction.smpl_vertices[part], None, None),
                      {"vertices": vertices[part]})
    assert np.abs(metric.errors - np.stack([expected["shape_error"], expected["shape_error_smpl"]], -1)).max() < 1e-5
    assert np.abs(np.array(list(metric.results().values())) - expected["up3d"]).max() < 0.01


def test_pose_errors(prediction):
    expected = golden.load("metrics")
    metric = PoseErrors(golden.seeded.joint_regressor("smpl/J_regressor_h36m", 17, 6890, golden.SEED))
    metric.update(prediction, {"j3d": 0.3 * inputs("joints", (4, 24, 3))[:, J24_TO_J14]})
    names = ("mpjpe", "pa_mpjpe", "mpjpe_smpl", "pa_mpjpe_smpl")
    assert np.abs(metric.errors - np.stack([expected[name] for name in names], -1)).max() < 1e-5
    assert np.abs(np.array(list(metric.results().values())) - expected["h36m"]).max() < 0.01
    assert J24_TO_J14.tolist() == [*range(13), 18]
    assert H36M_TO_J14.tolist() == [6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10]
    assert list(metric.results()) == ["MPJPE (NonParam)", "Reconstruction Error (NonParam)", "MPJPE (Param)",
                                      "Reconstruction Error (Param)"]


def test_procrustes():
    expected = golden.load("metrics")
    source = 0.3 * inputs("procrustes_a", (6, 14, 3)).astype(np.float64)
    target = source + 0.05 * inputs("procrustes_noise", (6, 14, 3))
    target[1] = 2.5 * target[1] + 1
    cos, sin = np.cos(1.1), np.sin(1.1)
    target[2] = target[2] @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]).T
    target[3, :, 0] *= -1
    target[4, :, 2] = 0
    aligned = align_similarity(source, target)
    assert np.abs(aligned - expected["procrustes_aligned"]).max() < 1e-5
    assert np.abs(joint_errors(aligned, target).mean(-1) - expected["procrustes_error"]).max() < 1e-5


def test_segmentation_in_the_images():
    expected = golden.load("metrics")
    mask_counts, part_counts = Counts(2), Counts(7)
    sizes, scales = ((150, 120), (110, 160), (224, 224)), np.array([0.7, 0.9, 1.12], np.float32)
    centers = np.array([(60.3, 75.6), (70.5, 40.25), (112.4, 112.7)], np.float32)
    for index, size in enumerate(sizes):
        rendered = golden.seeded.image(f"cmr/lsp/mask{index}", 224, 224, golden.SEED).astype(int)
        mask = rendered[..., 0] > 127
        parts = (rendered[..., 1] * 6 // 256 + 1) * mask
        truth = golden.seeded.image(f"cmr/lsp/gt{index}", *size, golden.SEED).astype(int)
        true_mask = truth[..., 0] > 100
        true_parts = (truth[..., 1] * 6 // 256 + 1) * true_mask
        true_parts[truth[..., 2] > 240] = 255
        mask, parts = (uncrop(image, centers[index], scales[index], size) for image in (mask, parts))
        assert (mask == expected[f"uncrop_mask_{index}"]).all()
        assert (parts == expected[f"uncrop_parts_{index}"]).all()
        mask_counts.add(mask, true_mask)
        part_counts.add(parts, true_parts)
    found = mask_counts.accuracy, mask_counts.f1, part_counts.accuracy, part_counts.f1
    assert np.abs(np.array(found) - expected["lsp"]).max() < 1e-6


def test_counts_by_hand():
    counts = Counts(7)
    counts.add(np.array([[1, 1, 0, 2]]), np.array([[1, 2, 255, 2]]))
    # Class 1: one of two predicted; class 2: one of two true; the unlabelled pixel is right as background only.
    assert counts.accuracy == 0.75
    assert counts.f1 == pytest.approx(2 / 3)
    with pytest.raises(UserError, match="4x1"):
        counts.add(np.zeros((2, 2)), np.zeros((1, 4)))


def test_outside_of_the_crop_is_background():
    assert uncrop(np.ones((8, 8)), (500, 500), 0.1, (20, 30)).sum() == 0
    restored = uncrop(np.ones((8, 8)), (10, 10), 0.05, (20, 30))
    assert restored.sum() == 100 and restored[5:15, 5:15].all()


SQUARE = np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]])
SQUARE_FACES = np.array([[0, 2, 1], [0, 3, 2]])


def test_a_square_is_rendered_where_its_camera_sees_it():
    weights = np.zeros((4, 2))
    weights[[0, 1, 2], 0], weights[3, 1] = 1, 3
    part_of = parts_of_joints(weights, SQUARE_FACES, (4, 6))
    metric = Segmentation(SQUARE_FACES, part_of, 224)
    cam = np.array([0.5, 0.5, 0.0])
    parts = metric.render(SQUARE, cam)
    # s (x + tx) spans [0, 0.5] of [-1, 1] in x, and [-0.25, 0.25] in y: 56 pixels each.
    assert sorted(set(parts[84:140, 112:168].ravel())) == [4, 6] and (parts > 0).sum() == 56 * 56
    batch = {"center": np.array([[112.0, 112.0]]), "scale": np.array([1.12]), "mask": [parts], "parts": [parts]}
    metric.update(MeshPrediction(SQUARE[None], cam[None], None, None, None), batch)
    assert metric.results() == {"Accuracy": 1.0, "F1": 1.0, "Parts Accuracy": 1.0, "Parts F1 (BG)": 1.0}


def test_colours_of_a_texture_become_parts():
    texture = np.zeros((1, 2, 2, 2, 2, 3))
    texture[0, 1, 1, :, :, 0] = 0.02
    cube = np.zeros((3, 2, 2))
    cube[0, 0, 0], cube[1, 0, 0], cube[2, 0, 0] = 1, 2, 3
    part_of = parts_of_texture(texture, cube)
    weights = np.array([[1.0, 0, 0], [0.9, 0.1, 0], [0.6, 0.2, 0.2], [0.1, 0.9, 0]])
    # The colour of face 1 grows with the first weight: 0.02, 0.018, 0.012, 0.002.
    assert part_of(np.ones(4, int), weights).tolist() == [3, 2, 2, 1]
    assert part_of(np.zeros(4, int), weights).tolist() == [1, 1, 1, 1]


def test_lines_and_the_last_batch(caplog):
    true = np.zeros((5, 6890, 3))
    batches = [{"image": np.arange(start, min(start + 2, 5))[:, None, None, None], "vertices": true[start:start + 2]}
               for start in (0, 2, 4)]
    sizes = []

    def predict(image):
        sizes.append(len(image))
        offset = image[:, :, 0] * np.array([1e-3, 0, 0])
        return true[:len(image)] + offset, image, true[:len(image)] + 2 * offset, image, image

    with caplog.at_level("INFO", "mindhuman"):
        results = evaluate(predict, batches, ShapeErrors(), log_freq=2)
    lines = caplog.messages
    assert sizes == [2, 2, 2]
    # Items are off by 0, 1, 2, 3, 4 mm.
    assert results["Shape Error (NonParam)"] == pytest.approx(2)
    assert results["Shape Error (Param)"] == pytest.approx(4)
    assert lines[0] == "Start eval" and lines.index("*** Final Results ***") == 4
    assert float(lines[1].removeprefix("Shape Error (NonParam): ")) == pytest.approx(1.5)
    assert lines[3] == lines[5] == lines[8] == "" and lines[6].startswith("Shape Error (NonParam): ")
    with pytest.raises(UserError, match="empty"):
        evaluate(predict, [], ShapeErrors())
