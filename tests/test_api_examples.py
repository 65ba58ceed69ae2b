"""The examples of docs/api.md run as they stand there, with networks whose answers are known."""
import pathlib
import re

import cv2
import numpy as np
import pytest
from known_people import Finder, Standing

import mindhuman
from common.inference.predictor import MeshPredictor
from common.visual.video import write_video
from openpose.src.inference import Detecting

DOCS = pathlib.Path(__file__).resolve().parents[1] / "docs" / "api.md"


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
