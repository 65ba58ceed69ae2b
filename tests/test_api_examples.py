"""The examples of docs/api.md run as they stand there, with networks whose answers are known."""
import dataclasses
import pathlib
import re

import cv2
import numpy as np
import pytest
from lifter_keypoints import COCO

import mindhuman
from common.body_models.files import load_body_model
from common.geometry.rotation import axis_angle_to_matrix
from common.inference.meshes import Body, Region
from common.inference.predictor import MeshPredictor
from common.inference.smpl import SMPLMeshes
from common.joints import SKELETONS
from common.visual.video import write_video
from openpose.src.decode import Frame
from openpose.src.detector import DetectorSettings
from openpose.src.inference import Detecting
from openpose.src.skeleton import COCO_18
from openpose.src.targets import make_targets

DOCS = pathlib.Path(__file__).resolve().parents[1] / "docs" / "api.md"


class Finder:
    """Maps of a network that sees the same person in every image, upright in its middle."""

    def __init__(self):
        self.skeleton, self.settings = COCO_18, DetectorSettings()

    def maps(self, image):
        height, width = image.shape[:2]
        places = [COCO.get(joint, (500, 202)) for joint in COCO_18.joints]
        joints = np.concatenate([np.array(places) * (width / 1000, height / 1000), np.full((18, 1), 0.9)], axis=1)
        return *make_targets(joints[None], height // 8, width // 8), Frame((height, width), (height, width))


class Standing(SMPLMeshes):
    """SMPL bodies that stand upright in the middle of their crop."""

    name = "hmr"

    def __init__(self):
        body = load_body_model("smpl")
        super().__init__(body, body.J_regressor, SKELETONS["smpl_24"])

    def crop(self, image, found):
        return np.zeros((3, 8, 8), np.float32), Region(found.box[:2], float(found.box[2:].max()))

    def predict(self, batch):
        turns = np.zeros((24, 3))
        turns[0, 0] = np.pi
        body = Body(np.array([0.9, 0.0, 0.0]), axis_angle_to_matrix(turns), np.zeros(10), None, None)
        return [self.pose(dataclasses.replace(body)) for _ in batch]


def test_the_examples_run(tmp_path, monkeypatch):
    real = mindhuman.load
    fakes = {"openpose": lambda **_: Detecting(Finder()),
             "hmr": lambda detector=None, **_: MeshPredictor(Standing(), detector)}
    monkeypatch.setattr(mindhuman, "load", lambda name, **options: fakes.get(
        name, lambda **_: real(name, device="CPU", **options))(**options))
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("photo.jpg", np.full((1000, 1000, 3), 90, np.uint8))
    write_video("walk.mp4", ((np.full((200, 200, 3), 90, np.uint8), number / 10) for number in range(5)), 10.0)
    blocks, names = re.findall(r"^```python\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.M | re.S), {}
    assert len(blocks) == 5
    for block in blocks:
        exec(compile(block, str(DOCS), "exec"), names)  # our own documentation
    assert len(names["people"]) == 1 and names["people"][0].j2d_px.shape == (24, 2)
    # Standing: the head of the mesh is above its feet in the image, where y counts downwards.
    person = names["people"][0]
    assert person.j2d_px[person.joint_names.index("head"), 1] < person.j2d_px[person.joint_names.index("left_foot"), 1]
    assert len(names["several"]) == 2 and len(names["two"]) == 2 and len(names["walk"]) == 4
    assert len(names["found"]) == 1 and names["same"][0].score == pytest.approx(names["found"].scores[0])
    written = {path.relative_to("output").as_posix() for path in pathlib.Path("output").rglob("*.*")}
    assert {"photo/photo_0.json", "photo/photo.html", "walk/walk_0.bvh", "walk/walk_0_rig.glb",
            "lifted/predictions.bvh", "lifted/predictions.png"} <= written
