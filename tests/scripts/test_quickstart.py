"""scripts/quickstart.sh and scripts/run_tests.sh in a copy of the tree with a stand-in set-up, and their functions."""
import importlib
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENTRIES = ("train.py", "eval.py", "test.py", "infer.py", "demo.py", "export.py")


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "a clone"
    shutil.copytree(ROOT / "scripts", root / "scripts")
    (root / "scripts" / "setup.sh").write_text("echo set up\n")
    for model in ("pose_baseline", "other"):
        (root / model / "scripts").mkdir(parents=True)
        (root / model / "scripts" / "quickstart.sh").write_text(f'echo {model} ran "$@"\nexit 5\n')
    return root


def bash(*command, folder="/"):
    return subprocess.run(["bash", *map(str, command)], capture_output=True, text=True, cwd=folder,
                          env={**os.environ, "PYTHON": sys.executable})


@pytest.mark.parametrize("arguments, ran", [
    ((), "pose_baseline ran"), (("other/",), "other ran"),
    (("--from_scratch", "other"), "other ran --from_scratch"),
    (("--from_scratch",), "pose_baseline ran --from_scratch")])
def test_sets_up_and_runs_the_model(tree, arguments, ran):
    done = bash(tree / "scripts" / "quickstart.sh", *arguments)
    assert done.stdout.split("\n") == ["set up", ran, ""]
    assert done.returncode == 5


def test_unknown_option_sets_nothing_up(tree):
    done = bash(tree / "scripts" / "quickstart.sh", "--fast")
    assert done.returncode == 1 and done.stdout == "" and "--fast" in done.stderr


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
    for name in ("weights.ckpt", "deep/image.png", "data/raw.cdf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bytes(8192))
    lines = steps(f'list_files "{tmp_path}" ./data', "/").stdout.splitlines()
    assert lines[0] == f"Files in {tmp_path}:"
    assert [line.split() for line in lines[1:]] == [["deep/image.png", "8", "kB"], ["weights.ckpt", "8", "kB"]]


@pytest.mark.parametrize("losses, status, said", [
    ((4, 2, 2, 1), 0, "3 in its first epoch, 1.5 in its last"), ((1, 2, 3, 4), 1, "did not lower"),
    ((1,), 1, "no two")])
def test_training_has_to_lower_the_loss(tmp_path, losses, status, said):
    rows = [f"{step},{step // 2 + 1},0.1,{loss}" for step, loss in enumerate(losses)]
    rows.insert(1, "0,1,0.1,")  # results of an evaluation have no loss
    (tmp_path / "metrics.csv").write_text("\n".join(["step,epoch,learning_rate,loss", *rows, ""]))
    done = steps("loss_fell metrics.csv", tmp_path)
    assert done.returncode == status and said in done.stdout + done.stderr


RECORDER = """#!/usr/bin/env bash
# Stands in for python: writes down what it is called with, and makes the files that the next steps look for.
if [[ $1 == -c && $2 == *sys.executable* ]]; then realpath "$0"; exit; fi
if [[ $1 == -c && $2 == *find_spec* ]]; then exit; fi
echo "$(printf '%q ' "$(basename "$PWD")" "$@")" >>"$RECORD"  # at once: two may run side by side
mkdir -p output/quickstart/{train,evaluation,people}
touch output/quickstart/train/a.ckpt output/quickstart/evaluation/eval_result.json
printf 'epoch,loss\\n1,2\\n2,1\\n' >output/quickstart/train/metrics.csv
echo '  "Shape Error": 1,' >output/quickstart/evaluation/eval_result.json
echo "MPVPE: 1"
"""


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("model", ["cmr", "hand4whole", "hmr", "openpose", "pose_baseline"])
def test_every_command_of_a_quickstart_has_settings_that_the_model_knows(model, small, tmp_path, monkeypatch):
    root, python, record = tmp_path / "a clone", tmp_path / "python", tmp_path / "record"
    shutil.copytree(ROOT / "scripts", root / "scripts")
    shutil.copytree(ROOT / model / "scripts", root / model / "scripts")
    (root / "weights").mkdir()
    (root / "weights" / f"{model}_small.ckpt").touch()
    python.write_text(RECORDER)
    python.chmod(0o755)
    done = subprocess.run(["bash", str(root / model / "scripts" / "quickstart.sh"), *["--from_scratch"] * (not small)],
                          capture_output=True, text=True, env={**os.environ, "PYTHON": str(python),
                                                               "RECORD": str(record)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("Mean loss" in done.stdout) == small
    calls = [shlex.split(line) for line in record.read_text().splitlines()]
    of_model = [words for words in calls if words[0] == model and words[1] in ENTRIES]
    assert {"train.py", "export.py"} <= {words[1] for words in of_model}
    monkeypatch.chdir(ROOT / model)  # where small.yaml lies
    monkeypatch.setattr("common.convert.named_weights.resolve_weights", lambda text, *_: text)
    read_settings = importlib.import_module(f"{model}.src.config").read_settings
    for words in of_model:
        flags = [word.replace("--batch_size", "--export_batch_size") if words[1] == "export.py" else word
                 for word in words[2:]]
        config = read_settings(flags)
        weights = [config[key] for key in ("ckpt_file", "pretrained_checkpoint", "pretrained_model_path")
                   if config.get(key)]
        if small:
            assert weights == ["small"]
        else:
            assert weights == ([] if words[1] == "train.py" else [str(root / model / "output/quickstart/train/a.ckpt")])
