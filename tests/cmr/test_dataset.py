"""From prepared annotations to samples: against the published preprocessing, by hand and by properties."""
from pathlib import Path

import cv2
import numpy as np
import pytest
from golden_files import seeded
from PIL import Image

from cmr.src.config import read_settings
from cmr.src.dataset import JOINTS, CMRDataset, Crop, placed, read_annotations, write_annotations
from cmr.src.datasets import build_training_set
from cmr.src.evaluate import batches
from common.data.augment import GRAPHCMR, Change
from common.data.image import IMAGENET_MEAN, IMAGENET_STD, normalize
from common.data.order import sample_rng
from common.errors import UserError

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
# Centre, scale, rotation, flip, colour of the published samples.
CASES = (((200.3, 150.4), 1.0, 0, False, (1, 1, 1)), ((330.4, 60.3), 1.3, 25, False, (0.8, 1.2, 1)),
         ((120.5, 99.25), 0.9, -40, True, (1.3, 0.7, 1.1)), ((180.3, 160.7), 1.7, 0, True, (0.9, 1, 1.4)))


class Fixed:
    """Stands for an `Augmentation` that always draws the same change."""

    def __init__(self, *change):
        self.change = Change(*change)

    def draw(self, _rng):
        return self.change


def array(name, shape, *bounds):
    return seeded.array(f"cmr/augment/{name}", shape, 1, *bounds).astype(np.float64)


@pytest.mark.parametrize("case", range(4))
def test_published_samples(case, tmp_path):
    expected = np.load(GOLDEN / "cmr" / "preprocess.npz")
    center, scale, rotation_deg, flip, colour = CASES[case]
    cv2.imwrite(str(tmp_path / "a.png"), (seeded.image("cmr/augment", 300, 400, 1) // 2 + 40)[..., ::-1])
    u = array("keypoints", (24, 3), 0, 1)
    fields = {"imgname": ["a.png"], "center": np.array([center]), "scale": np.array([scale]),
              "part": np.concatenate([u[:, :2] * (400, 300), u[:, 2:] > 0.3], 1)[None],
              "S": np.concatenate([0.3 * array("joints", (24, 3)), np.ones((24, 1))], 1)[None],
              "pose": 0.5 * array("pose", (1, 72)), "shape": np.ones((1, 10))}
    people = CMRDataset(fields, str(tmp_path), Crop(224, True), Fixed(flip, rotation_deg, 1.0, np.array(colour)))
    sample = dict(zip(CMRDataset.columns, people.sample(0, None)))
    assert all(value.dtype == np.float32 for value in sample.values())
    image = np.rint(255 * (sample["image"].transpose(1, 2, 0) * IMAGENET_STD + IMAGENET_MEAN)).clip(0, 255)
    assert np.abs(image[::2, ::2] - expected[f"image_{case}"]).max() <= 1
    assert np.abs(sample["j2d"] - expected[f"keypoints_{case}"]).max() < 1e-5
    assert np.abs(sample["j3d"][:, :3] - expected[f"joints_{case}"]).max() < 1e-5
    assert np.abs(sample["pose"] - expected[f"pose_{case}"]).max() < 1e-5
    assert sample["has_j3d"] == sample["has_smpl"] == 1 and (sample["betas"] == 1).all()


@pytest.mark.parametrize("flip, rotation_deg, factor", [(False, 0, 1.0), (True, 0, 1.0), (False, 30, 0.9),
                                                        (True, -50, 1.2)])
def test_joints_lie_where_the_image_shows_them(flip, rotation_deg, factor):
    image = np.zeros((200, 240, 3), np.uint8)
    cv2.circle(image, (90, 120), 5, (255, 255, 255), -1)
    change = Change(flip, rotation_deg, factor, np.ones(3))
    spot = np.full((24, 2), 90.5) + (0, 30.0)
    for crop in (Crop(96), Crop(96, True)):
        seen = crop.cut(image, (110.0, 100.0), 0.8, change)[..., 0].astype(float)
        rows, columns = np.indices(seen.shape) + 0.5
        middle = np.array([(columns * seen).sum(), (rows * seen).sum()]) / seen.sum()
        point = 48 * (crop.joints(spot, JOINTS, (110.0, 100.0), 0.8, change)[0] + 1)
        # The published crop cuts to whole pixels.
        assert np.abs(point - middle).max() < (1.7 if crop.contrast_stretch else 0.25)


def test_sides_change_places_in_a_mirror():
    points = np.tile(np.arange(24.0)[:, None], (1, 2))
    left, right = JOINTS.index("left_wrist"), JOINTS.index("right_wrist")
    for crop in (Crop(200), Crop(200, True)):
        plain = crop.joints(points, JOINTS, (100, 100), 1.0)
        mirrored = crop.joints(points, JOINTS, (100, 100), 1.0, Change(True, 0.0, 1.0, np.ones(3)))
        assert mirrored[left] == pytest.approx(plain[right] * (-1, 1), abs=1e-9)


def test_the_square_of_a_crop():
    corner, side = Crop(96).square((110.2, 100.4), 0.8)
    assert corner == pytest.approx([30.2, 20.4]) and side == 160
    corner, side = Crop(224, True).square((110.2, 100.4), 0.8)
    assert corner.tolist() == [30, 20] and side == 160


def test_contrast_is_stretched_only_when_asked_for():
    image = np.random.default_rng(0).integers(100, 150, (80, 80, 3), np.uint8)
    stretched, plain = (Crop(64, stretch).cut(image, (40, 40), 0.4) for stretch in (True, False))
    assert stretched.min() < 20 and stretched.max() > 235
    assert plain.min() >= 100 and plain.max() < 150


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with one image."""
    path = tmp_path_factory.mktemp("images")
    cv2.imwrite(str(path / "a.png"), np.full((60, 80, 3), 128, np.uint8))
    return path


def fields_of(count, **others):
    return {"imgname": np.array(["a.png"] * count), "center": np.full((count, 2), 40.0), "scale": np.full(count, 0.3),
            **others}


def test_missing_labels_are_zero_and_say_so(folder):
    crop = Crop(32)
    source = CMRDataset(fields_of(1), str(folder), crop, GRAPHCMR)
    sample = dict(zip(source.columns, source.sample(0, sample_rng(1, 0, 0))))
    assert {name: value.shape for name, value in sample.items()} == {
        "image": (3, 32, 32), "j2d": (24, 3), "j3d": (24, 4), "pose": (72,), "betas": (10,), "has_j3d": (),
        "has_smpl": ()}
    assert not any(np.any(value) for name, value in sample.items() if name != "image")
    bodies = fields_of(2, pose=np.ones((2, 72)), shape=np.ones((2, 10)), has_smpl=np.array([0.0, 1.0]))
    without, having = (dict(zip(CMRDataset.columns, CMRDataset(bodies, str(folder), crop).sample(number, None)))
                       for number in (0, 1))
    assert without["has_smpl"] == 0 and not without["pose"].any()
    assert having["has_smpl"] == 1 and having["betas"].all()


def labelled(count, names, **others):
    return fields_of(count, part=np.ones((count, 24, 3)), S=np.ones((count, 24, 4)), pose=np.ones((count, 72)),
                     shape=np.ones((count, 10)), **others) | {"imgname": np.array(names)}


def test_an_image_that_is_left_out_teaches_nothing(folder, caplog):
    (folder / "bad.png").write_bytes(b"no image")
    people = CMRDataset(labelled(2, ["bad.png", "a.png"]), str(folder), Crop(32), GRAPHCMR)
    for _ in range(2):
        sample = people.sample(0, sample_rng(1, 0, 0))
    assert [np.shape(value) for value in sample] == [np.shape(value) for value in people.sample(1, sample_rng(1, 0, 0))]
    assert not any(np.any(value) for value in sample) and people.sample(1, sample_rng(1, 0, 1))[0].any()
    assert caplog.text.count("bad.png (8 bytes) is damaged") == 1 and people.left_out() == 1
    assert people.image(0) is None and people.view(0) is None
    with pytest.raises(UserError, match="gone.png does not exist"):
        CMRDataset(labelled(1, ["gone.png"]), str(folder), Crop(32)).sample(0, None)


def test_stored_pixels_count_unless_the_stated_size_fits_the_turned_ones_only(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.fromarray(np.repeat(np.arange(0, 240, 4, np.uint8), 40).reshape(60, 40).T).save(tmp_path / "a.jpg", exif=exif)
    for size, shape in ((None, (40, 60, 3)), ((60, 40), (40, 60, 3)), ((40, 60), (60, 40, 3)), ((0, 0), (40, 60, 3))):
        known = {} if size is None else {"size": np.array([size] * 2, float)}
        people = CMRDataset(labelled(2, ["a.jpg", "b.jpg"], **known), str(tmp_path), Crop(32))
        assert people.read(0).shape == shape
    other = CMRDataset(labelled(2, ["a.jpg", "b.jpg"], size=np.array([[41, 60]] * 2, float)), str(tmp_path), Crop(32))
    assert other.read(0) is None and not any(np.any(value) for value in other.sample(0, None))


def test_the_prepared_file_of_spin_is_read(tmp_path):
    genders = np.array(["m", "f", "M", "neutral"])
    fields = {**labelled(4, ["a.png"] * 4), "gender": genders, "size": np.zeros((4, 2))}
    np.savez(tmp_path / "a.npz", **fields)
    assert read_annotations(str(tmp_path / "a.npz"))["gender"].tolist() == ["male", "female", "male", "neutral"]
    np.savez(tmp_path / "bytes.npz", **{**fields, "gender": genders.astype("S")})
    assert read_annotations(str(tmp_path / "bytes.npz"))["gender"].tolist()[:2] == ["male", "female"]
    np.savez(tmp_path / "other.npz", **{**fields, "gender": np.array(["m", "f", "x", "m"])})
    with pytest.raises(UserError, match="other.npz: gender: the gender 'x' is none of m, f, n, male"):
        read_annotations(str(tmp_path / "other.npz"))


def test_a_sample_is_the_same_for_the_same_random_numbers(folder):
    people = CMRDataset(fields_of(1, part=np.ones((1, 24, 3))), str(folder), Crop(32), GRAPHCMR)
    first, again, other = (people.sample(0, sample_rng(1, epoch, 0)) for epoch in (0, 0, 1))
    assert all((one == two).all() for one, two in zip(first, again))
    assert not all((one == two).all() for one, two in zip(first, other))
    assert (CMRDataset(fields_of(1), str(folder), Crop(32)).image(0) == normalize(people.view(0))).all()


def test_batches_keep_the_order_and_the_last_may_be_smaller():
    def make(index):
        return {"image": np.full(2, index), "mask": np.zeros((2, 2 + index))}

    made = list(batches(make, [3, 0, 1, 4, 2], 2, 3))
    assert [batch["image"][:, 0].tolist() for batch in made] == [[3, 0], [1, 4], [2]]
    assert [mask.shape for mask in made[0]["mask"]] == [(2, 5), (2, 2)]

    made = list(batches(lambda index: make(index) if index % 2 else {"image": None}, range(10), 2, 3))
    assert [batch["image"][:, 0].tolist() for batch in made] == [[1, 3], [5, 7], [9]]

    def fail(index):
        raise UserError("broken")

    with pytest.raises(UserError, match="broken"):
        list(batches(fail, range(3), 2, 2))


def test_placing_joints_by_name():
    out = placed(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), ("head_top", "right_toe", "nose"),
                 {"head_top": "lsp_head_top"})
    assert out.shape == (24, 3) and out[:, 2].sum() == 2
    assert out[13].tolist() == [1, 2, 1] and out[19].tolist() == [5, 6, 1]


def test_mixes_give_each_set_its_share(folder, tmp_path):
    files = {"up_3d_trainval": 3, "lsp_dataset_original_train": 2, "mpii_train": 4, "coco_2014_train": 10,
             "h36m_train": 20}
    for name, count in files.items():
        others = {"pose": np.zeros((count, 72)), "shape": np.zeros((count, 10))} if name == "up_3d_trainval" else {}
        write_annotations(str(tmp_path / "extras" / f"{name}.npz"), fields_of(count, **others))
    argv = ["--dataset_npz_path", str(tmp_path), "--dataset_root", str(folder), "--rot_factor", "0"]
    shares = {}
    for name in ("itw", "all"):
        people, plain = build_training_set(read_settings([*argv, "--dataset", name]))
        shares[name] = sorted(people.places.values())
        assert len(plain) == 3 and plain.augmentation is None
        assert all(source.augmentation.rotation_deg == 0 for source in people.sources)
    assert shares == {"itw": [1, 3, 3, 3], "all": [2, 4, 4, 4, 6]}
    assert len(build_training_set(read_settings([*argv, "--dataset", "mpii"]))[0]) == 4
    for name, words in (("h36m-p1", "training takes"), ("lsp", "itw, all")):
        with pytest.raises(UserError, match=words):
            build_training_set(read_settings([*argv, "--dataset", name]))


@pytest.mark.parametrize("change, words", [
    (None, "preprocess.py"), ({"scale": None}, "has no scale"), ({"center": np.zeros((3, 2))}, "3 entries"),
    ({"part": np.zeros((2, 14, 3))}, r"part has the shape \(2, 14, 3\)"), ({"scale": np.zeros(2)}, "not positive"),
    ({"pose": np.full((2, 72), np.nan)}, "NaN"), ({"needs": True}, "has no pose"), ({"empty": True}, "nobody")])
def test_bad_prepared_files_are_one_sentence(tmp_path, change, words):
    path = str(tmp_path / "people.npz")
    fields = {**fields_of(0 if change and "empty" in change else 2), **(change or {})}
    needs = ("pose", "shape") if fields.pop("needs", False) else ()
    fields.pop("empty", None)
    if change is not None:
        write_annotations(path, {name: values for name, values in fields.items() if values is not None})
    with pytest.raises(UserError, match=words) as error:
        read_annotations(path, needs)
    assert "people.npz" in str(error.value) and "\n" not in str(error.value)
