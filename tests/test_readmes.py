"""The Chinese README of a folder says the same as the English one: commands, tables and images are compared."""
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDERS = sorted(path.parent for path in ROOT.glob("**/README_CN.md") if ".venv" not in path.parts)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
FIGURE = re.compile(r"\d+(?:\.\d+)?")
# "two" in one language is 2 in the other, so only figures with a unit or a point, or of two digits and more, count.
NUMBER_OF_ROW = re.compile(r"\d+\.\d+|\d{2,}")


def texts(folder):
    return [(folder / name).read_text(encoding="utf-8") for name in ("README.md", "README_CN.md")]


def commands(text):
    """The lines of the blocks of code, without comments and without what the columns of comments need of space."""
    lines = [line for language, block in BLOCK.findall(text) if language for line in block.splitlines()]
    lines = [re.sub(r"(^|\s)# .*", "", line).rstrip() for line in lines]
    return [re.sub(r"\s+", " ", line) for line in lines if line]


def tables(text):
    """The rows of all tables, one list for each table, without the line below the head."""
    found, rows = [], []
    for line in [*BLOCK.sub("", text).splitlines(), ""]:
        if line.startswith("|"):
            rows.append(line)
        elif rows:
            found.append([row for row in rows if not set(row) <= set("|-: ")])
            rows = []
    return found


def marks(row):
    """What does not depend on the language: how many columns, the code in them, and figures."""
    code = sorted(re.sub("<[^>]*>", "<>", part) for part in re.findall(r"`[^`]*`", row))
    return row.count("|"), code, sorted(NUMBER_OF_ROW.findall(re.sub(r"`[^`]*`|\]\([^)]*\)", "", row).replace(",", "")))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_commands_are_the_same(folder):
    english, chinese = map(commands, texts(folder))
    assert english and chinese == english


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_tables_are_the_same(folder):
    english, chinese = map(tables, texts(folder))
    assert [list(map(marks, table)) for table in chinese] == [list(map(marks, table)) for table in english]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_images_and_sections_are_the_same(folder):
    english, chinese = texts(folder)
    images = r"!\[[^\]]*\]\(([^)]*)\)"
    assert re.findall(images, chinese) == re.findall(images, english)
    levels = [re.findall(r"^(#+) ", BLOCK.sub("", text), re.M) for text in (english, chinese)]
    assert levels[1] == levels[0]
