"""The benchmark of drawing: each of its cases still works."""
import contextlib
import io

from tools.lab.benchmark_drawing import cases


def test_every_case_runs_once(tmp_path):
    for _, work in cases(str(tmp_path)).values():
        with contextlib.redirect_stdout(io.StringIO()):
            work()
    assert any(tmp_path.rglob("*_image.png")) and any(tmp_path.glob("photo*.png"))
