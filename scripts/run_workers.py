"""Start one training process per device, and end all of them when one ends badly.

    python scripts/run_workers.py WORKERS|RANK_TABLE_FILE LOG_DIR ENTRY [arguments of ENTRY]

WORKERS is the number of processes on this host. A rank table (HCCL's json) says instead how many there are, on
which hosts and, for Ascend, on which chips. Each process writes LOG_DIR/worker_<rank>.log; the first of this host is
shown here as well. Environment:

    NODES        number of hosts (default 1)
    NODE_RANK    number of this host, from 0; needed with several hosts
    MASTER_ADDR  address of host 0; needed with several hosts unless the rank table holds it
    PORT         port on host 0 (default: a free one on a single host, 8118 with several)

The processes are those that MindSpore's msrun would start, with the same variables. msrun itself leaves them behind
when it gets SIGTERM, ends with status 0 on Ctrl-C, waits ten minutes for a job whose workers have died before they
found each other, and starts whatever `python` is first on PATH.
"""
import contextlib
import ctypes
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
from typing import NamedTuple

# Run as a file from anywhere, the repository root has to come first on the module path.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from common.errors import UserError, run  # noqa: E402
from common.text_files import read_json  # noqa: E402

DEFAULT_PORT = 8118
LAST_LINES = 15
POLL_SECONDS = 0.2
GRACE_SECONDS = 3  # for others that fail too, and for processes that are asked to end
SCHEDULER_SECONDS = 30  # after the last worker
SENTENCE = re.compile(r"(error|\w+(Error|Exception|Interrupt)): .")
# What MindSpore says of its connections at the end of a process, when it has forgotten GLOG_v; the log keeps it.
FRAMEWORK = re.compile(r"^\[INFO\] DISTRIBUTED\(.*\n", re.MULTILINE)
PR_SET_PDEATHSIG = 1


class Job(NamedTuple):
    """A distributed run; `devices` are the chips of this host, None when they are simply 0, 1, 2, ..."""

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
        servers = read_json(path, hint="give a number of workers or a table made by hccl_tools")["server_list"]
        chips = [[int(device["device_id"]) for device in server["device"]] for server in servers]
        master_addr = str(servers[0]["server_id"])
    except (ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
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


class Process(NamedTuple):
    """A process of the job: "worker 3" or "scheduler", its handle and its log."""

    name: str
    handle: subprocess.Popen
    log: pathlib.Path


def require_devices(job, command):
    """Refuse a job whose devices this host does not have, before its workers find out one by one."""
    flags = [place for place, word in enumerate(command[:-1]) if word == "--device_target"]
    target = {"gpu": "GPU", "ascend": "Ascend"}.get(command[flags[-1] + 1].lower() if flags else "")
    if target is None:
        return
    from common.engine.devices import look_for

    seen = look_for(target)
    if not seen.usable:
        raise UserError(f"--device_target {target} cannot be used: {seen.reason}; take another with "
                        "--device_target CPU, or DEVICE_TARGET=CPU in front of a launch script")
    if seen.count < job.local_workers:
        raise UserError(f"{job.local_workers} workers need as many devices; this machine shows {seen.count} {target} "
                        "device(s)")


def environments(job):
    """(name, variables) of each process of this host, as msrun sets them: the scheduler, on host 0, and the workers."""
    shared = {"MS_WORKER_NUM": job.workers, "RANK_SIZE": job.workers, "MS_SCHED_HOST": job.master_addr,
              "MS_SCHED_PORT": job.port, "PYTHONUNBUFFERED": 1}
    if job.rank_table:
        shared["RANK_TABLE_FILE"] = job.rank_table
    if job.node_rank == 0:
        yield "scheduler", {**shared, "MS_ROLE": "MS_SCHED", "RANK_ID": 0}
    for device in range(job.local_workers):
        rank = job.node_rank * job.local_workers + device
        yield f"worker {rank}", {**shared, "MS_ROLE": "MS_WORKER", "MS_NODE_ID": rank, "RANK_ID": rank,
                                 "DEVICE_ID": device}


def end_with_parent():
    """In a new process: end when the one that started it is gone, however that came about (Linux)."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def start(job, log_dir, command):
    """Start the processes of this host, each in a session of its own."""
    folder, processes = pathlib.Path(log_dir), []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, variables in environments(job):
            log = folder / f"{name.replace(' ', '_')}.log"
            with open(log, "wb") as output:
                handle = subprocess.Popen([sys.executable, *command], stdin=subprocess.DEVNULL, stdout=output,
                                          stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=end_with_parent,
                                          env={**os.environ, **{key: str(value) for key, value in variables.items()}})
            processes.append(Process(name, handle, log))
    except OSError as error:
        stop(processes)
        raise UserError(f"the workers cannot be started with logs in {log_dir}: {error}") from None
    return processes


def stop(processes):
    """End what still runs: as Ctrl-C would, and by force after some seconds."""
    for number, seconds in ((signal.SIGINT, GRACE_SECONDS), (signal.SIGKILL, GRACE_SECONDS)):
        for process in processes:
            if number == signal.SIGKILL or process.handle.poll() is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.handle.pid, number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(process.handle.poll() is None for process in processes):
            time.sleep(POLL_SECONDS / 2)


def without_framework(text):
    """A log as it is shown: without what MindSpore says of its connections, unless GLOG_v asks for that."""
    return text if os.environ.get("GLOG_v") in ("0", "1") else FRAMEWORK.sub("", text)


def watch(processes):
    """Show the first worker's log until all workers have ended well. Returns the process that did not, or None."""
    workers = [process for process in processes if process.name != "scheduler"]
    with open(workers[0].log, encoding="utf-8", errors="replace") as shown:
        while True:
            running = [process for process in workers if process.handle.poll() is None]
            failed = [process for process in processes if process.handle.poll()]
            if failed:
                # The one that failed first may not be the one that ended first: prefer who says why in a sentence.
                time.sleep(GRACE_SECONDS)
                failed = [process for process in processes if process.handle.poll()]
            print(without_framework(shown.read()), end="", flush=True)
            if failed:
                return min(failed, key=lambda process: not sentence_of(process).startswith("error: "))
            if not running:
                break
            time.sleep(POLL_SECONDS)
    deadline = time.monotonic() + SCHEDULER_SECONDS
    while time.monotonic() < deadline and any(process.handle.poll() is None for process in processes):
        time.sleep(POLL_SECONDS)
    return None


def lines_of(process):
    """The last lines of a process's log."""
    lines = without_framework(process.log.read_text(encoding="utf-8", errors="replace")).splitlines()
    return [line for line in lines if line.strip()][-LAST_LINES:]


def sentence_of(process):
    """The line of a log that says why its process failed: the last one that looks like an error, or the last."""
    lines = lines_of(process)
    return next((line for line in reversed(lines) if SENTENCE.match(line)), lines[-1] if lines else "it said nothing")


def explain(process):
    """What to tell of a process that failed. Defects show the end of their log first."""
    status, sentence = process.handle.returncode, sentence_of(process)
    if not sentence.startswith("error: "):
        print(f"--- {process.log}, last lines", *lines_of(process), sep="\n", file=sys.stderr, flush=True)
    end = f"ended with status {status}" if status > 0 else f"was ended by {signal.Signals(-status).name}"
    return f"{process.name} {end} ({process.log}): {sentence.removeprefix('error: ')}"


def interrupt(number, frame):
    """SIGTERM and SIGHUP do what Ctrl-C does."""
    raise KeyboardInterrupt


def main(argv):
    """Plan the job from the arguments and the environment, run it, and return its status."""
    if len(argv) < 3:
        raise UserError("usage: python scripts/run_workers.py WORKERS|RANK_TABLE_FILE LOG_DIR ENTRY [arguments]")
    first, log_dir, *command = argv
    job = plan(first, os.environ)
    require_devices(job, command)
    if job.node_rank == 0:
        require_free(job.port)
    if job.devices and "Ascend" in command:
        os.environ.setdefault("ASCEND_RT_VISIBLE_DEVICES", ",".join(map(str, job.devices)))
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup sets it
            signal.signal(number, interrupt)
    processes = start(job, log_dir, command)
    print(f"{len(processes)} processes, their logs are in {log_dir}", flush=True)
    try:
        failed = watch(processes)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        stop(processes)
    if failed is not None:
        raise UserError(explain(failed))
    return 0


if __name__ == "__main__":
    run(main)
