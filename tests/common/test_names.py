"""Names from files as names of files, log lines and titles; paths that annotations name."""
import os
import unicodedata

import pytest

from common.errors import UserError, brief, printable
from common.names import MAX_BYTES, path_below, safe_name, safe_names

HOSTILE = ("../../etc/passwd", "/absolute", "nul\0byte", "two\nlines", "\ud800", "$\\frac{$", "x" * 300, "é" * 300, "",
           ".", "..", "-rf", ".hidden", "C:\\x", "a\\b", "con", "NUL.txt", "\u202egpj.exe", "end.", " ", "e\u0301",
           "a\x1b[31m", "a\u2028b", "%s", "`id`")


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_any_text_becomes_one_component_of_a_path(text, tmp_path):
    name = safe_name(text)
    assert 1 <= len(name.encode("utf-8")) <= MAX_BYTES
    assert name[0] not in ".- " and name[-1] not in ". "
    assert not set(name) & set('/\\<>:"|?*')
    assert not {unicodedata.category(letter) for letter in name} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    assert name == unicodedata.normalize("NFC", name)
    (tmp_path / name).write_text("")
    assert os.listdir(tmp_path) == [name]
    assert printable(name) == name


def test_harmless_names_stay():
    for name in ("0", "S1 Walking 1 camera 0", "日本\u3000人", "IMG_2024 (1)", "v.mp4", "café", "$x$"):
        assert safe_name(name) == name
    assert safe_name(7) == "7"


def test_different_texts_have_different_names():
    names = [safe_name(text) for text in (*HOSTILE, "x" * 301, "a/b", "a:b", "é")]
    assert len(set(names)) == len(names)


def test_names_that_differ_in_capitals_only_are_told_apart():
    names = safe_names(["Anna", "anna", "Bob", "Bob", 3])
    assert names[2:] == ["Bob", "Bob", "3"]
    assert names[0].casefold() != names[1].casefold()


def test_printable_text_is_one_line():
    assert printable("a\nb\x1b[2J\ud800\u202e") == "a\\nb\\x1b[2J\\ud800\\u202e"
    assert printable("café\u3000日本 $x$") == "café\u3000日本 $x$"
    assert printable(ValueError("a\rb")) == "a\\rb"


def test_values_are_told_briefly():
    endless = []
    endless.append(endless)
    assert brief("a\nb") == "'a\\nb'"
    assert len(brief("x" * 10_000)) < 100
    assert len(brief(list(range(10_000)))) < 100
    assert brief(1 << 100_000) == "a very large int"
    assert len(brief(endless)) < 100


def test_a_path_in_the_data_folder():
    assert path_below("data", "a/b.jpg", "x.json") == os.path.join("data", "a/b.jpg")
    assert path_below("data", "train\\b.jpg", "x.json") == os.path.join("data", "train/b.jpg")
    assert path_below("data", "a/../b.jpg", "x.json") == os.path.join("data", "b.jpg")
    assert path_below("data", "./ü.jpg", "x.json") == os.path.join("data", "ü.jpg")


@pytest.mark.parametrize("name", ["../b.jpg", "a/../../b.jpg", "..", "/etc/passwd", "\\\\host\\x", "..\\x", "C:\\x.jpg",
                                  "c:x.jpg", "", "a\0.jpg", "\ud800.jpg", None, 3, ["a"]], ids=ascii)
def test_no_path_leads_out_of_the_data_folder(name):
    with pytest.raises(UserError, match=r"^x\.json: image 3: .*(leads out of data|is no file name)"):
        path_below("data", name, "x.json: image 3")
