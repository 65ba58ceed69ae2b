""".ci/run in a copy of the tree with a stand-in set-up, interpreter and apt-get: what is optional stops nothing."""
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ("bash", "basename", "cat", "dirname", "mktemp", "nproc", "rm", "sed", "tail", "timeout")
SETUP = 'echo "set up $*"; [[ $* != --convert ]] || exit ${CONVERT_STATUS:-0}'
DOCS = 'echo "docs $*"; [[ $* != --install ]] || exit ${DOCS_STATUS:-0}; exit ${LINKS_STATUS:-0}'
INTERPRETER = """#!/usr/bin/env bash
case "$*" in
*sys.executable*) echo "$0" ;;
*find_spec*) ;;
*) echo "python $*" && case "$2" in ruff) exit ${RUFF_STATUS:-0} ;; pytest) exit ${PYTEST_STATUS:-0} ;;
    pip) exit ${BPY_STATUS:-0} ;; esac ;;
esac
"""


def program(path, text):
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def ci(tmp_path):
    """Runs .ci/run where only the given programs are on PATH; returns its status and the lines it wrote."""
    root, path = tmp_path / "a clone", tmp_path / "bin"
    shutil.copytree(ROOT / "scripts", root / "scripts")
    shutil.copytree(ROOT / ".ci", root / ".ci")
    (root / "scripts" / "setup.sh").write_text(SETUP)
    (root / "scripts" / "docs.sh").write_text(DOCS)
    (root / "scripts" / "web.sh").write_text('echo "web $*"; exit ${WEB_STATUS:-0}')
    path.mkdir()
    for tool in TOOLS:
        (path / tool).symlink_to(shutil.which(tool))
    program(path / "id", "#!/usr/bin/env bash\necho ${USER_NUMBER:-0}\n")
    program(path / "python", INTERPRETER)

    def run(there=("chromium", "g++", "cmake"), apt=None, **variables):
        for name in there:
            program(path / name, "#!/usr/bin/env bash\n")
        if apt is not None:
            program(path / "apt-get", f"#!/usr/bin/env bash\necho apt-get \"$@\" >&2\nexit {apt}\n")
        done = subprocess.run([root / ".ci" / "run", "-q"], capture_output=True, text=True, cwd="/",
                              env={"PATH": str(path), "PYTHON": str(path / "python"), "TMPDIR": str(tmp_path),
                                   **variables})
        assert done.stderr == ""
        return done.returncode, done.stdout.splitlines()

    return run


def test_sets_up_everything_checks_the_style_and_runs_all_tests(ci):
    status, said = ci()
    workers = min(len(os.sched_getaffinity(0)), 4)
    assert status == 0 and said == [
        "set up ", "set up --convert", "python -c import torch", "[ci] ruff", "python -m ruff check .",
        "[ci] documentation", "docs --install", "docs ",
        "python -m pip install -q --progress-bar off bpy==5.0.1", "web --install", "set up --test",
        f"python -m pytest -n {workers} --dist loadfile --no-loadscope-reorder --full --durations 30 -q"]


@pytest.mark.parametrize("failing", ["RUFF_STATUS", "PYTEST_STATUS", "LINKS_STATUS"])
def test_the_status_tells_of_style_links_and_tests(ci, failing):
    assert ci(**{failing: "3"})[0] == 3


def test_what_cannot_be_installed_is_said_and_stops_nothing(ci):
    status, said = ci(there=("g++",), apt=100, CONVERT_STATUS="1", DOCS_STATUS="1", WEB_STATUS="1", BPY_STATUS="1")
    assert status == 0 and "python -m pytest" in said[-1]
    assert "apt-get update -q" in said
    assert [line for line in said if "skipped" in line] == [
        "[ci] chromium cannot be installed, see above: the tests of the viewer in a browser are skipped",
        "[ci] cmake cannot be installed, see above: the tests of the Ascend 310 program are skipped",
        "[ci] PyTorch cannot be installed, see above: the tests that compare with it are skipped",
        "[ci] the page's packages cannot be installed, see above: its visit is skipped"]
    assert "[ci] Blender's package bpy cannot be used, see above: what it reads is not checked" in said
    assert "[ci] what makes the site cannot be installed, see above: its links are not checked" in said


@pytest.mark.parametrize("apt, user", [(None, "0"), (0, "1000")])
def test_nothing_is_installed_without_apt_or_root(ci, apt, user):
    status, said = ci(there=(), apt=apt, USER_NUMBER=user)
    assert status == 0 and not any(line.startswith("apt-get") for line in said)
    assert said[0] == ("[ci] no chromium, and no apt-get as root to install it: the tests of the viewer in a browser "
                       "are skipped")
