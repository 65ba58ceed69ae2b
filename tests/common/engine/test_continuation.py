"""Settings that come from a checkpoint."""
import logging

import numpy as np
import pytest

from cmr.src import weights as cmr_weights
from common.config import Config
from common.engine.checkpoint import Checkpoint, write_checkpoint
from common.engine.continuation import adopt_settings, require_model, require_same_settings
from common.errors import UserError
from hand4whole.src import weights as hand4whole_weights
from hmr.src import train_step as hmr_step
from openpose.src import weights as openpose_weights
from pose_baseline.src import weights as lifter_weights

DEFAULTS = {"width": 1.0, "depth": 50, "crop": 224, "lr": 0.1}


def test_what_belongs_to_the_network_comes_from_the_checkpoint(caplog):
    saved = Checkpoint("run.ckpt", {}, meta={"config": {"width": 0.5, "crop": 112, "lr": 0.3}})
    caplog.set_level(logging.INFO, "mindhuman")
    adopted = adopt_settings(saved, Config(DEFAULTS), ("width", "depth"), ("crop",))
    assert adopted == {**DEFAULTS, "width": 0.5, "crop": 112}
    assert not caplog.messages
    with pytest.raises(UserError, match="--width 0.25 contradicts checkpoint run.ckpt, which was made with width 0.5"):
        adopt_settings(saved, Config({**DEFAULTS, "width": 0.25}, {"width"}, {"width"}), ("width",))
    overlay = Config({**DEFAULTS, "width": 0.25, "crop": 64}, {"width", "crop"})
    assert adopt_settings(saved, overlay, ("width",), ("crop",)) == {**DEFAULTS, "width": 0.5, "crop": 64}
    assert caplog.messages == ["width is 0.5, as checkpoint run.ckpt was made, not 0.25 as in --config_path"]
    typed = Config(DEFAULTS, {"width"}, {"width"})
    assert adopt_settings(Checkpoint("port.ckpt", {}), typed, ("width",), ("crop",)) == DEFAULTS


def test_a_checkpoint_of_another_model_is_refused():
    with pytest.raises(UserError, match="^checkpoint a.ckpt is one of cmr, not of hmr: name one of hmr, or"):
        require_model(Checkpoint("a.ckpt", {}, meta={"model": "cmr"}), "hmr")
    require_model(Checkpoint("port.ckpt", {}), "hmr")


@pytest.mark.parametrize("model, read", [
    ("hmr", lambda path: hmr_step._encoder(path)),
    ("hmr", lambda path: hmr_step._discriminator(Config({"discriminator_path": path}))),
    ("cmr", lambda path: cmr_weights.load_resnet(None, path)),
    ("cmr", lambda path: cmr_weights.read_trained(path, "--pretrained_checkpoint")),
    ("openpose", lambda path: openpose_weights.load_backbone(None, path)),
    ("hand4whole", lambda path: hand4whole_weights.load_resnet(None, "", path, "--resnet_path")),
    ("hand4whole", lambda path: hand4whole_weights.hand_backbone(path)),
    ("pose_baseline", lambda path: lifter_weights.extra_arrays(path))])
def test_every_flag_for_weights_refuses_another_models_checkpoint(tmp_path, model, read):
    path, other = str(tmp_path / "a.ckpt"), "cmr" if model != "cmr" else "hmr"
    write_checkpoint(path, {"w": np.zeros(1, np.float32)}, meta={"model": other})
    with pytest.raises(UserError, match=f"^checkpoint {path} is one of {other}, not of {model}: "):
        read(path)


@pytest.mark.parametrize("batch_size, workers, words", [
    (64, 1, ""), (32, 2, ""), (16, 4, ""), (32, 1, "batch_size 64 on 1 worker.*has 32 on 1; give --batch_size 64"),
    (64, 2, "give --batch_size 32"), (21, 3, "as many workers as before")])
def test_workers_may_change_when_they_take_as_many_samples_together(batch_size, workers, words):
    before = {"batch_size": 64, "lr": 0.1, "seed": 4, "gone": 1}
    saved = Checkpoint("run.ckpt", {}, meta={"config": before, "rank_size": 1})
    config = {"batch_size": batch_size, "lr": 0.1, "seed": 3}
    arguments = saved, config, {"seed"}, ("batch_size",), workers
    if not words:
        require_same_settings(*arguments)
        with pytest.raises(UserError, match="--continue: run.ckpt was made with lr 0.1, this run has 0.2"):
            require_same_settings(saved, {**config, "lr": 0.2}, *arguments[2:], "--continue")
    else:
        with pytest.raises(UserError, match=words):
            require_same_settings(*arguments)
