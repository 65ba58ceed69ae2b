"""The encoder of HMR as a file that a training of CMR starts from."""
import numpy as np
import pytest

from common.engine.checkpoint import read_checkpoint, write_checkpoint
from common.errors import UserError
from tools.lab.encoder_of import main


def test_its_arrays_get_the_names_of_a_resnet(tmp_path):
    source, target = str(tmp_path / "hmr.ckpt"), str(tmp_path / "encoder.ckpt")
    write_checkpoint(source, {"encoder.conv1.weight": np.float16([[0.5]]), "regressor.fc1.weight": np.float16([1.0])},
                     meta={"model": "hmr"})
    main(["--ckpt_file", source, "--output", target])
    encoder = read_checkpoint(target)
    assert list(encoder.weights) == ["conv1.weight"] and encoder.weights["conv1.weight"].dtype == np.float32
    assert encoder.weights["conv1.weight"] == 0.5 and encoder.meta["model"] == "cmr"
    for weights, model, said in (({"regressor.fc1.weight": np.float32([1.0])}, "hmr", "holds no encoder"),
                                 ({"encoder.conv1.weight": np.float32([1.0])}, "cmr", "one of cmr")):
        write_checkpoint(source, weights, meta={"model": model})
        with pytest.raises(UserError, match=said):
            main(["--ckpt_file", source, "--output", target])
