"""tools/hccl_tools.py: rank tables for HCCL, in the form that the launcher reads."""
import json

import pytest

from common.errors import UserError
from scripts.run_workers import read_rank_table
from tools import hccl_tools


@pytest.fixture
def conf(tmp_path):
    path = tmp_path / "hccn.conf"
    path.write_text("".join(f"address_{chip}=192.168.{chip // 4}.{10 + chip}\nnetmask_{chip}=255.255.0.0\n"
                            for chip in range(8)))
    return path


def make(tmp_path, conf, name, *arguments):
    path = tmp_path / name
    hccl_tools.main([*arguments, "--hccn_conf", str(conf), "--output", str(path)])
    return path


def test_table_of_one_host(tmp_path, conf, capsys):
    path = make(tmp_path, conf, "one.json", "--device_num", "[0,2)", "--server_ip", "10.0.0.7")
    assert json.loads(path.read_text()) == {
        "version": "1.0", "server_count": "1", "status": "completed", "server_list": [
            {"server_id": "10.0.0.7", "host_nic_ip": "reserve", "device": [
                {"device_id": "0", "device_ip": "192.168.0.10", "rank_id": "0"},
                {"device_id": "1", "device_ip": "192.168.0.11", "rank_id": "1"}]}]}
    assert str(path) in capsys.readouterr().out


def test_two_hosts_count_their_ranks_on_and_the_launcher_reads_them(tmp_path, conf):
    first = make(tmp_path, conf, "a.json", "--device_num", "[0,2)", "--visible_devices", "4,6,7", "--server_ip",
                 "10.0.0.7")
    second = make(tmp_path, conf, "b.json", "--device_num", "3", "--server_ip", "10.0.0.8")
    both = tmp_path / "both.json"
    hccl_tools.main(["--merge", str(first), str(second), "--output", str(both)])
    ranks = [[(device["rank_id"], device["device_id"]) for device in server["device"]]
             for server in json.loads(both.read_text())["server_list"]]
    assert ranks == [[("0", "4"), ("1", "6")], [("2", "0"), ("3", "1"), ("4", "2")]]
    assert read_rank_table(both, 0) == (5, [4, 6], 2, "10.0.0.7")
    assert read_rank_table(both, 1)[1] == [0, 1, 2]
    with pytest.raises(UserError, match="10.0.0.7 is listed twice"):
        hccl_tools.main(["--merge", str(first), str(first), "--output", str(both)])


def test_the_name_tells_number_chips_and_host(tmp_path, conf, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hccl_tools.main(["--device_num", "[4,8)", "--server_ip", "10.0.0.7", "--hccn_conf", str(conf)])
    assert (tmp_path / "hccl_4p_4567_10.0.0.7.json").is_file()


@pytest.mark.parametrize("arguments, words", [
    (["--device_num", "[8,8)"], "write a range such as"), (["--device_num", "all"], "write a range such as"),
    (["--device_num", "[0,9)"], "chip 8 has no address"),
    (["--device_num", "2", "--visible_devices", "3"], "asks for more than the 1 chips"),
    (["--visible_devices", "1,1"], "different numbers"), (["--hccn_conf", "/nowhere.conf"], "cannot be read"),
    (["--merge", "/nowhere.json"], "nowhere.json does not exist"), (["--merge", __file__], "not readable JSON")])
def test_bad_input(tmp_path, conf, arguments, words):
    with pytest.raises(UserError, match=words):
        hccl_tools.main(["--hccn_conf", str(conf), "--server_ip", "1.2.3.4", "--output", str(tmp_path / "x"),
                         *arguments])
    assert not (tmp_path / "x").exists()


def test_file_without_addresses(tmp_path):
    (tmp_path / "empty.conf").write_text("netmask_0=255.255.0.0\n")
    with pytest.raises(UserError, match="hccn_tool"):
        hccl_tools.read_addresses(tmp_path / "empty.conf")
