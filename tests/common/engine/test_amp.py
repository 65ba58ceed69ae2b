"""Mixed precision: which parts of a network compute in half precision."""
import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from common.engine.amp import apply_amp
from common.precision import Float32Cell


class Exact(Float32Cell):
    """Adds what half precision cannot hold beside 1."""

    def construct(self, x):
        return x.astype(ms.float32) + 1e-4


class Encoder(nn.Cell):
    def __init__(self):
        super().__init__()
        self.dense, self.norm, self.exact = nn.Dense(3, 4, "ones", "zeros"), nn.BatchNorm1d(4), Exact()

    def construct(self, x):
        return self.exact(self.norm(self.dense(x)))


class HMR(nn.Cell):
    """Carries the name and the parts of a network that the table knows."""

    def __init__(self):
        super().__init__()
        self.encoder, self.head = Encoder(), nn.Dense(4, 2)

    def construct(self, x):
        return self.head(self.encoder(x))


def halves(network):
    return {name for name, cell in network.cells_and_names() if cell.get_flags().get("fp16")}


@pytest.mark.parametrize("level, expected", [
    ("O0", set()), ("O2", {"encoder", "encoder.dense"}), ("O3", {"encoder", "encoder.dense", "encoder.norm"})])
def test_parts_in_half_precision(level, expected):
    network = HMR()
    names = set(network.parameters_dict())
    assert apply_amp(network, level) is network
    assert halves(network) == expected
    assert set(network.parameters_dict()) == names


def test_float32_cells_keep_their_digits():
    network = apply_amp(HMR(), "O3").set_train(False)
    values = network.encoder(Tensor(np.ones((2, 3), np.float32))).asnumpy()
    assert values == pytest.approx(3 / np.sqrt(1 + 1e-5) + 1e-4, abs=2e-3)
    assert ((values - 1e-4).astype(np.float16) == values - np.float32(1e-4)).all()


def test_a_network_that_the_table_does_not_know():
    with pytest.raises(KeyError, match="Dense"):
        apply_amp(nn.Dense(2, 2), "O2")
