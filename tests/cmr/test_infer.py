"""infer.py: the published demo's crops, and whole runs on images and videos with both meshes."""
import json
import os

import cmr_golden as golden
import cv2
import numpy as np
import pytest

from cmr import infer
from cmr.src.config import read_settings
from cmr.src.dataset import Crop
from cmr.src.inference import CMRMeshes
from cmr.src.mesh import load_body
from cmr.src.network import build_network
from common.data.image import normalize
from common.engine.checkpoint import write_checkpoint
from common.errors import UserError
from common.inference.people import Detection, whole_image
from common.joints import SKELETONS
from common.stand_ins.scenes.scene import make_scene
from common.visual.mesh_files import read_mesh
from common.visual.video import write_video
from openpose.src import config as openpose_config
from openpose.src import network as openpose_network

SMALL = ["--depth", "18", "--width", "0.0625", "--num_channels", "16", "--num_layers", "1", "--img_res", "64"]


@pytest.mark.parametrize("case", ["bbox", "full"])
def test_demo_of_graphcmr(case):
    image = golden.seeded.image("cmr/person", 361, 481, golden.SEED) // 2 + 40
    found = Detection(np.array([150.3, 60.6, 180, 241])) if case == "bbox" else whole_image("photo", image)[0]
    model = CMRMeshes(None, golden.body(), golden.regressor(), Crop(224, contrast_stretch=True))
    values, region = model.crop(image, found)
    expected = golden.load("preprocess")[f"person_{case}"]
    assert np.abs(values[:, ::2, ::2] - normalize(expected)).max() < 0.02
    # Corners are cut to whole pixels towards zero: of (240.3, 181.1) and 241 px, and of (240, 180) and 481 px.
    assert (*region.corner_px, region.side_px) == ((119, 60, 241) if case == "bbox" else (0, -60, 480))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "cmr.ckpt"
    config = read_settings(SMALL)
    write_checkpoint(str(path), build_network(config, load_body(config)), meta={"config": dict(config)})
    return str(path)


@pytest.fixture(scope="module")
def scene():
    return make_scene(np.random.default_rng(3), (120, 160), 1)


@pytest.mark.slow
def test_whole_runs(checkpoint, scene, tmp_path):
    """An image, a video of it and a way of finding people that finds nobody, with one network."""
    flags = ["--ckpt_file", checkpoint, "--device_target", "CPU", "--batch_size", "1"]
    cv2.imwrite(str(tmp_path / "one.png"), scene.image[..., ::-1])
    box = ",".join(f"{value:.1f}" for value in scene.box(0))
    infer.main([*flags, "--image", str(tmp_path / "one.png"), "--bbox", box, "--output_dir", str(tmp_path / "one")])
    files = [f"one_0{kind}" for kind in (".json", ".npz", ".obj", ".glb", "_graph.obj", "_graph.glb")]
    files += [f"one_scene{kind}" for kind in (".obj", ".glb", "_graph.obj", "_graph.glb")]
    views = [f"one_{mesh}{view}.png" for mesh in ("", "graph_") for view in ("overlay", "side", "top")]
    assert sorted(os.listdir(tmp_path / "one")) == sorted([*files, *views, "one.html"])
    record = json.loads((tmp_path / "one" / "one_0.json").read_text())
    assert record["joint_names"] == list(SKELETONS["graphcmr_24"]) and len(record["parameters"]["theta"]) == 85
    body = load_body(read_settings(SMALL))
    with np.load(tmp_path / "one" / "one_0.npz") as arrays:
        np.testing.assert_allclose(arrays["joints_3d_m"], body.regressor @ arrays["vertices_m"], atol=1e-5)
        free, _ = read_mesh(str(tmp_path / "one" / "one_0_graph.obj"))
        np.testing.assert_allclose(free, arrays["vertices_graph_m"] * (1, -1, -1), atol=1e-5)
        still = arrays["theta"]

    write_video(str(tmp_path / "film.mp4"), [scene.image] * 3, 25.0)
    infer.main([*flags, "--input", str(tmp_path / "film.mp4"), "--bbox", box, "--output_dir", str(tmp_path / "film")])
    assert sorted(os.listdir(tmp_path / "film")) == ["film.mp4", "film_0.json", "film_0.npz"]
    with np.load(tmp_path / "film" / "film_0.npz") as arrays:
        assert arrays["theta"].shape == (3, 85) and arrays["smoothed"]
        # The video's compression changes the image a little, smoothing an unmoving body not at all.
        np.testing.assert_allclose(arrays["theta"][:, :3], np.tile(still[:3], (3, 1)), atol=0.05)

    finder = str(tmp_path / "openpose.ckpt")
    config = openpose_config.read_settings(["--width", "0.0625", "--num_stages", "1", "--inference_img_size", "64"])
    network = openpose_network.build_network(config, openpose_network.COCO_18)
    write_checkpoint(finder, network, meta={"config": dict(config)})
    with pytest.raises(UserError, match="nobody was found in one.png: say where people are with --bbox"):
        infer.main([*flags, "--image", str(tmp_path / "one.png"), "--openpose_ckpt", finder, "--output_dir",
                    str(tmp_path / "nobody")])
    assert not (tmp_path / "nobody").exists()
