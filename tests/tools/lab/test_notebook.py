"""Notebooks run without Jupyter."""
import base64
import json
import os

import pytest

from tools.lab import notebook

TEXT = """class Dot:
    def _repr_jpeg_(self):
        return b"jpeg"
Dot()"""


def written(path, *sources):
    cells = [{"cell_type": "markdown", "metadata": {}, "source": ["# no code"]}]
    cells += [{"cell_type": "code", "metadata": {}, "source": source.splitlines(keepends=True), "outputs": [1],
               "execution_count": 7} for source in sources]
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), encoding="utf-8")
    return path


def test_cells_share_their_names_and_keep_what_they_give(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = "import os\nx = 2\nprint('one\\ntwo')\nx + 1"
    path = written(tmp_path / "a.ipynb", first, "y = x * 5", TEXT, "[y, os.getcwd()]")
    notebook.main([str(path)])
    assert json.loads(path.read_text())["cells"][1]["outputs"] == [1]  # not without --write
    os.chdir(tmp_path)
    notebook.main(["a.ipynb", "--write"])
    text, *cells = json.loads(path.read_text())["cells"]
    assert text == {"cell_type": "markdown", "metadata": {}, "source": ["# no code"]}
    assert [cell["execution_count"] for cell in cells] == [1, 2, 3, 4]
    assert cells[0]["outputs"] == [
        {"name": "stdout", "output_type": "stream", "text": ["one\n", "two\n"]},
        {"data": {"text/plain": ["3"]}, "execution_count": 1, "metadata": {}, "output_type": "execute_result"}]
    assert cells[1]["outputs"] == []
    shown, = cells[2]["outputs"]
    assert base64.b64decode(shown["data"]["image/jpeg"]) == b"jpeg" and shown["data"]["text/plain"] == ["<Dot>"]
    assert cells[3]["outputs"][0]["data"]["text/plain"] == [repr([10, notebook.ROOT])]


def test_a_cell_that_fails_ends_it_and_leaves_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path / "a.ipynb", "1 / 0")
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError):
        notebook.main([str(path), "--write"])
    assert path.read_bytes() == before
