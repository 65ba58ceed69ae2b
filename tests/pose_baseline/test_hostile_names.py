"""Names of people and frames from files: nothing is written outside the folder, and images bear them."""
import json
import os

import numpy as np
import pytest

from common.config import Config
from pose_baseline.src.outputs import LiftedTrack, write_results

NAMES = ["../outside", "/absolute", "nul\0byte", "two\nlines", "\ud800", "$\\frac{$", "x" * 300, "Anna", "anna"]


@pytest.mark.parametrize("several", [True, False])
def test_people_and_frames_may_be_called_anything(tmp_path, several, monkeypatch):
    drawn = []
    monkeypatch.setattr("pose_baseline.src.drawing.animate", lambda *arguments: drawn.append(arguments[2]))
    pose = np.random.default_rng(0).normal(0, 100, (1, 17, 3))
    people = [LiftedTrack(name, np.arange(1), (name,), pose[:, :16, :2], np.ones((1, 16), bool), pose)
              for name in NAMES]
    config = Config({"animation": "gif", "camera_frame": True, "output_dir": str(tmp_path / "out"), "fps": 25.0,
                     "input": "keypoints", "formats": ["json", "npz", "png", "bvh", "trc", "csv"]})
    for chosen in [people] if several else [[person] for person in people]:
        write_results(chosen, None, config)
        content = json.loads((tmp_path / "out" / "predictions.json").read_text())
        assert [person["person"] for person in content["people"]] == [person.person for person in chosen]
    assert os.listdir(tmp_path) == ["out"]
    images = [name for name in os.listdir(tmp_path / "out") if name.endswith(".png")]
    assert len({name.casefold() for name in images}) == (len(NAMES) if several else 1)
