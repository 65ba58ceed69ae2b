"""The fuzzer, shortly: damaged and hostile inputs of every class, each refused in one sentence or read.

The long run is `python tools/lab/fuzz.py --minutes 10`; docs/security.md has its table.
"""
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CASES, CLASSES = 80, 9


@pytest.mark.slow
def test_nothing_ends_in_a_traceback_a_signal_or_a_hang():
    command = [sys.executable, str(ROOT / "tools" / "lab" / "fuzz.py"), "--cases", str(CASES), "--minutes", "5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    rows = [line.strip("|").split("|") for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == CLASSES, done.stderr[-2000:]
    for name, cases, *outcomes in rows:
        assert int(cases) == CASES == sum(map(int, outcomes)), name
    assert done.returncode == 0, done.stdout  # its last lines say how to repeat a case
