"""The C++ program of ascend310_infer, built against a stand-in for MindSpore Lite, and tools/infer_mindir.py.

Both read and write the same files: the stand-in computes what the exported network of the last test computes.
"""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from common.errors import UserError
from tools import infer_mindir

ROOT = Path(__file__).parents[2]
LITE = Path(__file__).parent / "lite"
needs_compiler = pytest.mark.skipif(not (shutil.which("g++") and shutil.which("cmake")), reason="needs g++ and cmake")


@pytest.fixture(scope="module")
def lite_home(tmp_path_factory):
    """The stand-in, laid out as the package is: runtime/include and runtime/lib."""
    runtime = tmp_path_factory.mktemp("lite") / "runtime"
    (runtime / "lib").mkdir(parents=True)
    shutil.copytree(LITE / "include", runtime / "include")
    subprocess.run(["g++", "-std=c++17", "-shared", "-fPIC", f"-I{runtime}", str(LITE / "stub.cc"), "-o",
                    str(runtime / "lib" / "libmindspore-lite.so")], check=True)
    return runtime.parent


@pytest.fixture(scope="module")
def program(lite_home, tmp_path_factory):
    """The built program; a warning of the compiler is an error."""
    out = tmp_path_factory.mktemp("out")
    build = 'cmake -S "$0" -B "$1" -DCMAKE_CXX_FLAGS=-Werror && cmake --build "$1"'
    done = subprocess.run(["bash", "-c", build, str(ROOT / "hmr" / "ascend310_infer"), str(out)], capture_output=True,
                          text=True, env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LITE_HOME": str(lite_home)})
    assert done.returncode == 0, done.stdout + done.stderr
    return out / "main"


def write_inputs(folder, sizes, image=(3, 2, 2)):
    """One .bin file for each batch size; returns the arrays by stem."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    arrays = {str(number): rng.standard_normal((size, *image)).astype(np.float32)
              for number, size in enumerate(sizes)}
    for stem, array in arrays.items():
        array.tofile(folder / f"{stem}.bin")
    return arrays


def run(program, folder, *flags):
    return subprocess.run([str(program), *flags], capture_output=True, text=True, cwd=folder, timeout=60)


def check_results(folder, arrays):
    assert {path.name for path in folder.iterdir()} == {f"{stem}_{k}.bin" for stem in arrays for k in (0, 1)}
    for stem, array in arrays.items():
        assert (np.fromfile(folder / f"{stem}_0.bin", np.float32) == 2 * array.ravel()).all()
        sums = np.fromfile(folder / f"{stem}_1.bin", np.float32)
        assert sums.shape == (len(array),) and np.abs(sums - array.sum((1, 2, 3))).max() < 1e-5


@needs_compiler
@pytest.mark.parametrize("shape, sizes", [("2 3 2 2", (2, 2)), ("-1 3 2 2", (1, 3, 2))])
def test_the_program_runs_every_file(program, tmp_path, shape, sizes):
    arrays = write_inputs(tmp_path / "img_data", sizes)
    (tmp_path / "img_data" / "notes.txt").write_text("not for the network")
    (tmp_path / "net.mindir").write_text(shape)
    done = run(program, tmp_path, "--model_path=net.mindir", "--dataset_path", "img_data", "--device_id", "1")
    assert done.returncode == 0, done.stderr
    check_results(tmp_path / "result_Files", arrays)
    line = (tmp_path / "time_Result" / "test_perform_static.txt").read_text()
    assert line == done.stdout
    assert line.startswith("NN inference cost average time: ") and line.endswith(f" ms of infer_count {len(sizes)}\n")


@needs_compiler
@pytest.mark.parametrize("flags, words", [
    ([], "--dataset_path is missing"),
    (["--dataset_path", "img_data", "--model_path"], "--model_path has no value"),
    (["--speed", "3"], "unknown flag --speed"),
    (["--dataset_path", "nowhere", "--model_path", "net.mindir"], "nowhere is no folder"),
    (["--dataset_path", ".", "--model_path", "net.mindir"], "no .bin files"),
    (["--dataset_path", "img_data", "--model_path", "none.mindir"], "none.mindir does not exist"),
    (["--dataset_path", "img_data", "--model_path", "broken.mindir"], "broken.mindir cannot be loaded: not a network"),
    (["--dataset_path", "img_data", "--model_path", "larger.mindir"], "0.bin has 48 bytes"),
    (["--dataset_path", "img_data", "--model_path", "wide.mindir"], "fixed image size"),
    (["--dataset_path", "img_data", "--model_path", "half.mindir"], "not float32"),
    (["--dataset_path", "img_data", "--model_path", "net.mindir", "--device_target", "TPU"], "choose Ascend or CPU"),
    (["--dataset_path", "img_data", "--model_path", "net.mindir", "--device_id", "x"], "--device_id x"),
    (["--dataset_path", "img_data", "--model_path", "net.mindir", "--device_id", "9"], "no such chip"),
])
def test_the_program_refuses_bad_input_in_one_line(program, tmp_path, flags, words):
    write_inputs(tmp_path / "img_data", (1,))
    for name, text in (("net", "-1 3 2 2"), ("broken", "?"), ("larger", "-1 3 4 4"), ("wide", "-1 3 -1 2"),
                       ("half", "-1 3 2 2 half")):
        (tmp_path / f"{name}.mindir").write_text(text)
    done = run(program, tmp_path, *flags)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("error: ") and words in done.stderr and done.stderr.count("\n") == 1


@needs_compiler
def test_the_build_without_the_package_says_where_it_comes_from(tmp_path):
    done = subprocess.run(["cmake", "-S", str(ROOT / "hmr" / "ascend310_infer"), "-B", str(tmp_path)],
                          capture_output=True, text=True, env={"PATH": "/usr/local/bin:/usr/bin:/bin"})
    assert done.returncode == 1 and "unpack its package" in done.stderr


class Doubled(nn.Cell):
    """What the stand-in computes."""

    def construct(self, x):
        return 2 * x, x.sum((1, 2, 3))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A MINDIR file with a free batch, and one with a batch of 2."""
    folder = tmp_path_factory.mktemp("exported")
    ms.set_context(mode=ms.GRAPH_MODE)
    for name, example in (("free", Tensor(shape=[None, 3, 2, 2], dtype=ms.float32)),
                          ("two", Tensor(np.zeros((2, 3, 2, 2), np.float32)))):
        ms.export(Doubled(), example, file_name=str(folder / name), file_format="MINDIR")
    yield folder
    ms.set_context(mode=ms.PYNATIVE_MODE)


@pytest.mark.parametrize("name, sizes", [("two", (2, 2)), ("free", (1, 3, 2))])
def test_the_tool_writes_the_same_files(exported, tmp_path, name, sizes, capsys):
    arrays = write_inputs(tmp_path / "img_data", sizes)
    infer_mindir.main(["--model_path", str(exported / f"{name}.mindir"), "--dataset_path", str(tmp_path / "img_data"),
                       "--result_path", str(tmp_path / "results"), "--time_path", str(tmp_path / "time"),
                       "--device_target", "CPU"])
    check_results(tmp_path / "results", arrays)
    line = (tmp_path / "time" / "test_perform_static.txt").read_text()
    assert capsys.readouterr().out.endswith(line) and line.endswith(f" ms of infer_count {len(sizes)}\n")


@pytest.mark.parametrize("flags, words", [
    (["--model_path", "net.mindir"], "--dataset_path"),
    (["--dataset_path", "nowhere"], "nowhere is no folder"),
    (["--dataset_path", "."], "no .bin files"),
    (["--model_path", "none.mindir"], "none.mindir does not exist"),
    (["--model_path", "net.mindir"], "net.mindir"),
    (["--model_path", "two.mindir"], "0.bin has 48 bytes"),
])
def test_the_tool_refuses_bad_input(exported, tmp_path, monkeypatch, flags, words):
    write_inputs(tmp_path / "img_data", (1,))
    shutil.copy(exported / "two.mindir", tmp_path)
    (tmp_path / "net.mindir").write_text("?")
    monkeypatch.chdir(tmp_path)
    defaults = {"--model_path": "net.mindir", "--dataset_path": "img_data", "--device_target": "CPU"}
    if words == "--dataset_path":
        del defaults["--dataset_path"]
    for flag, value in defaults.items():
        flags = flags if flag in flags else [*flags, flag, value]
    with pytest.raises(UserError, match=words):
        infer_mindir.main(flags)


def test_the_tool_lists_its_flags():
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "infer_mindir.py"), "--help"], capture_output=True,
                          text=True, cwd="/")
    assert done.returncode == 0 and "--result_path" in done.stdout


@needs_compiler
def test_the_launch_script_builds_and_runs_the_program(lite_home, tmp_path):
    """In a copy of the tree, whose Python programs are stand-ins."""
    root = tmp_path / "a clone"
    for folder in ("scripts", "tools/ascend310_infer", "openpose/ascend310_infer", "openpose/scripts"):
        shutil.copytree(ROOT / folder, root / folder)
    (root / "openpose" / "preprocess.py").write_text(
        "import os, sys\nimport numpy as np\nos.makedirs('preprocess_Result/img_data', exist_ok=True)\n"
        "np.ones((1, 3, 2, 2), np.float32).tofile('preprocess_Result/img_data/5.bin')\n")
    (root / "openpose" / "postprocess.py").write_text("print('measured')\n")
    work = tmp_path / "work"
    work.mkdir()
    (work / "net.mindir").write_text("-1 3 2 2")
    environment = {name: value for name, value in os.environ.items() if name != "DEVICE_TARGET"}
    environment.update(PYTHON=sys.executable, LITE_HOME=str(lite_home))
    done = subprocess.run(["bash", str(root / "openpose" / "scripts" / "run_infer_310.sh"), "net.mindir", "images",
                           "ann.json", "2"], capture_output=True, text=True, cwd=work, env=environment, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "measured\n" == (work / "acc.log").read_text()
    assert np.fromfile(work / "result_Files" / "5_1.bin", np.float32) == [12.0]
    assert "ms of infer_count 1" in (work / "infer.log").read_text()
    done = subprocess.run(["bash", str(root / "openpose" / "scripts" / "run_infer_310.sh"), "net.mindir", "images",
                           "ann.json", "9"], capture_output=True, text=True, cwd=work, env=environment, timeout=200)
    assert done.returncode == 1 and "no such chip" in done.stderr and "infer.log says more" in done.stderr
    # Without MindSpore Lite this is said, and before the images are prepared.
    (work / "preprocess.log").unlink()
    shutil.rmtree(root / "openpose" / "output")
    done = subprocess.run(["bash", str(root / "openpose" / "scripts" / "run_infer_310.sh"), "net.mindir", "images",
                           "ann.json"], capture_output=True, text=True, cwd=work,
                          env={**environment, "LITE_HOME": "none"})
    assert done.returncode == 1 and "No MindSpore Lite in LITE_HOME='none'" in done.stderr
    assert done.stderr.endswith("build.log says more\n") and not (work / "preprocess.log").exists()
