"""Start one training process per device with MindSpore's msrun, and end all of them when one ends badly.

    python scripts/run_workers.py WORKERS|RANK_TABLE_FILE LOG_DIR ENTRY [arguments of ENTRY]

WORKERS is the number of processes on this host. A rank table (HCCL's json) says instead how many there are, on
which hosts and, for Ascend, on which chips. Each process writes LOG_DIR/worker_<rank>.log; the first of this host is
shown here as well. Environment:

    NODES        number of hosts (default 1)
    NODE_RANK    number of this host, from 0; needed with several hosts
    MASTER_ADDR  address of host 0; needed with several hosts unless the rank table holds it
    PORT         port on host 0 (default: a free one on a single host, 8118 with several)

msrun alone leaves the processes behind when it gets SIGTERM, ends with status 0 on Ctrl-C, and starts whatever
`python` is first on PATH; this wrapper mends the three.
"""
import json
import os
import pathlib
import signal
import socket
import sys
import tempfile
from typing import NamedTuple

# Run as a file from anywhere, the repository root has to come first on the module path.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from common.errors import UserError, run  # noqa: E402

DEFAULT_PORT = 8118
LAST_LINES = 15


class Job(NamedTuple):
    """What msrun needs to know; `devices` are the chips of this host, None when they are simply 0, 1, 2, ..."""

    workers: int
    local_workers: int
    master_addr: str
    port: int
    node_rank: int
    rank_table: str
    devices: tuple | None


def read_rank_table(path, node_rank):
    """From HCCL's json: the number of workers, the chips of host `node_rank`, the hosts, the address of host 0."""
    try:
        with open(path, encoding="utf-8") as file:
            servers = json.load(file)["server_list"]
        chips = [[int(device["device_id"]) for device in server["device"]] for server in servers]
        master_addr = servers[0]["server_id"]
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise UserError(
            f"{path} is not a rank table (a json file with server_list, each entry with server_id and a device list "
            f"of device_id): {error}; give a number of workers or a table made by hccl_tools") from None
    if not all(chips):
        raise UserError(f"{path} lists a server without devices; mend the table or give a number of workers")
    if node_rank >= len(chips):
        raise UserError(f"NODE_RANK={node_rank}, but {path} lists {len(chips)} server(s), numbered from 0")
    return sum(map(len, chips)), chips[node_rank], len(chips), master_addr


def free_port():
    """A TCP port that nothing on this host listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def require_free(port):
    """Refuse a port that something on this host listens on: the workers would wait for each other for minutes."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except (OSError, OverflowError):
            raise UserError(f"PORT={port} cannot be used (is another job running?); set another one, or none on a "
                            "single host") from None


def whole_number(name, environment, default):
    """The variable `name` as a number that is not negative, `default` where it is unset."""
    text = environment.get(name) or str(default)
    if not text.isdecimal():
        raise UserError(f"{name}={text} is not a whole number")
    return int(text)


def plan(first, environment):
    """The `Job` that the first argument and the environment variables ask for."""
    node_rank = whole_number("NODE_RANK", environment, 0)
    if first.isdecimal() and int(first) > 0:
        local, nodes = int(first), whole_number("NODES", environment, 1)
        workers, devices, table, address = local * nodes, None, "", "127.0.0.1"
    elif os.path.isfile(first):
        workers, chips, nodes, address = read_rank_table(first, node_rank)
        local, table = len(chips), os.path.abspath(first)
        devices = None if chips == list(range(local)) else tuple(chips)
        address = address if nodes > 1 else "127.0.0.1"
    else:
        raise UserError(f"{first} is neither a number of workers nor a rank table file")
    if nodes < 1 or node_rank >= nodes:
        raise UserError(f"NODE_RANK={node_rank} with NODES={nodes}; hosts are numbered from 0 to NODES - 1")
    if nodes > 1:
        needed = ["NODE_RANK"] if table else ["NODE_RANK", "MASTER_ADDR"]
        missing = [name for name in needed if not environment.get(name)]
        if missing:
            raise UserError(f"a job on {nodes} hosts needs {' and '.join(missing)}")
    port = whole_number("PORT", environment, DEFAULT_PORT if nodes > 1 else 0) or free_port()
    return Job(workers, local, environment.get("MASTER_ADDR") or address, port, node_rank, table, devices)


def msrun_arguments(job, log_dir, command):
    """msrun's command line. `--join=True` is what makes it wait, watch the processes and return their status."""
    arguments = [
        f"--worker_num={job.workers}", f"--local_worker_num={job.local_workers}", f"--master_addr={job.master_addr}",
        f"--master_port={job.port}", f"--node_rank={job.node_rank}", f"--log_dir={log_dir}", "--join=True",
        f"--tail_worker_log={job.node_rank * job.local_workers}"]
    if job.rank_table:
        arguments.append(f"--rank_table_file={job.rank_table}")
    return arguments + list(command)


def show_failure(log_dir):
    """Print the end of every worker's log: the one that failed first says why."""
    for path in sorted(pathlib.Path(log_dir).glob("worker_*.log")):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
        print(f"--- {path}, last lines", *lines, sep="\n", file=sys.stderr, flush=True)


def stop_as_on_interrupt(number, frame):
    """SIGTERM does what msrun does on Ctrl-C: it kills the workers and the scheduler."""
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        handler(number, frame)


def main(argv):
    """Plan the job from the arguments and the environment, run it, and return its status."""
    if len(argv) < 3:
        raise UserError("usage: python scripts/run_workers.py WORKERS|RANK_TABLE_FILE LOG_DIR ENTRY [arguments]")
    first, log_dir, *command = argv
    job = plan(first, os.environ)
    if job.node_rank == 0:
        require_free(job.port)
    if job.devices and "Ascend" in command:
        os.environ.setdefault("ASCEND_RT_VISIBLE_DEVICES", ",".join(map(str, job.devices)))
    from mindspore.parallel.cluster import run as msrun  # slow to import, and not needed to refuse bad input

    signal.signal(signal.SIGTERM, stop_as_on_interrupt)
    with tempfile.TemporaryDirectory() as folder:
        # A link to the interpreter would lose its environment, so `python` is a script that starts it.
        python = pathlib.Path(folder, "python")
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
        python.chmod(0o755)
        os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"
        sys.argv = ["msrun", *msrun_arguments(job, log_dir, command)]
        try:
            msrun.main()
        except SystemExit as stop:
            # msrun leaves this way when it was interrupted, with status 0.
            return stop.code or 130
        except RuntimeError as error:
            show_failure(log_dir)
            raise UserError(str(error)) from None
    return 0


if __name__ == "__main__":
    run(main)
