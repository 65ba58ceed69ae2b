"""The choice of a device, with the probes of the hardware replaced by what they could have found."""
import pytest

from common.engine import devices
from common.engine.devices import Probe, choose
from common.errors import UserError


@pytest.fixture
def machine(monkeypatch):
    """A function that says which targets are usable, by number of devices."""
    def set_up(**counts):
        def probe(target):
            if target not in devices.TARGETS:
                raise UserError(f"device target {target!r} is unknown")
            count = {"CPU": 1, **counts}.get(target, 0)
            return Probe(count > 0, f"{count} found", count)
        monkeypatch.setattr(devices, "probe", probe)
    return set_up


@pytest.mark.parametrize("requested", ["", "auto"])
def test_first_usable_of_ascend_gpu_cpu(machine, requested):
    machine(GPU=2, Ascend=8)
    assert choose(requested)[0] == "Ascend"
    machine(GPU=2)
    assert choose(requested)[0] == "GPU"
    machine()
    target, reason = choose(requested)
    assert target == "CPU"
    assert "Ascend: 0 found" in reason and "GPU: 0 found" in reason


def test_request_is_kept_and_spelling_forgiven(machine):
    machine(GPU=2)
    assert choose("CPU")[0] == "CPU"
    assert choose("gpu", 1)[0] == "GPU"


@pytest.mark.parametrize("requested, device_id, text", [
    ("Ascend", 0, "--device_target Ascend cannot be used: 0 found"),
    ("GPU", 2, "--device_id 2: this machine shows 2 GPU"),
    ("GPU", -1, "--device_id -1"),
    ("TPU", 0, "'TPU' is unknown"),
])
def test_what_cannot_be_is_refused(machine, requested, device_id, text):
    machine(GPU=2)
    with pytest.raises(UserError, match=text):
        choose(requested, device_id)


def test_the_cpu_has_no_device_numbers(machine):
    machine()
    assert choose("CPU", 7)[0] == "CPU"


def test_unknown_target_of_the_probe_itself():
    with pytest.raises(UserError, match="Ascend or auto"):
        devices.probe("TPU")


def test_ascend_chip_without_its_software(monkeypatch, tmp_path):
    for name in ("davinci0", "davinci1", "davinci_manager"):
        (tmp_path / name).touch()
    monkeypatch.setattr(devices.pathlib.Path, "glob", lambda self, pattern: tmp_path.iterdir())
    monkeypatch.setattr(devices.ctypes, "CDLL", lambda name: (_ for _ in ()).throw(OSError(name)))
    assert "set_env.sh" in devices._look_for_ascend().reason
    monkeypatch.setattr(devices.ctypes, "CDLL", lambda name: None)
    assert devices._look_for_ascend() == Probe(True, "2 Ascend chips", 2)
    monkeypatch.setenv("ASCEND_RT_VISIBLE_DEVICES", "1")
    assert devices._look_for_ascend().count == 1


def test_a_worker_is_not_tried_out(monkeypatch):
    monkeypatch.setattr(devices, "_look_for_gpu", lambda: Probe(True, "8 GPU(s)", 8))
    monkeypatch.setattr(devices, "_try_out", lambda target: "it failed")
    monkeypatch.delenv("MS_ROLE", raising=False)
    probe = devices.probe.__wrapped__
    assert not probe("GPU").usable and "it failed" in probe("GPU").reason
    monkeypatch.setenv("MS_ROLE", "MS_WORKER")
    assert probe("GPU").usable
