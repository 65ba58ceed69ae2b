"""The pages of the documentation's site: which links they have, and that each text has its place there."""
import json
import pathlib
import shutil
import subprocess
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import docs_pages  # noqa: E402


@pytest.mark.parametrize("source, text, expected", [
    ("README.md", "[a](hmr/README.md)", "[a](hmr.md)"),
    ("README.md", "[a](docs/inputs.md#x) ![b](docs/images/cmr.jpg)", "[a](inputs.md#x) ![b](images/cmr.jpg)"),
    ("hmr/README.md", "[a](../docs/inputs.md) [b](../weights/README.md)", "[a](inputs.md) [b](weights.md)"),
    ("hmr/README_CN.md", "[a](../cmr/README_CN.md)", "[a](cmr.md)"),
    ("docs/inputs.md", "[a](../openpose/README.md#b) [c](security.md)", "[a](openpose.md#b) [c](security.md)"),
    ("README.md", "[the licence](LICENSE), [code](common/config.py)", "the licence, code"),
    ("README.md", "[a](https://a.org/b) [c](#d)", "[a](https://a.org/b) [c](#d)"),
    ("hmr/README_CN.md", "[a](../docs/inputs.zh.md#训练)", "[a](inputs.md#训练)"),
    ("docs/inputs.zh.md", "[a](../openpose/README_CN.md) [c](security.zh.md)", "[a](openpose.md) [c](security.md)"),
    ("README.md", "text [中文](README_CN.md)\n", "text\n"),
    ("docs/inputs.md", "text\n[中文](inputs.zh.md)\n\nmore", "text\n\nmore"),
    ("docs/inputs.zh.md", "文。[English](inputs.md)\n", "文。\n"),
    ("README.md", "```bash\n[a](hmr/README.md)\n```\n", "```bash\n[a](hmr/README.md)\n```\n"),
    ("README.md", "[a](no/such/file.md)", "[a](no/such/file.md)"),
])
def test_links(source, text, expected):
    assert docs_pages.site_text(source, text) == expected


@pytest.mark.parametrize("chinese, expected", [(False, "# A\n[b](api.md)"), (True, "# 甲\n[乙](api.zh.md)")])
def test_a_notebook_becomes_a_page(chinese, expected):
    texts = ["# A\n", "[b](api.md)\n", "\n", "---\n", "\n", "# 甲\n", "[乙](api.zh.md)"]
    cells = [{"cell_type": "markdown", "source": texts},
             {"cell_type": "code", "source": ["x = 1\n", "x"], "outputs": [
                 {"output_type": "stream", "text": ["one\n", "two\n"]},
                 {"output_type": "execute_result", "data": {"text/plain": ["1"]}},
                 {"output_type": "execute_result", "data": {"text/plain": ["<P>"], "image/jpeg": "abcd"}}]}]
    assert docs_pages.notebook_text(json.dumps({"cells": cells}), chinese) == (
        f"{expected}\n\n```python\nx = 1\nx\n```\n\n```text\none\ntwo\n```\n\n```text\n1\n```\n\n"
        "![](data:image/jpeg;base64,abcd)\n")


def test_every_text_has_a_page_in_the_list():
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    listed = [page for entry in settings["nav"] for value in entry.values()
              for page in ([value] if isinstance(value, str) else [name for item in value for name in item.values()])]
    pages = {page for page in docs_pages.PAGES.values() if not page.endswith(".zh.md")}
    docs = {path.name for path in (ROOT / "docs").glob("*.md") if not path.name.endswith(".zh.md")}
    assert sorted(listed) == sorted(pages | docs)
    assert all((ROOT / source).is_file() for source in docs_pages.PAGES)


# Answers as MkDocs does: with --strict a warning costs the status, unless --quiet keeps it from being counted.
MKDOCS = """#!/usr/bin/env bash
[[ $* == *--quiet* ]] && exit
echo "INFO    -  Building documentation" >&2
echo "WARNING -  a link to nowhere" >&2
[[ $* != *--strict* ]]
"""


def test_a_broken_link_costs_the_status(tmp_path):
    for name in ("requirements-docs.txt", ".venv-docs/requirements-docs.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "requirements-docs.txt", tmp_path / name)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    python = tmp_path / ".venv-docs" / "bin" / "python"
    python.parent.mkdir()
    python.write_text(MKDOCS)
    python.chmod(0o755)
    run = subprocess.run(["bash", tmp_path / "scripts" / "docs.sh"], capture_output=True, text=True)
    assert run.returncode == 1 and run.stdout == "WARNING -  a link to nowhere\n"


def test_the_script_says_what_it_takes():
    run = subprocess.run(["bash", ROOT / "scripts" / "docs.sh", "--sevre"], capture_output=True, text=True)
    assert run.returncode == 1 and "--sevre; there are --serve and --install" in run.stderr
