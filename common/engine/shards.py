"""What the workers of an evaluation found, in one place: through files, since these are lists, not tensors."""
from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import mindspore as ms
from mindspore import nn, ops

from common.files import atomic_write
from common.text_files import read_json

if TYPE_CHECKING:
    from common.engine.runtime import Runtime


def gather(part: object, folder: str, runtime: Runtime) -> list:
    """The parts of all workers in their order on the main one, that of this one alone on the others.

    Args:
        part: of this worker; what JSON can hold.
        folder (str): folder that all workers see.
    """
    if runtime.rank_size == 1:
        return [part]
    paths = [os.path.join(folder, f".eval_shard_{rank}.json") for rank in range(runtime.rank_size)]
    atomic_write(paths[runtime.rank], json.dumps(part).encode())
    _wait_for_all()
    if not runtime.is_main:
        return [part]
    parts = []
    for path in paths:
        parts.append(read_json(path))
        os.remove(path)
    return parts


class _Sum(nn.Cell):
    def __init__(self):
        super().__init__(auto_prefix=False)
        self.sum = ops.AllReduce()

    def construct(self, value: ms.Tensor) -> ms.Tensor:
        return self.sum(value)


def _wait_for_all() -> None:
    """Come back when every worker is here: a sum needs all of them."""
    _Sum()(ms.Tensor([1.0], ms.float32)).asnumpy()
