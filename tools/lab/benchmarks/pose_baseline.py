"""Cases for tools/lab/benchmark.py: the paper's network at full size."""
import numpy as np
from mindspore import Tensor, nn

from common.data.arrays import ArrayLoader, DropoutMasks
from common.engine.schedules import ExponentialDecay
from common.engine.train_step import TrainStep
from pose_baseline.src.loss import NetworkWithLoss
from pose_baseline.src.network import Lifter, LinearModel
from tools.lab.benchmark_cases import endless, inference_call

BATCH, KEEP = 64, 0.5
INFERENCE = (1, 64, 1024, 65536)


def cases(torch):
    """Yield (name, MindSpore call, PyTorch call or None); each call does the work once and waits for the result."""
    rng = np.random.default_rng(0)
    data = [rng.standard_normal((4096, width)).astype(np.float32) for width in (32, 48)]
    network = LinearModel()
    optimizer = nn.Adam(network.trainable_params(), ExponentialDecay(1e-3, 0.96, 100000))
    step = TrainStep(NetworkWithLoss(network, KEEP), optimizer)
    loader = ArrayLoader(data, BATCH, seed=1, masks=DropoutMasks((BATCH, 1024), 5, KEEP, seed=1))
    batches = endless(loader.batches)
    other = _torch_training(torch, data) if torch else (None, None)
    yield f"train step with data, batch {BATCH}", lambda: step(*next(batches))[0].asnumpy(), other[1]
    yield "data loading with dropout masks", lambda: next(batches), None
    lifter = Lifter(network)
    for size in INFERENCE:
        poses = rng.standard_normal((size, 32)).astype(np.float32)
        theirs = inference_call(torch, other[0], poses) if torch else None
        yield f"inference, batch {size}", lambda poses=poses: lifter(poses), theirs
    plain = network.set_train(False)
    poses = Tensor(rng.standard_normal((BATCH, 32)).astype(np.float32))
    yield f"inference unfolded, batch {BATCH}", lambda: plain(poses).asnumpy(), None


def _torch_network(torch):
    """The same layers in PyTorch, with norm clip, batch norm and dropout."""
    functional = torch.nn.functional

    class Layer(torch.nn.Module):
        def __init__(self, in_size, out_size, hidden=True):
            super().__init__()
            self.dense = torch.nn.Linear(in_size, out_size)
            self.norm = torch.nn.BatchNorm1d(out_size, 1e-3, 0.01) if hidden else None

        def forward(self, x):
            weight = self.dense.weight / self.dense.weight.norm().clamp(min=1.0)
            x = functional.linear(x, weight, self.dense.bias)
            if self.norm is None:
                return x
            return functional.dropout(functional.relu(self.norm(x)), 1.0 - KEEP, self.training)

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = Layer(32, 1024)
            self.hidden = torch.nn.ModuleList([Layer(1024, 1024) for _ in range(4)])
            self.output = Layer(1024, 48, hidden=False)

        def forward(self, x):
            x = self.first(x)
            for start in (0, 2):
                x = x + self.hidden[start + 1](self.hidden[start](x))
            return self.output(x)

    return Network()


def _torch_training(torch, data):
    network = _torch_network(torch)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    tensors = [torch.tensor(array) for array in data]

    def step():
        rows = torch.randint(0, len(tensors[0]), (BATCH,))
        network.train()
        optimizer.zero_grad()
        loss = ((network(tensors[0][rows]) - tensors[1][rows]) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    return network, step
