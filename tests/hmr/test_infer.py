"""infer.py: the crops of the published demos and the way back, upright bodies, and whole runs."""
import json
import os
from pathlib import Path

import cv2
import hmr_golden as golden
import numpy as np
import pytest
from golden_files import load_module
from mindspore import nn, ops

from common.body_models.files import load_body_model
from common.body_models.lbs_numpy import pose_body
from common.engine.checkpoint import write_checkpoint
from common.errors import UserError
from common.geometry.projection import crop_points_to_image
from common.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle, matrix_to_rot6d
from common.inference.meshes import MeshRunner
from common.inference.people import Detection, KeypointFiles, whole_image
from common.inference.sources import open_source
from common.stand_ins.scenes.scene import make_scene
from common.visual.mesh_files import read_mesh
from hmr import infer
from hmr.src.body import load_body
from hmr.src.config import read_settings
from hmr.src.conventions import CONVENTIONS, network_input
from hmr.src.inference import CROPS, HMRMeshes, crop_kind, crop_person
from hmr.src.network import HALF_TURN, JOINTS, build_network, load_trained
from hmr.src.weights import convert_weights

HERE = Path(__file__).parent


published = load_module(Path(__file__).parent / "test_weights.py")
SMALL = ["--depth", "18", "--width", "0.0625", "--hidden_size", "16", "--crop_size", "64"]


@pytest.fixture(scope="module")
def photo():
    return golden.seeded.image("hmr/image0", 240, 320, golden.SEED)


def keypoint_file(path, people, key):
    path.write_text(json.dumps({"people": [{key: person.ravel().tolist()} for person in people]}))
    return str(path)


@pytest.mark.parametrize("case", ["whole", "openpose"])
def test_demo_of_the_first_hmr_and_the_way_back(case, photo, tmp_path):
    demo = golden.load("demo")
    if case == "whole":
        found, = whole_image("photo", photo)
    else:
        path = keypoint_file(tmp_path / "a.json", demo["openpose_keypoints"], "pose_keypoints")
        people = KeypointFiles(path)("photo", photo)
        found = max(people, key=lambda person: person.score)
    crop, region = crop_person(photo, found, "tf", 224)
    values = network_input(crop, CONVENTIONS["tf"]).transpose(1, 2, 0)
    np.testing.assert_allclose(values[::7, ::7], demo[f"{case}_crop"], atol=0.008)
    np.testing.assert_allclose(values.mean((0, 1)), demo[f"{case}_crop_mean"], atol=1e-4)
    joints = crop_points_to_image(demo["joints_crop"][None] / 112 - 1, region.corner_px[None],
                                  np.array([region.side_px]))[0]
    np.testing.assert_allclose(joints, demo[f"{case}_joints_original"], atol=1e-3)


@pytest.mark.parametrize("case", ["whole", "bbox", "openpose"])
def test_demo_of_spin(case, photo, tmp_path):
    spin = golden.load("spin")
    if case == "whole":
        found, = whole_image("photo", photo)
    elif case == "bbox":
        found = Detection(spin["bbox_json"].astype(np.float64))
    else:
        path = keypoint_file(tmp_path / "a.json", [spin["openpose_keypoints_2d"]], "pose_keypoints_2d")
        found, = KeypointFiles(path)("photo", photo)
    crop, region = crop_person(photo, found, "spin", 224)
    np.testing.assert_allclose(network_input(crop, CONVENTIONS["spin"])[:, ::7, ::7], spin[f"crop_{case}_image"],
                               atol=0.03)
    left, top, right, _ = spin[f"crop_{case}_ul_br"]
    assert region.corner_px.tolist() == [left, top] and region.side_px == right - left


def test_square_of_pytorch_hmr_is_that_of_its_data(photo):
    data = golden.load("preprocess")
    joints = data["lsp/kp_source"][0].astype(np.float64)
    seen = joints[joints[:, 2] > 0]
    low, high = seen[:, :2].min(0), seen[:, :2].max(0)
    crop, region = crop_person(photo, Detection(np.concatenate([low, high - low]), joints), "pytorch_hmr", 224)
    image = network_input(crop, CONVENTIONS["pytorch_hmr"])
    np.testing.assert_allclose(image[:, ::7, ::7], data["lsp/0/plain/image"], atol=0.008)
    back = crop_points_to_image(data["lsp/0/plain/kp_2d"][None, :, :2], region.corner_px[None],
                                np.array([region.side_px]))[0]
    np.testing.assert_allclose(back[joints[:, 2] > 0], seen[:, :2], atol=1e-2)


@pytest.mark.parametrize("kind", CROPS)
def test_small_images_and_people_at_the_border_or_far_away(kind):
    found, = whole_image("dot", np.full((9, 5, 3), 90, np.uint8))
    crop, _ = crop_person(np.full((9, 5, 3), 90, np.uint8), found, kind, 64)
    assert crop.shape == (64, 64, 3)
    # A gradient tells which place of the photo is in the middle of the crop, by its two first channels.
    rows, columns = np.mgrid[:1000, :2000]
    photo = np.stack([columns // 10, rows // 10, columns % 10 + 200], -1).astype(np.uint8)
    for box in ((1500.0, 700, 20, 16), (-60.0, -40, 90, 60), (1960.0, 900, 90, 190)):
        found = Detection(np.array(box))
        crop, region = crop_person(photo, found, kind, 64)
        assert crop.shape == (64, 64, 3)
        assert region.side_px == pytest.approx(max(box[2:]), abs=1.5)
        if kind == "tf":  # which keeps the middle within the image; its way back knows no rounding to whole pixels
            inside = np.clip(found.box[:2] + 0.5 * found.box[2:], 0, (2000, 1000))
            np.testing.assert_allclose(region.corner_px + 0.5 * region.side_px, inside, atol=4)
    crop, region = crop_person(photo, Detection(np.array([1500.0, 700, 20, 16])), kind, 64)
    if kind != "spin":  # which stretches the contrast
        np.testing.assert_allclose(crop[32, 32, :2], [1510 // 10, 708 // 10], atol=1)


def test_networks_trained_here_see_the_square_of_their_data():
    assert crop_kind({"convention": "spin", "crop_size": 224}) == "pytorch_hmr"
    assert crop_kind({"convention": "spin"}) == "spin"


class Features(nn.Cell):
    """In place of a ResNet, whose answer does not matter to a regressor that always says the same."""

    def __init__(self, channels):
        super().__init__()
        self.channels = channels

    def construct(self, image):
        return ops.tile(image.mean((1, 2, 3)).reshape(-1, 1), (1, self.channels))


def resnet_18():
    """Names and shapes of torchvision's ResNet-18; the values do not matter here."""
    shapes = {"conv1.weight": (64, 3, 7, 7)}
    norms = {"bn1": 64}
    for layer, size in enumerate((64, 128, 256, 512), 1):
        for block in range(2):
            name, before = f"layer{layer}.{block}", size if block or layer == 1 else size // 2
            shapes |= {f"{name}.conv1.weight": (size, before, 3, 3), f"{name}.conv2.weight": (size, size, 3, 3)}
            norms |= {f"{name}.bn1": size, f"{name}.bn2": size}
            if before != size:
                shapes[f"{name}.downsample.0.weight"] = (size, before, 1, 1)
                norms[f"{name}.downsample.1"] = size
    shapes |= {f"{name}.{kind}": (size,) for name, size in norms.items()
               for kind in ("weight", "bias", "running_mean", "running_var")}
    return {name: np.ones(shape, np.float32) for name, shape in shapes.items()}


def layers(names, sizes):
    """Affine layers as PyTorch stores them, all zero."""
    return {f"{name}.{kind}": np.zeros((out, inside) if kind == "weight" else out, np.float32)
            for name, (inside, out) in zip(names, sizes) for kind in ("weight", "bias")}


def upright_weights(convention):
    """Published weights that always answer with a body standing upright, as that convention's weights say it."""
    theta = np.zeros((1, 85), np.float32)
    theta[0, [0, 3]] = 0.9, np.pi
    if convention == "pytorch_hmr":
        names = [f"regressor.fc_blocks.regressor_fc_{number}" for number in range(3)]
        arrays = {f"encoder.{name}": array for name, array in resnet_18().items()}
        arrays |= {**layers(names, [(512 + 85, 16), (16, 16), (16, 85)]), "regressor.mean_theta": theta}
        # Its start has half a turn that its weights take back in three rounds, for the body makes one itself.
        arrays[f"{names[2]}.bias"][3] = -np.pi / 3
    elif convention == "spin":
        sizes = [(512 + 157, 16), (16, 16), (16, 3), (16, 144), (16, 10)]
        rotmat = np.tile(np.eye(3, dtype=np.float32), (24, 1, 1))
        rotmat[0] = HALF_TURN
        arrays = {**resnet_18(), **layers(("fc1", "fc2", "deccam", "decpose", "decshape"), sizes),
                  "init_pose": matrix_to_rot6d(rotmat).reshape(1, 144), "init_shape": theta[:, 75:],
                  "init_cam": theta[:, :3]}
    else:
        arrays = {name: np.zeros_like(array) if "fc3" in name else array
                  for name, array in published.slim_variables(np.random.default_rng(1)).items()}
        arrays["mean_param"] = theta
    return arrays


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_converted_weights_give_an_upright_body(convention, photo, tmp_path):
    conversion, settings, _ = convert_weights(upright_weights(convention), {}, "", "case")
    write_checkpoint(str(tmp_path / "hmr.ckpt"), conversion.weights, meta={"config": settings})
    body = load_body_model("smpl")
    config = read_settings(["--ckpt_file", str(tmp_path / "hmr.ckpt")])
    network, config, convention, checkpoint = load_trained(config, body)
    network.encoder = Features(network.encoder.out_channels)
    cv2.imwrite(str(tmp_path / "photo.png"), photo[..., ::-1])
    model = HMRMeshes(network, convention, body, crop_kind(checkpoint.meta["config"]), config.crop_size)
    MeshRunner(model, whole_image, str(tmp_path), ["npz", "obj", "png"]).run(open_source(str(tmp_path / "photo.png")))
    with np.load(tmp_path / "photo_0.npz") as archive:
        arrays = dict(archive)
    head, ankles = JOINTS.index("head_top"), [JOINTS.index(f"{side}_ankle") for side in ("left", "right")]
    assert (arrays["joints_2d_px"][head, 1] + 60 < arrays["joints_2d_px"][ankles, 1]).all()  # y points down
    # Seen from the front: the person's left is the image's right.
    left, right = (arrays["joints_2d_px"][JOINTS.index(f"{side}_shoulder"), 0] for side in ("left", "right"))
    assert left > right + 10
    # The rotations in the file mean the same to any program with SMPL: half a turn, and the mesh that follows.
    np.testing.assert_allclose(arrays["rotmat"][0], HALF_TURN, atol=1e-5)
    np.testing.assert_allclose(axis_angle_to_matrix(arrays["theta"][3:6]), HALF_TURN, atol=1e-5)
    vertices, _ = pose_body(body, axis_angle_to_matrix(arrays["pose"].reshape(1, 24, 3).astype(np.float64)),
                            arrays["beta"][None].astype(np.float64))
    np.testing.assert_allclose(arrays["vertices_m"], vertices[0], atol=1e-4)
    # Mesh files have y up, and so the head above the feet there.
    mesh, _ = read_mesh(str(tmp_path / "photo_0.obj"))
    highest = mesh[body.v_template[:, 1].argmax(), 1] - mesh[body.v_template[:, 1].argmin(), 1]
    assert highest > 1.5


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "hmr.ckpt"
    config = read_settings(SMALL)
    write_checkpoint(str(path), build_network(config, load_body(config)), meta={"config": dict(config)})
    return str(path)


@pytest.fixture(scope="module")
def scene():
    return make_scene(np.random.default_rng(3), (120, 160), 2)


def test_a_whole_run_with_two_boxes(checkpoint, scene, tmp_path):
    cv2.imwrite(str(tmp_path / "two.png"), scene.image[..., ::-1])
    boxes = [",".join(f"{value:.1f}" for value in scene.box(number)) for number in range(2)]
    infer.main(["--image", str(tmp_path / "two.png"), "--ckpt_file", checkpoint, "--bbox", boxes[0], "--bbox",
                boxes[1], "--output_dir", str(tmp_path / "out"), "--device_target", "CPU"])
    names = [f"two_{number}.{kind}" for number in range(2) for kind in ("json", "npz", "obj", "glb")]
    assert sorted(os.listdir(tmp_path / "out")) == sorted([*names, "two.html", "two_scene.obj", "two_scene.glb", *(
        f"two_{view}.png" for view in ("overlay", "side", "top"))])
    record = json.loads((tmp_path / "out" / "two_1.json").read_text())
    assert record["joint_names"] == list(JOINTS) and record["body_model"] == "synthetic"
    parameters = {name: np.array(values) for name, values in record["parameters"].items()}
    weak = record["cameras"]["weak_perspective"]
    np.testing.assert_allclose(parameters["theta"][:3], [weak["scale"], weak["tx"], weak["ty"]], rtol=1e-6)
    np.testing.assert_array_equal(parameters["theta"][3:75], parameters["pose"])
    np.testing.assert_array_equal(parameters["theta"][75:], parameters["beta"])
    np.testing.assert_allclose(matrix_to_axis_angle(parameters["rotmat"]).ravel(), parameters["pose"], atol=1e-5)
    center, side = scene.box(1)[:2] + 0.5 * scene.box(1)[2:], scene.box(1)[2:].max()
    assert np.abs(np.array(weak["box_centre_px"]) - center).max() < 2 and abs(weak["box_size_px"] - side) < 2


def test_wrong_flags_are_one_sentence(checkpoint, tmp_path):
    for flags, message in (
            (["--image", str(tmp_path / "none.jpg")], "--image .*none.jpg does not exist"),
            ([], "--image is missing"),
            (["--image", checkpoint], "--image .* neither an image nor a video"),
            (["--image", str(tmp_path)], "no images there"),
            (["--bbox"], "--bbox needs a value")):
        with pytest.raises(UserError, match=message):
            infer.main(["--ckpt_file", checkpoint, "--device_target", "CPU", *flags])
