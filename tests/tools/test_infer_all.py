"""tools/infer.py: one page about everything that all models see, with networks whose answers are known."""
import html
import json
import os
import re
import urllib.parse

import cv2
import numpy as np
import pytest
from known_people import Finder, Standing
from lifter_keypoints import COCO

import mindhuman
from common.errors import UserError
from common.inference.predictor import MeshPredictor
from common.visual.video import write_video
from openpose.src.decode import Placement
from openpose.src.inference import Detecting
from openpose.src.skeleton import COCO_18
from openpose.src.targets import make_targets
from tools import infer


@pytest.fixture
def networks(monkeypatch):
    """openpose and hmr answer as they should, pose_baseline is our small one, the others have no weights."""
    def load(name, weights="", **_):
        if name in ("cmr", "hand4whole"):
            raise UserError(f"no checkpoint of {name}")
        if name == "pose_baseline":
            return mindhuman.load(name, "small", device="CPU")
        model = Detecting(Finder()) if name == "openpose" else MeshPredictor(Standing())
        model.weights = weights or "known.ckpt"
        return model

    monkeypatch.setattr(infer, "load", load)


def pages_within(page):
    """The viewer pages within a page, and their scenes."""
    inner = [html.unescape(text) for text in re.findall(r'srcdoc="(.*?)"></iframe>', page, re.S)]
    return [json.loads(re.search(r'id="scene">(.*?)</script>', text, re.S)[1]) for text in inner]


def check_links(folder, page):
    links = re.findall(r'href="([^"]*)"', page)
    assert links and all(os.path.isfile(os.path.join(folder, urllib.parse.unquote(link))) for link in links)
    assert not re.search(r'(?:src|href)="(?:https?:|//|/)', page)


@pytest.mark.slow
def test_a_photo_becomes_a_page_that_needs_nothing_else(networks, tmp_path):
    photo = str(tmp_path / "my photo.png")
    cv2.imwrite(photo, np.full((800, 800, 3), 90, np.uint8))
    folder = str(tmp_path / "out")
    infer.main([photo, "--output_dir", folder])
    page = open(os.path.join(folder, "index.html"), encoding="utf-8").read()
    check_links(folder, page)
    for text in ("my photo", "Skeletons (openpose)", "3D joints (pose_baseline)", "Body (hmr)",
                 "cmr is not shown: no checkpoint of cmr", "trained on synthetic people", "m before a camera of"):
        assert text in page, text
    lifted, body = pages_within(page)
    assert lifted["times"] == [0.0] and len(lifted["meshes"]) == 1 and "times" not in body
    assert len(re.findall("<img ", page)) == 5  # input, skeletons, body over the photo, from the side, from above
    written = {os.path.relpath(os.path.join(place, name), folder).replace(os.sep, "/")
               for place, _, names in os.walk(folder) for name in names}
    assert any(name.startswith("hmr/") and name.endswith("_rig.glb") for name in written)
    assert any(name.startswith("pose_baseline/") and name.endswith(".bvh") for name in written)


@pytest.mark.slow
def test_a_video_becomes_a_page_with_a_slider(networks, tmp_path):
    video, folder = str(tmp_path / "walk.mp4"), str(tmp_path / "out")
    write_video(video, ((np.full((400, 400, 3), 90, np.uint8), number / 10) for number in range(4)), 10.0)
    infer.main([video, "--models", "openpose,pose_baseline,hmr", "--output_dir", folder])
    page = open(os.path.join(folder, "index.html"), encoding="utf-8").read()
    check_links(folder, page)
    assert len(re.findall("<video ", page)) == 3
    for scene in pages_within(page):
        np.testing.assert_allclose(scene["times"], [0, 0.1, 0.2, 0.3], atol=1e-6)
        assert [mesh["name"] for mesh in scene["meshes"]] == ["person 0"] and scene["meshes"][0]["motion"]["rows"]
    assert "is not shown" not in page


@pytest.mark.parametrize("argv, words", [
    (["--models", "hmr,vibe"], "no model vibe"), (["--weights", "spin"], "write MODEL=WEIGHTS"),
    (["--weights", "vibe=a.ckpt"], "write MODEL=WEIGHTS"), (["--models", "cmr"], "no checkpoint of cmr")])
def test_what_cannot_be_is_said_in_one_sentence(networks, tmp_path, argv, words):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((60, 60, 3), 90, np.uint8))
    with pytest.raises(UserError, match=words):
        infer.main([str(tmp_path / "a.png"), *argv, "--output_dir", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_without_openpose_there_is_nothing_to_lift(networks, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((60, 60, 3), 90, np.uint8))
    with pytest.raises(UserError, match="no model could work on .*a.png"):
        infer.main([str(tmp_path / "a.png"), "--models", "pose_baseline", "--output_dir", str(tmp_path / "out")])
    assert "it lifts what openpose finds, which is not at work here" in "".join(capsys.readouterr())


@pytest.mark.slow
def test_mesh_models_alone_take_each_image_as_one_person_and_say_so(networks, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((200, 200, 3), 90, np.uint8))
    infer.main([str(tmp_path / "a.png"), "--models", "hmr", "--output_dir", str(tmp_path / "out")])
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "taken as one person" in page and "found by openpose" not in page
    infer.main([str(tmp_path / "a.png"), "--models", "hmr", "--bbox", "0,0,90,190;100,0,90,190", "--output_dir",
                str(tmp_path / "two")])
    assert (tmp_path / "two" / "hmr" / "a_1.json").is_file()


class WithAnArm(Finder):
    """Beside the person, head and right arm of another one."""

    def maps(self, image):
        height, width = image.shape[:2]
        places = np.array([COCO.get(joint, (500, 202)) for joint in COCO_18.joints]) * (width / 1000, height / 1000)
        joints = np.stack([np.column_stack([places + [x, 0], np.full(18, 0.9)]) for x in (-0.2 * width, 0.25 * width)])
        joints[1, 5:, 2] = 0
        return *make_targets(joints, height // 8, width // 8), Placement((height, width), (height, width))


@pytest.mark.slow
def test_people_of_whom_too_little_is_seen_are_counted(networks, monkeypatch, tmp_path):
    monkeypatch.setitem(globals(), "Finder", WithAnArm)
    cv2.imwrite(str(tmp_path / "a.png"), np.full((800, 800, 3), 90, np.uint8))
    infer.main([str(tmp_path / "a.png"), "--models", "openpose,hmr", "--output_dir", str(tmp_path / "out")])
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "1 of the 2 people found are left out: too little is seen of them (a body needs 6 joints)" in page
    assert sorted(path.name for path in (tmp_path / "out" / "hmr").glob("a_?.json")) == ["a_0.json"]


def test_what_every_model_says_is_said_once(monkeypatch, capsys):
    def load(name, *_, **__):
        infer.LOGGER.info("Device: CPU (the only one)")
        raise UserError(f"no checkpoint of {name}")

    monkeypatch.setattr(infer, "load", load)
    infer.set_up_logging()
    assert list(infer._load_all(["hmr", "cmr"], False, {}, "")[1]) == ["hmr", "cmr"]
    said = "".join(capsys.readouterr())
    assert said.count("Device: CPU") == 1 and "hmr is left out" in said and "cmr is left out" in said
    infer.LOGGER.info("Device: CPU (the only one)")  # afterwards nothing is held back
    assert "Device: CPU" in "".join(capsys.readouterr())
