"""Every command answers --help and refuses a bad flag before it loads anything heavy."""
import ast
import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDERS = ("pose_baseline", "openpose", "hmr", "cmr", "hand4whole", "tools", "scripts")
# Each takes a good part of a second to import, or much more.
HEAVY = ("mindspore", "torch", "matplotlib", "trimesh", "h5py", "scipy", "numba")
# The benchmarks and the gallery compute with arrays only.
MAY_LOAD = {"tools/lab/benchmark_decoder.py": ("scipy",), "tools/lab/body_gallery.py": ("h5py", "scipy"),
            "tools/lab/benchmark_drawing.py": ("h5py", "scipy")}
TRIAL = """
import json, runpy, sys
script, flag = sys.argv[1:]
sys.argv = [script, flag]
status = 0
try:
    runpy.run_path(script, run_name="__main__")
except SystemExit as leaving:
    status = leaving.code or 0
print(json.dumps([status, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def entry_scripts():
    """Paths of the files that are commands, relative to the root."""
    found = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            if any(isinstance(node, ast.If) and "__main__" in ast.unparse(node.test) for node in tree.body):
                found.append(path.relative_to(ROOT).as_posix())
    return found


@pytest.mark.parametrize("script", entry_scripts())
def test_help_and_bad_flags_load_nothing_heavy(script):
    for flag in ("--help", "--no_such_flag"):
        done = subprocess.run([sys.executable, "-c", TRIAL, str(ROOT / script), flag], cwd=ROOT, capture_output=True,
                              text=True, timeout=60)
        assert done.stdout, done.stderr
        status, modules = json.loads(done.stdout.splitlines()[-1])
        loaded = set(modules) & set(HEAVY) - set(MAY_LOAD.get(script, ()))
        assert not loaded, f"{script} {flag} loads {loaded}"
        if flag != "--help":
            assert status == 1 and done.stderr.startswith("error: "), done.stderr


def test_choices_that_settings_name_are_those_of_the_code():
    """Settings name them by themselves, because the code is slow to import."""
    from cmr.src.config import DEPTHS
    from common.backbones.resnet import PLANS
    from openpose.src.config import DECODERS
    from openpose.src.decode import CONVENTIONS

    assert DEPTHS == tuple(PLANS)
    assert DECODERS == tuple(CONVENTIONS)
