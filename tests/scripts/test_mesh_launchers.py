"""The launch scripts of hmr and cmr with the arguments of the original programs; the entry scripts are stand-ins."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STAND_IN = "import sys\nprint('started', *sys.argv[1:])\n"


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """The scripts beside stand-ins, a data folder, two checkpoints and a rank table."""
    root = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "scripts", root / "scripts")
    (root / "scripts" / "run_workers.py").write_text("import sys\nprint('started', sys.argv[1], *sys.argv[3:])\n")
    for model in ("hmr", "cmr"):
        shutil.copytree(ROOT / model / "scripts", root / model / "scripts")
        for entry in ("train.py", "eval.py"):
            (root / model / entry).write_text(STAND_IN)
    (root / "cmr" / "pth2ckpt.py").write_text(STAND_IN)
    (root / "two words").mkdir()
    (root / "a.ckpt").write_text("")
    (root / "hccl.json").write_text("{}")
    return root


def launch(tree, script, *arguments, **variables):
    """What a script said, with paths of the tree cut short; run in the tree's root."""
    environment = {name: value for name, value in os.environ.items() if name not in ("DEVICE_TARGET", "BACKGROUND")}
    done = subprocess.run(["bash", str(tree / script), *arguments], capture_output=True, text=True, cwd=tree,
                          env={**environment, "PYTHON": sys.executable, **variables}, timeout=60)
    return done.returncode, (done.stdout + done.stderr).replace(f"{tree}/", "@")


@pytest.mark.parametrize("script, arguments, started", [
    ("hmr/scripts/run_standalone_train.sh", ["two words"],
     "--device_target Ascend --device_id 0 --data_path @two words"),
    ("hmr/scripts/run_standalone_train.sh", ["two words", "a.ckpt", "--e_lr", "0.1"],
     "--device_target Ascend --device_id 0 --data_path @two words --ckpt_file @a.ckpt --e_lr 0.1"),
    ("hmr/scripts/run_standalone_train_gpu.sh", ["1", "--resume"], "--device_target GPU --device_id 1 --resume"),
    ("scripts/run_standalone_train_gpu.sh", ["2", "hmr", "two words"],
     "--device_target GPU --device_id 2 --data_path @two words"),
    ("hmr/scripts/run_distributed_train.sh", ["hccl.json", "two words"],
     "@hccl.json train.py --device_target Ascend --data_path @two words"),
    ("hmr/scripts/run_distribute_train.sh", ["./hccl.json", "two words", "a.ckpt"],
     "@hccl.json train.py --device_target Ascend --data_path @two words --ckpt_file @a.ckpt"),
    ("hmr/scripts/run_distribute_train_gpu.sh", ["2"], "2 train.py --device_target GPU"),
    ("hmr/scripts/run_eval.sh", ["two words", "a.ckpt"],
     "--device_target Ascend --device_id 0 --data_path @two words --ckpt_file @a.ckpt"),
    ("hmr/scripts/run_eval_gpu.sh", ["3", "two words", "a.ckpt", "--dataset", "h36m-p2"],
     "--device_target GPU --device_id 3 --data_path @two words --ckpt_file @a.ckpt --dataset h36m-p2"),
    ("cmr/scripts/run_standalone_train_gpu.sh", ["0"], "--device_target GPU --device_id 0"),
    ("cmr/scripts/run_standalone_train_gpu.sh", ["1", "a.ckpt"],
     "--device_target GPU --device_id 1 --pretrained_checkpoint @a.ckpt"),
    ("cmr/scripts/run_standalone_train.sh", ["1", "--lr", "0.1"], "--device_target Ascend --device_id 1 --lr 0.1"),
    ("cmr/scripts/run_distributed_train_gpu.sh", ["8", "a.ckpt"],
     "8 train.py --device_target GPU --distribute --pretrained_checkpoint @a.ckpt"),
    ("cmr/scripts/run_distribute_train_gpu.sh", ["8"], "8 train.py --device_target GPU --distribute"),
    ("scripts/run_distribute_train.sh", ["hccl.json", "cmr", "--dataset", "all"],
     "@hccl.json train.py --device_target Ascend --distribute --dataset all"),
    ("cmr/scripts/run_eval_gpu.sh", ["0", "up-3d", "a.ckpt"],
     "--device_target GPU --device_id 0 --dataset up-3d --checkpoint @a.ckpt"),
    ("cmr/scripts/run_eval.sh", ["0", "--batch_size", "8"], "--device_target Ascend --device_id 0 --batch_size 8"),
    ("cmr/scripts/convert_resnet.sh", ["a.pth", "a.ckpt"], "--pth-path a.pth --ckpt-path a.ckpt"),
    ("cmr/scripts/convert_resnet.sh", ["a.pth", "a.ckpt", "names.json"],
     "--pth-path a.pth --ckpt-path a.ckpt --dict-file names.json"),
])
def test_documented_arguments_reach_the_program(tree, script, arguments, started):
    status, said = launch(tree, script, *arguments)
    assert status == 0, said
    assert f"started {started}\n" in said


def test_another_device_is_named_in_front(tree):
    _, said = launch(tree, "hmr/scripts/run_standalone_train.sh", "two words", DEVICE_TARGET="CPU")
    assert "started --device_target CPU --device_id 0" in said


@pytest.mark.parametrize("script, arguments", [
    ("hmr/scripts/run_standalone_train.sh", []), ("hmr/scripts/run_eval.sh", ["--help"]),
    ("cmr/scripts/run_eval_gpu.sh", ["--dataset", "up-3d"]), ("cmr/scripts/convert_resnet.sh", ["a.pth"]),
])
def test_bad_arguments_print_the_usage(tree, script, arguments):
    status, said = launch(tree, script, *arguments)
    assert status == 1 and f"Usage: bash {Path(script).name} " in said and "started" not in said


@pytest.mark.parametrize("script, arguments, words", [
    ("hmr/scripts/run_distributed_train.sh", ["nowhere.json", "two words"], "nowhere.json is neither a number of wor"),
    ("cmr/scripts/run_eval_gpu.sh", ["up-3d"], "up-3d is not the number of a device"),
])
def test_a_wrong_first_argument_is_one_sentence(tree, script, arguments, words):
    status, said = launch(tree, script, *arguments)
    assert status == 1 and said.startswith(f"error: {words}") and said.count("\n") == 1
