"""tool/merge_hand_to_all.py: what comes from which file."""
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import hand4whole_network_cases as cases
import numpy as np
import pytest
from golden_files import load_module

from common.engine.checkpoint import read_checkpoint, write_checkpoint
from common.errors import UserError
from hand4whole.src.config import read_settings
from hand4whole.src.network import load_trained

ROOT = Path(__file__).resolve().parents[2]


merge = load_module(ROOT / "hand4whole" / "tool" / "merge_hand_to_all.py")


def published(name, value, rename=lambda key: key):
    """A published file as npz, every number `value`."""
    return {rename(key): np.full(shape, value, np.float32) for key, shape in cases.keys(name).items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "snapshot_6_all.npz"
    np.savez_compressed(path, **published("network", 1))
    return str(path)


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["hand_backbone", "backbone"])
def test_published_files(whole, tmp_path, capsys, prefix):
    hand, merged = str(tmp_path / "hand.npz"), str(tmp_path / "snapshot_0.ckpt")
    np.savez_compressed(hand, **published(
        "hand_only", 2, lambda key: key.replace("module.backbone.", f"module.{prefix}.")))
    merge.main(["--whole", whole, "--hand", hand, "--merged", merged])
    checkpoint = read_checkpoint(merged)
    # The reference counts PyTorch's counters of batches too, which do not exist here.
    reference = json.loads((cases.reference.FOLDER / "merge.json").read_text())["hand_prefix_published"]["by_group"]
    said = capsys.readouterr().out
    for group, origins in reference.items():
        names = [key for key in cases.keys("network") if key.startswith(f"module.{group}.")]
        (origin, count), = origins.items()
        assert len(names) == count
        kept = sum(not key.endswith("num_batches_tracked") for key in names)
        values = [array for name, array in checkpoint.weights.items() if name.startswith(group + ".")]
        assert len(values) == (0 if origin == "dropped" else kept), group
        assert all((array == (2 if origin == "hand" else 1)).all() for array in values), group
        phrase = "left out" if origin == "dropped" else f"from {origin}"
        assert f"{group.partition('.')[0]}: {kept} arrays {phrase}\n" in said
    assert checkpoint.meta["config"]["merged"] and not checkpoint.optimizer


def test_what_is_merged_has_to_learn_before_it_is_used(tmp_path):
    path = str(tmp_path / "snapshot_0.ckpt")
    write_checkpoint(path, {"weight": np.zeros(1, np.float32)},
                     meta={"model": "hand4whole", "config": {"merged": True}})
    with pytest.raises(UserError, match="merged one.*fine-tune it with train.py --continue"):
        load_trained(read_settings(["--ckpt_file", path]))


@pytest.mark.parametrize("folder", ["tool", "."])
def test_it_is_called_in_its_own_folder_or_beside_it(folder, tmp_path):
    """`cd tool; python merge_hand_to_all.py` finds the runs of train.py, which lie one folder above."""
    model = tmp_path / "hand4whole"
    shutil.copytree(ROOT / "hand4whole" / "tool", model / "tool")
    shutil.copytree(ROOT / "common", tmp_path / "common", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "hand4whole" / "src", model / "src", ignore=shutil.ignore_patterns("__pycache__"))
    (model / "output" / "model_dump").mkdir(parents=True)
    done = subprocess.run([sys.executable, str(model / "tool" / "merge_hand_to_all.py")], cwd=model / folder,
                          capture_output=True, text=True)
    assert done.returncode == 1 and "output/model_dump for --whole" in done.stderr


def test_nothing_to_transfer(whole, tmp_path):
    merged = str(tmp_path / "snapshot_0.ckpt")
    with pytest.raises(UserError, match="0 of the 265 arrays"):
        other = str(tmp_path / "other.ckpt")
        write_checkpoint(other, {"position_net.conv.weight": np.zeros(2, np.float32)})
        merge.main(["--whole", whole, "--hand", other, "--merged", merged])
    with pytest.raises(UserError, match="no whole network"):
        merge.main(["--whole", other, "--hand", other, "--merged", merged])
    with pytest.raises(UserError, match="must end with .ckpt"):
        merge.main(["--whole", whole, "--hand", other, "--merged", "snapshot_0.pth.tar"])
    assert not os.path.exists(merged)


def small(folder, name, value, prefixes, epoch):
    """A snapshot with one array for each prefix."""
    weights = {f"{prefix}conv1.weight": np.full((2, 2), value, np.float32) for prefix in prefixes}
    write_checkpoint(str(folder / name), weights, meta={"model": "hand4whole", "config": {"parts": "whole"},
                                                        "epoch": epoch})


def test_snapshots_of_a_run_are_found_and_make_room(tmp_path, capsys):
    folder = tmp_path / "model_dump"
    folder.mkdir()
    for epoch in (0, 1):
        small(folder, f"snapshot_{epoch}.ckpt", 10 + epoch, ("backbone.", "hand_roi_net.backbone.",
                                                             "hand_position_net."), epoch + 1)
        small(folder, f"snapshot_{epoch}_hand.ckpt", 20 + epoch, ("backbone.", "position_net."), epoch + 1)
    merge.main(["--output_dir", str(tmp_path)])
    assert sorted(os.listdir(folder)) == ["before_merge", "snapshot_0.ckpt", "snapshot_0_hand.ckpt",
                                          "snapshot_1_hand.ckpt"]
    assert sorted(os.listdir(folder / "before_merge")) == ["snapshot_0.ckpt", "snapshot_1.ckpt"]
    weights = read_checkpoint(str(folder / "snapshot_0.ckpt")).weights
    assert {name: float(array[0, 0]) for name, array in weights.items()} == {
        "backbone.conv1.weight": 11, "hand_roi_net.backbone.conv1.weight": 21}
    assert "2 earlier snapshots" in capsys.readouterr().out
    # A second merge leaves what the first one has set aside.
    small(folder, "snapshot_1.ckpt", 30, ("backbone.", "hand_roi_net.backbone."), 2)
    merge.main(["--output_dir", str(tmp_path)])
    assert f"2 earlier snapshots are in {folder / 'before_merge_2'} now" in capsys.readouterr().out
    for name, value in (("before_merge", 11), ("before_merge_2", 30)):
        weights = read_checkpoint(str(folder / name / "snapshot_1.ckpt")).weights
        assert weights["backbone.conv1.weight"][0, 0] == value
    with pytest.raises(UserError, match="no snapshot"):
        merge.main(["--output_dir", str(tmp_path / "nowhere")])
