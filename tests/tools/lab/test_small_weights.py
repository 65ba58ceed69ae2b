"""The files of weights/: small, of this project, without optimizer state and without paths of another machine."""
import pathlib

import numpy as np
import pytest

from common.engine.checkpoint import read_checkpoint, write_checkpoint
from common.errors import UserError
from tools.lab.small_weights import main, narrowed

FILES = sorted((pathlib.Path(__file__).resolve().parents[3] / "weights").glob("*.ckpt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files(path):
    checkpoint = read_checkpoint(str(path))
    assert path.stat().st_size < 6e6 and path.name == f"{checkpoint.meta['model']}_small.ckpt"
    assert not checkpoint.optimizer and all(array.dtype != np.float32 for array in checkpoint.weights.values())
    assert not [value for value in checkpoint.meta["config"].values() if isinstance(value, str) and "/" in value]
    assert path.name in (path.parent / "README.md").read_text()


def test_all_together():
    assert FILES and sum(path.stat().st_size for path in FILES) < 25e6


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


def test_the_mean_of_several(tmp_path):
    paths = [str(tmp_path / f"{name}.ckpt") for name in "abc"]
    for path, number in zip(paths, (1.0, 4.0, 7.0)):
        write_checkpoint(path, {"a": np.float32([number, 0.5])}, meta={"model": "openpose", "step": int(number)})
    main(["--ckpt_file", paths[0], *paths, "--output", str(tmp_path / "out.ckpt")])
    mean = read_checkpoint(str(tmp_path / "out.ckpt"))
    assert mean.weights["a"].tolist() == [3.25, 0.5] and mean.meta["step"] == 7
    write_checkpoint(paths[0], {"a": np.float32([[1.0]])}, meta={"model": "openpose"})
    with pytest.raises(UserError, match="not of one network"):
        main(["--ckpt_file", *paths, "--output", str(tmp_path / "out.ckpt")])


def test_a_linear_regressor_becomes_narrow_and_stays_the_same_map():
    rng = np.random.default_rng(0)
    sizes = {"fc1": (12, 9), "fc2": (12, 12), "fc3": (4, 12)}
    weights = {f"regressor.{name}.{kind}": rng.standard_normal(shape if kind == "weight" else shape[:1])
               for name, shape in sizes.items() for kind in ("weight", "bias")}
    new, config = narrowed(weights, {"activation": False, "hidden_size": 12})
    assert config["hidden_size"] == 4 and new["regressor.fc2.weight"].shape == (4, 4)

    def run(arrays, x):
        for name in sizes:
            x = x @ arrays[f"regressor.{name}.weight"].T + arrays[f"regressor.{name}.bias"]
        return x

    x = rng.standard_normal((5, 9))
    np.testing.assert_allclose(run(new, x), run(weights, x), rtol=1e-4, atol=1e-4)
    # With an activation between the layers, and where nothing is gained, they stay.
    assert narrowed(weights, {"activation": True})[0] is weights
    assert narrowed(new, config)[0] is new
