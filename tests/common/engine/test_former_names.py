"""Settings files and checkpoints of before settings got one name in all models: they are read and continue."""
import importlib
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from common.engine.checkpoint import CheckpointFolder
from common.engine.continuation import adopt_settings
from common.engine.run import checkpoint_to_resume
from common.errors import UserError

# Former name -> today's name, and a value that is not the default.
FORMER = {
    "pose_baseline": {"learning_rate": ("lr", 0.5), "log_every": ("log_interval", 7)},
    "openpose": {"max_epoch_train": ("epochs", 3)},
    "hmr": {"profile": ("convention", "spin"), "profile_training": ("profile", True), "num_worker": ("num_workers", 3),
            "critic_path": ("discriminator_path", "critic.ckpt"), "critic_size": ("discriminator_size", 12)},
    "cmr": {"num_epochs": ("epochs", 3)},
    "hand4whole": {"end_epoch": ("epochs", 3), "train_batch_size": ("batch_size", 5), "num_thread": ("num_workers", 3),
                   "continue_train": ("resume", True)},
}


@pytest.fixture(params=FORMER)
def run(request, tmp_path):
    """A model's `src.config`, a settings file with former names, and the folder of a checkpoint with all of them."""
    module = importlib.import_module(f"{request.param}.src.config")
    names = FORMER[request.param]
    (tmp_path / "former.yaml").write_text(yaml.safe_dump({old: value for old, (_, value) in names.items()}))
    today = {new for new, _ in names.values()}
    settings = {key: value for key, value in module.read_settings([]).items() if key not in today}
    settings.update({old: value for old, (_, value) in names.items()})
    store = CheckpointFolder(str(tmp_path / "run"))
    store.write({"a": np.zeros(1, np.float32)}, {"step": 4, "model": request.param, "rank_size": 1, "config": settings})
    return request.param, module, str(tmp_path / "former.yaml"), store


def resumed(run, flags):
    name, module, _, store = run
    config = module.read_settings(["--resume", "true", *flags])
    return checkpoint_to_resume(config, store, SimpleNamespace(rank_size=1), name, "output_dir", module.MAY_DIFFER)


def test_a_former_settings_file_says_what_it_said(run):
    name, module, path, _ = run
    config = module.read_settings(["--config_path", path])
    for new, value in FORMER[name].values():
        assert config[new] == value, new


def test_a_former_run_continues_with_its_settings_and_no_others(run):
    name, module, path, store = run
    checkpoint = resumed(run, ["--config_path", path])
    assert checkpoint.meta["step"] == 4
    fixed = {new: value for new, value in FORMER[name].values() if new in module.NETWORK_KEYS}
    assert fixed.items() <= adopt_settings(checkpoint, module.read_settings([]), module.NETWORK_KEYS).items()
    if name in ("openpose", "cmr"):
        return  # what had another name there may differ
    key, text = {"pose_baseline": ("lr", "made with lr 0.5, this run has 0.001"),
                 "hmr": ("discriminator_size", "made with discriminator_size 12, this run has 1024"),
                 "hand4whole": ("batch_size", "made with batch_size 5 on 1 worker")}[name]
    others = [word for new, value in FORMER[name].values() if new not in (key, "profile", "resume")
              for word in (f"--{new}", str(value))]
    with pytest.raises(UserError, match=text):
        resumed(run, others)


def test_the_discriminator_s_part_of_a_convention_is_compared():
    """Checkpoints of hmr say it; under its former name, too."""
    from hmr.src.conventions import CONVENTIONS, convention_of

    saved = {key.replace("discriminator", "critic"): value for key, value in CONVENTIONS["tf"].settings().items()}
    assert {"critic_activation", "critic_shape_sizes"} <= set(saved)
    from common.config import present_names

    assert convention_of(present_names(saved), "a.ckpt").name == "tf"
    saved["critic_shape_sizes"] = [5]
    with pytest.raises(UserError, match=r"written with discriminator_shape_sizes \[5\]"):
        convention_of(present_names(saved), "a.ckpt")
