"""How entry scripts end: a status and at most one sentence, whatever happens to the disk, the memory and the output."""
import os
import pathlib
import subprocess
import sys

import pytest

from common.errors import counted, from_here

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
sys.path.insert(0, {root!r})
from common.errors import UserError, run
{body}
run(main)
"""
LOG = """
import logging
def main(argv):
    from common.log import set_up_logging
    set_up_logging()
    for number in range(100_000):
        try:
            logging.getLogger("mindhuman").info("line %d", number)
        except Exception:
            print("caught", file=sys.stderr)
"""
PRINT = """
def main(argv):
    for number in range(100_000):
        print("line", number)
"""


def start(body, buffered=True, **options):
    options.setdefault("env", {**os.environ, "PYTHONUNBUFFERED": "" if buffered else "1"})
    return subprocess.run([sys.executable, "-c", SCRIPT.format(root=str(ROOT), body=body)], stderr=subprocess.PIPE,
                          timeout=120, check=False, **options)


@pytest.mark.parametrize("raised, status, said", [
    ("UserError('a\\nb \\ud800')", 1, "error: a\\nb \\ud800\n"),
    ("MemoryError('Unable to allocate 9 TiB')", 1, "error: there is not enough memory (Unable to allocate 9 TiB); "),
    ("OSError(28, 'No space left on device', 'x/y.txt')", 1, "error: x/y.txt cannot be written: No space left"),
    ("KeyboardInterrupt", 130, "interrupted\n"), ("SystemExit(3)", 3, "")])
def test_one_sentence_and_a_status(raised, status, said):
    done = start(f"def main(argv):\n    raise {raised}")
    assert (done.returncode, done.stderr.decode()[:len(said)]) == (status, said)
    assert done.stderr.count(b"\n") == bool(said)


def test_defects_keep_their_traceback():
    done = start("def main(argv):\n    open('/nowhere/x')")
    assert done.returncode == 1 and b"Traceback" in done.stderr and b"FileNotFoundError" in done.stderr


@pytest.mark.parametrize("body", [PRINT, LOG, "def main(argv):\n    print('a')"], ids=["print", "log", "short"])
@pytest.mark.parametrize("buffered", [True, False])
def test_a_reader_who_goes_away_ends_the_program_quietly(body, buffered):
    end, begin = os.pipe()
    os.close(end)
    done = start(body, buffered, stdout=begin)
    os.close(begin)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
@pytest.mark.parametrize("body", [PRINT, LOG, "def main(argv):\n    print('a')"], ids=["print", "log", "short"])
@pytest.mark.parametrize("buffered", [True, False])
def test_a_full_standard_output_is_one_sentence(body, buffered):
    with open("/dev/full", "wb") as full:
        done = start(body, buffered, stdout=full)
    assert done.returncode == 1
    assert done.stderr == b"error: standard output cannot be written: No space left on device\n"


def test_letters_that_the_terminal_lacks_are_written_as_numbers():
    done = start("def main(argv):\n    print('\\u65e5')", stdout=subprocess.PIPE,
                 env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stdout) == (0, b"\\u65e5\n")


@pytest.mark.parametrize("name, status, words", [
    ("no_such_package.part", 1, b"lacks the package no_such_package: make the environment with `bash scripts/setup.sh"),
    ("common.no_such_module", 1, b"Traceback")])
def test_a_package_that_is_not_installed_is_named_and_a_defect_keeps_its_traceback(name, status, words):
    done = start(f"def main(argv):\n    import {name}", stdout=subprocess.DEVNULL)
    assert done.returncode == status and words in done.stderr
    assert (done.stderr.count(b"\n") == 1) == (b"Traceback" not in words)


def test_commands_in_messages_work_where_they_are_read(monkeypatch, tmp_path):
    text = "get them (python tools/get_weights.py hmr; python hmr/infer.py), A=2 bash scripts/setup.sh"
    monkeypatch.chdir(ROOT)
    assert from_here(text) == text
    monkeypatch.chdir(tmp_path)
    assert from_here(text) == text.replace("python ", f"python {ROOT}/").replace("bash ", f"bash {ROOT}/")
    # Files that are not the project's, or that lie here too, stay as they are written.
    other = "python tools/other.py, python train.py, bash scripts/run_eval.sh 0, .venv/bin/python tools/get_weights.pyc"
    assert from_here(other) == other
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "setup.sh").touch()
    assert from_here("bash scripts/setup.sh") == "bash scripts/setup.sh"


def test_one_is_not_several():
    assert [counted(n, "image") for n in (0, 1, 2)] == ["0 images", "1 image", "2 images"]
    assert [counted(n, "person", "people") for n in (1, 1200)] == ["1 person", "1,200 people"]
