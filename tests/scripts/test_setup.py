"""scripts/setup.sh in a copy of the tree, with an environment whose pip only writes down what it was asked for."""
import http.server
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = ("requirements.txt", "requirements-gpu.txt", "requirements-convert.txt", "requirements-test.txt",
         "constraints.txt")
PIP = r"""
import os, sys
if "freeze" in sys.argv:
    sys.exit()
if "--index-url" in sys.argv:
    with open(os.environ["PIP_CALLS"], "a") as file:
        print(sys.argv[-1], "from", sys.argv[sys.argv.index("--index-url") + 1], file=file)
    sys.exit(int(os.environ.get("PIP_STATUS", 0)))
paths = [word for word in sys.argv[1:] if word.endswith(".txt")]
with open(os.environ["PIP_CALLS"], "a") as file:
    print(*[path.rpartition("/")[2] for path in paths], file=file)
if paths[0].endswith("/requirements.txt"):
    wanted = next(line.strip() for line in open(paths[0]) if line.startswith("mindspore=="))
    folder = os.path.join(os.path.dirname(os.path.dirname(__file__)), "mindspore-0.dist-info")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "METADATA"), "w") as file:
        print("Metadata-Version: 2.1\nName: mindspore\nVersion:", wanted[len("mindspore=="):], file=file)
sys.exit(int(os.environ.get("PIP_STATUS", 0)))
"""


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "a clone"
    (root / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "setup.sh", root / "scripts")
    (root / "common").mkdir()
    shutil.copy(ROOT / "common" / "mindspore_versions.py", root / "common")
    for name in FILES:
        shutil.copy(ROOT / name, root)
    return root


@pytest.fixture
def environment(tree):
    """The tree with a .venv of stand-ins; installing is recorded in pip_calls."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tree / ".venv"], check=True)
    site = next((tree / ".venv" / "lib").glob("python*/site-packages"))
    (site / "pip").mkdir()
    (site / "pip" / "__init__.py").touch()
    (site / "pip" / "__main__.py").write_text(PIP)
    for name in ("mindspore", "cv2", "h5py"):
        (site / f"{name}.py").touch()
    return tree


def setup(root, *options, folder="/", **variables):
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHON", "PYTHONPATH")}
    # Nothing listens on port 9: an index that cannot be reached.
    return subprocess.run(["bash", root / "scripts" / "setup.sh", *options], capture_output=True, text=True, cwd=folder,
                          env={**clean, "PIP_CALLS": str(root / "pip_calls"), "TORCH_INDEX": "http://127.0.0.1:9",
                               **variables})


def calls(root):
    """What pip was asked to install since the last look."""
    path = root / "pip_calls"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def test_installs_once_and_again_after_a_change(environment):
    done = setup(environment)
    assert done.returncode == 0, done.stderr
    assert calls(environment) == ["requirements.txt"]
    assert "up to date" in setup(environment).stdout
    assert calls(environment) == []
    with open(environment / "constraints.txt", "a") as file:
        file.write("# changed\n")
    assert setup(environment).returncode == 0
    assert calls(environment) == ["requirements.txt"]


def test_options_add_their_files_and_stay_installed(environment):
    setup(environment)
    setup(environment, "--convert")
    assert calls(environment) == ["requirements.txt", "requirements-convert.txt"]
    setup(environment, "--convert")
    setup(environment)
    assert calls(environment) == []


def test_pytorch_comes_from_the_first_index_that_answers(environment):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    answering = f"http://127.0.0.1:{server.server_port}"
    setup(environment)
    done = setup(environment, "--convert", TORCH_INDEX=f"http://127.0.0.1:9 {answering}", no_proxy="127.0.0.1")
    server.shutdown()
    server.server_close()
    assert "http://127.0.0.1:9 cannot be reached" in done.stdout
    wanted = next(line for line in (ROOT / "requirements-convert.txt").read_text().split() if line.startswith("torch"))
    assert calls(environment) == ["requirements.txt", f"{wanted} from {answering}", "requirements-convert.txt"]


def test_failure_of_pip_is_the_last_line_and_is_not_forgotten(environment):
    setup(environment)
    calls(environment)
    with open(environment / "requirements.txt", "a") as file:
        file.write("# changed\n")
    done = setup(environment, PIP_STATUS="1")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: pip could not install requirements.txt")
    assert setup(environment).returncode == 0
    assert calls(environment) == ["requirements.txt"] * 2


def test_packages_that_do_not_load_are_an_error(environment):
    next((environment / ".venv" / "lib").glob("python*/site-packages/cv2.py")).write_text("import no_such_library")
    done = setup(environment)
    assert done.returncode == 1
    assert "do not load" in done.stderr.splitlines()[-1]
    assert "up to date" not in setup(environment).stdout


def test_given_interpreter_is_used_and_no_environment_made(environment, tmp_path):
    shutil.move(environment / ".venv", tmp_path / "own")
    done = setup(environment, folder=tmp_path, PYTHON="own/bin/python")
    assert done.returncode == 0, done.stderr
    assert f"ready: {tmp_path}/own/bin/python" in done.stdout
    assert not (environment / ".venv").exists()


def test_another_version_of_mindspore_stays_until_another_is_named(environment):
    pinned = next(line[11:] for line in (ROOT / "requirements.txt").read_text().split() if line[:11] == "mindspore==")
    assert setup(environment, MINDSPORE="2.8.0").returncode == 0
    assert calls(environment) == ["requirements.txt"]
    done = setup(environment)
    assert "MindSpore 2.8.0 is installed and stays" in done.stdout and "up to date" in done.stdout
    assert calls(environment) == []
    done = setup(environment, MINDSPORE=pinned)
    assert "ready" in done.stdout and calls(environment) == ["requirements.txt"]
    assert "stays" not in setup(environment).stdout


@pytest.mark.parametrize("version, words", [
    ("2.6.0", "MindSpore 2.6.0 is too old"), ("1.10", "MindSpore 1.10 is too old"),
    ("two", "MindSpore two is no version")])
def test_versions_of_mindspore_that_cannot_be(environment, version, words):
    done = setup(environment, MINDSPORE=version)
    assert done.returncode == 1 and done.stderr.startswith(f"error: {words}") and done.stderr.count("\n") == 1
    assert calls(environment) == []


def test_a_newer_version_is_installed_with_a_word(environment):
    done = setup(environment, MINDSPORE="2.11.0")
    assert done.returncode == 0 and "2.11.0 is newer than all that were tried" in done.stdout


def test_the_environment_may_lie_elsewhere(environment, tmp_path):
    shutil.move(environment / ".venv", tmp_path / "own")
    assert f"ready: {tmp_path}/own/bin/python" in setup(environment, VENV=str(tmp_path / "own")).stdout
    assert not (environment / ".venv").exists()


def fake_python(path, version):
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize("version, text", [("3.13", "Python 3.13, which MindSpore 2.10 does not support"),
                                           (None, "no Python 3.10, 3.11 or 3.12 on PATH; install one")])
def test_no_fitting_python(tree, tmp_path, version, text):
    for tool in ("bash", "dirname", "sed"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    if version:
        fake_python(tmp_path / "python3", version)
    done = setup(tree, PATH=str(tmp_path))
    assert done.returncode == 1
    assert text in done.stderr


def test_given_interpreter_that_does_not_fit(tree, tmp_path):
    fake_python(tmp_path / "python3", "3.13")
    assert "MindSpore 2.10 needs" in setup(tree, PYTHON=str(tmp_path / "python3")).stderr
    assert "does not run" in setup(tree, PYTHON="/nowhere/python").stderr


def test_unknown_option(tree):
    done = setup(tree, "--everything")
    assert done.returncode == 1
    assert "--gpu" in done.stderr and "unknown option --everything" in done.stderr
