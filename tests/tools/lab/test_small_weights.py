"""The files of weights/: small, of this project, without optimizer state and without paths of another machine."""
import pathlib

import numpy as np
import pytest

from common.engine.checkpoint import read_checkpoint, write_checkpoint
from common.errors import UserError
from tools.lab.small_weights import main

FILES = sorted((pathlib.Path(__file__).resolve().parents[3] / "weights").glob("*.ckpt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files(path):
    checkpoint = read_checkpoint(str(path))
    assert path.stat().st_size < 6 * 2 ** 20 and path.name == f"{checkpoint.meta['model']}_small.ckpt"
    assert not checkpoint.optimizer and all(array.dtype != np.float32 for array in checkpoint.weights.values())
    assert not [value for value in checkpoint.meta["config"].values() if isinstance(value, str) and "/" in value]
    assert path.name in (path.parent / "README.md").read_text()


def test_all_together():
    assert FILES and sum(path.stat().st_size for path in FILES) < 25 * 2 ** 20


def test_what_is_kept(tmp_path):
    source, target = str(tmp_path / "run.ckpt"), str(tmp_path / "out.ckpt")
    meta = {"model": "hmr", "config": {"width": 0.25, "data_path": "data/x", "profile": "spin"}, "step": 7}
    write_checkpoint(source, {"a": np.float32([1.0, 0.1]), "n": np.int32([3])}, {"mean": np.ones(2)}, meta)
    main(["--ckpt_file", source, "--output", target])
    small = read_checkpoint(target)
    assert small.weights["a"].dtype == np.float16 and small.weights["a"][1] == np.float16(0.1)
    assert small.weights["n"][0] == 3 and np.array_equal(small.extra["mean"], np.ones(2))
    assert small.meta["config"] == {"width": 0.25, "convention": "spin"} and small.meta["step"] == 7
    write_checkpoint(source, {"a": np.float32([1e5])}, meta=meta)
    with pytest.raises(UserError, match="beyond half precision"):
        main(["--ckpt_file", source, "--output", target])
    write_checkpoint(source, {"a": np.float32([1.0])})
    with pytest.raises(UserError, match="of which model"):
        main(["--ckpt_file", source, "--output", target])
