"""tools/doctor.py: what it says about targets, packages and the machine."""
import json

import pytest

from common.engine.devices import Probe
from tools import doctor


def lines_of(capsys, *arguments):
    status = doctor.main(list(arguments))
    return status, capsys.readouterr().out.splitlines()


def test_each_target_has_one_line_with_its_reason(capsys, monkeypatch, tmp_path):
    answers = {"CPU": Probe(True, "always there", 1), "GPU": Probe(False, "no driver"),
               "Ascend": Probe(True, "8 chips", 8)}
    monkeypatch.setattr(doctor, "probe", answers.get)
    path = tmp_path / "doctor.json"
    status, lines = lines_of(capsys, "--json", str(path))
    assert status == 0
    assert lines[1:4] == ["  CPU     usable: always there", "  GPU     not usable: no driver",
                          "  Ascend  usable: 8 chips"]
    assert json.loads(path.read_text())["targets"]["Ascend"] == {"usable": True, "reason": "8 chips", "count": 8}


def test_quick_makes_no_trial(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "look_for", lambda target: Probe(target == "CPU", "only looked"))
    monkeypatch.setattr(doctor, "probe", None)
    assert lines_of(capsys, "--quick")[1][1] == "  CPU     usable: only looked"


def test_the_requirements_of_this_python_are_listed(tmp_path, monkeypatch):
    path = tmp_path / "requirements.txt"
    path.write_text('-c constraints.txt\n# words\nnumpy==1.26.4\nscipy==1 ; python_version < "3.11"\n'
                    'scipy==2 ; python_version >= "3.11"\n')
    for minor, version in ((10, "1"), (11, "2"), (12, "2")):
        monkeypatch.setattr(doctor.sys, "version_info", type("Version", (), {"minor": minor}))
        assert doctor.required_packages(path) == {"numpy": "1.26.4", "scipy": version}


@pytest.mark.parametrize("installed, remark, status", [
    (None, "MISSING (tested with 2.0); bash scripts/setup.sh installs it", 1), ("1.9", "1.9 (tested with 2.0)", 0),
    ("2.0", "2.0", 0)])
def test_packages_are_compared_with_the_tested_ones(capsys, monkeypatch, installed, remark, status):
    monkeypatch.setattr(doctor, "package_findings", lambda: [("something", installed, "2.0")])
    found, lines = lines_of(capsys, "--quick")
    assert found == status
    assert f"  {'something':25s}{remark}" in lines


@pytest.mark.parametrize("installed, said", [
    ("2.6.0", "MindSpore 2.6.0 is too old"), ("2.8.0", ""), ("2.7.1", "MindSpore 2.7.1 was not tried itself"),
    ("2.11.0", "MindSpore 2.11.0 is newer than all that were tried")])
def test_the_version_of_mindspore_is_judged(capsys, monkeypatch, installed, said):
    monkeypatch.setattr(doctor.importlib.metadata, "version", lambda name: installed)
    lines = lines_of(capsys, "--quick")[1]
    assert f"  {'mindspore':25s}{installed}" + ("" if installed == "2.8.0" else " (tested with 2.10.0)") in lines
    assert [line for line in lines if line.startswith("  MindSpore 2")] == [
        line for line in lines if said and line.startswith("  " + said)]
    assert any(said in line for line in lines)


def test_set_variables_are_shown(capsys, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.delenv("RANK_TABLE_FILE", raising=False)
    _, lines = lines_of(capsys, "--quick")
    assert "  CUDA_VISIBLE_DEVICES=3" in lines and not any("RANK_TABLE_FILE" in line for line in lines)


def test_version_of_cann_comes_from_its_files(monkeypatch, tmp_path):
    monkeypatch.setenv("ASCEND_HOME_PATH", str(tmp_path))
    assert doctor.describe_cann() == ""
    (tmp_path / "version.cfg").write_text("runtime_running_version=[8.1.RC1:8.1.0]\n")
    assert doctor.describe_cann() == "8.1.RC1"
