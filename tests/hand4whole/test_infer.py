"""infer.py and demo.py: what the network says and what the files say agree."""
import json
import os
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from mindspore import Tensor

from common.body_models.files import load_body_model
from common.body_models.lbs_numpy import pose_body
from common.engine.runtime import init_runtime
from common.errors import UserError
from common.geometry.rotation import axis_angle_to_matrix
from common.inference.outputs import People
from common.inference.people import Detection
from common.inference.person import ImageRecord, Person
from common.inference.predictor import MeshPredictor
from common.stand_ins.scenes.scene import make_scene
from common.visual.cameras import PerspectiveCamera
from common.visual.mesh_files import read_mesh
from hand4whole import demo, infer
from hand4whole.src.body import load_body
from hand4whole.src.config import read_settings
from hand4whole.src.inference import DemoWriter, Hand4WholeMeshes, HandMeshes
from hand4whole.src.joint_sets import JOINTS
from hand4whole.src.network import HAND_OUTPUTS, OUTPUTS, build_network

PARAMETERS = ("root_pose", "body_pose", "lhand_pose", "rhand_pose", "jaw_pose", "shape", "expr")

SMALL = ["--width", "0.0625", "--resnet_type", "18", "--hand_resnet_type", "18", "--input_img_shape", "256,192",
         "--input_body_shape", "128,96", "--output_hm_shape", "8,4,3", "--input_hand_shape", "64,64",
         "--output_hand_hm_shape", "8,2,2", "--input_face_shape", "32,32", "--device_target", "CPU"]


@pytest.fixture(scope="module")
def network():
    init_runtime("CPU")
    config = read_settings(SMALL)
    return build_network(config, load_body(config)).set_train(False)


@pytest.fixture(scope="module")
def meshes(network):
    return Hand4WholeMeshes(network, load_body(read_settings(SMALL)))


@pytest.fixture(scope="module")
def scene():
    return make_scene(np.random.default_rng(3), (120, 160), 2, kind="smplx")


@pytest.fixture(scope="module")
def seen(network, meshes, scene):
    """A person's region, the network's own outputs and the `Body` made of them."""
    crop, region = meshes.crop(scene.image, Detection(scene.box(0)))
    outputs = dict(zip(OUTPUTS, (output.asnumpy()[0] for output in network(Tensor(crop[None])))))
    return region, outputs, meshes.predict(crop[None])[0]


def test_the_body_posed_anew_is_the_network_s(meshes, seen):
    _, outputs, body = seen
    anew = meshes.pose(body)
    np.testing.assert_allclose(anew.vertices + outputs["cam_trans"], outputs["vertices"], atol=2e-4)
    np.testing.assert_allclose(anew.j3d + outputs["cam_trans"], outputs["joints"], atol=2e-4)


def test_parameters_are_the_network_s(meshes, seen):
    _, outputs, body = seen
    parameters = meshes.parameters(body)
    assert set(PARAMETERS) < set(parameters)
    for name in PARAMETERS[:5]:
        expected, got = (axis_angle_to_matrix(values.reshape(-1, 3).astype(np.float64))
                         for values in (outputs[name], parameters[name]))
        np.testing.assert_allclose(got, expected, atol=1e-5)
    for name in ("shape", "expr", "cam_trans"):
        np.testing.assert_allclose(parameters[name], outputs[name], rtol=1e-5, atol=1e-6)


def test_a_box_around_joints_holds_the_person(meshes):
    joints = np.column_stack([[10.0, 50.0, 30.0], [10.0, 70.0, 90.0], np.ones(3)])
    wide = meshes.box_of((160, 120), Detection(np.array([10.0, 10, 40, 80]), joints))
    # 1.15 times 80 px are 92, of which the last pixel does not count; 1.25 times that, and three quarters as wide.
    np.testing.assert_allclose(wide[2:], [0.75 * 1.25 * 91, 1.25 * 91])
    with pytest.raises(UserError, match="holds nothing of an image of 160 x 120 px"):
        meshes.box_of((160, 120), Detection(np.array([200.0, 10, 40, 80])))


@pytest.fixture(scope="module")
def trained(network, meshes):
    """Both scripts get the network that is compiled already."""
    with pytest.MonkeyPatch.context() as patch:
        loaded = network, meshes.model, SimpleNamespace(path="known.ckpt")
        patch.setattr("hand4whole.src.inference.load_trained", lambda config: (loaded[0], config, *loaded[1:]))
        yield


@pytest.fixture(scope="module")
def files(trained, scene, tmp_path_factory):
    """What demo.py leaves of two people."""
    folder = tmp_path_factory.mktemp("demo")
    cv2.imwrite(str(folder / "two.png"), scene.image[..., ::-1])
    boxes = [",".join(f"{value:.3f}" for value in scene.box(number)) for number in range(2)]
    # The image lies in the demo folder, as the published instructions have it.
    demo.main(["--img", "two.png", "--gpu", "0,1", "--bbox", boxes[0], "--bbox", boxes[1], "--demo_dir", str(folder),
               "--device_target", "CPU", "--batch_size", "1"])
    return folder


def test_files_of_the_demo(files, scene, meshes, seen):
    assert sorted(os.listdir(files / "two")) == [
        "output.obj", "output_1.obj", "render_cropped_img.jpg", "render_cropped_img_1.jpg", "render_original_img.jpg",
        "smplx_param.json", "smplx_param_1.json"]
    region, outputs, body = seen
    record = json.loads((files / "two" / "smplx_param.json").read_text())
    assert record["joint_names"] == list(JOINTS) and record["body_model"] == "synthetic"
    for name in PARAMETERS:
        np.testing.assert_allclose(record[name], meshes.parameters(body)[name], atol=1e-3)
    vertices, _ = read_mesh(str(files / "two" / "output.obj"))
    np.testing.assert_allclose(vertices, body.vertices * (1, -1, -1), atol=1e-3)
    assert cv2.imread(str(files / "two" / "render_original_img.jpg")).shape == (120, 160, 3)
    assert cv2.imread(str(files / "two" / "render_cropped_img.jpg")).shape == (256, 192, 3)

    # The person's own camera gives what the network drew into its maps; cells are counted from pixel centres.
    camera = record["camera"]
    own = PerspectiveCamera(tuple(camera["focal"]), tuple(camera["princpt"]), tuple(camera["cam_trans"]))
    pixels, _ = own.project(np.array(record["joints_3d_m"]))
    left, top, right, bottom = record["boxes_px"]["person"]
    cells = outputs["joint_proj"] / (3, 4)
    np.testing.assert_allclose(pixels, cells * (right - left, bottom - top) + (left, top), atol=0.01)
    # The weak-perspective joints and the camera of the whole image agree with it but for the perspective.
    np.testing.assert_allclose(record["joints_2d_px"], pixels, atol=1.0)
    shared = record["image_camera"]
    shared = PerspectiveCamera(shared["focal_px"], tuple(shared["centre_px"]), tuple(shared["translation_m"]))
    np.testing.assert_allclose(shared.project(np.array(record["joints_3d_m"]))[0], pixels, atol=1.0)
    # Boxes of the hands: pixels of the network's input to those of the image.
    hand = outputs["lhand_bbox"].reshape(2, 2) / (192, 256) * (right - left, bottom - top) + (left, top)
    np.testing.assert_allclose(record["boxes_px"]["left_hand"], hand.ravel(), atol=0.05)


def test_damaged_weights_are_one_sentence(meshes, seen, tmp_path):
    _, _, body = seen
    vertices = np.full_like(body.vertices, np.nan)
    person = Person(vertices, meshes.faces, list(JOINTS), body.j3d, body.j3d[:, :2], np.ones(3), body.cam, (80.0, 60.0),
                    100.0, meshes.parameters(body), number=0)
    record = ImageRecord("a", "a.png", (120, 160), 500.0, (80.0, 60.0), "hand4whole", "synthetic")
    with pytest.raises(UserError, match="person 0 of a.png: vertices not finite"):
        DemoWriter(meshes)(People(record, [person], np.zeros((120, 160, 3), np.uint8)), str(tmp_path), None)
    assert not os.listdir(tmp_path)


def test_infer_writes_the_shared_files(trained, scene, tmp_path):
    cv2.imwrite(str(tmp_path / "two.png"), scene.image[..., ::-1])
    infer.main(["--input", str(tmp_path / "two.png"), "--formats", "json,npz", "--output_dir", str(tmp_path),
                "--device_target", "CPU", "--batch_size", "1"])
    assert sorted(os.listdir(tmp_path / "infer")) == ["two_0.json", "two_0.npz"]
    record = json.loads((tmp_path / "infer" / "two_0.json").read_text())
    assert record["model"] == "hand4whole" and set(record["boxes_px"]) == {"left_hand", "right_hand", "face"}
    assert len(record["parameters"]["body_pose"]) == 63


def test_wrong_flags_are_one_sentence(tmp_path):
    for flags, message in ((["--img", "x.png", "--hand_side", "both"], "--hand_side both: choose right or left"),
                           (["--img", str(tmp_path / "none.png")], "--img .*none.png does not exist"),
                           (["--img", "x.png", "--gpu", "a"], "--gpu a: write numbers of cards")):
        with pytest.raises(UserError, match=message):
            demo.main([*flags, "--device_target", "CPU"])


@pytest.fixture(scope="module")
def hand_network():
    init_runtime("CPU")
    config = read_settings([*SMALL, "--parts", "hand"])
    model = load_body(config)
    return build_network(config, model).set_train(False), model


@pytest.fixture(scope="module")
def hand_files(hand_network, tmp_path_factory):
    """What demo.py leaves of the hands of an image and, as left hands, of the same image in a mirror."""
    folder = tmp_path_factory.mktemp("hands")
    scene = make_scene(np.random.default_rng(4), (100, 140), 1, "mano_right")
    left, top, width, height = scene.box(0)
    cv2.imwrite(str(folder / "right.png"), scene.image[..., ::-1])
    cv2.imwrite(str(folder / "left.png"), scene.image[:, ::-1, ::-1])
    boxes = {"right": (left, top, width, height), "left": (140 - left - width, top, width, height)}
    with pytest.MonkeyPatch.context() as patch:
        loaded = (*hand_network, SimpleNamespace(path="known.ckpt"))
        patch.setattr("hand4whole.src.inference.load_trained", lambda config: (loaded[0], config, *loaded[1:]))
        for side, box in boxes.items():
            demo.main(["--parts", "hand", "--hand_side", side, "--img", f"{side}.png", "--bbox",
                       ",".join(f"{value:.3f}" for value in box), "--demo_dir", str(folder), "--batch_size", "1",
                       *SMALL])
        infer.main(["--parts", "hand", "--input", str(folder / "right.png"), "--formats", "json,glb,png",
                    "--output_dir", str(folder), "--batch_size", "1", *SMALL])
    return folder


def test_a_hand_of_an_image(hand_files, hand_network):
    assert sorted(os.listdir(hand_files / "right")) == [
        "mano_param.json", "output.obj", "render_cropped_img.jpg", "render_original_img.jpg"]
    record = json.loads((hand_files / "right" / "mano_param.json").read_text())
    assert record["joint_names"][0] == "right_wrist" and len(record["joint_names"]) == 21
    assert (len(record["mano_pose"]), len(record["mano_shape"])) == (48, 10)
    assert record["body_model"] == "synthetic" and record["conventions"]["lengths"] == "metres"
    # The hand's own camera gives what the network drew into its maps of 2 x 2 cells.
    meshes = HandMeshes(*hand_network, "right")
    image = cv2.imread(str(hand_files / "right.png"))[..., ::-1]
    left, top, right, bottom = record["boxes_px"]["hand"]
    scene = make_scene(np.random.default_rng(4), (100, 140), 1, "mano_right")
    crop, region = meshes.crop(image, Detection(np.round(scene.box(0), 3)))
    np.testing.assert_allclose((left, top, right - left), (*region.corner_px, region.side_px))
    outputs = dict(zip(HAND_OUTPUTS, (output.asnumpy()[0] for output in hand_network[0](Tensor(crop[None])))))
    camera = record["camera"]
    own = PerspectiveCamera(tuple(camera["focal"]), tuple(camera["princpt"]), tuple(camera["cam_trans"]))
    pixels, _ = own.project(np.array(record["joints_3d_m"]))
    np.testing.assert_allclose(pixels, outputs["joint_proj"] / 2 * (right - left) + (left, top), atol=0.02)
    np.testing.assert_allclose(record["joints_2d_px"], pixels, atol=1.0)
    np.testing.assert_allclose(read_mesh(str(hand_files / "right" / "output.obj"))[0] * (1, -1, -1)
                               + outputs["cam_trans"], outputs["vertices"], atol=1e-4)


def test_a_left_hand_is_a_right_one_in_a_mirror(hand_files):
    right, left = (json.loads((hand_files / side / "mano_param.json").read_text()) for side in ("right", "left"))
    assert [name.replace("left", "right") for name in left["joint_names"]] == right["joint_names"]
    assert left["joint_names"][0] == "left_wrist" and left["conventions"]["hand"] == "left"
    np.testing.assert_allclose(left["joints_3d_m"], np.array(right["joints_3d_m"]) * (-1, 1, 1), atol=1e-6)
    np.testing.assert_allclose(left["joints_2d_px"], np.array([140, 0]) + np.array(right["joints_2d_px"]) * (-1, 1),
                               atol=1e-3)
    np.testing.assert_allclose(np.reshape(left["mano_pose"], (-1, 3)),
                               np.reshape(right["mano_pose"], (-1, 3)) * (1, -1, -1), atol=1e-5)
    assert left["mano_shape"] == right["mano_shape"]
    meshes = [read_mesh(str(hand_files / side / "output.obj")) for side in ("right", "left")]
    np.testing.assert_allclose(meshes[1][0], meshes[0][0] * (-1, 1, 1), atol=1e-5)
    # Seen from outside the corners of a face still turn the same way.
    assert (meshes[1][1] == meshes[0][1][:, ::-1]).all()


def test_files_about_bodies_are_refused_for_hands(hand_files, hand_network, monkeypatch):
    """The checkpoint says that it sees hands: no --parts."""
    monkeypatch.setattr("hand4whole.src.inference.load_trained", lambda config: (
        hand_network[0], config.replace(parts="hand"), hand_network[1], SimpleNamespace(path="known.ckpt")))
    with pytest.raises(UserError, match="--keypoints_json says where bodies are, and this network sees hands: name"):
        infer.main(["--input", str(hand_files / "right.png"), "--keypoints_json", str(hand_files),
                    "--device_target", "CPU"])


def test_people_are_no_hands_in_python(hand_network, scene):
    predictor = MeshPredictor(HandMeshes(*hand_network, "right"), batch_size=1)
    assert len(predictor(scene.image, boxes=[scene.box(0)])) == 1
    with pytest.raises(UserError, match="says where bodies are, and this network sees hands"):
        predictor(scene.image, detector=lambda image: None)


@pytest.mark.parametrize("side", ["right", "left"])
def test_rotations_and_shape_are_those_of_the_side_s_hand(hand_network, side):
    """The synthetic left hand is the right one's mirror image, so a program with it finds the same vertices."""
    meshes = HandMeshes(*hand_network, side)
    crop = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
    (body,) = meshes.predict(crop)
    model = load_body_model(f"mano_{side}", "")
    expected, _ = pose_body(model, body.rotmat[None], body.shape[None].astype(np.float64))
    np.testing.assert_allclose(body.vertices, expected[0], atol=1e-4)
    anew = meshes.pose(body)
    np.testing.assert_allclose(anew.vertices, body.vertices, atol=1e-4)
    np.testing.assert_allclose(anew.j3d, body.j3d, atol=1e-4)
    parameters = meshes.parameters(body)
    turned = axis_angle_to_matrix((parameters["mano_pose"] + np.concatenate(
        [np.zeros(3), model.extra("hands_mean", (45,))])).reshape(-1, 3).astype(np.float64))
    np.testing.assert_allclose(turned, body.rotmat, atol=1e-5)


def test_infer_writes_the_shared_files_of_hands(hand_files):
    assert sorted(os.listdir(hand_files / "infer")) == [
        "right_0.glb", "right_0.json", "right_overlay.png", "right_scene.glb", "right_side.png", "right_top.png"]
    record = json.loads((hand_files / "infer" / "right_0.json").read_text())
    assert record["model"] == "hand4whole" and len(record["parameters"]["mano_pose"]) == 48
    assert record["joint_names"][4] == "right_thumb4" and len(record["joints_3d_m"]) == 21
