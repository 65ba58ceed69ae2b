"""tools/gpu_report.sh: the table, what counts as failure, and a whole run on CPU with a small network."""
import json
import os
import pathlib
import subprocess
import sys
import time

import pytest

from common.errors import UserError
from tools.lab import gpu_report

ROOT = pathlib.Path(__file__).resolve().parents[3]
PLAIN = {"first_call_s": 9.0, "ms_per_step": 20.0, "images_per_s": 800.0, "batch": 16, "losses": [3.0] * 5 + [2.0] * 5}


def figures(mixed_loss):
    return {"target": "GPU", "memory_gb": 3.5, "O0": PLAIN,
            "O2": {**PLAIN, "ms_per_step": 10.0, "losses": [9.0] * 5 + [mixed_loss] * 5},
            "inference": {"batch": 2, "ms": 5.0, "images_per_s": 400.0},
            "export": {"megabytes": 100.0, "difference": 2e-6},
            "torch": {"rows": [{"case": "train step, batch 16", "ratio": 0.9},
                               {"case": "inference, batch 1", "ratio": 0.7},
                               {"case": "inference, batch 8", "ratio": None}]}}


def test_losses_are_compared_by_the_mean_of_the_last():
    mixed = [1.0] * 5 + [2.1, 1.9, 2.0, 2.1, 2.0]
    assert gpu_report.difference_of_losses([9.0] * 5 + [2.0] * 5, mixed) == pytest.approx(0.01)


def test_table_and_verdict():
    report = {"cmr": figures(2.01), "hmr": {"error": "out of memory"}}
    lines = gpu_report.table(report).splitlines()
    assert [cell.strip() for cell in lines[2].strip("| ").split("|")] == [
        "cmr", "16", "20.0", "800.0", "10.0", "800.0", "0.50%", "3.50", "5.0 (2)", "2.0e-06", "0.90", "0.70"]
    assert lines[3].count("-") >= 10
    assert gpu_report.failures(report) == ["hmr: out of memory"]
    assert gpu_report.failures({"cmr": figures(2.1)}) == ["cmr: losses in mixed precision differ by 5.0%"]
    broken = {**figures(2.0), "export": {"error": "no converter"}}
    assert gpu_report.failures({"cmr": broken}) == ["cmr export: no converter"]


@pytest.mark.parametrize("arguments, words", [(["--models", "cmr,nobody"], "nobody"),
                                              (["--steps", "3"], "at least 10")])
def test_bad_arguments(arguments, words):
    with pytest.raises(UserError, match=words):
        gpu_report.parse(arguments)


def test_a_process_without_result_leaves_its_last_words(tmp_path):
    options = gpu_report.parse(["--output_dir", str(tmp_path)])
    found = gpu_report._child(["-c", "print('one'); print('no such device')"], "x.json", options,
                              time.monotonic() + 99)
    assert found == {"error": "no such device"}
    options.model_seconds = 0.1
    sleep = ["-c", "import time; time.sleep(9)"]
    assert "not finished" in gpu_report._child(sleep, "x.json", options, time.monotonic() + 99)["error"]
    options.model_seconds = 300
    assert "not finished" in gpu_report._child(sleep, "x.json", options, time.monotonic() + 0.1)["error"]
    assert gpu_report._child(sleep, "x.json", options, time.monotonic() - 1)["error"] == (
        "not begun: the 10 minutes were over (--minutes)")


def test_comparisons_come_after_all_models(monkeypatch, tmp_path):
    begun = []
    monkeypatch.setattr(gpu_report.importlib.util, "find_spec", lambda name: True)
    monkeypatch.setattr(gpu_report, "_child", lambda command, result, options, end: begun.append((result, end)) or {})
    options = gpu_report.parse(["--models", "cmr,hmr", "--minutes", "2", "--output_dir", str(tmp_path)])
    assert gpu_report.collect(options) == {name: {"torch": {}} for name in ("cmr", "hmr")}
    assert [result for result, _ in begun] == ["cmr.json", "hmr.json", "cmr_torch.json", "hmr_torch.json"]
    assert len({end for _, end in begun}) == 1 and 110 < begun[0][1] - time.monotonic() <= 120


@pytest.mark.slow
def test_the_whole_report_on_cpu(tmp_path):
    done = subprocess.run(
        ["bash", "tools/gpu_report.sh", "--small", "--models", "pose_baseline", "--steps", "10", "--output_dir",
         str(tmp_path)], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "DEVICE_TARGET": "CPU", "PYTHON": sys.executable})
    report = json.loads((tmp_path / "report.json").read_text())
    found = report["models"]["pose_baseline"]
    assert found["target"] == "CPU" and len(found["O0"]["losses"]) == 10, done.stdout + done.stderr
    assert found["export"]["difference"] < 1e-4 and found["inference"]["ms"] > 0
    assert found["O0"]["losses"][-1] < found["O0"]["losses"][0]
    assert "| pose_baseline | 64 |" in (tmp_path / "report.md").read_text()
    assert done.returncode == int(bool(gpu_report.failures(report["models"])))
