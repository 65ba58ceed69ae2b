"""Training samples: images and targets belong together, sets are mixed as they should, bad input is named."""
import argparse
import dataclasses
import json
import shutil

import cv2
import numpy as np
import pytest

from common.body_models.files import load_body_model
from common.data.augment import HAND4WHOLE, Augmentation
from common.data.order import sample_rng
from common.data.readers.coco_wholebody import read_coco_wholebody
from common.data.readers.human36m_images import read_human36m
from common.errors import UserError
from common.joints import index_map
from common.stand_ins.datasets import coco_wholebody, freihand, human36m_images
from hand4whole.src import joint_sets
from hand4whole.src.body import BodyFits, HandFits
from hand4whole.src.dataset import UNSURE_JOINTS, UNSURE_ROTATIONS, HandSource, PersonSource
from hand4whole.src.datasets import build_training_set, freihand_hands, wholebody_hands
from hand4whole.src.joint_sets import JOINTS, LEFT_HAND, RIGHT_HAND, ROTATIONS
from hand4whole.src.targets import COLUMNS, HAND_COLUMNS, Space

SPACE, HAND_SPACE = Space((96, 128), (6, 8, 8)), Space((64, 64), (8, 8, 8))
PLAIN, MIRROR = Augmentation(), Augmentation(flip_prob=1.0)
SHAPES = {"img": (3, 128, 96), "smplx_pose": (159,), "smplx_pose_valid": (159,), "smplx_shape": (10,),
          "smplx_expr": (10,)}


class Settings(dict):
    """A dictionary with attributes, as settings are."""

    __getattr__ = dict.__getitem__


def settings(root, parts="whole", **changes):
    values = {"parts": parts, "dataset_root": str(root), "trainset_3d": ["Human36M"], "trainset_2d": ["COCOWB"],
              "mano_left_path": "", "input_img_shape": [128, 96], "output_hm_shape": [8, 8, 6],
              "input_hand_shape": [64, 64], "output_hand_hm_shape": [8, 8, 8], "body_3d_size": 2.0,
              "hand_3d_size": 0.3, "face_3d_size": 0.3}
    return Settings(values | changes)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A data root with sets under the second of their names."""
    root = tmp_path_factory.mktemp("dataset")
    for module, name, num, options in ((human36m_images, "Human36M", 3, {"size": 128, "only": "hand4whole"}),
                                       (coco_wholebody, "MSCOCO", 4, {"crops": 0}), (freihand, "FreiHand", 3, {})):
        module.make(argparse.Namespace(output_dir=str(root / name), num=num, seed=3, **options))
    return root


@pytest.fixture(scope="module")
def smplx():
    return load_body_model("smplx")


@pytest.fixture(scope="module")
def fits(smplx):
    return BodyFits(smplx)


@pytest.fixture(scope="module")
def hand_fits():
    return HandFits(load_body_model("mano_right"), load_body_model("mano_left"))


def row_of(source, index, epoch=0):
    return dict(zip(source.columns, source.sample(index, sample_rng(1, epoch, index))))


def wholebody(root, fits, augmentation):
    return PersonSource("COCOWB", read_coco_wholebody(root / "MSCOCO"), joint_sets.of_wholebody, fits, SPACE,
                        augmentation)


def human36m(root, fits, augmentation):
    return PersonSource("Human36M", read_human36m(root / "Human36M"), joint_sets.of_human36m, fits, SPACE, augmentation,
                        unsure=True)


# Targets of whole people.

@pytest.mark.parametrize("augmentation", [PLAIN, MIRROR, HAND4WHOLE])
def test_fits_lie_on_the_annotated_joints(root, fits, augmentation):
    """Both were made from one body, so they agree however the sample is changed."""
    source = wholebody(root, fits, augmentation)
    for index in range(len(source)):
        row = row_of(source, index)
        both = (row["joint_trunc"] * row["smplx_joint_trunc"])[:, 0] > 0
        # COCO's hips and eyes lie elsewhere than SMPL-X's, and the face's outline in the data does not slide.
        both &= [25 <= number < 120 for number in range(137)]
        assert np.abs(row["joint_img"] - row["smplx_joint_img"])[both, :2].max(initial=0) < 0.02


def test_columns_shapes_and_ranges(root, fits):
    for source in (wholebody(root, fits, HAND4WHOLE), human36m(root, fits, HAND4WHOLE)):
        row = row_of(source, 1)
        assert tuple(row) == COLUMNS
        for name, value in row.items():
            assert value.dtype == np.float32 and np.isfinite(value).all()
            wanted = (137, 3) if name.endswith(("_img", "_cam")) else (137, 1) if "joint" in name else \
                (2,) if name.endswith(("center", "size")) else ()
            assert value.shape == SHAPES.get(name, wanted), name
            if name.endswith(("valid", "trunc", "is_3d")):
                assert set(np.unique(value)) <= {0, 1}
        assert 0 <= row["img"].min() and 0.3 < row["img"].max() <= 1


def test_boxes_hold_the_hands_of_their_side(root, fits):
    for augmentation in (PLAIN, MIRROR):
        source, checked = wholebody(root, fits, augmentation), 0
        for index in range(len(source)):
            row = row_of(source, index)
            for part, joints in (("lhand", LEFT_HAND), ("rhand", RIGHT_HAND)):
                points = row["joint_img"][joints][row["joint_valid"][joints][:, 0] > 0]
                if row[f"{part}_bbox_valid"] and len(points):
                    distance = np.abs(points[:, :2] - row[f"{part}_bbox_center"]) - row[f"{part}_bbox_size"] / 2
                    assert distance.max() < 0.02
                    checked += 1
        assert checked > 2


def test_mirrored_samples_mirror_everything(root, fits):
    plain, mirror = row_of(human36m(root, fits, PLAIN), 0), row_of(human36m(root, fits, MIRROR), 0)
    # Pixels are counted from the centre of the first one: column u goes to column S - u.
    np.testing.assert_allclose(mirror["img"][..., 1:], plain["img"][..., :0:-1], atol=0.03)
    left, right = JOINTS.index("left_wrist"), JOINTS.index("right_wrist")
    for name in ("joint_img", "smplx_joint_img"):
        np.testing.assert_allclose(mirror[name][left, 0], 6 - plain[name][right, 0], atol=1e-4)
        np.testing.assert_allclose(mirror[name][left, 1:], plain[name][right, 1:], atol=1e-4)
    np.testing.assert_allclose(mirror["joint_cam"][left], plain["joint_cam"][right] * (-1, 1, 1), atol=1e-5)


def test_depth_is_relative_and_scaled(root, fits):
    row = row_of(human36m(root, fits, PLAIN), 0)
    assert row["is_3d"] == 1 and row["joint_valid"].sum() == 14
    for name in ("joint", "smplx_joint"):
        assert (row[f"{name}_cam"][0] == 0).all() and row[f"{name}_img"][0, 2] == 4
        knee = JOINTS.index("left_knee")
        # Two metres are eight cells.
        np.testing.assert_allclose(row[f"{name}_img"][knee, 2], 4 + 4 * row[f"{name}_cam"][knee, 2], atol=1e-5)
    tip, wrist = JOINTS.index("left_index4"), JOINTS.index("left_wrist")
    assert np.linalg.norm(row["smplx_joint_cam"][tip]) < 0.25 < np.linalg.norm(row["smplx_joint_cam"][wrist])
    np.testing.assert_allclose(row["smplx_joint_img"][tip, 2], 4 + row["smplx_joint_cam"][tip, 2] / 0.15 * 4, atol=1e-4)


def test_feet_and_wrists_of_human36m_fits_are_no_targets(root, fits):
    row, other = row_of(human36m(root, fits, PLAIN), 0), row_of(wholebody(root, fits, PLAIN), 0)
    unsure = index_map(JOINTS, UNSURE_JOINTS)
    rotations = index_map(ROTATIONS, UNSURE_ROTATIONS)
    for name in ("smplx_joint_valid", "smplx_joint_trunc"):
        assert not row[name][unsure].any()
    assert row["smplx_joint_valid"].sum() == 137 - 6 and other["smplx_joint_valid"].sum() == 137
    assert not row["smplx_pose_valid"].reshape(53, 3)[rotations].any() and row["smplx_pose_valid"].sum() == 3 * 49
    assert not (row["lhand_bbox_valid"] or row["face_bbox_valid"])


# Hands.

def test_hands_are_right_hands(root, hand_fits):
    hands = wholebody_hands(root / "MSCOCO")
    assert {hand.side for hand in hands} == {"left", "right"}
    source = HandSource("COCOWB", hands, hand_fits, HAND_SPACE, HAND4WHOLE, False)
    checked = 0
    for index, hand in enumerate(source.items):
        row = row_of(source, index)
        assert tuple(row) == HAND_COLUMNS and row["img"].shape == (3, 64, 64) and row["mano_pose"].shape == (48,)
        assert row["is_3d"] == 0 and row["mano_shape_valid"] == 1
        # The wrist of the fit is the person's own; a mirrored left hand's thumb is on the side of a right one's.
        if row["joint_valid"][0]:
            assert np.abs(row["joint_img"][0, :2] - row["mano_joint_img"][0, :2]).max() < 0.05
        if hand.side == "left":
            fit = hand_fits.joints("left", hand.fit.pose, hand.fit.beta, hand.fit.translation)
            lengths = np.linalg.norm(row["mano_joint_cam"], axis=1)
            np.testing.assert_allclose(lengths, np.linalg.norm(fit - fit[0], axis=1), atol=1e-5)
            checked += 1
    assert checked


def test_freihand_is_never_mirrored(root, hand_fits):
    source = HandSource("FreiHAND", freihand_hands(root / "FreiHand"), hand_fits, HAND_SPACE, MIRROR, True)
    for index, hand in enumerate(source.items):
        row = row_of(source, index)
        assert not row["joint_valid"].any() and row["is_3d"] == 1
        np.testing.assert_allclose(row["mano_pose"], hand.fit.pose, atol=1e-5)


# Mixing.

def test_halves_have_equal_shares(root, smplx):
    source = build_training_set(settings(root), smplx)
    assert source.columns == COLUMNS
    flags = [row_of(source, index)["is_3d"] for index in range(len(source))]
    assert np.mean(flags) == 0.5
    again = [source.sample(index, sample_rng(1, 0, index)) for index in (0, len(source) - 1)]
    for index, row in zip((0, len(source) - 1), again):
        for value, name in zip(row, COLUMNS):
            np.testing.assert_array_equal(value, row_of(source, index)[name])
    other = row_of(source, 0, epoch=1)["img"]
    assert np.abs(other - row_of(source, 0)["img"]).max() > 0.05


def test_every_sample_of_the_larger_half_comes_once(root, smplx):
    source = build_training_set(settings(root, trainset_2d=[]), smplx)
    chosen = [source.sources[0].locate(source.locate(index, sample_rng(1, 0, index))[1], sample_rng(1, 0, index))
              for index in range(len(source))]
    assert sorted(chosen) == [(0, index) for index in range(len(source))]


def test_settings_of_sets(root, smplx):
    hand = build_training_set(settings(root, "hand", trainset_3d=["FreiHand"], trainset_2d=["MSCOCO"]),
                               load_body_model("mano_right"))
    assert hand.columns == HAND_COLUMNS
    real = dataclasses.replace(load_body_model("mano_right"), source="MANO_RIGHT.pkl")
    with pytest.raises(UserError, match="--mano_left_path is empty: COCOWB has left hands"):
        build_training_set(settings(root, "hand", trainset_3d=[]), real)
    for changes, message in (({"trainset_3d": ["AGORA"]}, "--trainset_3d AGORA: choose from Human36M"),
                             ({"trainset_3d": ["COCOWB"]}, "it has 2D joints, name it with --trainset_2d"),
                             ({"trainset_3d": [], "trainset_2d": []}, "both empty"),
                             ({"trainset_3d": ["MPI_INF_3DHP"]}, "holds none of MPI_INF_3DHP")):
        with pytest.raises(UserError, match=message):
            build_training_set(settings(root, **changes), smplx)


# Bad input.

def edited(root, tmp_path, edit):
    """A copy of COCO-WholeBody whose annotations `edit` has changed."""
    copy = shutil.copytree(root / "MSCOCO", tmp_path / "MSCOCO")
    path = copy / "annotations" / "coco_wholebody_train_v1.0.json"
    content = json.loads(path.read_text())
    edit(content["annotations"])
    path.write_text(json.dumps(content))
    return copy


def test_people_beside_the_image_are_left_out(root, fits, tmp_path):
    """An empty box is none: it is the one around the joints."""
    def edit(people):
        people[0]["bbox"] = [10, 10, 0, 50]
        people[1]["bbox"] = [5000, 10, 40, 50]

    edited(root, tmp_path, edit)
    assert len(wholebody(tmp_path, fits, PLAIN)) == len(wholebody(root, fits, PLAIN)) - 1

    def everyone(people):
        for person in people:
            person["bbox"] = [5000, 10, 40, 50]

    shutil.rmtree(tmp_path / "MSCOCO")
    edited(root, tmp_path, everyone)
    with pytest.raises(UserError, match="COCOWB: none of its .* boxes lies inside its image"):
        wholebody(tmp_path, fits, PLAIN)


def test_hands_outside_the_image_are_no_targets(root, fits, hand_fits, tmp_path):
    def edit(people):
        for person in people:
            person["lefthand_valid"], person["lefthand_box"] = True, [-900, 10, 40, 50]

    copy = edited(root, tmp_path, edit)
    for augmentation, part in ((PLAIN, "lhand"), (MIRROR, "rhand")):
        source = wholebody(tmp_path, fits, augmentation)
        assert not any(row_of(source, index)[f"{part}_bbox_valid"] for index in range(len(source)))
    hands = HandSource("COCOWB", wholebody_hands(copy), hand_fits, HAND_SPACE, PLAIN, False)
    assert all(hand.side == "right" for hand in hands.items)


def test_people_without_fit_teach_their_joints_alone(root, smplx, tmp_path, caplog):
    copy = shutil.copytree(root, tmp_path / "root")
    (copy / "MSCOCO" / "annotations" / "MSCOCO_train_SMPLX_all_NeuralAnnot.json").unlink()
    source = build_training_set(settings(copy, trainset_3d=[]), smplx)
    assert "have no fitted body" in caplog.text
    row = row_of(source, 0)
    assert row["joint_valid"].any()
    for name in ("smplx_joint_valid", "smplx_joint_trunc", "smplx_pose_valid", "smplx_shape_valid",
                 "smplx_expr_valid"):
        assert not row[name].any()


def test_fits_behind_the_camera_are_no_targets(root, fits, hand_fits, tmp_path):
    copy = shutil.copytree(root / "MSCOCO", tmp_path / "MSCOCO")
    for name in ("SMPLX_all", "MANO"):
        path = copy / "annotations" / f"MSCOCO_train_{name}_NeuralAnnot.json"
        content = json.loads(path.read_text())
        for person in content.values():
            for fit in (person,) if name == "SMPLX_all" else person.values():
                fit["smplx_param" if name == "SMPLX_all" else "mano_param"]["trans"] = [0, 0, 0]
        path.write_text(json.dumps(content))
    row = row_of(wholebody(tmp_path, fits, PLAIN), 0)
    hand = row_of(HandSource("COCOWB", wholebody_hands(copy), hand_fits, HAND_SPACE, PLAIN, False), 0)
    assert all(np.isfinite(value).all() for value in (*row.values(), *hand.values()))
    assert not (row["smplx_joint_valid"].any() or row["smplx_shape_valid"] or hand["mano_joint_valid"].any())
    assert row["joint_valid"].any() and hand["joint_valid"].any()


def test_damaged_and_foreign_images(root, fits, tmp_path, caplog):
    shutil.copytree(root / "MSCOCO", tmp_path / "MSCOCO")
    source = wholebody(tmp_path, fits, PLAIN)
    path = source.items[0].image_path
    with open(path, "wb") as stream:
        stream.write(b"no image")
    row = row_of(source, 0)
    row_of(source, 0)
    assert not any(value.any() for value in row.values())
    assert caplog.text.count("is damaged") == 1
    source = wholebody(tmp_path, fits, PLAIN)
    cv2.imwrite(path, np.zeros((50, 60, 3), np.uint8))
    row = row_of(source, 0)
    assert not any(value.any() for value in row.values())
    assert "is 60 x 50 pixels, its annotations are for" in caplog.text
    (tmp_path / "MSCOCO" / "images").rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="does not exist"):
        row_of(source, 0)
