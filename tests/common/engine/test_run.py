"""What the training runs of all models do alike."""
import importlib
import pathlib

import numpy as np
import pytest

from common.config import Config, load_config
from common.engine.checkpoint import CheckpointFolder, write_checkpoint
from common.engine.run import MAY_DIFFER, checkpoint_to_resume
from common.engine.runtime import Runtime
from common.errors import UserError

ROOT = pathlib.Path(__file__).parents[3]
MODELS = ("pose_baseline", "openpose", "hmr", "cmr", "hand4whole")
# On these a run depends in every model, by whatever name it has them.
DECIDE = ("seed", "amp_level", "loss_scale", "clip_norm", "lr", "e_lr", "d_lr", "batch_size",
          "lr_type", "dropout", "width", "depth")


def keys_of(model):
    return set(load_config(str(ROOT / model / "default_config.yaml")))


@pytest.mark.parametrize("model", MODELS)
def test_what_may_differ_exists_and_is_nothing_that_a_run_depends_on(model):
    config, keys = importlib.import_module(f"{model}.src.config"), keys_of(model)
    assert not config.MAY_DIFFER - keys and not config.MAY_DIFFER & MAY_DIFFER
    free = (config.MAY_DIFFER | MAY_DIFFER) & keys
    assert not free & set(config.NETWORK_KEYS)
    # Hand4Whole is trained in stages with rates of their own; its README says what then is no longer exact.
    assert free & set(DECIDE) == ({"lr"} if model == "hand4whole" else set())


def test_what_may_differ_in_all_models_is_known_to_several():
    for key in MAY_DIFFER:
        assert sum(key in keys_of(model) for model in MODELS) > 1, key


def resume(config, folder, model="lifter", workers=1):
    store = CheckpointFolder(str(folder), "{step}.ckpt")
    return checkpoint_to_resume(config, store, Runtime("CPU", 1, 0, workers), model, "train_dir", {"train_dir"})


def test_the_checkpoint_to_resume_is_the_named_one_or_the_newest(tmp_path):
    config = Config({"resume": True, "ckpt_file": "", "train_dir": str(tmp_path)})
    with pytest.raises(UserError, match="can be read in .*run; give the --train_dir of the run and its settings"):
        resume(config, tmp_path / "run")
    for step in (1, 2):
        CheckpointFolder(str(tmp_path / "run"), "{step}.ckpt").write({"w": np.full(1, step, np.float32)},
                                                                     {"step": step, "epoch": 1})
    write_checkpoint(str(tmp_path / "other.ckpt"), {"w": np.full(1, 7, np.float32)})
    assert resume(config, tmp_path / "run").weights["w"][0] == 2
    named = config.replace(ckpt_file=str(tmp_path / "other.ckpt"))
    assert resume(named, tmp_path / "run").weights["w"][0] == 7
    assert resume(named.replace(resume=False), tmp_path / "run") is None


def test_a_setting_that_nobody_listed_has_to_be_the_same(tmp_path):
    path = str(tmp_path / "a.ckpt")
    saved = {"resume": False, "ckpt_file": "", "train_dir": "there", "new_knob": 1, "batch_size": 8}
    write_checkpoint(path, {"w": np.zeros(1, np.float32)}, meta={"model": "cmr", "config": saved, "rank_size": 1})
    config = Config({**saved, "resume": True, "ckpt_file": path, "train_dir": "here", "later_knob": 5})
    assert resume(config, tmp_path, "cmr").weights
    with pytest.raises(UserError, match=f"^--resume: {path} was made with new_knob 1, this run has 2"):
        resume(config.replace(new_knob=2), tmp_path, "cmr")
    assert resume(config.replace(batch_size=4), tmp_path, "cmr", workers=2).weights
    with pytest.raises(UserError, match="is one of cmr, not of hmr"):
        resume(config, tmp_path, "hmr")
