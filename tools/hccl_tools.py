"""Make the rank table (HCCL's json) of the Ascend chips of this host, and join those of several hosts.

    python tools/hccl_tools.py --device_num "[0,8)"
    python tools/hccl_tools.py --device_num "[0,4)" --visible_devices 4,5,6,7 --server_ip 10.0.0.7
    python tools/hccl_tools.py --merge hccl_8p_..._10.0.0.7.json hccl_8p_..._10.0.0.8.json

The addresses of the chips come from /etc/hccn.conf (address_0=192.168.1.10, ...). The file is written to the present
folder as hccl_<number>p_<devices>_<ip>.json, or to --output. `run_distribute_train.sh` takes it in place of the number
of devices; on one host the number alone does the same.
"""
import json
import os
import pathlib
import re
import socket
import sys

# Run as a file from anywhere, the repository root has to come first on the module path.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from common.arguments import Arguments  # noqa: E402
from common.errors import UserError, run  # noqa: E402
from common.files import atomic_write  # noqa: E402
from common.text_files import read_json  # noqa: E402

HCCN_CONF = "/etc/hccn.conf"
RANGE = re.compile(r"\[(\d+),(\d+)\)")
ADDRESS = re.compile(r"^\s*address_(\d+)\s*=\s*([0-9.]+)\s*$", re.MULTILINE)


def parse_range(text):
    """Numbers of a half-open range such as [0,8), or of a plain count such as 8.

    Raises:
        UserError: neither of these, or an empty range.
    """
    match = RANGE.fullmatch(text.replace(" ", ""))
    first, end = (int(match[1]), int(match[2])) if match else (0, int(text) if text.isdecimal() else 0)
    if end <= first:
        raise UserError(f"--device_num {text}: write a range such as [0,8), or the number of chips")
    return list(range(first, end))


def choose_devices(device_num, visible_devices):
    """The chips to use: `device_num` counts in the list `visible_devices`, or in 0, 1, 2, ... where it is empty.

    Raises:
        UserError: numbers that cannot be, or more chips than there are visible ones.
    """
    positions = parse_range(device_num)
    if not visible_devices:
        return positions
    words = visible_devices.split(",")
    if not all(word.strip().isdecimal() for word in words) or len(set(words)) < len(words):
        raise UserError(f"--visible_devices {visible_devices}: write different numbers, such as 4,5,6,7")
    if positions[-1] >= len(words):
        raise UserError(f"--device_num {device_num} asks for more than the {len(words)} chips of --visible_devices")
    return [int(words[position]) for position in positions]


def read_addresses(path):
    """Number of a chip -> its network address.

    Raises:
        UserError: the file is missing or has no addresses.
    """
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): it is there on hosts with Ascend chips; name "
                        "another one with --hccn_conf") from None
    addresses = {int(number): address for number, address in ADDRESS.findall(text)}
    if not addresses:
        raise UserError(f"{path} holds no lines such as address_0=192.168.1.10: set the chips' addresses with "
                        "hccn_tool")
    return addresses


def server_entry(server_ip, devices, addresses):
    """One host of a rank table, its ranks counted from 0.

    Raises:
        UserError: a chip without address.
    """
    missing = [device for device in devices if device not in addresses]
    if missing:
        raise UserError(f"chip {missing[0]} has no address; there are addresses for {sorted(addresses)}")
    return {"server_id": server_ip, "host_nic_ip": "reserve",
            "device": [{"device_id": str(device), "device_ip": addresses[device], "rank_id": str(rank)}
                       for rank, device in enumerate(devices)]}


def rank_table(servers):
    """The whole table; ranks are counted over all hosts in their order."""
    rank = 0
    for server in servers:
        for device in server["device"]:
            device["rank_id"] = str(rank)
            rank += 1
    return {"version": "1.0", "server_count": str(len(servers)), "server_list": servers, "status": "completed"}


def read_servers(path):
    """The hosts of a rank table.

    Raises:
        UserError: no rank table.
    """
    try:
        servers = read_json(path, hint="make it with this tool on that host")["server_list"]
        if not servers or any(not server["device"] or not server["server_id"] for server in servers):
            raise ValueError("a server without devices or server_id")
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not a rank table: {error}") from None
    return servers


def own_address():
    """The address by which other hosts reach this one, as its name resolves."""
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        raise UserError("the address of this host is not known: name it with --server_ip") from None


def main(argv):
    parser = Arguments(__doc__)
    parser.add_argument("--device_num", default="[0,8)", help="range of chips, such as [0,8)")
    parser.add_argument("--visible_devices", default="", help="numbers of the chips that the range counts in")
    parser.add_argument("--server_ip", default="", help="address of this host")
    parser.add_argument("--hccn_conf", default=HCCN_CONF, help="where the chips' addresses stand")
    parser.add_argument("--merge", nargs="+", default=[], metavar="TABLE", help="join tables; the first is host 0")
    parser.add_argument("--output", default="", help="file to write")
    options = parser.parse_args(argv)
    if options.merge:
        servers = [server for path in options.merge for server in read_servers(path)]
        names = [server["server_id"] for server in servers]
        if len(set(names)) < len(names):
            raise UserError(f"--merge: host {next(name for name in names if names.count(name) > 1)} is listed twice")
        name = f"hccl_{len(servers)}s_{sum(len(server['device']) for server in servers)}p.json"
    else:
        devices = choose_devices(options.device_num, options.visible_devices)
        server_ip = options.server_ip or own_address()
        servers = [server_entry(server_ip, devices, read_addresses(options.hccn_conf))]
        name = f"hccl_{len(devices)}p_{''.join(map(str, devices))}_{server_ip}.json"
    path = os.path.abspath(options.output or name)
    atomic_write(path, (json.dumps(rank_table(servers), indent=4) + "\n").encode())
    print(f"Completed: hccl file was saved in: {path}")


if __name__ == "__main__":
    run(main)
