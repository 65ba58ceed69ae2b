"""Command lines of scripts with flags of their own."""
import subprocess
import sys
from pathlib import Path

import pytest

from common.arguments import Arguments
from common.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("argv, text", [
    (["--num", "3", "--nmu", "4"], r"^unknown flag --nmu; did you mean --num\? \(--help lists every flag\)$"),
    ([], "required: --num"),
    (["--num", "x"], "^--num: invalid int value: 'x'"),
    (["--count", "x"], "^--count: invalid int value: 'x'"),
    (["--num", "3", "--nu=3"], "unknown flag --nu; did you mean --num"),
    (["--num", "3", "-nmu", "4"], "unknown flag -nmu; did you mean --num"),
    (["--num", "3", "\N{EN DASH}num", "4"], "unknown flag \N{EN DASH}num; did you mean --num"),
    (["--num", "3", "--name"], "^--name: a value has to follow it"),
    (["--num", "3", "4"], "unexpected argument '4': values follow their flag")])
def test_complaints_are_user_errors(argv, text):
    parser = Arguments("Does something.\n\n  with an example\n")
    parser.add_argument("--num", "--count", type=int, required=True)
    parser.add_argument("--name")
    with pytest.raises(UserError, match=text):
        parser.parse_args(argv)
    assert parser.parse_args(["--num", "3"]).num == 3 and "  with an example" in parser.format_help()
    assert parser.parse_args(["--num", "-3", "--name", "-1x368"]).name == "-1x368"
    assert parser.parse_args(["--num", "-3", "--name", "-a,b=c"]).name == "-a,b=c"


def test_every_script_uses_it():
    """A plain parser would leave with status 2 and a page of usage."""
    scripts = [path for folder in ("tools", "common", "hmr", "cmr", "openpose", "hand4whole", "pose_baseline")
               for path in (ROOT / folder).rglob("*.py")]
    assert [path.name for path in scripts if "argparse.ArgumentParser(" in path.read_text()] == []


def test_a_script_says_one_sentence():
    result = subprocess.run([sys.executable, str(ROOT / "tools" / "hccl_tools.py"), "--devices", "8"],
                            capture_output=True, text=True)
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr == ("error: unknown flag --devices; did you mean --device_num or --visible_devices? "
                             "(--help lists every flag)\n")


def test_two_hyphens_as_a_value_are_text():
    parser = Arguments("x")
    parser.add_argument("--path", default="")
    parser.add_argument("--many", nargs="*", default=[])
    parser.add_argument("--number", type=int)
    parsed = parser.parse_args(["--path=--"])
    assert parsed.path == "--" and parsed.many == []
    with pytest.raises(UserError, match="--number: invalid int value: '--'"):
        parser.parse_args(["--number=--"])


def test_the_home_folder_stands_for_its_sign(tmp_path, monkeypatch):
    """Shells leave it as it is in --key=~/file and within quotes."""
    monkeypatch.setenv("HOME", "/own/home")
    monkeypatch.chdir(tmp_path)
    parser = Arguments("")
    parser.add_argument("--input")
    for argv, value in ((["--input=~/a.jpg"], "/own/home/a.jpg"), (["--input", "~/a b.jpg"], "/own/home/a b.jpg"),
                        (["--input", "~"], "/own/home"), (["--input", "a~"], "a~"), (["--input=x=~/y"], "x=~/y"),
                        (["--input", "~nobody.at.all/a"], "~nobody.at.all/a")):
        assert parser.parse_args(argv).input == value
    (tmp_path / "~").mkdir()
    assert parser.parse_args(["--input", "~"]).input == "~", "what exists comes first"
