"""The door to all models in Python: light to import, one sentence for what cannot be, and a real model behind it."""
import subprocess
import sys

import numpy as np
import pytest

from common.engine.checkpoint import write_checkpoint
from common.errors import UserError
from mindhuman import MODELS, load, published_weights


def test_importing_loads_no_framework():
    code = "import sys, mindhuman; print([n for n in ('mindspore', 'cv2', 'matplotlib') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_cannot_be_is_said():
    with pytest.raises(UserError, match="no model 'vibe': choose from openpose, pose_baseline, hmr"):
        load("vibe")
    with pytest.raises(UserError, match="pose_baseline takes no detector"):
        load("pose_baseline", detector=object())
    with pytest.raises(UserError, match="no_such_setting"):
        load("pose_baseline", no_such_setting=1)
    with pytest.raises(UserError, match="no published weights of this name"):
        load("hmr", weights="nothing")
    assert set(MODELS) == {"openpose", "pose_baseline", "hmr", "cmr", "hand4whole"}


def test_a_fetched_lifter_without_statistics_is_passed_over(tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO", "mindhuman")
    monkeypatch.setenv("MINDHUMAN_CACHE", str(tmp_path))
    path = tmp_path / "weights" / "pose_baseline-weigq.ckpt"
    write_checkpoint(str(path), {"w1.weight": np.zeros((2, 2), np.float32)}, meta={"model": "pose_baseline"})
    assert published_weights("pose_baseline") == ""
    assert "weigq, which were fetched, are passed over: they hold no statistics" in caplog.text
    write_checkpoint(str(path), {"w1.weight": np.zeros((2, 2), np.float32)}, {"mean_2d": np.zeros(4)},
                     {"model": "pose_baseline"})
    assert published_weights("pose_baseline") == str(path)


@pytest.mark.slow
def test_the_lifter_takes_files_and_what_openpose_gives(tmp_path):
    from lifter_keypoints import COCO

    from openpose.src.inference import Poses2D
    from openpose.src.skeleton import COCO_18

    joints = np.array([(*COCO[name], 0.9) if name in COCO else (500, 200, 0.9) for name in COCO_18.joints], np.float64)
    shifted = joints + (40, 0, 0)

    def poses(name, people, ids):
        return Poses2D(name, f"{name}.jpg", np.zeros((1000, 1000, 3), np.uint8), np.stack(people),
                       np.ones(len(people)), ids, COCO_18, None if ids is None else 0.0, (None, None, None))

    lifter = load("pose_baseline", weights="small", device="CPU")
    alone, = lifter(poses("a", [joints], None))
    assert alone.joint_names == lifter.joint_names and alone.joints_3d.shape == (1, 17, 3)
    # Somebody upright: the head is a body's length above the ankles in the axes that are stated.
    up = {"camera": (1, -1), "world": (2, 1)}[alone.space]
    head, ankle = (alone.joints_3d[0, alone.joint_names.index(name)] for name in ("head", "left_ankle"))
    assert 1000 < up[1] * (head - ankle)[up[0]] < 2200
    video = lifter([poses("v_0", [joints, shifted + (300, 0, 0)], [0, 4]),
                    poses("v_1", [shifted, joints + (300, 0, 0)], [0, 4])])
    assert [(one.person, one.frames.tolist()) for one in video] == [("0", [0, 1]), ("4", [0, 1])]
    images = lifter([poses("b", [joints], None), poses("c", [joints], None)])
    assert len(images) == 2 and all(len(one.frames) == 1 for one in images)
    # The place and the size in the image are lost on purpose, so the pose is the same.
    np.testing.assert_allclose(images[0].joints_3d, alone.joints_3d, atol=1e-3)
    paths = alone.save(str(tmp_path), ["json", "png", "bvh", "csv"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["predictions.bvh", "predictions.csv",
                                                                "predictions.json", "predictions.png"]
    assert len(paths) == 4 and alone.draw().shape == (480, 960, 3)
    again, = lifter(str(tmp_path / "predictions.json"), rescale="body")
    np.testing.assert_allclose(again.joints_3d, alone.joints_3d, atol=1.0)
