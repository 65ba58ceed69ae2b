"""Predictions as files: what is written is read back, also as input."""
import json

import numpy as np

from common.joints import SKELETONS
from pose_baseline.src.keypoints import read_keypoints
from pose_baseline.src.outputs import LiftedTrack, write_json, write_npz


def people(space="camera"):
    rng = np.random.default_rng(0)
    return [LiftedTrack(name, np.arange(count) + 3, tuple(f"{name}{k}" for k in range(count)),
                        rng.uniform(100, 900, (count, 16, 2)).astype(np.float32), np.ones((count, 16), bool),
                        rng.normal(0, 300, (count, 17, 3)).astype(np.float32), space=space)
            for name, count in (("a", 4), ("b", 2))]


def test_npz(tmp_path):
    anna, ben = people()
    write_npz(str(tmp_path / "p.npz"), [anna, ben])
    with np.load(tmp_path / "p.npz", allow_pickle=False) as content:
        assert content["person"].tolist() == ["a"] * 4 + ["b"] * 2
        assert content["frames"].tolist() == [3, 4, 5, 6, 3, 4]
        np.testing.assert_array_equal(content["joints_3d"], np.concatenate([anna.joints_3d, ben.joints_3d]))
        assert content["joints_3d"].dtype == np.float32
        assert tuple(content["joint_names_3d"]) == SKELETONS["h36m_17"]
        assert str(content["units"]) == "mm" and "y down" in str(content["space"])


def test_json(tmp_path):
    anna, ben = people("world")
    write_json(str(tmp_path / "p.json"), [anna, ben])
    content = json.loads((tmp_path / "p.json").read_text())
    assert content["units"] == "mm" and "z up" in content["space"]
    assert content["joint_names_3d"][9] == "neck_nose" and content["joint_names_2d"][9] == "head"
    assert [person["person"] for person in content["people"]] == ["a", "b"]
    np.testing.assert_allclose(content["people"][1]["joints_3d"], ben.joints_3d, atol=0.0051)


def test_predictions_can_be_read_as_input(tmp_path):
    written = people()
    write_npz(str(tmp_path / "p.npz"), written)
    write_json(str(tmp_path / "p.json"), written)
    for name in ("p.npz", "p.json"):
        tracks = read_keypoints(str(tmp_path / name))
        assert [track.person for track in tracks] == ["a", "b"]
        for one, track in zip(written, tracks):
            np.testing.assert_allclose(track.joints, one.joints_2d, atol=0.0051)
            assert track.frames.tolist() == one.frames.tolist() and track.frame_names == one.frame_names


def test_nothing_is_left_beside_the_files(tmp_path):
    write_npz(str(tmp_path / "deep" / "p.npz"), people())
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["p.npz"]
