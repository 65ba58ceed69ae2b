"""Pickles read as data: an interpreter of the format that makes plain containers and records, and calls nothing.

The standard library's unpickler looks names up, calls them and sets attributes of what they return. Here a name stays a
name: a call that the file asks for becomes a `PickledObject` of the name, its arguments and its state, which
`pickled_values` turns into an array or refuses. Whatever is in a file, what comes back are numbers, text, bytes, lists,
tuples, dictionaries, sets, names and records.
Source of the format: CPython `Lib/pickletools.py`. Left out are persistent references, extension codes, buffers kept
outside the file and the classes of Python 1; no file of this field has them.
"""
import codecs
import mmap
import re
import struct
from collections.abc import Callable, Collection

# An opcode takes about 0.3 us and its object about 100 bytes; 300,000 annotated images take 40 million opcodes.
MAX_OPCODES = 50_000_000
# Open marks: one for each container that is being filled.
MAX_MARKS = 1000
# Python hashes tuples by a known formula, so that a file can make all of them collide.
MAX_TUPLE_KEYS = 5_000
MAX_KEY_ITEMS = 16
_LARGE = 1 << 16
PROTOCOLS = range(6)

_BYTE, _SHORT, _SIGNED, _WORD, _LONG, _DOUBLE = map(struct.Struct, ("<B", "<H", "<i", "<I", "<Q", ">d"))
_PLAIN_KEYS = {type(None), bool, int, float, str, bytes}


class DamagedData(ValueError):
    """The file is none of its kind, or not one that data can be; the text says where it fails."""


class Refused(Exception):
    """The name that a pickle asked for in vain."""


class Name:
    """A global that the file names, `origin` = "module.name". It stands for nothing that can be called."""

    __slots__ = ("origin",)

    def __init__(self, origin: str):
        self.origin = origin


class Block:
    """Many bytes, left in the file's buffer until they are known to be an array's or data themselves.

    `text` says whether they are a `str` of Python 2.
    """

    __slots__ = ("view", "text")

    def __init__(self, view: memoryview, text: bool):
        self.view, self.text = view, text


class PickledObject:
    """What the file says about an object: the Name that makes it, the arguments, the state, and items put into it."""

    __slots__ = ("name", "args", "state", "items")

    def __init__(self, name: str, args: tuple):
        self.name, self.args, self.state, self.items = name, args, None, None


def run(data: bytes | mmap.mmap, names: Collection[str]) -> object:
    """Interpret one pickle.

    Args:
        data (bytes or mmap): begins with the pickle; what follows it is not looked at.
        names (container of str): the globals, "module.name", that may be named.

    Returns:
        The object, with a `PickledObject` wherever the file asks for a call, and a `Block` for many bytes.

    Raises:
        DamagedData: no pickle, cut off, or an opcode that no data file needs.
        Refused: a name outside `names`.
    """
    return _Machine(data, names).run()


class _Machine:
    def __init__(self, data: bytes | mmap.mmap, names: Collection[str]):
        self.data, self.view, self.names = data, memoryview(data), names
        self.place, self.stack, self.below, self.memo = 0, [], [], {}
        self.tuple_keys, self.known = 0, {}

    def run(self) -> object:
        data, operations = self.data, _OPERATIONS
        try:
            for _ in range(MAX_OPCODES):
                code = data[self.place]
                self.place += 1
                if code == 0x2e:  # STOP
                    return self.stack[-1]
                operations[code](self)
        except DamagedData:
            raise
        except (IndexError, KeyError, ValueError, struct.error):
            raise DamagedData(f"it is cut off or damaged at byte {min(self.place, len(data))}") from None
        raise DamagedData(f"it has more than {MAX_OPCODES} opcodes")

    # Reading the file.

    def take(self, size: int) -> memoryview:
        """The next `size` bytes, as a view."""
        start, self.place = self.place, self.place + size
        if size < 0 or self.place > len(self.data):
            raise IndexError
        return self.view[start:self.place]

    def number(self, form: struct.Struct) -> float:
        start, self.place = self.place, self.place + form.size
        return form.unpack_from(self.data, start)[0]

    def line(self) -> bytes:
        end = self.data.find(b"\n", self.place)
        if end < 0:
            raise IndexError
        start, self.place = self.place, end + 1
        return self.data[start:end]

    # Building.

    def items(self) -> list:
        """What lies above the last mark."""
        items, self.stack = self.stack, self.below.pop()
        return items

    def get(self, index: int) -> None:
        self.stack.append(self.memo[index])

    def put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def key(self, value: object) -> object:
        """A dictionary's key or a set's item, which has to be plain: hashing what is nested deep ends the process."""
        kind = type(value)
        if kind in _PLAIN_KEYS or kind is PickledObject:
            return value
        if kind is not tuple or len(value) > MAX_KEY_ITEMS or any(type(item) not in _PLAIN_KEYS for item in value):
            raise DamagedData("a key is neither text nor a number")
        self.tuple_keys += 1
        if self.tuple_keys > MAX_TUPLE_KEYS:
            raise DamagedData(f"more than {MAX_TUPLE_KEYS} keys are tuples")
        return value

    def name(self, module: str, name: str) -> Name:
        origin = f"{module}.{name}"
        if origin not in self.names:
            raise Refused("".join(letter if letter.isprintable() else "?" for letter in origin[:80]))
        return self.known.setdefault(origin, Name(origin))

    def call(self, name: object, args: object) -> None:
        if type(name) is not Name or type(args) is not tuple:
            raise DamagedData(f"a call at byte {self.place - 1} has no name or no arguments")
        self.stack.append(PickledObject(name.origin, args))

    def fill(self, target: object, pairs: list) -> None:
        """Put keys and values into a dictionary or a record of one."""
        if len(pairs) % 2:
            raise IndexError
        if type(target) is PickledObject:
            target.items = {} if target.items is None else target.items
            target = target.items
        if type(target) is not dict:
            raise DamagedData(f"items at byte {self.place - 1} are put into what is no dictionary")
        for key, value in zip(pairs[::2], pairs[1::2]):
            target[self.key(key)] = value


def _mark(machine: _Machine) -> None:
    if len(machine.below) >= MAX_MARKS:
        raise DamagedData(f"it is nested deeper than {MAX_MARKS} levels")
    machine.below.append(machine.stack)
    machine.stack = []


def _pop(machine: _Machine) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.items()


def _protocol(machine: _Machine) -> None:
    if machine.take(1)[0] not in PROTOCOLS:
        raise DamagedData("its protocol is unknown")


def _small(number: int) -> int:
    """A whole number of at most 64 bits: larger ones are no data, and some take minutes to print."""
    if not -1 << 63 <= number < 1 << 64:
        raise DamagedData("a whole number has more than 64 bits")
    return number


def _bytes_number(form: struct.Struct) -> Callable:
    def read(machine: _Machine) -> None:
        size = machine.number(form)
        if not 0 <= size <= 9:  # 64 bits and a sign
            raise DamagedData("a whole number has more than 64 bits")
        machine.stack.append(_small(int.from_bytes(machine.take(size), "little", signed=True)))
    return read


def _text_number(machine: _Machine) -> None:
    line = machine.line()
    if line in (b"00", b"01"):
        machine.stack.append(line == b"01")
        return
    if not re.fullmatch(rb"[+-]?\d{1,20}L?", line):
        raise IndexError
    machine.stack.append(_small(int(line.rstrip(b"L"))))


def _text_float(machine: _Machine) -> None:
    line = machine.line()
    if len(line) > 40:
        raise IndexError
    machine.stack.append(float(line))


def _quoted(machine: _Machine) -> None:
    """A `str` of Python 2 in protocol 0, as it would be written in a program."""
    line = machine.line().strip()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise IndexError
    machine.stack.append(codecs.escape_decode(line[1:-1])[0].decode("latin1"))


def _escaped(machine: _Machine) -> None:
    text = machine.line().decode("raw-unicode-escape")
    text.encode()  # half characters, which no file name and no terminal takes
    machine.stack.append(text)


def _block(form: struct.Struct, convert: Callable) -> Callable:
    """An operation that reads a length and as many bytes."""
    def read(machine: _Machine) -> None:
        machine.stack.append(convert(machine.take(machine.number(form))))
    return read


def _utf8(view: memoryview) -> str:
    return str(view, "utf-8")


def _latin1(view: memoryview) -> str | Block:
    """A `str` of Python 2, which is text, or the numbers of an array."""
    return str(view, "latin1") if len(view) < _LARGE else Block(view, True)


def _bytes(view: memoryview) -> bytes | Block:
    return bytes(view) if len(view) < _LARGE else Block(view, False)


def _fixed(form: struct.Struct) -> Callable:
    def read(machine: _Machine) -> None:
        machine.stack.append(machine.number(form))
    return read


def _constant(make: Callable) -> Callable:
    def read(machine: _Machine) -> None:
        machine.stack.append(make())
    return read


def _tuple(size: int) -> Callable:
    def read(machine: _Machine) -> None:
        if len(machine.stack) < size:
            raise IndexError
        machine.stack[-size:] = [tuple(machine.stack[-size:])]
    return read


def _indexed(action: Callable, form: struct.Struct | None = None) -> Callable:
    """GET or PUT with a number in the given form, or one written as text."""
    def read(machine: _Machine) -> None:
        action(machine, machine.number(form) if form else int(machine.line()[:20]))
    return read


def _get_one(machine: _Machine) -> None:
    machine.stack.append(machine.memo[machine.data[machine.place]])
    machine.place += 1


def _put_one(machine: _Machine) -> None:
    machine.memo[machine.data[machine.place]] = machine.stack[-1]
    machine.place += 1


def _byte(machine: _Machine) -> None:
    machine.stack.append(machine.data[machine.place])
    machine.place += 1


def _memoize(machine: _Machine) -> None:
    machine.put(len(machine.memo))


def _gathered(convert: Callable) -> Callable:
    def read(machine: _Machine) -> None:
        value = convert(machine, machine.items())
        machine.stack.append(value)
    return read


def _dict_of(machine: _Machine, pairs: list) -> dict:
    target = {}
    machine.fill(target, pairs)
    return target


def _frozenset_of(machine: _Machine, items: list) -> frozenset:
    return frozenset(machine.key(item) for item in items)


def _append(machine: _Machine) -> None:
    item = machine.stack.pop()
    _extend(machine.stack[-1], [item])


def _appends(machine: _Machine) -> None:
    items = machine.items()
    _extend(machine.stack[-1], items)


def _extend(target: object, items: list) -> None:
    if type(target) is not list:
        raise DamagedData("items are appended to what is no list")
    target.extend(items)


def _set_item(machine: _Machine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    machine.fill(machine.stack[-1], [key, value])


def _set_items(machine: _Machine) -> None:
    pairs = machine.items()
    machine.fill(machine.stack[-1], pairs)


def _add_items(machine: _Machine) -> None:
    items = machine.items()
    if type(machine.stack[-1]) is not set:
        raise DamagedData("items are added to what is no set")
    machine.stack[-1].update(machine.key(item) for item in items)


def _global(machine: _Machine) -> None:
    machine.stack.append(machine.name(machine.line().decode(), machine.line().decode()))


def _stack_global(machine: _Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if type(name) is not str or type(module) is not str:
        raise IndexError
    machine.stack.append(machine.name(module, name))


def _call(machine: _Machine) -> None:
    args, name = machine.stack.pop(), machine.stack.pop()
    machine.call(name, args)


def _call_with_keywords(machine: _Machine) -> None:
    keywords = machine.stack.pop()
    if keywords != {}:
        raise DamagedData("a call has keywords")
    _call(machine)


def _build(machine: _Machine) -> None:
    """The state of the object below; only a record takes one, and only once."""
    state = machine.stack.pop()
    target = machine.stack[-1]
    if type(target) is not PickledObject or target.state is not None:
        raise DamagedData(f"a state at byte {machine.place - 1} belongs to no object")
    target.state = state


def _unknown(machine: _Machine) -> None:
    code = machine.data[machine.place - 1]
    raise DamagedData(f"opcode {code:#04x} at byte {machine.place - 1} is none of a data file")


_OPERATIONS = [_unknown] * 256
for _code, _operation in {
    "(": _mark, "0": _pop, "1": _Machine.items, "2": lambda machine: machine.stack.append(machine.stack[-1]),
    0x80: _protocol, 0x95: lambda machine: machine.take(8),
    "N": _constant(lambda: None), 0x88: _constant(lambda: True), 0x89: _constant(lambda: False),
    "I": _text_number, "L": _text_number, "F": _text_float,
    "J": _fixed(_SIGNED), "K": _byte, "M": _fixed(_SHORT), "G": _fixed(_DOUBLE),
    0x8a: _bytes_number(_BYTE), 0x8b: _bytes_number(_SIGNED),
    "S": _quoted, "T": _block(_SIGNED, _latin1), "U": _block(_BYTE, _latin1),
    "V": _escaped, "X": _block(_WORD, _utf8), 0x8c: _block(_BYTE, _utf8), 0x8d: _block(_LONG, _utf8),
    "B": _block(_WORD, _bytes), "C": _block(_BYTE, bytes), 0x8e: _block(_LONG, _bytes),
    0x96: _block(_LONG, bytearray),
    "p": _indexed(_Machine.put), "q": _put_one, "r": _indexed(_Machine.put, _WORD),
    "g": _indexed(_Machine.get), "h": _get_one, "j": _indexed(_Machine.get, _WORD),
    0x94: _memoize,
    ")": _constant(tuple), "]": _constant(list), "}": _constant(dict), 0x8f: _constant(set),
    0x85: _tuple(1), 0x86: _tuple(2), 0x87: _tuple(3),
    "t": _gathered(lambda machine, items: tuple(items)), "l": _gathered(lambda machine, items: items),
    "d": _gathered(_dict_of), 0x91: _gathered(_frozenset_of),
    "a": _append, "e": _appends, "s": _set_item, "u": _set_items, 0x90: _add_items,
    "c": _global, 0x93: _stack_global, "R": _call, 0x81: _call, 0x92: _call_with_keywords, "b": _build,
}.items():
    _OPERATIONS[ord(_code) if isinstance(_code, str) else _code] = _operation
