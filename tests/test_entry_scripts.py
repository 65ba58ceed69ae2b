"""Every command answers --help and refuses a bad flag before it loads anything heavy."""
import ast
import importlib
import json
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDERS = ("pose_baseline", "openpose", "hmr", "cmr", "hand4whole", "tools", "scripts")
# Each takes a good part of a second to import, or much more.
HEAVY = ("mindspore", "torch", "matplotlib", "trimesh", "h5py", "scipy", "numba")
# The benchmarks and the gallery compute with arrays only.
MAY_LOAD = {"tools/lab/benchmark_decoder.py": ("scipy",), "tools/lab/body_gallery.py": ("h5py", "scipy"),
            "tools/lab/benchmark_drawing.py": ("h5py", "scipy")}
TRIAL = """
import json, runpy, sys
script, flag = sys.argv[1:]
sys.argv = [script, flag]
status = 0
try:
    runpy.run_path(script, run_name="__main__")
except SystemExit as leaving:
    status = leaving.code or 0
print(json.dumps([status, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def entry_scripts():
    """Paths of the files that are commands, relative to the root."""
    found = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            if any(isinstance(node, ast.If) and "__main__" in ast.unparse(node.test) for node in tree.body):
                found.append(path.relative_to(ROOT).as_posix())
    return found


@pytest.mark.parametrize("script", entry_scripts())
def test_help_and_bad_flags_load_nothing_heavy(script):
    for flag in ("--help", "--no_such_flag"):
        done = subprocess.run([sys.executable, "-c", TRIAL, str(ROOT / script), flag], cwd=ROOT, capture_output=True,
                              text=True, timeout=60)
        assert done.stdout, done.stderr
        status, modules = json.loads(done.stdout.splitlines()[-1])
        loaded = set(modules) & set(HEAVY) - set(MAY_LOAD.get(script, ()))
        assert not loaded, f"{script} {flag} loads {loaded}"
        if flag != "--help":
            assert status == 1 and done.stderr.startswith("error: "), done.stderr


def models_and_commands():
    return [(model, path.stem) for model in FOLDERS[:5] for path in sorted((ROOT / model).glob("*.py"))
            if "read_settings" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("model, command", models_and_commands())
def test_help_shows_first_what_the_command_uses(model, command, monkeypatch, capsys):
    """And no command reads a setting that its help counts among those of others."""
    config = importlib.import_module(f"{model}.src.config")
    monkeypatch.setattr(sys, "argv", [f"{command}.py"])
    with pytest.raises(SystemExit):
        config.read_settings(["--help"])
    mine, *others = capsys.readouterr().out.split("\nTaken too, but not used by")
    flags = [re.findall(r"^  --(\w+)", mine, re.MULTILINE), re.findall(r"--(\w+)", "".join(others))]
    settings = dict(config.read_settings([]))
    assert sorted(flags[0] + flags[1]) == sorted(["config_path", *settings])
    source = (ROOT / model / f"{command}.py").read_text(encoding="utf-8")
    assert not set(re.findall(r"\bconfig\.(\w+)", source)) & set(flags[1])
    assert others or command not in ("train", "infer", "export")
    if command == "infer":
        assert "input" in flags[0][:3] and {"e_lr", "learning_rate", "lr"} & set(flags[1])


@pytest.mark.parametrize("model", FOLDERS[:5])
def test_every_model_takes_the_common_names(model, tmp_path):
    """Whatever the original calls them; README commands of the originals are in each model's test_commands."""
    config = importlib.import_module(f"{model}.src.config")
    common = {"epochs": 3, "lr": 0.5, "seed": 4, "ckpt_file": "a.ckpt", "resume": True,
              "profile": True, "amp_level": "O2", "device_target": "CPU", "file_name": "x", "file_format": "ONNX"}
    argv = [word for key, value in common.items() for word in (f"--{key}", str(value).lower() if value is True else
                                                               str(value))]
    if model != "pose_baseline":  # it holds its data in memory
        argv += ["--num_workers", "3"]
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "person_keypoints_train2014.json").touch()
    settings = config.read_settings([*argv, "--batch_size", "6", "--output_dir", "o", "--data_dir", str(tmp_path)])
    for key, value in common.items():
        assert settings[config.ALIASES.get(key, key)] == value, key
    assert settings[config.ALIASES.get("data_dir", "data_dir")] == str(tmp_path)
    assert settings[config.ALIASES.get("batch_size", "batch_size")] == 6


def test_choices_that_settings_name_are_those_of_the_code():
    """Settings name them by themselves, because the code is slow to import."""
    from cmr.src.config import DEPTHS
    from common.backbones.resnet import PLANS
    from openpose.src.config import DECODERS
    from openpose.src.decode import CONVENTIONS

    assert DEPTHS == tuple(PLANS)
    assert DECODERS == tuple(CONVENTIONS)
