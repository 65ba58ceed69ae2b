"""Evaluation sets on sample data: who is evaluated, and that perfect predictions have no error."""
import dataclasses
from pathlib import Path
from types import SimpleNamespace

import hmr_golden as golden
import numpy as np
import pytest
from mindspore import Tensor
from PIL import Image

from common.body_models.files import load_body_model
from common.errors import UserError
from common.geometry.rotation import axis_angle_to_matrix
from common.inference.meshes import Region
from hmr.src import evaluate as evaluate_module
from hmr.src.body import load_eval_bodies, load_eval_regressor
from hmr.src.config import read_settings
from hmr.src.conventions import CONVENTIONS
from hmr.src.dataset import Limits
from hmr.src.datasets import read_people
from hmr.src.evaluate import Viewer, predict, summarize_results
from hmr.src.protocols import grown, read_subjects, true_bodies
from tools import make_sample_data


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """HMR_DATA with a few small sample images of each set."""
    root = tmp_path_factory.mktemp("data")
    for name, folder, options in (("human36m_images", "human3.6m", ["--num", "1", "--size", "48"]),
                                  ("mpi_inf_3dhp", "mpii_3d", ["--num", "8", "--size", "48"]),
                                  ("3dpw", "3dpw", ["--num", "6"]), ("lsp", "", ["--num", "4"]),
                                  ("up3d", "", ["--num", "5", "--num_lsp", "0"])):
        make_sample_data.main([name, "--output_dir", str(root / folder), *options])
    return root


@pytest.fixture(scope="module")
def body():
    return load_body_model("smpl")


@pytest.mark.parametrize("dataset, number", [("h36m-p1", 16), ("h36m-p2", 4), ("mpi-inf-3dhp", 2), ("3dpw", None),
                                             ("up-3d", 1), ("lsp", 2)])
def test_people_of_a_set(data, dataset, number):
    people = read_subjects(dataset, str(data), 1.2)
    assert len(people) == (number or len(people)) > 0
    assert all(Path(person.image_path).is_file() and (person.found.box[2:] > 0).all() for person in people)
    if dataset.startswith("h36m"):
        assert {person.action for person in people} == {"Directions"}
    joints = [person.j3d for person in people if person.j3d is not None]
    # Head above feet, as tall as people are: y points down.
    assert all(0.3 < points[0, 1] - points[13, 1] < 2.1 or dataset == "up-3d" for points in joints)
    assert bool(joints) == (dataset[:4] in ("h36m", "mpi-"))
    assert all((person.pose is not None) == (dataset in ("3dpw", "up-3d")) for person in people)


def test_up3d_teaches_pose_and_shape_of_others(data):
    """Its training images are not those of the evaluation; it has keypoints and SMPL parameters, no 3D joints."""
    people = read_people("up-3d", str(data / "up-3d"), Limits(1, 0, 1))
    tested = {person.image_path for person in read_subjects("up-3d", str(data), 1.2)}
    assert len(people) == 4 and not tested & set(people.images)
    assert people.kp3d is None and people.theta.shape == (4, 85) and (people.theta[:, 3:] != 0).any(1).all()


def test_a_few_are_spread_over_the_set(data):
    everybody = [person.key for person in read_subjects("h36m-p1", str(data), 1.2)]
    few = [person.key for person in read_subjects("h36m-p1", str(data), 1.2, 3)]
    assert few == [everybody[0], everybody[8], everybody[15]]
    # The set's own folder will do as well.
    assert [person.key for person in read_subjects("h36m-p1", str(data / "human3.6m"), 1.2)] == everybody


def test_boxes_grow_about_their_middle():
    assert grown((10, 20, 30, 40), 1.5).tolist() == [2.5, 10, 45, 60]


@pytest.fixture(autouse=True)
def no_kept_graphs(monkeypatch):
    monkeypatch.setattr("hmr.src.evaluate.Compiled", lambda network: network)  # `Knowing` is no Cell


class Knowing:
    """A network that answers with the truth of the people it is shown, one after the other, a turn and a shift off."""

    def __init__(self, people, model, joints, spoil=0.0):
        self.people, self.model, self.joints, self.spoil = list(people), model, joints, spoil
        self.regressor = SimpleNamespace(mean=Tensor(np.zeros(85, np.float32)))
        self.calls = []

    def body(self, state):
        return None, Tensor(self.model.v_template[None].astype(np.float32))

    def __call__(self, images):
        chunk, self.people = self.people[:len(images)], self.people[len(images):]
        self.calls.append(images.shape)
        vertices = np.zeros((len(images), 6890, 3), np.float32)
        if chunk[0].pose is not None:
            vertices[:len(chunk)] = true_bodies(chunk, {"neutral": self.model, "male": self.model,
                                                        "female": self.model})
        joints = np.zeros((len(images), 19, 3), np.float32)
        for row, person in enumerate(chunk):
            joints[row, :14] = self.joints @ vertices[row] if person.j3d is None else person.j3d
        half = np.zeros((len(images), 19, 2), np.float32)
        joints[:, 0, 0] += self.spoil
        return [Tensor(value) for value in (np.zeros((len(images), 85), np.float32), vertices + 1.0, half, joints + 1.0,
                                            np.tile(np.eye(3, dtype=np.float32), (len(images), 24, 1, 1)))]


def look(people, body, regressor=None, batch_size=3, spoil=0.0, given=None):
    network = Knowing(people, body.astype(np.float32), body.extras["cocoplus_regressor"][:14].astype(np.float32), spoil)
    viewer = Viewer(network, CONVENTIONS["spin"], "pytorch_hmr", 32, 1.2, batch_size)
    return predict(viewer, given or people, load_eval_bodies(read_settings([]), body), regressor), network


@pytest.mark.parametrize("dataset", ["h36m-p1", "mpi-inf-3dhp", "3dpw", "up-3d"])
def test_the_truth_has_no_error(data, body, dataset):
    people = read_subjects(dataset, str(data), 1.2)
    results, network = look(people, body)
    assert all(shape == (3, 3, 32, 32) for shape in network.calls)
    figures = summarize_results(results)
    assert figures["people"] == len(people) == len(results.theta)
    assert figures["mpjpe"]["mean"] < 0.01 and figures["pa_mpjpe"]["mean"] < 0.01 and figures["pck"] == 100
    assert ("pve" in figures) == (dataset in ("3dpw", "up-3d"))
    assert figures.get("pve", {"mean": 0})["mean"] < 0.01
    assert figures["mean_pose_pa_mpjpe"] > 20
    assert ("actions" in figures["mpjpe"]) == (dataset == "h36m-p1")
    spoilt = summarize_results(look(people, body, spoil=0.14)[0])
    assert spoilt["mpjpe"]["mean"] == pytest.approx(10.0, abs=0.1)


def test_people_whose_image_cannot_be_used_are_left_out(data, body, tmp_path):
    """The first of each batch is damaged; the others keep their own truth."""
    people = read_subjects("up-3d", str(data), 1.2)
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    mixed = [damaged for person in people
             for damaged in (dataclasses.replace(person, image_path=str(tmp_path / "bad.jpg")), person)]
    results, network = look(people, body, given=mixed)
    assert results.subjects == people and len(results.theta) == len(people)
    assert results.errors.mpjpe_mm.max() < 0.01 and all(shape == (3, 3, 32, 32) for shape in network.calls)
    with pytest.raises(UserError, match="none of the first 1 images can be used: .*bad.jpg"):
        look(people, body, given=mixed[:1])


def test_an_image_is_turned_only_for_a_stated_size_that_asks_for_it(data, body, tmp_path, monkeypatch):
    person, seen = read_subjects("3dpw", str(data), 1.2)[0], []
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 40)).save(tmp_path / "a.jpg", exif=exif)
    crop = (np.zeros((32, 32, 3), np.uint8), Region(np.zeros(2), 1.0))
    monkeypatch.setattr(evaluate_module, "crop_person", lambda image, *_: seen.append(image.shape[:2]) or crop)
    for size in (None, (60, 40), (40, 60)):
        people = [dataclasses.replace(person, image_path=str(tmp_path / "a.jpg"), size=size)]
        look(people, body)
    assert seen == [(40, 60), (40, 60), (60, 40)] and person.size is not None


def test_other_joints_of_the_same_mesh(data, body):
    """--eval_joints h36m: the truth is regressed in the same way."""
    people = read_subjects("up-3d", str(data), 1.2)
    regressor = load_eval_regressor(read_settings(["--eval_joints", "h36m"]), body)
    results, _ = look(people, body, regressor)
    assert results.errors.mpjpe_mm.max() < 0.01
    rotmat = axis_angle_to_matrix(people[0].pose.reshape(24, 3))
    assert rotmat.shape == (24, 3, 3) and regressor.shape == (14, 6890)
    # Right ankle, left wrist and head of Human3.6M's regressor lie near HMR's on the body at rest.
    own = body.extras["cocoplus_regressor"][:14] @ body.v_template
    assert np.linalg.norm(own - regressor @ body.v_template, axis=1)[:12].max() < 0.12
    assert load_eval_regressor(read_settings([]), body) is None


def test_keypoints_come_back_to_the_image(data, body, monkeypatch):
    people = read_subjects("lsp", str(data), 1.2)
    monkeypatch.setattr(evaluate_module, "crop_person",
                        lambda image, found, kind, size, margin: (np.zeros((size, size, 3), np.uint8),
                                                                  Region(np.array([10, 20]), 40.0)))
    results, _ = look(people, body)
    # (0, 0) of the crop is the middle of the square.
    assert results.j2d.tolist() == np.tile([30.0, 40.0], (2, 14, 1)).tolist() and results.errors is None
    assert 0 <= summarize_results(results)["pck_2d"] <= 100


def test_bodies_with_a_gender(body, tmp_path):
    with pytest.raises(UserError, match="give both"):
        load_eval_bodies(read_settings(["--smpl_male_path", ""]).replace(smpl_male_path=str(_stored(tmp_path))), body)
    bodies = load_eval_bodies(read_settings([]), body)
    assert set(bodies) == {"neutral", "male", "female"} and bodies["male"].v_template.dtype == np.float32


def _stored(folder):
    np.savez(folder / "male.npz", **golden.seeded.body_model("smpl", 1))
    return folder / "male.npz"
