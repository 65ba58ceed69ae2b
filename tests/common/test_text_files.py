"""JSON, YAML and XML from anywhere: content, or one sentence."""
import math
import os
import pathlib
import re

import pytest

from common.errors import UserError
from common.text_files import MAX_NESTING, parse_json, read_bytes, read_json, read_xml, read_yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]


def read(reader, tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return reader(str(path))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_byte_order_marks_are_accepted(tmp_path, encoding):
    assert read(read_json, tmp_path, '{"é": [1, 2.5]}'.encode(encoding)) == {"é": [1, 2.5]}
    assert read(read_yaml, tmp_path, "é: [1, 2.5]".encode(encoding)) == {"é": [1, 2.5]}
    assert read(read_xml, tmp_path, "<é>1</é>".encode(encoding)).tag == "é"


def test_json_lets_numbers_of_other_programs_through():
    values = parse_json('[NaN, nan, -nan, -nan(ind), Infinity, -inf, "-nan", "a\\"nan", 1e999]', "x.json")
    assert all(math.isnan(value) for value in values[:4])
    assert values[4:] == [math.inf, -math.inf, "-nan", 'a"nan', math.inf]


def test_of_a_json_key_that_stands_twice_the_last_counts():
    assert parse_json('{"a": 1, "a": 2}', "x.json") == {"a": 2}


@pytest.mark.parametrize("text, expected", [
    ('{"a": [{"id": 1, "b": [[1, 2]], "c": "\\u00e9 \\" ]"}, {"b": {"counts": "x"}, "id": 9007199254740993}]}',
     {"a": [{"id": 1, "c": "\u00e9 \" ]"}, {"id": 9007199254740993}]}),
    ('{"a": [{"id": 1, "id": 2, "b": 1}], "a": [{"id": 123456789012345678901234567890, "b": 1}]}',
     {"a": [{"id": 123456789012345678901234567890}]}),
    ('{"a": [], "b": [1, {"b": 2}], "e": [[{"b": 1}]], "f": null, "g": {"b": -0.0}}',
     {"a": [], "b": [1, {"b": 2}], "e": [[{"b": 1}]], "f": None, "g": {"b": -0.0}})])
def test_a_member_that_nobody_reads_is_left_out_of_objects_in_lists(tmp_path, text, expected):
    assert repr(read(lambda path: read_json(path, without="b"), tmp_path, text)) == repr(expected)


@pytest.mark.parametrize("text", [
    '{"a": [{"id": NaN, "b": [1]}]}', '{"a": [{"id": 1e999, "b": 2, "c": "\\ud800"}]}',
    '{"a": [{"id": 1, "b": nan}, 5]}', '[{"b": 1}]', '"b"'])
def test_unusual_json_is_read_with_this_member(tmp_path, text):
    found = read(lambda path: read_json(path, without="b"), tmp_path, text)
    assert repr(found) == repr(parse_json(text, "x.json"))


@pytest.mark.parametrize("data", [
    b'{"a": [{"b": [1}]}', b'{"a": [{"b": ' + b"[" * 70 + b"]" * 70 + b"}]}", b'{"a": [{"b": "\xff"}]}',
    b'{"a": [{"b": 1, "c": ' + b"9" * 5000 + b"}]}"])
def test_faults_within_it_are_told_all_the_same(tmp_path, data):
    with pytest.raises(UserError, match="is not readable JSON"):
        read(lambda path: read_json(path, without="b"), tmp_path, data)


@pytest.mark.parametrize("text", [
    "[" * MAX_NESTING + "]" * MAX_NESTING, '{"a":' * MAX_NESTING + "1" + "}" * MAX_NESTING,
    '["' + "[" * 200 + '"]', '["\\\\", "' + "[{" * 100 + '", "\\"[["]', "[" + "[[]], " * 200 + "[]]"])
def test_json_within_the_bound_is_read(text):
    assert parse_json(text, "x.json")


@pytest.mark.parametrize("text", [
    "[" * 100_000, "[" * (MAX_NESTING + 1) + "]" * (MAX_NESTING + 1), '{"a":' * 65 + "1" + "}" * 65,
    '["\\\\",' + "[" * 70 + "]" * 71, '["[", "\\"",' + "[{}," * 70 + "]" * 71])
def test_json_that_nests_too_deeply_is_refused(text):
    with pytest.raises(UserError, match="x.json is not readable JSON .*nested more than 64 deep.*get the file again"):
        parse_json(text, "x.json")


@pytest.mark.parametrize("data", [b"", b'{"a"', b"[1", b'"a', b"\xff", b'"\xed\xa0\x80"', b"9" * 5000, b"][[[", b"[01]",
                                  b"\xff\xfe\x00", b"nul", b"{nan: 1}", b"\0" * 10])
def test_damaged_json_is_one_sentence(tmp_path, data):
    with pytest.raises(UserError, match="is not readable JSON"):
        read(read_json, tmp_path, data)


@pytest.mark.parametrize("text", [
    "[" * 20_000, "- " * 20_000, "? " * 20_000, "{a: " * 20_000, "a: &a [*a]", "a: &a {b: *a}", "a: 1\na: 2",
    "seed: 2020-13-45", 'seed: !!int "x"', 'a: !!int ""', "!!timestamp x", "!!bool x", "a: " + "9" * 5000, "<<: 3",
    '"\\U99999999"', "!!python/object/apply:os.system [id]", "a: [", "{[1]: 2}", "\0", "a: *b", "!!binary x",
    "--- a\n--- b",
    "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
    "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]"], ids=lambda text: ascii(text[:20]))
def test_damaged_yaml_is_one_sentence_at_once(tmp_path, text):
    with pytest.raises(UserError, match="is not readable YAML .*mend it or name another file"):
        read(read_yaml, tmp_path, text)


def test_yaml_with_aliases_and_merges_is_read(tmp_path):
    text = "a: &a {x: 1, y: 2}\nb: *a\nc: {<<: *a, y: 3}"
    assert read(read_yaml, tmp_path, text) == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 2}, "c": {"x": 1, "y": 3}}
    # The merge is followed before the mapping that it names is made itself.
    text = "x: &x {y: 1}\na: {k: &b {<<: *x, y: 3}}\nc: {<<: *b}"
    assert read(read_yaml, tmp_path, text)["c"] == {"y": 3}


def test_xml_is_read_whatever_encoding_it_declares(tmp_path):
    root = read(read_xml, tmp_path, '<?xml version="1.0" encoding="gb18030"?><r a="1"><w0>1 2<b/>3</w0></r>')
    assert (root.tag, root.attrib, root.find("w0").text) == ("r", {"a": "1"}, "1 2")


@pytest.mark.parametrize("text", [
    "", "<r>", "<r></s>", "<r>\0</r>", "<a>" * 100 + "</a>" * 100, "<r>&unknown;</r>", "<r/><r/>",
    '<!DOCTYPE r [<!ENTITY a "lol">]><r>&a;</r>', '<!DOCTYPE r SYSTEM "file:///etc/passwd"><r/>'],
    ids=lambda text: ascii(text[:20]))
def test_damaged_xml_is_one_sentence(tmp_path, text):
    with pytest.raises(UserError, match="is not readable XML"):
        read(read_xml, tmp_path, text)


def test_what_is_no_file_is_said_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, complaint in ((tmp_path / "pipe", "is a pipe or a device"), ("/dev/zero", "is a pipe or a device"),
                            (tmp_path, "is a folder"), (tmp_path / "none", "does not exist"),
                            (tmp_path / "a\0b", "cannot be read"), (tmp_path / ("x" * 300), "cannot be read")):
        with pytest.raises(UserError, match=f"^--bbox {re.escape(str(path))} {complaint}.*; name another"):
            read_json(str(path), f"--bbox {path}", "name another")


def test_files_that_are_too_large_are_not_read(tmp_path):
    (tmp_path / "a").write_bytes(bytes(3 << 20))
    assert len(read_bytes(str(tmp_path / "a"), largest=3 << 20)) == 3 << 20
    with pytest.raises(UserError, match="a has 3 MB, more than the 1 MB that are read"):
        read_yaml(str(tmp_path / "a"))
