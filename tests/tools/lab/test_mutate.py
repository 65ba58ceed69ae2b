"""Small changes to a module of two lines, and which of them its tests notice."""
import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tools.lab.mutate import changed, changes

TOOL = Path(__file__).resolve().parents[3] / "tools" / "lab" / "mutate.py"
MODULE = """def larger(first, second):
    return first if first > second else second


def half(number):
    return number / 2
"""


def run_tool(root, test):
    (root / "few.py").write_text(MODULE)
    (root / "pyproject.toml").write_text("[tool.pytest.ini_options]\npythonpath = ['.']\n")
    (root / "test_few.py").write_text(f"from few import half, larger\n\n\ndef test_larger():\n    {test}\n")
    files = {path: path.read_bytes() for path in root.rglob("*")}
    done = subprocess.run([sys.executable, TOOL, "--root", root, "--modules", "few.py", "--tests", "test_few.py"],
                          capture_output=True, text=True)
    assert {path: path.read_bytes() for path in root.rglob("*")} == files
    return done


def test_noticed_and_missed_changes_are_told_apart(tmp_path):
    done = run_tool(tmp_path, "assert larger(1, 2) == 2 and larger(2, 1) == 2")
    *missed, _, _, row = done.stdout.splitlines()
    # Where both are equal it is all the same; nothing of `half` is tested.
    assert missed == ["missed: few.py:2: first > second -> first >= second",
                      "missed: few.py:6: return number / 2 -> return None",
                      "missed: few.py:6: number / 2 -> number * 2", "missed: few.py:6: 2 -> 3"]
    assert row == "| few.py | 8 | 4 | 0 | 4 | 50.0 % |" and done.returncode == 0


def test_tests_that_fail_by_themselves_measure_nothing(tmp_path):
    done = run_tool(tmp_path, "assert larger(1, 2) == 1")
    assert done.returncode == 1 and "test_few.py: the tests fail as the code is" in done.stderr


@pytest.mark.parametrize("text, others", [
    ("a <= b", ["a < b", "a > b"]), ("a and b", ["a or b"]), ("not a", ["not not a"]), ("-a", ["--a"]),
    ("x = 3", ["x = 4"]), ("x = 0.0", ["x = 0.5"]), ("x = 0.25", ["x = 0.375"]), ("x = True", ["x = False"]),
    ("x[1:]", ["x[2:]"]), ("x['a']", ["x['ax']"]), ("a == 'b'", ["a != 'b'", "a == 'bx'"]),
    ("x -= a", ["pass", "x += a"]), ("min(a)", ["pass", "max(a)"]), ("x = np.any", ["x = np.all"]),
    ("a if b else c", ["a if True else c", "a if False else c"]),
    ("[a for a in b if a]", ["[a for a in b if True]"]),
    ("def f(x=1):\n    return x", ["def f(x=2):\n    return x", "def f(x=1):\n    return None"]),
    # Annotations, docstrings and the words of messages do nothing, and what a branch consists of goes with it.
    ("x: list[3]", []), ("log.info('%d', 3)", ["pass"]), ("'text'", []), ("raise E(3)", ["pass"]), ("x = f'{3}'", []),
    ("if a:\n    b()", ["if True:\n    b()", "if False:\n    b()"])])
def test_each_kind_of_change(text, others):
    tree = ast.parse(text)
    assert sorted(changed(tree, change).strip() for change in changes(tree)) == sorted(others)
    assert ast.dump(tree) == ast.dump(ast.parse(text))
