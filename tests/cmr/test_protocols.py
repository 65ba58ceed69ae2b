"""What the evaluation sets hold as truth, by hand."""
from dataclasses import replace

import cv2
import numpy as np
import pytest

from cmr.src.dataset import CMRDataset, Crop
from cmr.src.evaluate import J24_TO_J14, REGRESSED_JOINTS, MeshPrediction
from cmr.src.mesh import load_smpl
from cmr.src.protocols import TrueGenderedBodies, TrueJoints, TrueSegmentations, TrueShapes, find_parts
from common.body_models.companions import load_regressor
from common.errors import UserError
from common.joints import BODY_PARTS


@pytest.fixture(scope="module")
def model():
    return load_smpl()


@pytest.fixture(scope="module")
def regressor(model):
    return load_regressor(model, "J_regressor_h36m")


@pytest.fixture
def people(tmp_path):
    """Function fields -> CMRDataset whose images are all the same."""
    cv2.imwrite(str(tmp_path / "a.png"), np.full((64, 64, 3), 99, np.uint8))

    def make(count=2, **fields):
        fields = {"imgname": np.array(["a.png"] * count), "center": np.full((count, 2), 32.0),
                  "scale": np.full(count, 0.32), **fields}
        return CMRDataset(fields, str(tmp_path), Crop(32))
    return make


def test_true_shapes_are_those_of_the_parameters(people, model):
    shape = np.zeros((2, 10))
    shape[1, 0] = 2.0
    test_set = TrueShapes(people(pose=np.zeros((2, 72)), shape=shape), model)
    items = [test_set.item(index) for index in (0, 1)]
    assert np.abs(items[0]["vertices"] - model.v_template).max() < 1e-5
    assert np.abs(items[1]["vertices"] - model.v_template - 2 * model.shapedirs[..., 0]).max() < 1e-5
    assert items[0]["image"].shape == (3, 32, 32)
    # Half way between two meshes, everybody is off by half of their distance.
    half = 1000 * np.linalg.norm(model.shapedirs[..., 0], axis=-1).mean()
    assert test_set.mean_error() == pytest.approx(half, rel=1e-4)


def test_human36m_takes_14_joints_as_they_are(people, regressor):
    labels = np.random.default_rng(0).standard_normal((2, 24, 4))
    item = TrueJoints(people(S=labels), regressor).item(1)
    assert np.array_equal(item["j3d"], labels[1, J24_TO_J14, :3])


def test_3dpw_regresses_joints_of_the_gendered_body(people, model, regressor):
    models = {"male": model, "female": replace(model, v_template=1.1 * model.v_template), "neutral": model}
    fields = {"pose": np.zeros((3, 72)), "shape": np.zeros((3, 10)), "gender": np.array(["male", "female", "?"])}
    test_set = TrueGenderedBodies(people(3, **fields), models, regressor)
    male, female = (test_set.item(index)["j3d"] for index in (0, 1))
    assert female == pytest.approx(1.1 * male, abs=1e-5)
    pelvis = regressor[REGRESSED_JOINTS.index("pelvis")] @ model.v_template
    right_ankle = regressor[REGRESSED_JOINTS.index("right_ankle")] @ model.v_template
    assert male[0] == pytest.approx(right_ankle - pelvis, abs=1e-5)
    with pytest.raises(UserError, match="'?'"):
        test_set.item(2)


def test_a_mesh_under_its_own_mask_is_right(people, model, tmp_path):
    part_of = find_parts(model, "", "")
    fields = {"maskname": np.array(["mask.png", "empty.png"]), "partname": np.array(["parts.png"] * 2)}
    test_set = TrueSegmentations(people(**fields), str(tmp_path), model.faces, part_of)
    upright, cam = model.v_template * (1, -1, -1), np.array([0.9, 0.0, -0.2])
    parts = cv2.resize(test_set.metric.render(upright, cam), (64, 64), interpolation=cv2.INTER_NEAREST)
    assert set(np.unique(parts)) == {0, *range(1, 7)}
    # The upper end of the body is its head, the lower one are its legs.
    rows = np.flatnonzero(parts.any(1))
    assert set(np.unique(parts[rows[0]])) <= {0, 1 + BODY_PARTS.index("head")}
    assert set(np.unique(parts[rows[-1]])) <= {0, 1 + BODY_PARTS.index("left_leg"), 1 + BODY_PARTS.index("right_leg")}
    cv2.imwrite(str(tmp_path / "parts.png"), parts)
    cv2.imwrite(str(tmp_path / "mask.png"), 255 * (parts > 0).astype(np.uint8))
    item = test_set.item(0)
    test_set.metric.update(MeshPrediction(upright[None], cam[None], None, None, None),
                           {name: value[None] for name, value in item.items() if name != "image"})
    assert set(test_set.metric.results().values()) == {1.0}


@pytest.mark.parametrize("which", ["mask.png", "parts.png"])
@pytest.mark.parametrize("content", [b"no image", np.ones((32, 64), np.uint8), np.zeros((64, 64), np.uint8)])
def test_people_without_a_usable_segmentation_are_left_out(people, model, tmp_path, which, content, caplog):
    """Damaged, of another size, or a silhouette of nobody; parts may all be background."""
    fields = {"maskname": np.array(["good.png", "mask.png"]), "partname": np.array(["good.png", "parts.png"])}
    test_set = TrueSegmentations(people(2, **fields), str(tmp_path), model.faces, None)
    for name in ("good.png", "mask.png", "parts.png"):
        cv2.imwrite(str(tmp_path / name), np.ones((64, 64), np.uint8))
    if isinstance(content, bytes):
        (tmp_path / which).write_bytes(content)
    else:
        cv2.imwrite(str(tmp_path / which), content)
    assert test_set.item(0)["image"] is not None
    empty_parts = which == "parts.png" and content is not None and not isinstance(content, bytes) and not content.any()
    item = test_set.item(1)
    assert (item["image"] is None) != empty_parts
    assert (test_set.people.left_out() > 0) != empty_parts and (which in caplog.text) != empty_parts
    (tmp_path / "good.png").unlink()
    with pytest.raises(UserError, match="good.png does not exist"):
        test_set.item(0)


def test_parts_of_a_real_body_need_their_files(model, tmp_path):
    real = replace(model, source="smpl.pkl")
    for paths in (("", ""), (str(tmp_path / "no.npy"), str(tmp_path / "no.npy"))):
        with pytest.raises(UserError, match="cube_parts.npy"):
            find_parts(real, *paths)
