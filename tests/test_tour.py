"""The notebook docs/tour.ipynb: it runs, and what is kept in it is what it gives."""
import base64
import json
import pathlib
import re
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
TOUR = ROOT / "docs" / "tour.ipynb"


def images(notebook):
    data = [output["data"]["image/jpeg"] for cell in notebook["cells"] for output in cell.get("outputs", ())
            if "image/jpeg" in output.get("data", {})]
    return [cv2.imdecode(np.frombuffer(base64.b64decode(one), np.uint8), cv2.IMREAD_COLOR) for one in data]


def printed(notebook):
    return "".join("".join(output["text"]) for cell in notebook["cells"] for output in cell.get("outputs", ())
                   if "text" in output)


def test_the_notebook_is_kept_small_with_its_outputs():
    notebook = json.loads(TOUR.read_text(encoding="utf-8"))
    assert TOUR.stat().st_size < 400_000
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    assert all(cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code")
    assert len(images(notebook)) >= 4


def test_its_texts_say_the_same_in_english_and_chinese():
    for cell in json.loads(TOUR.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "markdown":
            english, chinese = "".join(cell["source"]).split("\n\n---\n\n")
            marks = [sorted(re.findall(r"^#+|`[^`]+`|\]\(\w+", text, re.M)) for text in (english, chinese)]
            assert marks[0] == marks[1]
            assert chinese.replace(".zh.md", ".md").count(".md") == english.count(".md") == chinese.count(".zh.md")


@pytest.mark.full
def test_the_notebook_runs(tmp_path):
    shutil.copy(TOUR, tmp_path)
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "lab" / "notebook.py"), str(tmp_path / "tour.ipynb"),
                           "--write"], capture_output=True, text=True, timeout=900, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found, kept = (json.loads(path.read_text(encoding="utf-8")) for path in (tmp_path / "tour.ipynb", TOUR))
    # The same images up to what JPEG and processors change in them.
    for one, other in zip(images(found), images(kept), strict=True):
        assert one.shape == other.shape and np.abs(one.astype(int) - other).mean() < 3
    photo, overlay, side, lifted = images(found)[:4]
    assert np.abs(photo.astype(int) - overlay).max() > 100 and np.median(side) == 255
    # Somebody who stands: in the image y counts downwards, in the camera's axes too.
    places = {name: float(y) for name, y in re.findall(r"^(left_\w+) +[\d.]+ +([\d.]+) px$", printed(found), re.M)}
    assert places["left_ear"] < places["left_hip"] < places["left_knee"] < places["left_ankle"]
