"""Virtual cameras, by cameras that can be worked out by hand."""
import numpy as np
import pytest
from pose_statistics import statistics_of

from common.errors import UserError
from common.joints import SKELETONS, index_map
from pose_baseline.src import augment
from pose_baseline.src.augment import PoseAugmentation, virtual_view
from pose_baseline.src.config import check_training, read_settings
from pose_baseline.src.normalisation import targets_to_mm

LEVEL = (0.0 - augment.PITCH[0]) / (augment.PITCH[1] - augment.PITCH[0])


def _chance(yaw=0.5, pitch=LEVEL, distance=0.0, scale=0.0, across=0.5, down=0.5, roll=0.5):
    return np.array([[yaw, pitch, roll, distance, scale, across, down, 0.5]])


POSE = np.array([[[0.0, 0.0, 0.0], [100.0, -50.0, 0.0], [0.0, 0.0, 700.0]]])


def test_a_camera_in_front():
    joints, pixels, scale = virtual_view(POSE, _chance())
    assert np.allclose(joints, POSE) and np.allclose(scale, 0.1)
    # 2300 mm away at 0.1 px per mm: a focal length of 230 px; the last joint is 3000 mm away.
    assert np.allclose(pixels[0], [[500, 500], [510, 495], [500, 500]])
    _, pixels, _ = virtual_view(POSE, _chance(distance=1.0, scale=1.0, across=1.0, down=0.0))
    assert np.allclose(pixels[0, 0], [720, 370])
    depth = 9000.0 + 700.0
    assert np.allclose(pixels[0, 2], 500 + 0.45 * 9000 * np.array([220, -130]) / 0.45 / depth)


def test_a_camera_from_behind_from_above_and_tilted():
    joints, _, _ = virtual_view(POSE, _chance(yaw=1.0))
    assert np.allclose(joints[0], POSE[0] * [-1, 1, -1])
    # From above the head, which is up (y negative), comes nearer than the pelvis.
    joints, _, _ = virtual_view(np.array([[[0.0, -600.0, 0.0]]]), _chance(pitch=1.0))
    assert np.allclose(joints[0, 0], [0, -600 * np.cos(0.8), -600 * np.sin(0.8)])
    joints, _, _ = virtual_view(np.array([[[100.0, 0.0, 0.0]]]), _chance(roll=1.0))
    angle = augment.ROLL * np.sqrt(6) * 0.5
    assert np.allclose(joints[0, 0], 100 * np.array([np.cos(angle), np.sin(angle), 0]))


@pytest.fixture(scope="module")
def data():
    """Statistics and 64 normalised poses of nobody."""
    rng = np.random.default_rng(0)
    centred = rng.normal(0, 300, (200, 96)) * (np.arange(96) > 2)
    statistics = statistics_of(rng.normal(500, 80, (200, 64)), centred)
    inputs = statistics.normalise_2d(rng.normal(500, 80, (64, 32))).astype(np.float32)
    return statistics, inputs, statistics.normalise_3d(rng.normal(0, 300, (64, 48))).astype(np.float32)


def test_share_and_repetition(data):
    statistics, inputs, targets = data
    indices = np.arange(64)
    first = PoseAugmentation(statistics, 0.5, 0.0, 1)([inputs, targets], 3, indices)
    changed = np.abs(first[0] - inputs).max(1) > 1e-3
    assert 20 < changed.sum() < 44 and np.allclose(first[1][~changed], targets[~changed], atol=1e-5)
    # The same of a sample in another batch, another one in another epoch.
    again = PoseAugmentation(statistics, 0.5, 0.0, 1)([inputs[40:], targets[40:]], 3, indices[40:])
    assert np.array_equal(again[0], first[0][40:]) and np.array_equal(again[1], first[1][40:])
    other = PoseAugmentation(statistics, 0.5, 0.0, 1)([inputs, targets], 4, indices)
    assert not np.array_equal(other[0], first[0])
    for arrays in (first, other):
        assert arrays[0].dtype == arrays[1].dtype == np.float32


def test_inputs_are_the_projection_of_the_targets(data):
    statistics, inputs, targets = data
    seen, turned = PoseAugmentation(statistics, 1.0, 0.0, 1)([inputs, targets], 0, np.arange(64))
    pixels = statistics.restore_2d(seen).reshape(64, 16, 2)
    joints = targets_to_mm(turned, statistics)
    before = targets_to_mm(targets, statistics)
    assert np.allclose(np.linalg.norm(joints, axis=2), np.linalg.norm(before, axis=2), rtol=1e-4, atol=1e-2)
    inputs_3d = joints[:, index_map("h36m_17", SKELETONS["h36m_16"])]
    # One focal length and distance explain all pixels of a pose: (u - 500) (z + d) = f (x + x0), linear in d, f, f x0.
    for pose, seen in zip(inputs_3d, pixels):
        left = np.column_stack([seen[:, 0] - 500, -pose[:, 0], -np.ones(16)])
        right = -(seen[:, 0] - 500) * pose[:, 2]
        solution, *_ = np.linalg.lstsq(left, right, rcond=None)
        assert np.abs(left @ solution - right).max() < 1e-2 * np.abs(right).max() + 1
        assert augment.DISTANCE_MM[0] * 0.99 < solution[0] < augment.DISTANCE_MM[1] * 1.01


def test_noise_has_the_deviation_that_was_asked_for(data):
    statistics, inputs, targets = data
    noisy, same = PoseAugmentation(statistics, 0.0, 3.0, 1)([inputs, targets], 0, np.arange(64))
    assert np.allclose(same, targets, atol=1e-5)
    pixels, before = (statistics.restore_2d(array).reshape(64, 16, 2)
                      for array in (noisy, inputs))
    shares = (pixels - before) / np.ptp(before[..., 1], axis=1)[:, None, None]
    assert np.std(shares) == pytest.approx(3.0 / 400.0, rel=0.05)


def test_settings():
    def check(*flags):
        check_training(read_settings(["--camera_frame", *flags]))

    check("--virtual_cameras", "0.25", "--noise_px", "2")
    for flags, words in ((["--virtual_cameras", "1.5"], "from 0 to 1"), (["--noise_px=-1"], "from 0 to"),
                         (["--noise_px", "1", "--camera_frame", "false"], "add --camera_frame"),
                         (["--noise_px", "1", "--predict_14"], "leave --predict_14 out"),
                         (["--noise_px", "1", "--data_on_device", "true"], "cannot be augmented")):
        with pytest.raises(UserError, match=words):
            check(*flags)
