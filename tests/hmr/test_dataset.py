"""Data sets as read, filtered, cropped and mirrored, against the published loaders; augmentation and draws."""
import functools
import json
from pathlib import Path

import cv2
import h5py
import hmr_golden as golden
import numpy as np
import pytest
import scipy.io
from PIL import Image

from common.body_models.files import load_body_model
from common.body_models.lbs_numpy import pose_body
from common.data.catalogue import HUMAN36M
from common.data.crops import Square, crop_cubic
from common.data.image import AnnotatedImages
from common.data.order import sample_rng
from common.data.readers import lsp
from common.data.readers.ai_challenger import read_ai_challenger
from common.data.readers.mosh import PosePrior
from common.data.records import NOT_LABELLED, VISIBLE, Record
from common.errors import UserError
from common.geometry.rotation import axis_angle_to_matrix
from common.joints import SKELETONS, flip_pairs
from hmr.src.body import condense
from hmr.src.conventions import CONVENTIONS, network_input
from hmr.src.dataset import (
    NUM_LSP,
    CropAugmentation,
    DatasetPeople,
    Limits,
    PeopleSource,
    TrainingSource,
    choose,
    common_names,
    flip_keypoints,
    flip_theta,
    gather,
    overlap,
    read_part,
    real_theta,
    reducible,
    reduction,
    with_joints_of,
)
from hmr.src.datasets import (
    HIDDEN_WEIGHTS,
    OWN_BOXES,
    read_people,
    read_prior,
)
from hmr.src.network import JOINTS
from hmr.src.protocols import subject_of

CASE = golden.load("preprocess")
# What pytorch_HMR asks for in each set.
LIMITS = {"coco": Limits(7, 0, 0.5), "ai-ch": Limits(5, 0, 0.1)}
GOLDEN_NAMES = {"ai-ch": "aich", "mpi-inf-3dhp": "mpi_inf_3dhp", "hum3.6m": "hum36m"}


def source_image(number):
    """One of the two images of the cases, RGB."""
    return golden.seeded.image(f"hmr/image{number}", *((240, 320), (300, 200))[number], golden.SEED)


def put(path, number):
    """Store an image without loss under any name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", source_image(number)[..., ::-1])[1].tobytes())


def write_set(folder, name):
    """A data set of the cases in its own layout."""
    key = GOLDEN_NAMES.get(name, name)
    folder.mkdir()
    if name in ("lsp", "lsp_ext"):
        scipy.io.savemat(folder / "joints.mat", {"joints": CASE[f"{key}/joints_mat"]})
        for number in range(2):
            put(folder / "images" / (f"im{number + 1:04d}.jpg" if name == "lsp" else f"im{number + 1:05d}.jpg"), number)
    elif name == "coco":
        (folder / "annotations").mkdir()
        (folder / "annotations" / "person_keypoints_train2017.json").write_text(str(CASE["coco/annotation_json"]))
        for number in range(2):
            put(folder / "train2017" / f"{number + 1:012d}.jpg", number)
    elif name == "ai-ch":
        (folder / "keypoint_train_annotations_20170909.json").write_text(str(CASE["aich/annotation_json"]))
        for number in range(2):
            put(folder / "keypoint_train_images_20170902" / f"img{number}.jpg", number)
    else:
        with h5py.File(folder / "annot.h5", "w") as file:
            for column in ("gt2d", "gt3d", "pose", "shape"):
                if f"{key}/{column}" in CASE:
                    file[column] = CASE[f"{key}/{column}"]
            file["imagename"] = np.array([str(text).encode() for text in CASE[f"{key}/imagename"]])
        for row, text in enumerate(CASE[f"{key}/imagename"]):
            put(folder / "image" / str(text).lstrip("/"), row % 2)
    return folder


def weighted(kp2d):
    """Keypoints of weight 0 have no place."""
    return kp2d * (kp2d[..., 2:] > 0)


@pytest.mark.parametrize("name", ["coco", "lsp", "lsp_ext", "ai-ch", "mpi-inf-3dhp", "hum3.6m"])
def test_published_preprocessing(name, tmp_path, monkeypatch):
    folder, key = write_set(tmp_path / "set", name), GOLDEN_NAMES.get(name, name)
    if name == "lsp":  # the published loader takes the test images too
        monkeypatch.setattr(lsp, "read_lsp", functools.partial(lsp.read_lsp, split="all"))
    people = read_people(name, str(folder), LIMITS.get(name, Limits(5, 0, 1)))
    assert [Path(path).stem for path in people.images] == [Path(str(text)).stem for text in CASE[f"{key}/kept"]]
    np.testing.assert_allclose(people.corners, CASE[f"{key}/box"], atol=1e-3)
    np.testing.assert_allclose(weighted(people.kp2d[:, :14]), weighted(CASE[f"{key}/kp_source"]), atol=1e-3)
    for change in ("plain", "flip"):
        augmentation = CropAugmentation(1.2, 1.2, 0.0, change == "flip")
        source = PeopleSource(people, CONVENTIONS["pytorch_hmr"], 224, augmentation)
        for row in range(len(people)):
            image, kp2d, kp3d, theta, has_kp3d, has_smpl = source.sample(row, np.random.default_rng(row))
            case = f"{key}/{row}/{change}"
            np.testing.assert_allclose(image[:, ::7, ::7], CASE[f"{case}/image"], atol=0.008)
            np.testing.assert_allclose(image.mean((1, 2)), CASE[f"{case}/image_mean"], atol=1e-3)
            np.testing.assert_allclose(weighted(kp2d[:14]), weighted(CASE[f"{case}/kp_2d"]), atol=1e-4)
            assert has_kp3d == CASE.get(f"{case}/w_3d", 0) and has_smpl == CASE.get(f"{case}/w_smpl", 0)
            if has_kp3d:
                # The published loader moves mirrored joints to their mean; the loss looks at differences only.
                wanted = CASE[f"{case}/kp_3d"]
                np.testing.assert_allclose(kp3d - kp3d.mean(0), wanted - wanted.mean(0), atol=1e-4)
            if has_smpl:
                np.testing.assert_allclose(theta[3:], CASE[f"{case}/theta"][3:], atol=1e-5)


@pytest.mark.parametrize("number", [0, 1])
def test_published_preprocessing_of_mpii(number, tmp_path):
    points = CASE[f"mpii/{number}/points"]
    j2d, flags = np.zeros((16, 2)), np.full(16, NOT_LABELLED, np.uint8)
    j2d[points[:, 0].astype(int)], flags[points[:, 0].astype(int)] = points[:, 1:3], 1 + (points[:, 3] > 0)
    path = tmp_path / "image.jpg"
    put(path, number)
    record = Record(str(path), np.array([0.0, 0, 1, 1]), SKELETONS["mpii_16"], j2d, flags)
    people, _ = gather([record], HIDDEN_WEIGHTS["mpii"], "mpii" in OWN_BOXES, Limits(6, 60, 1), "mpii")
    np.testing.assert_allclose(people.kp2d[0, :14], CASE[f"mpii/{number}/kp_source"], atol=1e-4)
    np.testing.assert_allclose(people.corners[0], CASE[f"mpii/{number}/box"], atol=1e-3)
    image, kp2d, *_ = PeopleSource(people, CONVENTIONS["pytorch_hmr"], 224,
                                  CropAugmentation(1.2, 1.2, 0.0, 0.0)).sample(0, np.random.default_rng(0))
    np.testing.assert_allclose(image[:, ::7, ::7], CASE[f"mpii/{number}/plain/image"], atol=0.008)
    seen = kp2d[:14, 2] > 0
    np.testing.assert_allclose(kp2d[:14][seen], CASE[f"mpii/{number}/plain/kp_2d"][seen], atol=1e-4)


def test_published_prior():
    theta = real_theta(CASE["mosh/pose"], CASE["mosh/shape"])
    np.testing.assert_allclose(theta, CASE["mosh/plain/theta"], atol=1e-6)
    np.testing.assert_allclose(flip_theta(theta), CASE["mosh/flip/theta"], atol=1e-6)


def test_published_choice_of_joints():
    """Rows of each set that make the 14, from the published loaders."""
    names = common_names(SKELETONS["h36m_32"])
    assert [names.index(joint) for joint in JOINTS[:14]] == [3, 2, 1, 6, 7, 8, 27, 26, 25, 17, 18, 19, 24, 15]
    names = common_names(SKELETONS["mpii_16"])
    assert [names.index(joint) for joint in JOINTS[:14]] == [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 8, 9]
    coco = Record("", np.array([0.0, 0, 9, 9]), SKELETONS["coco_17"], CASE["remap/coco17"][:, :2],
                  np.full(17, VISIBLE))
    kp2d = gather([coco], 0.5, True, Limits(0, 0, 1), "coco")[0].kp2d[0]
    np.testing.assert_allclose(kp2d[:, :2], CASE["remap/coco17_as_cocoplus19"][:, :2], atol=1e-6)
    assert kp2d[:, 2].tolist() == [1] * 12 + [0, 0] + [1] * 5


def test_filters_by_hand():
    corners = np.array([[0, 0, 100, 100], [50, 0, 150, 100], [0, 0, 59, 40], [0, 0, 100, 100], [200, 0, 260, 9]], float)
    assert overlap(corners[0], corners[1]) == pytest.approx(50 * 100 / (150 * 100))
    assert overlap(corners[0], corners[4]) == 0
    images, weights = ["a", "a", "b", "c", "a"], np.zeros((5, 14))
    weights[:, :6], weights[3, 0] = 1.0, 0.5
    kept, dropped = choose(images, corners, weights, Limits(6, 60, 0.33), "x")
    assert kept.tolist() == [False, False, False, False, True]
    assert dropped == {"min_keypoints": 1, "min_size": 1, "max_overlap": 2}
    assert choose(images, corners, weights, Limits(5.5, 59, 0.34), "x")[0].all()
    with pytest.raises(UserError, match="set x: of 4 people none can be used: dropped were 1 by --min_keypoints 6, "
                                        "1 by --min_size 60, 2 by --max_overlap 0.33"):
        choose(images[:4], corners[:4], weights[:4], Limits(6, 60, 0.33), "x")
    with pytest.raises(UserError, match="of 0 people none"):
        choose([], np.zeros((0, 4)), np.zeros((0, 14)), Limits(), "x")


def test_joints_that_follow_from_the_parameters():
    """They are those of the whole body in its turned pose; sets with 3D joints, or without parameters, stay."""
    body, rng = load_body_model("smpl"), np.random.default_rng(1)
    theta = np.zeros((1001, 85), np.float32)
    theta[:, 3:] = 0.3 * rng.standard_normal((1001, 82))
    theta[:, 3] += np.pi
    people = DatasetPeople(["x"] * 1001, np.zeros((1001, 4), np.float32), np.zeros((1001, 19, 3), np.float32), None,
                           theta)
    given = with_joints_of(people, condense(body, "cocoplus_regressor"))
    assert given.kp3d.shape == (1001, NUM_LSP, 3)
    for row in (0, 1000):
        vertices, _ = pose_body(body, axis_angle_to_matrix(theta[row, 3:75].reshape(1, 24, 3)), theta[row:row + 1, 75:])
        whole = body.extras["cocoplus_regressor"][:NUM_LSP] @ vertices[0]
        np.testing.assert_allclose(given.kp3d[row], whole, atol=2e-5)
    assert with_joints_of(given, None) is given
    without = DatasetPeople(["x"], np.zeros((1, 4)), np.zeros((1, 19, 3)))
    assert with_joints_of(without, None) is without


def spots(path, centres, size=(600, 700)):
    """An image with a white square of 13 px around each point, and people who have these points as joints."""
    image = np.zeros((*size, 3), np.uint8)
    kp2d = np.zeros((1, 19, 3), np.float32)
    for joint, (x, y) in enumerate(centres):
        cv2.circle(image, (int(x), int(y)), 6, (255, 255, 255), -1)
        kp2d[0, joint] = x + 0.5, y + 0.5, 1
    cv2.imwrite(str(path), image)
    return kp2d


@pytest.mark.parametrize("corners, size", [((40, 30, 500, 560), 96), ((250, 200, 420, 390), 224)])
def test_keypoints_stay_where_the_image_shows_them(corners, size, tmp_path):
    """Whatever the augmentation draws, also when the image is decoded at a part of its size."""
    centres = [(300, 250), (330, 300), (390, 350)]
    kp2d = spots(tmp_path / "a.jpg", centres)
    people = DatasetPeople([str(tmp_path / "a.jpg")], np.array([corners], np.float32), kp2d)
    source = PeopleSource(people, CONVENTIONS["spin"], size, CropAugmentation())
    swapped = dict(flip_pairs(JOINTS)) | {right: left for left, right in flip_pairs(JOINTS)}
    mirrored = set()
    for index in range(12):
        image, found, *_ = source.sample(0, sample_rng(1, 0, index))
        flip = found[2, 2] == 0  # the right hip has become the left one
        mirrored.add(flip)
        for joint in range(3):
            x, y, weight = found[swapped[joint] if flip else joint]
            column, row = (np.array([x, y]) + 1) / 2 * size
            assert weight == 1
            if not (4 < column < size - 4 and 4 < row < size - 4):
                continue
            # The middle of what is bright near by.
            top, left = max(int(row) - 16, 0), max(int(column) - 16, 0)
            near = image[0][top:top + 33, left:left + 33] > 0.5
            assert near.any()
            middle = np.argwhere(near).mean(0) + (top + 0.5, left + 0.5)
            others = [np.hypot(*(np.array([row, column]) - (np.array(found[other, [1, 0]]) + 1) / 2 * size))
                      for other in range(19) if found[other, 2] and other != (swapped[joint] if flip else joint)]
            if min(others) > 40:
                assert np.abs(middle - (row, column)).max() < 1.6
    assert mirrored == {True, False}


def test_large_squares_are_decoded_small_and_nearly_the_same(tmp_path):
    image = cv2.GaussianBlur(golden.seeded.image("hmr/large", 900, 1000, 1), (0, 0), 6)
    cv2.imwrite(str(tmp_path / "a.jpg"), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 98])
    square = reducible(Square(np.array([33, -27]), 918), 224)
    assert reduction(918, 224) == 4 and square.corner.tolist() == [32, -28] and square.side == 912
    assert reduction(447, 224) == 1 and reduction(448, 224) == 2 and reduction(5000, 224) == 8
    part = read_part(AnnotatedImages(), str(tmp_path / "a.jpg"), square, 224)
    whole = crop_cubic(cv2.imread(str(tmp_path / "a.jpg")), square, 224)[..., ::-1]
    assert np.abs(part.astype(int) - whole)[10:-10, 10:-10].mean() < 3
    # A square that does not fall on the smaller image's pixels is cut from the whole one.
    odd = Square(np.array([33, 27]), 918)
    assert (read_part(AnnotatedImages(), str(tmp_path / "a.jpg"), odd, 224)
            == crop_cubic(cv2.imread(str(tmp_path / "a.jpg")), odd, 224)[..., ::-1]).all()


def test_a_damaged_image_teaches_nothing_and_a_missing_one_stops(tmp_path, caplog):
    (tmp_path / "a.jpg").write_bytes(b"no image")
    people = DatasetPeople([str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")],
                           np.array([[0, 0, 90, 90.0]] * 2, np.float32), np.ones((2, 19, 3), np.float32),
                           np.ones((2, 14, 3), np.float32), np.ones((2, 85), np.float32))
    source = PeopleSource(people, CONVENTIONS["tf"], 64, CropAugmentation())
    caplog.set_level("WARNING", "mindhuman")
    for _ in range(2):
        sample = source.sample(0, np.random.default_rng(0))
    assert not any(column.any() for column in sample)
    with pytest.raises(UserError, match="b.jpg does not exist"):
        source.sample(1, np.random.default_rng(0))


@pytest.mark.parametrize("side", [90, 450])  # the larger one is decoded to half of its size
def test_stored_pixels_count_unless_the_stated_size_fits_the_turned_ones_only(tmp_path, side):
    pixels, exif = cv2.GaussianBlur(golden.seeded.image("hmr/turned", 480, 640, 1), (0, 0), 6), Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=98, exif=exif)
    upright = np.rot90(pixels, -1)
    for size, expected in ((None, pixels), ((640, 480), pixels), ((480, 640), upright), ((640, 640), None)):
        people = DatasetPeople([str(tmp_path / "a.jpg"), "b.jpg"],
                               np.array([[20, 20, 20 + side, 20 + side]] * 2, np.float32),
                               np.ones((2, 19, 3), np.float32), sizes=[size, None])
        source = PeopleSource(people, CONVENTIONS["spin"], 64, CropAugmentation(1.0, 1.0, 0.0, 0.0))
        image, kp2d, *_ = source.sample(0, np.random.default_rng(0))
        if expected is None:
            assert not image.any() and not kp2d.any() and "640 x 480 pixels" in str(source.reader.left_out)
            continue
        crop = crop_cubic(expected, reducible(Square(np.array([20, 20]), side), 64), 64)
        assert np.abs(image - network_input(crop, CONVENTIONS["spin"])).mean() < 0.06 and kp2d[:, 2].all()


def test_mirrored_keypoints_by_hand():
    kp2d = np.zeros((19, 3))
    kp2d[JOINTS.index("left_eye")], kp2d[JOINTS.index("neck")] = (10, 5, 1), (100, 7, 0.5)
    mirrored = flip_keypoints(kp2d, 224)
    assert mirrored[JOINTS.index("right_eye")].tolist() == [213, 5, 1]
    assert mirrored[JOINTS.index("neck")].tolist() == [123, 7, 0.5]


class Blank:
    """People of whom nothing is known."""

    columns = ("image",)

    def __len__(self):
        return 4

    def sample(self, index, rng):
        return (rng.random(1),)


def test_what_an_update_draws():
    prior = PosePrior(np.arange(3 * 72, dtype=np.float32).reshape(3, 72) / 999, np.ones((3, 10), np.float32))
    source = TrainingSource(Blank(), prior, 5, (6, 200), 0.75)
    assert source.columns == ("image", "real", "keep")
    one, same, other = (source.sample(0, sample_rng(1, epoch, 0)) for epoch in (0, 0, 1))
    assert all((a == b).all() for a, b in zip(one, same)) and (one[2] != other[2]).any()
    assert one[1].shape == (5, 85) and one[1].dtype == np.float32 and one[2].dtype == np.uint8
    known = real_theta(prior.pose, prior.beta)
    known = np.concatenate([known, flip_theta(known)])
    assert all((row == known).all(1).any() for row in one[1])
    # Four standard deviations of 1200 draws.
    assert abs(one[2].mean() - 0.75) < 0.05 and set(np.unique(one[2])) == {0, 1}
    assert TrainingSource(Blank()).columns == ("image",)


def test_people_kept_for_evaluation_are_not_trained_on(tmp_path):
    folder = write_set(tmp_path / "set", "hum3.6m")
    with h5py.File(folder / "annot.h5", "a") as file:
        file["imagename"][...] = [b"/S9_x_1.jpg", b"/S1_x_1.jpg", b"/S11/y.jpg"]
    for name in ("S9_x_1.jpg", "S1_x_1.jpg", "S11/y.jpg"):
        put(folder / "image" / name, 0)
    people = read_people("hum3.6m", str(folder), Limits(1, 0, 1))
    assert [Path(path).name for path in people.images] == ["S1_x_1.jpg"]
    prior = read_prior("hum3.6m", str(folder))
    np.testing.assert_array_equal(prior.pose, CASE["hum36m/pose"][1:2])
    assert len(HUMAN36M.read(str(folder))) == 3
    assert subject_of("/data/S8/Seq1/x.jpg", "/data") == "S8" and subject_of("/S1/x/y.jpg", "/S1") is None


def test_what_is_missing_is_named(tmp_path):
    for name, missing in (("coco", "person_keypoints_train2017"), ("hum3.6m", "neither annot.h5 nor annots.npz"),
                          ("mpi-inf-3dhp", "S1 ... S8"), ("mpii", "mpii_human_pose"), ("ai-ch", "20170909")):
        with pytest.raises(UserError, match=missing):
            read_people(name, str(tmp_path), Limits())


@pytest.mark.parametrize("change, text", [
    (lambda content: {"a": 1}, "a dict instead of a list"), (lambda content: [{"image_id": 5}], "image_id holds"),
    (lambda content: [{**content[0], "human_annotations": {}}], "has no human1"),
    (lambda content: [{**content[0], "keypoint_annotations": {"human1": [1, 2]}}], "does not hold")])
def test_damaged_ai_challenger(tmp_path, change, text):
    folder = write_set(tmp_path / "set", "ai-ch")
    path = folder / "keypoint_train_annotations_20170909.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(UserError, match=text):
        read_ai_challenger(str(folder))
