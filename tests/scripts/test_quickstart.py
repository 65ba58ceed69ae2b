"""scripts/quickstart.sh and scripts/run_tests.sh in a copy of the tree with a stand-in set-up, and their functions."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "a clone"
    shutil.copytree(ROOT / "scripts", root / "scripts")
    (root / "scripts" / "setup.sh").write_text("echo set up\n")
    for model in ("pose_baseline", "other"):
        (root / model / "scripts").mkdir(parents=True)
        (root / model / "scripts" / "quickstart.sh").write_text(f"echo {model} ran\nexit 5\n")
    return root


def bash(*command, folder="/"):
    return subprocess.run(["bash", *map(str, command)], capture_output=True, text=True, cwd=folder,
                          env={**os.environ, "PYTHON": sys.executable})


@pytest.mark.parametrize("arguments, model", [((), "pose_baseline"), (("other/",), "other")])
def test_sets_up_and_runs_the_model(tree, arguments, model):
    done = bash(tree / "scripts" / "quickstart.sh", *arguments)
    assert done.stdout.split("\n") == ["set up", f"{model} ran", ""]
    assert done.returncode == 5


def test_unknown_model_lists_the_others_and_sets_nothing_up(tree):
    done = bash(tree / "scripts" / "quickstart.sh", "nobody")
    assert done.returncode == 1 and done.stdout == ""
    assert "other pose_baseline" in done.stderr


def test_help_names_the_models(tree):
    done = bash("scripts/quickstart.sh", "--help", folder=tree)
    assert done.returncode == 0
    assert "Models: other pose_baseline" in done.stdout and "set up" not in done.stdout


def test_run_tests_passes_arguments_and_status(tree):
    (tree / "test_it.py").write_text("def test_good(): pass\ndef test_bad(): assert False\n")
    done = bash("run_tests.sh", "-q", "-k", "good", "test_it.py", folder=tree / "scripts")
    assert done.returncode == 0 and "set up" in done.stdout and "1 passed in" in done.stdout
    assert bash(tree / "scripts" / "run_tests.sh", "-q", "test_it.py").returncode == 1


def steps(script, folder):
    return bash("-c", f'source "{ROOT}/scripts/launcher.sh"; source "{ROOT}/scripts/steps.sh"; {script}', folder=folder)


def test_steps_are_numbered_and_timed(tmp_path):
    done = steps("begin_steps 2; SECONDS=$((SECONDS + 75)); step First; step Second; finish_steps", tmp_path)
    assert re.findall(r"== (.*)", done.stdout) == ["[1/2] First (1:15)", "[2/2] Second (1:15)", "Done (1:15)"]


def test_newest_file_wins_and_its_lack_is_an_error(tmp_path):
    for age, name in enumerate(("b 1.ckpt", "a 2.ckpt", "c.txt")):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (age, age))
    assert steps("newest . '*.ckpt'", tmp_path).stdout == "./a 2.ckpt"
    missing = steps("newest . '*.mindir'", tmp_path)
    assert missing.returncode == 1 and "no *.mindir" in missing.stderr


def test_list_of_files_with_sizes(tmp_path):
    for name in ("weights.ckpt", "deep/picture.png", "data/raw.cdf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bytes(8192))
    lines = steps(f'list_files "{tmp_path}" ./data', "/").stdout.splitlines()
    assert lines[0] == f"Files in {tmp_path}:"
    assert [line.split() for line in lines[1:]] == [["deep/picture.png", "8", "kB"], ["weights.ckpt", "8", "kB"]]
