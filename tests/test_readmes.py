"""A Chinese README or page of docs/ says the same as the English one: code, figures, tables, images and links."""
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAIRS = [(path.with_name("README.md"), path) for path in [ROOT / "README_CN.md", *sorted(ROOT.glob("*/README_CN.md"))]]
PAIRS += [(path, path.with_suffix(".zh.md")) for path in sorted(ROOT.glob("docs/*.md")) if ".zh" not in path.suffixes]
PAIRS += [(ROOT / f"{name}.md", ROOT / f"{name}_CN.md") for name in ("CONTRIBUTING", "SECURITY", "CHANGELOG")]
TWIN = dict(PAIRS)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
# "two" in one language is 2 in the other, so only figures with a unit or a point, or of two digits and more, count.
NUMBER = re.compile(r"\d+\.\d+|\d{2,}")


in_both_languages = pytest.mark.parametrize(
    "pair", PAIRS, ids=[str(english.relative_to(ROOT)) for english, _ in PAIRS])


def texts(pair):
    return [path.read_text(encoding="utf-8") for path in pair]


def commands(text):
    """The lines of the blocks of code, without comments and without what the columns of comments need of space."""
    lines = [line for language, block in BLOCK.findall(text) if language for line in block.splitlines()]
    lines = [re.sub(r"(^|\s)(?:#|//) .*", "", line).rstrip() for line in lines]
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


def code(text):
    """The code in a text, sorted, without what stands in angle brackets, which each language names itself."""
    return sorted(re.sub(r"<[^>]*>|\s+", " ", part) for part in re.findall(r"`[^`]*`", text))


def figures(text):
    """The figures in a text outside code and links, sorted."""
    return sorted(NUMBER.findall(re.sub(r"`[^`]*`|\]\([^)]*\)", "", text).replace(",", "")))


def marks(row):
    """What does not depend on the language: how many columns, the code in them, and figures."""
    return row.count("|"), code(row), figures(row)


def sections(text):
    """The level of each heading with the code and the figures in the lines below it, outside blocks."""
    parts = re.split(r"^(#+) .*", BLOCK.sub("", text), flags=re.M)[1:]
    return [(level, set(code(below)), figures(below)) for level, below in zip(parts[::2], parts[1::2])]


def links(path):
    """Where the links of a page lead, without places within pages."""
    targets = re.findall(r"\]\(([^)#\s]+)", BLOCK.sub("", path.read_text(encoding="utf-8")))
    return [target if "://" in target else (path.parent / target).resolve() for target in targets]


def test_every_page_is_there_in_both_languages():
    assert set(ROOT.glob("docs/*.md")) == {page for pair in PAIRS for page in pair if page.parent.name == "docs"}


@in_both_languages
def test_commands_are_the_same(pair):
    english, chinese = texts(pair)
    assert commands(chinese) == commands(english)
    blocks = [[(language, block.count("\n")) for language, block in BLOCK.findall(text)] for text in (english, chinese)]
    assert blocks[1] == blocks[0]


@in_both_languages
def test_tables_are_the_same(pair):
    english, chinese = map(tables, texts(pair))
    assert [list(map(marks, table)) for table in chinese] == [list(map(marks, table)) for table in english]


@in_both_languages
def test_images_and_sections_are_the_same(pair):
    english, chinese = texts(pair)
    images = r"!\[[^\]]*\]\(([^)]*)\)"
    assert re.findall(images, chinese) == re.findall(images, english)
    assert sections(chinese) == sections(english)


@in_both_languages
def test_links_are_the_same_and_stay_in_the_language(pair):
    english, chinese = pair
    # The link to the page itself in the other language is one in each.
    expected = {TWIN.get(target, target) for target in links(english)} - set(pair)
    assert set(links(chinese)) - set(pair) == expected
