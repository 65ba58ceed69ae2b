"""Export: the whole network, with a free batch and to ONNX, as it is and folded for inference."""

import hmr_golden as golden
import numpy as np
import pytest

from common.backbones.folding import fold_batch_norm
from common.body_models.companions import MeanParams
from common.engine.export import export_network
from hmr.src.conventions import CONVENTIONS

ZERO_MEAN = MeanParams(pose=np.zeros(72), shape=np.zeros(10), cam=np.array([0.9, 0, 0]))


@pytest.mark.slow
@pytest.mark.parametrize("convention, file_format, batch_size, folded", [
    ("pytorch_hmr", "MINDIR", 0, True), ("spin", "ONNX", 2, True), ("tf", "MINDIR", 0, True),
    *(pytest.param(*case, marks=pytest.mark.full) for case in (
        ("pytorch_hmr", "ONNX", 2, False), ("spin", "MINDIR", 0, False), ("tf", "ONNX", 2, False)))])
def test_whole_network(tmp_path, convention, file_format, batch_size, folded):
    network = golden.build_hmr(CONVENTIONS[convention], golden.body_model(), ZERO_MEAN, width=0.125, hidden_size=16)
    network = fold_batch_norm(network) if folded else network.set_train(False)

    def inputs(size):
        return [golden.seeded.array("hmr/export", (size, 3, 64, 64), 1)]

    _, difference = export_network(network, inputs, str(tmp_path / "hmr"), file_format, batch_size, "CPU")
    assert difference < 1e-5
