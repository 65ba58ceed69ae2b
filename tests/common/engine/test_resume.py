"""Training with threads, augmentation, loss scale and clipping: killed twice and continued, no bit differs."""
import signal
import subprocess
import sys
from pathlib import Path

from common.engine.checkpoint import CheckpointFolder

SCRIPT = Path(__file__).parent / "resume_run.py"


def _run(folder, kill_at=0):
    return subprocess.run([sys.executable, str(SCRIPT), str(folder), str(kill_at)], capture_output=True, text=True,
                          timeout=120)


def test_killed_twice_and_continued(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    done = _run(whole)
    assert done.returncode == 0, done.stderr
    assert _run(broken, 5).returncode == -signal.SIGKILL
    assert list(CheckpointFolder(str(broken)).paths()) == [3]
    assert _run(broken, 20).returncode == -signal.SIGKILL
    assert _run(broken).returncode == 0
    left, right = (CheckpointFolder(str(folder)).newest() for folder in (whole, broken))
    assert left.meta == right.meta and left.meta["step"] == 32
    for group in ("weights", "optimizer", "scaler"):
        one, other = getattr(left, group), getattr(right, group)
        assert one and set(one) == set(other)
        assert all((one[name] == other[name]).all() for name in one)
    table = (whole / "metrics.csv").read_text()
    assert table == (broken / "metrics.csv").read_text()
    assert len(table.splitlines()) == 33
    assert not [path for path in broken.iterdir() if ".part" in path.name]
