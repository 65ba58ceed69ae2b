"""Training crops: functions of seed, epoch and index whose truth agrees with the image, and of many kinds."""
import cv2
import numpy as np
import pytest

from common.body_models.lbs_numpy import pose_body
from common.data.records import NOT_LABELLED, VISIBLE
from common.geometry.rotation import axis_angle_to_matrix
from common.stand_ins.scenes.body import scene_body
from common.stand_ins.scenes.crops import make_crop

SIZE = 64


@pytest.fixture(scope="module")
def crops():
    return [make_crop(1, 0, index, SIZE) for index in range(150)]


def test_a_sample_is_a_function_of_seed_epoch_and_index(crops):
    again = make_crop(1, 0, 7, SIZE)
    np.testing.assert_array_equal(again.image, crops[7].image)
    np.testing.assert_array_equal(again.person.pose, crops[7].person.pose)
    np.testing.assert_array_equal(again.cam, crops[7].cam)
    for other in (make_crop(2, 0, 7, SIZE), make_crop(1, 1, 7, SIZE), make_crop(1, 7, 0, SIZE)):
        assert (other.image != again.image).mean() > 0.5
        assert np.abs(other.person.pose - again.person.pose).max() > 0.1


@pytest.mark.parametrize("size, kind", [(96, "smpl"), (128, "smplx")])
def test_sizes_and_bodies(size, kind):
    crop, model = make_crop(0, 0, 5, size, kind), scene_body(kind).model
    assert crop.image.shape == (size, size, 3) and crop.image.dtype == np.uint8 and crop.mask.shape == (size, size)
    person, shape, directions = crop.person, crop.person.beta, None
    if kind == "smplx":
        shape = np.concatenate([person.beta, person.expression])
        directions = np.concatenate([model.shapedirs[..., :10], model.shapedirs[..., 300:310]], -1)
    vertices, skeleton = pose_body(model, axis_angle_to_matrix(person.pose.reshape(1, -1, 3)), shape[None],
                                   person.translation[None], directions)
    np.testing.assert_allclose(vertices[0], person.vertices, atol=5e-6)
    np.testing.assert_allclose(skeleton[0], person.skeleton, atol=5e-6)


def test_joints_lie_on_the_person(crops):
    near, off = 0, []
    for index, crop in enumerate(crops):
        points = crop.points("lsp_14")
        x, y, z = points.j3d.T
        (fx, fy), (cx, cy) = crop.scene.view.focal, crop.scene.view.principal
        np.testing.assert_allclose(points.j2d, np.stack([fx * x / z + cx, fy * y / z + cy], 1), atol=1e-6)
        inside = ((points.j2d >= 0) & (points.j2d < SIZE)).all(1)
        np.testing.assert_array_equal(points.visibility != NOT_LABELLED, inside)
        column, row = points.j2d[points.visibility == VISIBLE].astype(int).T
        around = cv2.dilate(crop.mask.astype(np.uint8), np.ones((3, 3), np.uint8))
        near += around[row, column].sum()
        off += [index] * int((around[row, column] == 0).sum())
    assert near > 500 and len(off) < 0.01 * near, off


def test_the_weak_camera_is_the_best_one(crops):
    errors = []
    for crop in crops:
        joints = crop.person.skeleton - crop.person.skeleton[0]
        target = crop.scene.view.project(crop.person.skeleton) * 2 / SIZE - 1

        def error(cam, joints=joints, target=target):
            return ((cam[0] * (joints[:, :2] + cam[1:]) - target) ** 2).sum()
        best = error(crop.cam.astype(float))
        for change in np.eye(3) * 0.01:
            assert best <= min(error(crop.cam + change), error(crop.cam - change))
        errors.append(np.sqrt(best / len(joints)))
    assert np.median(errors) < 0.05  # of half a crop: what perspective adds


def test_the_person_fills_the_crop_and_is_not_covered_up(crops):
    shares = np.array([crop.mask.mean() for crop in crops])
    assert (shares > 0.03).mean() > 0.98 and shares.max() < 0.9
    joints = np.array([(crop.points("smpl_24").visibility != NOT_LABELLED).mean() for crop in crops])
    assert joints.min() >= 0.25 and 0.05 < (joints < 0.9).mean() < 0.35  # some are cut off, most are whole


def test_samples_differ_in_everything(crops):
    def spread(function):
        return np.array([function(crop) for crop in crops], float)
    headings = spread(lambda crop: np.arctan2(*(crop.person.skeleton[1] - crop.person.skeleton[2])[[2, 0]]))
    assert np.histogram(headings, 4, (-np.pi, np.pi))[0].min() > 8  # to all sides
    level = spread(lambda crop: np.degrees(np.arcsin(crop.scene.view.rotation[2, 1])))
    assert (level > 25).any() and (level < -8).any()  # from above and from below
    assert 0.01 < spread(lambda crop: np.ptp(crop.image, axis=2).max() == 0).mean() < 0.2  # grey
    assert 0.07 < spread(lambda crop: len(crop.scene.people) == 2).mean() < 0.45
    assert spread(lambda crop: crop.image.mean()).std() > 25 and spread(lambda crop: crop.image.std()).std() > 8
    field = spread(lambda crop: 2 * np.degrees(np.arctan(0.5 * SIZE / crop.scene.view.focal[0])))
    assert field.min() < 8 and field.max() > 30
    assert spread(lambda crop: crop.person.beta[0]).std() > 0.7
    sharp = spread(lambda crop: cv2.Laplacian(crop.image[..., 1], cv2.CV_64F).std())
    assert sharp.max() > 8 * sharp.min()
    poses = np.stack([crop.person.pose[3:] for crop in crops])
    assert np.abs(np.corrcoef(poses) - np.eye(len(poses))).max() < 0.99


def test_clothes_stand_off_the_body_and_the_truth_is_the_body(crops):
    """Without clothes, what is seen of a person lies on the body; here it lies up to some centimetres outside."""
    gaps = []
    for crop in crops:
        pixels = crop.scene.view.project(crop.person.vertices)
        inside = ((pixels > 1) & (pixels < SIZE - 1)).all(1)
        column, row = pixels[inside].astype(int).T
        own = crop.scene.owner[row, column] == 0
        gap = crop.person.vertices[inside, 2][own] - crop.scene.depth[row, column][own]
        gaps.append(gap[np.abs(gap) < 0.1])  # not those on the far side
    gaps = np.concatenate(gaps)
    assert (gaps > 0.01).mean() > 0.2
