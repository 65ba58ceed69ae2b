"""Gathering what workers found; with several workers the evaluations of openpose and hand4whole test it."""
from common.engine.runtime import Runtime
from common.engine.shards import gather


def test_one_worker_needs_no_files(tmp_path):
    part = [{"image": 3}]
    assert gather(part, str(tmp_path / "none"), Runtime("CPU", 1)) == [part]
    assert not list(tmp_path.iterdir())
