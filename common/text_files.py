"""JSON, YAML and XML from anywhere: one reader each, which ends with content or with one sentence.

What is bounded, besides the size of the file: JSON and XML nest `MAX_NESTING` deep at most, YAML too, and its aliases
may not multiply the content. UTF-8 with or without byte order mark and UTF-16 with one are read. A key that stands
twice: in JSON the last one counts, as in other programs; in YAML, which people write by hand, it is an error.
"""
import codecs
import json
import os
import re
import stat
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from typing import IO, Any, NoReturn
from xml.parsers import expat

import msgspec
import yaml

from common.errors import UserError, brief, printable

MAX_NESTING = 64
# The largest annotation files of the field have 2 GB; yaml and xml are settings and tables.
MAX_JSON_BYTES, MAX_YAML_BYTES, MAX_XML_BYTES = 8 << 30, 1 << 20, 64 << 20
MAX_YAML_NODES = 100_000  # with every alias counted as what it stands for
MAX_REASON = 200  # letters of a parser's complaint that are repeated
AGAIN = "get the file again"
# Numbers that programs in C print and JSON does not know: nan, -nan, -nan(ind), inf. Strings are matched to be passed.
_C_NUMBERS = re.compile(r'"(?:[^"\\]|\\.)*"|(-?)(?<![\w.])(?:(nan(?:\(\w*\))?)|inf(?:inity)?)(?!\w)',
                        re.IGNORECASE | re.DOTALL)


def read_bytes(path: str | os.PathLike, said: str | None = None, hint: str = AGAIN,
               largest: int = MAX_JSON_BYTES) -> bytes:
    """All bytes of a regular file.

    Args:
        said (str): how error texts begin, with the flag where there is one; by default the path.
        hint (str): how they end: what to do.
        largest (int): bytes that are read at most.

    Raises:
        UserError: missing, a folder, a pipe or device, unreadable, or too large.
    """
    said = said or path
    try:
        with open(path, "rb", opener=_without_waiting) as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UserError(f"{said} is a pipe or a device, not a file; {hint}")
            if status.st_size > largest:
                raise UserError(f"{said} has {status.st_size >> 20} MB, more than the {largest >> 20} MB that are "
                                f"read; {hint}")
            return stream.read()
    except FileNotFoundError:
        raise UserError(f"{said} does not exist; {hint}") from None
    except IsADirectoryError:
        raise UserError(f"{said} is a folder, not a file; {hint}") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise UserError(f"{said} cannot be read: {getattr(error, 'strerror', None) or error}; {hint}") from None


def _without_waiting(path: str, flags: int) -> int:
    """An opener that does not wait for somebody to write into a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_json(path: str | os.PathLike, said: str | None = None, hint: str = AGAIN,
              without: str = "") -> Any:  # noqa: ANN401
    """Content of a JSON file; NaN and infinity are let through, whoever needs numbers checks them.

    Args: as `read_bytes`, and
        without (str): a member that nobody reads of the objects in the file's lists, and most of the file: it is left
            out where that saves its time and memory.

    Raises:
        UserError: unreadable, no JSON, nested too deeply, or a whole number of thousands of digits.
    """
    data = read_bytes(path, said, hint)
    if without:
        try:
            return _without_member(data, without)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            pass  # what JSON does not know but is read, and faults, which the other parser names
    return parse_json(data, said or path, hint)


def _without_member(data: bytes, name: str) -> dict:
    """The object in `data`; of the objects in its lists all members but one.

    Raises:
        msgspec.MsgspecError, ValueError, RecursionError: no such JSON, or nested too deeply.
    """
    if not data.isascii():
        data.decode()  # what is left out is not looked at otherwise
    _check_brackets(data)
    content = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    for key, part in content.items():
        try:
            rows = msgspec.json.decode(part, type=list[dict[str, msgspec.Raw]])
        except msgspec.ValidationError:  # something else than a list of objects
            content[key] = msgspec.json.decode(part)
        else:
            content[key] = [{member: msgspec.json.decode(value) for member, value in row.items() if member != name}
                            for row in rows]
    return content


def parse_json(data: bytes | str, said: str, hint: str = AGAIN) -> Any:  # noqa: ANN401
    """As `read_json`, for bytes or text that are read already."""
    def parse():
        text = _decode(data)
        _check_brackets(data if isinstance(data, bytes) and data.isascii() else text.encode("utf-8", "surrogatepass"))
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            repaired = _C_NUMBERS.sub(_as_json_number, text)
            if repaired == text:
                raise
            return json.loads(repaired)

    return _guarded(parse, said, "JSON", hint)


def _as_json_number(match: re.Match) -> str:
    if match[1] is None:
        return match[0]
    return "NaN" if match[2] else f"{match[1]}Infinity"


def _check_brackets(data: bytes) -> None:
    """Refuse JSON that nests too deeply, before anything recursive sees it; works at the speed of bytes.replace."""
    # Escaped quotes go first, then all but brackets and quotes, then the strings; then the innermost brackets, again
    # and again. A pair of quotes that touch can go wherever it stands: what is within strings stays there.
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    data = data.translate(None, bytes(set(range(256)) - set(b'[]{}"'))).replace(b'""', b"")
    if b'"' in data:
        data = re.sub(rb'"[^"]*"?', b"", data)
    for _ in range(MAX_NESTING):
        before, data = data, data.replace(b"[]", b"").replace(b"{}", b"")
        if len(before) == len(data):
            break  # nothing is left, or brackets without partners, which the parser reports
    if data.count(b"[") + data.count(b"{") > (MAX_NESTING if len(before) == len(data) else 0):
        raise ValueError(f"lists and objects are nested more than {MAX_NESTING} deep")


def read_yaml(path: str | os.PathLike, said: str | None = None) -> Any:  # noqa: ANN401
    """Content of a YAML file: lists, dictionaries, text, numbers; no other objects.

    Args: as `read_bytes`.

    Raises:
        UserError: unreadable, no YAML, a key that stands twice, nested too deeply, or aliases that multiply it.
    """
    said, hint = said or path, "mend it or name another file"
    data = read_bytes(path, said, hint, MAX_YAML_BYTES)
    return _guarded(lambda: yaml.load(_decode(data), _YamlLoader), said, "YAML", hint)


class _YamlLoader(yaml.SafeLoader):
    """PyYAML's safe loader with bounds; it stops reading at the first token that breaks one."""

    def __init__(self, stream: str | bytes | IO):
        super().__init__(stream)
        self.depth, self.sizes = 0, {}

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        alias = self.peek_event() if self.check_event(yaml.AliasEvent) else None
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise ValueError(f"it is nested more than {MAX_NESTING} deep")
        node = super().compose_node(parent, index)
        self.depth -= 1
        if alias and node not in self.sizes:
            raise ValueError(f"the alias {alias.anchor} stands within what it names")
        children = [] if isinstance(node, yaml.ScalarNode) else node.value
        if isinstance(node, yaml.MappingNode):
            children = [child for pair in children for child in pair]
            keys = [(key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            if len(set(keys)) < len(keys):
                twice = next(value for tag, value in keys if keys.count((tag, value)) > 1)
                raise ValueError(f"the key {brief(twice)} stands twice from line {node.start_mark.line + 1} on")
        self.sizes[node] = 1 + sum(self.sizes[child] for child in children)
        if self.sizes[node] > MAX_YAML_NODES:
            raise ValueError(f"it holds more than {MAX_YAML_NODES} entries, aliases counted as what they stand for")
        return node


def read_xml(path: str | os.PathLike, hint: str = AGAIN) -> ElementTree.Element:
    """Root element of an XML file without document type, and so without entities of its own.

    Args: as `read_bytes`.

    Raises:
        UserError: unreadable, no XML, with a document type, or nested too deeply.
    """
    data = read_bytes(path, path, hint, MAX_XML_BYTES)
    return _guarded(lambda: _parse_xml(_decode(data)), path, "XML", hint)


def _parse_xml(text: str) -> ElementTree.Element:
    builder, depth = ElementTree.TreeBuilder(), 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_NESTING:
            raise ValueError(f"elements are nested more than {MAX_NESTING} deep")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: object) -> NoReturn:
        raise ValueError("it has a document type, which may define entities; remove the line <!DOCTYPE ...>")

    # The text is decoded already: an encoding that the file declares does not count.
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = builder.data, refuse
    parser.Parse(text, True)
    return builder.close()


def _decode(data: bytes | str) -> str:
    """Bytes as text."""
    if isinstance(data, str):
        return data
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if utf16 else "utf-8-sig")


def _guarded(parse: Callable, said: str, kind: str, hint: str):
    try:
        return parse()
    except UnicodeDecodeError as error:
        reason = f"it is not in UTF-8, see byte {error.start}"
    except MemoryError:
        raise UserError(f"{said} needs more memory than there is; end other programs, or take a smaller file") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = f"{error.problem or error.context}" + (f", line {mark.line + 1}" if mark else "")
    except (ValueError, yaml.YAMLError, expat.ExpatError) as error:
        reason = " ".join(str(error).split())
        if reason.startswith("Exceeds the limit"):
            reason = "it holds a whole number of thousands of digits"
    except (RecursionError, LookupError, ArithmeticError, TypeError, AttributeError):
        reason = "a value is not what its type says"  # PyYAML trusts tags such as !!timestamp
    reason = printable(reason) if len(reason) <= MAX_REASON else printable(reason[:MAX_REASON]) + "..."
    raise UserError(f"{said} is not readable {kind} ({reason}); {hint}")
