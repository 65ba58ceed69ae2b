"""The walks through the code that CONTRIBUTING.md describes can be walked."""
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
WALKS = {title: re.findall(r"^\d+\. `([^`]+)`: (.*)$", steps, re.M)
         for title, steps in re.findall(r"^\*\*([^*]+)\*\*.*:\n\n((?:\d+\. .*\n)+)", TEXT, re.M)}


def test_both_walks_are_found():
    assert len(WALKS) == 2 and all(len(steps) > 7 for steps in WALKS.values())


@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_opens_at_most_ten_files_and_none_twice(walk):
    files = [name for name, _ in WALKS[walk]]
    assert len(files) <= 10 and len(set(files)) == len(files)


@pytest.mark.parametrize("walk", WALKS)
def test_each_step_finds_what_it_names(walk):
    for name, text in WALKS[walk]:
        code = (ROOT / name).read_text(encoding="utf-8")
        for word in re.findall(r"`(\w+)`", text):
            assert re.search(rf"\b{word}\b", code), f"{name}: {word}"
