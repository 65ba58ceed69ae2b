"""Both networks in exported files: narrow ones on small images, compared with the network before a file is kept."""
import numpy as np
import onnxruntime
import pytest

from common.backbones.folding import fold_batch_norm
from common.engine.export import export_network
from hand4whole.export import INPUT, example_inputs
from hand4whole.src.body import load_body
from hand4whole.src.config import read_settings
from hand4whole.src.network import EXPORTED, FirstOutputs, build_network
from tools.lab.graphs.hand4whole import SMALL


@pytest.mark.slow
@pytest.mark.parametrize("parts", [pytest.param("whole", marks=pytest.mark.full), "hand"])
def test_onnx(tmp_path, parts):
    config = read_settings([*SMALL, "--parts", parts])
    network = fold_batch_norm(build_network(config, load_body(config)).set_train(False))
    names = EXPORTED[parts]
    make = example_inputs(config.input_hand_shape if parts == "hand" else config.input_img_shape)
    path, difference = export_network(FirstOutputs(network, len(names)), make, str(tmp_path / "net"), "ONNX", 2, "CPU",
                                      names=([INPUT], names))
    # Metres; the camera stands tens of metres away.
    assert difference < 1e-3
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    vertices, translation = session.run(["vertices", "cam_trans"], {INPUT: make(2)[0]})
    assert np.abs(vertices - translation[:, None]).max() < 3
