"""Two workers with half a batch each compute what one does with the whole."""
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN = str(Path(__file__).with_name("adversarial_run.py"))


def result_of(command, path):
    done = subprocess.run([sys.executable, *command, RUN, str(path)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


@pytest.mark.full
def test_two_workers_equal_one(tmp_path):
    one = result_of([], tmp_path / "one.npz")
    two = result_of([str(ROOT / "scripts" / "run_workers.py"), "2", str(tmp_path / "logs")], tmp_path / "two.npz")
    assert np.allclose(one["reports"], two["reports"], rtol=1e-4)
    assert set(one) == set(two)
    # The way that each array has gone; it is a difference of larger numbers.
    for name in set(one) - {"reports"}:
        assert np.abs(one[name] - two[name]).max() <= 2e-3 * np.abs(one[name]).max() + 1e-7, name
    assert min(np.abs(one[name]).max() for name in ("encoder.conv1.weight", "critic.joint1.weight")) > 1e-5
