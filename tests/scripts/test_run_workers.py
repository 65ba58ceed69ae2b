"""The plan that scripts/run_workers.py makes from its arguments and the environment."""
import importlib.util
import json
import pathlib
import socket
import subprocess
import sys

import pytest

from common.errors import UserError

PATH = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "run_workers.py"


@pytest.fixture(scope="module")
def run_workers():
    spec = importlib.util.spec_from_file_location("run_workers", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def table(tmp_path):
    """Two hosts: chips 4 and 5 on the first, 0 and 1 on the second."""
    servers = [{"server_id": "10.0.0.1", "device": [{"device_id": "4", "rank_id": "0"}, {"device_id": "5"}]},
               {"server_id": "10.0.0.2", "device": [{"device_id": "0"}, {"device_id": "1"}]}]
    path = tmp_path / "hccl_4p.json"
    path.write_text(json.dumps({"version": "1.0", "server_count": "2", "server_list": servers}))
    return path


def test_number_on_one_host_takes_a_free_port(run_workers):
    job = run_workers.plan("8", {})
    assert job[:3] == (8, 8, "127.0.0.1") and job.node_rank == 0 and job.rank_table == "" and job.devices is None
    assert job.port > 1023
    assert run_workers.plan("8", {"PORT": "9000"}).port == 9000


def test_number_on_several_hosts_counts_per_host(run_workers):
    job = run_workers.plan("8", {"NODES": "2", "NODE_RANK": "1", "MASTER_ADDR": "10.0.0.1"})
    assert (job.workers, job.local_workers, job.master_addr, job.port, job.node_rank) == (16, 8, "10.0.0.1", 8118, 1)
    names, variables = zip(*run_workers.environments(job))
    assert names == tuple(f"worker {rank}" for rank in range(8, 16))
    assert variables[3] == {"MS_ROLE": "MS_WORKER", "MS_WORKER_NUM": 16, "RANK_SIZE": 16, "MS_NODE_ID": 11,
                            "RANK_ID": 11, "DEVICE_ID": 3, "MS_SCHED_HOST": "10.0.0.1", "MS_SCHED_PORT": 8118,
                            "PYTHONUNBUFFERED": 1}
    first = dict(run_workers.environments(job._replace(node_rank=0)))
    assert first["scheduler"]["MS_ROLE"] == "MS_SCHED" and list(first)[1:] == [f"worker {rank}" for rank in range(8)]


def test_rank_table_says_how_many_where_and_on_which_chips(run_workers, table):
    job = run_workers.plan(str(table), {"NODE_RANK": "0"})
    assert (job.workers, job.local_workers, job.master_addr, job.devices) == (4, 2, "10.0.0.1", (4, 5))
    assert all(variables["RANK_TABLE_FILE"] == str(table) for _, variables in run_workers.environments(job))
    assert run_workers.plan(str(table), {"NODE_RANK": "1"}).devices is None


@pytest.mark.parametrize("first, environment, text", [
    ("0", {}, "neither a number"),
    ("many", {}, "neither a number"),
    ("2", {"NODES": "2"}, "NODE_RANK and MASTER_ADDR"),
    ("2", {"NODES": "2", "NODE_RANK": "2", "MASTER_ADDR": "a"}, "NODE_RANK=2"),
    ("2", {"NODES": "two"}, "NODES=two"),
    ("2", {"PORT": "-1"}, "PORT=-1"),
])
def test_mistakes_are_named(run_workers, first, environment, text):
    with pytest.raises(UserError, match=text):
        run_workers.plan(first, environment)


@pytest.mark.parametrize("content", ["not json", "[]", "{}", '{"server_list": []}', '{"server_list": [{"device": 3}]}',
                                     '{"server_list": [{"server_id": "a", "device": []}]}'])
def test_a_file_that_is_no_rank_table(run_workers, tmp_path, content):
    path = tmp_path / "table.json"
    path.write_text(content)
    with pytest.raises(UserError, match="table.json"):
        run_workers.plan(str(path), {})


def test_rank_table_has_no_such_host(run_workers, table):
    with pytest.raises(UserError, match="2 server"):
        run_workers.plan(str(table), {"NODE_RANK": "2"})


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_in_use_is_refused_at_once(run_workers, monkeypatch, tmp_path, address):
    with socket.socket() as other:
        other.bind((address, 0))
        other.listen()
        monkeypatch.setenv("PORT", str(other.getsockname()[1]))
        with pytest.raises(UserError, match=f"PORT={other.getsockname()[1]} cannot be used"):
            run_workers.main(["2", str(tmp_path), "train.py"])
    monkeypatch.setenv("PORT", "70000")
    with pytest.raises(UserError, match="PORT=70000"):
        run_workers.main(["2", str(tmp_path), "train.py"])


def test_lines_of_the_framework_are_in_the_log_and_not_on_the_screen(run_workers, monkeypatch, tmp_path, capsys):
    noise = "[INFO] DISTRIBUTED(13614,7f5ffeffd6c0,python):2026-11-30-18:15:12 [tcp_client.cc:367] Start] Event base\n"
    log = tmp_path / "worker_0.log"
    log.write_text(f"Average 225.58\n{noise}Saving\n{noise}")
    handle = subprocess.Popen([sys.executable, "-c", ""])
    handle.wait()
    monkeypatch.delenv("GLOG_v", raising=False)
    process = run_workers.Process("worker 0", handle, log)
    assert run_workers.watch([process]) is None
    assert capsys.readouterr().out == "Average 225.58\nSaving\n"
    assert run_workers.sentence_of(process) == "Saving"
    monkeypatch.setenv("GLOG_v", "1")
    run_workers.watch([process])
    assert capsys.readouterr().out.count(noise) == 2
