"""Command lines of scripts with flags of their own."""
import subprocess
import sys
from pathlib import Path

import pytest

from common.arguments import Arguments
from common.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("argv, text", [
    (["--num", "3", "--nmu", "4"], r"unrecognized arguments: --nmu 4 \(--help lists"), ([], "required: --num"),
    (["--num", "x"], "--num: invalid int value: 'x'"), (["--num", "3", "--nu", "3"], "unrecognized arguments: --nu 3")])
def test_complaints_are_user_errors(argv, text):
    parser = Arguments("Does something.\n\n  with an example\n")
    parser.add_argument("--num", type=int, required=True)
    with pytest.raises(UserError, match=text):
        parser.parse_args(argv)
    assert parser.parse_args(["--num", "3"]).num == 3 and "  with an example" in parser.format_help()


def test_every_script_uses_it():
    """A plain parser would leave with status 2 and a page of usage."""
    scripts = [path for folder in ("tools", "common", "hmr", "cmr", "openpose", "hand4whole", "pose_baseline")
               for path in (ROOT / folder).rglob("*.py")]
    assert [path.name for path in scripts if "argparse.ArgumentParser(" in path.read_text()] == []


def test_a_script_says_one_sentence():
    result = subprocess.run([sys.executable, str(ROOT / "tools" / "hccl_tools.py"), "--devices", "8"],
                            capture_output=True, text=True)
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr == "error: unrecognized arguments: --devices 8 (--help lists every flag)\n"
