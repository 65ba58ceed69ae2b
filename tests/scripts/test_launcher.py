"""The launch scripts, run in a copy of the tree whose model is a stand-in that records how it was started."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from common.engine.devices import look_for

ROOT = pathlib.Path(__file__).resolve().parents[2]

STAND_IN = """
import json, os, sys
print("arguments", json.dumps(sys.argv[1:]))
print("folder", os.getcwd())
print("to stderr", file=sys.stderr)
sys.exit(int(os.environ.get("STAND_IN_STATUS", 0)))
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A repository with a space in its path, the real scripts and `common`, and a model `pose_baseline`."""
    root = tmp_path_factory.mktemp("a clone")
    shutil.copytree(ROOT / "scripts", root / "scripts")
    shutil.copytree(ROOT / "pose_baseline" / "scripts", root / "pose_baseline" / "scripts")
    for script in (ROOT / "pose_baseline").glob("*.sh"):
        shutil.copy(script, root / "pose_baseline")
    (root / "common" / "engine").mkdir(parents=True)
    for name in ("__init__.py", "environment.py", "errors.py", "text_files.py", "engine/__init__.py",
                 "engine/devices.py"):
        shutil.copy(ROOT / "common" / name, root / "common" / name)
    for name in ("train.py", "eval.py"):
        (root / "pose_baseline" / name).write_text(STAND_IN)
    return root


def launch(script, *arguments, folder=None, **variables):
    """Run a shell script; returns the finished process with its output as text."""
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("DEVICE_TARGET", "BACKGROUND", "PORT", "NODES", "NODE_RANK", "MASTER_ADDR")}
    environment.update(PYTHON=sys.executable, **variables)
    return subprocess.run(["bash", str(script), *arguments], capture_output=True, text=True, cwd=folder,
                          env=environment, timeout=200)


def arguments_in(text):
    return json.loads(re.search(r"^arguments (.*)$", text, re.M).group(1))


@pytest.mark.parametrize("script, target", [
    ("run_standalone_train.sh", "Ascend"), ("run_standalone_train_gpu.sh", "GPU"),
    ("run_eval.sh", "Ascend"), ("run_eval_gpu.sh", "GPU"),
])
def test_standalone_passes_device_and_arguments(tree, script, target):
    done = launch(f"scripts/{script}", "3", "--data_dir", "two words", "--epochs=2", folder=tree / "pose_baseline")
    assert done.returncode == 0, done.stderr
    assert arguments_in(done.stdout) == ["--device_target", target, "--device_id", "3", "--config_path", "recipe.yaml",
                                         "--data_dir", "two words", "--epochs=2"]
    assert f"folder {tree / 'pose_baseline'}\n" in done.stdout


def test_the_model_s_own_folder_has_the_training_scripts_too(tree):
    done = launch("run_standalone_train.sh", "3", "--data_dir", "two words", folder=tree / "pose_baseline")
    assert done.returncode == 0, done.stderr
    assert arguments_in(done.stdout)[-2:] == ["--data_dir", "two words"]
    done = launch("run_distribute_train.sh", "--help", folder=tree / "pose_baseline")
    assert done.returncode == 1 and "Usage: bash run_distribute_train.sh DEVICE_" in done.stderr
    for model in ("cmr", "hand4whole", "hmr", "openpose"):
        for name in ("run_standalone_train.sh", "run_distribute_train.sh"):
            assert (ROOT / model / name).read_text() == (tree / "pose_baseline" / name).read_text()


@pytest.mark.parametrize("own", [["--config_path", "mine.yaml"], ["--config_path=mine.yaml"]])
def test_own_config_replaces_the_recipe(tree, own):
    done = launch("run_standalone_train_gpu.sh", "0", *own, folder=tree / "pose_baseline" / "scripts")
    assert arguments_in(done.stdout)[4:] == own


def test_paths_are_those_of_the_caller_s_folder(tree, tmp_path):
    for name in ("my data", "set", "inner/2", "inner/coco"):
        (tmp_path / name).mkdir(parents=True)
    done = launch(tree / "pose_baseline/scripts/run_standalone_train.sh", "0", "--data_dir", "../my data",
                  "--other=../set", "--epochs", "2", "--lr=1e-3", "--here", ".", "--dataset", "coco",
                  "--output_dir", "../new",
                  folder=tmp_path / "inner")
    assert arguments_in(done.stdout)[6:] == [
        "--data_dir", f"{tmp_path}/my data", f"--other={tmp_path}/set", "--epochs", "2", "--lr=1e-3", "--here",
        f"{tmp_path}/inner/.", "--dataset", "coco", "--output_dir", "../new"]


def test_root_script_names_the_model_and_device_target_wins(tree):
    done = launch(tree / "scripts" / "run_standalone_train_gpu.sh", "0", "pose_baseline/", "--seed", "1",
                  folder="/", DEVICE_TARGET="CPU")
    assert done.returncode == 0, done.stderr
    assert arguments_in(done.stdout) == ["--device_target", "CPU", "--device_id", "0", "--config_path", "recipe.yaml",
                                         "--seed", "1"]


def test_root_script_lists_models_for_an_unknown_one(tree):
    done = launch(tree / "scripts" / "run_distribute_train.sh", "2", "nothing")
    assert done.returncode == 1
    assert "pose_baseline" in done.stderr


def test_log_holds_both_streams_and_status_is_the_program_s(tree):
    done = launch(tree / "pose_baseline/scripts/run_standalone_train.sh", "0", STAND_IN_STATUS="7")
    assert done.returncode == 7
    log = pathlib.Path(re.search(r"^log: (.*)$", done.stdout, re.M).group(1))
    assert log.parent == tree / "pose_baseline" / "logs"
    assert log.name.startswith("train_")
    assert "arguments [" in log.read_text() and "to stderr" in log.read_text()
    assert "to stderr" in done.stdout


def test_two_launches_in_one_second_keep_two_logs(tree):
    logs = [re.search(r"^log: (.*)$", launch(tree / "pose_baseline/scripts/run_eval.sh", "0").stdout, re.M).group(1)
            for _ in range(3)]
    assert len(set(logs)) == 3


@pytest.fixture
def train_as(tree):
    """A function that replaces the model's train.py until the test ends."""
    yield (tree / "pose_baseline" / "train.py").write_text
    (tree / "pose_baseline" / "train.py").write_text(STAND_IN)


def test_background_returns_at_once_with_pid_and_log(tree, train_as):
    train_as("import time\nprint('working')\ntime.sleep(60)\n")
    done = launch(tree / "pose_baseline/scripts/run_standalone_train.sh", "0", BACKGROUND="1")
    assert done.returncode == 0, done.stderr
    pid = int(re.search(r"^pid: (\d+)$", done.stdout, re.M).group(1))
    log = pathlib.Path(re.search(r"^log: (.*)$", done.stdout, re.M).group(1))
    try:
        deadline = time.time() + 20
        while log.read_text() != "working\n" and time.time() < deadline:
            time.sleep(0.05)
        assert log.read_text() == "working\n"
        # Its own session: closing the terminal does not end it.
        assert os.getsid(pid) == pid
    finally:
        os.kill(pid, signal.SIGTERM)


@pytest.mark.parametrize("script", ["run_standalone_train.sh", "run_standalone_train_gpu.sh", "run_eval.sh",
                                    "run_eval_gpu.sh", "run_distribute_train.sh", "run_distribute_train_gpu.sh"])
@pytest.mark.parametrize("arguments", [[], ["--help"], ["--epochs", "3"]])
def test_bad_first_argument_prints_the_usage(tree, script, arguments):
    done = launch(tree / "pose_baseline" / "scripts" / script, *arguments)
    assert done.returncode == 1
    assert f"Usage: bash {script} DEVICE_" in done.stderr
    assert "source" not in done.stderr


COMMUNICATE = """
import os, sys
import numpy as np
import mindspore as ms
from mindspore import Tensor, nn, ops
from mindspore.communication import get_group_size, get_rank, init

ms.set_device("CPU")
init()


class Sum(nn.Cell):
    def __init__(self):
        super().__init__()
        self.reduce = ops.AllReduce()

    def construct(self, x):
        return self.reduce(x)


total = Sum()(Tensor(np.full(3, get_rank() + 1.0, np.float32)))
print("rank", get_rank(), "of", get_group_size(), "sum", total.asnumpy().tolist(), sys.argv[1:], flush=True)
"""


@pytest.mark.slow
def test_two_workers_add_up_their_ranks(tree, train_as):
    train_as(COMMUNICATE)
    done = launch("run_distribute_train.sh", "2", "--seed", "5", folder=tree / "pose_baseline" / "scripts",
                  DEVICE_TARGET="CPU")
    assert done.returncode == 0, done.stdout + done.stderr
    log = pathlib.Path(re.search(r"^log: (.*)$", done.stdout, re.M).group(1))
    for rank in (0, 1):
        text = log.with_suffix("").joinpath(f"worker_{rank}.log").read_text()
        assert f"rank {rank} of 2 sum [3.0, 3.0, 3.0]" in text
        assert "['--device_target', 'CPU', '--config_path', 'recipe.yaml', '--seed', '5']" in text


WORKER = """
import os, pathlib, subprocess, sys, time
role, rank = os.environ["MS_ROLE"], os.environ.get("MS_NODE_ID")
helper = subprocess.Popen(["sleep", "100"])
for pid in (os.getpid(), helper.pid):
    pathlib.Path(sys.argv[-1], str(pid)).touch()
print("worker", rank, "begins", flush=True)
while len(os.listdir(sys.argv[-1])) < 6:
    time.sleep(0.05)
if rank == "1":
    BODY
time.sleep(100)
"""


def running(folder):
    """Of the processes that wrote their number into a folder, those that are still there."""
    pids = [int(name) for name in os.listdir(folder)]
    stats = [pathlib.Path("/proc", str(pid), "stat") for pid in pids]
    return pids, [stat for stat in stats if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"]


@pytest.mark.parametrize("body, last, shown", [
    ("sys.exit('error: there is no data')", "status 1 (LOG): there is no data", False),
    ("raise ValueError('worker one is unwell')", "status 1 (LOG): ValueError: worker one is unwell", True),
    ("os.kill(os.getpid(), 9)", "was ended by SIGKILL (LOG): worker 1 begins", True),
])
def test_a_dying_worker_ends_all(tree, train_as, tmp_path, body, last, shown):
    train_as(WORKER.replace("BODY", body))
    done = launch(tree / "scripts/run_distribute_train.sh", "2", "pose_baseline", str(tmp_path), DEVICE_TARGET="CPU")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    log = pathlib.Path(lines[0].removeprefix("log: ")).with_suffix("") / "worker_1.log"
    assert re.fullmatch(rf"error: worker 1 (ended with )?{re.escape(last.replace('LOG', str(log)))}", lines[-1])
    assert "worker 0 begins" in lines and (f"--- {log}, last lines" in lines) == shown
    pids, left = running(tmp_path)
    assert len(pids) == 6 and not left


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_no_process_is_left_when_the_launcher_is_stopped(tree, train_as, tmp_path, number, status):
    train_as(WORKER.replace("BODY", "time.sleep(100)").replace('["sleep", "100"]', '["true"]'))
    launcher = subprocess.Popen([sys.executable, str(tree / "scripts" / "run_workers.py"), "2", str(tmp_path / "logs"),
                                 str(tree / "pose_baseline" / "train.py"), str(tmp_path / "pids")],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (tmp_path / "pids").mkdir()
    deadline = time.time() + 30
    while len(os.listdir(tmp_path / "pids")) < 6 and time.time() < deadline:
        time.sleep(0.05)
    os.kill(launcher.pid, number)
    assert launcher.wait(30) == status
    deadline = time.time() + 30
    while running(tmp_path / "pids")[1] and time.time() < deadline:
        time.sleep(0.05)
    assert not running(tmp_path / "pids")[1]


@pytest.mark.parametrize("script, words", [("run_distribute_train.sh", "no Ascend chip"),
                                           ("run_distribute_train_gpu.sh", "no NVIDIA driver")])
def test_devices_that_are_not_there_are_named_before_anything_starts(tree, train_as, tmp_path, script, words):
    if look_for("Ascend" if "_gpu" not in script else "GPU").usable:
        pytest.skip("this machine has the device")
    train_as(WORKER.replace("BODY", "pass"))
    done = launch(tree / "pose_baseline/scripts" / script, "8", str(tmp_path))
    assert done.returncode == 1 and not os.listdir(tmp_path)
    assert words in done.stdout.splitlines()[-1] and done.stdout.splitlines()[-1].startswith("error: --device_target")


def test_interpreter_without_the_packages_is_named(tree, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "empty"], check=True)
    done = subprocess.run(["bash", tree / "scripts/run_standalone_train.sh", "0", "pose_baseline"], capture_output=True,
                          text=True, env={**os.environ, "PYTHON": str(tmp_path / "empty/bin/python")})
    assert done.returncode == 1
    assert "empty/bin/python has no mindspore" in done.stderr and done.stderr.endswith("/scripts/setup.sh\n")
