"""Device, seeds, communication and logging of one process: the only place where they are set."""
import logging
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import mindspore as ms
from mindspore import nn, ops
from mindspore.communication import get_group_size, get_rank, init

from common.engine.devices import choose
from common.errors import UserError, first_line
from common.log import set_up_logging
from common.mindspore_versions import refusal, remark

LOGGER = logging.getLogger("mindhuman")


@dataclass(frozen=True)
class Runtime:
    """Where this process runs.

    Args:
        device_target (str): CPU, GPU or Ascend.
        seed (int): the seed of the run, the same on every rank; the order of the samples depends on it.
        rank (int): number of this worker.
        rank_size (int): number of workers.
    """

    device_target: str
    seed: int
    rank: int = 0
    rank_size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this worker writes checkpoints and results."""
        return self.rank == 0


def init_runtime(device_target: str = "", device_id: int = 0, seed: int = 1) -> Runtime:
    """Choose the device, join the other workers, set the seeds and the log.

    Args:
        device_target (str): CPU, GPU or Ascend; empty takes the first usable of Ascend, GPU, CPU.
        device_id (int): card of a single-card run; a distributed run gives each worker its own.
        seed (int): seed of the framework's generators, the same on all ranks.

    Raises:
        UserError: the device is not there, the workers cannot find each other, or the seed is too large.
    """
    set_up_logging()
    if refusal(ms.__version__):
        raise UserError(refusal(ms.__version__))
    if remark(ms.__version__):
        LOGGER.warning("%s", remark(ms.__version__))
    if not 0 <= seed < 2 ** 32:
        raise UserError(f"--seed {seed}: write a whole number from 0 to {2 ** 32 - 1}")
    if os.environ.get("MS_ROLE") == "MS_SCHED":
        _serve_as_scheduler()
    target, reason = choose(device_target, device_id)
    ms.set_context(mode=ms.GRAPH_MODE)
    rank, rank_size = 0, 1
    try:
        if _is_distributed():
            ms.set_device(target)
            init()
            rank, rank_size = get_rank(), get_group_size()
            ms.set_auto_parallel_context(parallel_mode="data_parallel", gradients_mean=True)
        elif (target, ms.get_context("device_target")) != ("CPU", "CPU"):
            # A process that has computed on the CPU (a test, a notebook) cannot set it once more, and need not.
            ms.set_device(target, device_id)
    except (RuntimeError, ValueError) as error:
        raise UserError(f"--device_target {target}: the device cannot be used: {first_line(error)}") from None
    ms.set_seed(seed)
    set_up_logging(rank, rank_size)
    where = f", worker {rank + 1} of {rank_size}" if rank_size > 1 else f" {device_id}" if target != "CPU" else ""
    LOGGER.info("Device: %s%s (%s)", target, where, reason)
    return Runtime(target, seed, rank, rank_size)


def _serve_as_scheduler() -> None:
    """One process of the same command only brings the workers together; it ends with them."""
    ms.set_device("CPU")
    init()
    sys.exit(0)


def _is_distributed() -> bool:
    """Whether scripts/run_workers.py (or msrun), a rank table or mpirun started this process as one of several."""
    workers = os.environ.get("MS_WORKER_NUM") if os.environ.get("MS_ROLE") == "MS_WORKER" else None
    workers = workers or os.environ.get("OMPI_COMM_WORLD_SIZE")
    if workers is None and os.environ.get("RANK_TABLE_FILE"):
        workers = os.environ.get("RANK_SIZE")
    return int(workers or 1) > 1


def keep_graphs(folder: str | None) -> None:
    """Whether MindSpore looks for graphs in a folder, and leaves them there; see `common.engine.graph_cache`."""
    if folder is None:
        ms.set_context(enable_compile_cache=False)
    else:
        ms.set_context(enable_compile_cache=True, compile_cache_path=folder)


class _Broadcast(nn.Cell):
    def __init__(self):
        super().__init__(auto_prefix=False)
        self.broadcast = ops.Broadcast(0)

    def construct(self, value: ms.Tensor) -> ms.Tensor:
        return self.broadcast((value,))[0]


def broadcast_parameters(parameters: Iterable[ms.Parameter], runtime: Runtime) -> None:
    """Give every rank the values that rank 0 holds."""
    if runtime.rank_size == 1:
        return
    broadcast = _Broadcast()
    for parameter in parameters:
        parameter.set_data(broadcast(ms.Tensor(parameter.asnumpy())))
